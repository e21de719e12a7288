//! Keys in the collection `keys`: `{_id: owner, key}`. A destroyed key leaves its owner's document behind, its key null for ever.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use mongodb::options::ReturnDocument;
use ports::{Error, Key, KeyRing, Result};

use crate::mongodb::{bounded, connect, durable_collection, of_setting, retried};

/// The keys in one database.
pub(super) struct MongoKeyRing(Collection<Document>);

impl MongoKeyRing {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let keys = durable_collection(&connect("stores.keys", url).await?, "keys");
        bounded(keys.find_one(doc! {})).await.map_err(|error| of_setting("stores.keys", error))?;
        Ok(Self(keys))
    }

    /// `None` for an owner never heard of, `Some(None)` for a destroyed key.
    async fn stored(&self, owner: &str) -> Result<Option<Option<Key>>> {
        bounded(self.0.find_one(doc! { "_id": owner })).await?.map(|found| key_of(&found)).transpose()
    }

    /// What stands for an owner once it was written, if nothing was there before. One write, so that of many who come first at
    /// once all get the key of one; and whoever comes later waits until a majority has it, too.
    async fn first(&self, owner: &str, key: Option<&Key>) -> Result<Option<Key>> {
        let key =
            key.map_or(Bson::Null, |key| Binary { subtype: BinarySubtype::Generic, bytes: key.0.to_vec() }.into());
        let found = retried(|| {
            let first = doc! { "$setOnInsert": { "key": &key } };
            let write = self.0.find_one_and_update(doc! { "_id": owner }, first);
            write.upsert(true).return_document(ReturnDocument::After)
        })
        .await?;
        if let Some(found) = found {
            return key_of(&found);
        }
        // SecantusDB answers nothing where another upsert was first.
        let unknown = || Error::Unavailable(format!("whether {owner:?} has a key is unknown"));
        self.stored(owner).await?.ok_or_else(unknown)
    }
}

#[async_trait]
impl KeyRing for MongoKeyRing {
    async fn key(&self, owner: &str) -> Result<Option<Key>> {
        if let Some(known) = self.stored(owner).await? {
            return Ok(known);
        }
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|e| Error::Unavailable(format!("no randomness for a key: {e}")))?;
        self.first(owner, Some(&Key(fresh))).await
    }

    async fn existing(&self, owner: &str) -> Result<Option<Key>> {
        Ok(self.stored(owner).await?.flatten())
    }

    async fn owners(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, Option<Key>)>> {
        // To the server, no limit is 0.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let find = self.0.find(doc! { "_id": { "$gt": after.unwrap_or_default() } }).sort(doc! { "_id": 1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let found: Vec<Document> = bounded(async { find.await?.try_collect().await }).await?;
        found.iter().map(|found| Ok((owner_of(found)?.to_owned(), key_of(found)?))).collect()
    }

    async fn adopt(&self, owner: &str, key: Option<&Key>) -> Result<()> {
        if self.first(owner, key).await?.as_ref() == key {
            Ok(())
        } else {
            Err(Error::Conflict(format!("the key of {owner:?} is another one here")))
        }
    }

    async fn destroy(&self, owner: &str) -> Result<()> {
        let emptied = doc! { "$set": { "key": null } };
        retried(|| self.0.update_one(doc! { "_id": owner }, emptied.clone()).upsert(true)).await?;
        Ok(())
    }
}

fn owner_of(found: &Document) -> Result<&str> {
    found.get_str("_id").map_err(|error| Error::Corrupt(format!("an owner of a key: {error}")))
}

/// `None` where it was destroyed. A document without the field was written by something else.
fn key_of(found: &Document) -> Result<Option<Key>> {
    let owner = owner_of(found)?;
    match found.get("key") {
        Some(Bson::Null) => Ok(None),
        Some(Bson::Binary(binary)) => match binary.bytes.as_slice().try_into() {
            Ok(key) => Ok(Some(Key(key))),
            Err(_) => Err(Error::Corrupt(format!("the key of {owner:?} has {} bytes, not 32", binary.bytes.len()))),
        },
        Some(_) | None => Err(Error::Corrupt(format!("the key of {owner:?} is neither bytes nor null"))),
    }
}
