//! Changing a document's record: a JSON merge patch (RFC 7396).

mod location;

use axum::extract::State;
use axum::http::HeaderMap;
use domain::access::Action;
use domain::id::{DocumentId, TrialId};
use http::document::{Document, is_leaving, shown, trial_of, version};
use http::{Answer, Caller, IfMatch, Json, Path, Problem, Problems, Written};
use ports::{Cause, Record};
use serde_json::{Map, Value};

use crate::Commands;
use crate::document_properties::{KEPT_BY_THE_SERVICE, check, check_size, kept_by_the_service, reason_in};
use crate::keyed::repeats;
use crate::store_document::{answer, sign};

/// How often a change is decided again when somebody else wrote the record meanwhile.
const ATTEMPTS: usize = 8;

/// Properties that every document has.
const NEEDED: [&str; 4] = ["Filename", "FileLocation", "Size", "MD5"];

/// What somebody asks to be changed.
struct Change<'a> {
    caller: &'a Caller,
    if_match: &'a IfMatch,
    patch: &'a Map<String, Value>,
    reason: Option<String>,
    cause: Cause,
}

impl Commands {
    /// A record that is there and in which the caller may write, and its trial.
    ///
    /// # Errors
    /// 404 where there is none or the caller may not know of it, 403 where the role is too small, 409 in a closed trial.
    pub(crate) async fn writable_document(&self, caller: &Caller, id: &str) -> Result<(Record, TrialId), Problem> {
        let not_found = || Problem::not_found("document");
        let id = DocumentId::parse("id", id).map_err(|_| not_found())?;
        let record = self.documents.get(id.as_str()).await?.filter(|record| !is_leaving(record));
        let record = record.ok_or_else(not_found)?;
        let trial = trial_of(&record).ok_or_else(not_found)?;
        if !self.access.may(&trial, &caller.user, Action::Read).await? {
            return Err(not_found());
        }
        self.require_write(&trial, caller).await?;
        Ok((record, trial))
    }

    /// Applies a patch to the record as it is now, once. None where somebody else was faster.
    async fn patch_once(&self, id: &str, change: &Change<'_>) -> Result<Option<Record>, Problem> {
        let (record, trial) = self.writable_document(change.caller, id).await?;
        if repeats(&record, &change.cause)? {
            return Ok(Some(record));
        }
        change.if_match.check(&version(&shown(record.clone())))?;
        let mut patched = record.clone();
        merge(&mut patched.0, change.patch);
        if patched == record {
            return Ok(Some(record));
        }
        self.check_move(change.caller, &trial, &patched).await?;
        let moved_file = patched.text("FileLocation") != record.text("FileLocation");
        if moved_file {
            self.point_to_file(&mut patched).await?;
        }
        sign(&mut patched, &change.cause, change.reason.clone(), self.clock.now());
        check_size(&patched.0)?;
        match self.documents.replace(&record, &patched).await {
            Ok(()) if moved_file => self.keep_or_revert(&record, patched, &change.cause).await.map(Some),
            Ok(()) => Ok(Some(patched)),
            Err(ports::Error::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets a document stay in its trial, or move to another where the caller may write.
    async fn check_move(&self, caller: &Caller, from: &TrialId, patched: &Record) -> Result<(), Problem> {
        let to = trial_of(patched).ok_or_else(|| {
            Problem::invalid("TrialId", "Without it the document would belong to no trial.")
                .with_remedy("Give the trial it shall belong to.")
        })?;
        if to == *from { Ok(()) } else { self.require_write(&to, caller).await }
    }
}

/// Refuses what a patch may not say; null removes.
fn check_patch(patch: &Map<String, Value>) -> Result<(), Problem> {
    for (name, value) in patch {
        if KEPT_BY_THE_SERVICE.contains(&name.as_str()) {
            return Err(kept_by_the_service(name));
        }
        if !value.is_null() {
            check(name, value)?;
        } else if NEEDED.contains(&name.as_str()) {
            return Err(Problem::invalid(name, format!("`{name}` cannot be removed, only changed.")));
        }
    }
    Ok(())
}

/// RFC 7396, section 2.
fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(inner) => {
                let member = target.entry(name.as_str()).or_insert(Value::Null);
                if let Some(member) = member.as_object_mut() {
                    merge(member, inner);
                } else {
                    let mut fresh = Map::new();
                    merge(&mut fresh, inner);
                    *member = Value::Object(fresh);
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Change a document's record by a JSON merge patch.
///
/// Null removes a property. Each property can be changed but `_id` and those that the service keeps: `SHA256`, `Version`,
/// `CreatedAt`, `UpdatedAt`, `UpdatedBy`. `Change-Reason` says why, in at most 1,000 characters, percent-encoded where they
/// are not ASCII. With `If-Match`, only the version that was read is changed.
#[utoipa::path(patch, path = "/api/documents/{id}", tag = "documents",
    params(("id" = String, Path), ("Change-Reason" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    request_body(content = Object, content_type = "application/merge-patch+json"),
    responses((status = 200, body = Written<Document>), Problems))]
pub(crate) async fn route(
    State(commands): State<Commands>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    headers: HeaderMap,
    Json(patch): Json<Map<String, Value>>,
) -> Result<Answer<Map<String, Value>>, Problem> {
    let reason = reason_in(&headers)?;
    check_patch(&patch)?;
    let cause = caller.cause(&(&patch, &reason));
    let change = Change { caller: &caller, if_match: &if_match, patch: &patch, reason, cause };
    let _turn = commands.turns.at(&id).await;
    for _ in 0..ATTEMPTS {
        if let Some(record) = commands.patch_once(&id, &change).await? {
            return Ok(answer(record));
        }
    }
    Err(ports::Error::Conflict(format!("document {id} keeps changing")).into())
}

#[cfg(test)]
mod tests;
