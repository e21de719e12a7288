//! The embedded set-up beside the distributed one, on one machine and in one run: what each does in a second, how the work that a
//! queue spreads grows from one worker process to two, what one call of each port takes, and a due hour of 100,000 deliveries.
//!
//! `cargo build --release -p test-servers --example kurrentdb-stand-in` and then
//! `cargo bench -p trialbrief --features distributed --bench setups [-- rates|due-hour]`, with the servers that `scripts/test`
//! installs and names (`TRIALBRIEF_PYTHON=$PWD/.test/venv/bin/python`). MongoDB is SecantusDB's Python server and KurrentDB the
//! stand-in: neither tells how fast the real one is. Mails go to a sink in the mailer's process that accepts them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench measures and prints, and one that cannot set itself up fails loudly"
)]

mod due_hour;
mod phases;
mod round_trips;
mod world;

use phases::{Rates, Workers};
use processors::analysis::isolated::VERB;
use test_servers::{kurrentdb, mongodb, nats, s3};
use trialbrief::demo::sample;
use trialbrief::wire::Urls;

/// Documents of the week.
const DOCUMENTS: usize = 120;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next();
    match verb.as_deref() {
        Some(VERB) => processors::analysis::child::run(std::io::stdin().lock(), std::io::stdout().lock()).unwrap(),
        Some(world::WORK) => runtime().block_on(world::work(arguments)),
        other => {
            let wanted = |part: &str| [None, Some("--bench"), Some(part)].contains(&other);
            if wanted("rates") {
                runtime().block_on(rates());
            }
            if wanted("due-hour") {
                runtime().block_on(due_hours());
            }
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// A database, bucket and prefix of its own on the servers of this process.
async fn distributed(name: &str) -> Urls {
    let s3 = s3::shared();
    s3::client(s3).create_bucket().bucket(name).send().await.unwrap();
    let database = mongodb::url(mongodb::shared(), name);
    Urls {
        events: kurrentdb::shared_url(name),
        documents: database.clone(),
        views: database.clone(),
        directory: database.clone(),
        keys: database,
        files: s3::url(s3, name),
        queue: nats::url(nats::shared(), name),
        mail: format!("outbox:{}/{name}", s3.folder().display()),
    }
}

async fn rates() {
    let documents = sample::documents(7, DOCUMENTS, jiff::civil::date(2026, 11, 1));
    let documents: Vec<_> = documents.into_iter().collect();
    let folder = tempfile::tempdir().unwrap();
    let urls = Urls::embedded(folder.path().to_str().unwrap());
    let (world, embedded) = phases::measure(&urls, Workers::Here, &documents).await;
    let embedded_calls = round_trips::measure(&world.ports).await;
    drop(world);
    let (_, one) = phases::measure(&distributed("one").await, Workers::Apart(1), &documents).await;
    let (world, two) = phases::measure(&distributed("two").await, Workers::Apart(2), &documents).await;
    let calls = round_trips::measure(&world.ports).await;

    println!("\n| per second | embedded | distributed, one process of each worker | ratio | two | two : one |");
    println!("|---|---|---|---|---|---|");
    print(&embedded, &one, &two);
    println!("\n| median of one call, in ms | embedded | distributed | ratio |\n|---|---|---|---|");
    for ((what, embedded), (_, distributed)) in embedded_calls.iter().zip(&calls) {
        println!("| {what} | {embedded:.2} | {distributed:.2} | {:.1} |", distributed / embedded);
    }
}

fn print(embedded: &Rates, one: &Rates, two: &Rates) {
    for (((what, embedded), (_, one)), (_, two)) in embedded.iter().zip(one).zip(two) {
        println!("| {what} | {embedded:.1} | {one:.1} | {:.3} | {two:.1} | {:.2} |", one / embedded, two / one);
    }
}

async fn due_hours() {
    let embedded = due_hour::measure("memory:").await;
    let distributed = due_hour::measure(&nats::url(nats::shared(), "due-hour")).await;
    println!("\n| 100,000 deliveries of one due | in process | NATS JetStream | ratio |\n|---|---|---|---|");
    let ratio = distributed.per_second / embedded.per_second;
    println!("| per second | {:.0} | {:.0} | {ratio:.3} |", embedded.per_second, distributed.per_second);
    println!("| offered again after their outcome | {} | {} | |", embedded.taken_again, distributed.taken_again);
}
