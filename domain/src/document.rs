//! A document: what was observed of its record, change by change.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::aggregate::{self, Aggregate, RefusalKind};
use crate::findings::FindingCode;
use crate::id::{Code, ContentHash, DocumentId, Id, TrialId};
use crate::promised::PromisedType;
use crate::sealed::Sealed;

#[cfg(test)]
mod tests;

/// Orders the changes of one document; see `ports::ChangeToken`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token {
    /// Counts the times the order began anew.
    pub epoch: u64,
    /// Order within the epoch.
    pub order: u64,
}

/// Whether we know which bytes a record stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// We hashed them.
    Known(ContentHash),
    /// Nobody has hashed them yet, or somebody else says so.
    Unknown,
}

/// A record at one moment: codes in clear, all of it sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its trial; none: unassigned.
    pub trial: Option<TrialId>,
    /// Site; values that are no codes are "other".
    pub site: Option<Code>,
    /// Kind of document.
    pub kind: Option<Code>,
    /// Status.
    pub status: Option<Code>,
    /// The date on the document.
    pub document_date: Option<Date>,
    /// Size as the record says, in bytes.
    pub size_bytes: u64,
    /// The bytes it stands for.
    pub content: Content,
    /// What name and declared media type promise the bytes to be; none where they say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised: Option<PromisedType>,
    /// HMAC over `FileLocation`, `Size`, `MD5` and `SHA256`: while it is the same, the content need not be looked at again.
    pub file: String,
    /// HMAC over the whole record but `LastChange`.
    pub fingerprint: String,
    /// The whole record but `LastChange`, as JSON.
    pub record: Sealed,
}

/// How the state of a record was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The feed of changes told of it.
    Feed,
    /// The whole collection was looked at. The order is that of the last change before, and another state in that order came past
    /// the feed.
    Scan,
    /// As a scan, the first of an existing collection.
    FirstContact,
}

/// What one may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a command lives for a moment")]
pub enum Command {
    /// Take in what was seen of the record. Repeats, and what is older than what is known, change nothing.
    Observe {
        /// Which document.
        document: DocumentId,
        /// Order of the change.
        token: Token,
        /// When it changed.
        at: Timestamp,
        /// The record, or none where it is gone.
        seen: Option<Snapshot>,
        /// Which properties differ: names of the given API, or "other".
        changed: Vec<String>,
        /// How it was seen.
        source: Source,
        /// Why it was changed.
        reason: Option<Sealed>,
    },
    /// Take in what its bytes are.
    IdentifyContent {
        /// The bytes.
        content: Option<ContentHash>,
        /// Of which state of the record: its `file`.
        file: String,
        /// What does not fit.
        findings: Vec<FindingCode>,
    },
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", content = "data")]
#[expect(clippy::large_enum_variant, reason = "events are stored, not kept")]
pub enum Event {
    /// It existed before us: present, never "added".
    DocumentFound {
        /// Which document.
        document: DocumentId,
        /// Order of the observation.
        token: Token,
        /// When it was found.
        at: Timestamp,
        /// The record.
        after: Snapshot,
    },
    /// It is new.
    DocumentAdded {
        /// Which document.
        document: DocumentId,
        /// Order of the change.
        token: Token,
        /// When.
        at: Timestamp,
        /// The record.
        after: Snapshot,
        /// Why.
        reason: Option<Sealed>,
    },
    /// Its record is another.
    DocumentChanged {
        /// Which document.
        document: DocumentId,
        /// Order of the change.
        token: Token,
        /// When.
        at: Timestamp,
        /// The record before.
        before: Snapshot,
        /// The record after.
        after: Snapshot,
        /// Which properties differ.
        changed: Vec<String>,
        /// Why.
        reason: Option<Sealed>,
    },
    /// Its bytes were hashed, or could not be.
    DocumentContentIdentified {
        /// Which document.
        document: DocumentId,
        /// Its trial.
        trial: Option<TrialId>,
        /// The bytes; none where there is no file.
        content: Option<ContentHash>,
        /// Of which state of the record: its `file`.
        file: String,
        /// What does not fit.
        findings: Vec<FindingCode>,
    },
    /// It is gone.
    DocumentRemoved {
        /// Which document.
        document: DocumentId,
        /// Order of the change.
        token: Token,
        /// When.
        at: Timestamp,
        /// The last record.
        before: Snapshot,
        /// Why.
        reason: Option<Sealed>,
    },
}

impl aggregate::Event for Event {
    aggregate::stored_as_json!();

