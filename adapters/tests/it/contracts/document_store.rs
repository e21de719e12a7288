//! What may be relied on in a document store.

use std::sync::Arc;

use futures::TryStreamExt;
use futures::future::{join_all, poll_immediate};
use jiff::{SignedDuration, Timestamp};
use ports::{Change, ChangeToken, Clock, DocumentStore, Error, Place, Record, RecordFilter};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

/// A record with a number for an id, and some properties.
pub fn record(number: u32, properties: Value) -> Record {
    let Value::Object(mut map) = properties else { panic!("properties are an object") };
    map.insert("_id".to_owned(), json!(id(number)));
    Record(map)
}

/// The id of a number.
pub fn id(number: u32) -> String {
    format!("{number:024x}")
}

/// A change without its token, time and place.
pub type Told = (String, Option<Record>, Option<Record>);

/// What the feed of changes tells now.
pub struct Changes {
    pub told: Vec<Told>,
    pub tokens: Vec<ChangeToken>,
    pub times: Vec<Timestamp>,
    pub places: Vec<Place>,
    pub up_to: Timestamp,
}

/// Reads the changes once; they must end with `UpTo`.
pub async fn changes(store: &dyn DocumentStore) -> Changes {
    let mut all: Vec<Change> = store.changes().try_collect().await.unwrap();
    let Some(Change::UpTo(up_to)) = all.pop() else { panic!("the last item is no UpTo") };
    let mut changes = Changes { told: vec![], tokens: vec![], times: vec![], places: vec![], up_to };
    for change in all {
        let Change::Seen { id, token, at, before, after, place } = change else { panic!("{change:?} comes too early") };
        changes.told.push((id, before, after));
        changes.tokens.push(token);
        changes.times.push(at);
        changes.places.push(place);
    }
    assert!(changes.tokens.is_sorted_by(|a, b| a < b), "tokens grow");
    assert!(changes.times.is_sorted(), "times never go back");
    changes
}

async fn acknowledge_all(store: &dyn DocumentStore) {
    let (_, place) = store.end().await.unwrap();
    store.acknowledge(&place).await.unwrap();
}

fn is_conflict<T>(answer: &ports::Result<T>) -> bool {
    matches!(answer, Err(Error::Conflict(_)))
}

/// The contract. `open` opens the same collection again, empty at first, with the given clock, and is called when the one
/// before was dropped.
pub async fn suite(open: impl AsyncFn() -> Arc<dyn DocumentStore>, clock: &Clock) {
    let store = open().await;
    an_empty_collection_has_nothing_to_tell(&*store).await;
    each_write_leaves_one_change(&*store, clock).await;
    records_are_kept_whatever_their_properties(&*store).await;
    a_write_expects_what_is_stored(&*store).await;
    an_impossible_id_is_rejected(&*store).await;
    of_many_writers_of_one_record_one_wins(&store).await;
    records_are_listed_in_order_of_their_id(&*store).await;
    what_is_acknowledged_is_not_told_again(&*store).await;
    many_changes_are_told_in_one_stream(&*store).await;
    no_change_comes_before_an_instant_already_passed(&store, clock).await;
    a_waiting_reader_is_woken(&store).await;
    drop(store);
    all_is_there_after_reopening(&open).await;
    a_new_epoch_begins_behind_all_that_was(&*open().await).await;
}

async fn an_empty_collection_has_nothing_to_tell(store: &dyn DocumentStore) {
    assert_eq!(store.acknowledged().await.unwrap(), None);
    assert_eq!(store.get(&id(1)).await.unwrap(), None);
    assert_eq!(store.list(&RecordFilter::default(), None, 10).await.unwrap(), []);
    assert_eq!(changes(store).await.told, []);
}

