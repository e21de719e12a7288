//! `Documents` as a collection of MongoDB, which other programs write too: the change stream tells what they all wrote.

mod expected;
mod feed;
mod place;
mod reader;
mod record;
mod shape;

use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use percent_encoding::percent_decode_str;
use ports::{Change, ChangeToken, Clock, DocumentStore, Error, Place, Record, RecordFilter, Result};

use self::expected::Expected;
use self::feed::Feed;
use super::{changed_meanwhile, new_id};
use crate::mongodb::{bounded, connect, durable_collection, of_setting};

/// The collection beside the records in which we remember how far their changes were told.
const RELAY: &str = "trialbrief_relay";
/// The name of the collection unless the URL says another.
const DOCUMENTS: &str = "Documents";

/// The collection in one database.
pub(super) struct MongoDocumentStore {
    /// Records as they are, so that nothing that another program wrote is lost in reading.
    records: Collection<RawDocumentBuf>,
    feed: Arc<Feed>,
}

impl MongoDocumentStore {
    pub(super) async fn open(url: &str, clock: &Clock) -> Result<Self> {
        let (url, collection) = split(url)?;
        let database = connect("stores.documents", &url).await?;
        let named = |error| of_setting("stores.documents", error);
        shape::prepare(&database, &collection).await.map_err(named)?;
        let records = durable_collection(&database, &collection).clone_with_type();
        let feed = Feed::open(database, collection, clock.clone()).await.map_err(named)?;
        Ok(Self { records, feed: Arc::new(feed) })
    }

    async fn raw(&self, id: ObjectId) -> Result<Option<RawDocumentBuf>> {
        bounded(self.records.find_one(doc! { "_id": id })).await
    }

    async fn write_expected(&self, before: &Record, after: Option<&Record>) -> Result<()> {
        let id = record::object_id(before.id()).ok_or_else(|| changed_meanwhile(before.id()))?;
        Expected { records: &self.records, before, after }.write(id).await
    }
}

#[async_trait]
impl DocumentStore for MongoDocumentStore {
    async fn insert(&self, record: &Record) -> Result<()> {
        new_id(record)?;
        let document = record::document(record, None)?;
        bounded(self.records.insert_one(&document)).await.map(drop)
    }

    async fn get(&self, id: &str) -> Result<Option<Record>> {
        let Some(id) = record::object_id(id) else { return Ok(None) };
        Ok(self.raw(id).await?.map(|raw| record::record(&raw)))
    }

    async fn replace(&self, expected: &Record, record: &Record) -> Result<()> {
        if expected.id() != record.id() {
            return Err(Error::Rejected(format!("{:?} cannot be replaced by {:?}", expected.id(), record.id())));
        }
        self.write_expected(expected, Some(record)).await
    }

    async fn delete(&self, expected: &Record) -> Result<()> {
        self.write_expected(expected, None).await
    }

    /// Only records whose `_id` is an ObjectId: a comparison with one finds no other kind.
    async fn list(&self, filter: &RecordFilter, after: Option<&str>, limit: usize) -> Result<Vec<Record>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let behind = match after {
            Some(after) => doc! { "$gt": after_id(after)? },
            None => doc! { "$gte": ObjectId::from_bytes([0; 12]) },
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = self.records.find(matching(filter, behind)?).sort(doc! { "_id": 1 }).limit(limit);
        let mut cursor = bounded(find).await?;
        let mut records = Vec::new();
        while let Some(raw) = bounded(cursor.try_next()).await? {
            records.push(record::record(&raw));
        }
        Ok(records)
    }

    fn changes(&self) -> BoxStream<'static, Result<Change>> {
        self.feed.changes()
    }

    async fn end(&self) -> Result<(ChangeToken, Place)> {
        self.feed.end().await
    }

    async fn acknowledged(&self) -> Result<Option<Place>> {
        self.feed.acknowledged().await
    }

    async fn acknowledge(&self, place: &Place) -> Result<()> {
        self.feed.acknowledge(place).await
    }

    async fn begin_epoch(&self, at_least: u64) -> Result<()> {
        self.feed.begin_epoch(at_least).await
    }

    async fn changed(&self) {
        self.feed.changed().await;
    }
}

/// Takes the option `collection`, which the driver does not know, out of a URL.
fn split(url: &str) -> Result<(String, String)> {
    let Some((base, options)) = url.split_once('?') else { return Ok((url.to_owned(), DOCUMENTS.to_owned())) };
    let (ours, others): (Vec<&str>, Vec<&str>) =
        options.split('&').partition(|option| option.starts_with("collection="));
    let name = match ours[..] {
        [] => DOCUMENTS.to_owned(),
        [one] => percent_decode_str(one.trim_start_matches("collection=")).decode_utf8_lossy().into_owned(),
        [..] => return Err(Error::Rejected("setting \"stores.documents\" names more than one collection".to_owned())),
    };
    if name.is_empty() || name.contains(['$', '\0']) || name.starts_with("system.") || name == RELAY {
        let why = format!("setting \"stores.documents\": {name:?} can be no collection of records: mend ?collection=");
        return Err(Error::Rejected(why));
    }
    Ok((format!("{base}?{}", others.join("&")), name))
}

fn after_id(id: &str) -> Result<ObjectId> {
    record::object_id(id).ok_or_else(|| Error::Rejected(format!("{id:?} is no ObjectId, so no record comes after it")))
}

/// MongoDB finds a text also in a list, which has an element `0`, as a text has not.
fn matching(filter: &RecordFilter, id: Document) -> Result<Document> {
    let mut matching = doc! { "_id": id };
    for (property, value) in &filter.equals {
        if property.is_empty() || !property.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(Error::Rejected(format!("cannot filter by the property {property:?}")));
        }
        matching.insert(*property, value);
        matching.insert(format!("{property}.0"), doc! { "$exists": false });
    }
    Ok(matching)
}
