//! `Documents` belongs to the customer: other programs write it with any driver.

use std::sync::Arc;

use jiff::SignedDuration;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, doc};
use mongodb::options::IndexOptions;
use mongodb::{Client, IndexModel};
use ports::{Clock, Error, RecordFilter};
use serde_json::json;
use test_servers::mongodb::shared;

use super::{database, document_store, elsewhere, monday, open};
use crate::contracts::document_store::{changes, id, record};

fn object_id(number: u32) -> ObjectId {
    ObjectId::parse_str(id(number)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_write_by_another_program_is_told_with_before_and_after() {
    let url = database(shared()).await;
    let store = open(&url).await;
    let other = elsewhere(&url).await;
    let one = doc! { "_id": object_id(1) };
    let mut told = Vec::new();
    // SecantusDB looks an updated record up when the change is read (mongod keeps it as it was), so each is read at once.
    let mut read = async || {
        let seen = changes(&*store).await;
        if let Some(place) = seen.places.last() {
            store.acknowledge(place).await.unwrap();
        }
        told.extend(seen.told);
    };
    other.insert_one(doc! { "_id": object_id(1), "n": 1 }).await.unwrap();
    other.update_one(one.clone(), doc! { "$set": { "a.b": 2 }, "$unset": { "n": "" } }).await.unwrap();
    read().await;
    other.update_one(one.clone(), doc! { "$set": { "a.b": 2 } }).await.unwrap();
    other.replace_one(one.clone(), doc! { "n": 3 }).await.unwrap();
    other.find_one_and_update(one.clone(), vec![doc! { "$set": { "n": { "$add": ["$n", 1] } } }]).await.unwrap();
    other.insert_many([doc! { "_id": object_id(2), "n": 1 }, doc! { "_id": object_id(3), "n": 1 }]).await.unwrap();
    other.update_many(doc! { "n": 1 }, doc! { "$inc": { "n": 1 } }).await.unwrap();
    read().await;
    other.delete_many(doc! {}).await.unwrap();
    read().await;
    let [a, b] = [json!({"n": 1}), json!({"a": {"b": 2}})].map(|properties| record(1, properties));
    let [c, d] = [3, 4].map(|n| record(1, json!({ "n": n })));
    let many = |number: u32, before: Option<u32>, after: Option<u32>| {
        let side = |value: Option<u32>| value.map(|value| record(number, json!({ "n": value })));
        (id(number), side(before), side(after))
    };
    let expected = [
        (id(1), None, Some(a.clone())),
        (id(1), Some(a), Some(b.clone())),
        (id(1), Some(b), Some(c.clone())),
        (id(1), Some(c), Some(d.clone())),
        many(2, None, Some(1)),
        many(3, None, Some(1)),
        many(2, Some(1), Some(2)),
        many(3, Some(1), Some(2)),
        (id(1), Some(d), None),
        many(2, Some(2), None),
        many(3, Some(2), None),
    ];
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_transaction_have_tokens_of_their_own_wherever_reading_begins() {
    let url = database(shared()).await;
    let store = open(&url).await;
    let other = elsewhere(&url).await;
    let client = Client::with_uri_str(&url).await.unwrap();
    let other = client.default_database().unwrap().collection::<mongodb::bson::Document>(other.name());
    let mut session = client.start_session().await.unwrap();
    for abort in [true, false] {
        session.start_transaction().await.unwrap();
        for n in 1..4 {
            other.insert_one(doc! { "_id": object_id(n) }).session(&mut session).await.unwrap();
            let set = doc! { "$set": { "n": n } };
            other.update_one(doc! { "_id": object_id(n) }, set).session(&mut session).await.unwrap();
        }
        assert_eq!(changes(&*store).await.told, [], "not before it is committed");
        if abort {
            session.abort_transaction().await.unwrap();
        } else {
            session.commit_transaction().await.unwrap();
        }
    }
    other.insert_one(doc! { "_id": object_id(4) }).await.unwrap();
    let all = changes(&*store).await;
    assert_eq!(all.told.len(), 7);
    for (n, place) in all.places.iter().enumerate() {
        store.acknowledge(place).await.unwrap();
        let rest = changes(&*store).await;
        assert_eq!((rest.tokens, rest.told), (all.tokens[n + 1..].to_vec(), all.told[n + 1..].to_vec()));
        assert_eq!(store.end().await.unwrap(), (all.tokens[6], all.places[6].clone()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_stays_what_another_program_made_it_where_we_change_nothing() {
    let url = database(shared()).await;
    let store = open(&url).await;
    let other = elsewhere(&url).await;
    let there = doc! {
        "_id": object_id(1), "Size": 5_i64, "CreatedAt": DateTime::from_millis(1_606_719_600_123), "owner": object_id(9),
        "ratio": 1.0, "rows": [{ "kept": 7_i64 }], "Filename": "a",
    };
    other.insert_one(&there).await.unwrap();
    let read = store.get(&id(1)).await.unwrap().unwrap();
    assert_eq!(read.0["CreatedAt"], json!({"$date": "2020-11-30T07:00:00.123Z"}));
    let mut renamed = read.clone();
    renamed.0.insert("Filename".to_owned(), json!("b"));
    store.replace(&read, &renamed).await.unwrap();
    let mut stored = other.find_one(doc! { "_id": object_id(1) }).await.unwrap().unwrap();
    let mut expected = there.clone();
    expected.insert("Filename", "b");
    assert!(stored.iter().all(|(name, value)| expected.get(name) == Some(value)), "{stored}");
    assert_eq!(stored.len(), expected.len());
    // What another program does in between is seen, also where only the order of properties or a nested value differs.
    other.update_one(doc! { "_id": object_id(1) }, doc! { "$set": { "rows.0.kept": 8_i64 } }).await.unwrap();
    assert!(matches!(store.replace(&renamed, &read).await, Err(Error::Conflict(_))));
    assert!(matches!(store.delete(&renamed).await, Err(Error::Conflict(_))));
    stored = other.find_one(doc! { "_id": object_id(1) }).await.unwrap().unwrap();
    assert_eq!(stored.get_array("rows").unwrap(), &[Bson::from(doc! { "kept": 8_i64 })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_whose_id_is_no_object_id_stand_in_nobodys_way() {
    let url = database(shared()).await;
    let store = open(&url).await;
    let other = elsewhere(&url).await;
    let ids = [Bson::from("letter"), Bson::from("0".repeat(24)), Bson::from(7), doc! { "a": 1 }.into()];
    for id in &ids {
        other.insert_one(doc! { "_id": id, "TrialId": "t" }).await.unwrap();
    }
    store.insert(&record(1, json!({"TrialId": "t"}))).await.unwrap();
    let seen = changes(&*store).await;
    let texts: Vec<_> = seen.told.iter().map(|(id, ..)| id.as_str()).collect();
    let quoted = format!("\"{}\"", "0".repeat(24));
    assert_eq!(texts, ["letter", &quoted, "7", r#"{"a":1}"#, &id(1)]);
    assert_eq!(seen.told[0].2.as_ref().unwrap().0["TrialId"], "t");
    let filter = RecordFilter { equals: vec![("TrialId", "t".to_owned())] };
    assert_eq!(store.list(&filter, None, 9).await.unwrap(), [record(1, json!({"TrialId": "t"}))]);
    assert_eq!(store.get(&"0".repeat(24)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_holds_the_text_is_not_the_text() {
    let url = database(shared()).await;
    let store = open(&url).await;
    store.insert(&record(1, json!({"TrialId": ["t", "u"]}))).await.unwrap();
    store.insert(&record(2, json!({"TrialId": "t"}))).await.unwrap();
    let filter = RecordFilter { equals: vec![("TrialId", "t".to_owned())] };
    assert_eq!(store.list(&filter, None, 9).await.unwrap(), [record(2, json!({"TrialId": "t"}))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_collection_is_taken_as_it_is_with_its_indexes() {
    let url = format!("{}&collection=Archive%20Documents", database(shared()).await);
    let plain = url.split('&').next().unwrap();
    let database = Client::with_uri_str(plain).await.unwrap().default_database().unwrap();
    let other = database.collection("Archive Documents");
    other.insert_one(doc! { "_id": object_id(1), "TrialId": "t" }).await.unwrap();
    let named = IndexOptions::builder().name("theirs".to_owned()).build();
    let index = IndexModel::builder().keys(doc! { "TrialId": 1, "_id": 1 }).options(named).build();
    other.create_index(index).await.unwrap();
    for _ in 0..2 {
        let store = open(&url).await;
        assert_eq!(store.get(&id(1)).await.unwrap(), Some(record(1, json!({"TrialId": "t"}))));
        assert_eq!(changes(&*store).await.told, [], "what was there before is no change");
        assert_eq!(store.end().await.unwrap().0.epoch, u64::try_from(monday().now().as_second()).unwrap());
    }
    let mut indexes = other.list_index_names().await.unwrap();
    indexes.sort();
    assert_eq!(indexes, ["_id_", "theirs", "trialbrief_FileLocation"]);
    assert!(!database.list_collection_names().await.unwrap().contains(&"Documents".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_reader_notices_another_program_and_nothing_else() {
    let url = database(shared()).await;
    let store = open(&url).await;
    let (_, place) = store.end().await.unwrap();
    store.acknowledge(&place).await.unwrap();
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.changed().await }
    });
    let other = elsewhere(&url).await;
    let neighbour = Client::with_uri_str(&url).await.unwrap().default_database().unwrap().collection("Letters");
    neighbour.insert_one(doc! { "beat": 1 }).await.unwrap();
    assert_eq!(changes(&*store).await.told, [], "a heartbeat is no change");
    assert!(!waiting.is_finished());
    other.insert_one(doc! { "_id": object_id(1) }).await.unwrap();
    waiting.await.unwrap();
    assert_eq!(changes(&*store).await.told.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_machines_clock_is_compared_with_ours() {
    for year in [2001, 2999] {
        let url = database(shared()).await;
        let clock = Clock::simulated(format!("{year}-01-01T00:00:00.000001Z").parse().unwrap());
        let store = document_store::open(&url, &clock).await.unwrap();
        let other = elsewhere(&url).await;
        let (mut before, mut times) = (clock.now(), Vec::new());
        for n in 1..4 {
            other.insert_one(doc! { "_id": object_id(n) }).await.unwrap();
            clock.set(clock.now() + SignedDuration::from_hours(1));
            let seen = changes(&*store).await;
            assert_eq!(seen.up_to, clock.now());
            times.extend(seen.times.last());
            assert!((before..=clock.now()).contains(times.last().unwrap()), "{year}: {times:?}");
            before = clock.now();
            // Told again, from another process, they bear no other time behind what has passed.
            let again = document_store::open(&url, &clock).await.unwrap();
            let again = changes(&*again).await;
            assert_eq!((again.times, again.places), (seen.times, seen.places));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_of_another_shape_is_refused() {
    let time_series = doc! { "timeField": "at" };
    let cases = [
        (doc! { "create": "Documents", "viewOn": "Letters", "pipeline": [] }, "\"Documents\" is a view"),
        (doc! { "create": "Documents", "capped": true, "size": 4096 }, "is a capped collection"),
        (doc! { "create": "Documents", "timeseries": time_series }, "is a time series"),
    ];
    for (create, sentence) in cases {
        let url = database(shared()).await;
        let database = Client::with_uri_str(&url).await.unwrap().default_database().unwrap();
        database.run_command(create).await.unwrap();
        let refusal = document_store::open(&url, &monday()).await.err().unwrap();
        assert!(matches!(refusal, Error::Rejected(_)), "{refusal:?}");
        let text = refusal.to_string();
        assert!(text.contains(sentence) && text.contains("setting \"stores.documents\""), "{text}");
        assert!(!database.list_collection_names().await.unwrap().contains(&"trialbrief_relay".to_owned()));
    }
    let url = database(shared()).await;
    for name in ["", "system.views", "trialbrief_relay", "a$b", "a&collection=b"] {
        let refusal = document_store::open(&format!("{url}&collection={name}"), &monday()).await.err().unwrap();
        assert!(matches!(&refusal, Error::Rejected(text) if text.contains("collection")), "{refusal:?}");
    }
}
