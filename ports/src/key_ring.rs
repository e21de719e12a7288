//! Keys of sealed text, outside the log.

use async_trait::async_trait;

use crate::Result;

/// A secret of 256 bits. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub [u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// One key per owner (a document or a person). Destroying it erases all that it sealed.
#[async_trait]
pub trait KeyRing: Send + Sync {
    /// The owner's key, made and durable at first use; `None` once destroyed, for ever.
    async fn key(&self, owner: &str) -> Result<Option<Key>>;
    /// The owner's key as it is: `None` where none was made yet or it was destroyed. Makes none.
    async fn existing(&self, owner: &str) -> Result<Option<Key>>;
    /// Owners with their keys (`None` where it was destroyed), in order of the owner, after the given one: for moving to another
    /// engine.
    async fn owners(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, Option<Key>)>>;
    /// Takes over an owner's key, or that it was destroyed, from another engine. `Conflict` where the owner has another key here,
    /// or where it was destroyed here.
    async fn adopt(&self, owner: &str, key: Option<&Key>) -> Result<()>;
    /// Forgets the key and never makes another for this owner.
    async fn destroy(&self, owner: &str) -> Result<()>;
}
