//! Sets of rows side by side: one for each version of the rows and generation, of which one is live for each version.
//!
//! The collection `views` says it all: `{_id: "v2", live: 1, next: 2}` which generation of version 2 lives, and which number the
//! next one has; `{_id: "v2.1.slots", commit, prepare}` where a projection stands in a generation. The rows are in collections
//! `v2.1.<table>`. A number is never used twice: what has lost its place is rubbish that nobody opens again.

use std::collections::HashMap;

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::options::{ReadConcern, ReadPreference, ReturnDocument, SelectionCriteria};
use mongodb::{Collection, Database};
use ports::{Error, Position, ROWS_VERSION, Result};

use crate::mongodb::sessions::Sessions;
use crate::mongodb::{bounded, durable_collection, durably, retried};

/// Which generation of this version lives, and which comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generations {
    pub(super) live: i64,
    pub(super) next: i64,
}

/// Where projections stand.
pub(super) type Positions = HashMap<String, Position>;

/// What the collection `views` says about this version.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) generations: Generations,
    /// By generation.
    pub(super) positions: HashMap<i64, Positions>,
}

/// The collection `views`.
pub(super) fn collection(database: &Database) -> Collection<Document> {
    durable_collection(database, "views")
}

/// The document that names this version's generations.
pub(super) fn generations_id() -> String {
    format!("v{ROWS_VERSION}")
}

/// The document of a projection's position, or the collection of a table's rows.
pub(super) fn name(generation: i64, of: &str) -> String {
    format!("v{ROWS_VERSION}.{generation}.{of}")
}

/// Generation and projection that a document of this version is about; `None` for another's, and for that of the generations.
pub(super) fn parse(id: &str) -> Option<(i64, &str)> {
    let (version, generation, of) = parse_any(id)?;
    (version == ROWS_VERSION).then_some((generation, of))
}

fn parse_any(name: &str) -> Option<(u32, i64, &str)> {
    let (version, rest) = name.strip_prefix('v')?.split_once('.')?;
    let (generation, of) = rest.split_once('.')?;
    Some((version.parse().ok()?, generation.parse().ok()?, of))
}

pub(super) fn document(generation: i64, projection: &str, at: Position) -> Document {
    let mut document = place(at);
    document.insert("_id", name(generation, projection));
    document
}

/// A position as fields.
pub(super) fn place(at: Position) -> Document {
    doc! { "commit": at.commit.cast_signed(), "prepare": at.prepare.cast_signed() }
}

pub(super) fn position(found: &Document) -> Result<Position> {
    let number = |field| found.get_i64(field).map(i64::cast_unsigned).map_err(|error| strange(found, &error));
    Ok(Position { commit: number("commit")?, prepare: number("prepare")? })
}

fn generations(found: &Document) -> Result<Generations> {
    let number = |field| found.get_i64(field).map_err(|error| strange(found, &error));
    Ok(Generations { live: number("live")?, next: number("next")? })
}

fn strange(found: &Document, why: &dyn std::fmt::Display) -> Error {
    Error::Corrupt(format!(
        "document {:?} of the collection \"views\" was written by something else: {why}",
        found.get("_id")
    ))
}

/// All documents of this version, its generations' first.
fn of_this_version() -> Document {
    let first = generations_id();
    // "/" is what follows "." in the order of bytes.
    doc! { "_id": { "$gte": &first, "$lt": format!("{first}/") } }
}

/// Reads where everything stands; the first to look begins with generation 1.
pub(super) async fn look(views: &Collection<Document>) -> Result<Standing> {
    let found: Vec<Document> = bounded(async { views.find(of_this_version()).await?.try_collect().await }).await?;
    if !found.iter().any(|document| document.get_str("_id").is_ok_and(|id| id == generations_id())) {
        let begin = doc! { "$setOnInsert": { "live": 1_i64, "next": 2_i64 } };
        retried(|| views.update_one(doc! { "_id": generations_id() }, begin.clone()).upsert(true)).await?;
        return Box::pin(look(views)).await;
    }
    standing(&found)
}