    fn kind(&self) -> &'static str {
        self.into()
    }
}

/// A document refuses nothing: what happened, happened, and an answer that comes too late changes nothing.
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

/// The state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "one state at a time")]
pub enum Document {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It exists.
    Present {
        /// Which document.
        document: DocumentId,
        /// The latest change taken in.
        token: Token,
        /// The record; its content as identified.
        snapshot: Snapshot,
        /// Whether the bytes have been looked at since the record last named its file.
        identified: bool,
    },
    /// It existed.
    Removed {
        /// The latest change taken in.
        token: Token,
    },
}

impl Document {
    /// The document's stream.
    #[must_use]
    pub fn id(document: &DocumentId) -> Id<Self> {
        Id::known(document.as_str())
    }

    fn token(&self) -> Option<Token> {
        match self {
            Self::Unknown => None,
            Self::Present { token, .. } | Self::Removed { token } => Some(*token),
        }
    }
}

impl Aggregate for Document {
    const CATEGORY: &'static str = "document";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Observe { token, source, .. }
                if self.token().is_some_and(|known| token < known || (token == known && source == Source::Feed)) =>
            {
                Ok(vec![])
            }
            Command::Observe { document, token, at, seen, changed, source, reason } => Ok(match (self, seen) {
                (Self::Unknown, Some(after)) if source == Source::FirstContact => {
                    vec![Event::DocumentFound { document, token, at, after }]
                }
                (Self::Unknown | Self::Removed { .. }, Some(after)) => {
                    vec![Event::DocumentAdded { document, token, at, after, reason }]
                }
                (Self::Present { snapshot: before, .. }, Some(after)) if before.fingerprint == after.fingerprint => {
                    vec![]
                }
                (Self::Present { snapshot: before, .. }, Some(mut after)) => {
                    if before.file == after.file && after.content == Content::Unknown {
                        after.content.clone_from(&before.content);
                    }
                    let before = before.clone();
                    vec![Event::DocumentChanged { document, token, at, before, after, changed, reason }]
                }
                (Self::Present { snapshot: before, .. }, None) => {
                    vec![Event::DocumentRemoved { document, token, at, before: before.clone(), reason }]
                }
                (Self::Unknown | Self::Removed { .. }, None) => vec![],
            }),
            Command::IdentifyContent { content, file, findings } => Ok(match self {
                Self::Present { document, snapshot, identified: false, .. } if snapshot.file == file => {
                    vec![Event::DocumentContentIdentified {
                        document: document.clone(),
                        trial: snapshot.trial.clone(),
                        content,
                        file,
                        findings,
                    }]
                }
                Self::Present { .. } | Self::Unknown | Self::Removed { .. } => vec![],
            }),
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::DocumentFound { document, token, after, .. }
            | Event::DocumentAdded { document, token, after, .. } => {
                *self = Self::Present {
                    document: document.clone(),
                    token: *token,
                    snapshot: after.clone(),
                    identified: after.content != Content::Unknown,
                };
            }
            Event::DocumentChanged { document, token, before, after, .. } => {
                let looked_at = matches!(self, Self::Present { identified: true, .. }) && before.file == after.file;
                *self = Self::Present {
                    document: document.clone(),
                    token: *token,
                    snapshot: after.clone(),
                    identified: looked_at || after.content != Content::Unknown,
                };
            }
            Event::DocumentContentIdentified { content: found, .. } => {
                if let Self::Present { snapshot, identified, .. } = self {
                    snapshot.content = found.clone().map_or(Content::Unknown, Content::Known);
                    *identified = true;
                }
            }
            Event::DocumentRemoved { token, .. } => *self = Self::Removed { token: *token },
        }
    }
}
