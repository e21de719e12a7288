//! Storing a document: its file first, then its record.

mod incoming;
mod measured;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::access::Action;
use domain::id::{DocumentId, TrialId};
use futures::StreamExt;
use http::document::{Document, file_location, is_leaving, shown, version};
use http::{Answer, Caller, Created, Problem, Problems, Written};
use jiff::{SignedDuration, Timestamp};
use ports::{Cause, FileKey, Record};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::document_properties::check_size;
use crate::{Commands, LastChange};
use incoming::{Described, Source};
use measured::Measured;

/// The longest time an upload may take.
pub(crate) const LONGEST_UPLOAD: SignedDuration = SignedDuration::from_hours(23);

/// The age from which the sweeper removes a file that no record names: no upload that is under way is that old.
pub const SWEPT_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The form in which a document comes. The file is the last part; what describes it goes before.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form")]
pub(crate) struct DocumentForm {
    /// The trial.
    #[schema(rename = "TrialId")]
    trial_id: String,
    /// Instead of the name that comes with the file.
    #[schema(rename = "Filename")]
    filename: Option<String>,
    /// The site.
    #[schema(rename = "SiteId")]
    site_id: Option<String>,
    /// The kind of document.
    #[schema(rename = "Kind")]
    kind: Option<String>,
    /// Its status.
    #[schema(rename = "Status")]
    status: Option<String>,
    /// The date on the document, YYYY-MM-DD.
    #[schema(rename = "DocumentDate")]
    document_date: Option<String>,
    /// Why it is stored, at most 1,000 characters.
    #[schema(rename = "Reason")]
    reason: Option<String>,
    /// The file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

impl Commands {
    /// Stores a document: the file under a key of its own, then the record. What is cut off, too large or badly described
    /// leaves nothing behind; a file whose record could not be written is left to the sweeper.
    async fn store_document(&self, caller: &Caller, described: Described, body: Source) -> Result<Response, Problem> {
        self.require_write(&described.trial, caller).await?;
        check_size(&described.properties)?;
        let cause = caller.cause(&described);
        let document = DocumentId::of_command(caller.command);
        if caller.keyed
            && let Some(record) = self.documents.get(document.as_str()).await?
        {
            // The caller sends the whole file before it listens.
            body.for_each(|_| std::future::ready(())).await;
            return stored_before(record, &cause);
        }
        // Each attempt has a key of its own: two at once under one Idempotency-Key must not overwrite each other's file.
        let attempt = Uuid::new_v4().simple();
        let key = FileKey::new(format!("trials/{}/{document}/{attempt}", described.trial))?;
        let began = self.clock.now();
        let measured = self.put(&key, body).await?;
        if self.clock.now().duration_since(began) >= LONGEST_UPLOAD {
            self.originals.delete(&key).await?;
            return Err(Problem::malformed("The upload took longer than 23 hours, so nothing was stored."));
        }
        let record = self.new_record(&document, described, &key, &measured, &cause);
        match self.documents.insert(&record).await {
            Ok(()) => Ok(created(record)),
            Err(ports::Error::Conflict(text)) => {
                self.originals.delete(&key).await?;
                let first = self.documents.get(document.as_str()).await?;
                first.map_or_else(|| Err(ports::Error::Conflict(text).into()), |first| stored_before(first, &cause))
            }
            // It may have been written all the same, so the file stays.
            Err(error) => Err(error.into()),
        }
    }

    /// Stores the bytes while they are measured.
    async fn put(&self, key: &FileKey, body: Source) -> Result<Measured, Problem> {
        let (stream, outcome) = measured::measured(body, self.settings.largest_upload_bytes);
        match self.originals.put(key, stream).await {
            Ok(_) => outcome.measured(),
            // The store only knows that its body broke off; why, the body knows.
            Err(error) => Err(outcome.problem().unwrap_or_else(|| error.into())),
        }
    }

