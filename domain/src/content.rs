//! Bytes, by their SHA-256: analysed once per version of the analysis, whichever documents share them.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::aggregate::{self, Aggregate, RefusalKind};
use crate::findings::FindingCode;
use crate::id::{ContentHash, Id};
use crate::measures::Measures;

#[cfg(test)]
mod tests;

/// The present version of the analysis. A higher one analyses every content again.
pub const ANALYSIS_VERSION: u32 = 2;

/// A small picture of an image, stored under its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// Of the JPEG's bytes.
    pub sha256: ContentHash,
    /// In pixels.
    pub width_px: u32,
    /// In pixels.
    pub height_px: u32,
}

/// What one may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Record what an analysis gave.
    RecordAnalysis {
        /// The bytes.
        content: ContentHash,
        /// Version of the analysis.
        algorithm: u32,
        /// What was measured.
        measures: Measures,
        /// What stands out.
        findings: Vec<FindingCode>,
        /// A small picture, of images.
        thumbnail: Option<Thumbnail>,
    },
    /// Record that they could not be analysed.
    RecordUnreadable {
        /// The bytes.
        content: ContentHash,
        /// Version of the analysis.
        algorithm: u32,
        /// Why.
        finding: FindingCode,
        /// The media type that the first bytes tell, where they were seen.
        media_type: Option<String>,
    },
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// Measures are known.
    ContentAnalysed {
        /// The bytes.
        content: ContentHash,
        /// Version of the analysis.
        algorithm: u32,
        /// What was measured.
        measures: Measures,
        /// What stands out.
        findings: Vec<FindingCode>,
        /// A small picture, of images.
        thumbnail: Option<Thumbnail>,
    },
    /// They cannot be analysed.
    ContentUnreadable {
        /// The bytes.
        content: ContentHash,
        /// Version of the analysis.
        algorithm: u32,
        /// Why.
        finding: FindingCode,
        /// The media type that the first bytes tell, where they were seen; none in older events.
        #[serde(default)]
        media_type: Option<String>,
    },
}

impl aggregate::Event for Event {
    aggregate::stored_as_json!();

    fn kind(&self) -> &'static str {
        self.into()
    }
}

/// A content refuses nothing.
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

/// The state: the newest version of the analysis that has a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentState {
    algorithm: Option<u32>,
    file_was_missing: bool,
}

impl ContentState {
    /// The stream of some bytes.
    #[must_use]
    pub fn id(content: &ContentHash) -> Id<Self> {
        Id::known(content.as_str())
    }
}

impl Aggregate for ContentState {
    const CATEGORY: &'static str = "content";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Refusal> {
        // A missing file may turn up; only then is the same version asked again. Where it is missing again that is recorded
        // too, for somebody asked, and waits for an answer.
        let done = |version: u32| {
            self.algorithm.is_some_and(|known| known > version || known == version && !self.file_was_missing)
        };
        Ok(match command {
            Command::RecordAnalysis { algorithm, .. } | Command::RecordUnreadable { algorithm, .. }
                if done(algorithm) =>
            {
                vec![]
            }
            Command::RecordAnalysis { content, algorithm, measures, findings, thumbnail } => {
                vec![Event::ContentAnalysed { content, algorithm, measures, findings, thumbnail }]
            }
            Command::RecordUnreadable { content, algorithm, finding, media_type } => {
                vec![Event::ContentUnreadable { content, algorithm, finding, media_type }]
            }
        })
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::ContentAnalysed { algorithm, .. } => {
                *self = Self { algorithm: Some(*algorithm), file_was_missing: false };
            }
            Event::ContentUnreadable { algorithm, finding, .. } => {
                *self = Self { algorithm: Some(*algorithm), file_was_missing: *finding == FindingCode::FileMissing };
            }
        }
    }
}
