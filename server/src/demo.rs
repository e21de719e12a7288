//! The demo: a sample trial, twelve weeks of it lived through the real path in seconds, and then the real clock.

mod act;
pub mod sample;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use domain::schedule::Zone;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp, ToSpan};
use ports::{Directory, Person, Ports};
use tokio::sync::mpsc;

use crate::app::{self, App};
use act::Stage;

/// Weeks that are lived through.
const WEEKS: usize = 12;
/// The sample is the same each time.
const SEED: u64 = 1;
/// Changes that are uploaded before the workers take them up together.
const TOGETHER: usize = 24;
/// Written before the twelve weeks begin, into a folder that held no documents.
const BEGUN: &str = "demo-begun";
/// Written when the twelve weeks are over; a demo that was interrupted before has none.
const FINISHED: &str = "demo-finished";

/// Somebody of the sample trial: id, name, role, and when they want their report.
struct SamplePerson {
    user: &'static str,
    name: &'static str,
    role: &'static str,
    schedule: Option<(&'static str, &'static str, &'static str)>,
}

const fn person(
    user: &'static str,
    name: &'static str,
    role: &'static str,
    schedule: Option<(&'static str, &'static str, &'static str)>,
) -> SamplePerson {
    SamplePerson { user, name, role, schedule }
}

/// The people: readers in three zones, and those who do the work.
const PEOPLE: [SamplePerson; 8] = [
    person("u-berger", "Ada Berger", "coordinator", Some(("monday", "08:00", "Europe/Berlin"))),
    person("u-okafor", "Ben Okafor", "contributor", Some(("monday", "07:30", "America/New_York"))),
    person("u-nowak", "Chiara Nowak", "contributor", None),
    person("u-lindqvist", "Dov Lindqvist", "contributor", None),
    person("u-tanaka", "Emi Tanaka", "contributor", Some(("tuesday", "09:00", "Asia/Tokyo"))),
    person("u-silva", "Filipa Silva", "contributor", None),
    person("u-weber", "Greta Weber", "reader", Some(("monday", "17:00", "Europe/Berlin"))),
    person("u-guest", "You", "contributor", None),
];

/// Who opens the trials.
const FOUNDER: &str = "u-berger";

/// What the demo did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Documents there at the beginning.
    pub present: usize,
    /// Changes in the twelve weeks.
    pub changes: usize,
    /// Whether it had been lived through before.
    pub before: bool,
}

/// Whether the folder holds a demo whose twelve weeks began and were not lived through to their end.
#[must_use]
pub fn was_interrupted(folder: &Path) -> bool {
    folder.join(BEGUN).exists() && !folder.join(FINISHED).exists()
}

/// Moves the folder beside itself under a name that is free, and answers that: nothing is deleted.
///
/// # Errors
/// Where the system does not let it be moved, such as the root of a volume.
pub fn put_aside(folder: &Path) -> std::io::Result<PathBuf> {
    let folder = folder.canonicalize()?;
    let mut aside = folder.clone().into_os_string();
    aside.push("-interrupted");
    while Path::new(&aside).exists() {
        aside.push("-again");
    }
    std::fs::rename(&folder, &aside)?;
    Ok(aside.into())
}

/// Lives through the twelve weeks before the clock's present time, unless the folder holds them already.
///
/// # Errors
/// Where a port or a request fails, or the folder holds documents that are no demo's.
pub async fn live(ports: &Ports, app: &mut App, folder: &Path) -> anyhow::Result<Told> {
    let finished = folder.join(FINISHED);
    if finished.exists() {
        return Ok(Told { before: true, ..Told::default() });
    }
    if ports.documents.end().await?.0.order > 0 {
        bail!("{} holds documents that are none of the demo's; choose another folder with --data", folder.display());
    }
    tokio::fs::write(folder.join(BEGUN), b"").await?;
    let end = ports.clock.now();
    let start = beginning(end)?;
    let clock = &ports.clock;
    clock.simulate_from(start);
    let first_day = home()?.date_at(start);
    let people: Vec<&str> = PEOPLE[..6].iter().map(|person| person.user).collect();
    let changes: Vec<_> = sample::weeks(SEED, first_day, home()?.rules(), WEEKS, &people)
        .into_iter()
        .filter(|change| change.at < end)
        .collect();
    let bar = progress_bar((sample::PRESENT + changes.len()) as u64);

    let mut stage = Stage::new(ports, app.router.clone());
    // Opened first: what has documents is opened only by those whom the configuration names.
    stage.open_trials(&PEOPLE).await?;
    bar.set_message("documents that were there before");
    for number in 0..sample::PRESENT {
        stage.put_existing(sample::document(SEED, number, sample::date_before(SEED, number, first_day))).await?;
        bar.inc(1);
    }

    bar.set_message("twelve weeks of work");
    let told = Told { present: sample::PRESENT, changes: changes.len(), before: false };
    let mut made = make_ahead(changes);
    let mut next = ports::settle(&mut app.workers, clock.now()).await?;
    let mut waiting = 0;
    while let Some((change, document)) = made.recv().await {
        // What is due before the change is done before it; else changes are taken up together.
        if next.is_some_and(|next| next <= change.at) || waiting == TOGETHER {
            let before = change.at.saturating_sub(SignedDuration::from_micros(1))?;
            app::simulate(&mut app.workers, clock, before).await?;
            next = ports::settle(&mut app.workers, clock.now()).await?;
            waiting = 0;
        }
        clock.set(change.at);
        stage.act(&change, document).await.with_context(|| format!("document {}", change.document))?;
        waiting += 1;
        bar.inc(1);
    }
    app::simulate(&mut app.workers, clock, end).await?;
    clock.release();
    bar.finish_and_clear();
    tokio::fs::write(&finished, b"").await?;
    Ok(told)
}

/// Adds the sample people, of whom the development sign-in lets one choose, to a directory that has nobody.
///
/// # Errors
/// The directory's.
pub async fn add_people(directory: &dyn Directory) -> ports::Result<()> {
    if !directory.people(None, 1).await?.is_empty() {
        return Ok(());
    }
    for person in &PEOPLE {
        let address = Some(format!("{}@acme-trials.example", person.user.trim_start_matches("u-")));
        let (user, name) = (person.user.to_owned(), person.name.to_owned());
        directory.save(&Person { user, name, address, active: true }).await?;
    }
    Ok(())
}

/// The zone of the trial's home.
fn home() -> anyhow::Result<Zone> {
    Ok("Europe/Berlin".parse()?)
}

/// Midnight of the Monday with which the twelve weeks begin that end now.
fn beginning(end: Timestamp) -> anyhow::Result<Timestamp> {
    let today = home()?.date_at(end);
    let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days())?;
    Ok(home()?.start_of_day(monday.checked_sub((7 * (WEEKS as i64 - 1)).days())?))
}

