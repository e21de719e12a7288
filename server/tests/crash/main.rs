//! Killed at any moment and started again, the program comes to the same end as one that nobody disturbed; and what
//! `verify-report` says of such runs.
//!
//! A kill leaves what the kernel already has; it cannot show what a power cut does to unsynchronised writes.
#![expect(clippy::unwrap_used, reason = "allowed in tests by clippy.toml; their helpers need it too")]

mod child;
mod outcome;
#[path = "../shared/samples.rs"]
mod samples;
mod script;
#[path = "../shared/whole.rs"]
mod whole;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures::StreamExt;
use outcome::Outcome;
use ports::{Clock, FileKey, Find, Record};
use projections::{ReportNow, Views};
use samples::Dice;
use serde_json::{Value, json};
use tempfile::TempDir;
use trialbrief::verify_report::{self, Again, Stored, Verified};
use trialbrief::wire::{self, Urls};

/// Runs that are killed.
const RUNS: usize = 20;
/// Runs at once.
const TOGETHER: usize = 2;
/// The moments of the kills follow from it.
const SEED: u64 = 20_261_123;

/// Does nothing, unless it was started by a test below.
#[tokio::test]
async fn child_that_lives_until_it_is_killed() {
    let Ok(folder) = std::env::var(child::CHILD) else { return };
    child::live(Path::new(&folder)).await;
}

/// When the child is killed.
#[derive(Clone, Debug)]
enum Kill {
    /// So long after it told this line.
    After(String, Duration),
    /// Right behind a write, such as "append 7": before anything else can follow from it.
    Behind(String),
}

