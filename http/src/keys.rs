//! Sealing and opening of free text under the keys of their owners.

use std::sync::Arc;

use domain::id::{DocumentId, TrialId, UserId};
use domain::sealed::{Sealed, fingerprint};
use ports::{Error, Key, KeyRing, Result};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

/// The key of what belongs to nobody: addresses' fingerprints and unsubscribe tokens.
const SERVICE: &str = "service";

/// Seals and opens.
#[derive(Clone)]
pub struct Keys {
    ring: Arc<dyn KeyRing>,
    /// Asked for once: it is nobody's, so that nobody's erasure destroys it.
    service: Arc<OnceCell<Key>>,
}

impl Keys {
    /// Uses the keys of a ring.
    #[must_use]
    pub fn new(ring: Arc<dyn KeyRing>) -> Self {
        Self { ring, service: Arc::default() }
    }

    /// The name of a document's key.
    #[must_use]
    pub fn document(document: &DocumentId) -> String {
        format!("document/{document}")
    }

    /// The name of a person's key.
    #[must_use]
    pub fn person(user: &UserId) -> String {
        format!("person/{user}")
    }

    /// The name of a trial's key.
    #[must_use]
    pub fn trial(trial: &TrialId) -> String {
        format!("trial/{trial}")
    }

    /// The owner's key, made and durable at first use; none where it was destroyed.
    ///
    /// # Errors
    /// The key ring's.
    pub async fn key(&self, owner: &str) -> Result<Option<Key>> {
        self.ring.key(owner).await
    }

    async fn usable(&self, owner: &str) -> Result<Key> {
        let key = self.key(owner).await?;
        key.ok_or_else(|| Error::Rejected(format!("the key of {owner} was destroyed; nothing can be sealed under it")))
    }

    /// The service's own key.
    ///
    /// # Errors
    /// The key ring's.
    pub async fn service(&self) -> Result<Key> {
        self.service.get_or_try_init(|| self.usable(SERVICE)).await.cloned()
    }

    /// The owner's key for several texts and values, asked for once; it is durable before this returns.
    ///
    /// # Errors
    /// The key ring's; `Rejected` where the key was destroyed.
    pub async fn of_owner(&self, owner: String) -> Result<OwnersKey> {
        Ok(OwnersKey { key: self.usable(&owner).await?, owner })
    }

    /// Seals a text under its owner's key, which is durable before this returns.
    ///
    /// # Errors
    /// The key ring's; `Rejected` where the key was destroyed.
    pub async fn seal(&self, owner: &str, text: &[u8]) -> Result<Sealed> {
        Ok(Sealed::seal(owner, &self.usable(owner).await?.0, text))
    }

    /// Opens a text; none where its key was destroyed, or is not in this ring. It makes no key: one made for a text that an older
    /// ring cannot open would stand in the way of the right one.
    ///
    /// # Errors
    /// The key ring's; `Corrupt` where the text was altered.
    pub async fn open(&self, sealed: &Sealed) -> Result<Option<String>> {
        let Some(key) = self.ring.existing(&sealed.owner).await? else { return Ok(None) };
        let text = sealed.open(&key.0).map_err(|e| Error::Corrupt(format!("{}: {e}", sealed.owner)))?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    /// Opens a sealed record; an empty one where its key was destroyed, or is not in this ring.
    ///
    /// # Errors
    /// The key ring's; `Corrupt` where it was altered.
    pub async fn open_record(&self, sealed: &Sealed) -> Result<Map<String, Value>> {
        let Some(text) = self.open(sealed).await? else { return Ok(Map::new()) };
        serde_json::from_str(&text).map_err(|e| Error::Corrupt(format!("{}: {e}", sealed.owner)))
    }

    /// Tells equal values of an owner apart from others, without telling them.
    ///
    /// # Errors
    /// The key ring's; `Rejected` where the key was destroyed.
    pub async fn fingerprint(&self, owner: &str, value: &[u8]) -> Result<String> {
        Ok(fingerprint(&self.usable(owner).await?.0, value))
    }

    /// The name under which an address is known in events.
    ///
    /// # Errors
    /// The key ring's.
    pub async fn address(&self, address: &str) -> Result<String> {
        Ok(fingerprint(&self.service().await?.0, address.trim().to_lowercase().as_bytes()))
    }
}

/// The key of one owner, in hand: for as long as one command takes, and no longer, for it may be destroyed.
pub struct OwnersKey {
    owner: String,
    key: Key,
}

impl OwnersKey {
    /// As [`Keys::seal`].
    #[must_use]
    pub fn seal(&self, text: &[u8]) -> Sealed {
        Sealed::seal(self.owner.as_str(), &self.key.0, text)
    }

    /// As [`Keys::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self, value: &[u8]) -> String {
        fingerprint(&self.key.0, value)
    }
}
