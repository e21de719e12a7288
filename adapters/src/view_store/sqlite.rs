//! Views in one SQLite file: a table per view, whose indexed fields are virtual columns over the row's JSON.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use ports::{Error, Find, Position, ROWS_VERSION, Result, Table, ViewStore, Write};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde::de::IgnoredAny;
use tokio::sync::watch;

use super::{check_table, table_of};
use crate::sqlite::{Database, Kind, Outcome};

mod query;

use query::Query;

/// Not durable: what a power cut takes is folded from the log again, for position and rows go together.
const KIND: Kind = Kind {
    name: "view store",
    mark: *b"TbVw",
    version: ROWS_VERSION.cast_signed(),
    durable: false,
    adopts: false,
    secret: false,
};

const SCHEMA: &str = "CREATE TABLE positions (
    projection TEXT PRIMARY KEY, commit_position INTEGER NOT NULL, prepare_position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;";

/// Where each projection stands.
type Positions = HashMap<String, Position>;

/// The views in one file.
pub(super) struct SqliteViewStore {
    database: Database,
    /// Tables whose indexes are known to be there.
    made: Mutex<HashSet<&'static str>>,
    /// As saved: no other program writes the file. Rings when one moves.
    positions: Arc<watch::Sender<Positions>>,
}

impl SqliteViewStore {
    pub(super) fn open(path: &str) -> Result<Self> {
        let mut positions = Positions::new();
        let database = Database::open("views", path, &KIND, |connection, is_new| {
            if is_new {
                connection.execute_batch(SCHEMA)?;
            }
            positions = read_positions(connection)?;
            Ok(())
        })?;
        Ok(Self { database, made: Mutex::default(), positions: Arc::new(watch::Sender::new(positions)) })
    }

