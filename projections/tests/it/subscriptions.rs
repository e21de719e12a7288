//! Slots and who is served in them: nobody is left out, as of any closing.

use domain::edition::Slot;
use domain::id::Id;
use domain::schedule::Cadence;
use domain::subscription::{Status, Subscription};
use jiff::Timestamp;
use projections::{Served, SlotNow, SubscriptionNow, Subscriptions, stamp_of};
use proptest::prelude::*;

use crate::subscription_history::{History, Op, Until, any_history, served_at, subscription};
use crate::world::{at, fold, run};

/// Dues at which somebody was active, among the closings so far.
fn wanted(history: &History) -> Vec<(Slot, Timestamp)> {
    let mut wanted = Vec::new();
    for (closing, active) in &history.closings {
        let due = active.keys().filter(|slot| slot.schedule.previous_at_or_before(*closing) == *closing);
        wanted.extend(due.map(|slot| (slot.clone(), *closing)));
    }
    wanted
}

async fn no_due_is_skipped(history: &History) {
    let row = async |slot: &Slot| history.view.views.get::<SlotNow>(&slot.key()).await.unwrap().unwrap();
    for (slot, due) in wanted(history) {
        if !history.handled.contains(&(slot.clone(), due)) {
            let next = row(&slot).await.due;
            assert!(next.is_some_and(|next| next <= stamp_of(due)), "{due} of {slot:?} is skipped for {next:?}");
        }
    }
    for (slot, due) in &history.open {
        let row = row(slot).await;
        assert_eq!(row.open, Some(*due), "the scheduler goes on where it stopped");
        assert!(row.due.is_some_and(|next| next <= stamp_of(*due)));
    }
    let active = history.active();
    for row in history.view.rows.rows::<SlotNow>() {
        assert_eq!(row.active, active.get(&row.slot).map_or(0, |served| served.len() as u64));
        if row.active > 0 {
            let next = row.slot.schedule.next_after(history.now);
            assert!(row.due.is_some_and(|due| due <= stamp_of(next)), "{row:?} sleeps past {next}");
        }
        assert!(row.open.is_none() || history.open.contains_key(&row.slot));
    }
}

async fn each_subscription_is_as_its_stream_says(history: &History) {
    for (id, Subscription(known)) in history.subscriptions.all() {
        let row: Option<SubscriptionNow> = history.view.views.get(id).await.unwrap();
        let Some(known) = known else {
            assert_eq!(row, None);
            continue;
        };
        let row = row.unwrap();
        assert_eq!(row.known, *known);
        assert_eq!(row.served_from.is_some(), known.status == Status::Active);
        assert_eq!(row.covered_to.as_ref(), history.covered_to.get(&Id::known(id)), "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_due_with_somebody_active_at_its_closing_is_ever_skipped(ops in any_history()) {
        run(async {
            let mut history = History::default();
            for op in &ops {
                history.play(op).await;
                no_due_is_skipped(&history).await;
                each_subscription_is_as_its_stream_says(&history).await;
            }
            history.drain().await;
            no_due_is_skipped(&history).await;
            for (slot, due) in wanted(&history) {
                assert!(history.handled.contains(&(slot.clone(), due)), "{due} of {slot:?}");
            }
            assert!(history.view.rows.rows::<Served>().iter().all(|served| served.from < served.to));
            let slots: Vec<SlotNow> = history.view.rows.rows();
            for (closing, active) in &history.closings {
                for row in &slots {
                    let served = served_at(&history.view.views, &row.slot, *closing).await;
                    assert_eq!(served, active.get(&row.slot).cloned().unwrap_or_default(), "at {closing}");
                }
            }
            assert_eq!(fold(Subscriptions, &history.log).await.rows.dump(), history.view.rows.dump());
        });
    }
}

async fn told(ops: &[Op]) -> History {
    let mut history = History::default();
    for op in ops {
        history.play(op).await;
    }
    history
}

/// Daily at 06:00, the first closing.
const DAILY: Op = Op::Start { user: 0, schedule: 0 };
const DAY: Op = Op::Close { closings: 8 };

#[test]
fn who_leaves_after_a_closing_is_served_at_it_even_if_the_due_before_was_still_open() {
    run(async {
        let pause = Op::Pause { user: 0, weekly: false };
        let opened = Op::Serve { slot: 0, until: Until::Opened };
        let mut history = told(&[DAILY, Op::Close { closings: 1 }, opened, DAY, pause]).await;
        history.drain().await;
        let (second, _) = history.closings.last().unwrap().clone();
        assert!(wanted(&history).iter().any(|(_, due)| *due == second), "{second} is a due");
        assert!(wanted(&history).iter().all(|due| history.handled.contains(due)));
        let slots: Vec<SlotNow> = history.view.rows.rows();
        assert_eq!(slots.iter().map(|slot| (slot.active, slot.due, slot.open)).collect::<Vec<_>>(), [(0, None, None)]);
    });
}

#[test]
fn what_is_covered_outlives_a_reschedule_and_ends_with_a_term_or_a_pause() {
    run(async {
        let serve = Op::Serve { slot: 0, until: Until::Closed };
        let mut history = told(&[DAILY, Op::Close { closings: 1 }, serve]).await;
        let id = subscription(0, Cadence::Daily);
        let midnight = Some(at("2026-11-30T00:00:00Z"));
        let pause = Op::Pause { user: 0, weekly: false };
        let resume = Op::Resume { user: 0, weekly: false };
        for (op, covered_to) in [(Op::Reschedule { user: 0, schedule: 1 }, midnight), (pause, midnight), (resume, None)]
        {
            history.play(&op).await;
            let row: SubscriptionNow = history.view.views.get(id.as_str()).await.unwrap().unwrap();
            assert_eq!(row.covered_to, covered_to, "after {op:?}");
        }
        for op in [Op::Close { closings: 3 }, Op::Serve { slot: 0, until: Until::Closed }] {
            history.play(&op).await;
        }
        let row: SubscriptionNow = history.view.views.get(id.as_str()).await.unwrap().unwrap();
        assert_eq!(row.covered_to, midnight, "listed again, under the new schedule");
        for (op, covered_to) in [(Op::End { user: 0, weekly: false }, midnight), (DAILY, None)] {
            history.play(&op).await;
            let row: SubscriptionNow = history.view.views.get(id.as_str()).await.unwrap().unwrap();
            assert_eq!(row.covered_to, covered_to, "after {op:?}");
        }
    });
}
