//! The file store in a bucket, against a real S3 server.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adapters::file_store;
use bytes::Bytes;
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use ports::{ByteStream, Clock, Error, FileStore};
use test_servers::Server;
use test_servers::s3::{ACCESS_KEY, READER_KEY, READER_SECRET, SECRET, bucket, client, shared, start, url};
use tokio::time::timeout;

use crate::contracts;
use crate::contracts::file_store::{body, key, keys, read};

const MIB: usize = 1024 * 1024;
/// Two parts of eight MiB, and a rest.
const LARGE: usize = 20 * MIB + 17;

async fn open(url: &str) -> (Arc<dyn FileStore>, Arc<dyn FileStore>) {
    file_store::open(url, &Clock::system()).await.unwrap()
}

async fn refusal(url: &str) -> Error {
    file_store::open(url, &Clock::system()).await.err().unwrap()
}

/// Bytes that differ from part to part.
fn large() -> Vec<u8> {
    (0..LARGE as u32).map(|i| (i % 251) as u8).collect()
}

/// The uploads in parts that are under way in a bucket.
async fn uploads(server: &Server, bucket: &str) -> usize {
    client(server).list_multipart_uploads().bucket(bucket).send().await.unwrap().uploads().len()
}

/// Waits until so many uploads are under way.
async fn until_uploads(server: &Server, bucket: &str, wanted: usize) {
    let seen = async {
        while uploads(server, bucket).await != wanted {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), seen).await.unwrap_or_else(|_| panic!("not {wanted} uploads"));
}

#[tokio::test]
async fn a_bucket_keeps_the_contract_of_a_file_store() {
    let server = shared();
    let bucket = bucket(server).await;
    for url in [url(server, &bucket), url(server, &format!("{bucket}/some/prefix"))] {
        let (originals, derived) = open(&url).await;
        contracts::file_store::suite(originals, "trials/t1/", "derived/").await;
        contracts::file_store::suite(derived, "derived/", "trials/").await;
    }
    assert_eq!(uploads(server, &bucket).await, 0);
}
