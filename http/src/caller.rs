//! Who asks, and under which command id.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::id::{UserId, derive};
use ports::Cause;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Problem;

#[cfg(test)]
mod tests;

/// The header by which a repeated request is recognised.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The longest key, in characters.
const LONGEST_KEY: usize = 200;

/// Tells who sent a request. One is put into the request's extensions, as `Arc<dyn SignIn>`, when the router is wired.
#[async_trait]
pub trait SignIn: Send + Sync {
    /// The person, or `None` where nobody is signed in.
    ///
    /// # Errors
    /// A request that must not be served at all.
    async fn user(&self, parts: &Parts) -> Result<Option<UserId>, Problem>;
}

/// The id of the trace that a request belongs to: an extension of the request, put there when it arrives. It becomes the
/// correlation of all that follows from the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace(pub Uuid);

/// Who asks, and the command's id. Its extraction fails with 401 where nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub user: UserId,
    /// Derived from person and `Idempotency-Key` where there is one, else random.
    pub command: Uuid,
    /// Shared by all that follows from this request.
    pub correlation: Uuid,
    /// Whether the request came with an `Idempotency-Key`.
    pub keyed: bool,
    /// Method and path; the same key on another route is another request.
    pub route: String,
}

impl Caller {
    /// Somebody asking without a key.
    #[must_use]
    pub fn unkeyed(user: UserId) -> Self {
        let command = Uuid::new_v4();
        Self { user, command, correlation: command, keyed: false, route: String::new() }
    }

    /// Somebody asking under an `Idempotency-Key`.
    #[must_use]
    pub fn keyed(user: UserId, key: &str) -> Self {
        let command = derive("command", &[user.as_str(), key]);
        Self { user, command, correlation: command, keyed: true, route: String::new() }
    }

    /// The cause of what follows from this request. `request` is what was asked, without what differs from one
    /// repetition to the next; its hash is kept where there is a key.
    #[must_use]
    pub fn cause(&self, request: &impl Serialize) -> Cause {
        Cause {
            actor: self.user.as_str().to_owned(),
            command: self.command,
            correlation: self.correlation,
            causation: None,
            request: self.keyed.then(|| request_hash(&self.route, request)),
        }
    }
}

/// SHA-256, in hex, of the canonical JSON of route and request.
fn request_hash(route: &str, request: &impl Serialize) -> String {
    // Only maps whose keys are no texts fail here, and requests came as JSON.
    let request = serde_json::to_value(request).unwrap_or_default();
    hex::encode(Sha256::digest(canonical(&json!([route, request]))))
}

/// JSON without spaces, members in the order of their names: whether or not `serde_json` keeps an order.
fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (i, (name, member)) in members.into_iter().enumerate() {
                text.push_str(if i == 0 { "" } else { "," });
                // Writing to a String does not fail.
                let _ = write!(text, "{}:", Value::from(name.as_str()));
                write_canonical(member, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                text.push_str(if i == 0 { "" } else { "," });
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = write!(text, "{value}");
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let sign_in = parts.extensions.get::<Arc<dyn SignIn>>().cloned();
        let sign_in = sign_in.ok_or_else(|| Problem::internal("no sign-in is wired"))?;
        let user = sign_in.user(parts).await?.ok_or_else(Problem::unauthenticated)?;
        let caller = match key(parts)? {
            Some(key) => Self::keyed(user, key),
            None => Self::unkeyed(user),
        };
        let correlation = parts.extensions.get::<Trace>().map_or(caller.correlation, |trace| trace.0);
        Ok(Self { route: format!("{} {}", parts.method, parts.uri.path()), correlation, ..caller })
    }
}

fn key(parts: &Parts) -> Result<Option<&str>, Problem> {
    let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(key)),
        Ok(_) | Err(_) => Err(Problem::invalid(
            IDEMPOTENCY_KEY,
            format!("The key must have 1 to {LONGEST_KEY} visible ASCII characters, such as a random UUID."),
        )),
    }
}