async fn each_write_leaves_one_change(store: &dyn DocumentStore, clock: &Clock) {
    let (first, second) = (record(1, json!({"Filename": "a"})), record(1, json!({"Filename": "b", "Size": 5})));
    let (before_all, _) = store.end().await.unwrap();
    store.insert(&first).await.unwrap();
    clock.set(clock.now() + SignedDuration::from_secs(60));
    store.replace(&first, &second).await.unwrap();
    store.delete(&second).await.unwrap();
    let seen = changes(store).await;
    let expected = vec![
        (id(1), None, Some(first.clone())),
        (id(1), Some(first.clone()), Some(second.clone())),
        (id(1), Some(second.clone()), None),
    ];
    assert_eq!(seen.told, expected);
    assert!(seen.tokens[0] > before_all);
    assert_eq!(store.end().await.unwrap(), (seen.tokens[2], seen.places[2].clone()));
    assert_eq!(changes(store).await.told, expected, "unacknowledged, they are told again");
    assert!(is_conflict(&store.replace(&first, &second).await));
    assert!(is_conflict(&store.delete(&first).await));
    assert_eq!(changes(store).await.told, expected, "a refused write leaves no change");
}

async fn records_are_kept_whatever_their_properties(store: &dyn DocumentStore) {
    let odd = record(
        2,
        json!({
            "text": "ä\u{0}\"\\ \u{1f600}", "": null, "$where": [1, [2.5, -0.25], {}], "big": u64::MAX, "small": i64::MIN,
            "a.b": {"c": {"_id": 7}}, "true": true,
        }),
    );
    store.insert(&odd).await.unwrap();
    assert_eq!(store.get(&id(2)).await.unwrap(), Some(odd.clone()));
    assert_eq!(changes(store).await.told.pop().unwrap(), (id(2), None, Some(odd.clone())));
    store.delete(&odd).await.unwrap();
    assert_eq!(store.get(&id(2)).await.unwrap(), None);
}

async fn a_write_expects_what_is_stored(store: &dyn DocumentStore) {
    let stored = record(3, json!({"a": 1, "b": [1, 2]}));
    store.insert(&stored).await.unwrap();
    assert!(is_conflict(&store.insert(&record(3, json!({}))).await));
    for other in [json!({"a": 1}), json!({"a": "1", "b": [1, 2]}), json!({"a": 1, "b": [2, 1]}), json!({})] {
        assert!(is_conflict(&store.replace(&record(3, other.clone()), &record(3, json!({}))).await), "{other}");
        assert!(is_conflict(&store.delete(&record(3, other.clone())).await), "{other}");
    }
    assert!(is_conflict(&store.replace(&record(4, json!({})), &record(4, json!({}))).await), "nothing is stored there");
    assert!(is_conflict(&store.delete(&record(4, json!({}))).await));
    let answer = store.replace(&stored, &record(5, json!({}))).await;
    assert!(matches!(answer, Err(Error::Rejected(_))), "an id stays: {answer:?}");
    // The order of properties is no difference.
    let turned: Map<_, _> = stored.0.clone().into_iter().rev().collect();
    store.replace(&Record(turned), &record(3, json!({"c": 1}))).await.unwrap();
    assert_eq!(store.get(&id(3)).await.unwrap(), Some(record(3, json!({"c": 1}))));
    store.delete(&record(3, json!({"c": 1}))).await.unwrap();
}

async fn an_impossible_id_is_rejected(store: &dyn DocumentStore) {
    let mut records = vec![Record::default(), Record(Map::from_iter([("_id".to_owned(), json!(7))]))];
    for bad in ["", "1", &"g".repeat(24), &"A".repeat(24), &"0".repeat(25)] {
        records.push(Record(Map::from_iter([("_id".to_owned(), json!(bad))])));
    }
    for record in records {
        let answer = store.insert(&record).await;
        assert!(matches!(answer, Err(Error::Rejected(_))), "{record:?}: {answer:?}");
    }
}

