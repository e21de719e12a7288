//! People in the collection `people`: `{_id: user, name, address, active}`.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use ports::{Directory, Error, Person, Result};

use super::check_user;
use crate::mongodb::{bounded, connect, durable_collection, of_setting, retried};

/// The people in one database.
pub(super) struct MongoDirectory(Collection<Document>);

impl MongoDirectory {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let people = durable_collection(&connect("stores.directory", url).await?, "people");
        bounded(people.find_one(doc! {})).await.map_err(|error| of_setting("stores.directory", error))?;
        Ok(Self(people))
    }
}

#[async_trait]
impl Directory for MongoDirectory {
    async fn person(&self, user: &str) -> Result<Option<Person>> {
        bounded(self.0.find_one(doc! { "_id": user })).await?.map(|found| person(&found)).transpose()
    }

    async fn people(&self, after: Option<&str>, limit: usize) -> Result<Vec<Person>> {
        // To the server, no limit is 0.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let find = self.0.find(doc! { "_id": { "$gt": after.unwrap_or_default() } }).sort(doc! { "_id": 1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let found: Vec<Document> = bounded(async { find.await?.try_collect().await }).await?;
        found.iter().map(person).collect()
    }

    async fn save(&self, person: &Person) -> Result<()> {
        check_user(person)?;
        let saved = doc! {
            "_id": &person.user, "name": &person.name, "address": person.address.as_deref(), "active": person.active
        };
        retried(|| self.0.replace_one(doc! { "_id": &person.user }, &saved).upsert(true)).await?;
        Ok(())
    }

    async fn forget(&self, user: &str) -> Result<()> {
        bounded(self.0.delete_one(doc! { "_id": user })).await?;
        Ok(())
    }
}

fn person(found: &Document) -> Result<Person> {
    let user = found.get_str("_id").unwrap_or("of another kind");
    let corrupt = |why: &dyn std::fmt::Display| Error::Corrupt(format!("person {user:?}: {why}"));
    let address = match found.get("address") {
        None | Some(Bson::Null) => None,
        Some(Bson::String(address)) => Some(address.clone()),
        Some(_) => return Err(corrupt(&"the address is no text")),
    };
    Ok(Person {
        user: found.get_str("_id").map_err(|error| corrupt(&error))?.to_owned(),
        name: found.get_str("name").map_err(|error| corrupt(&error))?.to_owned(),
        address,
        active: found.get_bool("active").map_err(|error| corrupt(&error))?,
    })
}
