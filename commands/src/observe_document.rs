//! Taking in what was seen of a record: the collection belongs to the customer, and the log observes it.

use domain::document::{Command, Content, Document, Snapshot, Source, Token};
use domain::id::{Code, ContentHash, DocumentId, UserId, derive};
use domain::promised::PromisedType;
use http::document::{is_leaving, trial_of};
use http::{Keys, OwnersKey};
use jiff::Timestamp;
use jiff::civil::Date;
use ports::{Cause, ChangeToken, Record};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::document_properties::LONGEST_REASON;
use crate::{Commands, Error, Receipt};

/// The properties of a record that have a name in events; changes of any other are told as "other".
pub const DOCUMENT_PROPERTIES: [&str; 11] = [
    "Filename",
    "FileLocation",
    "Size",
    "MD5",
    "TrialId",
    "SiteId",
    "Kind",
    "DocumentDate",
    "Status",
    "ContentType",
    "SHA256",
];

/// The property by which we know our own writes. It is never shown, never patched, and never part of what is compared.
pub(crate) const LAST_CHANGE: &str = "LastChange";

/// Properties that follow from a write and are no change by themselves.
const BOOK_KEEPING: [&str; 5] = [LAST_CHANGE, "Version", "CreatedAt", "UpdatedAt", "UpdatedBy"];

/// The largest record that is sealed whole: an event holds two of them in base64, and an append at most 1 MiB.
const MOST_RECORD_BYTES: usize = 256 * 1024;

/// The actor of changes that another program made.
const EXTERNAL: &str = "external";

/// Who wrote a record last, as we leave it in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastChange {
    /// The person.
    pub actor: String,
    /// The command.
    pub command: Uuid,
    /// Shared by all that follows from the same request.
    pub correlation: Uuid,
    /// Hash of the request, where it came with an `Idempotency-Key`.
    pub request: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When, by our clock.
    pub at: Timestamp,
    /// Whether the record is on its way out: not to be seen any more.
    pub deleting: bool,
}

impl LastChange {
    /// Out of a record, if it holds one that can be ours: other programs may write anything there, and what is taken over stands
    /// in events.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let change = record.0.get(LAST_CHANGE)?.as_object()?;
        let text = |property: &str| change.get(property).and_then(Value::as_str);
        let command = text("CommandId")?.parse().ok()?;
        Some(Self {
            actor: UserId::parse("Actor", text("Actor")?).ok()?.to_string(),
            command,
            correlation: text("CorrelationId").and_then(|id| id.parse().ok()).unwrap_or(command),
            request: text("Request").map(ToOwned::to_owned),
            reason: text("Reason").map(|reason| reason.chars().take(LONGEST_REASON).collect()),
            at: text("At")?.parse().ok()?,
            deleting: is_leaving(record),
        })
    }

    /// Into a record.
    pub fn write(&self, record: &mut Record) {
        let mut change = json!({"Actor": self.actor, "CommandId": self.command, "At": self.at.to_string()});
        for (property, value) in [("Request", &self.request), ("Reason", &self.reason)] {
            if let Some(value) = value {
                change[property] = json!(value);
            }
        }
        if self.correlation != self.command {
            change["CorrelationId"] = json!(self.correlation);
        }
        if self.deleting {
            change["Deleting"] = json!(true);
        }
        record.0.insert(LAST_CHANGE.to_owned(), change);
    }
}

/// A change of a record, as the relay saw it.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The document.
    pub document: DocumentId,
    /// Order of the change.
    pub token: ChangeToken,
    /// The store's time of the change.
    pub stored_at: Timestamp,
    /// The record before, where it is known.
    pub before: Option<Record>,
    /// The record after; none where it is gone.
    pub after: Option<Record>,
    /// How it was seen; `before` is known only where the feed told of it.
    pub source: Source,
}

impl Observed {
    /// Our own mark, if this very change left it: one that was there before tells of an earlier change, also where another
    /// program put it back later.
    fn ours(&self) -> Option<LastChange> {
        let mark = |record: &Option<Record>| record.as_ref().and_then(LastChange::of);
        let (before, after) = (mark(&self.before), mark(&self.after));
        match (&self.after, before, after) {
            _ if self.source != Source::Feed => None,
            // Our delete marks the record first and removes it then.
            (None, Some(before), _) => before.deleting.then_some(before),
            (None, None, _) => None,
            (Some(_), before, Some(after)) => {
                before.is_none_or(|b| b.command != after.command && b.at <= after.at).then_some(after)
            }
            (Some(_), _, None) => None,
        }
    }

    /// When it changed: our time if it is our change, else the store's.
    #[must_use]
    pub fn changed_at(&self) -> Timestamp {
        self.ours().map_or(self.stored_at, |ours| ours.at)
    }

