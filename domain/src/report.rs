//! One trial, one period, one edition: one PDF, shared by its recipients.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::aggregate::{self, Aggregate, RefusalKind};
use crate::edition::Edition;
use crate::id::{ContentHash, Id, TrialId, UserId};
use crate::period::Period;
use crate::sealed::Sealed;

#[cfg(test)]
mod tests;

/// All that a report's bytes depend on, beside the log up to its cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The closing that the figures end with: at the period's end, or the first one behind it.
    pub cut: Timestamp,
    /// The log hash up to and with that closing, in hex.
    pub log_sha256: String,
    /// Version of the projections.
    pub projection: u32,
    /// Version of the template.
    pub template: String,
    /// Version of the renderer.
    pub renderer: String,
    /// The fonts.
    pub fonts: String,
    /// The tz data.
    pub tz_data: String,
    /// Version of the analysis.
    pub analysis: u32,
    /// Where the links in it lead, without a slash at the end; empty in manifests that do not say.
    #[serde(default)]
    pub base_url: String,
    /// The thumbnails in it.
    pub thumbnails: Vec<ContentHash>,
    /// Names printed in it, each sealed under its person's key.
    pub names: Vec<(UserId, Sealed)>,
}

/// What one may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask for the report. No event where it has been asked for.
    Schedule(Scheduled),
    /// The PDF is stored.
    CompleteRendering {
        /// Its bytes, and so its file.
        sha256: ContentHash,
        /// In bytes.
        size_bytes: u64,
        /// Pages.
        pages: u32,
        /// What it depends on.
        manifest: Manifest,
    },
    /// It cannot be rendered.
    Abandon {
        /// Why; names no person.
        reason: String,
    },
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// It was asked for.
    ReportScheduled {
        /// The trial.
        trial: TrialId,
        /// The period; the figures end with the closing at its end.
        period: Period,
        /// The edition.
        edition: Edition,
        /// Whether the period goes on.
        so_far: bool,
    },
    /// The PDF is stored.
    ReportRendered {
        /// Its bytes, and so its file.
        sha256: ContentHash,
        /// In bytes.
        size_bytes: u64,
        /// Pages.
        pages: u32,
        /// What it depends on.
        manifest: Manifest,
    },
    /// It cannot be rendered.
    ReportAbandoned {
        /// Why; names no person.
        reason: String,
    },
}

impl aggregate::Event for Event {
    aggregate::stored_as_json!();

    fn kind(&self) -> &'static str {
        self.into()
    }
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody asked for it.
    #[error("the report has not been scheduled")]
    NotScheduled,
    /// It was given up.
    #[error("the report has been abandoned")]
    Abandoned,
    /// It is there.
    #[error("the report has been rendered already, with other bytes")]
    RenderedOtherwise,
    /// It is there.
    #[error("the report has been rendered; it cannot be abandoned")]
    Rendered,
}

impl aggregate::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotScheduled => "report-not-scheduled",
            Self::Abandoned => "report-abandoned",
            Self::RenderedOtherwise => "report-rendered-otherwise",
            Self::Rendered => "report-rendered",
        }
    }

    fn kind(&self) -> RefusalKind {
        RefusalKind::Conflict
    }
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    /// The trial.
    pub trial: TrialId,
    /// The period.
    pub period: Period,
    /// The edition.
    pub edition: Edition,
    /// Whether the period goes on.
    pub so_far: bool,
}

impl Scheduled {
    /// The closing that the figures end with: the one at the period's end, so that all recipients see the same.
    #[must_use]
    pub fn cut(&self) -> Timestamp {
        self.period.to()
    }
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// Its bytes, and so its file.
    pub sha256: ContentHash,
    /// In bytes.
    pub size_bytes: u64,
    /// Pages.
    pub pages: u32,
    /// What it depends on.
    pub manifest: Manifest,
}

/// The state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "one state at a time")]
pub enum Report {
    /// Nothing yet.
    #[default]
    Unknown,
    /// Asked for.
    Scheduled(Scheduled),
    /// Stored.
    Rendered(Scheduled, Rendered),
    /// Given up.
    Abandoned(Scheduled),
}

impl Report {
    /// The report of a trial over a period in an edition. One "so far" is another than the regular one of the same period.
    #[must_use]
    pub fn id(wanted: &Scheduled) -> Id<Self> {
        let Scheduled { trial, period, edition, so_far } = wanted;
        let [zone, language, paper, audience] = edition.parts();
        let (from, to) = (period.from().to_string(), period.to().to_string());
        let so_far = if *so_far { "so far" } else { "regular" };
        Id::derive(&[trial.as_str(), &from, &to, zone, language, paper, audience, so_far])
    }
}

impl Aggregate for Report {
    const CATEGORY: &'static str = "report";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Refusal> {
        match (self, command) {
            (Self::Unknown, Command::Schedule(Scheduled { trial, period, edition, so_far })) => {
                Ok(vec![Event::ReportScheduled { trial, period, edition, so_far }])
            }
            (Self::Scheduled(_) | Self::Rendered(..) | Self::Abandoned(_), Command::Schedule(_))
            | (Self::Abandoned(_), Command::Abandon { .. }) => Ok(vec![]),
            (Self::Unknown, Command::CompleteRendering { .. } | Command::Abandon { .. }) => Err(Refusal::NotScheduled),
            (Self::Scheduled(_), Command::CompleteRendering { sha256, size_bytes, pages, manifest }) => {
                Ok(vec![Event::ReportRendered { sha256, size_bytes, pages, manifest }])
            }
            (Self::Scheduled(_), Command::Abandon { reason }) => Ok(vec![Event::ReportAbandoned { reason }]),
            (Self::Rendered(_, rendered), Command::CompleteRendering { sha256, .. }) => {
                if rendered.sha256 == sha256 {
                    Ok(vec![])
                } else {
                    Err(Refusal::RenderedOtherwise)
                }
            }
            (Self::Rendered(..), Command::Abandon { .. }) => Err(Refusal::Rendered),
            (Self::Abandoned(_), Command::CompleteRendering { .. }) => Err(Refusal::Abandoned),
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::ReportScheduled { trial, period, edition, so_far } => {
                let (trial, edition) = (trial.clone(), edition.clone());
                *self = Self::Scheduled(Scheduled { trial, period: *period, edition, so_far: *so_far });
            }
            Event::ReportRendered { sha256, size_bytes, pages, manifest } => {
                if let Self::Scheduled(scheduled) = self {
                    let rendered = Rendered {
                        sha256: sha256.clone(),
                        size_bytes: *size_bytes,
                        pages: *pages,
                        manifest: manifest.clone(),
                    };
                    *self = Self::Rendered(scheduled.clone(), rendered);
                }
            }
            Event::ReportAbandoned { .. } => {
                if let Self::Scheduled(scheduled) = self {
                    *self = Self::Abandoned(scheduled.clone());
                }
            }
        }
    }
}
