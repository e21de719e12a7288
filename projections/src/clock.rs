//! Closings: which quarter hours are closed, and the log hash there.

use async_trait::async_trait;
use domain::any_event::AnyEvent;
use jiff::Timestamp;
use ports::{Categories, EventHash, Result, Table};
use serde::{Deserialize, Serialize};

use crate::projection::{Draft, Projection, Recorded, Row, Stamp, stamp_of};

/// A closed instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Always 1, so that closings are one range of an index.
    pub one: u8,
    /// Microseconds of the instant.
    pub stamp: Stamp,
    /// The instant.
    pub instant: Timestamp,
    /// False where history was lost and a scan filled it.
    pub complete: bool,
    /// The last closing up to and with this one that was not complete.
    pub last_incomplete: Option<Stamp>,
    /// The log hash up to and with this closing.
    pub log: EventHash,
}

impl Row for Closing {
    const TABLE: Table = Table { name: "closings", indexes: &[&["one", "stamp"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.instant.to_string()
    }
}

/// The log hash after the last event folded, and what the next closing needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHash {
    /// The hash.
    pub log: EventHash,
    /// How many events it covers.
    pub events: u64,
    /// The last closing among them that was not complete.
    pub last_incomplete: Option<Stamp>,
}

impl LogHash {
    /// The key of the only row.
    pub const KEY: &'static str = "log";
}

impl Row for LogHash {
    const TABLE: Table = Table { name: "log_hash", indexes: &[] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        Self::KEY.to_owned()
    }
}

/// The projection of closings. It reads every stream, for the log hash covers every event.
pub struct Closings;

#[async_trait]
impl Projection for Closings {
    fn name(&self) -> &'static str {
        "closings"
    }

    fn streams(&self) -> Categories {
        Categories::ALL
    }

    fn tables(&self) -> &'static [Table] {
        &[Closing::TABLE, LogHash::TABLE]
    }

    async fn fold(&self, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
        let before: LogHash = draft.get(LogHash::KEY).await?.unwrap_or_default();
        let log = before.log.then(recorded.hash);
        let mut last_incomplete = before.last_incomplete;
        if let AnyEvent::Clock(event) = &recorded.event {
            let (instant, complete) = event.closing();
            let stamp = stamp_of(instant);
            if !complete {
                last_incomplete = Some(stamp);
            }
            draft.put(&Closing { one: 1, stamp, instant, complete, last_incomplete, log })?;
        }
        draft.put(&LogHash { log, events: before.events + 1, last_incomplete })
    }
}
