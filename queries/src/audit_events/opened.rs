//! The sealed texts in an event's data.

use std::collections::BTreeMap;

use domain::id::TrialId;
use domain::sealed::Sealed;
use http::Keys;
use ports::Result;
use serde_json::Value;

/// Opens the sealed texts that belong to a trial, by their JSON pointer; none where a key was destroyed.
pub(super) async fn opened(keys: &Keys, data: &Value, trial: &TrialId) -> Result<BTreeMap<String, Option<String>>> {
    let mut sealed = Vec::new();
    collect(data, String::new(), trial, &mut sealed);
    let mut opened = BTreeMap::new();
    for (path, sealed) in sealed {
        opened.insert(path, keys.open(&sealed).await?);
    }
    Ok(opened)
}

fn collect(value: &Value, path: String, trial: &TrialId, sealed: &mut Vec<(String, Sealed)>) {
    match value {
        Value::Object(members) => {
            if let (2, Some(Value::String(owner)), Some(Value::String(text))) =
                (members.len(), members.get("owner"), members.get("text"))
            {
                sealed.push((path, Sealed { owner: owner.clone(), text: text.clone() }));
                return;
            }
            // A document that moved: what it was in the other trial is not this coordinator's to read.
            if members.get("trial").is_some_and(|named| named != trial.as_str()) {
                return;
            }
            for (name, member) in members {
                collect(member, format!("{path}/{name}"), trial, sealed);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                collect(item, format!("{path}/{i}"), trial, sealed);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
