//! The parts of a report that are no sums: rows that were valid at the cut.

use std::collections::{BTreeMap, BTreeSet};

use domain::findings::FindingCode;
use domain::id::{ContentHash, TrialId, UserId};
use domain::sealed::Sealed;
use jiff::Timestamp;
use ports::{Find, Result};
use projections::{ChangeKind, DocumentChange, DocumentState, DocumentThen, Row, TrialContent, stamp_of};
use report::content::{Action, Attention, Change, DuplicateFile, DuplicateGroup, Finding, Severity, Thumbnail};

use super::Span;
use crate::Queries;

/// Rows read of one list; what is beyond is counted as omitted.
const MOST_ROWS: usize = 20_000;
/// Changes in the table.
const MOST_CHANGES: usize = 2_000;
/// Findings in the list.
const MOST_FINDINGS: usize = 300;
/// Pictures on the contact sheet.
const MOST_PICTURES: usize = 60;
/// Groups of duplicates, and files named of one group.
const MOST_DUPLICATES: usize = 50;
/// Documents named for one content.
const MOST_SHARING: usize = 20;

/// Collects the lists of one report.
pub(super) struct Lists<'a> {
    queries: &'a Queries,
    trial: &'a TrialId,
    span: Span,
    given_names: Option<BTreeMap<UserId, String>>,
    pub(super) names: BTreeMap<UserId, String>,
    pub(super) changes: Vec<Change>,
    pub(super) changes_omitted: u64,
    pub(super) attention: Vec<Attention>,
    pub(super) findings: Vec<Finding>,
    pub(super) findings_omitted: u64,
    pub(super) thumbnails: Vec<Thumbnail>,
    pub(super) thumbnails_omitted: u64,
    pub(super) duplicates: Vec<DuplicateGroup>,
}

/// A document with findings.
struct Flagged {
    state: DocumentState,
    codes: Vec<FindingCode>,
    since: Timestamp,
    file_name: String,
}

impl<'a> Lists<'a> {
    pub(super) fn new(
        queries: &'a Queries,
        trial: &'a TrialId,
        span: Span,
        given_names: Option<BTreeMap<UserId, String>>,
    ) -> Self {
        Self {
            queries,
            trial,
            span,
            given_names,
            names: BTreeMap::new(),
            changes: Vec::new(),
            changes_omitted: 0,
            attention: Vec::new(),
            findings: Vec::new(),
            findings_omitted: 0,
            thumbnails: Vec::new(),
            thumbnails_omitted: 0,
            duplicates: Vec::new(),
        }
    }

    pub(super) async fn read(&mut self) -> Result<()> {
        let rows = self.changes_in_period().await?;
        self.tell_changes(&rows).await?;
        let flagged = self.flagged().await?;
        self.tell_pictures(&rows, &flagged).await?;
        self.tell_findings(&flagged);
        self.tell_duplicates().await
    }

    async fn changes_in_period(&self) -> Result<Vec<DocumentChange>> {
        let (from, below) = (stamp_of(self.span.from), stamp_of(self.span.to));
        let find = Find::all(MOST_ROWS).equal("trial", self.trial.as_str()).range(
            "stamp",
            Some(from.into()),
            Some(below.into()),
        );
        let mut rows: Vec<DocumentChange> = self.queries.views.find(&find).await?;
        rows.sort_by(|a, b| {
            (a.at, &a.document, a.revision, a.kind as u8).cmp(&(b.at, &b.document, b.revision, b.kind as u8))
        });
        Ok(rows)
    }

    async fn tell_changes(&mut self, rows: &[DocumentChange]) -> Result<()> {
        for row in rows.iter().take(MOST_CHANGES) {
            let reason = match &row.reason {
                Some(reason) => Some(self.queries.text(reason).await?),
                None => None,
            };
            let [kind, site, _] = &row.place.values;
            let change = Change {
                action: action(row.kind),
                file_name: self.file_name(&row.record).await?,
                site: stated(site),
                kind: stated(kind),
                at: row.at,
                by: self.name(&row.actor).await?,
                reason,
                properties: row.changed.clone(),
            };
            self.changes.push(change);
        }
        self.changes_omitted = rows.len().saturating_sub(MOST_CHANGES) as u64;
        Ok(())
    }

