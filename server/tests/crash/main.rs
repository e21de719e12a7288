//! Killed at any moment and started again, the program comes to the same end as one that nobody disturbed.
//!
//! A kill leaves what the kernel already has; it cannot show what a power cut does to unsynchronised writes.

mod child;
mod outcome;
mod script;
#[path = "../it/world.rs"]
#[allow(dead_code, reason = "the journeys use the rest of it")]
mod world;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use futures::StreamExt;
use outcome::Outcome;
use ports::{Clock, FileKey, Record};
use script::Dice;
use serde_json::{Value, json};
use tempfile::TempDir;
use trialbrief::wire::Urls;

/// Runs that are killed.
const RUNS: usize = 50;
/// Runs at once.
const TOGETHER: usize = 2;
/// The moments of the kills follow from it.
const SEED: u64 = 777;

/// Does nothing, unless it was started by a test below.
#[tokio::test]
async fn child_that_lives_until_it_is_killed() {
    let Ok(folder) = std::env::var(child::CHILD) else { return };
    let hang_after = std::env::var(child::HANG_AFTER).ok().map(|mails| mails.parse().unwrap());
    child::live(Path::new(&folder), hang_after).await;
}

/// A line of the child, and how long after it the child is killed.
#[derive(Clone, Debug)]
struct Kill {
    after: String,
    wait: Duration,
}

/// A folder with the collection as it was before Trialbrief.
async fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let urls = Urls::embedded(folder.path().to_str().unwrap());
    let clock = Clock::simulated(world::parse("2026-11-20T12:00:00Z"));
    let documents = adapters::document_store::open(&urls.documents, &clock).unwrap();
    let (originals, _) = adapters::file_store::open(&urls.files, &clock).unwrap();
    for existing in script::existing() {
        let key = FileKey::new(format!("trials/ACME-101/{}/file", existing.id)).unwrap();
        let record = json!({
            "_id": existing.id, "Filename": existing.filename, "FileLocation": format!("s3://trialbrief/{key}"),
            "Size": existing.bytes.len(), "SiteId": "DE-01", "Kind": "photograph",
        });
        let Value::Object(record) = record else { unreachable!("written above") };
        originals.put(&key, futures::stream::once(async { Ok(existing.bytes.into()) }).boxed()).await.unwrap();
        documents.insert(&Record(record)).await.unwrap();
    }
    folder
}

