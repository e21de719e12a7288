//! What may be relied on in a view store.

use std::sync::Arc;

use futures::future::{join_all, poll_immediate};
use ports::{Error, Find, Order, Position, Table, ViewStore, Write};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const DUE: Table = Table {
    name: "contract_due",
    indexes: &[&["kind", "due"], &["due"], &["kind"], &["name"], &["open", "kind", "due"]],
};
const PLAIN: Table = Table { name: "contract_plain", indexes: &[] };
const NUMBERS: Table = Table { name: "contract_numbers", indexes: &[&["at"]] };
const RANDOM: Table = Table { name: "contract_random", indexes: &[&["group", "at"], &["at"]] };

fn at(position: u64) -> Position {
    Position { commit: position, prepare: position }
}

fn put(table: Table, key: &str, row: &Value) -> Write {
    Write::Put { table, key: key.to_owned(), row: row.to_string().into() }
}

fn remove(table: Table, key: &str) -> Write {
    Write::Remove { table, key: key.to_owned() }
}

async fn keys(views: &dyn ViewStore, table: Table, find: Find) -> Vec<String> {
    views.find(table, &find).await.unwrap().into_iter().map(|(key, _)| key).collect()
}

/// The contract. `open` opens the same views again, empty at first, and is called when the one before was dropped.
pub async fn suite(open: impl AsyncFn() -> Arc<dyn ViewStore>) {
    let views = open().await;
    what_was_never_saved_is_not_there(&*views).await;
    rows_are_put_replaced_and_removed(&*views).await;
    a_save_from_elsewhere_conflicts_and_changes_nothing(&*views).await;
    of_many_savers_from_one_position_one_wins(&views).await;
    a_row_that_is_no_object_is_rejected_with_the_whole_save(&*views).await;
    a_find_answers_equals_and_range_in_order(&*views).await;
    values_compare_by_their_kind(&*views).await;
    a_find_without_its_index_is_rejected(&*views).await;
    a_cursor_stays_right_while_rows_come_and_go(&*views).await;
    every_find_equals_a_scan(&views).await;
    projections_that_move_ring(&views).await;
    let (all, stands) = (views.find(DUE, &Find::all(1000)).await.unwrap(), views.position("finds").await.unwrap());
    assert!(!all.is_empty() && stands.is_some());
    drop(views);
    let views = open().await;
    assert_eq!(views.find(DUE, &Find::all(1000)).await.unwrap(), all, "rows are there after reopening");
    assert_eq!(views.position("finds").await.unwrap(), stands);
    views.save("finds", stands, at(900), vec![]).await.unwrap();
}

async fn what_was_never_saved_is_not_there(views: &dyn ViewStore) {
    assert_eq!(views.get(PLAIN, "a").await.unwrap(), None);
    assert_eq!(views.find(PLAIN, &Find::all(10)).await.unwrap(), []);
    assert_eq!(views.position("nobody").await.unwrap(), None);
}

async fn rows_are_put_replaced_and_removed(views: &dyn ViewStore) {
    let exact = Write::Put { table: PLAIN, key: "ä'; --".to_owned(), row: "{ \"b\" : 1.50, \"a\":\"ß\"}".into() };
    views.save("plain", None, at(0), vec![exact, put(PLAIN, "b", &json!({"n": 1}))]).await.unwrap();
    assert_eq!(views.get(PLAIN, "ä'; --").await.unwrap().unwrap(), "{ \"b\" : 1.50, \"a\":\"ß\"}", "byte for byte");
    let writes = vec![
        put(PLAIN, "b", &json!({"n": 2})),
        put(PLAIN, "c", &json!({"n": 3})),
        remove(PLAIN, "c"),
        remove(PLAIN, "never there"),
        remove(PLAIN, "d"),
        put(PLAIN, "d", &json!({"n": 4})),
    ];
    views.save("plain", Some(at(0)), at(5), writes).await.unwrap();
    assert_eq!(views.get(PLAIN, "b").await.unwrap().unwrap(), "{\"n\":2}");
    assert_eq!(keys(views, PLAIN, Find::all(10)).await, ["b", "d", "ä'; --"]);
    assert_eq!(keys(views, PLAIN, Find::all(10).descending()).await, ["ä'; --", "d", "b"]);
    assert_eq!(keys(views, PLAIN, Find::all(1).after(Some((Value::Null, "b".to_owned())))).await, ["d"]);
    assert_eq!(views.position("plain").await.unwrap(), Some(at(5)));
}

