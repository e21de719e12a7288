//! Views in MongoDB.

use adapters::view_store;
use ports::Clock;
use test_servers::mongodb::{shared, url};
use test_servers::unique;

use crate::contracts;

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_keeps_the_contract_of_a_view_store() {
    let url = url(shared(), &unique("views"));
    contracts::view_store::suite(async || view_store::open(&url, &Clock::system()).await.unwrap()).await;
}