    /// Names of the properties that differ; those that are none of the API's are told as "other".
    fn changed(&self) -> Vec<String> {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return Vec::new() };
        let mut names: Vec<String> = before
            .0
            .keys()
            .chain(after.0.keys())
            .filter(|name| !BOOK_KEEPING.contains(&name.as_str()) && before.0.get(*name) != after.0.get(*name))
            .map(|name| if DOCUMENT_PROPERTIES.contains(&name.as_str()) { name.as_str() } else { "other" }.to_owned())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The document that a record is.
#[must_use]
pub fn document_of_record(record: &Record) -> Option<DocumentId> {
    DocumentId::parse("_id", record.id()).ok()
}

/// The record as it is sealed and compared: one that would not fit into an append is cut to the properties that the product
/// gives it, each of them to a length, and a hash of the rest, so that a change anywhere still shows.
fn fitting(record: Map<String, Value>) -> String {
    let record = Value::Object(record);
    let whole = record.to_string();
    let Value::Object(record) = record else { return whole };
    if whole.len() <= MOST_RECORD_BYTES {
        return whole;
    }
    let cut = |value: &Value| match value.as_str() {
        Some(text) => Value::from(text.chars().take(1_024).collect::<String>()),
        None if value.is_number() || value.is_boolean() => value.clone(),
        None => Value::Null,
    };
    let mut kept: Map<String, Value> = record
        .iter()
        .filter(|(name, _)| DOCUMENT_PROPERTIES.contains(&name.as_str()) || BOOK_KEEPING.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), cut(value)))
        .collect();
    kept.insert("CutFromSHA256".to_owned(), ContentHash::of(whole.as_bytes()).as_str().into());
    Value::Object(kept).to_string()
}

/// A record as it is kept and compared.
fn compared(record: &Record) -> String {
    let mut compared: Map<String, Value> = record.0.clone();
    compared.remove(LAST_CHANGE);
    fitting(compared)
}

/// A site, kind or status; none where it is not stated. One that is no text is stated, but is no code.
fn code(record: &Record, property: &str) -> Option<Code> {
    match record.0.get(property)? {
        Value::Null => None,
        Value::String(text) => Some(Code::or_other(text)),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(Code::other()),
    }
}

fn size_bytes(record: &Record) -> u64 {
    record.0.get("Size").and_then(Value::as_u64).unwrap_or(0)
}

impl Commands {
    /// Takes in a change at an instant that the relay has fitted into the order of closings.
    ///
    /// # Errors
    /// A port's error.
    pub async fn observe(&self, observed: &Observed, at: Timestamp) -> ports::Result<Receipt> {
        let document = &observed.document;
        let ours = observed.ours();
        let present = observed.after.as_ref().filter(|record| !is_leaving(record));
        let reason = ours.as_ref().and_then(|ours| ours.reason.as_ref());
        let (seen, reason) = if present.is_some() || reason.is_some() {
            let key = self.keys.of_owner(Keys::document(document)).await?;
            let seen = present.map(|record| snapshot(&key, record, &ours, observed));
            (seen, reason.map(|reason| key.seal(reason.as_bytes())))
        } else {
            (None, None)
        };
        let ChangeToken { epoch, order } = observed.token;
        let told = [document.as_str(), &epoch.to_string(), &order.to_string()];
        let command = match &seen {
            _ if observed.source == Source::Feed => derive("observe", &told),
            // Several scans may come behind one and the same change.
            Some(snapshot) => derive("scan", &[told.as_slice(), &[snapshot.fingerprint.as_str()]].concat()),
            None => derive("scan", &told),
        };
        let cause = Cause {
            actor: ours.as_ref().map_or_else(|| EXTERNAL.to_owned(), |ours| ours.actor.clone()),
            command,
            correlation: ours.as_ref().map_or(command, |ours| ours.correlation),
            causation: None,
            request: None,
        };
        let command = Command::Observe {
            document: document.clone(),
            token: Token { epoch, order },
            at,
            seen,
            changed: observed.changed(),
            source: observed.source,
            reason,
        };
        self.sender.send(&Document::id(document), &cause, command).await.map_err(|error| match error {
            Error::Refused(refusal) => match refusal {},
            Error::KeyReused => ports::Error::Corrupt(format!("{document}: a change token came with another change")),
            Error::Port(error) => error,
        })
    }

    /// By this a state of a record is told from others that name another file, or make other claims about it.
    ///
    /// # Errors
    /// A port's error.
    pub async fn file_fingerprint(&self, document: &DocumentId, record: &Record) -> ports::Result<String> {
        self.keys.fingerprint(&Keys::document(document), file_claims(record).as_bytes()).await
    }

    /// By this a record is told from others; who wrote it last is no part of it.
    ///
    /// # Errors
    /// A port's error.
    pub async fn record_fingerprint(&self, document: &DocumentId, record: &Record) -> ports::Result<String> {
        self.keys.fingerprint(&Keys::document(document), compared(record).as_bytes()).await
    }
}

/// Where a record says its file is, and what it claims of it.
fn file_claims(record: &Record) -> String {
    json!(["FileLocation", "Size", "MD5", "SHA256"].map(|property| record.0.get(property))).to_string()
}

fn snapshot(key: &OwnersKey, record: &Record, ours: &Option<LastChange>, observed: &Observed) -> Snapshot {
    let compared = compared(record);
    // Only an upload of ours has hashed the bytes; any other SHA-256 is a claim, checked from the bytes.
    let uploaded_by_us = ours.is_some() && observed.before.is_none();
    let claimed = record.text("SHA256").and_then(|hash| ContentHash::parse("SHA256", hash).ok());
    Snapshot {
        trial: trial_of(record),
        site: code(record, "SiteId"),
        kind: code(record, "Kind"),
        status: code(record, "Status"),
        document_date: record.text("DocumentDate").and_then(|date| date.parse::<Date>().ok()),
        size_bytes: size_bytes(record),
        content: claimed.filter(|_| uploaded_by_us).map_or(Content::Unknown, Content::Known),
        promised: PromisedType::of(record.text("Filename"), record.text("ContentType")),
        file: key.fingerprint(file_claims(record).as_bytes()),
        fingerprint: key.fingerprint(compared.as_bytes()),
        record: key.seal(compared.as_bytes()),
    }
}

#[cfg(test)]
mod tests;
