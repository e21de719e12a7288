//! The projector itself: races, events that nobody can read, and another store below.

use std::sync::Arc;

use domain::any_event::AnyEvent;
use ports::{Clock, Error, Find, Position, ViewStore, Worker, Write};
use projections::{Draft, Progress, Projection, Projector, Recorded, Row, Views, all};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use crate::document_history::{History, any_history};
use crate::world::{Following, MemoryViews, at, fold, run};

/// Which of two projectors step, and how many turns the second comes late.
fn any_turns() -> impl Strategy<Value = Vec<(u8, u8)>> {
    vec((0..3_u8, 0..40_u8), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn two_projectors_on_one_view_count_nothing_twice(ops in any_history(), turns in any_turns()) {
        run(async {
            let mut history = History::default();
            let rows = Arc::new(MemoryViews::default());
            let follow = || Projector::new(Arc::new(projections::DocumentChanges), history.log.clone(), rows.clone());
            let (mut one, mut other) = (follow(), follow());
            let mut turns = turns.iter().cycle();
            for ops in ops.chunks(3) {
                ops.iter().for_each(|op| history.play(op));
                let (who, late) = turns.next().unwrap();
                let second = async {
                    for _ in 0..*late {
                        tokio::task::yield_now().await;
                    }
                    other.advance().await.unwrap();
                };
                match who {
                    0 => drop(one.advance().await.unwrap()),
                    1 => second.await,
                    _ => drop(futures::join!(async { one.advance().await.unwrap() }, second)),
                }
            }
            while one.advance().await.unwrap() | other.advance().await.unwrap() {}
            assert_eq!(rows.dump(), fold(projections::DocumentChanges, &history.log).await.rows.dump());
        });
    }

    #[test]
    fn projectors_that_pass_a_lease_on_fold_nothing_into_rows_of_before(ops in any_history()) {
        run(async {
            let mut history = History::default();
            let rows = Arc::new(MemoryViews::default());
            let follow = || Projector::new(Arc::new(projections::DocumentChanges), history.log.clone(), rows.clone());
            let mut both = [follow(), follow()];
            for (turn, ops) in ops.chunks(2).enumerate() {
                ops.iter().for_each(|op| history.play(op));
                let holder = &mut both[turn % 2];
                holder.forget();
                while holder.advance().await.unwrap() {}
            }
            while both[0].advance().await.unwrap() {}
            assert_eq!(rows.dump(), fold(projections::DocumentChanges, &history.log).await.rows.dump());
        });
    }
}

#[test]
fn a_projector_stops_before_an_event_that_it_cannot_read_and_keeps_what_came_before() {
    run(async {
        for (kind, data) in [("DocumentTeleported", "{}"), ("DocumentRemoved", r#"{"document": 7}"#)] {
            let mut history = History::default();
            (0..5).for_each(|_| history.close());
            let readable = history.log.events();
            history.log.append_raw("document-000000000000000000000009", kind, data.into(), at("2026-12-01T00:00:00Z"));
            history.close();
            let rows = Arc::new(MemoryViews::default());
            let mut projector =
                Projector::new(Arc::new(projections::DocumentChanges), history.log.clone(), rows.clone());
            assert!(projector.advance().await.unwrap(), "what can be read is folded");
            let before = fold(projections::DocumentChanges, &history.log.prefix(readable.len())).await;
            for _ in 0..2 {
                assert!(matches!(projector.advance().await, Err(Error::Corrupt(_))), "{kind} is never skipped");
                assert_eq!(rows.position("document_changes").await.unwrap(), Some(readable[4].position));
                assert_eq!(rows.dump(), before.rows.dump());
            }
            // Those who do not follow the stream go on.
            let mut trials = Following::new(projections::Trials, &history.log);
            trials.catch_up().await;
            assert_eq!(trials.views.progress("trials").await.unwrap().closed, Some(history.closings[5].0));
        }
    });
}

/// A projection that fails at its second event, after it has written.
struct Failing;

#[async_trait::async_trait]
impl Projection for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn streams(&self) -> ports::Categories {
        ports::Categories::ALL
    }

    fn tables(&self) -> &'static [ports::Table] {
        &[]
    }

    async fn fold(&self, recorded: &Recorded, draft: &mut Draft<'_>) -> ports::Result<()> {
        let AnyEvent::Clock(event) = &recorded.event else { return Ok(()) };
        draft.put(&Progress { projection: "trace".to_owned(), genesis: None, closed: Some(event.closing().0) })?;
        if recorded.revision > 0 { Err(Error::Unavailable("no".to_owned())) } else { Ok(()) }
    }
}

#[test]
fn a_fold_that_fails_leaves_no_trace() {
    run(async {
        let mut history = History::default();
        history.close();
        let mut view = Following::new(Failing, &history.log);
        view.catch_up().await;
        let before = view.rows.dump();
        history.close();
        let mut projector = Projector::new(Arc::new(Failing), history.log.clone(), view.rows.clone());
        assert_eq!(projector.advance().await, Err(Error::Unavailable("no".to_owned())));
        assert_eq!(view.rows.dump(), before);
    });
}

/// Every projection on SQLite has the rows that it has in memory, also where it was opened again half way.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_holds_the_same_rows_as_memory() {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite:{}", directory.path().join("views.db").display());
    let mut history = History::default();
    let mut runner = TestRunner::deterministic();
    for _ in 0..2 {
        for _ in 0..6 {
            any_history().new_tree(&mut runner).unwrap().current().iter().for_each(|op| history.play(op));
        }
        history.close();
        let store = adapters::view_store::open(&url, &Clock::simulated(at("2026-11-30T00:00:00Z"))).await.unwrap();
        for projection in all() {
            let mut projector = Projector::new(projection, history.log.clone(), store.clone());
            while projector.advance().await.unwrap() {}
        }
    }
    let store = adapters::view_store::open(&url, &Clock::simulated(at("2026-11-30T00:00:00Z"))).await.unwrap();
    let memory = Arc::new(MemoryViews::default());
    for projection in all() {
        let mut projector = Projector::new(projection, history.log.clone(), memory.clone());
        while projector.advance().await.unwrap() {}
    }
    for projection in all() {
        let name = projection.name();
        assert_eq!(store.position(name).await.unwrap(), memory.position(name).await.unwrap());
        for table in projection.tables().iter().chain([&Progress::TABLE]) {
            let stored = store.find(*table, &Find::all(100_000)).await.unwrap();
            assert_eq!(stored, memory.find(*table, &Find::all(100_000)).await.unwrap(), "{}", table.name);
        }
    }
    assert!(memory.dump().len() > 100, "the history has something to tell");
}

#[test]
fn a_view_that_another_version_wrote_is_told_to_be_rebuilt() {
    run(async {
        let rows = Arc::new(MemoryViews::default());
        let (table, key, row) = (Progress::TABLE, "trials".to_owned(), "{\"projection\": 1}".into());
        let to = Position { commit: 0, prepare: 0 };
        rows.save("other", None, to, vec![Write::Put { table, key, row }]).await.unwrap();
        assert!(matches!(Views::new(rows).progress("trials").await, Err(Error::Corrupt(_))));
    });
}
