//! Keys in one SQLite file. A destroyed key leaves its owner's row behind, empty for ever.

use async_trait::async_trait;
use ports::{Error, Key, KeyRing, Result};
use rusqlite::{Connection, OptionalExtension, params};

use crate::sqlite::{Database, Kind, Outcome};

const KIND: Kind = Kind { name: "key ring", mark: *b"TbKy", version: 1, durable: true, adopts: false, secret: true };

const SCHEMA: &str = "
CREATE TABLE keys (owner TEXT PRIMARY KEY, key BLOB CHECK (key IS NULL OR length(key) = 32)) STRICT, WITHOUT ROWID;
CREATE TRIGGER keys_stay BEFORE DELETE ON keys BEGIN SELECT RAISE(ABORT, 'a key is destroyed by emptying it'); END;
CREATE TRIGGER keys_never_change BEFORE UPDATE ON keys WHEN NEW.key IS NOT NULL OR NEW.owner <> OLD.owner
BEGIN SELECT RAISE(ABORT, 'a key can only be destroyed'); END;
";

/// The keys in one file.
pub(super) struct SqliteKeyRing(Database);

impl SqliteKeyRing {
    pub(super) fn open(path: &str) -> Result<Self> {
        let prepare = |connection: &Connection, is_new| {
            if is_new {
                connection.execute_batch(SCHEMA)?;
            }
            Ok(())
        };
        Ok(Self(Database::open("keys", path, &KIND, prepare)?))
    }
}

#[async_trait]
impl KeyRing for SqliteKeyRing {
    async fn key(&self, owner: &str) -> Result<Option<Key>> {
        let asked = owner.to_owned();
        if let Some(known) = self.0.read(move |connection| stored(connection, &asked)).await? {
            return Ok(known);
        }
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|e| Error::Unavailable(format!("no randomness for a key: {e}")))?;
        let owner = owner.to_owned();
        self.0
            .write(move |connection| {
                // Whoever comes second gets the key of the first.
                let sql = "INSERT INTO keys (owner, key) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                connection.prepare_cached(sql)?.execute(params![owner, fresh])?;
                Ok(stored(connection, &owner)?.flatten())
            })
            .await
    }

    async fn existing(&self, owner: &str) -> Result<Option<Key>> {
        let owner = owner.to_owned();
        Ok(self.0.read(move |connection| stored(connection, &owner)).await?.flatten())
    }

    async fn owners(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, Option<Key>)>> {
        let (after, limit) = (after.unwrap_or_default().to_owned(), limit.min(i64::MAX as usize));
        self.0
            .read(move |connection| {
                let sql = "SELECT owner, key FROM keys WHERE owner > ?1 ORDER BY owner LIMIT ?2";
                let mut statement = connection.prepare_cached(sql)?;
                let owners = statement.query_map(params![after, limit], |row| {
                    Ok((row.get(0)?, row.get::<_, Option<[u8; 32]>>(1)?.map(Key)))
                })?;
                Ok(owners.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn adopt(&self, owner: &str, key: Option<&Key>) -> Result<()> {
        let (adopted, wanted) = (owner.to_owned(), key.cloned());
        let there = self
            .0
            .write(move |connection| {
                let sql = "INSERT INTO keys (owner, key) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                connection.prepare_cached(sql)?.execute(params![adopted, wanted.map(|key| key.0)])?;
                Ok(stored(connection, &adopted)?.flatten())
            })
            .await?;
        if there.as_ref() == key {
            Ok(())
        } else {
            Err(Error::Conflict(format!("the key of {owner:?} is another one here")))
        }
    }

    async fn destroy(&self, owner: &str) -> Result<()> {
        let owner = owner.to_owned();
        self.0
            .erase(move |connection| {
                let sql =
                    "INSERT INTO keys (owner, key) VALUES (?1, NULL) ON CONFLICT (owner) DO UPDATE SET key = NULL";
                connection.prepare_cached(sql)?.execute([owner])?;
                Ok(())
            })
            .await
    }
}

/// `None` for an owner never heard of, `Some(None)` for a destroyed key.
fn stored(connection: &Connection, owner: &str) -> Outcome<Option<Option<Key>>> {
    let mut statement = connection.prepare_cached("SELECT key FROM keys WHERE owner = ?1")?;
    let key = statement.query_row([owner], |row| row.get::<_, Option<[u8; 32]>>(0)).optional()?;
    Ok(key.map(|key| key.map(Key)))
}
