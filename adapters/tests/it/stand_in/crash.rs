//! Killed at any moment and started again: what was acknowledged is there, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kurrentdb::{Client, Error, Position, StreamPosition, StreamState, SubscribeToAllOptions, SubscriptionFilter};
use test_servers::Server;
use tokio::task::JoinSet;

use super::{append, at, client_of, event, events, server, soon, stored};

fn client(server: &Server) -> Client {
    client_of(&format!("kurrentdb://{}?tls=false", server.address()))
}

#[tokio::test]
async fn after_a_restart_a_repeat_is_recognised_at_its_place_but_not_at_any() {
    let server = server::start(&[]);
    let before = client(&server);
    let exact = append(&before, "exact-1", StreamState::NoStream, events(&["0", "1"])).await.unwrap();
    let any = append(&before, "any-1", StreamState::Any, events(&["0"])).await.unwrap();
    let again = append(&before, "any-1", StreamState::Any, events(&["0"])).await.unwrap();
    assert_eq!((again.next_expected_version, again.position), (0, any.position));
    server.kill();
    server.go_on();
    let after = client(&server);
    let again = append(&after, "exact-1", StreamState::NoStream, events(&["0", "1"])).await.unwrap();
    assert_eq!((again.next_expected_version, again.position), (1, exact.position));
    let again = append(&after, "any-1", StreamState::StreamExists, events(&["0"])).await.unwrap();
    assert_eq!(again.next_expected_version, 1, "it was remembered only");
}

/// Appends to its own stream one by one, asking again whatever the answer is, until told to stop; answers how many were acknowledged.
async fn write(server: Arc<Server>, stream: String, stop: Arc<AtomicBool>) -> u64 {
    let mut acknowledged = 0;
    let mut connected = client(&server);
    while !stop.load(Ordering::Relaxed) {
        let state = stands_at(acknowledged);
        let one = vec![event(&format!("{stream} {acknowledged}"))];
        match append(&connected, &stream, state, one).await {
            Ok(answer) => {
                assert_eq!(answer.next_expected_version, acknowledged);
                acknowledged += 1;
            }
            Err(e @ Error::WrongExpectedVersion { .. }) => panic!("{stream}@{acknowledged}: {e}"),
            // A client whose first connect failed stays broken.
            Err(_) => connected = client(&server),
        }
    }
    acknowledged
}

const fn stands_at(acknowledged: u64) -> StreamState {
    match acknowledged.checked_sub(1) {
        None => StreamState::NoStream,
        Some(last) => at(last),
    }
}

/// Follows the writers' streams across restarts, always on from the last position told, until `writer-end` was told.
async fn follow(server: Arc<Server>) -> Vec<(String, u64, Position)> {
    let mut told: Vec<(String, u64, Position)> = Vec::new();
    loop {
        let start = told.last().map_or(StreamPosition::Start, |(_, _, last)| StreamPosition::Position(*last));
        let filter = SubscriptionFilter::on_stream_name().add_prefix("writer-");
        let options = SubscribeToAllOptions::default().filter(filter).position(start);
        let mut subscription = client(&server).subscribe_to_all(&options).await;
        while let Ok(event) = subscription.next().await {
            let event = event.get_original_event();
            if event.stream_id() == "writer-end" {
                return told;
            }
            told.push((event.stream_id().to_owned(), event.revision, event.position));
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_acknowledged_nothing_is_lost_or_doubled_when_it_is_killed_under_load() {
    let server = Arc::new(server::start(&[]));
    let stop = Arc::new(AtomicBool::new(false));
    let following = tokio::spawn(follow(Arc::clone(&server)));
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        writers.spawn(write(Arc::clone(&server), format!("writer-{writer}"), Arc::clone(&stop)));
    }
    for round in 1..=3 {
        let observer = client(&server);
        // Until every writer has got on in this round.
        while soon(stored(&observer, "writer-0")).await.len() < round * 20 {
            tokio::task::yield_now().await;
        }
        server.kill();
        server.go_on();
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged: u64 = soon(writers.join_all()).await.into_iter().sum();
    let client = client(&server);
    append(&client, "writer-end", StreamState::NoStream, events(&["end"])).await.unwrap();
    let told = soon(following).await.unwrap();
    assert!(told.is_sorted_by(|a, b| a.2 < b.2), "each once and in order");
    let mut all = 0;
    for writer in 0..16 {
        let stream = format!("writer-{writer}");
        let stored = stored(&client, &stream).await;
        let followed: Vec<_> = told.iter().filter(|told| told.0 == stream).map(|told| told.1).collect();
        assert_eq!(followed, (0..stored.len() as u64).collect::<Vec<_>>(), "no gap and no repeat in {stream}");
        let mut ids: Vec<_> = stored.iter().map(|event| event.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), stored.len(), "nothing is there twice in {stream}");
        all += stored.len() as u64;
    }
    // The last append of each writer may have been stored without an answer.
    assert!(all >= acknowledged && all <= acknowledged + 16, "{acknowledged} acknowledged, {all} stored");
    assert!(acknowledged >= 60);
}
