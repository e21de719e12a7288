//! Directory and key ring in MongoDB.

use adapters::{directory, key_ring};
use ports::Clock;
use test_servers::mongodb::{shared, url};
use test_servers::unique;

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
