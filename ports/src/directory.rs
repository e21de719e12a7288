//! People: personal data, and nothing else.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::Result;

/// One person. Events and views know only the opaque `user`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Opaque id, `[A-Za-z0-9._-]{1,64}`.
    pub user: String,
    /// Name for display.
    pub name: String,
    /// Mail address, where the person has one.
    pub address: Option<String>,
    /// False once the person has left: kept, but nothing is sent.
    pub active: bool,
}

/// Names and addresses, read at the moment of use.
#[async_trait]
pub trait Directory: Send + Sync {
    /// One person, or `None`.
    async fn person(&self, user: &str) -> Result<Option<Person>>;
    /// People in order of their id, after the given one.
    async fn people(&self, after: Option<&str>, limit: usize) -> Result<Vec<Person>>;
    /// Adds or replaces a person.
    async fn save(&self, person: &Person) -> Result<()>;
    /// Removes a person; no error if there is none.
    async fn forget(&self, user: &str) -> Result<()>;
}
