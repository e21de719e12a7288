//! The customer's `Documents` collection: setting `documents`.

#[cfg(feature = "distributed")]
mod mongodb;
mod sqlite;

use std::sync::Arc;

use ports::{Clock, DocumentStore, Error, Record, Result};

/// Opens the collection that a URL names: `sqlite:<file>`, where it is the table `documents (id, record)`, or
/// `mongodb://<host>/<database>[?collection=Documents]`.
///
/// # Errors
/// `Rejected` for another URL or a file that holds something else, `Unavailable` where it is in use or cannot be reached,
/// `Corrupt` where what it holds are no JSON objects.
pub async fn open(url: &str, clock: &Clock) -> Result<Arc<dyn DocumentStore>> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(sqlite::SqliteDocumentStore::open(path, clock)?)),
        #[cfg(feature = "distributed")]
        Some(("mongodb" | "mongodb+srv", _)) => Ok(Arc::new(mongodb::MongoDocumentStore::open(url, clock).await?)),
        #[cfg(not(feature = "distributed"))]
        Some((scheme @ ("mongodb" | "mongodb+srv"), _)) => {
            Err(crate::missing_feature("stores.documents", scheme, "distributed"))
        }
        _ => Err(crate::unknown_scheme("stores.documents", url, &["sqlite:<file>", "mongodb://<host>/<database>"])),
    }
}

/// Nobody's write but an expected one goes through.
fn changed_meanwhile(id: &str) -> Error {
    Error::Conflict(format!("record {id:?} is not as expected: somebody changed or removed it"))
}

/// The id of a record that is to be inserted.
fn new_id(record: &Record) -> Result<String> {
    let id = record.id();
    if id.len() == 24 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        Ok(id.to_owned())
    } else {
        Err(Error::Rejected(format!("a new record's _id is 24 lower-case hex digits, not {id:?}")))
    }
}
