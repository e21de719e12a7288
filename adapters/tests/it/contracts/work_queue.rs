//! What may be relied on in a work queue.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use futures::future::{join_all, poll_immediate};
use ports::{Work, WorkKind, WorkQueue};

/// Work of the kind most of the suite uses.
pub fn render(id: &str) -> Work {
    Work { kind: WorkKind::Render, id: id.to_owned() }
}

/// The contract. The queue is empty; `lapse` lets the time pass after which taken work is given to others, `most_of_it` two thirds
/// of that time.
pub async fn suite(queue: &dyn WorkQueue, lapse: impl AsyncFn(), most_of_it: impl AsyncFn()) {
    what_is_offered_twice_comes_once(queue).await;
    work_comes_in_order_and_by_kind(queue).await;
    takers_get_different_work(queue).await;
    the_bell_is_heard(queue).await;
    taken_work_comes_back_after_its_time(queue, &lapse).await;
    who_needs_longer_says_so(queue, &lapse, &most_of_it).await;
}

async fn empty(queue: &dyn WorkQueue) {
    for kind in WorkKind::ALL {
        assert!(queue.take(kind).await.unwrap().is_none(), "{kind:?} is left over");
    }
}

async fn what_is_offered_twice_comes_once(queue: &dyn WorkQueue) {
    queue.offer(&render("a")).await.unwrap();
    queue.offer(&render("a")).await.unwrap();
    let taken = queue.take(WorkKind::Render).await.unwrap().unwrap();
    assert_eq!(taken.work, render("a"));
    queue.offer(&render("a")).await.unwrap();
    empty(queue).await;
    assert_eq!(queue.depth(WorkKind::Render).await, Ok(1), "taken work counts");
    queue.finish(taken).await.unwrap();
    assert_eq!(queue.depth(WorkKind::Render).await, Ok(0));
    empty(queue).await;
    queue.offer(&render("a")).await.unwrap();
    queue.finish(queue.take(WorkKind::Render).await.unwrap().unwrap()).await.unwrap();
    empty(queue).await;
}

async fn work_comes_in_order_and_by_kind(queue: &dyn WorkQueue) {
    for id in ["c", "a", "b"] {
        queue.offer(&render(id)).await.unwrap();
        queue.offer(&Work { kind: WorkKind::Deliver, id: id.to_owned() }).await.unwrap();
    }
    assert!(queue.take(WorkKind::Analyse).await.unwrap().is_none());
    for kind in [WorkKind::Render, WorkKind::Deliver] {
        for id in ["c", "a", "b"] {
            let taken = queue.take(kind).await.unwrap().unwrap();
            assert_eq!(taken.work, Work { kind, id: id.to_owned() });
            queue.finish(taken).await.unwrap();
        }
    }
    empty(queue).await;
}

async fn takers_get_different_work(queue: &dyn WorkQueue) {
    for i in 0..50 {
        queue.offer(&render(&format!("w{i}"))).await.unwrap();
    }
    let mut ids = Vec::new();
    for taken in join_all((0..50).map(|_| queue.take(WorkKind::Render))).await {
        let taken = taken.unwrap().unwrap();
        ids.push(taken.work.id.clone());
        queue.finish(taken).await.unwrap();
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    empty(queue).await;
}

async fn the_bell_is_heard(queue: &dyn WorkQueue) {
    let mut waiting = queue.offered(WorkKind::Render);
    let mut other = queue.offered(WorkKind::Analyse);
    assert_eq!(poll_immediate(&mut waiting).await, None);
    assert_eq!(poll_immediate(&mut other).await, None);
    queue.offer(&render("bell")).await.unwrap();
    waiting.await;
    assert_eq!(poll_immediate(&mut other).await, None);
    // Who comes later hears it too, as long as the work waits.
    queue.offered(WorkKind::Render).await;
    let taken = queue.take(WorkKind::Render).await.unwrap().unwrap();
    queue.finish(taken).await.unwrap();
    assert_eq!(poll_immediate(queue.offered(WorkKind::Render)).await, None);
}

async fn taken_work_comes_back_after_its_time(queue: &dyn WorkQueue, lapse: &impl AsyncFn()) {
    queue.offer(&render("held")).await.unwrap();
    let first = queue.take(WorkKind::Render).await.unwrap().unwrap();
    empty(queue).await;
    lapse().await;
    queue.offered(WorkKind::Render).await;
    let second = queue.take(WorkKind::Render).await.unwrap().unwrap();
    assert_eq!(second.work, render("held"));
    // The first holder's word no longer counts: the work stays with the second.
    queue.finish(first).await.unwrap();
    empty(queue).await;
    queue.finish(second).await.unwrap();
    lapse().await;
    empty(queue).await;
}

async fn who_needs_longer_says_so(queue: &dyn WorkQueue, lapse: &impl AsyncFn(), most_of_it: &impl AsyncFn()) {
    queue.offer(&render("long")).await.unwrap();
    let first = queue.take(WorkKind::Render).await.unwrap().unwrap();
    for _ in 0..3 {
        most_of_it().await;
        queue.extend(&first).await.unwrap();
        empty(queue).await;
    }
    lapse().await;
    queue.offered(WorkKind::Render).await;
    let second = queue.take(WorkKind::Render).await.unwrap().unwrap();
    // Too late: it is in other hands, and stays there.
    queue.extend(&first).await.unwrap();
    queue.finish(first).await.unwrap();
    empty(queue).await;
    queue.finish(second).await.unwrap();
    lapse().await;
    empty(queue).await;
}
