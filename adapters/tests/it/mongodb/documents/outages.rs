//! A server that is killed, hangs or is away.

use std::sync::Arc;
use std::time::Duration;

use ports::{Error, RecordFilter};
use serde_json::json;
use test_servers::mongodb::start;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{database, open};
use crate::contracts::document_store::{changes, id, record};

/// How long a call may take where the server is away.
const BOUND: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_goes_on_without_gap_or_repeat() {
    let server = Arc::new(start(&["--sync-on-commit"]));
    let url = database(&server).await;
    let store = open(&url).await;
    let mut told = Vec::new();
    let mut tokens = Vec::new();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let mut writers = JoinSet::new();
        for writer in 0..4 {
            let store = Arc::clone(&store);
            writers.spawn(async move {
                let mut written = Vec::new();
                for n in 0.. {
                    let number = round * 100_000 + writer * 10_000 + n;
                    match store.insert(&record(number, json!({ "n": number }))).await {
                        Ok(()) => written.push(id(number)),
                        Err(Error::Unavailable(_)) => break,
                        Err(other) => panic!("{other}"),
                    }
                }
                written
            });
        }
        let seen = changes(&*store).await;
        if let Some(place) = seen.places.last() {
            store.acknowledge(place).await.unwrap();
        }
        told.extend(seen.told);
        tokens.extend(seen.tokens);
        tokio::task::spawn_blocking({
            let server = Arc::clone(&server);
            move || server.kill()
        })
        .await
        .unwrap();
        acknowledged.extend(writers.join_all().await.into_iter().flatten());
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || server.go_on()).await.unwrap();
    }
    let rest = changes(&*store).await;
    told.extend(rest.told);
    tokens.extend(rest.tokens);
    assert!(tokens.is_sorted_by(|a, b| a < b), "told once, and in order");
    let mut told: Vec<_> = told.into_iter().map(|(_, _, after)| after.unwrap()).collect();
    told.sort_by(|a, b| a.id().cmp(b.id()));
    assert_eq!(told, store.list(&RecordFilter::default(), None, usize::MAX).await.unwrap());
    assert!(acknowledged.len() > 3);
    for id in acknowledged {
        assert!(told.binary_search_by(|record| record.id().cmp(&id)).is_ok(), "{id} was acknowledged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_or_is_away_is_unavailable_in_bounded_time() {
    let server = start(&[]);
    let store = open(&database(&server).await).await;
    store.insert(&record(1, json!({}))).await.unwrap();
    let is_away = async || {
        let answers = timeout(BOUND, async {
            tokio::join!(
                async { store.get(&id(1)).await.map(drop) },
                async { store.insert(&record(2, json!({}))).await },
                async { store.list(&RecordFilter::default(), None, 9).await.map(drop) },
                async { store.end().await.map(drop) },
                async { futures::TryStreamExt::try_next(&mut store.changes()).await.map(drop) },
                async { store.acknowledged().await.map(drop) },
                async {
                    store.changed().await;
                    Err(Error::Unavailable("whoever waits is woken".to_owned()))
                },
            )
        });
        let (a, b, c, d, e, f, g) = answers.await.expect("answers in bounded time");
        for answer in [a, b, c, d, e, f, g] {
            assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        }
    };
    server.pause();
    is_away().await;
    server.kill();
    is_away().await;
    server.go_on();
    assert!(changes(&*store).await.told.iter().any(|(changed, ..)| *changed == id(1)));
    let unreachable = "mongodb://127.0.0.1:9/trials";
    let refusal = adapters::document_store::open(unreachable, &super::monday()).await.err().unwrap();
    assert!(
        matches!(&refusal, Error::Unavailable(text) if text.contains("setting \"stores.documents\"")),
        "{refusal:?}"
    );
}
