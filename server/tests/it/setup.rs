//! The set-up that the stories run against: embedded by default, distributed where `TRIALBRIEF_TEST_SETUP=distributed`; and what
//! other programs do to its collection, past Trialbrief.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt};
use mongodb::bson::{Bson, Document, doc};
use ports::{Categories, Fed, Ports};
use rusqlite::{Connection, params};
use serde_json::Value;
use sha2::{Digest, Sha256};
use test_servers::Server;
use trialbrief::wire::Urls;

/// The bucket of all stories, each under a prefix of its own.
const BUCKET: &str = "journeys";

/// Where everything is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// Files below one folder.
    Embedded,
    /// KurrentDB, MongoDB, S3 and NATS, or what stands in for them; mails go to the folder's outbox.
    Distributed,
}

impl Setup {
    /// As the environment says.
    pub fn chosen() -> Self {
        match std::env::var("TRIALBRIEF_TEST_SETUP").as_deref() {
            Ok("distributed") => Self::Distributed,
            Ok("embedded") | Err(_) => Self::Embedded,
            Ok(other) => panic!("TRIALBRIEF_TEST_SETUP is \"embedded\" or \"distributed\", not {other:?}"),
        }
    }

    /// How often or how much: less where the servers of the tests, a Python program among them, are the limit.
    pub fn fewer<T>(self, embedded: T, distributed: T) -> T {
        match self {
            Self::Embedded => embedded,
            Self::Distributed => distributed,
        }
    }

    /// The URLs of everything that belongs to a folder: the same folder, the same URLs.
    pub async fn urls(self, folder: &Path) -> Urls {
        let embedded = Urls::embedded(folder.to_str().unwrap());
        if self == Self::Embedded {
            return embedded;
        }
        let name = name_of(folder);
        let s3 = test_servers::s3::shared();
        // It may be there already. One for all: the server gives each bucket volumes of its own, and has few.
        let _made = test_servers::s3::client(s3).create_bucket().bucket(BUCKET).send().await;
        let mongodb = test_servers::mongodb::url(&mongodb_of(&name), &name);
        Urls {
            events: test_servers::kurrentdb::shared_url(&name),
            documents: mongodb.clone(),
            views: mongodb.clone(),
            directory: mongodb.clone(),
            keys: mongodb,
            files: test_servers::s3::url(s3, &format!("{BUCKET}/{name}")),
            // Work that failed comes back by the server's clock.
            queue: format!("{}&ack_wait=5", test_servers::nats::url(test_servers::nats::shared(), &name)),
            mail: embedded.mail,
        }
    }
}

fn name_of(folder: &Path) -> String {
    format!("t{}", hex::encode(&Sha256::digest(folder.to_str().unwrap())[..8]))
}

/// The MongoDB server of a folder. Each has its own: a story's end cuts its change streams off, and a shared server would follow
/// them for ever.
fn mongodb_of(name: &str) -> Arc<Server> {
    let mut servers = MONGODB.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(servers.entry(name.to_owned()).or_insert_with(|| Arc::new(test_servers::mongodb::start(&[]))))
}

static MONGODB: LazyLock<Mutex<HashMap<String, Arc<Server>>>> = LazyLock::new(Mutex::default);

/// Dropped with a folder that goes: nobody will ask for its server again.
pub struct Gone(pub PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        MONGODB.lock().unwrap_or_else(PoisonError::into_inner).remove(&name_of(&self.0));
    }
}

async fn database(folder: &Path) -> mongodb::Database {
    let name = name_of(folder);
    let url = test_servers::mongodb::url(&mongodb_of(&name), &name);
    mongodb::Client::with_uri_str(url).await.unwrap().database(&name)
}

fn sqlite(folder: &Path) -> Connection {
    Connection::open(folder.join("documents.db")).unwrap()
}

/// A record as MongoDB has it: JSON, but the id.
fn bson(id: &str, mut record: Value) -> Document {
    record.as_object_mut().unwrap().remove("_id");
    let mut document = mongodb::bson::serialize_to_document(&record).unwrap();
    let id = mongodb::bson::oid::ObjectId::parse_str(id).map_or_else(|_| Bson::from(id), Bson::from);
    document.insert("_id", id);
    document
}

/// Another program's writes.
#[derive(Clone, Debug)]
pub enum Write {
    Insert(String, Value),
    /// Sets a property to a text.
    Set(String, &'static str, &'static str),
    Delete(String),
}

