//! All that changes a report's bytes besides trial and period, and those who are served together.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;

use crate::id::TrialId;
use crate::period::Period;
use crate::report::Scheduled;
use crate::schedule::{Schedule, Zone};

#[cfg(test)]
mod tests;

/// Language of a report and its mail.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
}

/// Paper of a report.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Paper {
    /// 210 × 297 mm.
    #[default]
    A4,
    /// 8.5 × 11 in.
    Letter,
}

/// For whom a report is written; what a blinded reader may see is an audience of its own.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Audience {
    /// Every member of the trial.
    #[default]
    Members,
}

/// All that changes a report's bytes besides trial and period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct Edition {
    /// Zone of the period and of every printed time.
    pub zone: Zone,
    /// Language.
    pub language: Language,
    /// Paper.
    pub paper: Paper,
    /// Audience.
    pub audience: Audience,
}

impl Edition {
    /// The parts that go into derived ids.
    #[must_use]
    pub fn parts(&self) -> [&str; 4] {
        [self.zone.name(), self.language.into(), self.paper.into(), self.audience.into()]
    }
}

/// Those who are served together: one trial, one schedule, one edition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// The trial.
    pub trial: TrialId,
    /// When.
    pub schedule: Schedule,
    /// In which edition.
    pub edition: Edition,
}

impl Slot {
    /// The regular report of its subscribers over a period.
    #[must_use]
    pub fn report(&self, period: Period) -> Scheduled {
        Scheduled { trial: self.trial.clone(), period, edition: self.edition.clone(), so_far: false }
    }

    /// A name for rows and derived ids.
    #[must_use]
    pub fn key(&self) -> String {
        let [zone, language, paper, audience] = self.edition.parts();
        let schedule = serde_json::to_string(&self.schedule).unwrap_or_default();
        crate::id::derive("slot", &[self.trial.as_str(), &schedule, zone, language, paper, audience]).to_string()
    }
}
