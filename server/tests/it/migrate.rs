//! Moving to other engines: the same history, and it goes on as if nobody had moved.
//!
//! The source is embedded; where it leads to is the set-up of these tests.

mod cut_off;
mod refused;

use std::io::Write;
use std::path::Path;

use futures::TryStreamExt;
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use ports::{Categories, Clock, Fed, Ports, RecordFilter};
use serde_json::{Value, json};
use trialbrief::migrate::{self, Compared, Progress, Source};
use trialbrief::wire::{self, Urls};
use trialbrief::{app, replay, verify_report};

use crate::setup::Setup;
use crate::world::{World, mondays, settings};

const TRIAL: &str = "ACME-101";
/// An owner whose key was destroyed before.
const ERASED: &str = "person/erased";

fn embedded(folder: &Path) -> Urls {
    Urls::embedded(folder.to_str().unwrap())
}

async fn source(folder: &Path, now: Timestamp) -> Source {
    Source::open(&embedded(folder), &Clock::simulated(now)).await.unwrap()
}

async fn target(folder: &Path, now: Timestamp) -> Ports {
    wire::connect(&Setup::chosen().urls(folder).await, Clock::simulated(now)).await.unwrap()
}

/// `--nocapture` shows what each phase took.
#[expect(clippy::print_stdout, reason = "measured, and shown to those who ask")]
async fn migrated(source: &Source, target: &Ports) -> anyhow::Result<Vec<Compared>> {
    let mut progress = Progress::new(ProgressBar::hidden(), |phase| println!("{phase}"));
    migrate::migrate(source, target, &migrate::leases(target, &settings()), &mut progress).await
}

#[track_caller]
fn assert_equal(compared: &[Compared]) {
    assert_eq!(compared.len(), 7);
    assert!(compared.iter().all(Compared::is_equal), "{compared:#?}");
    assert!(compared.iter().all(|one| one.source != "0"), "nothing to move: {compared:#?}");
}

/// A trial in the middle of a week: one is subscribed, another one has paused, and a report was sent.
async fn middle_of_a_week(folder: &Path) -> Timestamp {
    let start = crate::world::parse("2026-11-09T09:00[Europe/Berlin]");
    let mut world = World::open(folder.to_owned(), None, start, |_| embedded(folder)).await;
    world.ports.keys.destroy(ERASED).await.unwrap();
    world.open_trial(TRIAL).await;
    world.subscribe("chi", TRIAL, mondays()).await;
    let paused = world.subscribe("ben", TRIAL, mondays()).await;
    world.upload("ben", TRIAL, "visits.csv", b"site,visits\nDE-01,3\n".to_vec()).await;
    world.until("2026-11-16T12:00[Europe/Berlin]").await;
    let path = format!("/api/subscriptions/{}/pause", paused["id"].as_str().unwrap());
    world.send("ben", "POST", &path, json!({})).await.expect(200);
    world.upload("ben", TRIAL, "more.csv", b"site,visits\nDE-02,5\n".to_vec()).await;
    world.until("2026-11-18T15:00[Europe/Berlin]").await;
    world.ports.clock.now()
}

async fn items(world: &World, user: &str, path: &str) -> Vec<Value> {
    world.get(user, path).await.expect(200).json()["items"].as_array().unwrap().clone()
}

/// What must not depend on where it is kept, three weeks on, as the trial's coordinator sees it: occurrences, reports and
/// deliveries; and how many mails are in the folder.
async fn three_weeks_on(folder: &Path, now: Timestamp, urls: Urls, coordinator: &str) -> (Vec<String>, usize) {
    let mut world = World::open(folder.to_owned(), None, now, |_| urls).await;
    let three_weeks = SignedDuration::from_hours(3 * 7 * 24);
    app::simulate(&mut world.app.workers, &world.ports.clock, now + three_weeks).await.unwrap();
    let mut told = Vec::new();
    for report in items(&world, coordinator, &format!("/api/reports?trial={TRIAL}&limit=200")).await {
        told.push(format!("{} {} {}", report["id"], report["cut"], report["status"]));
        let file = world.get(coordinator, &format!("/api/reports/{}/file", report["id"].as_str().unwrap())).await;
        told.push(format!("{} {}", report["id"], printed(&file.expect(200).body).await));
        // What was sealed since has other bytes, and so has the log hash that later reports print.
        if crate::world::parse(report["cut"].as_str().unwrap()) <= now {
            told.push(format!("{} {}", report["id"], report["sha256"]));
        }
        let path = format!("/api/reports/{}/deliveries", report["id"].as_str().unwrap());
        for delivery in items(&world, coordinator, &path).await {
            told.push(format!("{} {} {}", delivery["id"], delivery["user"], delivery["status"]));
        }
    }
    told.sort();
    let occurrences = world.log().await.into_iter().filter(|event| event.stream.starts_with("occurrence-"));
    told.extend(occurrences.map(|event| format!("{}@{} {}", event.stream, event.revision, event.event.kind)));
    for verified in verify_report::verify(&world.ports, &settings()).await.unwrap() {
        assert!(verified.holds(), "{verified}");
    }
    let beside = replay::store_beside(&folder.join("beside"), &world.ports.clock).await.unwrap();
    for comparison in replay::replay(&world.ports.feed, &world.ports.views, &beside).await.unwrap() {
        assert_eq!(comparison.differences, Vec::<String>::new(), "{}", comparison.projection);
    }
    let mails = world.mails().len();
    (told, mails)
}

