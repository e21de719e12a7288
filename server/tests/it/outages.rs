//! A server that goes away under a running program: requests are refused for now, work waits, and all goes on when it is back.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use ports::Error;
use serde_json::{Value, json};
use test_servers::{Server, kurrentdb, mongodb, s3};
use tokio::time::timeout;
use trialbrief::wire::Urls;

use crate::world::{Answer, World, parse};

const TRIAL: &str = "ACME-101";
/// What a condition may take that is waited for.
const SOON: Duration = Duration::from_secs(60);

/// A world with one store on a server of its own, and in it a trial with a document that nobody has analysed.
async fn world(change: impl FnOnce(Urls) -> Urls) -> (World, Value) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let mut world = World::open(path, Some(folder), parse("2026-11-16T09:00[Europe/Berlin]"), change).await;
    world.open_trial(TRIAL).await;
    world.settle().await;
    let document = world.upload("ben", TRIAL, "visits.csv", b"site,visits\nDE-01,3\n".to_vec()).await;
    (world, document)
}

/// What is asked while a server is away.
#[derive(Clone, Copy)]
enum Ask {
    OpenAnotherTrial,
    Upload,
    Document,
    File,
    Reports,
}

impl Ask {
    async fn of(self, world: &World, document: &str) -> Answer {
        match self {
            Self::OpenAnotherTrial => {
                world.send("ada", "PUT", "/api/trials/ACME-102", json!({"title": "Another study"})).await
            }
            Self::Upload => {
                let path = format!("/api/documents?TrialId={TRIAL}&SiteId=DE-01&Kind=photograph&Filename=more.csv");
                let request = Request::post(path).header("Trialbrief-Person", "ben");
                world.ask(request.body(Body::from("site,visits\nDE-02,4\n")).unwrap()).await
            }
            Self::Document => world.get("ben", &format!("/api/documents/{document}")).await,
            Self::File => world.get("ben", &format!("/api/documents/{document}/file")).await,
            Self::Reports => world.get("ben", &format!("/api/reports?trial={TRIAL}")).await,
        }
    }
}

#[track_caller]
fn refused_for_now(answer: Answer) {
    let answer = answer.expect(503);
    let seconds: u32 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds > 0);
}

/// The server goes away: requests are answered 503, and the workers wait. It is back: the same requests succeed, and what waited
/// comes to its end, which the world looks at as it is dropped.
async fn goes_away_and_comes_back(server: Server, (mut world, document): (World, Value), asked: &[Ask]) {
    let document = document["_id"].as_str().unwrap();
    server.kill();
    for ask in asked {
        refused_for_now(ask.of(&world, document).await);
    }
    let now = world.ports.clock.now();
    let waits = ports::settle(&mut world.app.workers, now).await;
    assert!(matches!(waits, Err(Error::Unavailable(_))), "{waits:?}");
    server.go_on();
    let goes_on = async {
        for ask in asked {
            while !ask.of(&world, document).await.status.is_success() {}
        }
        while let Err(error) = ports::settle(&mut world.app.workers, now).await {
            assert!(matches!(error, Error::Unavailable(_)), "{error}");
        }
    };
    timeout(SOON, goes_on).await.expect("all goes on");
    // Work that failed is offered again after a while.
    world.until("2026-11-16T10:00[Europe/Berlin]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_event_log_commands_are_refused_for_now() {
    let server = kurrentdb::start(&[]);
    let events = kurrentdb::url(&server, "outage");
    let world = world(|urls| Urls { events, ..urls }).await;
    goes_away_and_comes_back(server, world, &[Ask::OpenAnotherTrial]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_collection_uploads_and_looks_at_a_document_are_refused_for_now() {
    let server = mongodb::start(&["--sync-on-commit"]);
    let documents = format!("{}&serverSelectionTimeoutMS=500", mongodb::url(&server, "outage"));
    let world = world(|urls| Urls { documents, ..urls }).await;
    goes_away_and_comes_back(server, world, &[Ask::Upload, Ask::Document]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_views_reads_are_refused_for_now() {
    let server = mongodb::start(&["--sync-on-commit"]);
    let views = format!("{}&serverSelectionTimeoutMS=500", mongodb::url(&server, "outage"));
    let world = world(|urls| Urls { views, ..urls }).await;
    goes_away_and_comes_back(server, world, &[Ask::Reports]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_files_uploads_and_downloads_are_refused_for_now() {
    let server = s3::start();
    let files = s3::url(&server, &s3::bucket(&server).await);
    let world = world(|urls| Urls { files, ..urls }).await;
    goes_away_and_comes_back(server, world, &[Ask::Upload, Ask::File]).await;
}