    /// A person's name as it was printed before, or as the directory has it now.
    async fn name(&mut self, actor: &str) -> Result<String> {
        let Ok(user) = UserId::parse("actor", actor) else { return Ok(actor.to_owned()) };
        if let Some(name) = self.names.get(&user) {
            return Ok(name.clone());
        }
        if actor == "external" {
            return Ok("another program".to_owned());
        }
        let name = match &self.given_names {
            Some(given) => given.get(&user).cloned(),
            None => self.queries.directory.person(actor).await?.map(|person| person.name),
        };
        let Some(name) = name else { return Ok(actor.to_owned()) };
        self.names.insert(user, name.clone());
        Ok(name)
    }

    async fn file_name(&self, record: &Sealed) -> Result<String> {
        let record = self.queries.keys.open_record(record).await?;
        Ok(record.get("Filename").and_then(serde_json::Value::as_str).unwrap_or("[erased]").to_owned())
    }

    /// Rows of an index that ends with `to`, as they were valid at the cut.
    async fn valid<R: Row>(&self, find: Find, from: impl Fn(&R) -> i64) -> Result<Vec<R>> {
        let cut = stamp_of(self.span.to);
        let find = find.equal("trial", self.trial.as_str());
        // `equals` come in the order of the index: the trial first.
        let find = Find { equals: find.equals.into_iter().rev().collect(), ..find };
        let rows = self.queries.views.find(&find.range("to", Some(cut.into()), None)).await?;
        Ok(rows.into_iter().filter(|row| from(row) < cut).collect())
    }

    async fn documents_of(&self, content: &ContentHash) -> Result<Vec<DocumentState>> {
        let find = Find::all(MOST_SHARING).equal("content", content.as_str());
        let rows = self.valid(find, |DocumentThen(state)| state.from).await?;
        Ok(rows.into_iter().map(|DocumentThen(state)| state).collect())
    }

    /// Documents whose content or record has a finding that asks for attention; gravest first, then longest open.
    async fn flagged(&self) -> Result<Vec<Flagged>> {
        let mut flagged: BTreeMap<String, (DocumentState, Vec<FindingCode>, i64)> = BTreeMap::new();
        let mut add = |state: DocumentState, codes: &[FindingCode], since: i64| {
            let entry = flagged.entry(state.document.to_string()).or_insert_with(|| (state, Vec::new(), since));
            entry.1.extend(codes.iter().filter(|code| code.needs_attention()));
            entry.2 = entry.2.min(since);
        };
        let find = Find::all(MOST_ROWS).equal("flagged", true);
        for content in self.valid(find.clone(), |row: &TrialContent| row.from).await? {
            let codes = content.result.as_ref().map_or_else(Vec::new, |result| result.findings.clone());
            for state in self.documents_of(&content.content).await? {
                add(state, &codes, content.from);
            }
        }
        for DocumentThen(state) in self.valid(find, |DocumentThen(state)| state.from).await? {
            let (codes, since) = (state.findings.clone(), state.from);
            add(state, &codes, since);
        }
        let mut told = Vec::with_capacity(flagged.len());
        for (_, (state, mut codes, since)) in flagged {
            codes.sort_by_key(|code| (std::cmp::Reverse(code.severity()), *code));
            codes.dedup();
            let file_name = self.file_name(&state.record).await?;
            // What was so before the first closing is as old as the record.
            let since = Timestamp::from_microsecond(since).ok().filter(|_| since > 0).unwrap_or(state.since);
            told.push(Flagged { state, codes, since, file_name });
        }
        told.sort_by(|a, b| {
            let gravity = |flagged: &Flagged| flagged.codes.first().map(|code| code.severity());
            (gravity(b), a.since, &a.file_name, &a.state.document).cmp(&(
                gravity(a),
                b.since,
                &b.file_name,
                &b.state.document,
            ))
        });
        Ok(told)
    }

    fn tell_findings(&mut self, flagged: &[Flagged]) {
        let picture_of: BTreeMap<&str, usize> =
            self.thumbnails.iter().enumerate().rev().map(|(i, picture)| (picture.file_name.as_str(), i)).collect();
        for item in flagged {
            let site = item.state.place.as_ref().and_then(|place| stated(&place.values[1]));
            let Some(gravest) = item.codes.first() else { continue };
            let age = self.span.to.duration_since(item.since).as_hours() / 24;
            self.attention.push(Attention {
                title: title(*gravest),
                others: item.codes[1..].iter().map(|code| title(*code)).collect(),
                reason: gravest.remedy().to_owned(),
                file_name: item.file_name.clone(),
                site: site.clone(),
                age_days: u32::try_from(age).unwrap_or(0),
                link: Some(format!("{}/#/documents/{}", self.queries.settings.base_url, item.state.document)),
            });
            for code in &item.codes {
                if self.findings.len() >= MOST_FINDINGS {
                    self.findings_omitted += 1;
                    continue;
                }
                self.findings.push(Finding {
                    document: item.state.document.to_string(),
                    code: code.as_str().to_owned(),
                    sentence: code.describe().to_owned(),
                    severity: if code.needs_attention() { Severity::Problem } else { Severity::Notice },
                    file_name: item.file_name.clone(),
                    site: site.clone(),
                    since: item.since,
                    thumbnail: picture_of.get(item.file_name.as_str()).copied(),
                });
            }
        }
    }

