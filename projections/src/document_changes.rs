//! The document-change projector: per trial, and per value of each dimension, figures that are kept by adding and
//! subtracting contributions, with their state at the end of each quarter hour in which they changed.

mod rows;

use async_trait::async_trait;
use domain::any_event::AnyEvent;
use domain::document::{Content, Event as DocumentEvent, Snapshot};
use domain::figures::{Figures, needs_attention};
use domain::id::{ContentHash, DocumentId, TrialId};
use domain::promised::PromisedType;
use domain::sealed::Sealed;
use domain::{content, document};
use jiff::Timestamp;
use ports::{Categories, Result, Table};

pub use rows::{
    AnalysisResult, ChangeKind, ContentNow, DIMENSIONS, DimensionValues, DocumentChange, DocumentNow, DocumentState,
    DocumentThen, FiguresNow, FiguresThen, Place, Series, TrialContent, Use,
};

use crate::projection::{Draft, OPEN, Projection, Recorded, Row, Stamp};

/// Values of one dimension that have a line of their own; documents with further values count as "other".
const MOST_VALUES: usize = 1_000;

/// The projection.
pub struct DocumentChanges;

#[async_trait]
impl Projection for DocumentChanges {
    fn name(&self) -> &'static str {
        "document_changes"
    }

    fn streams(&self) -> Categories {
        Categories(&["document", "content", "clock"])
    }

    fn tables(&self) -> &'static [Table] {
        &[
            FiguresNow::TABLE,
            FiguresThen::TABLE,
            DimensionValues::TABLE,
            DocumentNow::TABLE,
            DocumentThen::TABLE,
            DocumentChange::TABLE,
            ContentNow::TABLE,
            TrialContent::TABLE,
        ]
    }

    async fn fold(&self, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
        match &recorded.event {
            AnyEvent::Document(event) => fold_document(event, recorded, draft).await,
            AnyEvent::Content(event) => fold_content(event, recorded.stamp, draft).await,
            AnyEvent::Clock(_)
            | AnyEvent::Trial(_)
            | AnyEvent::Membership(_)
            | AnyEvent::Subscription(_)
            | AnyEvent::Occurrence(_)
            | AnyEvent::Report(_)
            | AnyEvent::Delivery(_) => Ok(()),
        }
    }
}

/// What happened to a document, beside its states before and after.
struct Happened<'a> {
    kind: ChangeKind,
    at: Timestamp,
    reason: Option<&'a Sealed>,
    changed: &'a [String],
    /// Whether the record names its file as before.
    same_file: bool,
}

async fn fold_document(event: &document::Event, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
    let (document, happened, after) = match event {
        DocumentEvent::DocumentFound { document, at, after, .. } => (
            document,
            Happened { kind: ChangeKind::Found, at: *at, reason: None, changed: &[], same_file: false },
            Some(after),
        ),
        DocumentEvent::DocumentAdded { document, at, after, reason, .. } => {
            let (kind, reason) = (ChangeKind::Added, reason.as_ref());
            let happened = Happened { kind, at: *at, reason, changed: &[], same_file: false };
            (document, happened, Some(after))
        }
        DocumentEvent::DocumentChanged { document, at, before, after, reason, changed, .. } => {
            let (kind, reason, same_file) = (ChangeKind::Changed, reason.as_ref(), before.file == after.file);
            (document, Happened { kind, at: *at, reason, changed, same_file }, Some(after))
        }
        DocumentEvent::DocumentRemoved { document, at, reason, .. } => {
            let (kind, reason) = (ChangeKind::Removed, reason.as_ref());
            (document, Happened { kind, at: *at, reason, changed: &[], same_file: false }, None)
        }
        DocumentEvent::DocumentContentIdentified { document, content, findings, .. } => {
            let Some(DocumentNow(before)) = draft.get(document.as_str()).await? else { return Ok(()) };
            let after = DocumentState {
                content: content.clone(),
                flagged: needs_attention(findings),
                findings: findings.clone(),
                from: recorded.stamp,
                ..before.clone()
            };
            return replace(Some(before), Some(after), None, recorded.stamp, draft).await;
        }
    };
    let before = draft.get::<DocumentNow>(document.as_str()).await?.map(|DocumentNow(before)| before);
    let after = match after {
        None => None,
        Some(after) => Some(state_of(document, after, before.as_ref(), &happened, recorded, draft).await?),
    };
    list_change(&happened, before.as_ref(), after.as_ref(), recorded, draft)?;
    replace(before, after, Some(happened.kind), recorded.stamp, draft).await
}

