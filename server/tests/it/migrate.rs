//! Moving to other engines: the same history, and it goes on as if nobody had moved.

use indicatif::ProgressBar;
use jiff::Timestamp;
use ports::Clock;
use serde_json::json;
use trialbrief::migrate::{self, Source};
use trialbrief::wire::{self, Urls};
use trialbrief::{replay, verify_report};

use crate::setup::Setup;
use crate::world::{World, mondays, settings};

const TRIAL: &str = "ACME-101";

fn embedded(folder: &std::path::Path) -> Urls {
    Urls::embedded(folder.to_str().unwrap())
}

/// A trial in the middle of a week: one is subscribed, another one has paused, and a report was sent.
async fn middle_of_a_week(folder: &std::path::Path) -> Timestamp {
    let start = crate::world::parse("2026-11-09T09:00[Europe/Berlin]");
    let mut world = World::open(folder.to_owned(), None, start, |_| embedded(folder)).await;
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

/// What must not depend on where it is kept: occurrences, reports and deliveries, three weeks on.
async fn three_weeks_on(folder: &std::path::Path, now: Timestamp, urls: Urls) -> (Vec<String>, usize) {
    let mut world = World::open(folder.to_owned(), None, now, |_| urls).await;
    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    let first = world.reports(TRIAL).await;
    world.until("2026-12-08T08:00[Europe/Berlin]").await;
    let mut told: Vec<String> = first.iter().map(|report| report["sha256"].to_string()).collect();
    for report in world.reports(TRIAL).await {
        told.push(format!("{} {} {} {}", report["id"], report["cut"], report["status"], report["figures"]));
        for delivery in world.deliveries(&report).await {
            told.push(format!("{} {} {}", delivery["id"], delivery["user"], delivery["status"]));
        }
    }
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

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let status = std::process::Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn history_and_schedules_go_on_at_the_target_as_at_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let [source, stayed, target] = ["source", "stayed", "target"].map(|name| folder.path().join(name));
    let now = middle_of_a_week(&source).await;
    copy(&source, &stayed);

    for _first_and_repeated in 0..2 {
        let clock = Clock::simulated(now);
        let from = Source::open(&embedded(&source), &clock).await.unwrap();
        let to = wire::connect(&Setup::chosen().urls(&target).await, clock).await.unwrap();
        let compared = migrate::migrate(&from, &to, &ProgressBar::hidden()).await.unwrap();
        assert_eq!(compared.len(), 7);
        assert!(compared.iter().all(migrate::Compared::is_equal), "{compared:#?}");
        assert!(compared.iter().all(|one| one.source != "0"), "nothing to move: {compared:#?}");
    }

    let (at_source, mails_before) = three_weeks_on(&stayed, now, embedded(&stayed)).await;
    let (at_target, mails) = three_weeks_on(&target, now, Setup::chosen().urls(&target).await).await;
    assert_eq!(at_target, at_source);
    assert_eq!(mails, mails_before - 2, "the two mails of the first week stayed where they were written");
}