/// A folder with the collection as it was before Trialbrief.
async fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let urls = Urls::embedded(folder.path().to_str().unwrap());
    let clock = Clock::simulated("2026-11-20T12:00:00Z".parse().unwrap());
    let documents = adapters::document_store::open(&urls.documents, &clock).await.unwrap();
    let (originals, _) = adapters::file_store::open(&urls.files, &clock).await.unwrap();
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
fn run(folder: &Path, kill: Option<&Kill>, mut heard: impl FnMut(&str)) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_that_lives_until_it_is_killed", "--nocapture"]).env(child::CHILD, folder);
    let (last_line, wait) = match kill {
        None => (None, Duration::ZERO),
        Some(Kill::After(line, wait)) => (Some(line.as_str()), *wait),
        Some(Kill::Behind(write)) => {
            command.env(child::HANG, write);
            (Some(child::HANGS), Duration::ZERO)
        }
    };
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (lines, mut done) = (BufReader::new(child.stdout.take().unwrap()).lines(), false);
    for line in lines {
        let line = line.unwrap();
        heard(&line);
        done |= line == child::DONE;
        if last_line == Some(line.as_str()) {
            // The random moment itself; nothing relies on what happens within it.
            thread::sleep(wait);
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(done || kill.is_some() && status.signal() == Some(9), "the child ended by itself: {status}");
    !status.success()
}

#[expect(clippy::disallowed_methods, reason = "kills are spread over the time that a run takes")]
fn now() -> Instant {
    Instant::now()
}

/// How a run goes that is left alone.
struct Course {
    /// The lines that each run has, and when they came.
    lines: Vec<(String, Duration)>,
    /// How often something was appended to the log.
    appends: u64,
}

impl Course {
    fn of(folder: &Path) -> Self {
        let (began, mut lines, mut appends) = (now(), Vec::new(), 0);
        run(folder, None, |line| {
            let is_mark =
                line == child::STARTED || line.contains(" at ") || line.ends_with(" acts") || line == child::DONE;
            if is_mark {
                lines.push((line.to_owned(), began.elapsed()));
            }
            appends = line.strip_suffix(child::APPENDS).map_or(appends, |count| count.parse().unwrap());
        });
        Self { lines, appends }
    }

    fn time(&self) -> Duration {
        self.lines.last().unwrap().1
    }

    /// A moment in one of equal parts of the run, by time or by appends; and for every other run one more, early in its next life.
    fn kills(&self, part: u64, dice: &mut Dice) -> Vec<Kill> {
        let runs = RUNS as u64;
        let mut within = |whole: u64| whole * part / runs + dice.below(whole / runs);
        let first = if part.is_multiple_of(2) {
            let moment = Duration::from_micros(within(self.time().as_micros() as u64));
            let (line, at) = self.lines.iter().rfind(|(_, at)| *at <= moment).unwrap_or(&self.lines[0]);
            Kill::After(line.clone(), moment.saturating_sub(*at))
        } else {
            Kill::Behind(format!("append {}", 1 + within(self.appends)))
        };
        let again = (dice.below(2) == 0).then(|| Kill::Behind(format!("append {}", 1 + dice.below(12))));
        [first].into_iter().chain(again).collect()
    }
}

/// Lives through the script with these kills; answers how many of them met the child alive.
fn live_with(kills: &[Kill], folder: &Path) -> usize {
    let mut met = 0;
    for kill in kills {
        if !run(folder, Some(kill), |_| {}) {
            return met;
        }
        met += 1;
    }
    run(folder, None, |_| {});
    met
}

#[test]
fn killed_at_any_moment_it_comes_to_the_same_end() {
    let began = now();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let undisturbed = runtime().block_on(folder());
    let course = Course::of(undisturbed.path());
    let reference = runtime().block_on(Outcome::of(undisturbed.path()));
    reference.assert_rich();
    assert_eq!(reference.unknown(), [] as [&String; 0]);

    let mut dice = Dice(SEED);
    let plans: Vec<Vec<Kill>> = (0..RUNS as u64).map(|part| course.kills(part, &mut dice)).collect();
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
    child::tell(&format!(
        "{met} of {planned} kills in {RUNS} runs of {:?} and {} appends, {unknown} deliveries unknown, {:?} in all",
        course.time(),
        course.appends,
        began.elapsed()
    ));
    assert!(met >= RUNS, "{met} of {planned} kills met the program alive");
}

#[test]
fn killed_between_the_mail_and_its_record_the_delivery_is_unknown_and_never_repeated() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = runtime().block_on(folder());
    assert!(run(folder.path(), Some(&Kill::Behind("mail 2".to_owned())), |_| {}));
    let in_the_air = std::fs::read_to_string(child::journal(folder.path())).unwrap().lines().nth(1).unwrap().to_owned();
    assert!(folder.path().join(format!("outbox/{in_the_air}.eml")).exists(), "the mail went");
    run(folder.path(), None, |_| {});

    let outcome = runtime().block_on(Outcome::of(folder.path()));
    assert_eq!(outcome.unknown(), [&in_the_air]);
    assert_eq!((outcome.handed_over[&in_the_air], outcome.handed_over.len(), outcome.mails.len()), (1, 5, 5));
    let stream = format!("delivery-{in_the_air}");
    let recorded: Vec<_> =
        outcome.events.iter().filter(|(of, ..)| *of == stream).map(|(_, kind, at)| (kind.as_str(), *at)).collect();
    let [("DeliveryAttempted", claimed), ("DeliveryUnknown", given_up)] = recorded[..] else { panic!("{recorded:?}") };
    assert_eq!(given_up.duration_since(claimed), child::settings().mail.lease, "as soon as the lease had run out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_whose_file_was_touched_or_whose_text_was_erased_is_told_from_the_others() {
    let folder = folder().await;
    run(folder.path(), None, |_| {});
    let urls = Urls::embedded(folder.path().to_str().unwrap());
    let ports = wire::connect(&urls, Clock::simulated(script::start())).await.unwrap();
    let settings = child::settings();
    let before = verify_report::verify(&ports, &settings).await.unwrap();
    assert!(before.len() == 5 && before.iter().all(|report| report.to_string().ends_with("  equal")), "{before:?}");

    let rows: Vec<ReportNow> = Views::new(Arc::clone(&ports.views)).find(&Find::all(10)).await.unwrap();
    let file_of = |report: &Verified| {
        let row = rows.iter().find(|row| row.id == report.report).unwrap();
        folder.path().join(format!("files/derived/{}", row.sha256.as_ref().unwrap()))
    };
    std::fs::remove_file(file_of(&before[0])).unwrap();
    std::fs::write(file_of(&before[1]), b"%PDF-1.7, but another").unwrap();
    // Ben did all of it; the other one printed its file's name only.
    for owner in ["person/ben", "document/000000000000000000000003"] {
        ports.keys.destroy(owner).await.unwrap();
    }
    let after = verify_report::verify(&ports, &settings).await.unwrap();
    let stored: Vec<_> = after.iter().map(|report| report.stored).collect();
    assert_eq!(stored, [Stored::Missing, Stored::Altered, Stored::Equal, Stored::Equal, Stored::Equal]);
    for report in &after {
        let Again::Differs { because, erased } = &report.again else { panic!("{report}") };
        assert!(because.is_empty() && erased.contains(&"person/ben".to_owned()), "{report}");
        assert_eq!(report.holds(), report.stored == Stored::Equal, "{report}");
    }
    assert!(after[0].to_string().contains("the text of document/000000000000000000000003 was erased"), "{}", after[0]);
}
