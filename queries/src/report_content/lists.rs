//! The parts of a report that are no sums: rows that held at the cut.
//!
//! All rows that held are read and those that are shown are chosen by what they say, so that nothing that came after the cut
//! changes the choice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use domain::content::Thumbnail as Picture;
use domain::figures::needs_attention;
use domain::findings::{FindingCode, Severity as Gravity};
use domain::id::{ContentHash, DocumentId, TrialId};
use futures::TryStreamExt;
use jiff::Timestamp;
use ports::{Find, Result};
use projections::{AnalysisResult, DocumentState, DocumentThen, Stamp, TrialContent};
use report::content::{Attention, DuplicateFile, DuplicateGroup, Finding, Severity, Thumbnail};

use super::Span;
use super::texts::Texts;
use crate::Queries;

/// Rows read at once.
pub(super) const PAGE: usize = 1_000;
/// Findings in the list, and so documents with findings that are looked at one by one.
const MOST_FINDINGS: usize = 300;
/// Pictures on the contact sheet.
const MOST_PICTURES: usize = 60;
/// Groups of duplicates.
const MOST_GROUPS: usize = 50;
/// Files named of one group.
const MOST_COPIES: usize = 20;

/// Collects the lists of one report.
pub(super) struct Lists<'a> {
    queries: &'a Queries,
    trial: &'a TrialId,
    span: Span,
    base_url: &'a str,
    /// The gravest, then those open longest.
    pub(super) attention: Vec<Attention>,
    /// In the order of `attention`.
    pub(super) findings: Vec<Finding>,
    pub(super) thumbnails: Vec<Thumbnail>,
    /// Documents, flagged or new, that were not looked at for a picture; at most so many.
    pub(super) thumbnails_omitted: u64,
    pub(super) duplicates: Vec<DuplicateGroup>,
    /// Files with the same bytes as others that are not named.
    pub(super) duplicates_omitted: u64,
}

/// A content that somebody should look at.
struct FlaggedContent {
    result: AnalysisResult,
    since: Stamp,
}

impl FlaggedContent {
    /// What stands out in the bytes of a document that has this content.
    fn findings(&self, state: &DocumentState) -> Vec<FindingCode> {
        self.result.findings_for(state.promised)
    }
}

/// A document with findings.
struct Flagged {
    state: DocumentState,
    /// Those that ask for attention, gravest first.
    codes: Vec<FindingCode>,
    since: Timestamp,
    file_name: String,
}

impl<'a> Lists<'a> {
    pub(super) fn new(queries: &'a Queries, trial: &'a TrialId, span: Span, base_url: &'a str) -> Self {
        Self {
            queries,
            trial,
            span,
            base_url,
            attention: Vec::new(),
            findings: Vec::new(),
            thumbnails: Vec::new(),
            thumbnails_omitted: 0,
            duplicates: Vec::new(),
            duplicates_omitted: 0,
        }
    }

    /// Reads all of them. `flagged` documents have findings at the cut, and `new` ones came in the period.
    pub(super) async fn read(&mut self, flagged: u64, new: &BTreeSet<DocumentId>, texts: &mut Texts<'_>) -> Result<()> {
        let contents = self.flagged_contents().await?;
        let gravest = self.gravest(&contents, texts).await?;
        let pictured = self.tell_pictures(&contents, &gravest, flagged, new, texts).await?;
        self.tell_findings(&gravest, &pictured);
        self.tell_duplicates(texts).await
    }

    fn find(&self) -> Find {
        Find::all(PAGE).equal("trial", self.trial.as_str())
    }

    async fn flagged_contents(&self) -> Result<BTreeMap<ContentHash, FlaggedContent>> {
        let mut contents = BTreeMap::new();
        let mut rows = pin!(self.queries.views.held_at(self.find().equal("flagged", true), self.span.to));
        while let Some(TrialContent { content, result, from, .. }) = rows.try_next().await? {
            if let Some(result) = result {
                contents.insert(content, FlaggedContent { result, since: from });
            }
        }
        Ok(contents)
    }