async fn state_of(
    document: &DocumentId,
    snapshot: &Snapshot,
    before: Option<&DocumentState>,
    happened: &Happened<'_>,
    recorded: &Recorded,
    draft: &mut Draft<'_>,
) -> Result<DocumentState> {
    let place = match &snapshot.trial {
        None => None,
        Some(trial) => Some(place_of(trial, snapshot, draft).await?),
    };
    let content = match &snapshot.content {
        Content::Known(content) => Some(content.clone()),
        Content::Unknown => None,
    };
    // Findings about the record hold until it names its file otherwise, for only then is that looked at again.
    let findings = before.filter(|_| happened.same_file).map_or_else(Vec::new, |before| before.findings.clone());
    Ok(DocumentState {
        document: document.clone(),
        trial: snapshot.trial.as_ref().map_or_else(String::new, ToString::to_string),
        place,
        size_bytes: snapshot.size_bytes,
        content,
        promised: snapshot.promised,
        flagged: needs_attention(&findings),
        findings,
        fingerprint: snapshot.fingerprint.clone(),
        record: snapshot.record.clone(),
        since: happened.at,
        actor: recorded.metadata.cause.actor.clone(),
        from: recorded.stamp,
        to: OPEN,
    })
}

/// Where a record counts: its codes, as far as each dimension has room for them.
async fn place_of(trial: &TrialId, snapshot: &Snapshot, draft: &mut Draft<'_>) -> Result<Place> {
    let mut values = [&snapshot.kind, &snapshot.site, &snapshot.status]
        .map(|code| code.as_ref().map_or_else(String::new, ToString::to_string));
    for (dimension, value) in DIMENSIONS.iter().zip(&mut values) {
        let key = format!("{trial}|{dimension}");
        let mut known: DimensionValues = draft.get(&key).await?.unwrap_or_default();
        if value.is_empty() || known.values.contains(value) {
            continue;
        }
        if known.values.len() >= MOST_VALUES {
            *value = "other".to_owned();
            continue;
        }
        known.dimension = key;
        known.values.push(value.clone());
        draft.put(&known)?;
    }
    Ok(Place { trial: trial.clone(), values })
}

/// Adds the line, or the two lines of a move, to the table of changes.
fn list_change(
    happened: &Happened<'_>,
    before: Option<&DocumentState>,
    after: Option<&DocumentState>,
    recorded: &Recorded,
    draft: &mut Draft<'_>,
) -> Result<()> {
    let mut list = |kind: ChangeKind, state: Option<&DocumentState>| {
        let Some((state, place)) = state.and_then(|state| state.place.as_ref().map(|place| (state, place))) else {
            return Ok(());
        };
        draft.put(&DocumentChange {
            trial: place.trial.clone(),
            stamp: recorded.stamp,
            kind,
            document: state.document.clone(),
            revision: recorded.revision,
            at: happened.at,
            actor: recorded.metadata.cause.actor.clone(),
            reason: happened.reason.cloned(),
            record: state.record.clone(),
            place: place.clone(),
            content: state.content.clone(),
            changed: happened.changed.to_vec(),
        })
    };
    let trials = |state: Option<&DocumentState>| state.map(|state| state.trial.clone());
    match happened.kind {
        ChangeKind::Changed if trials(before) != trials(after) => {
            list(ChangeKind::MovedOut, before)?;
            list(ChangeKind::MovedIn, after)
        }
        ChangeKind::Removed => list(ChangeKind::Removed, before),
        kind @ (ChangeKind::Found
        | ChangeKind::Added
        | ChangeKind::Changed
        | ChangeKind::MovedIn
        | ChangeKind::MovedOut) => list(kind, after),
    }
}

