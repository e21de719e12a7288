//! The queue and the leases in NATS JetStream, against the real server.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use adapters::{leases, work_queue};
use ports::{Clock, Error, WorkKind};
use test_servers::{nats, unique};
use tokio::time::{Instant, interval, timeout};

use crate::contracts;
use crate::contracts::work_queue::render;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);
/// How long taken work is kept in these tests.
const KEPT: Duration = Duration::from_secs(2);

fn url() -> String {
    format!("{}&ack_wait={}", nats::url(nats::shared(), &unique("queue")), KEPT.as_secs())
}

/// Waits until a call succeeds, and answers what it came to.
async fn at_last<T>(what: &str, call: impl AsyncFn() -> Option<T>) -> T {
    let mut looks = interval(Duration::from_millis(20));
    let done = async {
        loop {
            looks.tick().await;
            if let Some(done) = call().await {
                return done;
            }
        }
    };
    timeout(LONG, done).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

async fn refused(url: &str) -> Error {
    match work_queue::open(url, &Clock::system()).await {
        Ok(_) => panic!("{url} was taken"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jetstream_keeps_the_contract_of_a_queue() {
    let queue = work_queue::open(&url(), &Clock::system()).await.unwrap();
    // The time by which the server gives work to others is the one that passes.
    let pass = async |time: Duration| tokio::time::sleep_until(Instant::now() + time).await;
    contracts::work_queue::suite(&*queue, async || pass(KEPT).await, async || pass(KEPT / 3 * 2).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jetstream_keeps_the_contract_of_leases() {
    let url = url();
    let [one, two] = [leases::open(&url).await.unwrap(), leases::open(&url).await.unwrap()];
    contracts::leases::of_one(&*one).await;
    contracts::leases::of_two(&*one, &*two).await;
}

#[tokio::test]
async fn the_only_process_keeps_the_contract_of_leases() {
    contracts::leases::of_one(&*leases::open("memory:").await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_work_and_hear_each_other() {
    let url = url();
    let clock = Clock::system();
    let one = work_queue::open(&url, &clock).await.unwrap();
    let two = work_queue::open(&url, &clock).await.unwrap();
    let heard = tokio::spawn({
        let two = std::sync::Arc::clone(&two);
        async move { two.offered(WorkKind::Render).await }
    });
    one.offer(&render("far")).await.unwrap();
    timeout(LONG, heard).await.unwrap().unwrap();
    let taken = two.take(WorkKind::Render).await.unwrap().unwrap();
    one.offer(&render("far")).await.unwrap();
    assert!(one.take(WorkKind::Render).await.unwrap().is_none(), "it is in other hands");
    two.finish(taken).await.unwrap();
    // Whoever held it may end: its work comes to another.
    one.offer(&render("left")).await.unwrap();
    drop(two.take(WorkKind::Render).await.unwrap().unwrap());
    drop(two);
    timeout(LONG, one.offered(WorkKind::Render)).await.unwrap();
    assert_eq!(one.take(WorkKind::Render).await.unwrap().unwrap().work, render("left"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_makes_calls_unavailable_in_bounded_time_and_goes_on_where_it_was() {
    let server = nats::start(&[]);
    let url = format!("{}&ack_wait=5", nats::url(&server, "killed"));
    let queue = work_queue::open(&url, &Clock::system()).await.unwrap();
    let leases = leases::open(&url).await.unwrap();
    assert!(leases.hold("relay").await.unwrap());
    for id in ["finished", "taken", "waiting"] {
        queue.offer(&render(id)).await.unwrap();
    }
    let finished = queue.take(WorkKind::Render).await.unwrap().unwrap();
    let taken = queue.take(WorkKind::Render).await.unwrap().unwrap();
    server.kill();
    let began = Instant::now();
    // First, while it is surely ours: what lapsed is nobody's to finish.
    assert!(matches!(queue.finish(finished).await, Err(Error::Unavailable(_))));
    assert!(matches!(queue.extend(&taken).await, Err(Error::Unavailable(_))));
    assert!(matches!(queue.offer(&render("away")).await, Err(Error::Unavailable(_))));
    assert!(matches!(queue.take(WorkKind::Render).await, Err(Error::Unavailable(_))));
    assert!(matches!(leases.hold("relay").await, Err(Error::Unavailable(_))));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    server.go_on();
    at_last("connecting again", async || leases.hold("relay").await.ok().filter(|held| *held)).await;
    let mut back = Vec::new();
    while !["taken", "waiting"].iter().all(|id| back.iter().any(|back| back == id)) {
        timeout(LONG, queue.offered(WorkKind::Render)).await.unwrap();
        if let Ok(Some(taken)) = queue.take(WorkKind::Render).await {
            back.push(taken.work.id.clone());
            queue.finish(taken).await.unwrap();
        }
    }
    // Whether a call without an answer did its work is unknown: the client may send it once it is connected again.
    assert!(back.iter().all(|id| ["finished", "taken", "waiting", "away"].contains(&id.as_str())), "{back:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_without_what_it_kept_is_used_again_by_those_who_are_running() {
    let server = nats::start(&[]);
    let url = nats::url(&server, "lost");
    let queue = work_queue::open(&url, &Clock::system()).await.unwrap();
    let leases = leases::open(&url).await.unwrap();
    assert!(leases.hold("relay").await.unwrap());
    queue.offer(&render("lost")).await.unwrap();
    server.kill();
    nats::lose_everything(&server);
    server.go_on();
    at_last("a lease", async || leases.hold("relay").await.ok().filter(|held| *held)).await;
    at_last("an offer", async || queue.offer(&render("again")).await.ok()).await;
    let taken = at_last("work", async || queue.take(WorkKind::Render).await.ok().flatten()).await;
    assert_eq!(taken.work, render("again"), "what was lost is offered again by who knows of it");
    queue.finish(taken).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_at_the_start_is_named() {
    let server = nats::start(&["--user", "ada", "--pass", "right"]);
    let place = server.address();
    let wrong = refused(&format!("nats://ada:wrong@{place}")).await;
    assert!(
        matches!(&wrong, Error::Rejected(said) if said.contains("\"stores.queue\"") && !said.contains("wrong")),
        "{wrong}"
    );
    assert!(matches!(refused(&format!("nats://{place}")).await, Error::Rejected(_)));
    work_queue::open(&format!("nats://ada:right@{place}"), &Clock::system()).await.unwrap();
    let nobody = refused(&format!("nats://127.0.0.1:{}", test_servers::free_port())).await;
    assert!(matches!(&nobody, Error::Unavailable(said) if said.contains("\"stores.queue\"")), "{nobody}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; run it by its name with --nocapture"]
#[expect(clippy::print_stdout, reason = "what was measured")]
async fn measure_offers_and_takes_through_one_process() {
    let queue = work_queue::open(&url(), &Clock::system()).await.unwrap();
    let count: u32 = 5_000;
    let began = Instant::now();
    let works: Vec<_> = (0..count).map(|i| render(&i.to_string())).collect();
    for offers in works.chunks(512) {
        futures::future::try_join_all(offers.iter().map(|work| queue.offer(work))).await.unwrap();
    }
    let offered = began.elapsed();
    let began = Instant::now();
    let mut missed = 0;
    for _ in 0..count {
        loop {
            if let Some(taken) = queue.take(WorkKind::Render).await.unwrap() {
                queue.finish(taken).await.unwrap();
                break;
            }
            missed += 1;
        }
    }
    let rate = |time: Duration| f64::from(count) / time.as_secs_f64();
    println!("{:.0} offers/s, {:.0} takes with finish/s", rate(offered), rate(began.elapsed()));
    let began = Instant::now();
    for i in 0..500 {
        queue.offer(&render(&format!("one-{i}"))).await.unwrap();
        while queue.take(WorkKind::Render).await.unwrap().is_none() {
            missed += 1;
        }
    }
    println!(
        "{:?} for an offer and a take; {missed} takes came before the server counted the work",
        began.elapsed() / 500
    );
}