/// The text of a report, figures and all, with the log hash set aside: words that are hexadecimal digits and more than seven.
async fn printed(pdf: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pdf).unwrap();
    let text =
        tokio::process::Command::new("pdftotext").arg("-layout").arg(file.path()).arg("-").output().await.unwrap();
    assert!(text.status.success(), "{}", String::from_utf8_lossy(&text.stderr));
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains(TRIAL), "{text}");
    let is_hash = |word: &&str| word.len() > 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_whitespace().filter(|word| !is_hash(word)).collect::<Vec<_>>().join(" ")
}

fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// All that is moved, as it stands at the source.
async fn kept(source: &Source) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    kept.extend(
        source
            .keys
            .owners(None, 10_000)
            .await
            .unwrap()
            .iter()
            .map(|(owner, key)| format!("key {owner} {:?}", key.as_ref().map(|key| key.0))),
    );
    kept.extend(source.directory.people(None, 10_000).await.unwrap().iter().map(|person| format!("{person:?}")));
    let records = source.documents.list(&RecordFilter::default(), None, 10_000).await.unwrap();
    kept.extend(records.iter().map(|record| serde_json::to_string(record).unwrap()));
    for files in [&source.originals, &source.derived] {
        let entries: Vec<_> = files.list("").try_collect().await.unwrap();
        kept.extend(entries.iter().map(|entry| format!("{entry:?}")));
    }
    let fed: Vec<Fed> = source.feed.read(None, Categories::ALL).try_collect().await.unwrap();
    kept.extend(fed.iter().map(|fed| format!("{fed:?}")));
    kept
}

/// Moves a source and lives on for three weeks, at the target and in a copy that stayed.
async fn goes_on_as_at_the_source(folder: &Path, now: Timestamp, coordinator: &str) {
    let [from, stayed, to] = ["source", "stayed", "target"].map(|name| folder.join(name));
    copy(&from, &stayed);
    for _first_and_repeated in 0..2 {
        let (source, target) = (source(&from, now).await, target(&to, now).await);
        let before = kept(&source).await;
        assert_equal(&migrated(&source, &target).await.unwrap());
        assert!(kept(&source).await == before, "the source was changed");
        assert_eq!(target.keys.existing(ERASED).await.unwrap(), None);
        assert_eq!(target.keys.key(ERASED).await.unwrap(), None, "no key is made again for whom it was destroyed");
    }
    let (at_source, mails_at_source) = three_weeks_on(&stayed, now, embedded(&stayed), coordinator).await;
    let (at_target, mails) = three_weeks_on(&to, now, Setup::chosen().urls(&to).await, coordinator).await;
    for (at_target, at_source) in at_target.iter().zip(&at_source) {
        assert_eq!(at_target, at_source);
    }
    assert_eq!(at_target.len(), at_source.len());
    let written = std::fs::read_dir(from.join("outbox")).unwrap().map(|entry| entry.unwrap().path());
    let before = written.filter(|path| path.extension().is_some_and(|extension| extension == "eml")).count();
    assert_eq!(mails, mails_at_source - before, "what was written before the move stays where it was written");
    assert!(mails > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_and_schedules_go_on_at_the_target_as_at_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let now = middle_of_a_week(&folder.path().join("source")).await;
    goes_on_as_at_the_source(folder.path(), now, "ada").await;
}

/// The folder of a whole demo, which `trialbrief demo --data <folder> --once` makes; no demo, no test of it.
const DEMO: &str = "TRIALBRIEF_TEST_DEMO";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a demo's folder in TRIALBRIEF_TEST_DEMO, and minutes"]
async fn a_whole_demo_goes_on_at_the_target_as_at_the_source() {
    let demo = std::env::var(DEMO).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("source");
    copy(Path::new(&demo), &from);
    let ended = source(&from, Timestamp::UNIX_EPOCH).await;
    let events: Vec<Fed> = ended.feed.read(None, Categories::ALL).try_collect().await.unwrap();
    drop(ended);
    let recorded = events.iter().filter_map(|fed| match fed {
        Fed::Event(event) => Some(event.metadata().unwrap().recorded_at),
        Fed::Passed(_) => None,
    });
    let now = recorded.max().unwrap();

    let mut world = World::open(from.clone(), None, now, |_| embedded(&from)).await;
    world.ports.keys.destroy(ERASED).await.unwrap();
    let subscription = &items(&world, "u-okafor", "/api/subscriptions").await[0];
    let path = format!("/api/subscriptions/{}/pause", subscription["id"].as_str().unwrap());
    world.send("u-okafor", "POST", &path, json!({})).await.expect(200);
    world.settle().await;
    drop(world);
    goes_on_as_at_the_source(folder.path(), now, "u-berger").await;
}