/// Puts one state of a document in place of another: figures, rows with validity, and where contents are used.
async fn replace(
    before: Option<DocumentState>,
    after: Option<DocumentState>,
    happened: Option<ChangeKind>,
    stamp: Stamp,
    draft: &mut Draft<'_>,
) -> Result<()> {
    add_to_series(before.as_ref(), after.as_ref(), happened, stamp, draft).await?;
    for (state, count) in [(&before, -1), (&after, 1)] {
        let Some(state) = state else { continue };
        if let (Some(content), Some(place)) = (&state.content, &state.place) {
            let used = Use { place: place.clone(), flagged: state.flagged, promised: state.promised, documents: count };
            use_content(content, used, stamp, draft).await?;
        }
    }
    if let Some(before) = before {
        if before.from == stamp {
            draft.remove::<DocumentThen>(&DocumentThen(before.clone()).key());
        } else {
            draft.put(&DocumentThen(DocumentState { to: stamp, ..before.clone() }))?;
        }
        if after.is_none() {
            draft.remove::<DocumentNow>(before.document.as_str());
        }
    }
    if let Some(after) = after {
        draft.put(&DocumentThen(after.clone()))?;
        draft.put(&DocumentNow(after))?;
    }
    Ok(())
}

/// What a document's state adds to each series it counts in.
async fn contribution(state: &DocumentState, draft: &mut Draft<'_>) -> Result<Figures> {
    let mut figures = Figures::of_document(state.size_bytes);
    figures += &Figures::of_findings(&state.findings);
    if let Some(content) = &state.content
        && let Some(ContentNow { result: Some(result), .. }) = draft.get(content.as_str()).await?
    {
        figures += &figures_of(&result, state.promised, state.flagged);
    }
    Ok(figures)
}

/// What a content adds to a document; a document that is flagged by its record is not counted as flagged twice.
fn figures_of(result: &AnalysisResult, promised: Option<PromisedType>, flagged: bool) -> Figures {
    let findings = result.findings_for(promised);
    let mut figures = match &result.measures {
        None => Figures::of_unreadable(result.media_type.as_deref(), &findings),
        measures => Figures::of_content(measures.as_ref(), &findings),
    };
    if flagged {
        figures.contents.flagged = 0;
    }
    figures
}

async fn add_to_series(
    before: Option<&DocumentState>,
    after: Option<&DocumentState>,
    happened: Option<ChangeKind>,
    stamp: Stamp,
    draft: &mut Draft<'_>,
) -> Result<()> {
    let mut deltas: Vec<(Series, Figures)> = Vec::new();
    let mut add = |series: &Series, figures: &Figures| match deltas.iter_mut().find(|(known, _)| known == series) {
        Some((_, sum)) => *sum += figures,
        None => deltas.push((series.clone(), figures.clone())),
    };
    let series_of = |state: Option<&DocumentState>| -> Vec<Series> {
        state.and_then(|state| state.place.as_ref()).map_or_else(Vec::new, |place| place.series().to_vec())
    };
    let (left, entered) = (series_of(before), series_of(after));
    if let Some(before) = before {
        let minus = -&contribution(before, draft).await?;
        left.iter().for_each(|series| add(series, &minus));
    }
    if let Some(after) = after {
        let plus = contribution(after, draft).await?;
        entered.iter().for_each(|series| add(series, &plus));
    }
    if let Some(happened) = happened {
        // A series that the document leaves or enters sees a move, whatever the trial sees.
        for series in &left {
            let kind = match after {
                None => happened,
                Some(_) if entered.contains(series) => ChangeKind::Changed,
                Some(_) => ChangeKind::MovedOut,
            };
            add(series, &flow(kind));
        }
        for series in entered.iter().filter(|series| !left.contains(series)) {
            add(series, &flow(if before.is_some() { ChangeKind::MovedIn } else { happened }));
        }
    }
    for (series, delta) in deltas {
        add_to(&series, &delta, stamp, draft).await?;
    }
    Ok(())
}

/// One more of what happened.
fn flow(kind: ChangeKind) -> Figures {
    let mut figures = Figures::default();
    let sums = &mut figures.documents;
    *match kind {
        ChangeKind::Found => &mut sums.found,
        ChangeKind::Added => &mut sums.added,
        ChangeKind::MovedIn => &mut sums.moved_in,
        ChangeKind::MovedOut => &mut sums.moved_out,
        ChangeKind::Changed => &mut sums.changed,
        ChangeKind::Removed => &mut sums.removed,
    } = 1;
    figures
}

