//! Names and addresses of people: setting `directory`.

#[cfg(feature = "distributed")]
mod mongodb;
mod sqlite;

use std::sync::Arc;

use ports::{Clock, Directory, Error, Person, Result};

/// Opens the directory that a URL names: `sqlite:<file>`, or `mongodb://<host>/<database>`, where it is the collection `people`.
///
/// # Errors
/// `Rejected` for another URL or a file of another kind, `Unavailable` where it is in use or cannot be reached.
pub async fn open(url: &str, _clock: &Clock) -> Result<Arc<dyn Directory>> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(sqlite::SqliteDirectory::open(path)?)),
        #[cfg(feature = "distributed")]
        Some(("mongodb" | "mongodb+srv", _)) => Ok(Arc::new(mongodb::MongoDirectory::open(url).await?)),
        #[cfg(not(feature = "distributed"))]
        Some((scheme @ ("mongodb" | "mongodb+srv"), _)) => {
            Err(crate::missing_feature("stores.directory", scheme, "distributed"))
        }
        _ => Err(crate::unknown_scheme("stores.directory", url, &["sqlite:<file>", "mongodb://<host>/<database>"])),
    }
}

/// Refuses what is no opaque id: it goes into events and mails.
fn check_user(person: &Person) -> Result<()> {
    let user = &person.user;
    if (1..=64).contains(&user.len()) && user.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
        Ok(())
    } else {
        Err(Error::Rejected(format!("{user:?} is no user id: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'")))
    }
}
