//! Views in MongoDB: several programs, generations beside each other, answers that are lost.

use std::sync::Arc;

use adapters::view_store::{self, drop_unused, swap};
use mongodb::bson::{Document, doc};
use ports::{Clock, Error, Find, Position, ROWS_VERSION, Table, ViewStore, Write};
use serde_json::json;
use test_servers::mongodb::{shared, start, url};
use test_servers::unique;
use tokio::task::JoinSet;

use super::{all, database, soon, until_available};
use crate::contracts;

const ROWS: Table = Table { name: "rows", indexes: &[&["kind", "due"]] };

pub(super) fn at(position: u64) -> Position {
    Position { commit: position, prepare: position }
}

pub(super) async fn open(url: &str) -> Arc<dyn ViewStore> {
    view_store::open(url, &Clock::system()).await.unwrap()
}

fn next(url: &str) -> String {
    format!("{url}&generation=new")
}

pub(super) fn put(key: &str, due: u64) -> Write {
    Write::Put { table: ROWS, key: key.to_owned(), row: json!({"kind": "x", "due": due}).to_string().into() }
}

/// When each row is due, in their order.
pub(super) async fn due(views: &dyn ViewStore) -> Vec<u64> {
    let found = views.find(ROWS, &Find::all(99_999).equal("kind", "x").range("due", None, None)).await.unwrap();
    let due = |row: &[u8]| serde_json::from_slice::<serde_json::Value>(row).unwrap()["due"].as_u64().unwrap();
    found.iter().map(|(_, row)| due(row)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_keeps_the_contract_of_a_view_store() {
    let url = url(shared(), &unique("views"));
    contracts::view_store::suite(async || open(&url).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_of_another_program_rings_and_conflicts_with_ours() {
    let url = url(shared(), &unique("views"));
    let (ours, theirs) = (open(&url).await, open(&url).await);
    let mut seen = None;
    for n in 0..20 {
        let waiting = tokio::spawn({
            let ours = Arc::clone(&ours);
            async move { ours.moved("p", seen).await }
        });
        theirs.save("p", seen, at(n), vec![put("a", n)]).await.unwrap();
        soon("the bell", waiting).await.unwrap();
        assert!(matches!(ours.save("p", seen, at(99), vec![put("a", 99)]).await, Err(Error::Conflict(_))));
        seen = Some(at(n));
        assert_eq!((ours.position("p").await.unwrap(), due(&*ours).await), (seen, vec![n]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_find_has_an_index_that_begins_with_its_fields_and_ends_with_the_key() {
    let url = url(shared(), &unique("views"));
    open(&url).await.save("p", None, at(1), vec![put("a", 1)]).await.unwrap();
    let names =
        database(&url).await.collection::<Document>(&format!("v{ROWS_VERSION}.1.rows")).list_index_names().await;
    assert_eq!(names.unwrap(), ["_id_", "by.kind_1_by.due_1__id_1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_is_folded_beside_and_becomes_live_in_one_write() {
    let url = url(shared(), &unique("views"));
    let (live, reader) = (open(&url).await, open(&url).await);
    live.save("p", None, at(1), vec![put("old", 1), put("stale", 1)]).await.unwrap();
    live.save("p", Some(at(1)), at(2), vec![put("old", 2)]).await.unwrap();
    assert!(matches!(swap(&url).await, Err(Error::Rejected(_))), "nothing was folded yet");

    let beside = open(&next(&url)).await;
    assert_eq!((beside.position("p").await.unwrap(), due(&*beside).await), (None, vec![]));
    beside.save("p", None, at(1), vec![put("new", 10)]).await.unwrap();
    assert_eq!((live.position("p").await.unwrap(), due(&*live).await), (Some(at(2)), vec![1, 2]));
    assert!(matches!(swap(&url).await, Err(Error::Conflict(_))), "it has not come as far as the live one");
    // Begun, stopped and begun again, it goes on where it was.
    drop(beside);
    let beside = open(&next(&url)).await;
    beside.save("p", Some(at(1)), at(2), vec![put("new", 20)]).await.unwrap();

    let swapped = tokio::spawn({
        let reader = Arc::clone(&reader);
        async move { while due(&*reader).await != [20] {} }
    });
    swap(&url).await.unwrap();
    soon("that a reader notices the swap", swapped).await.unwrap();
    soon("that the other one does, too", async { while due(&*live).await != [20] {} }).await;
    assert_eq!((live.position("p").await.unwrap(), due(&*live).await), (Some(at(2)), vec![20]));
    live.save("p", Some(at(2)), at(3), vec![put("new", 30)]).await.unwrap();
    assert_eq!(due(&*reader).await, [30]);

    drop_unused(&url).await.unwrap();
    let tables = database(&url).await.list_collection_names().await.unwrap();
    let mut rows: Vec<_> = tables.into_iter().filter(|table| table.ends_with(".rows")).collect();
    rows.sort();
    assert_eq!(rows, [format!("v{ROWS_VERSION}.2.rows")]);
    assert_eq!(due(&*open(&url).await).await, [30]);
}

#[tokio::test(flavor = "multi_thread")]
async fn saves_into_a_generation_that_was_swapped_away_are_rejected() {
    let url = url(shared(), &unique("views"));
    open(&url).await.save("p", None, at(1), vec![]).await.unwrap();
    let old = open(&next(&url)).await;
    old.save("p", None, at(1), vec![]).await.unwrap();
    swap(&url).await.unwrap();
    open(&next(&url)).await.save("p", None, at(1), vec![]).await.unwrap();
    swap(&url).await.unwrap();
    for (projection, from) in [("p", Some(at(1))), ("p", None), ("never seen", None)] {
        for writes in [vec![], vec![put("a", 1)]] {
            let answer = old.save(projection, from, at(2), writes).await;
            // A conflict would let it fold for ever.
            assert!(matches!(answer, Err(Error::Rejected(_))), "{projection} {from:?}: {answer:?}");
        }
    }
    assert_eq!(due(&*open(&url).await).await, [] as [u64; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_another_version_stay_beside_ours_until_they_are_dropped() {
    let url = url(shared(), &unique("views"));
    let database = database(&url).await;
    let (older, newer) = (ROWS_VERSION - 1, ROWS_VERSION + 1);
    for version in [older, newer] {
        let views = database.collection("views");
        views.insert_one(doc! { "_id": format!("v{version}"), "live": 4_i64, "next": 5_i64 }).await.unwrap();
        let position = doc! { "_id": format!("v{version}.4.p"), "commit": 9_i64, "prepare": 9_i64 };
        views.insert_one(position).await.unwrap();
        database.collection(&format!("v{version}.4.rows")).insert_one(doc! { "_id": "a" }).await.unwrap();
    }
    let views = open(&url).await;
    assert_eq!((views.position("p").await.unwrap(), views.get(ROWS, "a").await.unwrap()), (None, None));
    views.save("p", None, at(1), vec![put("a", 1)]).await.unwrap();
    drop_unused(&url).await.unwrap();
    assert_eq!(all(&database, &format!("v{older}.4.rows")).await, [] as [Document; 0]);
    assert_eq!(all(&database, &format!("v{newer}.4.rows")).await, [doc! { "_id": "a" }]);
    assert_eq!(due(&*views).await, [1]);
    let left: Vec<_> =
        all(&database, "views").await.iter().map(|left| left.get_str("_id").unwrap().to_owned()).collect();
    assert!(!left.contains(&format!("v{older}.4.p")) && left.contains(&format!("v{newer}.4.p")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_answer_the_position_tells_whether_a_save_was_done() {
    let server = start(&["--enable-test-commands"]);
    let url = url(&server, "views");
    let admin = database(&url).await.client().database("admin");
    let commits = async |mode: &str, failure: Document| {
        let mut data = doc! { "failCommands": ["commitTransaction"], "appName": "trialbrief" };
        data.extend(failure);
        admin.run_command(doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data }).await.unwrap();
    };
    let views = open(&url).await;
    views.save("p", None, at(1), vec![put("a", 1)]).await.unwrap();

    commits("alwaysOn", doc! { "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } })
        .await;
    views.save("p", Some(at(1)), at(2), vec![put("a", 2)]).await.unwrap();
    commits("alwaysOn", doc! { "closeConnection": true }).await;
    let answer = views.save("p", Some(at(2)), at(3), vec![put("a", 3)]).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    commits("off", doc! {}).await;
    assert_eq!((views.position("p").await.unwrap(), due(&*views).await), (Some(at(2)), vec![2]));
    until_available(async || views.save("p", Some(at(2)), at(3), vec![put("a", 3)]).await).await;
    assert_eq!(due(&*views).await, [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_the_middle_of_saves_leaves_rows_and_positions_together_and_all_goes_on() {
    const SAVERS: u64 = 4;
    const ROWS_EACH: u64 = 50;
    let server = start(&["--sync-on-commit"]);
    let url = format!("{}&serverSelectionTimeoutMS=300", url(&server, "views"));
    let (views, listener) = (open(&url).await, open(&url).await);
    for round in 1..=3 {
        let mut savers = JoinSet::new();
        for saver in 0..SAVERS {
            let views = Arc::clone(&views);
            savers.spawn(async move {
                let projection = format!("p{saver}");
                let mut from = views.position(&projection).await.unwrap();
                loop {
                    let to = from.map_or(1, |from| from.commit + 1);
                    let rows = (0..ROWS_EACH).map(|n| put(&format!("{saver} {n}"), to)).collect();
                    match views.save(&projection, from, at(to), rows).await {
                        Ok(()) => from = Some(at(to)),
                        Err(Error::Unavailable(_)) => return (projection, from),
                        // The save before was done, although its answer was lost.
                        Err(Error::Conflict(_)) => from = views.position(&projection).await.unwrap(),
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        let first = listener.position("p0").await.unwrap();
        soon("a save", listener.moved("p0", first)).await;
        server.kill();
        let acknowledged = soon("the end of all savers", savers.join_all()).await;
        server.go_on();
        // A program that has heard nothing yet.
        let afresh = until_available(async || view_store::open(&url, &Clock::system()).await).await;
        for (projection, from) in acknowledged {
            let stands = afresh.position(&projection).await.unwrap();
            assert!(stands >= from, "round {round}: {projection} stands at {stands:?}, and {from:?} was acknowledged");
            let saver = projection.strip_prefix('p').unwrap();
            for n in 0..ROWS_EACH {
                let row = until_available(async || views.get(ROWS, &format!("{saver} {n}")).await).await;
                let expected = stands.map(|stands| json!({"kind": "x", "due": stands.commit}).to_string());
                assert_eq!(row.as_deref(), expected.as_ref().map(String::as_bytes), "round {round}, row {n}");
            }
        }
        // The bell of another program rings again, too.
        let stands = afresh.position("p0").await.unwrap();
        let to = at(stands.map_or(1, |stands| stands.commit + 1));
        let rows = (0..ROWS_EACH).map(|n| put(&format!("0 {n}"), to.commit)).collect();
        views.save("p0", stands, to, rows).await.unwrap();
        soon("the bell", listener.moved("p0", stands)).await;
        soon("the bell at its place", async { while listener.position("p0").await.unwrap() != Some(to) {} }).await;
    }
}