    /// The documents with the gravest findings, about content or record; of equally grave ones those open longest.
    async fn gravest(
        &self,
        contents: &BTreeMap<ContentHash, FlaggedContent>,
        texts: &mut Texts<'_>,
    ) -> Result<Vec<Flagged>> {
        let mut states: BTreeMap<DocumentId, DocumentState> = BTreeMap::new();
        let ranked = |content: &FlaggedContent| match content.result.findings.as_slice() {
            of_all if needs_attention(of_all) => rank(of_all, content.since),
            // Flagged all the same: the bytes are not what some of its documents promise.
            _ => rank(&[FindingCode::TypeMismatch], content.since),
        };
        let mut gravest_first: Vec<_> =
            contents.iter().map(|(hash, content)| (ranked(content), hash, content)).collect();
        gravest_first.sort_by(|(a, a_hash, _), (b, b_hash, _)| (a, a_hash).cmp(&(b, b_hash)));
        for (_, hash, content) in gravest_first {
            if states.len() >= MOST_FINDINGS {
                break;
            }
            let is_flagged = |state: &DocumentState| needs_attention(&content.findings(state));
            let sharing = self.documents_of(hash, MOST_FINDINGS, is_flagged).await?;
            states.extend(sharing.into_iter().map(|state| (state.document.clone(), state)));
        }
        states.extend(self.flagged_records().await?);

        let mut flagged = Vec::with_capacity(states.len());
        for state in states.into_values() {
            let content = state.content.as_ref().and_then(|content| contents.get(content));
            let content = content.filter(|content| needs_attention(&content.findings(&state)));
            let mut codes = content.map_or_else(Vec::new, |content| content.findings(&state));
            codes.extend(&state.findings);
            codes.retain(|code| code.needs_attention());
            codes.sort_by_key(|code| (Reverse(code.severity()), *code));
            codes.dedup();
            let of_record = state.flagged.then_some(state.from);
            let since = content.map(|content| content.since).into_iter().chain(of_record).min().unwrap_or(state.from);
            flagged.push((rank(&codes, since), state, codes, since));
        }
        flagged.sort_by(|(a, a_state, ..), (b, b_state, ..)| (a, &a_state.document).cmp(&(b, &b_state.document)));
        flagged.truncate(MOST_FINDINGS);

        let mut told = Vec::with_capacity(flagged.len());
        for (_, state, codes, since) in flagged {
            let file_name = texts.file_name(&state.record).await?;
            // What was so before the first closing is as old as the record.
            let since = Timestamp::from_microsecond(since).ok().filter(|_| since > 0).unwrap_or(state.since);
            told.push(Flagged { state, codes, since, file_name });
        }
        told.sort_by(|a, b| {
            let (a_rank, b_rank) = (rank(&a.codes, 0), rank(&b.codes, 0));
            (a_rank, a.since, &a.file_name, &a.state.document).cmp(&(b_rank, b.since, &b.file_name, &b.state.document))
        });
        Ok(told)
    }

    /// Documents with the gravest findings about their records.
    async fn flagged_records(&self) -> Result<impl Iterator<Item = (DocumentId, DocumentState)>> {
        let mut gravest = BTreeMap::new();
        let mut rows = pin!(self.queries.views.held_at(self.find().equal("flagged", true), self.span.to));
        while let Some(DocumentThen(state)) = rows.try_next().await? {
            gravest.insert((rank(&state.findings, state.from), state.document.clone()), state);
            if gravest.len() > MOST_FINDINGS {
                gravest.pop_last();
            }
        }
        Ok(gravest.into_iter().map(|((_, document), state)| (document, state)))
    }

    /// The first documents, by id, that stand for a content and are wanted.
    async fn documents_of(
        &self,
        content: &ContentHash,
        most: usize,
        is_wanted: impl Fn(&DocumentState) -> bool,
    ) -> Result<Vec<DocumentState>> {
        let mut first = BTreeMap::new();
        let find = self.find().equal("content", content.as_str());
        let mut rows = pin!(self.queries.views.held_at(find, self.span.to));
        while let Some(DocumentThen(state)) = rows.try_next().await? {
            if is_wanted(&state) {
                first.insert(state.document.clone(), state);
            }
            if first.len() > most {
                first.pop_last();
            }
        }
        Ok(first.into_values().collect())
    }

    fn tell_findings(&mut self, flagged: &[Flagged], pictured: &BTreeMap<DocumentId, usize>) {
        for item in flagged {
            let Some(gravest) = item.codes.first() else { continue };
            let site = site(&item.state);
            let age = self.span.to.duration_since(item.since).as_hours() / 24;
            self.attention.push(Attention {
                title: title(*gravest),
                others: item.codes[1..].iter().map(|code| title(*code)).collect(),
                reason: gravest.remedy().to_owned(),
                file_name: item.file_name.clone(),
                site: site.clone(),
                age_days: u32::try_from(age).unwrap_or(0),
                link: Some(format!("{}/#/documents/{}", self.base_url, item.state.document)),
            });
            let room = MOST_FINDINGS.saturating_sub(self.findings.len());
            self.findings.extend(item.codes.iter().take(room).map(|code| Finding {
                document: item.state.document.to_string(),
                code: code.as_str().to_owned(),
                sentence: code.describe().to_owned(),
                severity: Severity::Problem,
                file_name: item.file_name.clone(),
                site: site.clone(),
                since: item.since,
                thumbnail: pictured.get(&item.state.document).copied(),
            }));
        }
    }

