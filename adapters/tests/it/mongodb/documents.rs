//! `Documents` in MongoDB: the contract, and what other programs and a server that goes away can do to it.

mod lost;
mod other_programs;
mod outages;

use std::sync::Arc;

use adapters::document_store;
use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use ports::{Change, Clock, DocumentStore};
use test_servers::mongodb::{shared, url};
use test_servers::{Server, unique};

use crate::contracts;

fn monday() -> Clock {
    Clock::simulated("2026-11-30T07:00:00Z".parse().unwrap())
}

/// A URL of a database that no other test uses. The test's log says which server it is on.
async fn database(server: &Server) -> String {
    let url = url(server, &unique("documents"));
    let admin = Client::with_uri_str(&url).await.unwrap().database("admin");
    tell(&admin.run_command(doc! { "buildInfo": 1 }).await.unwrap());
    url
}

#[expect(clippy::print_stdout, reason = "the tests' log says on which server they ran")]
fn tell(build_info: &Document) {
    println!("the document store is tested on {build_info}");
}

async fn open(url: &str) -> Arc<dyn DocumentStore> {
    document_store::open(url, &monday()).await.unwrap()
}

/// The collection as another program sees it.
async fn elsewhere(url: &str) -> Collection<Document> {
    Client::with_uri_str(url).await.unwrap().default_database().unwrap().collection("Documents")
}

async fn told(store: &dyn DocumentStore) -> Vec<Change> {
    futures::TryStreamExt::try_collect(store.changes()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_keeps_the_contract_of_a_document_store() {
    let url = database(shared()).await;
    let clock = monday();
    contracts::document_store::suite(async || document_store::open(&url, &clock).await.unwrap(), &clock).await;
}
