//! Any interleaving of what may happen to some documents and their contents, and of closings.

use std::sync::Arc;

use domain::any_event::AnyEvent;
use domain::content::{self, ContentState, Thumbnail};
use domain::document::{self, Content, Document, Snapshot};
use domain::findings::FindingCode;
use domain::id::{Code, ContentHash, DocumentId, TrialId};
use domain::measures::{
    Delimiter, Encoding, ImageFormat, ImageMeasures, Measures, OtherMeasures, PerceptualHash, TableMeasures,
    TextMeasures,
};
use domain::promised::PromisedType;
use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::world::{BEGIN, Log, Streams, at, close, sealed, token};

/// What a record says, by small numbers so that much is shared.
#[derive(Clone, Debug)]
pub struct Seen {
    pub trial: Option<u8>,
    pub codes: [Option<u8>; 3],
    pub file: u8,
    pub uploaded: bool,
    pub promised: Option<PromisedType>,
}

/// One thing that may happen; what may not, does not.
#[derive(Clone, Debug)]
pub enum Op {
    See { document: u8, seen: Seen },
    Remove { document: u8 },
    Identify { document: u8, found: bool, agrees: bool },
    Analyse { content: u8, algorithm: u32, measures: u8, findings: u8 },
    Unreadable { content: u8, algorithm: u32, missing: bool },
    Close { quarters: u8 },
}

fn any_op() -> impl Strategy<Value = Op> {
    let document = 0..5_u8;
    // Often the same place, so that documents of one content share it.
    let codes = prop_oneof![
        Just([Some(0); 3]),
        [option::weighted(0.8, 0..2_u8), option::weighted(0.8, 0..2_u8), option::weighted(0.5, 0..2_u8)],
    ];
    let promised = option::of(prop::sample::select(vec![PromisedType::Png, PromisedType::Text]));
    let seen = (option::weighted(0.8, 0..2_u8), codes, 0..4_u8, any::<bool>(), promised)
        .prop_map(|(trial, codes, file, uploaded, promised)| Seen { trial, codes, file, uploaded, promised });
    prop_oneof![
        8 => (document.clone(), seen).prop_map(|(document, seen)| Op::See { document, seen }),
        2 => document.clone().prop_map(|document| Op::Remove { document }),
        3 => (document, any::<bool>(), any::<bool>())
            .prop_map(|(document, found, agrees)| Op::Identify { document, found, agrees }),
        3 => (0..3_u8, 0..3_u32, 0..4_u8, 0..4_u8).prop_map(|(content, algorithm, measures, findings)| {
            Op::Analyse { content, algorithm, measures, findings }
        }),
        1 => (0..3_u8, 0..3_u32, any::<bool>())
            .prop_map(|(content, algorithm, missing)| Op::Unreadable { content, algorithm, missing }),
        3 => (1..3_u8).prop_map(|quarters| Op::Close { quarters }),
    ]
}

pub fn any_history() -> impl Strategy<Value = Vec<Op>> {
    vec(any_op(), 1..60)
}

pub fn trial(number: u8) -> TrialId {
    TrialId::parse("trial", &format!("TRIAL-{number}")).unwrap()
}

pub fn document_id(number: u32) -> DocumentId {
    DocumentId::parse("document", &format!("{number:024x}")).unwrap()
}

pub fn content(number: u8) -> ContentHash {
    ContentHash::of(&[number % 3])
}

fn snapshot(id: &DocumentId, seen: &Seen) -> Snapshot {
    let code = |name: &str, number: Option<u8>| number.map(|number| Code::or_other(&format!("{name}-{number}")));
    let [kind, site, status] = seen.codes;
    let text = format!("{:?} {:?} {} {:?}", seen.trial, seen.codes, seen.file, seen.promised);
    Snapshot {
        trial: seen.trial.map(trial),
        site: code("site", site),
        kind: code("kind", kind),
        status: code("status", status),
        document_date: None,
        size_bytes: 100 + u64::from(seen.file),
        content: if seen.uploaded { Content::Known(content(seen.file)) } else { Content::Unknown },
        promised: seen.promised,
        file: format!("{id} file {}", seen.file),
        fingerprint: text.clone(),
        record: sealed(&format!("document/{id}"), &text),
    }
}

pub fn measures(number: u8) -> Measures {
    let encoding = Encoding::Utf8;
    match number {
        0 => Measures::Image(ImageMeasures {
            format: ImageFormat::Png,
            width_px: 30,
            height_px: 20,
            orientation: 1,
            luminance_mean_milli: 120_000,
            contrast_milli: 30_000,
            clipped_shadows_ppm: 7,
            clipped_highlights_ppm: 11,
            sharpness_milli: 13,
            perceptual_hash: PerceptualHash(5),
        }),
        1 => Measures::Table(TableMeasures {
            rows: 17,
            columns: 2,
            empty_cells: 0,
            ragged_rows: 1,
            header: true,
            delimiter: Delimiter::Comma,
            encoding,
        }),
        2 => Measures::Text(TextMeasures { lines: 3, words: 19, characters: 99, encoding }),
        _ => Measures::Other(OtherMeasures { media_type: "application/pdf".to_owned() }),
    }
}

