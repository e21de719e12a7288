//! People in one SQLite file.

use async_trait::async_trait;
use ports::{Directory, Person, Result};
use rusqlite::{OptionalExtension, Row, params};

use super::check_user;
use crate::sqlite::{Database, Kind};

const KIND: Kind = Kind { name: "directory", mark: *b"TbPe", version: 1, durable: true, adopts: false, secret: true };

const SCHEMA: &str = "CREATE TABLE people (
    user TEXT PRIMARY KEY, name TEXT NOT NULL, address TEXT, active INTEGER NOT NULL
) STRICT, WITHOUT ROWID;";

/// The people in one file.
pub(super) struct SqliteDirectory(Database);

impl SqliteDirectory {
    pub(super) fn open(path: &str) -> Result<Self> {
        let prepare = |connection: &rusqlite::Connection, is_new| {
            if is_new {
                connection.execute_batch(SCHEMA)?;
            }
            Ok(())
        };
        Ok(Self(Database::open("directory", path, &KIND, prepare)?))
    }
}

#[async_trait]
impl Directory for SqliteDirectory {
    async fn person(&self, user: &str) -> Result<Option<Person>> {
        let user = user.to_owned();
        self.0
            .read(move |connection| {
                let sql = "SELECT user, name, address, active FROM people WHERE user = ?1";
                Ok(connection.prepare_cached(sql)?.query_row([user], person).optional()?)
            })
            .await
    }

    async fn people(&self, after: Option<&str>, limit: usize) -> Result<Vec<Person>> {
        let after = after.unwrap_or_default().to_owned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.0
            .read(move |connection| {
                let sql = "SELECT user, name, address, active FROM people WHERE user > ?1 ORDER BY user LIMIT ?2";
                let mut statement = connection.prepare_cached(sql)?;
                let people = statement.query_map(params![after, limit], person)?;
                Ok(people.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn save(&self, person: &Person) -> Result<()> {
        check_user(person)?;
        let person = person.clone();
        self.0
            .write(move |connection| {
                let sql = "INSERT INTO people VALUES (?1, ?2, ?3, ?4) ON CONFLICT (user)
                    DO UPDATE SET name = excluded.name, address = excluded.address, active = excluded.active";
                let values = params![person.user, person.name, person.address, person.active];
                connection.prepare_cached(sql)?.execute(values)?;
                Ok(())
            })
            .await
    }

    async fn forget(&self, user: &str) -> Result<()> {
        let user = user.to_owned();
        self.0
            .erase(move |connection| {
                connection.prepare_cached("DELETE FROM people WHERE user = ?1")?.execute([user])?;
                Ok(())
            })
            .await
    }
}

fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person { user: row.get(0)?, name: row.get(1)?, address: row.get(2)?, active: row.get(3)? })
}
