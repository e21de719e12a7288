//! Which commands with an `Idempotency-Key` have written a record: the last of them are kept in its `LastChange`.
//!
//! The log cannot tell, for it learns of a write only when the relay has seen it.

use http::Problem;
use ports::{Cause, Record};
use serde_json::{Value, json};

use crate::observe_document::LAST_CHANGE;

/// How many are kept.
const MOST: usize = 8;

/// The member of `LastChange` that keeps those before the last.
const EARLIER: &str = "Earlier";

/// Whether this very command has written the record, also where others have since.
///
/// # Errors
/// 422 where its `Idempotency-Key` came with another request then.
pub(crate) fn repeats(record: &Record, cause: &Cause) -> Result<bool, Problem> {
    let command = cause.command.to_string();
    match commands(record).iter().find(|earlier| earlier["CommandId"] == *command) {
        None => Ok(false),
        Some(earlier) if earlier["Request"].as_str() == cause.request.as_deref() => Ok(true),
        Some(_) => Err(Problem::key_reused()),
    }
}

/// The commands with a key that have written the record, the last one first: their ids and the hashes of their requests.
pub(crate) fn commands(record: &Record) -> Vec<Value> {
    let Some(last) = record.0.get(LAST_CHANGE) else { return Vec::new() };
    let earlier = last.get(EARLIER).and_then(Value::as_array).into_iter().flatten();
    std::iter::once(last)
        .chain(earlier)
        .filter(|change| change.get("Request").is_some_and(Value::is_string))
        .map(|change| json!({"CommandId": change.get("CommandId"), "Request": change.get("Request")}))
        .take(MOST)
        .collect()
}

/// Keeps these commands in a record that was marked anew.
pub(crate) fn keep(record: &mut Record, commands: Vec<Value>) {
    if let Some(last) = record.0.get_mut(LAST_CHANGE)
        && !commands.is_empty()
    {
        last[EARLIER] = commands.into();
    }
}