    fn new_record(
        &self,
        document: &DocumentId,
        described: Described,
        key: &FileKey,
        measured: &Measured,
        cause: &Cause,
    ) -> Record {
        let now = self.clock.now();
        let mut record = Record(described.properties);
        let ours = json!({
            "_id": document,
            "FileLocation": file_location(&self.settings.bucket, key),
            "Size": measured.size_bytes,
            "MD5": measured.md5,
            "SHA256": measured.sha256,
            "CreatedAt": now.to_string(),
        });
        if let Value::Object(ours) = ours {
            record.0.extend(ours);
        }
        sign(&mut record, cause, described.reason, now);
        record
    }

    /// Lets the caller write in an open trial.
    ///
    /// # Errors
    /// 404 where the caller may not know of the trial, 403 where the role is too small, 409 where it is closed.
    pub(crate) async fn require_write(&self, trial: &TrialId, caller: &Caller) -> Result<(), Problem> {
        self.access.require(trial, &caller.user, Action::Write).await?;
        if self.access.is_open(trial).await? { Ok(()) } else { Err(Problem::refused(&domain::trial::Refusal::Closed)) }
    }
}

/// Notes in a record who writes it now: what callers see of it, and the mark by which the relay knows our writes.
pub(crate) fn sign(record: &mut Record, cause: &Cause, reason: Option<String>, now: Timestamp) {
    let version = record.0.get("Version").and_then(Value::as_u64).unwrap_or(0).saturating_add(1);
    let mut set = |name: &str, value: Value| record.0.insert(name.to_owned(), value);
    set("Version", json!(version));
    set("UpdatedAt", json!(now.to_string()));
    set("UpdatedBy", json!(cause.actor));
    mark(record, cause, reason, now, false);
}

/// Marks a record as written by us, or as on its way out.
pub(crate) fn mark(record: &mut Record, cause: &Cause, reason: Option<String>, now: Timestamp, deleting: bool) {
    LastChange {
        actor: cause.actor.clone(),
        command: cause.command,
        request: cause.request.clone(),
        reason,
        at: now,
        deleting,
    }
    .write(record);
}

fn created(record: Record) -> Response {
    let location = format!("/api/documents/{}", record.id());
    let shown = shown(record);
    Created::new(&location, shown.clone()).etag(&version(&shown)).into_response()
}

/// What the same command is answered that stored the document when it came first. Once the document was changed, its first
/// request is no longer known, and it is answered as it is now.
fn stored_before(record: Record, cause: &Cause) -> Result<Response, Problem> {
    let last = LastChange::of(&record).filter(|last| last.command == cause.command);
    match last {
        _ if is_leaving(&record) => Err(Problem::conflict(
            "document-deleted",
            "The document that was stored under this Idempotency-Key is being deleted; use a new key.",
        )),
        Some(last) if last.request != cause.request => Err(Problem::key_reused()),
        Some(_) => Ok(created(record)),
        None => Ok(answer(record).into_response()),
    }
}

/// 200 and the record as callers see it.
pub(crate) fn answer(record: Record) -> Answer<Map<String, Value>> {
    let shown = shown(record);
    let etag = version(&shown);
    Answer::new(shown).etag(&etag)
}

/// Store a document.
///
/// Either a form, whose last part `file` is the file, or the bare file as the body, described by the query: `TrialId`,
/// `Filename`, `SiteId`, `Kind`, `Status`, `DocumentDate`, `Reason`, and any further property. The media type of the file is
/// its own `Content-Type`. Nothing is stored of an upload that is cut off or too large.
#[utoipa::path(post, path = "/api/documents", tag = "documents",
    params(
        ("TrialId" = Option<String>, Query, description = "The trial; with a bare file"),
        ("Filename" = Option<String>, Query, description = "The name of the file; with a bare file"),
        ("SiteId" = Option<String>, Query), ("Kind" = Option<String>, Query), ("Status" = Option<String>, Query),
        ("DocumentDate" = Option<String>, Query, description = "YYYY-MM-DD"), ("Reason" = Option<String>, Query)),
    request_body(content((DocumentForm = "multipart/form-data"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 201, body = Written<Document>), (status = 200, body = Written<Document>), Problems))]
pub(crate) async fn route(
    State(commands): State<Commands>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (described, body) = incoming::take(request, commands.settings.largest_upload_bytes).await?;
    commands.store_document(&caller, described, body).await
}
