//! Any event of any stream: what the projections fold.

use crate::aggregate::{Aggregate, Undecodable, decode};
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