    /// Makes tables and indexes where they are missing, once per program.
    async fn make(&self, tables: impl IntoIterator<Item = Table>) -> Result<()> {
        let missing: Vec<Table> = {
            let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            let mut seen = HashSet::new();
            tables.into_iter().filter(|table| !made.contains(table.name) && seen.insert(table.name)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = missing.iter().map(|table| table.name).collect();
        self.database
            .write(move |connection| missing.iter().try_for_each(|table| make_table(connection, table)))
            .await?;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
        Ok(())
    }
}

#[async_trait]
impl ViewStore for SqliteViewStore {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Bytes>> {
        self.make([table]).await?;
        let key = key.to_owned();
        self.database
            .read(move |connection| {
                let sql = format!("SELECT row FROM view_{} WHERE key = ?1", table.name);
                let row = |row: &rusqlite::Row<'_>| Ok(Bytes::copy_from_slice(row.get_ref(0)?.as_bytes()?));
                Ok(connection.prepare_cached(&sql)?.query_row([key], row).optional()?)
            })
            .await
    }

    async fn find(&self, table: Table, find: &Find) -> Result<Vec<(String, Bytes)>> {
        let Query { sql, values } = query::build(table, find)?;
        self.make([table]).await?;
        self.database
            .read(move |connection| {
                let mut statement = connection.prepare_cached(&sql)?;
                let rows = statement.query_map(params_from_iter(values), |row| {
                    Ok((row.get(0)?, Bytes::copy_from_slice(row.get_ref(1)?.as_bytes()?)))
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn position(&self, projection: &str) -> Result<Option<Position>> {
        Ok(self.positions.borrow().get(projection).copied())
    }

    async fn save(&self, projection: &str, from: Option<Position>, to: Position, writes: Vec<Write>) -> Result<()> {
        writes.iter().try_for_each(check_write)?;
        self.make(writes.iter().map(table_of)).await?;
        let projection = projection.to_owned();
        let (name, positions) = (projection.clone(), Arc::clone(&self.positions));
        let work = move |connection: &Connection| {
            move_position(connection, &projection, from, to)?;
            apply(connection, &writes)
        };
        let ring = move |&(): &()| {
            positions.send_modify(|positions| {
                positions.insert(name, to);
            });
        };
        self.database.write_then(work, ring).await
    }

    async fn moved(&self, projection: &str, seen: Option<Position>) {
        let stands_elsewhere = |positions: &Positions| positions.get(projection).copied() != seen;
        // The sender lives in `self`, so that the bell cannot be gone.
        drop(self.positions.subscribe().wait_for(stands_elsewhere).await);
    }
}

fn read_positions(connection: &Connection) -> Outcome<Positions> {
    let mut statement = connection.prepare("SELECT projection, commit_position, prepare_position FROM positions")?;
    let rows = statement.query_map([], |row| {
        let place = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok((row.get(0)?, Position { commit: place(1)?, prepare: place(2)? }))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Compare-and-set on where the projection stands.
fn move_position(connection: &Connection, projection: &str, from: Option<Position>, to: Position) -> Outcome<()> {
    let (commit, prepare) = (to.commit.cast_signed(), to.prepare.cast_signed());
    let moved = match from {
        None => connection
            .prepare_cached("INSERT INTO positions VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute(params![projection, commit, prepare])?,
        Some(from) => {
            let from = (from.commit.cast_signed(), from.prepare.cast_signed());
            connection
                .prepare_cached(
                    "UPDATE positions SET commit_position = ?2, prepare_position = ?3
                     WHERE projection = ?1 AND commit_position = ?4 AND prepare_position = ?5",
                )?
                .execute(params![projection, commit, prepare, from.0, from.1])?
        }
    };
    if moved == 0 {
        return Err(
            Error::Conflict(format!("projection {projection:?} stands elsewhere: another program moved it")).into()
        );
    }
    Ok(())
}

/// A row that is no JSON object would spoil every index on it.
fn check_write(write: &Write) -> Result<()> {
    check_table(&table_of(write))?;
    if let Write::Put { table, key, row } = write
        && (row.first() != Some(&b'{') || serde_json::from_slice::<IgnoredAny>(row).is_err())
    {
        return Err(Error::Rejected(format!("row {key:?} for view {:?} is no JSON object", table.name)));
    }
    Ok(())
}

fn apply(connection: &Connection, writes: &[Write]) -> Outcome<()> {
    // Writes come in runs of one table: the statement is looked up once per run.
    for run in writes.chunk_by(|a, b| table_of(a).name == table_of(b).name) {
        let Some(table) = run.first().map(table_of) else { continue };
        let mut put = connection.prepare_cached(&format!(
            "INSERT INTO view_{0} (key, row) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET row = excluded.row",
            table.name
        ))?;
        let mut remove = connection.prepare_cached(&format!("DELETE FROM view_{} WHERE key = ?1", table.name))?;
        for write in run {
            match write {
                Write::Put { key, row, .. } => {
                    let text = std::str::from_utf8(row).map_err(|e| Error::Rejected(format!("row {key:?}: {e}")))?;
                    put.execute([key, text])?
                }
                Write::Remove { key, .. } => remove.execute([key])?,
            };
        }
    }
    Ok(())
}

fn make_table(connection: &Connection, table: &Table) -> Outcome<()> {
    let name = table.name;
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS view_{name} (key TEXT PRIMARY KEY NOT NULL, row TEXT NOT NULL) WITHOUT ROWID"
    ))?;
    let mut columns: HashSet<String> = connection
        .prepare("SELECT name FROM pragma_table_xinfo(?1)")?
        .query_map([format!("view_{name}")], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for field in table.indexes.iter().copied().flatten() {
        if columns.insert(query::column(field)) {
            connection.execute_batch(&format!(
                "ALTER TABLE view_{name} ADD COLUMN {} AS (json_extract(row, '$.{field}')) VIRTUAL",
                query::column(field)
            ))?;
        }
    }
    for index in table.indexes {
        let columns: Vec<_> = index.iter().map(|field| query::column(field)).collect();
        connection.execute_batch(&format!(
            "CREATE INDEX IF NOT EXISTS {} ON view_{name} ({}, key)",
            query::index_name(name, index),
            columns.join(", ")
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
