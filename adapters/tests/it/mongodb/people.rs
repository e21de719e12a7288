//! Directory and key ring in MongoDB.

use adapters::{directory, key_ring};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use ports::{Clock, Error, Person};
use test_servers::mongodb::{shared, start, url};
use test_servers::unique;

use super::{all, database, until_available};
use crate::contracts;

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_keeps_the_contract_of_a_directory() {
    let url = url(shared(), &unique("people"));
    contracts::directory::suite(async || directory::open(&url, &Clock::system()).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_keeps_the_contract_of_a_key_ring() {
    let url = url(shared(), &unique("keys"));
    contracts::key_ring::suite(async || key_ring::open(&url, &Clock::system()).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_key_leaves_an_empty_document_and_a_forgotten_person_none() {
    let url = url(shared(), &unique("erased"));
    let keys = key_ring::open(&url, &Clock::system()).await.unwrap();
    let people = directory::open(&url, &Clock::system()).await.unwrap();
    keys.key("person-1").await.unwrap().unwrap();
    keys.destroy("person-1").await.unwrap();
    people.save(&Person { user: "u".into(), name: "N".into(), address: None, active: true }).await.unwrap();
    people.forget("u").await.unwrap();
    let database = database(&url).await;
    assert_eq!(all(&database, "keys").await, [doc! { "_id": "person-1", "key": Bson::Null }]);
    assert_eq!(all(&database, "people").await, [] as [Document; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_something_else_wrote_is_told_apart_from_a_destroyed_key() {
    let url = url(shared(), &unique("strange"));
    let keys = key_ring::open(&url, &Clock::system()).await.unwrap();
    let people = directory::open(&url, &Clock::system()).await.unwrap();
    let database = database(&url).await;
    let short = Binary { subtype: BinarySubtype::Generic, bytes: vec![7; 31] };
    for strange in
        [doc! { "_id": "a" }, doc! { "_id": "b", "key": "text" }, doc! { "_id": "c", "key": Bson::Binary(short) }]
    {
        let owner = strange.get_str("_id").unwrap().to_owned();
        database.collection("keys").insert_one(strange).await.unwrap();
        assert!(matches!(keys.key(&owner).await, Err(Error::Corrupt(_))), "{owner}");
    }
    database.collection("people").insert_one(doc! { "_id": "u", "name": 7 }).await.unwrap();
    assert!(matches!(people.person("u").await, Err(Error::Corrupt(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_answered_outlives_a_killed_server_and_the_ring_goes_on_by_itself() {
    let server = start(&["--sync-on-commit"]);
    let url = format!("{}&serverSelectionTimeoutMS=300", url(&server, "keys"));
    let keys = key_ring::open(&url, &Clock::system()).await.unwrap();
    let made = keys.key("person-1").await.unwrap();
    keys.destroy("gone-1").await.unwrap();
    server.kill();
    let asked = super::soon("a refusal", keys.key("person-1")).await;
    assert!(matches!(asked, Err(Error::Unavailable(_))), "{asked:?}");
    assert!(matches!(keys.key("new-1").await, Err(Error::Unavailable(_))));
    server.go_on();
    assert_eq!(until_available(async || keys.key("person-1").await).await, made);
    assert_eq!(keys.key("gone-1").await.unwrap(), None);
}
