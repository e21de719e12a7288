//! Cuts of the log: one stream per UTC date.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::aggregate::{self, Aggregate, RefusalKind};
use crate::id::Id;

#[cfg(test)]
mod tests;

/// Seconds in a quarter of an hour.
pub const QUARTER_SECONDS: i64 = 900;

/// How far the log was hashed when a closing was written.
///
/// A closing cannot hold the hash of what is appended beside it, so it names the newest earlier closing whose place in the log
/// was settled, and the hash of all events up to and with that one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHash {
    /// The closing up to and with which was hashed; none: nothing yet.
    pub through: Option<Timestamp>,
    /// The log hash there, in hex.
    pub sha256: String,
}

/// What one may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Close instants, in order, all of them on this stream's date. Those not after the last closing are left out.
    Close {
        /// The instants; quarter hours but for `moment`.
        instants: Vec<Timestamp>,
        /// One that is no quarter hour, closed after those before it.
        moment: Option<Timestamp>,
        /// Whether every change up to there was observed as it happened.
        complete: bool,
        /// The log hash.
        log: LogHash,
    },
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// Every change observed before this quarter hour's end stands before this event.
    QuarterHourClosed {
        /// The end, excluded.
        instant: Timestamp,
        /// False where history was lost and a scan filled it.
        complete: bool,
        /// The log hash.
        log: LogHash,
    },
    /// The same at any instant.
    MomentClosed {
        /// The end, excluded.
        instant: Timestamp,
        /// False where history was lost and a scan filled it.
        complete: bool,
        /// The log hash.
        log: LogHash,
    },
}

impl Event {
    /// The instant it closes, and whether all was observed.
    #[must_use]
    pub const fn closing(&self) -> (Timestamp, bool) {
        match self {
            Self::QuarterHourClosed { instant, complete, .. } | Self::MomentClosed { instant, complete, .. } => {
                (*instant, *complete)
            }
        }
    }
}

impl aggregate::Event for Event {
    aggregate::stored_as_json!();

    fn kind(&self) -> &'static str {
        self.into()
    }
}

/// Closing refuses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {}

impl aggregate::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match *self {}
    }

    fn kind(&self) -> RefusalKind {
        match *self {}
    }
}

/// The state: the last closing of the date.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockDay {
    last: Option<Timestamp>,
}

impl ClockDay {
    /// The stream of a UTC date.
    #[must_use]
    pub fn id(date: Date) -> Id<Self> {
        Id::known(date.to_string())
    }

    /// The date whose stream holds the closing of an instant.
    #[must_use]
    pub fn date_of(instant: Timestamp) -> Date {
        TimeZone::UTC.to_datetime(instant).date()
    }

    /// The last closing.
    #[must_use]
    pub const fn last(&self) -> Option<Timestamp> {
        self.last
    }
}

/// The last quarter hour not after an instant.
#[must_use]
pub fn quarter_hour_before(instant: Timestamp) -> Timestamp {
    // jiff truncates towards 1970; before it, a fraction belongs to the second below.
    let second = instant.as_second() - i64::from(instant.subsec_nanosecond() < 0);
    Timestamp::from_second(second - second.rem_euclid(QUARTER_SECONDS)).unwrap_or(instant)
}

/// The first quarter hour after an instant.
#[must_use]
pub fn quarter_hour_after(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(quarter_hour_before(instant).as_second() + QUARTER_SECONDS).unwrap_or(instant)
}

impl Aggregate for ClockDay {
    const CATEGORY: &'static str = "clock";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Refusal> {
        let Command::Close { instants, moment, complete, log } = command;
        let mut closings: Vec<_> = instants.into_iter().map(|instant| (instant, false)).collect();
        closings.extend(moment.map(|instant| (instant, true)));
        closings.sort_unstable();
        // Where the moment is a quarter hour, that one closing serves both.
        closings.dedup_by_key(|(instant, _)| *instant);
        closings.retain(|(instant, _)| self.last.is_none_or(|last| *instant > last));
        Ok(closings
            .into_iter()
            .map(|(instant, is_moment)| {
                let log = log.clone();
                if is_moment {
                    Event::MomentClosed { instant, complete, log }
                } else {
                    Event::QuarterHourClosed { instant, complete, log }
                }
            })
            .collect())
    }

    fn apply(&mut self, event: &Event) {
        self.last = Some(event.closing().0);
    }
}