    /// Pictures of what is flagged, then of what is new.
    async fn tell_pictures(&mut self, rows: &[DocumentChange], flagged: &[Flagged]) -> Result<()> {
        let is_new = |row: &&DocumentChange| matches!(row.kind, ChangeKind::Added | ChangeKind::MovedIn);
        let new: BTreeSet<_> = rows.iter().filter(is_new).map(|row| row.document.clone()).collect();
        let mut shown: BTreeSet<_> = BTreeSet::new();
        for item in flagged {
            if let Some(content) = &item.state.content {
                let flags = item.codes.iter().map(|code| title(*code)).collect();
                let is_new = new.contains(&item.state.document);
                self.show(&item.state, content, item.file_name.clone(), is_new, flags).await?;
                shown.insert(item.state.document.clone());
            }
        }
        for document in new.difference(&shown) {
            if let Some(DocumentThen(state)) = self.document_at_cut(document.as_str()).await?
                && let Some(content) = state.content.clone()
            {
                let file_name = self.file_name(&state.record).await?;
                self.show(&state, &content, file_name, true, Vec::new()).await?;
            }
        }
        Ok(())
    }

    /// The state of a document at the cut, if it is in the trial.
    async fn document_at_cut(&self, document: &str) -> Result<Option<DocumentThen>> {
        let cut = stamp_of(self.span.to);
        let find = Find::all(MOST_ROWS).equal("document", document).range("to", Some(cut.into()), None);
        let rows: Vec<DocumentThen> = self.queries.views.find(&find).await?;
        Ok(rows.into_iter().find(|DocumentThen(state)| state.from < cut && state.trial == self.trial.as_str()))
    }

    async fn show(
        &mut self,
        state: &DocumentState,
        content: &ContentHash,
        file_name: String,
        new: bool,
        flags: Vec<String>,
    ) -> Result<()> {
        let find = Find::all(1).equal("content", content.as_str());
        let result = self.valid(find, |row: &TrialContent| row.from).await?.pop().and_then(|row| row.result);
        let Some(picture) = result.and_then(|result| result.thumbnail) else { return Ok(()) };
        if self.thumbnails.len() >= MOST_PICTURES {
            self.thumbnails_omitted += 1;
            return Ok(());
        }
        self.thumbnails.push(Thumbnail {
            sha256: picture.sha256.to_string(),
            width_px: picture.width_px,
            height_px: picture.height_px,
            file_name,
            site: state.place.as_ref().and_then(|place| stated(&place.values[1])),
            new,
            flags,
        });
        Ok(())
    }

    async fn tell_duplicates(&mut self) -> Result<()> {
        let find = Find::all(MOST_DUPLICATES).equal("duplicated", true);
        for row in self.valid(find, |row: &TrialContent| row.from).await? {
            let documents = self.documents_of(&row.content).await?;
            let bytes_each = documents.first().map_or(0, |state| state.size_bytes);
            let mut files = Vec::with_capacity(documents.len());
            for state in &documents {
                let site = state.place.as_ref().and_then(|place| stated(&place.values[1]));
                files.push(DuplicateFile { file_name: self.file_name(&state.record).await?, site });
            }
            files.sort_by(|a, b| (&a.file_name, &a.site).cmp(&(&b.file_name, &b.site)));
            if files.len() > 1 {
                self.duplicates.push(DuplicateGroup { sha256: row.content.to_string(), bytes_each, files });
            }
        }
        self.duplicates.sort_by(|a, b| (b.files.len(), &a.sha256).cmp(&(a.files.len(), &b.sha256)));
        Ok(())
    }
}

fn stated(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// A finding's code as words: `too_dark` is "Too dark".
fn title(code: FindingCode) -> String {
    let words = code.as_str().replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
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