/// Starts the child and reads what it tells, up to its end or the kill. Answers whether it was killed.
fn run(folder: &Path, kill: Option<&Kill>, hang_after: Option<usize>, mut heard: impl FnMut(&str)) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_that_lives_until_it_is_killed", "--nocapture"]).env(child::CHILD, folder);
    if let Some(mails) = hang_after {
        command.env(child::HANG_AFTER, mails.to_string());
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (mut lines, mut done) = (BufReader::new(child.stdout.take().unwrap()).lines(), false);
    for line in &mut lines {
        let line = line.unwrap();
        heard(&line);
        done |= line == child::DONE;
        if kill.is_some_and(|kill| kill.after == line) {
            // This is the random moment itself; nothing waits for anything here.
            thread::sleep(kill.unwrap().wait);
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(done || kill.is_some() && !status.success(), "the child ended by itself: {status}");
    !status.success()
}

#[expect(clippy::disallowed_methods, reason = "kills are spread over the time that a run takes")]
fn now() -> Instant {
    Instant::now()
}

/// The lines of a run that is left alone, each with the time at which it came.
fn measure(folder: &Path) -> Vec<(String, Duration)> {
    let (began, mut lines) = (now(), Vec::new());
    run(folder, None, None, |line| lines.push((line.to_owned(), began.elapsed())));
    let ours = |(line, _): &(String, Duration)| line == child::STARTED || line.contains(" at ") || line.ends_with(" acts");
    let end = lines.last().unwrap().1;
    lines.retain(ours);
    lines.push((child::DONE.to_owned(), end));
    lines
}

/// A moment in one of equal parts of the run, and for some runs one more, in the second life: at its start, or later.
fn kills(lines: &[(String, Duration)], part: usize, dice: &mut Dice) -> Vec<Kill> {
    let end = lines.last().unwrap().1.as_micros() as u64;
    let moment = end * part as u64 / RUNS as u64 + dice.below(end / RUNS as u64);
    let _ = moment;
    let windows: Vec<usize> = (0..lines.len() - 1).filter(|l| lines[l + 1].1 - lines[*l].1 > Duration::from_millis(180)).collect();
    let w = windows[dice.below(windows.len() as u64) as usize];
    let len = (lines[w + 1].1 - lines[w].1).as_micros() as u64;
    let moment = lines[w].1 + Duration::from_micros(dice.below(len));
    let last = lines.iter().rposition(|(_, at)| *at <= moment).unwrap_or(0);
    let kill_in = |line: usize, wait| Kill { after: lines[line].0.clone(), wait };
    let mut kills = vec![kill_in(last, moment.saturating_sub(lines[last].1))];
    // Between these lines an instant may come that this run has not: only the script's own are sure to.
    let later: Vec<usize> = (last + 1..lines.len()).filter(|line| lines[*line].0.ends_with(" acts")).collect();
    match dice.below(4) {
        0 => kills.push(Kill { after: child::STARTED.to_owned(), wait: Duration::from_micros(dice.below(150_000)) }),
        1 if !later.is_empty() => {
            let line = later[dice.below(later.len() as u64) as usize];
            let length = lines[line + 1].1 - lines[line].1;
            kills.push(kill_in(line, Duration::from_micros(dice.below(length.as_micros() as u64 + 1))));
        }
        _ => {}
    }
    kills
}

/// Lives through the script with these kills; answers how many of them met the child alive.
fn live_with(kills: &[Kill], folder: &Path) -> usize {
    let mut met = 0;
    for kill in kills {
        if !run(folder, Some(kill), None, |_| {}) {
            return met;
        }
        met += 1;
    }
    run(folder, None, None, |_| {});
    met
}

#[test]
fn killed_at_any_moment_it_comes_to_the_same_end() {
    let began = now();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let undisturbed = runtime().block_on(folder());
    let lines = measure(undisturbed.path());
    let reference = runtime().block_on(Outcome::of(undisturbed.path()));
    println!("DBG outcome {:?}", began.elapsed());
    for (l,t) in &lines { println!("DBG {t:?} {l}"); }
    reference.assert_rich();
    if std::env::var("DBG").is_ok() { return; }
    assert_eq!(reference.unknown(), [] as [&String; 0]);

    let mut dice = Dice(SEED);
    let plans: Vec<Vec<Kill>> = (0..RUNS).map(|part| kills(&lines, part, &mut dice)).collect();
    let (plans, reference) = (&plans, &reference);
    let (mut met, mut unknown) = (0, 0);
    thread::scope(|scope| {
        let some_of_them = |first: usize| {
            move || {
                let (mut met, mut unknown) = (0, 0);
                for kills in plans.iter().skip(first).step_by(TOGETHER) {
                    let folder: TempDir = runtime().block_on(folder());
                    let path: PathBuf = folder.path().to_owned();
                    met += live_with(kills, &path);
                    let outcome = runtime().block_on(Outcome::of(&path));
                    outcome.assert_equals(reference, &format!("killed at {kills:?}"));
                    unknown += outcome.unknown().len();
                }
                (met, unknown)
            }
        };
        let threads: Vec<_> = (0..TOGETHER).map(|first| scope.spawn(some_of_them(first))).collect();
        for thread in threads {
            let (more_met, more_unknown) = thread.join().unwrap();
            met += more_met;
            unknown += more_unknown;
        }
    });
    let planned: usize = plans.iter().map(Vec::len).sum();
    println!("{met} of {planned} kills in {RUNS} runs of {:?}, {unknown} deliveries unknown, {:?} in all", lines.last().unwrap().1, began.elapsed());
    assert!(met >= RUNS, "{met} of {planned} kills met the program alive");
}

#[test]
fn killed_between_the_mail_and_its_record_the_delivery_is_unknown_and_never_repeated() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = runtime().block_on(folder());
    let kill = Kill { after: child::MAILED.to_owned(), wait: Duration::ZERO };
    assert!(run(folder.path(), Some(&kill), Some(2), |_| {}));
    let in_the_air = std::fs::read_to_string(child::journal(folder.path())).unwrap().lines().nth(1).unwrap().to_owned();
    assert!(folder.path().join(format!("outbox/{in_the_air}.eml")).exists(), "the mail went");
    run(folder.path(), None, None, |_| {});

    let outcome = runtime().block_on(Outcome::of(folder.path()));
    assert_eq!(outcome.unknown(), [&in_the_air]);
    assert_eq!((outcome.handed_over[&in_the_air], outcome.handed_over.len(), outcome.mails.len()), (1, 5, 5));
    let stream = format!("delivery-{in_the_air}");
    let recorded: Vec<_> = outcome.events.iter().filter(|(of, ..)| *of == stream).map(|(_, kind, at)| (kind.as_str(), *at)).collect();
    let [("DeliveryAttempted", claimed), ("DeliveryUnknown", given_up)] = recorded[..] else { panic!("{recorded:?}") };
    assert_eq!(given_up.duration_since(claimed), world::settings(None).mail.lease, "as soon as the lease had run out");
}
