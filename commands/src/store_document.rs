//! Storing a document: its file first, then its record.

mod incoming;
mod measured;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::access::Action;
use domain::id::{DocumentId, TrialId};
use http::document::{Document, file_location, is_leaving, shown, trial_of, version};
use http::{Answer, Caller, Created, Problem, Problems, Written};
use jiff::{SignedDuration, Timestamp};
use ports::{Cause, FileKey, Record};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::document_properties::check_size;
use crate::keyed::{self, repeats};
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
        let document = DocumentId::of_command(caller.command);
        if caller.keyed
            && let Some(record) = self.documents.get(document.as_str()).await?
        {
            let measured = measured::measure(body, self.settings.largest_upload_bytes).await?;
            return self.stored_before(caller, record, &described, &measured).await;
        }
        // Each attempt has a key of its own: two at once under one Idempotency-Key must not overwrite each other's file.
        let attempt = Uuid::new_v4().simple();
        let key = FileKey::new(format!("trials/{}/{document}/{attempt}", described.trial))?;
        let began = self.clock.now();
        let measured = self.put(&key, body).await?;
        if let Err(problem) = self.may_still_store(&described.trial, caller, began).await {
            self.originals.delete(&key).await?;
            return Err(problem);
        }
        let record = self.new_record(&document, &described, &key, &measured, &cause(caller, &described, &measured));
        match self.documents.insert(&record).await {
            Ok(()) => Ok(created(record)),
            Err(ports::Error::Conflict(text)) => {
                self.originals.delete(&key).await?;
                let first = self.documents.get(document.as_str()).await?;
                let first = first.ok_or(ports::Error::Conflict(text))?;
                self.stored_before(caller, first, &described, &measured).await
            }
            // It may have been written all the same, so the file stays.
            Err(error) => Err(error.into()),
        }
    }

    /// Asks once more after the transfer, which may have taken hours.
    async fn may_still_store(&self, trial: &TrialId, caller: &Caller, began: Timestamp) -> Result<(), Problem> {
        if self.clock.now().duration_since(began) >= LONGEST_UPLOAD {
            return Err(Problem::malformed("The upload took longer than 23 hours, so nothing was stored."));
        }
        self.require_write(trial, caller).await
    }

    /// What a command is answered under whose id a document was stored before. Once the document was changed it is answered as
    /// it is now.
    async fn stored_before(
        &self,
        caller: &Caller,
        record: Record,
        described: &Described,
        measured: &Measured,
    ) -> Result<Response, Problem> {
        let not_found = || Problem::not_found("document");
        let trial = trial_of(&record).ok_or_else(not_found)?;
        // It may have been moved to a trial that the caller does not see.
        if !self.access.may(&trial, &caller.user, Action::Read).await? {
            return Err(not_found());
        }
        if is_leaving(&record) {
            return Err(Problem::conflict(
                "document-deleted",
                "The document that was stored under this Idempotency-Key is being deleted; use a new key.",
            ));
        }
        let is_known = repeats(&record, &cause(caller, described, measured))?;
        // Where the record has forgotten its first request, at least the file must be the same.
        if !is_known && record.text("SHA256").is_some_and(|stored| stored != measured.sha256) {
            return Err(Problem::key_reused());
        }
        let is_unchanged = LastChange::of(&record).is_some_and(|last| last.command == caller.command);
        Ok(if is_unchanged { created(record) } else { answer(record).into_response() })
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
        described: &Described,
        key: &FileKey,
        measured: &Measured,
        cause: &Cause,
    ) -> Record {
        let now = self.clock.now();
        let mut record = Record(described.properties.clone());
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
        sign(&mut record, cause, described.reason.clone(), now);
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

/// The cause of an upload: its request is what was said about the file, and the file.
fn cause(caller: &Caller, described: &Described, measured: &Measured) -> Cause {
    caller.cause(&(described, &measured.sha256))
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
    let earlier = keyed::commands(record);
    LastChange {
        actor: cause.actor.clone(),
        command: cause.command,
        correlation: cause.correlation,
        request: cause.request.clone(),
        reason,
        at: now,
        deleting,
    }
    .write(record);
    keyed::keep(record, earlier);
}

fn created(record: Record) -> Response {
    let location = format!("/api/documents/{}", record.id());
    let shown = shown(record);
    Created::new(&location, shown.clone()).etag(&version(&shown)).into_response()
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