async fn a_save_from_elsewhere_conflicts_and_changes_nothing(views: &dyn ViewStore) {
    let huge = Position { commit: u64::MAX, prepare: 0 };
    views.save("cas", None, huge, vec![put(PLAIN, "cas", &json!({"n": 1}))]).await.unwrap();
    assert_eq!(views.position("cas").await.unwrap(), Some(huge), "positions are kept whole");
    let elsewhere = [None, Some(at(u64::MAX)), Some(at(0)), Some(Position { commit: u64::MAX, prepare: 1 })];
    for from in elsewhere {
        let answer = views.save("cas", from, at(9), vec![put(PLAIN, "cas", &json!({"n": 2}))]).await;
        assert!(matches!(answer, Err(Error::Conflict(_))), "{answer:?}");
    }
    assert!(matches!(views.save("cas2", Some(at(1)), at(9), vec![]).await, Err(Error::Conflict(_))));
    assert_eq!(views.get(PLAIN, "cas").await.unwrap().unwrap(), "{\"n\":1}");
    assert_eq!(views.position("cas").await.unwrap(), Some(huge));
}

async fn of_many_savers_from_one_position_one_wins(views: &Arc<dyn ViewStore>) {
    let mut racers = JoinSet::new();
    for racer in 0..32 {
        let views = Arc::clone(views);
        let writes = vec![put(PLAIN, &format!("race {racer}"), &json!({}))];
        racers.spawn(async move { views.save("race", None, at(racer), writes).await.is_ok().then_some(racer) });
    }
    let winners: Vec<_> = racers.join_all().await.into_iter().flatten().collect();
    let [winner] = winners[..] else { panic!("{winners:?} won") };
    assert_eq!(views.position("race").await.unwrap(), Some(at(winner)));
    let from_race = Find { after: Some((Value::Null, "race".to_owned())), ..Find::all(1) };
    assert_eq!(keys(&**views, PLAIN, from_race).await, [format!("race {winner}")]);
}

async fn a_row_that_is_no_object_is_rejected_with_the_whole_save(views: &dyn ViewStore) {
    for row in ["", "[1]", "{", "{\"a\":1}x", "null"] {
        let broken = Write::Put { table: DUE, key: "broken".to_owned(), row: row.to_owned().into() };
        let answer = views.save("broken", None, at(1), vec![put(DUE, "whole", &json!({"due": 1})), broken]).await;
        assert!(matches!(answer, Err(Error::Rejected(_))), "{row:?}: {answer:?}");
    }
    assert_eq!(views.get(DUE, "whole").await.unwrap(), None);
    assert_eq!(views.position("broken").await.unwrap(), None);
}

async fn a_find_answers_equals_and_range_in_order(views: &dyn ViewStore) {
    let writes = vec![
        put(DUE, "a", &json!({"kind": "render", "due": 10, "open": true})),
        put(DUE, "b", &json!({"kind": "render", "due": 10, "open": false})),
        put(DUE, "c", &json!({"kind": "render", "due": -5, "open": true})),
        put(DUE, "d", &json!({"kind": "render", "due": null, "open": true})),
        put(DUE, "e", &json!({"kind": "deliver", "due": 9, "open": true})),
        put(DUE, "f", &json!({"kind": "render", "due": 200})),
        put(DUE, "g", &json!({"due": 7, "open": null})),
    ];
    views.save("finds", None, at(1), writes).await.unwrap();
    let render = || Find::all(100).equal("kind", "render");
    assert_eq!(keys(views, DUE, render()).await, ["a", "b", "c", "d", "f"]);
    assert_eq!(keys(views, DUE, render().range("due", None, None)).await, ["c", "a", "b", "f"], "without null");
    assert_eq!(keys(views, DUE, render().range("due", None, None).descending()).await, ["f", "b", "a", "c"]);
    assert_eq!(keys(views, DUE, render().range("due", Some(json!(10)), Some(json!(200)))).await, ["a", "b"]);
    assert_eq!(keys(views, DUE, render().range("due", Some(json!(11)), None)).await, ["f"]);
    assert_eq!(keys(views, DUE, Find::all(2).range("due", None, Some(json!(10)))).await, ["c", "g"]);
    assert_eq!(keys(views, DUE, Find::all(9).equal("kind", Value::Null)).await, ["g"], "null is absent");
    let open = |open: Value| Find::all(9).equal("open", open).equal("kind", "render").range("due", None, None);
    assert_eq!(keys(views, DUE, open(json!(true))).await, ["c", "a"]);
    assert_eq!(keys(views, DUE, open(Value::Null)).await, ["f"]);
    let reordered = Find::all(9).equal("kind", "render").equal("open", false).range("due", None, None);
    assert_eq!(keys(views, DUE, reordered).await, ["b"], "equals come in any order");
}

