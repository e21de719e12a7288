//! The rows of the document-change view.

use std::collections::BTreeMap;

use domain::content::Thumbnail;
use domain::figures::Figures;
use domain::findings::FindingCode;
use domain::id::{ContentHash, DocumentId, TrialId};
use domain::measures::Measures;
use domain::promised::PromisedType;
use domain::sealed::Sealed;
use jiff::Timestamp;
use ports::Table;
use serde::{Deserialize, Serialize};

use crate::projection::{Row, Stamp};

/// The dimensions of a trial's figures. Each document counts once in the whole and once in each dimension.
pub const DIMENSIONS: [&str; 3] = ["kind", "site", "status"];

/// Where a document counts: its trial and its value in each dimension, in the order of [`DIMENSIONS`]; "" is "not stated".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The trial.
    pub trial: TrialId,
    /// A value for each dimension.
    pub values: [String; 3],
}

impl Place {
    /// The series it counts in: the whole, then one for each dimension.
    pub(super) fn series(&self) -> [Series; 4] {
        let of = |dimension: &str, value: &str| Series {
            trial: self.trial.clone(),
            dimension: dimension.to_owned(),
            value: value.to_owned(),
        };
        let [kind, site, status] = &self.values;
        [of("", ""), of("kind", kind), of("site", site), of("status", status)]
    }
}

/// One line of figures: a whole trial (dimension ""), or one value of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The trial.
    pub trial: TrialId,
    /// The dimension.
    pub dimension: String,
    /// Its value.
    pub value: String,
}

impl Series {
    /// The trial as a whole.
    #[must_use]
    pub const fn whole(trial: TrialId) -> Self {
        Self { trial, dimension: String::new(), value: String::new() }
    }

    /// Its name in rows.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}|{}|{}", self.trial, self.dimension, self.value)
    }
}

/// Figures as they are now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiguresNow {
    /// Name of the series.
    pub series: String,
    /// The trial.
    pub trial: TrialId,
    /// The dimension, "" for the whole.
    pub dimension: String,
    /// Its value.
    pub value: String,
    /// The figures.
    pub figures: Figures,
    /// When they became so.
    pub stamp: Stamp,
}

impl Row for FiguresNow {
    const TABLE: Table = Table { name: "figures_now", indexes: &[&["trial", "dimension"], &["dimension", "trial"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.series.clone()
    }
}

/// Figures at the end of a quarter hour in which they changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiguresThen {
    /// Name of the series.
    pub series: String,
    /// The closing before which they became so.
    pub stamp: Stamp,
    /// The figures.
    pub figures: Figures,
}

impl Row for FiguresThen {
    const TABLE: Table = Table { name: "figures_then", indexes: &[&["series", "stamp"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        format!("{}|{:020}", self.series, self.stamp)
    }
}

/// The values that a dimension of a trial has had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DimensionValues {
    /// Trial and dimension.
    pub dimension: String,
    /// In order of first use; at most a thousand.
    pub values: Vec<String>,
}

impl Row for DimensionValues {
    const TABLE: Table = Table { name: "dimension_values", indexes: &[] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.dimension.clone()
    }
}

/// A document while its record stayed the same. The current state of a document is kept under its id alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentState {
    /// Which document.
    pub document: DocumentId,
    /// The trial, "" where it has none.
    pub trial: String,
    /// Where it counts; none where it has no trial.
    pub place: Option<Place>,
    /// Size as the record says, in bytes.
    pub size_bytes: u64,
    /// Its bytes, where they are known.
    pub content: Option<ContentHash>,
    /// What its name and declared media type promise the bytes to be.
    pub promised: Option<PromisedType>,
    /// What is wrong with the record.
    pub findings: Vec<FindingCode>,
    /// Whether a finding about the record asks for attention.
    pub flagged: bool,
    /// By this the record is told from others, without being opened.
    pub fingerprint: String,
    /// The whole record.
    pub record: Sealed,
    /// When its record was changed last.
    pub since: Timestamp,
    /// Who made it so.
    pub actor: String,
    /// From this stamp on.
    pub from: Stamp,
    /// Up to this stamp.
    pub to: Stamp,
}

/// A document as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentNow(pub DocumentState);

impl Row for DocumentNow {
    const TABLE: Table = Table { name: "documents_now", indexes: &[&["content", "document"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.0.document.to_string()
    }
}

/// A document as it was from one stamp to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentThen(pub DocumentState);

impl Row for DocumentThen {
    const TABLE: Table = Table {
        name: "documents_then",
        indexes: &[&["trial", "content", "to"], &["trial", "flagged", "to"], &["document", "to"]],
    };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        format!("{}|{:020}", self.0.document, self.0.from)
    }
}

/// What happened to a document, as one trial saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It was found at the first look.
    Found,
    /// It was added.
    Added,
    /// It came from another trial.
    MovedIn,
    /// It went to another trial.
    MovedOut,
    /// Its record changed.
    Changed,
    /// It was removed.
    Removed,
}

/// One line of the table of changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentChange {
    /// The trial.
    pub trial: TrialId,
    /// The closing before it.
    pub stamp: Stamp,
    /// What happened.
    pub kind: ChangeKind,
    /// Which document.
    pub document: DocumentId,
    /// Revision of the event in the document's stream.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// Why.
    pub reason: Option<Sealed>,
    /// The record after it, or the last one.
    pub record: Sealed,
    /// Where it counts after it, or counted last.
    pub place: Place,
    /// Its bytes, where they were known at once.
    pub content: Option<ContentHash>,
    /// Which properties differ.
    pub changed: Vec<String>,
}

