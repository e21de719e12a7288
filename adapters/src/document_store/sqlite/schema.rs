//! The tables and triggers beside `documents`, made where they are missing.

use jiff::Timestamp;
use ports::Error;
use rusqlite::Connection;

use crate::sqlite::Outcome;

/// The newest layout of our tables. An adopted file's own `user_version` belongs to its maker.
const LAYOUT: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY NOT NULL, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trialbrief_changes (
    \"order\" INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    before TEXT,
    after TEXT
);
CREATE TABLE IF NOT EXISTS trialbrief_clock (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    now INTEGER,
    last INTEGER NOT NULL,
    replaced TEXT
);
CREATE TABLE IF NOT EXISTS trialbrief_meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    layout INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    acknowledged_epoch INTEGER,
    acknowledged_order INTEGER
);
INSERT OR IGNORE INTO trialbrief_clock (one, last) VALUES (1, 0);
INSERT OR IGNORE INTO trialbrief_meta (one, layout, epoch) VALUES (1, 1, 0);
";

const INDEXES: &str = "
CREATE UNIQUE INDEX IF NOT EXISTS trialbrief_documents_id ON documents (id);
CREATE INDEX IF NOT EXISTS trialbrief_documents_trial ON documents (json_extract(record, '$.TrialId'), id);
CREATE INDEX IF NOT EXISTS trialbrief_documents_file ON documents (json_extract(record, '$.FileLocation'), id);
";

/// Whether a row is one we can read. CASE, because `json_type` fails on what is no JSON.
const IS_RECORD: &str = "typeof(NEW.id) = 'text' AND typeof(NEW.record) = 'text'
    AND CASE WHEN json_valid(NEW.record) THEN json_type(NEW.record) = 'object' ELSE 0 END";

/// Gives out the time of a change. `julianday` is known to every SQLite that another program may bring, in milliseconds.
const TICK: &str = "UPDATE trialbrief_clock SET last = max(last, coalesce(now,
    CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000));";

/// Makes what is missing. Where the triggers were not there, changes went by unseen: a new epoch begins.
pub(super) fn prepare(connection: &Connection, is_new: bool, now: Timestamp) -> Outcome<()> {
    let named = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'documents' COLLATE NOCASE";
    if !is_new && connection.query_row(named, [], |row| row.get::<_, i64>(0))? == 0 {
        let text = "the file given for the document store holds other tables, but no table documents";
        return Err(Error::Rejected(text.to_owned()).into());
    }
    connection.execute_batch(TABLES)?;
    let (layout, epoch): (i64, i64) =
        connection.query_row("SELECT layout, epoch FROM trialbrief_meta", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if layout > LAYOUT {
        let text = format!("the document store has layout {layout}, and this program knows layouts up to {LAYOUT}");
        return Err(Error::Rejected(text).into());
    }
    let triggers = triggers();
    let there: usize = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'documents' COLLATE NOCASE
         AND name LIKE 'trialbrief%'",
        [],
        |row| row.get(0),
    )?;
    if there == triggers.len() {
        return Ok(());
    }
    check_collection(connection)?;
    connection.execute_batch(INDEXES)?;
    triggers.iter().try_for_each(|trigger| connection.execute_batch(trigger))?;
    // Seconds since 1970: greater than the epoch of any store made before, also of one whose file was lost.
    connection.execute("UPDATE trialbrief_meta SET epoch = ?1", [(epoch + 1).max(now.as_second())])?;
    Ok(())
}

/// Refuses a table that is no collection of JSON objects.
fn check_collection(connection: &Connection) -> Outcome<()> {
    if let Err(error) = connection.prepare("SELECT id, record FROM documents") {
        let text = format!("the table documents needs the columns id and record: {error}");
        return Err(Error::Rejected(text).into());
    }
    let is_record = IS_RECORD.replace("NEW.", "");
    let mut statement =
        connection.prepare(&format!("SELECT quote(id) FROM documents WHERE NOT ({is_record}) LIMIT 1"))?;
    let mut rows = statement.query([])?;
    if let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let text = format!("the row of documents with the id {id} holds no JSON object under a text id: mend it first");
        return Err(Error::Corrupt(text).into());
    }
    Ok(())
}

/// All changes of `documents` by whatever SQL, one trigger each.
fn triggers() -> [String; 7] {
    let tell = |id: &str, before: &str, after: &str| {
        format!(
            "{TICK} INSERT INTO trialbrief_changes (id, at, before, after)
             SELECT {id}, last, {before}, {after} FROM trialbrief_clock;"
        )
    };
    let refuse = "SELECT RAISE(ABORT, 'documents: id must be a text, and record the text of a JSON object');";
    let trigger = |name: &str, when: &str, body: &str| {
        format!("CREATE TRIGGER IF NOT EXISTS trialbrief_{name} {when} BEGIN {body} END;")
    };
    [
        trigger("refuse_insert", &format!("BEFORE INSERT ON documents WHEN NOT ({IS_RECORD})"), refuse),
        trigger("refuse_update", &format!("BEFORE UPDATE ON documents WHEN NOT ({IS_RECORD})"), refuse),
        // INSERT OR REPLACE deletes without a trigger: what it is about to replace is put by.
        trigger(
            "replacing",
            "BEFORE INSERT ON documents",
            "UPDATE trialbrief_clock SET replaced = (SELECT record FROM documents WHERE id = NEW.id);",
        ),
        trigger(
            "inserted",
            "AFTER INSERT ON documents",
            &format!("{} UPDATE trialbrief_clock SET replaced = NULL;", tell("NEW.id", "replaced", "NEW.record")),
        ),
        trigger(
            "updated",
            "AFTER UPDATE ON documents WHEN OLD.id = NEW.id AND OLD.record <> NEW.record",
            &tell("NEW.id", "OLD.record", "NEW.record"),
        ),
        trigger(
            "renamed",
            "AFTER UPDATE ON documents WHEN OLD.id <> NEW.id",
            &(tell("OLD.id", "OLD.record", "NULL") + &tell("NEW.id", "NULL", "NEW.record")),
        ),
        trigger("deleted", "AFTER DELETE ON documents", &tell("OLD.id", "OLD.record", "NULL")),
    ]
}
