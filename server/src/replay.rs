//! Rebuilds every view beside the live one out of the log, compares, and says equal or where not.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use ports::{Clock, EventFeed, Find, Result, Table, ViewStore};
use projections::{Progress, Projection, Projector, Row};
use serde_json::Value;

/// Rows compared at once.
const PAGE: usize = 2_000;
/// Differences told of one table.
const TOLD: usize = 5;

/// What a comparison of one projection found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The projection.
    pub projection: String,
    /// Rows of the rebuilt view.
    pub rows: u64,
    /// Table and key of rows that differ, the first few of each table.
    pub differences: Vec<String>,
}

/// Rebuilds all views in a store of their own and compares them with the live ones, which must have come as far.
///
/// # Errors
/// A port's error.
pub async fn replay(
    feed: &Arc<dyn EventFeed>,
    live: &Arc<dyn ViewStore>,
    beside: &Arc<dyn ViewStore>,
) -> Result<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    for projection in projections::all() {
        catch_up(&projection, feed, live).await?;
        catch_up(&projection, feed, beside).await?;
        let mut comparison = Comparison { projection: projection.name().to_owned(), ..Comparison::default() };
        for table in projection.tables().iter().chain([&Progress::TABLE]) {
            compare(*table, projection.name(), live, beside, &mut comparison).await?;
        }
        comparisons.push(comparison);
    }
    Ok(comparisons)
}

/// Folds what a view has not seen yet.
///
/// # Errors
/// A port's error.
pub async fn catch_up(
    projection: &Arc<dyn Projection>,
    feed: &Arc<dyn EventFeed>,
    views: &Arc<dyn ViewStore>,
) -> Result<()> {
    let mut projector = Projector::new(Arc::clone(projection), Arc::clone(feed), Arc::clone(views));
    while projector.advance().await? {}
    Ok(())
}

/// Compares a table row by row. Of the table of progress, which all projections share, only this one's row.
async fn compare(
    table: Table,
    projection: &str,
    live: &Arc<dyn ViewStore>,
    beside: &Arc<dyn ViewStore>,
    comparison: &mut Comparison,
) -> Result<()> {
    let is_shared = table == Progress::TABLE;
    let mut told = 0;
    let mut tell = |key: &str, what: &str, comparison: &mut Comparison| {
        told += 1;
        if told <= TOLD {
            comparison.differences.push(format!("{} {key}: {what}", table.name));
        }
    };
    let mut after: Option<(Value, String)> = None;
    loop {
        // Both are read up to the same key, so a row that only one of them has is seen as such.
        let mut rebuilt = page(beside, table, after.clone()).await?;
        let mut there = page(live, table, after).await?;
        if rebuilt.is_empty() && there.is_empty() {
            return Ok(());
        }
        let end = match (rebuilt.len() < PAGE, there.len() < PAGE) {
            (true, true) => None,
            (true, false) => there.keys().next_back().cloned(),
            (false, true) => rebuilt.keys().next_back().cloned(),
            (false, false) => rebuilt.keys().next_back().min(there.keys().next_back()).cloned(),
        };
        if let Some(end) = &end {
            rebuilt.retain(|key, _| key <= end);
            there.retain(|key, _| key <= end);
        }
        if is_shared {
            rebuilt.retain(|key, _| key == projection);
            there.retain(|key, _| key == projection);
        }
        comparison.rows += rebuilt.len() as u64;
        for (key, row) in &rebuilt {
            match there.remove(key) {
                None => tell(key, "only in the rebuilt view", comparison),
                Some(found) if found != *row => tell(key, "differs", comparison),
                Some(_) => {}
            }
        }
        for key in there.keys() {
            tell(key, "only in the live view", comparison);
        }
        let Some(end) = end else { return Ok(()) };
        after = Some((Value::Null, end));
    }
}

async fn page(
    views: &Arc<dyn ViewStore>,
    table: Table,
    after: Option<(Value, String)>,
) -> Result<BTreeMap<String, Bytes>> {
    Ok(views.find(table, &Find::all(PAGE).after(after)).await?.into_iter().collect())
}

/// A view store of its own for a rebuild, in a folder that is removed with it.
///
/// # Errors
/// Where it cannot be opened.
pub async fn store_beside(folder: &std::path::Path, clock: &Clock) -> Result<Arc<dyn ViewStore>> {
    adapters::view_store::open(&format!("sqlite:{}/replay.db", folder.display()), clock).await
}
