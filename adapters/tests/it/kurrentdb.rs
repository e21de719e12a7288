//! The KurrentDB adapter keeps the contract of an event log, and what only a server at the other end of a wire can go through.
//!
//! On a machine without this source, `TRIALBRIEF_TEST_KURRENTDB=kurrentdb://… <this program> kurrentdb` runs the same against the
//! server named there, but for the tests that kill their server or give it users.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use adapters::event_log;
use kurrentdb::{AppendToStreamOptions, Client, EventData, StreamState};
use ports::{Categories, Clock, Error, Expected, Fed, Position, StoredEvent};
use test_servers::{Server, free_port, kurrentdb as server, unique};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout};

use crate::contracts;
use crate::contracts::event_log::{Opened, event, tell};
use crate::stand_in::access::make_certificate;

/// Longer than anything here takes; what takes longer hangs.
const AT_MOST: Duration = Duration::from_secs(60);

fn monday() -> Clock {
    Clock::simulated("2026-11-30T07:00:00Z".parse().unwrap())
}

async fn open(url: &str) -> Opened {
    event_log::open(url, &monday()).await.unwrap()
}

async fn refusal(url: &str) -> Error {
    event_log::open(url, &monday()).await.err().unwrap_or_else(|| panic!("{url} was opened"))
}

/// A server of the test's own; none where a real one is named, which is nobody's to kill.
fn own_server(further: &[&str]) -> Option<Arc<Server>> {
    if std::env::var_os(server::REAL_SERVER).is_some() {
        #[expect(clippy::print_stderr, reason = "who reads the tests' output is to know what was left out")]
        {
            eprintln!("left out: {} names a server, and this test kills or configures one", server::REAL_SERVER);
        }
        return None;
    }
    Some(Arc::new(server::start(further)))
}

/// Ends a server as a loss of power would, and starts it again.
async fn kill_and_restart(server: &Arc<Server>) {
    let server = Arc::clone(server);
    spawn_blocking(move || {
        server.kill();
        server.go_on();
    })
    .await
    .unwrap();
}

/// The client as another program would use it.
fn another_program(url: &str) -> Client {
    let place = url.split("prefix=").next().unwrap().trim_end_matches(['?', '&']);
    Client::new(place.parse().unwrap()).unwrap()
}

