//! Rows of the projections: setting `views`.

#[cfg(feature = "distributed")]
mod mongodb;
mod sqlite;

use std::sync::Arc;

use ports::{Clock, Error, Find, Result, Table, ViewStore, Write};

const CHOICES: [&str; 2] = ["sqlite:<file>", "mongodb://<host>/<database>"];

/// Opens the views that a URL names: `sqlite:<file>`, which may be deleted while the program is stopped, or
/// `mongodb://<host>/<database>`, where each table of each generation is a collection. `?generation=new` in the latter opens the
/// next generation, to be folded beside the live one until [`swap`].
///
/// # Errors
/// `Rejected` for another URL or a file of another kind, `Unavailable` where it is in use or cannot be reached.
pub async fn open(url: &str, _clock: &Clock) -> Result<Arc<dyn ViewStore>> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(sqlite::SqliteViewStore::open(path)?)),
        #[cfg(feature = "distributed")]
        Some(("mongodb" | "mongodb+srv", _)) => Ok(Arc::new(mongodb::MongoViewStore::open(url).await?)),
        #[cfg(not(feature = "distributed"))]
        Some((scheme @ ("mongodb" | "mongodb+srv"), _)) => {
            Err(crate::missing_feature("stores.views", scheme, "distributed"))
        }
        _ => Err(crate::unknown_scheme("stores.views", url, &CHOICES)),
    }
}

/// Makes the next generation of the rows live, in one write: from then on every program with this version of the rows reads and
/// folds it. What lives then is never behind what lived before.
///
/// # Errors
/// `Conflict` where the next generation has not come as far as the live one: fold on, and call again. `Rejected` where nothing
/// was folded into it, or for views that have no generations; `Unavailable` where they cannot be reached: call again, then.
pub async fn swap(url: &str) -> Result<()> {
    match url.split_once(':') {
        #[cfg(feature = "distributed")]
        Some(("mongodb" | "mongodb+srv", _)) => mongodb::swap(url).await,
        _ => Err(without_generations(url)),
    }
}

/// Drops every set of rows but the live one of this version and those of later versions: sets that were swapped away, sets that
/// were folded halfway, and sets of earlier versions. To be called when every program has noticed a swap (half a minute), when
/// none folds a next generation, and when no program of an earlier version runs any more.
///
/// # Errors
/// `Rejected` for views that have no generations, `Unavailable` where they cannot be reached: call again, then.
pub async fn drop_unused(url: &str) -> Result<()> {
    match url.split_once(':') {
        #[cfg(feature = "distributed")]
        Some(("mongodb" | "mongodb+srv", _)) => mongodb::drop_unused(url).await,
        _ => Err(without_generations(url)),
    }
}

fn without_generations(url: &str) -> Error {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    Error::Rejected(format!(
        "setting \"stores.views\" has the scheme {scheme:?}, which this build keeps without generations"
    ))
}

fn table_of(write: &Write) -> Table {
    match write {
        Write::Put { table, .. } | Write::Remove { table, .. } => *table,
    }
}

/// Names become part of statements and of collections' names, so that nothing but plain words may come through.
fn check_table(table: &Table) -> Result<()> {
    let is_word = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_word(table.name) && table.indexes.iter().all(|index| !index.is_empty() && index.iter().all(|f| is_word(f))) {
        Ok(())
    } else {
        Err(Error::Rejected(format!("view {:?} or one of its indexes has an impossible name", table.name)))
    }
}

/// The index whose first fields are the equals, in whatever order, and whose last is the range. None is needed for all rows.
fn fitting_index(table: &Table, find: &Find) -> Result<Option<&'static [&'static str]>> {
    let equals: Vec<&str> = find.equals.iter().map(|(field, _)| *field).collect();
    let range = find.range.as_ref().map(|range| range.field);
    if equals.is_empty() && range.is_none() {
        return Ok(None);
    }
    let fits = |index: &&&[&str]| {
        let (first, last) = index.split_at(equals.len().min(index.len()));
        first.len() == equals.len() && first.iter().all(|field| equals.contains(field)) && last == range.as_slice()
    };
    table.indexes.iter().find(fits).copied().map(Some).ok_or_else(|| {
        let wanted: Vec<_> = equals.into_iter().chain(range).collect();
        Error::Rejected(format!("view {:?} declares no index {wanted:?}", table.name))
    })
}