impl Row for DocumentChange {
    const TABLE: Table =
        Table { name: "document_changes", indexes: &[&["trial", "stamp"], &["trial", "kind", "stamp"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        format!("{}|{:020}|{}|{}|{:?}", self.trial, self.stamp, self.document, self.revision, self.kind)
    }
}

/// What an analysis gave for a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalysisResult {
    /// Version of the analysis.
    pub algorithm: u32,
    /// What was measured; none where it could not be read.
    pub measures: Option<Measures>,
    /// What stands out.
    pub findings: Vec<FindingCode>,
    /// A small picture.
    pub thumbnail: Option<Thumbnail>,
    /// What the first bytes of a content that could not be read tell.
    #[serde(default)]
    pub media_type: Option<String>,
}

impl AnalysisResult {
    /// What stands out in a document whose record promises so: the content's own findings, and that it breaks the promise.
    #[must_use]
    pub fn findings_for(&self, promised: Option<PromisedType>) -> Vec<FindingCode> {
        let mut findings = self.findings.clone();
        if let (Some(measures), Some(promised)) = (&self.measures, promised)
            && !promised.is_kept_by(measures.media_type())
        {
            findings.push(FindingCode::TypeMismatch);
            findings.sort_unstable();
            findings.dedup();
        }
        findings
    }
}

/// Documents that use a content and count in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Where they count.
    pub place: Place,
    /// Whether their records are flagged by themselves: then a flag of the content adds nothing.
    pub flagged: bool,
    /// What their records promise the bytes to be.
    pub promised: Option<PromisedType>,
    /// How many.
    pub documents: i64,
}

/// A content and where it is used now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentNow {
    /// The bytes.
    pub content: ContentHash,
    /// What the analysis gave.
    pub result: Option<AnalysisResult>,
    /// How many documents use it, by place.
    pub uses: Vec<Use>,
    /// Since when its row in each trial holds.
    pub since: BTreeMap<String, Stamp>,
}

impl Row for ContentNow {
    const TABLE: Table = Table { name: "contents_now", indexes: &[] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.content.to_string()
    }
}

/// A content in one trial from one stamp to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialContent {
    /// The trial.
    pub trial: TrialId,
    /// The bytes.
    pub content: ContentHash,
    /// How many documents of the trial use it.
    pub documents: i64,
    /// Whether more than one does.
    pub duplicated: bool,
    /// Whether a finding about one of these documents' bytes asks for attention; which of them, tells
    /// [`AnalysisResult::findings_for`].
    pub flagged: bool,
    /// What the analysis gave.
    pub result: Option<AnalysisResult>,
    /// From this stamp on.
    pub from: Stamp,
    /// Up to this stamp.
    pub to: Stamp,
}

impl Row for TrialContent {
    const TABLE: Table = Table {
        name: "trial_contents",
        indexes: &[&["trial", "flagged", "to"], &["trial", "duplicated", "to"], &["trial", "content", "to"]],
    };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        format!("{}|{}|{:020}", self.trial, self.content, self.from)
    }
}
