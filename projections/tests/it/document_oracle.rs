//! What the document-change view must say, computed from nothing but the list of events, anew each time, from what the figures
//! are said to mean.

use std::collections::{BTreeMap, BTreeSet};

use domain::any_event::AnyEvent;
use domain::content;
use domain::document::{Content, Event, Snapshot};
use domain::figures::Figures;
use domain::findings::FindingCode;
use domain::id::{ContentHash, DocumentId, TrialId};
use domain::measures::Measures;
use domain::promised::PromisedType;
use projections::ChangeKind;

/// Trial, dimension and value.
pub type SeriesName = (TrialId, &'static str, String);

/// A document as its record is.
#[derive(Clone, Debug)]
pub struct Document {
    pub trial: Option<TrialId>,
    values: [String; 3],
    pub size_bytes: i64,
    pub content: Option<ContentHash>,
    pub findings: BTreeSet<FindingCode>,
    promised: Option<PromisedType>,
    file: String,
}

impl Document {
    fn seen(snapshot: &Snapshot) -> Self {
        let value = |code: &Option<domain::id::Code>| code.as_ref().map_or(String::new(), ToString::to_string);
        Self {
            trial: snapshot.trial.clone(),
            values: [value(&snapshot.kind), value(&snapshot.site), value(&snapshot.status)],
            size_bytes: snapshot.size_bytes.try_into().unwrap(),
            content: match &snapshot.content {
                Content::Known(content) => Some(content.clone()),
                Content::Unknown => None,
            },
            findings: BTreeSet::new(),
            promised: snapshot.promised,
            file: snapshot.file.clone(),
        }
    }

    /// Where it counts: once in its trial, and once in each dimension.
    fn series(&self) -> Vec<SeriesName> {
        let Some(trial) = &self.trial else { return vec![] };
        let [kind, site, status] = self.values.clone();
        [("", String::new()), ("kind", kind), ("site", site), ("status", status)]
            .map(|(dimension, value)| (trial.clone(), dimension, value))
            .to_vec()
    }
}

/// An analysis: measures, where it could be read, and findings.
pub type Result = (Option<Measures>, BTreeSet<FindingCode>);

/// The documents and contents as they are after the events, and every change on the way.
#[derive(Default)]
pub struct World {
    pub documents: BTreeMap<DocumentId, Document>,
    pub results: BTreeMap<ContentHash, Result>,
    changes: Vec<(ChangeKind, Option<Document>, Option<Document>)>,
}

impl World {
    pub fn after(events: &[AnyEvent]) -> Self {
        let mut world = Self::default();
        for event in events {
            match event {
                AnyEvent::Document(event) => world.take(event),
                AnyEvent::Content(content::Event::ContentAnalysed { content, measures, findings, .. }) => {
                    let findings = findings.iter().copied().collect();
                    world.results.insert(content.clone(), (Some(measures.clone()), findings));
                }
                AnyEvent::Content(content::Event::ContentUnreadable { content, finding, .. }) => {
                    world.results.insert(content.clone(), (None, BTreeSet::from([*finding])));
                }
                AnyEvent::Clock(_)
                | AnyEvent::Trial(_)
                | AnyEvent::Membership(_)
                | AnyEvent::Subscription(_)
                | AnyEvent::Occurrence(_)
                | AnyEvent::Report(_)
                | AnyEvent::Delivery(_) => {}
            }
        }
        world
    }

    fn take(&mut self, event: &Event) {
        let (kind, id, after) = match event {
            Event::DocumentFound { document, after, .. } => (ChangeKind::Found, document, Some(after)),
            Event::DocumentAdded { document, after, .. } => (ChangeKind::Added, document, Some(after)),
            Event::DocumentChanged { document, after, .. } => (ChangeKind::Changed, document, Some(after)),
            Event::DocumentRemoved { document, .. } => (ChangeKind::Removed, document, None),
            Event::DocumentContentIdentified { document, content, findings, .. } => {
                let known = self.documents.get_mut(document).unwrap();
                known.content.clone_from(content);
                known.findings = findings.iter().copied().collect();
                return;
            }
        };
        let before = self.documents.remove(id);
        let after = after.map(|snapshot| {
            let mut after = Document::seen(snapshot);
            // What was found about the file stays true while the record names the same file.
            if let Some(before) = before.as_ref().filter(|before| before.file == after.file) {
                after.findings.clone_from(&before.findings);
            }
            after
        });
        if let Some(after) = &after {
            self.documents.insert(id.clone(), after.clone());
        }
        self.changes.push((kind, before, after));
    }

    /// All that is wrong with a document.
    pub fn findings(&self, document: &Document) -> BTreeSet<FindingCode> {
        document.findings.union(&self.findings_of_bytes(document)).copied().collect()
    }

    /// What stands out in its bytes: also that they are not what its record promises.
    pub fn findings_of_bytes(&self, document: &Document) -> BTreeSet<FindingCode> {
        let result = document.content.as_ref().and_then(|content| self.results.get(content));
        let mut findings = result.map_or_else(BTreeSet::new, |(_, findings)| findings.clone());
        let is = |media_types: &[&str]| {
            let found = result.and_then(|(measures, _)| measures.as_ref());
            found.is_none_or(|measures| media_types.contains(&measures.media_type()))
        };
        let kept = match document.promised {
            None => true,
            Some(PromisedType::Png) => is(&["image/png"]),
            Some(PromisedType::Text) => is(&["text/plain", "text/csv"]),
            Some(other) => panic!("{other:?} does not occur in these histories"),
        };
        if !kept {
            findings.insert(FindingCode::TypeMismatch);
        }
        findings
    }

    /// What happened, as one series saw it: it sees a document come from elsewhere or go there, and nothing else move.
    fn kind_for(
        &self,
        series: &SeriesName,
        change: &(ChangeKind, Option<Document>, Option<Document>),
    ) -> Option<ChangeKind> {
        let (kind, before, after) = change;
        let is_in = |document: &Option<Document>| document.as_ref().is_some_and(|d| d.series().contains(series));
        match (kind, is_in(before), is_in(after)) {
            (_, false, false) => None,
            (ChangeKind::Changed, false, true) => Some(ChangeKind::MovedIn),
            (ChangeKind::Changed, true, false) => Some(ChangeKind::MovedOut),
            (kind, ..) => Some(*kind),
        }
    }

    /// How often each thing happened in a series.
    pub fn happened(&self, series: &SeriesName, wanted: ChangeKind) -> i64 {
        let kinds = self.changes.iter().filter_map(|change| self.kind_for(series, change));
        kinds.filter(|kind| *kind == wanted).count().try_into().unwrap()
    }

    /// The figures of every series that ever held a document.
    pub fn figures(&self) -> BTreeMap<SeriesName, Figures> {
        let states = self.changes.iter().flat_map(|(_, before, after)| before.iter().chain(after));
        let series: BTreeSet<SeriesName> = states.flat_map(Document::series).collect();
        series.into_iter().map(|series| (series.clone(), self.figures_of(&series))).collect()
    }

    fn figures_of(&self, series: &SeriesName) -> Figures {
        let mut figures = Figures::default();
        let flows = &mut figures.documents;
        flows.found = self.happened(series, ChangeKind::Found);
        flows.added = self.happened(series, ChangeKind::Added);
        flows.moved_in = self.happened(series, ChangeKind::MovedIn);
        flows.moved_out = self.happened(series, ChangeKind::MovedOut);
        flows.removed = self.happened(series, ChangeKind::Removed);
        flows.changed = self.happened(series, ChangeKind::Changed);
        for document in self.documents.values().filter(|document| document.series().contains(series)) {
            figures.documents.present += 1;
            figures.documents.bytes += document.size_bytes;
            let findings = self.findings(document);
            figures.contents.flagged += i64::from(findings.iter().any(|finding| finding.needs_attention()));
            for finding in findings {
                *figures.findings.entry(finding).or_default() += 1;
            }
            let Some((measures, findings)) = document.content.as_ref().and_then(|content| self.results.get(content))
            else {
                continue;
            };
            let sums = &mut figures.contents;
            sums.analysed += 1;
            match measures {
                None => {
                    sums.unreadable += 1;
                    // In these histories, what cannot be read is an image, or its file is missing.
                    sums.images_unreadable += i64::from(findings.contains(&FindingCode::Truncated));
                }
                Some(Measures::Image(image)) => {
                    sums.images += 1;
                    sums.pixels += i64::from(image.width_px) * i64::from(image.height_px);
                    sums.luminance_milli += i64::from(image.luminance_mean_milli);
                    sums.contrast_milli += i64::from(image.contrast_milli);
                    sums.sharpness_milli += i64::from(image.sharpness_milli);
                    sums.clipped_shadows_ppm += i64::from(image.clipped_shadows_ppm);
                    sums.clipped_highlights_ppm += i64::from(image.clipped_highlights_ppm);
                }
                Some(Measures::Table(table)) => {
                    sums.tables += 1;
                    sums.rows += i64::try_from(table.rows).unwrap();
                }
                Some(Measures::Text(text)) => {
                    sums.texts += 1;
                    sums.words += i64::try_from(text.words).unwrap();
                }
                Some(Measures::Other(_)) => sums.others += 1,
            }
        }
        figures
    }
}
