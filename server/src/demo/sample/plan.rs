//! Some weeks of work on the documents: who adds, corrects, replaces and removes what, and when.

use std::collections::BTreeMap;

use domain::schedule::Zone;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, ZonedDateTime};

use super::dice::Dice;
use super::places::{SITES, Site};
use super::wording::{EDIT_REASONS, REMOVE_REASONS, REPLACE_REASONS};
use super::{DOCUMENTS, OTHER_TRIAL, PRESENT, Recipe, date_before, names, place, recipe, status};

/// One thing somebody does. Documents are named by their number; the files are made when they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleChange {
    /// When it happens.
    pub at: Timestamp,
    /// Who does it: one of the ids given.
    pub by: String,
    /// The number of the document.
    pub document: usize,
    /// What is done.
    pub action: Action,
}

/// What is done to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// [`super::document`]`(seed, document, date)` is uploaded.
    Add {
        /// The date of the document.
        date: Date,
    },
    /// Properties are set.
    Edit {
        /// Their names in the API and new values.
        patch: Vec<(&'static str, String)>,
        /// Why.
        reason: &'static str,
    },
    /// The file is replaced by that of [`super::revision`]`(seed, document, revision, date)`.
    Replace {
        /// The number of the new file, from 1.
        revision: u64,
        /// The date written in the new file.
        date: Date,
        /// Why.
        reason: &'static str,
    },
    /// The document is removed.
    Remove {
        /// Why.
        reason: &'static str,
    },
}

/// What the plan remembers of a document that is there.
struct Known {
    date: Date,
    status: &'static str,
    revision: u64,
}

struct Planner<'a> {
    seed: u64,
    dice: Dice,
    people: &'a [&'a str],
    present: BTreeMap<usize, Known>,
    changes: Vec<SampleChange>,
}

/// The changes of so many weeks from local midnight of `start` in `zone`, in order of time.
///
/// The documents below [`PRESENT`] are there from the beginning (dated by [`date_before`]), all others up to
/// [`DOCUMENTS`] are added. People work at their site's local hours, mostly on weekdays, never at a whole second;
/// each week has another number of changes, and the last change is an upload in the last hours before the end.
/// `people` must not be empty and `weeks` not 0.
pub fn weeks(seed: u64, start: Date, zone: &TimeZone, weeks: usize, people: &[&str]) -> Vec<SampleChange> {
    let present = (0..PRESENT).map(|number| (number, known(seed, number, date_before(seed, number, start)))).collect();
    let mut planner = Planner { seed, dice: Dice::new(seed, 0, 7), people, present, changes: Vec::new() };
    let mut dice = Dice::new(seed, 0, 8);
    let loads: Vec<f32> = (0..weeks).map(|week| if week % 12 == 8 { 0.2 } else { dice.between(0.45, 1.7) }).collect();
    let total: f32 = loads.iter().sum();
    let (mut done, mut next, mut sizes) = (0.0, PRESENT, Vec::new());
    for (week, load) in loads.iter().enumerate() {
        done += load;
        let last = week + 1 == weeks;
        let until = if last { DOCUMENTS } else { PRESENT + (done / total * (DOCUMENTS - PRESENT) as f32) as usize };
        let mut others = (load * dice.between(6.0, 13.0)) as usize + 2;
        while sizes.contains(&(until - next + others)) {
            others += 1;
        }
        sizes.push(until - next + others);
        let from = start.saturating_add((week as i64 * 7).days());
        let mut span = Span::new(from, from.saturating_add(7.days()), zone);
        let end = span.until;
        if last {
            span.until -= 3.hours();
        }
        planner.changes_of(&span, others, week == weeks / 2);
        for number in (next..until).filter(|number| number + 1 < DOCUMENTS) {
            planner.add(number, &span);
        }
        if last {
            planner.add_last(end);
        }
        next = until;
    }
    planner.changes.sort_by_key(|change| change.at);
    planner.changes
}

fn known(seed: u64, number: usize, date: Date) -> Known {
    Known { date, status: status(seed, number), revision: 0 }
}

/// The days of one week, and its instants `[from, until)`.
struct Span {
    monday: Date,
    from: Timestamp,
    until: Timestamp,
}

impl Span {
    fn new(from: Date, until: Date, zone: &TimeZone) -> Self {
        let midnight = |date: Date| {
            let zoned = zone.to_ambiguous_zoned_datetime(date.at(0, 0, 0, 0)).compatible();
            zoned.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
        };
        Self { monday: from, from: midnight(from), until: midnight(until) }
    }
}

