//! What one call to KurrentDB costs: as the client comes, over one `BatchAppend` stream, and through our adapter.
//!
//! `cargo build -p test-servers --example kurrentdb-stand-in && cargo bench --profile dev -p adapters --features distributed --bench
//! kurrentdb`; a real server is measured where `TRIALBRIEF_TEST_KURRENTDB` names one.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures and prints"
)]

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use adapters::event_log;
use bytes::Bytes;
use futures::future::join_all;
use kurrentdb::{AppendToStreamOptions, BatchAppendOptions, Client, EventData, ReadStreamOptions, StreamState};
use ports::{Categories, Clock, EventLog, Expected, Fed, NewEvent};
use test_servers::{kurrentdb as server, unique};
use uuid::Uuid;

const IN_FLIGHT: usize = 32;

fn data() -> serde_json::Value {
    serde_json::json!({"attempt": 1, "reply": "250 2.0.0 Ok: queued as 4B2C3"})
}

fn event() -> NewEvent {
    let data = Bytes::from(data().to_string());
    NewEvent { id: Uuid::new_v4(), kind: "DeliverySent".to_owned(), version: 1, metadata: data.clone(), data }
}

fn client_event() -> EventData {
    EventData::json("DeliverySent.v1", &data()).unwrap().id(Uuid::new_v4())
}

/// Calls one after the other, and prints what one takes.
async fn one_by_one<F: Future<Output = ()>>(what: &str, calls: u32, call: impl Fn() -> F) {
    let began = Instant::now();
    for _ in 0..calls {
        call().await;
    }
    println!("{what:<52} {:>8.2} ms a call", began.elapsed().as_secs_f64() * 1e3 / f64::from(calls));
}

/// Keeps 32 calls in flight, and prints how many there are in a second.
async fn together<F: Future<Output = ()>>(what: &str, calls: usize, call: impl Fn() -> F) {
    let began = Instant::now();
    join_all((0..IN_FLIGHT).map(async |_| {
        for _ in 0..calls / IN_FLIGHT {
            call().await;
        }
    }))
    .await;
    println!("{what:<52} {:>8.0} calls/s", calls as f64 / began.elapsed().as_secs_f64());
}

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let url = server::shared_url(&unique("speed"));
        as_the_client_comes(&url).await;
        through_the_adapter(&url).await;
    });
}

async fn as_the_client_comes(url: &str) {
    let place = url.split("prefix=").next().unwrap().trim_end_matches(['?', '&']);
    let client = Client::new(place.parse().unwrap()).unwrap();
    let options = AppendToStreamOptions::default().stream_state(StreamState::NoStream);
    let append = || async {
        client.append_to_stream(unique("speed"), &options, client_event()).await.unwrap();
    };
    one_by_one("client as it comes: append, one by one", 50, append).await;
    together("client as it comes: append, 32 in flight", 640, append).await;
    let stream = unique("speed");
    client.append_to_stream(stream.as_str(), &options, client_event()).await.unwrap();
    let read = || async {
        let mut reading = client.read_stream(stream.as_str(), &ReadStreamOptions::default()).await.unwrap();
        while reading.next().await.unwrap().is_some() {}
    };
    one_by_one("client as it comes: read, one by one", 50, read).await;
    let batch = client.batch_append(&BatchAppendOptions::default()).await.unwrap();
    let append = || async {
        batch.append_to_stream(unique("speed"), StreamState::NoStream, vec![client_event()]).await.unwrap();
    };
    append().await;
    one_by_one("client as it comes: BatchAppend, one by one", 200, append).await;
    together("client as it comes: BatchAppend, 32 in flight", 3_200, append).await;
}

async fn through_the_adapter(url: &str) {
    let (log, feed) = event_log::open(url, &Clock::simulated("2026-11-30T07:00:00Z".parse().unwrap())).await.unwrap();
    let append = || async {
        log.append(&unique("speed"), Expected::NoStream, &[event()]).await.unwrap();
    };
    append().await;
    let told = || {
        let (log, feed): (Arc<dyn EventLog>, _) = (Arc::clone(&log), Arc::clone(&feed));
        async move {
            let position = log.append(&unique("speed"), Expected::NoStream, &[event()]).await.unwrap();
            let told: Vec<Fed> =
                futures::TryStreamExt::try_collect(feed.read(Some(position), Categories::ALL)).await.unwrap();
            assert!(matches!(told.last(), Some(Fed::Passed(end)) if *end >= position));
        }
    };
    one_by_one("adapter: append, then the feed has passed it", 100, told).await;
    one_by_one("adapter: append, one by one", 200, append).await;
    together("adapter: append, 32 in flight", 3_200, append).await;
    log.append("speed-1", Expected::NoStream, &[event()]).await.unwrap();
    let read = || async {
        assert_eq!(log.read("speed-1", 0).await.unwrap().len(), 1);
    };
    one_by_one("adapter: read, one by one", 200, read).await;
    together("adapter: read, 32 in flight", 3_200, read).await;
    let all = || async {
        let told: Vec<Fed> = futures::TryStreamExt::try_collect(feed.read(None, Categories::ALL)).await.unwrap();
        assert!(told.len() > 3_000, "the appends of above");
    };
    one_by_one("adapter: all events of above, by a subscription", 3, all).await;
}