async fn values_compare_by_their_kind(views: &dyn ViewStore) {
    let names = ["", "B", "a", "aa", "b", "z\u{7f}", "ä", "€", "\u{1f600}"];
    let writes = names.iter().enumerate().map(|(i, name)| put(DUE, &format!("n{i}"), &json!({"name": name})));
    views.save("names", None, at(1), writes.collect()).await.unwrap();
    let named = |from: &str, below: Option<&str>| {
        Find::all(100).range("name", Some(json!(from)), below.map(|below| json!(below)))
    };
    assert_eq!(keys(views, DUE, named("", None)).await, ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"]);
    assert_eq!(keys(views, DUE, named("a", Some("b"))).await, ["n2", "n3"]);
    assert_eq!(keys(views, DUE, named("z", Some("€"))).await, ["n5", "n6"], "texts compare by bytes");
    let numbers = [i64::MIN, -10, -9, 0, 9, 10, 100, 1 << 53, (1 << 53) + 1, i64::MAX];
    let writes = numbers.iter().map(|n| put(NUMBERS, &format!("v{n}"), &json!({"at": n})));
    views.save("values", None, at(1), writes.collect()).await.unwrap();
    let found = keys(views, NUMBERS, Find::all(100).range("at", None, None)).await;
    assert_eq!(found, numbers.map(|n| format!("v{n}")), "integers compare by value");
    let exactly = Find::all(9).range("at", Some(json!((1i64 << 53) + 1)), Some(json!(i64::MAX)));
    assert_eq!(keys(views, NUMBERS, exactly).await, ["v9007199254740993"]);
}

async fn a_find_without_its_index_is_rejected(views: &dyn ViewStore) {
    let find = || Find::all(9);
    for misfit in [
        find().equal("colour", "red"),
        find().equal("due", 1).range("kind", None, None),
        find().range("kind", None, None).equal("due", 1).equal("name", "a"),
        find().equal("open", true),
        find().equal("kind", json!([1])),
        find().equal("kind", 1.5),
        find().range("due", Some(Value::Null), None),
    ] {
        let answer = views.find(DUE, &misfit).await;
        assert!(matches!(answer, Err(Error::Rejected(_))), "{misfit:?}: {answer:?}");
    }
    assert!(matches!(views.find(PLAIN, &find().equal("n", 1)).await, Err(Error::Rejected(_))));
}

async fn a_cursor_stays_right_while_rows_come_and_go(views: &dyn ViewStore) {
    let row = |due: i64| json!({"kind": "cursor", "due": due});
    let writes = (0..20).map(|i| put(DUE, &format!("k{i:02}"), &row(i / 10))).collect();
    views.save("cursor", None, at(1), writes).await.unwrap();
    let page = |after| Find::all(4).equal("kind", "cursor").range("due", None, None).after(after);
    assert_eq!(keys(views, DUE, page(None)).await, ["k00", "k01", "k02", "k03"]);
    // The cursor's row goes, one comes before it and one behind.
    let writes = vec![remove(DUE, "k03"), put(DUE, "k02b", &row(0)), put(DUE, "k03b", &row(0))];
    views.save("cursor", Some(at(1)), at(2), writes).await.unwrap();
    let after = Some((json!(0), "k03".to_owned()));
    assert_eq!(keys(views, DUE, page(after.clone())).await, ["k03b", "k04", "k05", "k06"]);
    assert_eq!(keys(views, DUE, page(after).descending()).await, ["k02b", "k02", "k01", "k00"]);
    assert_eq!(keys(views, DUE, page(Some((json!(0), "k08".to_owned())))).await, ["k09", "k10", "k11", "k12"]);
    let outside = page(Some((json!(-7), "zz".to_owned()))).range("due", Some(json!(1)), None);
    assert_eq!(keys(views, DUE, outside).await, ["k10", "k11", "k12", "k13"], "a cursor does not widen the range");
}

async fn every_find_equals_a_scan(views: &Arc<dyn ViewStore>) {
    let rows: Vec<(String, Value)> = (0..60i64)
        .map(|i| {
            let at = if i % 7 == 0 { Value::Null } else { json!((i * 31) % 12) };
            (format!("r{:02}", (i * 17) % 60), json!({"group": format!("g{}", i % 3), "at": at}))
        })
        .collect();
    views.save("random", None, at(1), rows.iter().map(|(key, row)| put(RANDOM, key, row)).collect()).await.unwrap();
    let bound = proptest::option::of(-1i64..13);
    let cursor = proptest::option::of((-1i64..13, 0usize..60));
    let finds = proptest::collection::vec(
        (proptest::option::of(0..3), bound.clone(), bound, any::<bool>(), cursor, 1usize..70),
        200,
    );
    let tree = finds.new_tree(&mut proptest::test_runner::TestRunner::deterministic()).unwrap();
    for (group, from, below, descending, cursor, limit) in tree.current() {
        let mut find = Find::all(limit).range("at", from.map(Value::from), below.map(Value::from));
        find.equals.extend(group.map(|group| ("group", json!(format!("g{group}")))));
        find.order = if descending { Order::Descending } else { Order::Ascending };
        find.after = cursor.map(|(value, key)| (json!(value), format!("r{key:02}")));
        let found = keys(&**views, RANDOM, find.clone()).await;
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), scan(&rows, &find, group), "{find:?}");
    }
}

