//! What Trialbrief needs from outside: a handful of async traits over bytes, positions and errors.
//!
//! A port knows no trial. Each is held as `Arc<dyn Port>`; every adapter passes the port's contract suite
//! (`adapters/tests`), and what is not in that suite may not be relied on.

mod clock;
mod directory;
mod document_store;
mod event_log;
mod file_store;
mod key_ring;
mod leases;
mod mailer;
mod view_store;
mod work_queue;
mod worker;

use std::sync::Arc;

pub use clock::Clock;
pub use directory::{Directory, Person};
pub use document_store::{Change, ChangeToken, DocumentStore, Place, Record, RecordFilter};
pub use event_log::{
    Categories, Cause, EventFeed, EventHash, EventLog, Expected, Fed, MAX_APPEND_BYTES, Metadata, NewEvent, Origin,
    Position, StoredEvent,
};
pub use file_store::{ByteStream, FileBody, FileEntry, FileKey, FileStore};
pub use key_ring::{Key, KeyRing};
pub use leases::Leases;
pub use mailer::{Accepted, Mail, Mailer, NotSent};
pub use view_store::{Find, FindRange, Order, ROWS_VERSION, Table, ViewStore, Write};
pub use work_queue::{Taken, Work, WorkKind, WorkQueue};
pub use worker::{Step, Worker, settle, settle_in_any_order};

/// Why a port did not do what it was asked: the four kinds a retry may look at. The text is for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Somebody else was first: the expected revision, position or content is no longer there.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The other side cannot be reached or has no room now; the same call may succeed later.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The other side will never take this call as it is.
    #[error("rejected: {0}")]
    Rejected(String),
    /// What was read is not what was written.
    #[error("corrupt: {0}")]
    Corrupt(String),
}

/// What every port method answers.
pub type Result<T> = std::result::Result<T, Error>;

/// All ports of one running program. Only the wiring holds it whole: a constructor takes the ports it uses, by name.
#[derive(Clone)]
pub struct Ports {
    /// Appends to and reads single streams.
    pub log: Arc<dyn EventLog>,
    /// The whole log, in order.
    pub feed: Arc<dyn EventFeed>,
    /// The customer's `Documents` collection.
    pub documents: Arc<dyn DocumentStore>,
    /// Rows of the projections.
    pub views: Arc<dyn ViewStore>,
    /// Files as people uploaded them.
    pub originals: Arc<dyn FileStore>,
    /// Thumbnails and PDFs, named by their SHA-256.
    pub derived: Arc<dyn FileStore>,
    /// Spreads work over workers, and forgets it freely.
    pub queue: Arc<dyn WorkQueue>,
    /// Which process does what only one should do.
    pub leases: Arc<dyn Leases>,
    /// Hands a mail to the world.
    pub mailer: Arc<dyn Mailer>,
    /// Names and addresses of people.
    pub directory: Arc<dyn Directory>,
    /// Keys of sealed text.
    pub keys: Arc<dyn KeyRing>,
    /// The only source of the present time.
    pub clock: Clock,
}
