//! What one may ask Trialbrief to tell: one file per question, with its method and its route.
//!
//! A query reads views, streams and files, and writes nothing.

mod audit_events;
mod audit_stream;
mod cut;
mod download_document;
mod download_report;
mod find_document;
mod list_documents;
mod list_people;
mod list_reports;
mod list_subscriptions;
mod list_trials;
mod report_content;
mod report_deliveries;
mod schedule_preview;
mod trial_members;
mod trial_summary;

use std::sync::Arc;

use futures::TryStreamExt;
use http::{Access, Keys};
use ports::{Clock, Directory, DocumentStore, EventFeed, EventLog, FileBody, FileStore, KeyRing, ViewStore};
use projections::Views;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use find_document::{Finding, Findings};
pub use report_content::{Prepared, Printed};

/// What queries read.
#[derive(Clone)]
pub struct Queries {
    /// The views.
    pub views: Views,
    /// Opens what is sealed.
    pub keys: Keys,
    /// Who may see what.
    pub access: Access,
    /// The whole log.
    pub feed: Arc<dyn EventFeed>,
    log: Arc<dyn EventLog>,
    documents: Arc<dyn DocumentStore>,
    originals: Arc<dyn FileStore>,
    derived: Arc<dyn FileStore>,
    directory: Arc<dyn Directory>,
    clock: Clock,
    settings: Arc<Settings>,
}

/// What is configured about queries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Logical name of the bucket in `FileLocation`.
    pub bucket: String,
    /// Where people reach the product, without a slash at the end.
    pub base_url: String,
}

impl Queries {
    /// Queries over these ports.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "a constructor takes the ports it uses, by name")]
    pub fn new(
        views: Arc<dyn ViewStore>,
        log: Arc<dyn EventLog>,
        feed: Arc<dyn EventFeed>,
        documents: Arc<dyn DocumentStore>,
        originals: Arc<dyn FileStore>,
        derived: Arc<dyn FileStore>,
        directory: Arc<dyn Directory>,
        keys: Arc<dyn KeyRing>,
        clock: Clock,
        settings: Settings,
    ) -> Self {
        Self {
            views: Views::new(views),
            keys: Keys::new(keys),
            access: Access::new(Arc::clone(&log)),
            feed,
            log,
            documents,
            originals,
            derived,
            directory,
            clock,
            settings: Arc::new(settings),
        }
    }
}

/// A small file in one piece.
///
/// # Errors
/// `Unavailable` where the stream breaks.
pub async fn collect(body: FileBody) -> ports::Result<Vec<u8>> {
    body.stream
        .try_fold(Vec::new(), |mut bytes, chunk| async move {
            bytes.extend_from_slice(&chunk);
            Ok(bytes)
        })
        .await
        .map_err(|e| ports::Error::Unavailable(format!("a file: {e}")))
}

/// The routes of all queries, with their documentation.
pub fn routes() -> OpenApiRouter<Queries> {
    OpenApiRouter::new()
        .routes(routes!(list_documents::route))
        .routes(routes!(find_document::route))
        .routes(routes!(find_document::findings))
        .routes(routes!(download_document::route))
        .routes(routes!(download_document::thumbnail))
        .routes(routes!(list_trials::route))
        .routes(routes!(trial_summary::route))
        .routes(routes!(trial_members::route))
        .routes(routes!(list_people::route))
        .routes(routes!(list_subscriptions::route))
        .routes(routes!(list_subscriptions::find))
        .routes(routes!(schedule_preview::route))
        .routes(routes!(list_reports::route))
        .routes(routes!(list_reports::find))
        .routes(routes!(download_report::route))
        .routes(routes!(report_deliveries::route))
        .routes(routes!(audit_events::route))
        .routes(routes!(audit_stream::route))
}