/// Makes the documents of the coming changes on a thread of its own, a few ahead.
fn make_ahead(
    changes: Vec<sample::SampleChange>,
) -> mpsc::Receiver<(sample::SampleChange, Option<sample::SampleDocument>)> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::task::spawn_blocking(move || {
        for change in changes {
            let document = match &change.action {
                sample::Action::Add { date } => Some(sample::document(SEED, change.document, *date)),
                sample::Action::Replace { revision, date, .. } => {
                    Some(sample::revision(SEED, change.document, *revision, *date))
                }
                sample::Action::Edit { .. } | sample::Action::Remove { .. } => None,
            };
            // The receiver is gone when the demo failed.
            if sender.blocking_send((change, document)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn progress_bar(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:32} {pos:>3}/{len} {msg}, {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_demo_is_moved_aside_and_a_finished_one_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        for times in ["-interrupted", "-interrupted-again"] {
            std::fs::create_dir(&data).unwrap();
            assert!(!was_interrupted(&data), "whatever else it is");
            std::fs::write(data.join(BEGUN), b"").unwrap();
            assert!(was_interrupted(&data));
            let aside = put_aside(&data).unwrap();
            assert!(aside.to_str().unwrap().ends_with(&format!("data{times}")) && aside.join(BEGUN).exists());
        }
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join(BEGUN), b"").unwrap();
        std::fs::write(data.join(FINISHED), b"").unwrap();
        assert!(!was_interrupted(&data));
    }
}