async fn add_to(series: &Series, delta: &Figures, stamp: Stamp, draft: &mut Draft<'_>) -> Result<()> {
    if *delta == Figures::default() {
        return Ok(());
    }
    let key = series.key();
    let mut figures = draft.get::<FiguresNow>(&key).await?.map_or_else(Figures::default, |now| now.figures);
    figures += delta;
    draft.put(&FiguresThen { series: key.clone(), stamp, figures: figures.clone() })?;
    draft.put(&FiguresNow {
        series: key,
        trial: series.trial.clone(),
        dimension: series.dimension.clone(),
        value: series.value.clone(),
        figures,
        stamp,
    })
}

async fn content_now(content: &ContentHash, draft: &mut Draft<'_>) -> Result<ContentNow> {
    Ok(draft.get(content.as_str()).await?.unwrap_or_else(|| ContentNow {
        content: content.clone(),
        result: None,
        uses: Vec::new(),
        since: std::collections::BTreeMap::new(),
    }))
}

/// Counts a document that uses a content, or with a negative number one that does so no longer.
async fn use_content(content: &ContentHash, used: Use, stamp: Stamp, draft: &mut Draft<'_>) -> Result<()> {
    let mut now = content_now(content, draft).await?;
    let trial = used.place.trial.clone();
    let alike =
        |known: &&mut Use| (&known.place, known.flagged, known.promised) == (&used.place, used.flagged, used.promised);
    match now.uses.iter_mut().find(alike) {
        Some(known) => known.documents += used.documents,
        None => now.uses.push(used),
    }
    now.uses.retain(|known| known.documents != 0);
    renew(&mut now, &trial, stamp, draft).await?;
    draft.put(&now)
}

async fn fold_content(event: &content::Event, stamp: Stamp, draft: &mut Draft<'_>) -> Result<()> {
    let (content, result) = match event {
        content::Event::ContentAnalysed { content, algorithm, measures, findings, thumbnail } => {
            let (measures, findings) = (Some(measures.clone()), findings.clone());
            let (algorithm, thumbnail) = (*algorithm, thumbnail.clone());
            (content, AnalysisResult { algorithm, measures, findings, thumbnail, media_type: None })
        }
        content::Event::ContentUnreadable { content, algorithm, finding, media_type } => {
            let (findings, media_type) = (vec![*finding], media_type.clone());
            (content, AnalysisResult { algorithm: *algorithm, measures: None, findings, thumbnail: None, media_type })
        }
    };
    let mut now = content_now(content, draft).await?;
    if now.result.as_ref() == Some(&result) {
        // Its file is missing still.
        return Ok(());
    }
    for Use { place, flagged, promised, documents } in &now.uses {
        let mut delta = figures_of(&result, *promised, *flagged);
        if let Some(before) = &now.result {
            delta -= &figures_of(before, *promised, *flagged);
        }
        for series in place.series() {
            add_to(&series, &delta.times(*documents), stamp, draft).await?;
        }
    }
    now.result = Some(result);
    let mut trials: Vec<TrialId> = now.uses.iter().map(|known| known.place.trial.clone()).collect();
    trials.sort_unstable();
    trials.dedup();
    for trial in trials {
        renew(&mut now, &trial, stamp, draft).await?;
    }
    draft.put(&now)
}

/// Ends the row of a content in a trial and begins another with what is true now.
async fn renew(now: &mut ContentNow, trial: &TrialId, stamp: Stamp, draft: &mut Draft<'_>) -> Result<()> {
    let uses = || now.uses.iter().filter(|known| known.place.trial == *trial);
    let documents = uses().map(|known| known.documents).sum();
    let is_flagged =
        |result: &AnalysisResult| uses().any(|known| needs_attention(&result.findings_for(known.promised)));
    let row = TrialContent {
        trial: trial.clone(),
        content: now.content.clone(),
        documents,
        duplicated: documents > 1,
        flagged: now.result.as_ref().is_some_and(is_flagged),
        result: now.result.clone(),
        from: stamp,
        to: OPEN,
    };
    if let Some(since) = now.since.remove(trial.as_str())
        && since != stamp
    {
        let key = TrialContent { from: since, ..row.clone() }.key();
        if let Some(before) = draft.get::<TrialContent>(&key).await? {
            draft.put(&TrialContent { to: stamp, ..before })?;
        }
    }
    if documents > 0 {
        now.since.insert(trial.to_string(), stamp);
        draft.put(&row)
    } else {
        draft.remove::<TrialContent>(&row.key());
        Ok(())
    }
}