async fn of_many_writers_of_one_record_one_wins(store: &Arc<dyn DocumentStore>) {
    let race =
        async |write: fn(Arc<dyn DocumentStore>, u32) -> futures::future::BoxFuture<'static, ports::Result<()>>| {
            let mut racers = JoinSet::new();
            (0..32).for_each(|racer| drop(racers.spawn(write(Arc::clone(store), racer))));
            let answers = racers.join_all().await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
            assert_eq!(answers.iter().filter(|answer| is_conflict(answer)).count(), 31, "{answers:?}");
        };
    acknowledge_all(&**store).await;
    race(|store, n| Box::pin(async move { store.insert(&record(6, json!({"by": n}))).await })).await;
    let first = store.get(&id(6)).await.unwrap().unwrap();
    store.replace(&first, &record(6, json!({"round": 2}))).await.unwrap();
    race(|store, n| {
        Box::pin(async move { store.replace(&record(6, json!({"round": 2})), &record(6, json!({"to": n}))).await })
    })
    .await;
    let last = store.get(&id(6)).await.unwrap().unwrap();
    store.delete(&last).await.unwrap();
    assert_eq!(changes(&**store).await.told.len(), 4);
}

async fn records_are_listed_in_order_of_their_id(store: &dyn DocumentStore) {
    let trial = |n: u32| if n.is_multiple_of(3) { "t-1" } else { "t-2" };
    let listed = |n: u32| record(100 + n, json!({"TrialId": trial(n), "Kind": format!("k{}", n % 2), "n": n}));
    for answer in join_all((0..30).rev().map(async |n| store.insert(&listed(n)).await)).await {
        answer.unwrap();
    }
    store.insert(&record(130, json!({"n": 30, "TrialId": 5, "Kind": null}))).await.unwrap();
    let mut paged: Vec<Record> = Vec::new();
    loop {
        let after = paged.last().map(|last| last.id().to_owned());
        let page = store.list(&RecordFilter::default(), after.as_deref(), 7).await.unwrap();
        assert!(page.len() <= 7);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged[..30], (0..30).map(listed).collect::<Vec<_>>());
    let filter = |equals: &[(&'static str, &str)]| RecordFilter {
        equals: equals.iter().map(|(property, value)| (*property, (*value).to_owned())).collect(),
    };
    let both = filter(&[("TrialId", "t-1"), ("Kind", "k0")]);
    let expected: Vec<_> = (0..30).filter(|n| n % 6 == 0).map(listed).collect();
    assert_eq!(store.list(&both, None, 100).await.unwrap(), expected);
    assert_eq!(store.list(&both, Some(&id(106)), 2).await.unwrap(), expected[2..4]);
    assert_eq!(store.list(&filter(&[("TrialId", "5")]), None, 9).await.unwrap(), [], "a number is no text");
    assert_eq!(store.list(&filter(&[("Missing", "")]), None, 9).await.unwrap(), []);
    assert_eq!(store.list(&RecordFilter::default(), None, 0).await.unwrap(), []);
}

async fn what_is_acknowledged_is_not_told_again(store: &dyn DocumentStore) {
    acknowledge_all(store).await;
    assert_eq!(changes(store).await.told, []);
    for n in 200..205 {
        store.insert(&record(n, json!({}))).await.unwrap();
    }
    let all = changes(store).await;
    let ids = |changes: &Changes| changes.told.iter().map(|(id, ..)| id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&all), [200, 201, 202, 203, 204].map(id));
    store.acknowledge(&all.places[1]).await.unwrap();
    assert_eq!(store.acknowledged().await.unwrap().as_ref(), Some(&all.places[1]));
    let rest = changes(store).await;
    assert_eq!((rest.tokens, rest.places), (all.tokens[2..].to_vec(), all.places[2..].to_vec()));
    // Somebody slower must not bring back what is done.
    store.acknowledge(&all.places[0]).await.unwrap();
    assert_eq!(store.acknowledged().await.unwrap().as_ref(), Some(&all.places[1]));
    store.acknowledge(&all.places[1]).await.unwrap();
    assert_eq!(ids(&changes(store).await), [202, 203, 204].map(id));
    let answer = store.acknowledge(&Place("somewhere else".to_owned())).await;
    assert!(matches!(answer, Err(Error::Rejected(_))), "{answer:?}");
    store.acknowledge(&all.places[4]).await.unwrap();
    assert_eq!(ids(&changes(store).await), [] as [&str; 0]);
    assert_eq!(store.end().await.unwrap().0, all.tokens[4], "the newest change's token is known without the change");
}