/// The same answer, the slow way.
fn scan<'a>(rows: &'a [(String, Value)], find: &Find, group: Option<i32>) -> Vec<&'a str> {
    let range = find.range.as_ref().unwrap();
    let place = |row: &'a (String, Value)| row.1["at"].as_i64().map(|at| (at, row.0.as_str()));
    let mut found: Vec<_> = rows
        .iter()
        .filter(|(_, row)| group.is_none_or(|group| row["group"] == format!("g{group}")))
        .filter_map(place)
        .filter(|(at, _)| range.from.as_ref().is_none_or(|from| *at >= from.as_i64().unwrap()))
        .filter(|(at, _)| range.below.as_ref().is_none_or(|below| *at < below.as_i64().unwrap()))
        .collect();
    found.sort_unstable();
    if find.order == Order::Descending {
        found.reverse();
    }
    if let Some((value, key)) = &find.after {
        let cursor = (value.as_i64().unwrap(), key.as_str());
        found.retain(|place| if find.order == Order::Descending { *place < cursor } else { *place > cursor });
    }
    found.into_iter().map(|(_, key)| key).take(find.limit).collect()
}

async fn projections_that_move_ring(views: &Arc<dyn ViewStore>) {
    views.moved("plain", None).await;
    assert!(poll_immediate(views.moved("bell", None)).await.is_none());
    let mut seen = None;
    for i in 0..30 {
        let waiting = tokio::spawn({
            let views = Arc::clone(views);
            async move { views.moved("bell", seen).await }
        });
        if i % 2 == 0 {
            tokio::task::yield_now().await;
        }
        join_all([views.save("other", seen, at(i), vec![]), views.save("bell", seen, at(i), vec![])]).await;
        waiting.await.unwrap();
        views.moved("bell", seen).await;
        seen = Some(at(i));
    }
    assert!(poll_immediate(views.moved("bell", seen)).await.is_none());
}
