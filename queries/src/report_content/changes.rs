//! The table of changes, and who made how many of them and why.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::{DocumentId, TrialId};
use ports::{Find, Result};
use projections::{ChangeKind, DocumentChange, Row, stamp_of};
use report::content::{Action, ByWhom, Change};

use super::Span;
use super::lists::{PAGE, stated};
use super::texts::Texts;
use crate::Queries;

/// Lines in the table; all changes are counted.
const MOST_LINES: usize = 2_000;

/// What happened in a period.
#[derive(Default)]
pub(super) struct Changes {
    /// The first lines, by time.
    pub(super) lines: Vec<Change>,
    /// How many more there are.
    pub(super) omitted: u64,
    /// Most changes first, then by name.
    pub(super) by_whom: Vec<ByWhom>,
    /// Documents that came.
    pub(super) new: BTreeSet<DocumentId>,
}

/// What one actor did, and how often for which reason.
#[derive(Default)]
struct Done {
    added: u64,
    changed: u64,
    removed: u64,
    reasons: BTreeMap<String, u64>,
}

impl Changes {
    /// Reads every change of the period, page by page: a sum over some of them would be wrong.
    pub(super) async fn read(queries: &Queries, trial: &TrialId, span: Span, texts: &mut Texts<'_>) -> Result<Self> {
        let mut changes = Self::default();
        let mut done: BTreeMap<String, Done> = BTreeMap::new();
        let (mut listed, mut after, mut total) = (Vec::new(), None, 0_u64);
        let (from, below) = (stamp_of(span.from), stamp_of(span.to));
        let find = Find::all(PAGE).equal("trial", trial.as_str());
        let find = find.range("stamp", Some(from.into()), Some(below.into()));
        loop {
            let page: Vec<DocumentChange> = queries.views.find(&find.clone().after(after)).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.stamp.into(), last.key()));
            total += page.len() as u64;
            for row in page {
                done.entry(row.actor.clone()).or_default().count(&row, texts).await?;
                if matches!(row.kind, ChangeKind::Added | ChangeKind::MovedIn) {
                    changes.new.insert(row.document.clone());
                }
                listed.push(row);
            }
            keep_first(&mut listed);
        }
        let called = texts.actors(&done.keys().cloned().collect()).await?;
        changes.omitted = total - listed.len() as u64;
        for row in &listed {
            changes.lines.push(line(row, &called, texts).await?);
        }
        changes.by_whom = by_whom(done, &called);
        Ok(changes)
    }
}

/// Sorts by time, and drops what has no place in the table.
fn keep_first(rows: &mut Vec<DocumentChange>) {
    rows.sort_by(|a, b| {
        (a.at, &a.document, a.revision, a.kind as u8).cmp(&(b.at, &b.document, b.revision, b.kind as u8))
    });
    rows.truncate(MOST_LINES);
}

async fn line(row: &DocumentChange, called: &BTreeMap<String, String>, texts: &mut Texts<'_>) -> Result<Change> {
    let reason = match &row.reason {
        Some(reason) => Some(texts.text(reason).await?),
        None => None,
    };
    let [kind, site, _] = &row.place.values;
    Ok(Change {
        action: action(row.kind),
        file_name: texts.file_name(&row.record).await?,
        site: stated(site),
        kind: stated(kind),
        at: row.at,
        by: called.get(&row.actor).unwrap_or(&row.actor).clone(),
        reason,
        properties: row.changed.clone(),
    })
}

impl Done {
    async fn count(&mut self, row: &DocumentChange, texts: &mut Texts<'_>) -> Result<()> {
        match row.kind {
            ChangeKind::Added | ChangeKind::MovedIn => self.added += 1,
            ChangeKind::Changed => self.changed += 1,
            ChangeKind::Removed | ChangeKind::MovedOut => self.removed += 1,
            // Nobody does anything when a scan meets what was there before.
            ChangeKind::Found => return Ok(()),
        }
        if let Some(reason) = &row.reason {
            *self.reasons.entry(texts.text(reason).await?).or_default() += 1;
        }
        Ok(())
    }
}

fn by_whom(done: BTreeMap<String, Done>, called: &BTreeMap<String, String>) -> Vec<ByWhom> {
    let mut people = Vec::with_capacity(done.len());
    for (actor, Done { added, changed, removed, reasons }) in done {
        let mut reasons: Vec<(String, u64)> = reasons.into_iter().collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let reasons = reasons.into_iter().map(|(reason, _)| reason).collect();
        let name = called.get(&actor).unwrap_or(&actor).clone();
        people.push(ByWhom { name, added, changed, removed, reasons });
    }
    people.retain(|person| person.total() > 0);
    people.sort_by(|a, b| b.total().cmp(&a.total()).then_with(|| a.name.cmp(&b.name)));
    people
}

const fn action(kind: ChangeKind) -> Action {
    match kind {
        ChangeKind::Found => Action::Found,
        ChangeKind::Added => Action::Added,
        ChangeKind::MovedIn => Action::MovedIn,
        ChangeKind::MovedOut => Action::MovedOut,
        ChangeKind::Changed => Action::Changed,
        ChangeKind::Removed => Action::Removed,
    }
}