impl Planner<'_> {
    /// Adds a document at some working hour of its site.
    fn add(&mut self, number: usize, span: &Span) {
        let site = place(self.seed, number);
        let at = self.working_hour(&SITES[site], span);
        self.add_at(number, site, &at);
    }

    /// The upload shortly before the end: where it is Monday morning already.
    fn add_last(&mut self, end: Timestamp) {
        let site = place(self.seed, DOCUMENTS - 1);
        let before = self.dice.whole(25 * 60, 150 * 60) as i64;
        let instant = end - before.seconds() + 417_113.microseconds();
        self.add_at(DOCUMENTS - 1, site, &instant.to_zoned_datetime(zone_of(&SITES[site])));
    }

    fn add_at(&mut self, number: usize, site: usize, at: &ZonedDateTime) {
        let date = at.date().saturating_sub((self.dice.whole(0, 9) as i64).days());
        let by = self.person(site);
        self.present.insert(number, known(self.seed, number, date));
        let action = Action::Add { date };
        self.changes.push(SampleChange { at: at.timestamp(), by, document: number, action });
    }

    /// Changes documents that were there when the week began, each at most once.
    fn changes_of(&mut self, span: &Span, count: usize, moving: bool) {
        let mut numbers: Vec<usize> = self.present.keys().copied().collect();
        for turn in 0..count {
            if numbers.is_empty() {
                return;
            }
            let number = numbers.swap_remove(self.dice.whole(0, numbers.len() - 1));
            let site = place(self.seed, number);
            let at = self.working_hour(&SITES[site], span).timestamp();
            let by = self.person(site);
            let action = match self.dice.whole(0, 19) {
                _ if moving && turn == 0 => self.move_away(number),
                0..=2 => self.remove(number),
                3..=6 => self.replace(number, at),
                _ => self.edit(number),
            };
            self.changes.push(SampleChange { at, by, document: number, action });
        }
    }

    fn move_away(&mut self, document: usize) -> Action {
        self.present.remove(&document);
        let patch = vec![("TrialId", String::from(OTHER_TRIAL))];
        Action::Edit { patch, reason: "Belongs to the sister study" }
    }

    fn remove(&mut self, document: usize) -> Action {
        self.present.remove(&document);
        Action::Remove { reason: self.dice.pick(&REMOVE_REASONS) }
    }

    fn replace(&mut self, document: usize, at: Timestamp) -> Action {
        let date = at.to_zoned_datetime(TimeZone::UTC).date();
        let reason = self.dice.pick(&REPLACE_REASONS);
        let revision = self.present.get_mut(&document).map_or(1, |known| {
            known.revision += 1;
            known.revision
        });
        Action::Replace { revision, date, reason }
    }

    fn edit(&mut self, document: usize) -> Action {
        let choice = self.dice.whole(0, 9);
        let site = &SITES[place(self.seed, document)];
        let made: Recipe = recipe(self.seed, document);
        let Some(known) = self.present.get_mut(&document) else { return self.move_away(document) };
        let (patch, reason) = match (known.status, choice) {
            ("draft", 0..=6) => {
                known.status = "final";
                (vec![("Status", String::from("final"))], EDIT_REASONS[self.dice.whole(0, 1) * 5])
            }
            ("final", 0..=2) => {
                known.status = "superseded";
                (vec![("Status", String::from("superseded"))], EDIT_REASONS[6])
            }
            (_, 3) => {
                let other = self.dice.pick(&SITES);
                (vec![("SiteId", String::from(other.code))], EDIT_REASONS[1])
            }
            (_, 4) => (vec![("Kind", String::from("correspondence"))], EDIT_REASONS[2]),
            (_, 5..=6) => {
                known.date = known.date.saturating_sub((self.dice.whole(1, 12) as i64).days());
                (vec![("DocumentDate", known.date.to_string())], EDIT_REASONS[4])
            }
            _ => {
                // A number outside the plan: none of the unpleasant names.
                let renamed = names::filename(made, DOCUMENTS, site, known.date, &mut self.dice);
                (vec![("Filename", renamed)], EDIT_REASONS[3])
            }
        };
        Action::Edit { patch, reason }
    }

    /// Mostly the person who looks after the site.
    fn person(&mut self, site: usize) -> String {
        let usual = self.people[site % self.people.len()];
        String::from(if self.dice.chance(0.75) { usual } else { self.dice.pick(self.people) })
    }

    /// Some moment between seven and half past six at a site, within the span.
    fn working_hour(&mut self, site: &Site, span: &Span) -> ZonedDateTime {
        let zone = zone_of(site);
        for _ in 0..200 {
            let day = span.monday.saturating_add((self.dice.whole(0, 6) as i64).days());
            let weekend = day.weekday().to_monday_zero_offset() >= 5;
            // Two of three numbers make a bell around the middle of the day.
            let minutes = self.dice.between(0.0, 345.0) + self.dice.between(0.0, 345.0);
            let (second, micro) = (self.dice.whole(1, 59) as i64, self.dice.whole(1, 999_999) as i64);
            if weekend && !self.dice.chance(0.04) {
                continue;
            }
            let clock = day.at(7, 0, 0, 0).saturating_add((minutes as i64).minutes());
            let clock = clock.saturating_add(second.seconds()).saturating_add(micro.microseconds());
            let Ok(at) = zone.to_ambiguous_zoned_datetime(clock).compatible() else { continue };
            if (span.from..span.until).contains(&at.timestamp()) {
                return at;
            }
        }
        let half = (span.until.as_second() - span.from.as_second()) / 2;
        (span.from + (half + 61).seconds()).to_zoned_datetime(zone)
    }
}

fn zone_of(site: &Site) -> TimeZone {
    let zone: Zone = site.zone.parse().expect("the zones of the sites are in the bundled database");
    zone.rules().clone()
}
