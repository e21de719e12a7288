//! Deleting a document: its record is marked and gone for everybody, then its file goes, then the record.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use domain::id::DocumentId;
use http::document::{is_leaving, object_key, shown, version};
use http::{Caller, IfMatch, Path, Problem, Problems};
use ports::{Error, Record};

use crate::Commands;
use crate::document_properties::reason_in;
use crate::keyed::repeats;
use crate::store_document::mark;

/// How often it is tried again when somebody else wrote the record meanwhile.
const ATTEMPTS: usize = 8;

impl Commands {
    /// Finishes what a marked record began: removes its file, unless another record points to it, then the record. Again is
    /// no error. Files outside of our bucket's `trials/` are left alone.
    ///
    /// # Errors
    /// A port's error.
    pub async fn finish_delete(&self, marked: &Record) -> ports::Result<()> {
        // Two that leave at once must not wait for each other: only a record that stays keeps the file.
        if let Some(key) = object_key(marked, &self.settings.bucket)
            && self.is_last(marked).await?
        {
            self.originals.delete(&key).await?;
        }
        match self.documents.delete(marked).await {
            // Somebody finished it, or another program wrote the record anew: then it is theirs.
            Ok(()) | Err(Error::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The record that this very command has marked, where a crash or a lost answer came in between.
    async fn marked_before(&self, caller: &Caller, id: &str) -> Result<Option<Record>, Problem> {
        let Ok(id) = DocumentId::parse("id", id) else { return Ok(None) };
        let record = self.documents.get(id.as_str()).await?.filter(is_leaving);
        match record {
            Some(record) if repeats(&record, &caller.cause(&()))? => Ok(Some(record)),
            Some(_) | None => Ok(None),
        }
    }
}

/// Delete a document and its file. A file that another document points to as well goes with the last of them.
///
/// `Change-Reason` says why, in at most 1,000 characters, percent-encoded where they are not ASCII. With `If-Match`, only the
/// version that was read is deleted. What is deleted already is answered with 404.
#[utoipa::path(delete, path = "/api/documents/{id}", tag = "documents",
    params(("id" = String, Path), ("Change-Reason" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 204, description = "It is gone"), Problems))]
pub(crate) async fn route(
    State(commands): State<Commands>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let reason = reason_in(&headers)?;
    if let Some(marked) = commands.marked_before(&caller, &id).await? {
        commands.finish_delete(&marked).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let cause = caller.cause(&());
    for _ in 0..ATTEMPTS {
        let (record, _) = commands.writable_document(&caller, &id).await?;
        // The key has stored or changed this document before.
        repeats(&record, &cause)?;
        if_match.check(&version(&shown(record.clone())))?;
        let mut marked = record.clone();
        mark(&mut marked, &cause, reason.clone(), commands.clock.now(), true);
        match commands.documents.replace(&record, &marked).await {
            Ok(()) => {
                commands.finish_delete(&marked).await?;
                return Ok(StatusCode::NO_CONTENT);
            }
            Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Conflict(format!("document {id} keeps changing")).into())
}
