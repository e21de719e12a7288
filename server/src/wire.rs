//! From URLs to ports: the only place that holds all of them, and the only one that may ask for the machine's clock.

use ports::{Clock, Ports, Result};

use crate::config::Settings;

/// Where each port is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    /// The event log and its feed.
    pub events: String,
    /// The `Documents` collection.
    pub documents: String,
    /// Rows of the projections.
    pub views: String,
    /// People.
    pub directory: String,
    /// Keys of sealed text.
    pub keys: String,
    /// Originals and derived files.
    pub files: String,
    /// Work.
    pub queue: String,
    /// Mail.
    pub mail: String,
}

impl Urls {
    /// The embedded default below one directory.
    #[must_use]
    pub fn embedded(data: &str) -> Self {
        Self {
            events: format!("sqlite:{data}/events.db"),
            documents: format!("sqlite:{data}/documents.db"),
            views: format!("sqlite:{data}/views.db"),
            directory: format!("sqlite:{data}/directory.db"),
            keys: format!("sqlite:{data}/keys.db"),
            files: format!("file:{data}/files"),
            queue: "memory:".to_owned(),
            mail: format!("outbox:{data}/outbox"),
        }
    }

    /// As configured.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let stores = &settings.stores;
        let [events, documents, views, directory, keys, files, queue, mail] = [
            &stores.events,
            &stores.documents,
            &stores.views,
            &stores.directory,
            &stores.keys,
            &stores.files,
            &stores.queue,
            &settings.mail.url,
        ]
        .map(|url| String::from(&**url));
        Self { events, documents, views, directory, keys, files, queue, mail }
    }
}

/// Opens every port.
///
/// # Errors
/// The first that cannot be opened, with what it found.
pub async fn connect(urls: &Urls, clock: Clock) -> Result<Ports> {
    // The log first: a second program on the same data is refused before it touches anything else.
    let (log, feed) = adapters::event_log::open(&urls.events, &clock).await?;
    let (originals, derived) = adapters::file_store::open(&urls.files, &clock).await?;
    Ok(Ports {
        log,
        feed,
        documents: adapters::document_store::open(&urls.documents, &clock).await?,
        views: adapters::view_store::open(&urls.views, &clock).await?,
        originals,
        derived,
        queue: adapters::work_queue::open(&urls.queue, &clock).await?,
        leases: adapters::leases::open(&urls.queue).await?,
        mailer: adapters::mailer::open(&urls.mail, &clock)?,
        directory: adapters::directory::open(&urls.directory, &clock).await?,
        keys: adapters::key_ring::open(&urls.keys, &clock).await?,
        clock,
    })
}