/// Another program writes records, in a collection that it makes where there is none.
pub async fn write_elsewhere(folder: &Path, writes: Vec<Write>) {
    match Setup::chosen() {
        Setup::Embedded => {
            let mut connection = sqlite(folder);
            let made = "CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY NOT NULL, record TEXT NOT NULL)";
            connection.execute_batch(made).unwrap();
            let transaction = connection.transaction().unwrap();
            for write in &writes {
                let changed = match write {
                    Write::Insert(id, record) => {
                        let insert = "INSERT INTO documents (id, record) VALUES (?1, ?2)";
                        transaction.execute(insert, params![id, record.to_string()])
                    }
                    Write::Set(id, property, value) => {
                        let set = "UPDATE documents SET record = json_set(record, '$.' || ?2, ?3) WHERE id = ?1";
                        transaction.execute(set, params![id, property, value])
                    }
                    Write::Delete(id) => transaction.execute("DELETE FROM documents WHERE id = ?1", params![id]),
                };
                assert_eq!(changed.unwrap(), 1, "{write:?}");
            }
            transaction.commit().unwrap();
        }
        Setup::Distributed => {
            let collection = database(folder).await.collection::<Document>("Documents");
            let mut inserts = Vec::new();
            for write in writes {
                let of = |id: &str| doc! { "_id": bson(id, Value::Object(serde_json::Map::new())).remove("_id") };
                match write {
                    Write::Insert(id, record) => inserts.push(bson(&id, record)),
                    Write::Set(id, property, value) => {
                        let set = collection.update_one(of(&id), doc! { "$set": { property: value } }).await.unwrap();
                        assert_eq!(set.modified_count, 1);
                    }
                    Write::Delete(id) => assert_eq!(collection.delete_one(of(&id)).await.unwrap().deleted_count, 1),
                }
            }
            if !inserts.is_empty() {
                collection.insert_many(inserts).await.unwrap();
            }
        }
    }
}

/// Another program writes, and the feed of changes never tells of it: what a restored or badly repaired store leaves behind.
pub async fn write_past_the_feed(folder: &Path, ports: &Ports, writes: Vec<Write>) {
    match Setup::chosen() {
        Setup::Embedded => {
            let triggers: Vec<String> = sqlite(folder)
                .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let names: Vec<String> = sqlite(folder)
                .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            for name in names {
                sqlite(folder).execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
            }
            write_elsewhere(folder, writes).await;
            for trigger in triggers {
                sqlite(folder).execute_batch(&trigger).unwrap();
            }
        }
        Setup::Distributed => {
            write_elsewhere(folder, writes).await;
            // Somebody says that it was dealt with.
            ports.documents.acknowledge(&ports.documents.end().await.unwrap().1).await.unwrap();
        }
    }
}

/// The changes behind the acknowledged place are no longer kept.
pub async fn lose_history(folder: &Path) {
    match Setup::chosen() {
        Setup::Embedded => {
            sqlite(folder).execute("UPDATE trialbrief_meta SET epoch = epoch + 1", []).unwrap();
        }
        Setup::Distributed => {
            // A change stream ends where its collection is renamed.
            let database = database(folder).await;
            let (name, aside) = (format!("{}.Documents", database.name()), format!("{}.aside", database.name()));
            let admin = database.client().database("admin");
            admin.run_command(doc! { "renameCollection": &name, "to": &aside }).await.unwrap();
            admin.run_command(doc! { "renameCollection": &aside, "to": &name }).await.unwrap();
        }
    }
}

/// What is kept, by what it is for, as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Events,
    Views,
    People,
    Documents,
}

/// All bytes that are kept for something: files as they lie on the disk, or all that an engine has.
pub async fn bytes_of(kept: Kept, folder: &Path, ports: &Ports) -> Vec<u8> {
    if Setup::chosen() == Setup::Embedded {
        let begin = match kept {
            Kept::Events => "events.db",
            Kept::Views => "views.db",
            Kept::People => "directory.db",
            Kept::Documents => "documents.db",
        };
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(begin));
        return files.flat_map(|path| std::fs::read(path).unwrap()).collect();
    }
    if kept == Kept::Events {
        let fed: Vec<Fed> = ports.feed.read(None, Categories::ALL).try_collect().await.unwrap();
        return fed
            .into_iter()
            .flat_map(|fed| match fed {
                Fed::Event(stored) => {
                    [stored.stream.as_bytes(), stored.event.kind.as_bytes(), &stored.event.data, &stored.event.metadata]
                        .concat()
                }
                Fed::Passed(_) => Vec::new(),
            })
            .collect();
    }
    let database = database(folder).await;
    let mut bytes = Vec::new();
    for name in database.list_collection_names().await.unwrap() {
        let is_wanted = match kept {
            Kept::Views => name.starts_with('v'),
            Kept::People => name == "people",
            Kept::Documents => name == "Documents",
            Kept::Events => false,
        };
        if is_wanted {
            let mut rows = database.collection::<Document>(&name).find(doc! {}).await.unwrap();
            while let Some(row) = rows.next().await {
                bytes.extend(row.unwrap().to_vec().unwrap());
            }
        }
    }
    bytes
}
