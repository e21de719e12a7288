//! Leases in a JetStream key-value bucket: a role's key is its holder's, until it grows too old.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::kv::{
    Config, CreateErrorKind, DeleteErrorKind, EntryError, Operation, Store, UpdateErrorKind,
};
use async_trait::async_trait;
use bytes::Bytes;
use ports::{Error, Leases, Result};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::nats::Nats;

/// How long a holder that says nothing keeps a role.
const LASTS: Duration = Duration::from_secs(6);

/// The leases of one process.
pub(super) struct NatsLeases {
    nats: Nats,
    store: Store,
    /// Names this process in the bucket.
    holder: Bytes,
    /// The revision of each role that this process has.
    held: Mutex<HashMap<String, u64>>,
    _made_again: JoinSet<()>,
}

/// Makes the bucket, or brings the one that is there to what is needed.
async fn make(nats: &Nats) -> Result<Store> {
    let bucket = format!("{}-leases", nats.options.prefix);
    let config = Config {
        bucket: bucket.clone(),
        description: "Trialbrief: which process does what only one should do".to_owned(),
        history: 1,
        max_age: LASTS,
        num_replicas: nats.options.replicas,
        ..Config::default()
    };
    nats.jetstream.create_or_update_key_value(config).await.map_err(|error| {
        Error::Rejected(format!("setting \"stores.queue\": the bucket {bucket:?} cannot be made or changed: {error}"))
    })
}

impl NatsLeases {
    /// Makes the bucket.
    pub(super) async fn open(url: &str) -> Result<Self> {
        let nats = Nats::connect(url).await?;
        let store = make(&nats).await?;
        let made_again = nats.make_again(async |nats| make(&nats).await.map(drop));
        let holder = Uuid::new_v4().simple().to_string().into();
        Ok(Self { nats, store, holder, held: Mutex::default(), _made_again: made_again })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes our name over a revision of the role; none where it is another by now.
    async fn renew(&self, role: &str, revision: u64) -> Result<Option<u64>> {
        match self.store.update(role, self.holder.clone(), revision).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) => match error.kind() {
                UpdateErrorKind::WrongLastRevision => Ok(None),
                UpdateErrorKind::InvalidKey => Err(Error::Rejected(format!("the role {role:?} is no name of a lease"))),
                UpdateErrorKind::TimedOut | UpdateErrorKind::Other => Err(unavailable(&error)),
            },
        }
    }

    /// Takes a role that nobody has.
    async fn create(&self, role: &str) -> Result<Option<u64>> {
        match self.store.create(role, self.holder.clone()).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) => match error.kind() {
                CreateErrorKind::AlreadyExists => Ok(None),
                CreateErrorKind::InvalidKey => Err(Error::Rejected(format!("the role {role:?} is no name of a lease"))),
                CreateErrorKind::Publish | CreateErrorKind::Ack | CreateErrorKind::Other => Err(unavailable(&error)),
            },
        }
    }

    /// The revision at which the bucket names us: what we wrote may stand there though its answer was lost.
    async fn ours(&self, role: &str) -> Result<Option<u64>> {
        let entry = self.store.entry(role).await.map_err(|error: EntryError| unavailable(&error))?;
        let ours = entry.filter(|entry| entry.operation == Operation::Put && entry.value == self.holder);
        Ok(ours.map(|entry| entry.revision))
    }

    async fn take_or_keep(&self, role: &str) -> Result<Option<u64>> {
        let known = self.held().get(role).copied();
        if let Some(revision) = known
            && let Some(revision) = self.renew(role, revision).await?
        {
            return Ok(Some(revision));
        }
        if let Some(revision) = self.create(role).await? {
            return Ok(Some(revision));
        }
        match self.ours(role).await? {
            Some(revision) => self.renew(role, revision).await,
            None => Ok(None),
        }
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> Error {
    Error::Unavailable(format!("NATS: {error}"))
}

#[async_trait]
impl Leases for NatsLeases {
    async fn hold(&self, role: &str) -> Result<bool> {
        let revision = self.nats.bounded(self.take_or_keep(role)).await.inspect_err(|_| self.nats.doubt())?;
        let mut held = self.held();
        match revision {
            Some(revision) => held.insert(role.to_owned(), revision),
            None => held.remove(role),
        };
        Ok(revision.is_some())
    }

    async fn release(&self, role: &str) -> Result<()> {
        let known = self.held().remove(role);
        let Some(revision) = known else { return Ok(()) };
        let deleted = async {
            match self.store.delete_expect_revision(role, Some(revision)).await {
                Ok(()) => Ok(()),
                Err(error) if error.kind() == DeleteErrorKind::WrongLastRevision => Ok(()),
                Err(error) => Err(unavailable(&error)),
            }
        };
        self.nats.bounded(deleted).await
    }
}
