//! Which contents wait to be analysed, and which documents wait to have their content identified.

use async_trait::async_trait;
use domain::any_event::AnyEvent;
use domain::content::{self, ANALYSIS_VERSION};
use domain::document::{Content, Event as DocumentEvent, Snapshot};
use domain::findings::FindingCode;
use domain::id::{ContentHash, DocumentId};
use ports::{Categories, Origin, Result, Table};
use serde::{Deserialize, Serialize};

use crate::projection::{Draft, Projection, Recorded, Row};

/// What is to be analysed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisOf {
    /// Bytes that are known by their hash, as some document names them.
    Content {
        /// The bytes.
        content: ContentHash,
        /// A document that stands for them.
        document: DocumentId,
    },
    /// A record whose bytes nobody has hashed.
    Record {
        /// The document.
        document: DocumentId,
        /// The state of the record: its `file`.
        file: String,
    },
}

/// An analysis that waits or is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// The content's hash, or the document's id.
    pub id: String,
    /// Of what.
    pub of: AnalysisOf,
    /// Whether it waits.
    pub open: bool,
    /// Whether its file was looked for in vain; then the next document that names it opens it again.
    pub missing: bool,
    /// What made it wait.
    pub origin: Origin,
}

impl Row for Analysis {
    const TABLE: Table = Table { name: "analyses", indexes: &[&["open", "id"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.id.clone()
    }
}

/// The projection.
pub struct Analyses;

#[async_trait]
impl Projection for Analyses {
    fn name(&self) -> &'static str {
        "analyses"
    }

    fn streams(&self) -> Categories {
        Categories(&["document", "content"])
    }

    fn tables(&self) -> &'static [Table] {
        &[Analysis::TABLE]
    }

    async fn fold(&self, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
        match &recorded.event {
            AnyEvent::Document(
                DocumentEvent::DocumentFound { document, after, .. }
                | DocumentEvent::DocumentAdded { document, after, .. }
                | DocumentEvent::DocumentChanged { document, after, .. },
            ) => want(document, after, recorded.metadata.origin(), draft).await,
            AnyEvent::Document(DocumentEvent::DocumentContentIdentified { document, content, .. }) => {
                close(document.as_str(), false, draft).await?;
                match content {
                    Some(content) => want_content(content, document, recorded.metadata.origin(), draft).await,
                    None => Ok(()),
                }
            }
            AnyEvent::Document(DocumentEvent::DocumentRemoved { document, .. }) => {
                draft.remove::<Analysis>(document.as_str());
                Ok(())
            }
            AnyEvent::Content(content::Event::ContentAnalysed { content, algorithm, .. }) => {
                finish(content, *algorithm, false, draft).await
            }
            AnyEvent::Content(content::Event::ContentUnreadable { content, algorithm, finding, .. }) => {
                finish(content, *algorithm, *finding == FindingCode::FileMissing, draft).await
            }
            AnyEvent::Trial(_)
            | AnyEvent::Membership(_)
            | AnyEvent::Clock(_)
            | AnyEvent::Subscription(_)
            | AnyEvent::Occurrence(_)
            | AnyEvent::Report(_)
            | AnyEvent::Delivery(_) => Ok(()),
        }
    }
}

async fn want(document: &DocumentId, after: &Snapshot, origin: Origin, draft: &mut Draft<'_>) -> Result<()> {
    match &after.content {
        Content::Known(content) => {
            draft.remove::<Analysis>(document.as_str());
            want_content(content, document, origin, draft).await
        }
        Content::Unknown => {
            let known: Option<Analysis> = draft.get(document.as_str()).await?;
            let of = AnalysisOf::Record { document: document.clone(), file: after.file.clone() };
            // A record whose file was looked for in vain is not looked at again until it names another.
            if known.is_some_and(|known| known.of == of) {
                return Ok(());
            }
            draft.put(&Analysis { id: document.to_string(), of, open: true, missing: false, origin })
        }
    }
}

async fn want_content(
    content: &ContentHash,
    document: &DocumentId,
    origin: Origin,
    draft: &mut Draft<'_>,
) -> Result<()> {
    if draft.get::<Analysis>(content.as_str()).await?.is_some_and(|known| !known.missing) {
        return Ok(());
    }
    let of = AnalysisOf::Content { content: content.clone(), document: document.clone() };
    draft.put(&Analysis { id: content.to_string(), of, open: true, missing: false, origin })
}

async fn close(id: &str, missing: bool, draft: &mut Draft<'_>) -> Result<()> {
    if let Some(analysis) = draft.get::<Analysis>(id).await? {
        draft.put(&Analysis { open: false, missing, ..analysis })?;
    }
    Ok(())
}

/// An old version's result leaves the work open.
async fn finish(content: &ContentHash, algorithm: u32, missing: bool, draft: &mut Draft<'_>) -> Result<()> {
    if algorithm < ANALYSIS_VERSION {
        return Ok(());
    }
    close(content.as_str(), missing, draft).await
}
