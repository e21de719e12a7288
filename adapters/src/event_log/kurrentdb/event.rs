//! An event of ours as KurrentDB holds it.
//!
//! Its type is `<type>.v<version>`, its data is JSON, its metadata are ours, byte for byte: what one sees in KurrentDB's own pages.

use ::kurrentdb::{EventData, RecordedEvent};
use ports::{Error, NewEvent, Position, Result, StoredEvent};
use serde_json::value::RawValue;

/// # Errors
/// `Rejected` where the data is not JSON, or has blanks around it, which the client would cut off.
pub(super) fn proposed(event: &NewEvent) -> Result<EventData> {
    let rejected = |why: String| Error::Rejected(format!("the data of the event {}: {why}", event.id));
    let data: &RawValue = serde_json::from_slice(&event.data).map_err(|e| rejected(format!("no JSON: {e}")))?;
    if data.get().len() != event.data.len() {
        return Err(rejected("blanks around the JSON".to_owned()));
    }
    let kind = format!("{}.v{}", event.kind, event.version);
    let proposed = EventData::json(kind, &data).map_err(|e| rejected(e.to_string()))?;
    Ok(proposed.id(event.id).metadata(event.metadata.clone()))
}

/// # Errors
/// `Corrupt`, naming stream and revision, where something else wrote it.
pub(super) fn stored(recorded: &RecordedEvent, prefix: &str) -> Result<StoredEvent> {
    let name = recorded.stream_id();
    let foreign = |what: &str| {
        let revision = recorded.revision;
        Error::Corrupt(format!("{name}@{revision} in KurrentDB was not written by this program: {what}"))
    };
    let stream = name.strip_prefix(prefix).ok_or_else(|| foreign("another prefix"))?;
    let versioned =
        recorded.event_type.rsplit_once(".v").and_then(|(kind, version)| Some((kind, version.parse().ok()?)));
    let (kind, version) = versioned
        .ok_or_else(|| foreign(&format!("its type is {:?} instead of <type>.v<version>", recorded.event_type)))?;
    Ok(StoredEvent {
        stream: stream.to_owned(),
        revision: recorded.revision,
        position: position(recorded.position),
        event: NewEvent {
            id: recorded.id,
            kind: kind.to_owned(),
            version,
            data: recorded.data.clone(),
            metadata: recorded.custom_metadata.clone(),
        },
    })
}

/// The client's position as the ports have it.
pub(super) fn position(position: ::kurrentdb::Position) -> Position {
    Position { commit: position.commit, prepare: position.prepare }
}

/// A position as the client has it.
pub(super) fn client_position(position: Position) -> ::kurrentdb::Position {
    ::kurrentdb::Position { commit: position.commit, prepare: position.prepare }
}
