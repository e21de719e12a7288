//! What every aggregate is: a pure decision and a pure fold.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Pure rules over one stream; the state's default is "nothing yet". Time and look-ups arrive inside the command.
pub trait Aggregate: Default + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The first part of its streams' names.
    const CATEGORY: &'static str;
    /// What one may ask.
    type Command: Clone + Debug + Send + Sync;
    /// What may have happened.
    type Event: Event;
    /// Why not.
    type Refusal: Refusal;

    /// What follows from a command in this state: events, none where nothing would change, or a refusal.
    ///
    /// # Errors
    /// The refusal.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// Takes an event in. It happened, so it is never refused.
    fn apply(&mut self, event: &Self::Event);
}

/// A stored fact. The variant's name is its type, for ever; the enum is tagged `type`, its content `data`.
pub trait Event: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static {
    /// The type's name.
    fn kind(&self) -> &'static str;

    /// The tagged value that is stored.
    ///
    /// # Errors
    /// Where the data have no JSON.
    fn to_json(&self) -> serde_json::Result<Value>;

    /// The event of a tagged value.
    ///
    /// # Errors
    /// Where it is of no known type or shape.
    fn from_json(tagged: Value) -> serde_json::Result<Self>;

    /// Version of the type's data.
    fn version(&self) -> u32 {
        1
    }

    /// Turns the data of an older version into today's.
    #[must_use]
    fn lift(_kind: &str, _version: u32, data: Value) -> Value {
        data
    }
}

/// The JSON of an event: no generic function, so that it is compiled here and not in each crate that stores or reads events.
macro_rules! stored_as_json {
    () => {
        fn to_json(&self) -> serde_json::Result<serde_json::Value> {
            serde_json::to_value(self)
        }

        fn from_json(tagged: serde_json::Value) -> serde_json::Result<Self> {
            serde_json::from_value(tagged)
        }
    };
}
pub(crate) use stored_as_json;

/// Which HTTP status a refusal becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// What was asked can never be done: 422.
    Invalid,
    /// The present state forbids it: 409.
    Conflict,
    /// This caller may not: 403.
    Forbidden,
}

/// The business said no, in one sentence (`Display`).
pub trait Refusal: std::error::Error + Clone + PartialEq + Send + Sync + 'static {
    /// Kebab-case; ends the problem's type URI.
    fn code(&self) -> &'static str;
    /// Which status it becomes.
    fn kind(&self) -> RefusalKind;
}

/// Stored data that is no event we know. It stops the reader; it is never skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} version {version}: {detail}")]
pub struct Undecodable {
    /// The type's name.
    pub kind: String,
    /// Version of its data.
    pub version: u32,
    /// What is wrong.
    pub detail: String,
}

/// The event's data as it is stored: a JSON object.
#[must_use]
pub fn encode<E: Event>(event: &E) -> Vec<u8> {
    match event.to_json() {
        Ok(Value::Object(mut tagged)) => tagged.remove("data").unwrap_or_default().to_string().into_bytes(),
        Ok(_) | Err(_) => unreachable!("an event is a tagged enum of plain data"),
    }
}

/// An event from its stored form.
///
/// # Errors
/// Where it is of no known type or shape.
pub fn decode<E: Event>(kind: &str, version: u32, data: &[u8]) -> Result<E, Undecodable> {
    let undecodable = |detail: String| Undecodable { kind: kind.to_owned(), version, detail };
    let data: Value = serde_json::from_slice(data).map_err(|e| undecodable(e.to_string()))?;
    let event = E::from_json(json!({"type": kind, "data": E::lift(kind, version, data)}))
        .map_err(|e| undecodable(e.to_string()))?;
    if version > event.version() {
        return Err(undecodable(format!("this program knows versions up to {}", event.version())));
    }
    Ok(event)
}

/// The state that stored events fold to.
///
/// # Errors
/// Where one of them cannot be decoded.
pub fn replay<'a, A: Aggregate>(events: impl IntoIterator<Item = (&'a str, u32, &'a [u8])>) -> Result<A, Undecodable> {
    events.into_iter().try_fold(A::default(), |mut state, (kind, version, data)| {
        state.apply(&decode(kind, version, data)?);
        Ok(state)
    })
}
