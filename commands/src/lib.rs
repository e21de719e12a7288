//! What one may ask Trialbrief to do: one file per command, with its request, its method and its route.
//!
//! A command appends events to one stream at an exact revision, and nothing else; views, files, queue and mail follow from
//! reading the log. The exception is the `Documents` collection: it belongs to the customer, and the log observes it.

mod change_membership;
mod change_subscription;
mod cqrs;
mod delete_document;
mod document_properties;
mod end_subscription;
mod error;
mod keyed;
mod observe_document;
mod open_trial;
mod patch_document;
mod pause_subscription;
mod save_person;
mod send;
mod send_now;
mod store_document;
mod subscribe;
mod unsubscribe;

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use domain::id::UserId;
use http::{Access, Keys};
use ports::{Clock, Directory, DocumentStore, EventLog, FileStore, KeyRing};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use cqrs::Receipt;
pub use error::Error;
pub use observe_document::{DOCUMENT_PROPERTIES, LastChange, Observed, document_of_record};
pub use send::Sender;
pub use store_document::SWEPT_AFTER;
pub use subscribe::{Subscribe, Subscribed};
pub use unsubscribe::unsubscribe_token;

/// What commands need beside the log.
#[derive(Clone)]
pub struct Commands {
    /// Appends.
    pub sender: Sender,
    /// Seals.
    pub keys: Keys,
    /// Who may do what.
    pub access: Access,
    directory: Arc<dyn Directory>,
    documents: Arc<dyn DocumentStore>,
    originals: Arc<dyn FileStore>,
    clock: Clock,
    settings: Arc<Settings>,
    turns: Turns,
}

/// Turns at records: many who change one record at once would read, write and conflict in circles. What holds is still the
/// store's compare-and-set, for other processes know nothing of these turns; two records share one now and then.
#[derive(Clone)]
struct Turns(Arc<[tokio::sync::Mutex<()>]>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..256).map(|_| tokio::sync::Mutex::default()).collect())
    }
}

impl Turns {
    /// Waits for the turn at a record; it lasts until the guard is dropped.
    async fn at(&self, id: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let place = BuildHasherDefault::<DefaultHasher>::default().hash_one(id) as usize % self.0.len();
        self.0[place].lock().await
    }
}

/// What is configured about commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Logical name of the bucket in `FileLocation`.
    pub bucket: String,
    /// The largest upload, in bytes.
    pub largest_upload_bytes: u64,
    /// Who may open trials.
    pub openers: Openers,
}

/// Who may open trials, and so becomes their first coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Openers {
    /// Anybody who is signed in, where no document of the trial is there yet.
    Anyone,
    /// These people only; they also open trials whose documents are there already.
    People(Vec<UserId>),
}

impl Commands {
    /// Commands over these ports.
    #[must_use]
    pub fn new(
        log: Arc<dyn EventLog>,
        documents: Arc<dyn DocumentStore>,
        originals: Arc<dyn FileStore>,
        directory: Arc<dyn Directory>,
        keys: Arc<dyn KeyRing>,
        clock: Clock,
        settings: Settings,
    ) -> Self {
        Self {
            access: Access::new(Arc::clone(&log)),
            sender: Sender::new(log, clock.clone()),
            keys: Keys::new(keys),
            directory,
            documents,
            originals,
            clock,
            settings: Arc::new(settings),
            turns: Turns::default(),
        }
    }
}

/// The routes of all commands, with their documentation.
pub fn routes() -> OpenApiRouter<Commands> {
    OpenApiRouter::new()
        .routes(routes!(store_document::route))
        .routes(routes!(patch_document::route, delete_document::route))
        .routes(routes!(subscribe::route))
        .routes(routes!(change_subscription::route))
        .routes(routes!(end_subscription::route))
        .routes(routes!(pause_subscription::pause))
        .routes(routes!(pause_subscription::resume))
        .routes(routes!(send_now::route))
        .routes(routes!(unsubscribe::show, unsubscribe::end))
        .routes(routes!(open_trial::route))
        .routes(routes!(change_membership::grant, change_membership::revoke))
        .routes(routes!(save_person::route))
}