    /// Pictures of what is flagged, then of what is new, until the sheet is full. Answers where each document's picture stands.
    async fn tell_pictures(
        &mut self,
        contents: &BTreeMap<ContentHash, FlaggedContent>,
        gravest: &[Flagged],
        flagged: u64,
        new: &BTreeSet<DocumentId>,
        texts: &mut Texts<'_>,
    ) -> Result<BTreeMap<DocumentId, usize>> {
        let mut pictured = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for item in gravest {
            if self.thumbnails.len() >= MOST_PICTURES {
                break;
            }
            let document = &item.state.document;
            seen.insert(document.clone());
            let picture = match &item.state.content {
                None => None,
                Some(content) => match contents.get(content) {
                    Some(content) => content.result.thumbnail.clone(),
                    None => self.picture_of(content).await?,
                },
            };
            if let Some(picture) = picture {
                pictured.insert(document.clone(), self.thumbnails.len());
                let flags = item.codes.iter().map(|code| title(*code)).collect();
                self.show(&picture, &item.state, item.file_name.clone(), new.contains(document), flags);
            }
        }
        let flagged_seen = seen.len() as u64;
        for document in new {
            if self.thumbnails.len() >= MOST_PICTURES {
                break;
            }
            if seen.insert(document.clone())
                && let Some(state) = self.document_at_cut(document).await?
                && let Some(content) = &state.content
                && let Some(picture) = self.picture_of(content).await?
            {
                let file_name = texts.file_name(&state.record).await?;
                self.show(&picture, &state, file_name, true, Vec::new());
            }
        }
        if self.thumbnails.len() >= MOST_PICTURES {
            // At most: of the flagged ones beyond the gravest it is not known whether they are new.
            seen.extend(gravest.iter().map(|item| item.state.document.clone()));
            self.thumbnails_omitted = flagged.saturating_sub(flagged_seen) + new.difference(&seen).count() as u64;
        }
        Ok(pictured)
    }

    fn show(&mut self, picture: &Picture, state: &DocumentState, file_name: String, new: bool, flags: Vec<String>) {
        self.thumbnails.push(Thumbnail {
            sha256: picture.sha256.to_string(),
            width_px: picture.width_px,
            height_px: picture.height_px,
            file_name,
            site: site(state),
            new,
            flags,
        });
    }

    /// The state of a document at the cut, if it is in the trial. Its rows follow each other, so the first that ends there or
    /// later is the one.
    async fn document_at_cut(&self, document: &DocumentId) -> Result<Option<DocumentState>> {
        let find = Find::all(1).equal("document", document.as_str());
        let row = pin!(self.queries.views.held_at(find, self.span.to)).try_next().await?;
        Ok(row.map(|DocumentThen(state)| state).filter(|state| state.trial == self.trial.as_str()))
    }

    async fn picture_of(&self, content: &ContentHash) -> Result<Option<Picture>> {
        let find = Find::all(1).equal("trial", self.trial.as_str()).equal("content", content.as_str());
        let row: Option<TrialContent> = pin!(self.queries.views.held_at(find, self.span.to)).try_next().await?;
        Ok(row.and_then(|row| row.result).and_then(|result| result.thumbnail))
    }

    /// The contents that most documents share; of equally many, in the order of their hashes.
    async fn tell_duplicates(&mut self, texts: &mut Texts<'_>) -> Result<()> {
        let mut groups = BTreeSet::new();
        let mut copies = 0_u64;
        {
            let mut rows = pin!(self.queries.views.held_at(self.find().equal("duplicated", true), self.span.to));
            while let Some(TrialContent { content, documents, .. }) = rows.try_next().await? {
                copies += u64::try_from(documents).unwrap_or(0);
                groups.insert((Reverse(documents), content));
                if groups.len() > MOST_GROUPS {
                    groups.pop_last();
                }
            }
        }
        for (_, content) in groups {
            let documents = self.documents_of(&content, MOST_COPIES, |_| true).await?;
            let bytes_each = documents.first().map_or(0, |state| state.size_bytes);
            let mut files = Vec::with_capacity(documents.len());
            for state in &documents {
                files.push(DuplicateFile { file_name: texts.file_name(&state.record).await?, site: site(state) });
            }
            files.sort_by(|a, b| (&a.file_name, &a.site).cmp(&(&b.file_name, &b.site)));
            copies = copies.saturating_sub(files.len() as u64);
            self.duplicates.push(DuplicateGroup { sha256: content.to_string(), bytes_each, files });
        }
        self.duplicates_omitted = copies;
        Ok(())
    }
}

/// Where findings stand in the order of what needs attention: the gravest first, then what has been so for longest.
fn rank(codes: &[FindingCode], since: Stamp) -> (Reverse<Option<Gravity>>, Stamp) {
    (Reverse(codes.iter().map(|code| code.severity()).max()), since)
}

fn site(state: &DocumentState) -> Option<String> {
    state.place.as_ref().and_then(|place| stated(&place.values[1]))
}

pub(super) fn stated(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// A finding's code as words: `too_dark` is "Too dark".
fn title(code: FindingCode) -> String {
    let words = code.as_str().replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
