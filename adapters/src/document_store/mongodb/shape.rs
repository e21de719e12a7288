//! What the collection must be: an ordinary one, that keeps each record as it was before and after a change.

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::options::{ChangeStreamPreAndPostImages, IndexOptions};
use mongodb::results::{CollectionSpecification, CollectionType};
use mongodb::{Database, IndexModel};
use ports::{Error, Result};

use crate::mongodb::bounded;

/// What documents are looked up by, each with the order of listing behind it.
const LOOKED_UP_BY: [&str; 2] = ["TrialId", "FileLocation"];
/// Another program made an index on the same properties under another name or with other options.
const INDEX_IS_THERE: [i32; 2] = [85, 86];
const EXISTS: i32 = 48;

/// Makes the collection where it is missing, checks that it is one that can be observed, and has the server keep its images.
///
/// # Errors
/// `Rejected` for a view, a time series, a capped collection, or where a right is missing; each says so.
pub(super) async fn prepare(database: &Database, name: &str) -> Result<()> {
    let found = match specification(database, name).await? {
        Some(found) => found,
        None => {
            create(database, name).await?;
            specification(database, name)
                .await?
                .ok_or_else(|| Error::Unavailable(format!("the collection {name:?} was removed while it was opened")))?
        }
    };
    check(&found).map_err(|what| refused(name, &what))?;
    if !found.options.change_stream_pre_and_post_images.is_some_and(|images| images.enabled) {
        let images = doc! { "collMod": name, "changeStreamPreAndPostImages": { "enabled": true } };
        bounded(database.run_command(images)).await.map_err(|error| needs("collMod", name, error))?;
    }
    for property in LOOKED_UP_BY {
        let index = IndexModel::builder().keys(doc! { property: 1, "_id": 1 });
        let index = index.options(IndexOptions::builder().name(format!("trialbrief_{property}")).build()).build();
        let made = async {
            match database.collection::<Document>(name).create_index(index).await {
                Err(error) if error_code(&error).is_some_and(|code| INDEX_IS_THERE.contains(&code)) => Ok(()),
                made => made.map(drop),
            }
        };
        bounded(made).await.map_err(|error| needs("createIndex", name, error))?;
    }
    Ok(())
}

async fn specification(database: &Database, name: &str) -> Result<Option<CollectionSpecification>> {
    let listed = async { database.list_collections().filter(doc! { "name": name }).await?.try_next().await };
    bounded(listed).await.map_err(|error| needs("listCollections", name, error))
}

async fn create(database: &Database, name: &str) -> Result<()> {
    let images = ChangeStreamPreAndPostImages::builder().enabled(true).build();
    let created = async {
        match database.create_collection(name).change_stream_pre_and_post_images(images).await {
            // Another process was first.
            Err(error) if error_code(&error) == Some(EXISTS) => Ok(()),
            created => created,
        }
    };
    bounded(created).await.map_err(|error| needs("createCollection", name, error))
}

/// What is wrong with a collection.
fn check(found: &CollectionSpecification) -> std::result::Result<(), String> {
    match &found.collection_type {
        CollectionType::View => Err("a view".to_owned()),
        CollectionType::Timeseries => Err("a time series".to_owned()),
        CollectionType::Collection if found.options.timeseries.is_some() => Err("a time series".to_owned()),
        CollectionType::Collection if found.options.capped == Some(true) => Err("a capped collection".to_owned()),
        CollectionType::Collection => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn refused(name: &str, what: &str) -> Error {
    Error::Rejected(format!(
        "{name:?} is {what}; the records must be in an ordinary collection: name another one with ?collection="
    ))
}

/// An error of a call, with the right that it takes.
fn needs(right: &str, name: &str, error: Error) -> Error {
    match error {
        Error::Rejected(why) => Error::Rejected(format!("the user needs the right {right} on {name:?}: {why}")),
        other @ (Error::Conflict(_) | Error::Unavailable(_) | Error::Corrupt(_)) => other,
    }
}

fn error_code(error: &mongodb::error::Error) -> Option<i32> {
    match &*error.kind {
        mongodb::error::ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}