async fn many_changes_are_told_in_one_stream(store: &dyn DocumentStore) {
    acknowledge_all(store).await;
    let answers = join_all((1000..1700).map(async |n| store.insert(&record(n, json!({"n": n}))).await)).await;
    assert!(answers.iter().all(Result::is_ok));
    let all = changes(store).await;
    assert_eq!(all.told.len(), 700);
    // Acknowledging along the way does not disturb the stream.
    let mut stream = store.changes();
    let mut told = 0;
    while let Some(Change::Seen { token, place, .. }) = stream.try_next().await.unwrap() {
        assert_eq!(token, all.tokens[told]);
        store.acknowledge(&place).await.unwrap();
        told += 1;
    }
    assert_eq!(told, 700);
}

async fn no_change_comes_before_an_instant_already_passed(store: &Arc<dyn DocumentStore>, clock: &Clock) {
    acknowledge_all(&**store).await;
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (store, clock) = (Arc::clone(store), clock.clone());
        writers.spawn(async move {
            for n in 0..25 {
                store.insert(&record(10_000 + writer * 100 + n, json!({}))).await.unwrap();
                clock.set(clock.now() + SignedDuration::from_millis(1));
            }
        });
    }
    let (mut told, mut passed) = (0, Timestamp::MIN);
    while told < 200 {
        let seen = changes(&**store).await;
        assert!(seen.times.iter().all(|at| *at >= passed), "a change came later than UpTo said");
        assert!(seen.up_to >= passed);
        told += seen.told.len();
        passed = seen.up_to;
        if let Some(place) = seen.places.last() {
            store.acknowledge(place).await.unwrap();
        }
    }
    writers.join_all().await;
    assert_eq!((told, changes(&**store).await.told.len()), (200, 0));
}

async fn a_waiting_reader_is_woken(store: &Arc<dyn DocumentStore>) {
    acknowledge_all(&**store).await;
    for n in 20_000..20_020 {
        assert!(poll_immediate(store.changed()).await.is_none(), "nothing changed");
        let waiting = tokio::spawn({
            let store = Arc::clone(store);
            async move { store.changed().await }
        });
        if n % 2 == 0 {
            tokio::task::yield_now().await;
        }
        store.insert(&record(n, json!({}))).await.unwrap();
        waiting.await.unwrap();
        store.changed().await;
        acknowledge_all(&**store).await;
    }
}

async fn all_is_there_after_reopening(open: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    let store = open().await;
    for n in [30_000, 30_001] {
        store.insert(&record(n, json!({}))).await.unwrap();
    }
    let seen = changes(&*store).await;
    store.acknowledge(&seen.places[0]).await.unwrap();
    let records = store.list(&RecordFilter::default(), None, 10_000).await.unwrap();
    drop(store);
    let store = open().await;
    assert_eq!(store.list(&RecordFilter::default(), None, 10_000).await.unwrap(), records);
    assert_eq!(store.acknowledged().await.unwrap().as_ref(), Some(&seen.places[0]));
    let again = changes(&*store).await;
    assert_eq!((again.told, again.tokens), (seen.told[1..].to_vec(), seen.tokens[1..].to_vec()));
    store.changed().await;
    store.insert(&record(30_002, json!({}))).await.unwrap();
    assert!(changes(&*store).await.tokens[1] > seen.tokens[1]);
}

async fn a_new_epoch_begins_behind_all_that_was(store: &dyn DocumentStore) {
    store.insert(&record(40_000, json!({}))).await.unwrap();
    let (before, _) = store.end().await.unwrap();
    store.begin_epoch(before.epoch + 10).await.unwrap();
    let (token, place) = store.end().await.unwrap();
    assert_eq!(token.epoch, before.epoch + 10);
    assert_eq!(store.acknowledged().await.unwrap(), Some(place));
    assert_eq!(changes(store).await.told, [], "what changed before is not told");
    store.begin_epoch(0).await.unwrap();
    assert_eq!(store.end().await.unwrap().0.epoch, before.epoch + 11, "an epoch is always a new one");
    store.insert(&record(40_001, json!({}))).await.unwrap();
    let seen = changes(store).await;
    assert_eq!((seen.told.len(), seen.tokens[0].epoch), (1, before.epoch + 11));
}