fn standing(found: &[Document]) -> Result<Standing> {
    let mut standing = Standing { generations: Generations { live: 0, next: 0 }, positions: HashMap::new() };
    for document in found {
        let id = document.get_str("_id").map_err(|error| strange(document, &error))?;
        match parse(id) {
            Some((generation, projection)) => {
                let positions = standing.positions.entry(generation).or_default();
                positions.insert(projection.to_owned(), position(document)?);
            }
            None if id == generations_id() => standing.generations = generations(document)?,
            None => return Err(strange(document, &"it is no position")),
        }
    }
    Ok(standing)
}

/// Makes the next generation live. A save into the live one at the same time makes one of both fail, for both write the
/// projection's position, or, where the projection is new, the generations' document.
pub(super) async fn swap(database: &Database) -> Result<()> {
    let views = collection(database);
    // Registered under the generations' document, which every save that is kept waiting asks for.
    let mut session = bounded(Sessions::new(database).take(&generations_id())).await?;
    let session = &mut *session;
    let begin = session.start_transaction().read_concern(ReadConcern::snapshot()).write_concern(durably());
    bounded(begin.selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))).await?;
    let mut cursor = bounded(views.find(of_this_version()).session(&mut *session)).await?;
    let found: Vec<Document> = bounded(cursor.stream(session).try_collect()).await?;
    let Standing { generations: Generations { live, next }, positions } = standing(&found)?;
    let Some(folded) = positions.get(&next) else {
        return Err(Error::Rejected(format!("nothing was folded into generation {next} of the views yet")));
    };
    for (projection, stands) in positions.get(&live).into_iter().flatten() {
        if folded.get(projection).is_none_or(|comes| comes < stands) {
            return Err(Error::Conflict(format!("generation {next} has not come as far as {live} in {projection:?}")));
        }
    }
    let renamed = doc! { "$set": { "live": next, "next": next + 1 } };
    let named = doc! { "_id": generations_id(), "live": live, "next": next };
    let write = bounded(views.update_one(named, renamed).session(&mut *session)).await?;
    if write.matched_count == 0 {
        return Err(Error::Conflict("the generations of the views have changed".to_owned()));
    }
    let left: Vec<String> = positions.get(&live).into_iter().flat_map(HashMap::keys).map(|of| name(live, of)).collect();
    bounded(views.delete_many(doc! { "_id": { "$in": left } }).session(&mut *session)).await?;
    bounded(session.commit_transaction()).await
}

/// Drops all sets but the live one of this version and those of later versions. Their numbers are given up first, so that nobody
/// goes on with half of a set, whenever this stops.
pub(super) async fn drop_unused(database: &Database) -> Result<()> {
    let views = collection(database);
    look(&views).await?;
    let found: Vec<Document> = bounded(async { views.find(doc! {}).await?.try_collect().await }).await?;
    let ids: Vec<&str> = found.iter().filter_map(|document| document.get_str("_id").ok()).collect();
    let mut kept: HashMap<u32, Generations> = HashMap::new();
    for id in &ids {
        let Some(version) = id.strip_prefix('v').and_then(|version| version.parse::<u32>().ok()) else { continue };
        let next = doc! { "$add": ["$next", 1_i64] };
        let given_up = match version.cmp(&ROWS_VERSION) {
            std::cmp::Ordering::Less => doc! { "live": "$next", "next": next },
            std::cmp::Ordering::Equal => doc! { "next": next },
            std::cmp::Ordering::Greater => continue,
        };
        let write = views.find_one_and_update(doc! { "_id": id }, vec![doc! { "$set": given_up }]);
        let after = bounded(write.return_document(ReturnDocument::After)).await?;
        kept.insert(
            version,
            after.as_ref().map_or_else(|| Err(strange(&doc! { "_id": id }, &"it is gone")), generations)?,
        );
    }
    let is_unused = |name: &&str| {
        parse_any(name).is_some_and(|(version, generation, _)| {
            kept.get(&version).is_some_and(|kept| generation != kept.live && generation < kept.next)
        })
    };
    let tables = bounded(database.list_collection_names()).await?;
    for table in tables.iter().map(String::as_str).filter(is_unused) {
        bounded(database.collection::<Document>(table).drop()).await?;
    }
    let left: Vec<&str> = ids.iter().copied().filter(is_unused).collect();
    bounded(views.delete_many(doc! { "_id": { "$in": left } })).await?;
    Ok(())
}
