//! Any event of any stream: what the projections fold.

use serde_json::Value;

use crate::aggregate::{Aggregate, Undecodable, decode, replay};
use crate::{clock, content, delivery, document, membership, occurrence, report, subscription, trial};

/// One variant per aggregate, no registry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "folded at once, never kept")]
#[expect(missing_docs, reason = "each variant holds the event of the module it is named after")]
pub enum AnyEvent {
    Trial(trial::Event),
    Membership(membership::Event),
    Document(document::Event),
    Content(content::Event),
    Subscription(subscription::Event),
    Occurrence(occurrence::Event),
    Report(report::Event),
    Delivery(delivery::Event),
    Clock(clock::Event),
}

/// The categories of all aggregates.
pub const CATEGORIES: &[&str] = &[
    trial::Trial::CATEGORY,
    membership::Membership::CATEGORY,
    document::Document::CATEGORY,
    content::ContentState::CATEGORY,
    subscription::Subscription::CATEGORY,
    occurrence::Occurrence::CATEGORY,
    report::Report::CATEGORY,
    delivery::Delivery::CATEGORY,
    clock::ClockDay::CATEGORY,
];

impl AnyEvent {
    /// The event out of its stored form; the stream's category tells which aggregate's.
    ///
    /// # Errors
    /// Where it is none that we know. A reader stops there; it never skips.
    pub fn decode(stream: &str, kind: &str, version: u32, data: &[u8]) -> Result<Self, Undecodable> {
        let category = stream.split_once('-').map_or(stream, |(category, _)| category);
        Ok(match category {
            trial::Trial::CATEGORY => Self::Trial(decode(kind, version, data)?),
            membership::Membership::CATEGORY => Self::Membership(decode(kind, version, data)?),
            document::Document::CATEGORY => Self::Document(decode(kind, version, data)?),
            content::ContentState::CATEGORY => Self::Content(decode(kind, version, data)?),
            subscription::Subscription::CATEGORY => Self::Subscription(decode(kind, version, data)?),
            occurrence::Occurrence::CATEGORY => Self::Occurrence(decode(kind, version, data)?),
            report::Report::CATEGORY => Self::Report(decode(kind, version, data)?),
            delivery::Delivery::CATEGORY => Self::Delivery(decode(kind, version, data)?),
            clock::ClockDay::CATEGORY => Self::Clock(decode(kind, version, data)?),
            unknown => {
                return Err(Undecodable {
                    kind: kind.to_owned(),
                    version,
                    detail: format!("no aggregate keeps its events in {unknown}-…"),
                });
            }
        })
    }
}

/// The state that the stored events of a stream fold to, as JSON (free text stays sealed); none where no aggregate has such
/// streams.
///
/// # Errors
/// Where one of them cannot be decoded.
pub fn state_of(stream: &str, events: &[(&str, u32, &[u8])]) -> Result<Option<Value>, Undecodable> {
    fn fold<A: Aggregate>(events: &[(&str, u32, &[u8])]) -> Result<Value, Undecodable> {
        let unwritable = |e: serde_json::Error| Undecodable {
            kind: A::CATEGORY.to_owned(),
            version: 1,
            detail: format!("its state has no JSON: {e}"),
        };
        serde_json::to_value(replay::<A>(events.iter().copied())?).map_err(unwritable)
    }
    Ok(Some(match stream.split_once('-').map_or(stream, |(category, _)| category) {
        trial::Trial::CATEGORY => fold::<trial::Trial>(events)?,
        membership::Membership::CATEGORY => fold::<membership::Membership>(events)?,
        document::Document::CATEGORY => fold::<document::Document>(events)?,
        content::ContentState::CATEGORY => fold::<content::ContentState>(events)?,
        subscription::Subscription::CATEGORY => fold::<subscription::Subscription>(events)?,
        occurrence::Occurrence::CATEGORY => fold::<occurrence::Occurrence>(events)?,
        report::Report::CATEGORY => fold::<report::Report>(events)?,
        delivery::Delivery::CATEGORY => fold::<delivery::Delivery>(events)?,
        clock::ClockDay::CATEGORY => fold::<clock::ClockDay>(events)?,
        _unknown => return Ok(None),
    }))
}