async fn write_foreign(client: &Client, stream: &str, events: usize) {
    let options = AppendToStreamOptions::default().stream_state(StreamState::NoStream);
    let events: Vec<EventData> = (0..events)
        .map(|number| EventData::json("Foreign", &serde_json::json!({ "number": number })).unwrap())
        .collect();
    client.append_to_stream(stream, &options, events).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn kurrentdb_keeps_the_contract_of_an_event_log() {
    let url = server::shared_url(&unique("contract"));
    contracts::event_log::suite(async || open(&url).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_again_and_again_loses_doubles_and_reorders_nothing() {
    const WRITERS: usize = 8;
    const APPENDS: u64 = 60;
    let Some(server) = own_server(&[]) else { return };
    let (log, feed) = open(&server::url(&server, "killed")).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = Arc::clone(&log);
        writers.spawn(async move {
            let stream = format!("order-{writer}");
            let mut expected = Expected::NoStream;
            for append in 0..APPENDS {
                let pair = [event(&format!("{writer} {append} 0")), event(&format!("{writer} {append} 1"))];
                while let Err(error) = log.append(&stream, expected, &pair).await {
                    assert!(matches!(error, Error::Unavailable(_)), "{error}");
                }
                expected = Expected::Revision(append * 2 + 1);
            }
        });
    }
    let all = WRITERS * APPENDS as usize * 2;
    let mut told: Vec<StoredEvent> = Vec::new();
    let mut after: Option<Position> = None;
    let mut kills = 0;
    let follow = async {
        while told.len() < all {
            feed.grown(after).await;
            let mut reading = feed.read(after, Categories::ALL);
            while let Some(fed) = futures::StreamExt::next(&mut reading).await {
                match fed {
                    Ok(Fed::Event(event)) => {
                        after = Some(event.position);
                        told.push(event);
                    }
                    Ok(Fed::Passed(position)) => after = Some(position),
                    Err(Error::Unavailable(_)) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            if told.len() > all / 5 * (kills + 1) && kills < 4 {
                kill_and_restart(&server).await;
                kills += 1;
            }
        }
    };
    timeout(AT_MOST, follow).await.expect("the feed goes on by itself");
    writers.join_all().await;
    assert!(kills >= 2, "the server was killed {kills} times while it was written to");
    assert!(told.is_sorted_by(|a, b| a.position < b.position), "in order, and none twice");
    for writer in 0..WRITERS {
        let stream = format!("order-{writer}");
        let stored = log.read(&stream, 0).await.unwrap();
        let ids: Vec<_> = stored.iter().map(|stored| stored.event.id).collect();
        let appended: Vec<_> =
            (0..APPENDS).flat_map(|append| [0, 1].map(|half| event(&format!("{writer} {append} {half}")).id)).collect();
        assert_eq!(ids, appended, "none lost, none twice");
        let told: Vec<_> = told.iter().filter(|event| event.stream == stream).cloned().collect();
        assert_eq!(told, stored);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_away_callers_learn_it_and_afterwards_all_goes_on_by_itself() {
    let Some(server) = own_server(&[]) else { return };
    let (log, feed) = open(&server::url(&server, "away")).await;
    let first = log.append("a-1", Expected::NoStream, &[event("first")]).await.unwrap();
    let (_, end) = tell(&*feed, None, Categories::ALL).await;
    server.kill();

    let began = Instant::now();
    let answer = log.append("a-1", Expected::Revision(0), &[event("second")]).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    let answer = log.read("a-1", 0).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    timeout(AT_MOST, feed.grown(end)).await.expect("who waits for the feed is woken");
    let answer: Result<Vec<Fed>, Error> = futures::TryStreamExt::try_collect(feed.read(end, Categories::ALL)).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(30), "three answers took {:?}", began.elapsed());

    server.go_on();
    let second = log.append("a-1", Expected::Revision(0), &[event("second")]).await.unwrap();
    let (told, _) = tell(&*feed, Some(first), Categories::ALL).await;
    assert_eq!(told.iter().map(|event| event.position).collect::<Vec<_>>(), [second]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_server_makes_nobody_wait_for_ever_and_what_it_had_taken_is_not_doubled() {
    let Some(server) = own_server(&[]) else { return };
    let (log, feed) = open(&server::url(&server, "paused")).await;
    log.append("a-1", Expected::NoStream, &[event("first")]).await.unwrap();
    server.pause();
    let answer = timeout(AT_MOST, log.append("a-1", Expected::Revision(0), &[event("second")])).await.unwrap();
    server.resume();
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    log.append("a-1", Expected::Revision(0), &[event("second")]).await.unwrap();
    assert_eq!(log.read("a-1", 0).await.unwrap().len(), 2);
    assert_eq!(tell(&*feed, None, Categories::ALL).await.0.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_url_is_said_when_it_is_opened() {
    let place = "127.0.0.1:1";
    for (url, part) in [
        (format!("kurrentdb://{place}?tls=false"), "the option prefix is \"\""),
        (format!("kurrentdb://{place}?tls=false&prefix=a.b"), "the option prefix is \"a.b\""),
        (format!("kurrentdb://{place}?tsl=false&prefix=a"), "the option \"tsl\" is unknown"),
        (format!("kurrentdb://{place}/events?prefix=a"), "write kurrentdb://<host>:2113?prefix=<name>"),
        (format!("kurrentdb://u:secret@{place}?tls=maybe&prefix=a"), "tls"),
        (format!("kurrentdb:{place}?prefix=a"), "write kurrentdb://"),
        (format!("eventstore://{place}?prefix=a"), "the scheme \"eventstore\""),
    ] {
        let Error::Rejected(text) = refusal(&url).await else { panic!("{url} is rejected") };
        assert!(
            text.contains("setting \"stores.events\"") && text.contains(part) && !text.contains("secret"),
            "{text}"
        );
    }
    let Error::Unavailable(text) = refusal(&format!("kurrentdb://u:secret@{place}?tls=false&prefix=a")).await else {
        panic!("nobody listens there")
    };
    assert!(
        text.contains("setting \"stores.events\": 127.0.0.1:1 cannot be reached") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_not_spoken_to_where_tls_is_asked() {
    let Some(server) = own_server(&[]) else { return };
    let Error::Unavailable(text) = refusal(&format!("kurrentdb://{}?prefix=a", server.address())).await else {
        panic!("TLS is the default")
    };
    assert!(text.contains("is open, but does not answer as KurrentDB does with tls=true"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn user_and_password_are_sent_with_each_call_and_wrong_ones_refused_when_it_is_opened() {
    let Some(server) = own_server(&["--user", "admin", "--password", "p@ss:wörd"]) else { return };
    let place = format!("{}?tls=false&prefix=a", server.address());
    for user in ["", "admin:wrong-secret@", "other:wrong-secret@"] {
        let Error::Rejected(text) = refusal(&format!("kurrentdb://{user}{place}")).await else {
            panic!("{user:?} is rejected")
        };
        assert!(text.contains("setting \"stores.events\": KurrentDB refuses user and password"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
    let (log, feed) = open(&format!("kurrentdb://admin:p%40ss%3Aw%C3%B6rd@{place}")).await;
    log.append("a-1", Expected::NoStream, &[event("first")]).await.unwrap();
    assert_eq!(tell(&*feed, None, Categories::ALL).await.0, log.read("a-1", 0).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_only_a_server_whose_certificate_is_known_is_spoken_to() {
    let folder = tempfile::tempdir().unwrap();
    make_certificate(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let Some(server) = own_server(&["--tls-cert", &certificate, "--tls-key", &key]) else { return };
    let place = format!("kurrentdb://localhost:{}?prefix=a", server.address().port());
    let (log, _) = open(&format!("{place}&tlsCaFile={certificate}")).await;
    log.append("a-1", Expected::NoStream, &[event("first")]).await.unwrap();
    assert_eq!(log.read("a-1", 0).await.unwrap().len(), 1);

    let unknown = refusal(&place).await;
    assert!(matches!(&unknown, Error::Unavailable(text) if text.contains("with tls=true")), "{unknown}");
    for file in [key, path("missing.pem")] {
        let refused = refusal(&format!("{place}&tlsCaFile={file}")).await;
        assert!(matches!(&refused, Error::Rejected(text) if text.contains(&file)), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_hosts_one_that_lives_is_found_and_found_again() {
    let Some(server) = own_server(&[]) else { return };
    let address = server.address();
    let several = format!("kurrentdb://127.0.0.1:{},{address}?tls=false&prefix=a", free_port());
    for url in [several, format!("kurrentdb+discover://{address}?tls=false&prefix=b")] {
        let (log, feed) = open(&url).await;
        log.append("a-1", Expected::NoStream, &[event("first")]).await.unwrap();
        kill_and_restart(&server).await;
        let second = async {
            while let Err(error) = log.append("a-1", Expected::Revision(0), &[event("second")]).await {
                assert!(matches!(error, Error::Unavailable(_)), "{error}");
            }
            tell(&*feed, None, Categories::ALL).await.0.len()
        };
        assert_eq!(timeout(AT_MOST, second).await.unwrap(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_read_another_log_is_stopped() {
    let (log, feed) = open(&server::shared_url(&unique("another"))).await;
    let last = log.append("a-1", Expected::NoStream, &[event("first")]).await.unwrap();
    let beyond = Position { commit: last.commit + (1 << 40), prepare: last.prepare + (1 << 40) };
    let told: Result<Vec<Fed>, Error> =
        futures::TryStreamExt::try_collect(feed.read(Some(beyond), Categories::ALL)).await;
    assert!(matches!(&told, Err(Error::Corrupt(text)) if text.contains("another log")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_wrote_under_our_prefix_is_corrupt_and_named() {
    let prefix = unique("foreign");
    let url = server::shared_url(&prefix);
    let (log, feed) = open(&url).await;
    let ours = log.append("ours-1", Expected::NoStream, &[event("ours")]).await.unwrap();
    write_foreign(&another_program(&url), &format!("{prefix}.document-1"), 1).await;
    let last = log.append("ours-1", Expected::Revision(0), &[event("ours too")]).await.unwrap();

    let named = format!("{prefix}.document-1@0");
    let Err(Error::Corrupt(text)) = log.read("document-1", 0).await else { panic!("it is no event of ours") };
    assert!(text.contains(&named) && text.contains("\"Foreign\""), "{text}");
    for feed in [feed, open(&url).await.1] {
        let told: Result<Vec<Fed>, Error> =
            futures::TryStreamExt::try_collect(feed.read(Some(ours), Categories::ALL)).await;
        let Err(Error::Corrupt(text)) = told else { panic!("nobody passes it: {told:?}") };
        assert!(text.contains(&named), "{text}");
        let (told, _) = tell(&*feed, Some(ours), Categories(&["ours"])).await;
        assert_eq!(
            told.iter().map(|event| event.position).collect::<Vec<_>>(),
            [last],
            "who does not want it passes it"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_others_are_never_told_but_passed() {
    let prefix = unique("ours");
    let url = server::shared_url(&prefix);
    let (log, feed) = open(&url).await;
    let last = log.append("ours-1", Expected::NoStream, &[event("ours")]).await.unwrap();
    let others = another_program(&url);
    // One prefix begins as ours does.
    for stream in [format!("{prefix}2.ours-1"), unique("document")] {
        write_foreign(&others, &stream, 600).await;
    }
    let mut ends = BTreeSet::new();
    let passed = async {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        while ends.last().is_none_or(|end| *end <= last) {
            look.tick().await;
            let (told, end) = tell(&*feed, Some(last), Categories::ALL).await;
            assert_eq!(told, []);
            ends.extend(end);
        }
    };
    timeout(AT_MOST, passed).await.expect("checkpoints tell of events that are not ours");
    for after in ends {
        let (told, end) = tell(&*feed, Some(after), Categories::ALL).await;
        assert!(told.is_empty() && end >= Some(after), "{told:?}");
    }
    let (_, again) = open(&url).await;
    let (told, end) = tell(&*again, Some(last), Categories::ALL).await;
    assert!(told.is_empty() && end > Some(last), "{told:?}");
    let next = log.append("ours-1", Expected::Revision(0), &[event("ours too")]).await.unwrap();
    assert!(Some(next) > end, "what was passed was not ours");
    timeout(AT_MOST, again.grown(end)).await.expect("a log opened elsewhere tells it too");
    assert_eq!(tell(&*again, end, Categories::ALL).await.0.first().map(|event| event.position), Some(next));
}
