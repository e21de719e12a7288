//! Spreads work over machines and forgets it freely: the view of open work knows better.

use std::time::Duration;

use async_trait::async_trait;

use crate::Result;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkKind {
    /// Analyse a content.
    Analyse,
    /// Render a report.
    Render,
    /// Deliver a report.
    Deliver,
}

impl WorkKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Analyse, Self::Render, Self::Deliver];

    /// The name used in rows and subjects.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Analyse => "analyse",
            Self::Render => "render",
            Self::Deliver => "deliver",
        }
    }
}

/// One piece of work, named by the id of what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Work {
    /// What is to be done.
    pub kind: WorkKind,
    /// About what.
    pub id: String,
}

/// Work in somebody's hands.
#[derive(Debug)]
pub struct Taken {
    /// The work.
    pub work: Work,
    /// The queue's own receipt.
    pub receipt: u64,
}

/// No delays and no promises: offered work may be lost or come twice. What was taken and not finished comes back after a while.
#[async_trait]
pub trait WorkQueue: Send + Sync {
    /// Offers work; offering what is already waiting or taken changes nothing.
    async fn offer(&self, work: &Work) -> Result<()>;
    /// Takes the oldest waiting work of a kind, or `None`.
    async fn take(&self, kind: WorkKind) -> Result<Option<Taken>>;
    /// Resolves when work of the kind may be waiting.
    async fn offered(&self, kind: WorkKind);
    /// Keeps taken work from others for as long again: whoever needs longer says so in time. Work that has come back meanwhile is
    /// not taken away from who has it now.
    async fn extend(&self, taken: &Taken) -> Result<()>;
    /// How long taken work is kept from others.
    fn kept_for(&self) -> Duration;
    /// Done, whatever came of it.
    async fn finish(&self, taken: Taken) -> Result<()>;
    /// How much work of a kind waits or is taken.
    async fn depth(&self, kind: WorkKind) -> Result<u64>;
}
