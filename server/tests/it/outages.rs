//! A server that goes away under a running program: requests are refused for now, work waits, and all goes on when it is back.

use axum::body::Body;
use axum::http::Request;
use ports::{Error, WorkKind};
use serde_json::{Value, json};
use test_servers::{Server, kurrentdb, mongodb, nats, s3};
use tokio::time::timeout;
use trialbrief::wire::Urls;

use crate::world::{Answer, SOON, World, parse};

const TRIAL: &str = "ACME-101";

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

/// The server of a setting goes away: `/readyz` names the setting, requests are answered 503, and workers that need it wait. It is
/// back: the same requests succeed, and what waited comes to its end, which the world looks at as it is dropped.
async fn goes_away_and_comes_back(
    server: Server,
    setting: &str,
    (mut world, document): (World, Value),
    asked: &[Ask],
    workers_need_it: bool,
) {
    let document = document["_id"].as_str().unwrap();
    let readyz = async |world: &World| world.ask(Request::get("/readyz").body(Body::empty()).unwrap()).await;
    server.kill();
    let unready = readyz(&world).await.expect(503).json();
    let failing: Vec<&String> = unready["failing"].as_object().unwrap().keys().collect();
    assert_eq!(failing, [setting], "{unready}");
    for ask in asked {
        refused_for_now(ask.of(&world, document).await);
    }
    let now = world.ports.clock.now();
    if workers_need_it {
        let waits = ports::settle(&mut world.app.workers, now).await;
        assert!(matches!(waits, Err(Error::Unavailable(_))), "{waits:?}");
    }
    server.go_on();
    let goes_on = async {
        for ask in asked {
            while !ask.of(&world, document).await.status.is_success() {}
        }
        while !readyz(&world).await.status.is_success() {
            tokio::task::yield_now().await;
        }
        while let Err(error) = ports::settle(&mut world.app.workers, now).await {
            assert!(matches!(error, Error::Unavailable(_)), "{error}");
        }
    };
    timeout(SOON, goes_on).await.expect("all goes on");
    // Work that failed is offered again after a while.
    world.until("2026-11-16T10:00[Europe/Berlin]").await;
    world.work_through(WorkKind::Analyse).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_event_log_commands_are_refused_for_now() {
    let server = kurrentdb::start(&[]);
    let events = kurrentdb::url(&server, "outage");
    let world = world(|urls| Urls { events, ..urls }).await;
    goes_away_and_comes_back(server, "stores.events", world, &[Ask::OpenAnotherTrial], true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_collection_uploads_and_looks_at_a_document_are_refused_for_now() {
    let server = mongodb::start(&["--sync-on-commit"]);
    let documents = format!("{}&serverSelectionTimeoutMS=500", mongodb::url(&server, "outage"));
    let world = world(|urls| Urls { documents, ..urls }).await;
    goes_away_and_comes_back(server, "stores.documents", world, &[Ask::Upload, Ask::Document], true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_views_reads_are_refused_for_now() {
    let server = mongodb::start(&["--sync-on-commit"]);
    let views = format!("{}&serverSelectionTimeoutMS=500", mongodb::url(&server, "outage"));
    let world = world(|urls| Urls { views, ..urls }).await;
    goes_away_and_comes_back(server, "stores.views", world, &[Ask::Reports], true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_files_uploads_and_downloads_are_refused_for_now() {
    let server = s3::start();
    let files = s3::url(&server, &s3::bucket(&server).await);
    let world = world(|urls| Urls { files, ..urls }).await;
    goes_away_and_comes_back(server, "stores.files", world, &[Ask::Upload, Ask::File], true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_queue_work_waits_and_everything_else_goes_on() {
    let server = nats::start(&[]);
    let queue = format!("{}&ack_wait=2", nats::url(&server, "outage"));
    let world = world(|urls| Urls { queue, ..urls }).await;
    goes_away_and_comes_back(server, "stores.queue", world, &[], true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_directory_nobody_is_known_and_all_are_refused_for_now() {
    let server = mongodb::start(&["--sync-on-commit"]);
    let directory = format!("{}&serverSelectionTimeoutMS=500", mongodb::url(&server, "outage"));
    let world = world(|urls| Urls { directory, ..urls }).await;
    goes_away_and_comes_back(server, "stores.directory", world, &[Ask::Document, Ask::OpenAnotherTrial], false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_keys_what_is_sealed_is_refused_for_now() {
    let server = mongodb::start(&["--sync-on-commit"]);
    let keys = format!("{}&serverSelectionTimeoutMS=500", mongodb::url(&server, "outage"));
    let world = world(|urls| Urls { keys, ..urls }).await;
    goes_away_and_comes_back(server, "stores.keys", world, &[Ask::OpenAnotherTrial], false).await;
}
