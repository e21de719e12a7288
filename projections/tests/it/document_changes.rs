//! Figures, rows with validity and the table of changes, against the oracle and against a replay up to each closing.

use std::collections::{BTreeMap, BTreeSet};

use domain::figures::Figures;
use domain::id::{ContentHash, TrialId};
use jiff::Timestamp;
use projections::{
    ChangeKind, ContentNow, DocumentChange, DocumentChanges, DocumentNow, DocumentState, DocumentThen, FiguresNow,
    OPEN, Row, Series, TrialContent, Views, stamp_of,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::document_history::{History, Op, Seen, any_history, document_id, trial};
use crate::document_oracle::{SeriesName, World};
use crate::world::{Following, MemoryViews, fold, run};

/// The figures that the view has now, by series.
fn figures_now(rows: &MemoryViews) -> BTreeMap<SeriesName, Figures> {
    let dimension = |name: &str| ["", "kind", "site", "status"].into_iter().find(|known| *known == name).unwrap();
    let named = |now: FiguresNow| ((now.trial, dimension(&now.dimension), now.value), now.figures);
    rows.rows::<FiguresNow>().into_iter().map(named).collect()
}

fn each_is_present_exactly_as_it_came_and_went(figures: &Figures) {
    let sums = &figures.documents;
    assert_eq!(sums.present, sums.found + sums.added + sums.moved_in - sums.moved_out - sums.removed);
    let numbers = serde_json::to_value(figures).unwrap();
    let numbers = numbers.as_object().unwrap().values().flat_map(|sums| sums.as_object().unwrap().values());
    assert!(numbers.filter_map(Value::as_i64).all(|number| number >= 0), "{figures:?}");
}

/// Rows that hold at a closing, as they stood while they held.
fn valid_at(rows: &MemoryViews, cut: i64) -> (Vec<DocumentState>, Vec<TrialContent>) {
    let holds = |from: i64, to: i64| from < cut && cut <= to;
    let documents = rows.rows::<DocumentThen>().into_iter().map(|DocumentThen(state)| state);
    let documents = documents.filter(|state| holds(state.from, state.to));
    let contents = rows.rows::<TrialContent>().into_iter().filter(|row| holds(row.from, row.to));
    (
        documents.map(|state| DocumentState { to: OPEN, ..state }).collect(),
        contents.map(|row| TrialContent { to: OPEN, ..row }).collect(),
    )
}

fn changes(rows: &MemoryViews, keep: impl Fn(&DocumentChange) -> bool) -> BTreeMap<String, DocumentChange> {
    let changes = rows.rows::<DocumentChange>().into_iter().filter(|change| keep(change));
    changes.map(|change| (change.key(), change)).collect()
}

/// The view says of documents, contents and changes what the oracle does.
fn rows_are_as_the_oracle_says(rows: &MemoryViews, world: &World) {
    let (open, contents) = valid_at(rows, OPEN);
    let mut now: Vec<_> = rows.rows::<DocumentNow>().into_iter().map(|DocumentNow(state)| state).collect();
    now.sort_by(|one, other| one.document.cmp(&other.document));
    assert_eq!(open, now);
    assert_eq!(now.iter().map(|state| &state.document).collect::<Vec<_>>(), world.documents.keys().collect::<Vec<_>>());
    let mut uses: BTreeMap<(TrialId, ContentHash), i64> = BTreeMap::new();
    for (state, document) in now.iter().zip(world.documents.values()) {
        assert_eq!(state.trial, document.trial.as_ref().map_or("", |trial| trial.as_str()));
        assert_eq!(state.content, document.content);
        assert_eq!(state.findings.iter().copied().collect::<BTreeSet<_>>(), document.findings);
        assert_eq!(state.flagged, document.findings.iter().any(|finding| finding.needs_attention()));
        if let (Some(trial), Some(content)) = (&document.trial, &document.content) {
            *uses.entry((trial.clone(), content.clone())).or_default() += 1;
        }
    }
    let used: BTreeMap<_, _> =
        contents.iter().map(|row| ((row.trial.clone(), row.content.clone()), row.documents)).collect();
    assert_eq!((used.len(), &used), (contents.len(), &uses));
    for now in rows.rows::<ContentNow>() {
        assert!(now.uses.iter().all(|known| known.documents > 0), "{now:?}");
        assert!(
            now.since.keys().eq(contents.iter().filter(|row| row.content == now.content).map(|row| row.trial.as_str()))
        );
    }
    assert!(rows.rows::<DocumentThen>().iter().all(|DocumentThen(state)| state.from < state.to));
    assert!(rows.rows::<TrialContent>().iter().all(|row| row.from < row.to));
    for row in &contents {
        let result = world.results.get(&row.content);
        let known = row.result.as_ref().map(|known| (known.measures.clone(), known.findings.iter().copied().collect()));
        assert_eq!(known.as_ref(), result);
        let using = world.documents.values().filter(|document| {
            document.trial.as_ref() == Some(&row.trial) && document.content.as_ref() == Some(&row.content)
        });
        let flagged = |document| world.findings_of_bytes(document).iter().any(|finding| finding.needs_attention());
        assert_eq!(row.flagged, using.into_iter().any(flagged));
        assert_eq!(row.duplicated, row.documents > 1);
    }
    use ChangeKind::{Added, Changed, Found, MovedIn, MovedOut, Removed};
    for (trial, kind) in [trial(0), trial(1)]
        .iter()
        .flat_map(|trial| [Found, Added, Changed, MovedIn, MovedOut, Removed].map(|kind| (trial, kind)))
    {
        let listed = changes(rows, |change| change.trial == *trial && change.kind == kind).len();
        let whole = (trial.clone(), "", String::new());
        assert_eq!(i64::try_from(listed).unwrap(), world.happened(&whole, kind), "{kind:?} in {trial}");
    }
}

async fn figures_at(views: &Views, (trial, dimension, value): &SeriesName, closing: Timestamp) -> Figures {
    let series = Series { trial: trial.clone(), dimension: (*dimension).to_owned(), value: value.clone() };
    views.figures_at(&series, closing).await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn after_every_event_the_figures_are_what_the_documents_add_up_to(ops in any_history()) {
        run(async {
            let mut history = History::default();
            let mut view = Following::new(DocumentChanges, &history.log);
            for op in &ops {
                history.play(op);
                view.catch_up().await;
                let world = World::after(&history.told);
                let figures = figures_now(&view.rows);
                assert_eq!(figures, world.figures());
                figures.values().for_each(each_is_present_exactly_as_it_came_and_went);
                rows_are_as_the_oracle_says(&view.rows, &world);
            }
        });
    }

    #[test]
    fn the_state_at_any_closing_is_what_a_replay_up_to_it_ends_with(ops in any_history()) {
        run(async {
            let mut history = History::of(&ops);
            history.close();
            let whole = fold(DocumentChanges, &history.log).await;
            let all_series = figures_now(&whole.rows);
            let (mut stamp, mut earlier) = (0, BTreeMap::new());
            for (closing, events) in &history.closings {
                let then = fold(DocumentChanges, &history.log.prefix(*events)).await;
                let figures_then = figures_now(&then.rows);
                for series in all_series.keys() {
                    let figures = figures_at(&whole.views, series, *closing).await;
                    assert_eq!(figures, figures_then.get(series).cloned().unwrap_or_default(), "{series:?}");
                }
                let cut = stamp_of(*closing);
                assert_eq!(valid_at(&whole.rows, cut), valid_at(&then.rows, OPEN));
                let mut since = changes(&then.rows, |_| true);
                let all = since.clone();
                since.retain(|key, _| !earlier.contains_key(key));
                assert_eq!(changes(&whole.rows, |change| (stamp..cut).contains(&change.stamp)), since);
                (stamp, earlier) = (cut, all);
            }
        });
    }

    #[test]
    fn rows_are_the_same_bytes_in_whatever_batches_they_were_folded(ops in any_history()) {
        run(async {
            let mut history = History::default();
            let mut step_by_step = Following::new(DocumentChanges, &history.log);
            for op in &ops {
                history.play(op);
                step_by_step.catch_up().await;
            }
            let at_once = fold(DocumentChanges, &history.log).await;
            assert_eq!(step_by_step.rows.dump(), at_once.rows.dump());
            assert_eq!(fold(DocumentChanges, &history.log).await.rows.dump(), at_once.rows.dump());
        });
    }
}

fn seen(codes: [Option<u8>; 3], file: u8) -> Seen {
    Seen { trial: Some(0), codes, file, uploaded: false, promised: None }
}

/// The relay tells a content only to those who upload; the file of any other record is looked at once. A change of another
/// property does not make it be looked at again, so what was found must stay.
#[test]
fn a_missing_file_is_still_missing_after_another_property_changed() {
    let mut history = History::default();
    history.play(&Op::See { document: 1, seen: seen([None; 3], 0) });
    history.play(&Op::Identify { document: 1, found: false, agrees: true });
    history.play(&Op::See { document: 1, seen: seen([None, None, Some(1)], 0) });
    history.play(&Op::Identify { document: 1, found: false, agrees: true });
    let whole = (trial(0), "", String::new());
    let figures = run(async { figures_now(&fold(DocumentChanges, &history.log).await.rows) });
    assert_eq!(figures[&whole].contents.flagged, 1);
    history.play(&Op::See { document: 1, seen: seen([None, None, Some(1)], 1) });
    let figures = run(async { figures_now(&fold(DocumentChanges, &history.log).await.rows) });
    assert_eq!(figures[&whole].contents.flagged, 0);
}

#[test]
fn ten_thousand_documents_that_were_there_before_count_as_present_and_none_as_added() {
    let mut history = History::default();
    for number in 0..10_000 {
        history.see(&document_id(number), &seen([Some(0), Some((number % 7) as u8), None], 0));
    }
    history.close();
    let genesis = history.closings[0].0;
    let id = document_id(10_000);
    history.see(&id, &seen([Some(0), Some(0), None], 0));
    history.close();
    run(async {
        let view = fold(DocumentChanges, &history.log).await;
        let series = Series::whole(trial(0));
        let before = view.views.figures_at(&series, genesis).await.unwrap().documents;
        assert_eq!((before.present, before.found, before.added), (10_000, 10_000, 0));
        let after = view.views.figures_at(&series, history.closings[1].0).await.unwrap().documents;
        assert_eq!((after.present, after.found, after.added), (10_001, 10_000, 1));
        let since = changes(&view.rows, |change| change.stamp >= stamp_of(genesis));
        assert_eq!(
            since.values().map(|change| (change.kind, &change.document)).collect::<Vec<_>>(),
            [(ChangeKind::Added, &id)]
        );
    });
}
