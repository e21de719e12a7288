//! Documents that somebody should look at.

use std::collections::BTreeMap;

use domain::figures::needs_attention;
use domain::findings::{FindingCode, Severity};
use domain::id::{ContentHash, DocumentId, TrialId};
use jiff::Timestamp;
use ports::{Find, Result};
use projections::{DocumentState, DocumentThen, OPEN, Row, Stamp, TrialContent};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Queries;

/// Documents that are told of.
const MOST: usize = 50;
/// Rows out of which the gravest are chosen, of the present state and of one at a closing: that index goes on to the present.
const MOST_ROWS_NOW: usize = 200;
const MOST_ROWS_THEN: usize = 5_000;

/// A document that somebody should look at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FlaggedDocument {
    /// Which document.
    document: DocumentId,
    /// Its name; `[erased]` where its key was destroyed.
    filename: String,
    /// Its site, where stated.
    site: Option<String>,
    /// Its kind, where stated.
    kind: Option<String>,
    /// What was found, gravest first.
    #[schema(value_type = Vec<String>)]
    findings: Vec<FindingCode>,
    /// The gravest in words.
    sentence: &'static str,
    /// Since when, to the quarter hour.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Whether there is a small picture of it.
    thumbnail: bool,
}

/// A document that may be told of.
struct Candidate {
    state: DocumentState,
    findings: Vec<FindingCode>,
    since: Timestamp,
}

impl Candidate {
    fn add(&mut self, findings: &[FindingCode], since: Timestamp) {
        self.findings.extend(findings.iter().filter(|code| code.needs_attention()));
        self.findings.sort_by_key(|code| (std::cmp::Reverse(code.severity()), *code));
        self.findings.dedup();
        self.since = self.since.min(since);
    }

    fn gravity(&self) -> Option<Severity> {
        self.findings.first().map(|code| code.severity())
    }
}

/// When a row came to hold. What was so before the first closing is as old as the record.
fn since(from: Stamp, state: &DocumentState) -> Timestamp {
    Timestamp::from_microsecond(from).ok().filter(|_| from > 0).unwrap_or(state.since)
}

/// What stands out in the bytes of a document that has this content.
fn findings(content: &TrialContent, state: &DocumentState) -> Vec<FindingCode> {
    content.result.as_ref().map_or_else(Vec::new, |result| result.findings_for(state.promised))
}

fn gravity(content: &TrialContent) -> Option<Severity> {
    content.result.iter().flat_map(|result| &result.findings).map(|code| code.severity()).max()
}

impl Queries {
    /// Documents with a finding that asks for attention, in what held at a stamp; [`OPEN`] is now.
    pub(super) async fn flagged(&self, trial: &TrialId, stamp: Stamp) -> Result<Vec<FlaggedDocument>> {
        let limit = if stamp == OPEN { MOST_ROWS_NOW } else { MOST_ROWS_THEN };
        let flagged = Find::all(limit).equal("trial", trial.as_str()).equal("flagged", true);
        let mut contents = self.holding(flagged.clone(), stamp, |row: &TrialContent| row.from).await?;
        contents.sort_by(|a, b| (gravity(b), a.from, &a.content).cmp(&(gravity(a), b.from, &b.content)));

        let mut candidates: BTreeMap<DocumentId, Candidate> = BTreeMap::new();
        for content in &contents {
            if candidates.len() >= MOST {
                break;
            }
            for state in self.documents_with(trial, &content.content, stamp).await? {
                let (codes, since) = (findings(content, &state), since(content.from, &state));
                if needs_attention(&codes) {
                    candidate(&mut candidates, state).add(&codes, since);
                }
            }
        }
        for DocumentThen(state) in self.holding(flagged, stamp, |DocumentThen(state)| state.from).await? {
            let (codes, since) = (state.findings.clone(), since(state.from, &state));
            let content = contents.iter().find(|content| state.content.as_ref() == Some(&content.content)).cloned();
            let candidate = candidate(&mut candidates, state);
            candidate.add(&codes, since);
            if let Some(content) = content {
                candidate.add(&findings(&content, &candidate.state), since);
            }
        }
        let mut candidates: Vec<Candidate> = candidates.into_values().collect();
        candidates
            .sort_by(|a, b| (b.gravity(), a.since, &a.state.document).cmp(&(a.gravity(), b.since, &b.state.document)));
        candidates.truncate(MOST);
        let mut told = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            told.extend(self.flagged_document(trial, candidate, stamp, &contents).await?);
        }
        Ok(told)
    }

    async fn flagged_document(
        &self,
        trial: &TrialId,
        candidate: Candidate,
        stamp: Stamp,
        contents: &[TrialContent],
    ) -> Result<Option<FlaggedDocument>> {
        let Candidate { state, findings, since } = candidate;
        let Some(gravest) = findings.first().copied() else { return Ok(None) };
        let record = self.keys.open_record(&state.record).await?;
        let thumbnail = match &state.content {
            None => false,
            Some(hash) => match contents.iter().find(|content| content.content == *hash) {
                Some(content) => has_thumbnail(content),
                // Its record is flagged and its content is not.
                None => self.content_then(trial, hash, stamp).await?.as_ref().is_some_and(has_thumbnail),
            },
        };
        let stated = |dimension: usize| {
            let value = state.place.as_ref().and_then(|place| place.values.get(dimension));
            value.filter(|value| !value.is_empty()).cloned()
        };
        Ok(Some(FlaggedDocument {
            filename: record.get("Filename").and_then(serde_json::Value::as_str).unwrap_or("[erased]").to_owned(),
            kind: stated(0),
            site: stated(1),
            sentence: gravest.describe(),
            findings,
            since,
            thumbnail,
            document: state.document,
        }))
    }

    /// Rows of an index that ends with `to`, as they held at a stamp.
    async fn holding<R: Row>(&self, find: Find, stamp: Stamp, from: impl Fn(&R) -> Stamp) -> Result<Vec<R>> {
        let rows: Vec<R> = self.views.find(&find.range("to", Some(stamp.into()), None)).await?;
        Ok(rows.into_iter().filter(|row| from(row) < stamp).collect())
    }

    async fn documents_with(&self, trial: &TrialId, content: &ContentHash, stamp: Stamp) -> Result<Vec<DocumentState>> {
        let find = Find::all(MOST).equal("trial", trial.as_str()).equal("content", content.as_str());
        let rows = self.holding(find, stamp, |DocumentThen(state)| state.from).await?;
        Ok(rows.into_iter().map(|DocumentThen(state)| state).collect())
    }

    async fn content_then(&self, trial: &TrialId, content: &ContentHash, stamp: Stamp) -> Result<Option<TrialContent>> {
        // Of one content the rows follow each other, so the first that ends then or later is the one.
        let find = Find::all(1).equal("trial", trial.as_str()).equal("content", content.as_str());
        Ok(self.holding(find, stamp, |row: &TrialContent| row.from).await?.pop())
    }
}

fn candidate(candidates: &mut BTreeMap<DocumentId, Candidate>, state: DocumentState) -> &mut Candidate {
    candidates.entry(state.document.clone()).or_insert_with(|| Candidate {
        state,
        findings: Vec::new(),
        since: Timestamp::MAX,
    })
}

fn has_thumbnail(content: &TrialContent) -> bool {
    content.result.as_ref().is_some_and(|result| result.thumbnail.is_some())
}