/// What happened: the log, and the same events for the oracle.
pub struct History {
    pub log: Arc<Log>,
    pub told: Vec<AnyEvent>,
    pub documents: Streams<Document>,
    pub contents: Streams<ContentState>,
    /// Closings, and how many events stand up to and with each.
    pub closings: Vec<(Timestamp, usize)>,
    now: Timestamp,
    order: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            log: Arc::default(),
            told: Vec::new(),
            documents: Streams::default(),
            contents: Streams::default(),
            closings: Vec::new(),
            now: at(BEGIN),
            order: 0,
        }
    }
}

impl History {
    pub fn of(ops: &[Op]) -> Self {
        let mut history = Self::default();
        ops.iter().for_each(|op| history.play(op));
        history
    }

    pub fn play(&mut self, op: &Op) {
        self.now += SignedDuration::from_secs(7);
        match op {
            Op::See { document, seen } => self.see(&document_id((*document).into()), seen),
            Op::Remove { document } => self.remove(&document_id((*document).into())),
            Op::Identify { document, found, agrees } => {
                let id = document_id((*document).into());
                let Document::Present { snapshot, .. } = self.documents.state(&Document::id(&id)) else { return };
                let file: u8 = snapshot.file.rsplit(' ').next().unwrap().parse().unwrap();
                let (content, findings) = match (found, agrees) {
                    (false, _) => (None, vec![FindingCode::FileMissing]),
                    (true, true) => (Some(content(file)), vec![]),
                    (true, false) => (Some(content(file)), vec![FindingCode::SizeMismatch, FindingCode::Md5Mismatch]),
                };
                let command = document::Command::IdentifyContent { content, file: snapshot.file, findings };
                self.send_document(&id, command);
            }
            Op::Analyse { content: number, algorithm, measures: of, findings } => {
                use FindingCode::{Blurred, ClippedShadows, NotUtf8, RaggedTable};
                let findings = [vec![], vec![Blurred], vec![ClippedShadows], vec![RaggedTable, NotUtf8]]
                    [usize::from(*findings)]
                .clone();
                let sha256 = ContentHash::of(b"thumbnail");
                let command = content::Command::RecordAnalysis {
                    content: content(*number),
                    algorithm: *algorithm,
                    measures: measures(*of),
                    findings,
                    thumbnail: (*of == 0).then_some(Thumbnail { sha256, width_px: 3, height_px: 2 }),
                };
                self.send_content(*number, command);
            }
            Op::Unreadable { content: number, algorithm, missing } => {
                let finding = if *missing { FindingCode::FileMissing } else { FindingCode::Truncated };
                let (content, algorithm) = (content(*number), *algorithm);
                let media_type = (!missing).then(|| "image/jpeg".to_owned());
                let command = content::Command::RecordUnreadable { content, algorithm, finding, media_type };
                self.send_content(*number, command);
            }
            Op::Close { quarters } => (0..*quarters).for_each(|_| self.close()),
        }
    }

    pub fn see(&mut self, id: &DocumentId, seen: &Seen) {
        let is_present = matches!(self.documents.state(&Document::id(id)), Document::Present { .. });
        // Only an upload of ours, which makes the record, knows the bytes.
        let seen = Seen { uploaded: seen.uploaded && !is_present, ..seen.clone() };
        self.observe(id, Some(snapshot(id, &seen)));
    }

    /// The same, with any site.
    pub fn see_at(&mut self, id: &DocumentId, seen: &Seen, site: Option<Code>) {
        let mut snapshot = snapshot(id, seen);
        snapshot.fingerprint = format!("{} {site:?}", snapshot.fingerprint);
        snapshot.site = site;
        self.observe(id, Some(snapshot));
    }

    pub fn remove(&mut self, id: &DocumentId) {
        self.observe(id, None);
    }

    /// A record is taken in: found rather than added before the first closing.
    fn observe(&mut self, id: &DocumentId, seen: Option<Snapshot>) {
        self.order += 1;
        let command = document::Command::Observe {
            document: id.clone(),
            token: token(self.order),
            at: self.now,
            seen,
            changed: vec!["Status".to_owned()],
            source: if self.closings.is_empty() { document::Source::FirstContact } else { document::Source::Feed },
            reason: self.order.is_multiple_of(2).then(|| sealed("document/x", "because")),
        };
        self.send_document(id, command);
    }

    fn send_document(&mut self, id: &DocumentId, command: document::Command) {
        let events = self.documents.send(&self.log, &Document::id(id), self.now, command);
        self.told.extend(events.into_iter().map(AnyEvent::Document));
    }

    fn send_content(&mut self, number: u8, command: content::Command) {
        let events = self.contents.send(&self.log, &ContentState::id(&content(number)), self.now, command);
        self.told.extend(events.into_iter().map(AnyEvent::Content));
    }

    pub fn close(&mut self) {
        let instant = domain::clock::quarter_hour_after(self.now);
        self.told.push(AnyEvent::Clock(close(&self.log, instant)));
        self.closings.push((instant, self.told.len()));
        self.now = instant;
    }
}
