//! What happens to processes and servers meanwhile, in an order that follows from a seed.

use std::time::Duration;

use ports::Position;
use rustix::process::{Pid, Signal, kill_process};
use test_servers::Server;

use crate::cluster::{self, Cluster, wait_for};
use crate::gate::Stopped;
use crate::samples::Dice;

/// How long a server is cut off; a half minute where it is asked for.
const CUT: &str = "TRIALBRIEF_CLUSTER_CUT_SECONDS";
/// Within what time another process has the role of one that stopped.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);
/// Within what time its work is done by another: a queue gives work out again, a claim runs out.
const DONE_WITHIN: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
enum Disturbance {
    /// A process is killed and started again.
    Kill,
    /// A server is killed and started again.
    Restart(usize),
    /// A server stands still, its connections open.
    Cut(usize),
    /// A process stands still right before an append of this type of event, until others have done its work; with the worker,
    /// where only one process steps it.
    StaleAppend(&'static str, Option<&'static str>),
    /// The same before a projection's save.
    StaleSave(&'static str),
}

use Disturbance::{Cut, Kill, Restart, StaleAppend, StaleSave};

const ALL: [Disturbance; 24] = [
    Restart(0),
    Restart(1),
    Restart(2),
    Restart(3),
    Cut(0),
    Cut(1),
    Cut(2),
    Cut(3),
    StaleAppend("DocumentAdded", Some("change_relay")),
    StaleAppend("ReportScheduled", Some("scheduler")),
    StaleAppend("ContentAnalysed", None),
    StaleAppend("ReportRendered", None),
    StaleAppend("DeliveryAttempted", None),
    StaleAppend("DeliverySent", None),
    StaleSave("document_changes"),
    StaleSave("reports"),
    Kill,
    Kill,
    Kill,
    Kill,
    Kill,
    Kill,
    Kill,
    Kill,
];

/// All of them, one after the other. Answers what it did.
pub async fn disturb(cluster: &Cluster, dice: &mut Dice) -> Vec<String> {
    let mut order = ALL.to_vec();
    for last in (1..order.len()).rev() {
        order.swap(last, dice.below(last as u64 + 1) as usize);
    }
    let mut told = Vec::new();
    for disturbance in order {
        let what = match disturbance {
            Kill => kill(cluster, dice).await,
            Restart(n) => restart(&cluster.servers[n], dice).await,
            Cut(n) => cut(&cluster.servers[n]).await,
            StaleAppend(gate, worker) => stale(cluster, gate, worker).await,
            StaleSave(projection) => stale(cluster, projection, Some(projection)).await,
        };
        crate::tell(&format!("{} {what}", cluster.clock.now()));
        told.push(what);
    }
    told
}

async fn kill(cluster: &Cluster, dice: &mut Dice) -> String {
    let process = &cluster.processes[dice.below(cluster.processes.len() as u64) as usize];
    process.server.kill();
    // The random moments themselves; nothing relies on what happens within them.
    tokio::time::sleep(Duration::from_millis(dice.below(1_500))).await;
    process.server.begin();
    tokio::time::sleep(Duration::from_millis(dice.below(1_500))).await;
    format!("killed {}", process.roles)
}

async fn restart((name, server): &(&str, Server), dice: &mut Dice) -> String {
    server.kill();
    tokio::time::sleep(Duration::from_millis(dice.below(2_000))).await;
    tokio::task::block_in_place(|| server.go_on());
    format!("restarted {name}")
}

async fn cut((name, server): &(&str, Server)) -> String {
    let seconds = std::env::var(CUT).map_or(8, |seconds| seconds.parse().unwrap());
    server.pause();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    server.resume();
    format!("cut {name} off for {seconds} s")
}

/// A process comes to a gate and stops there; another takes its role and does its work; then the first goes on, and comes too late.
async fn stale(cluster: &Cluster, gate: &'static str, worker: Option<&'static str>) -> String {
    let gates = &cluster.place.gates;
    gates.arm(gate);
    wait_for(&format!("somebody comes to {gate}"), DONE_WITHIN, async || gates.stopped(gate).is_some()).await;
    let stopped = gates.stopped(gate).unwrap();
    let taken_over = match worker {
        Some(worker) => Some(taken_over(cluster, &stopped, worker).await),
        None => None,
    };
    let what = format!("another process does what {} stopped at, {stopped:?}", stopped.id);
    let done = wait_for(&what, DONE_WITHIN, async || is_done(cluster, gate, &stopped).await).await;
    let there = appended(cluster, &stopped).await;

    gates.open(gate);
    kill_process(Pid::from_raw(stopped.id as i32).unwrap(), Signal::CONT).unwrap();
    wait_for(&format!("{gate} goes on"), DONE_WITHIN, async || gates.answer(gate).is_some()).await;
    let answer = gates.answer(gate).unwrap();
    // A repeat of the very event that another has appended is told where that one stands.
    let is_repeat = there.is_some_and(|there| answer == serde_json::to_string(&there).unwrap());
    let is_refused = ["conflict: ", "unavailable: "].iter().any(|kind| answer.starts_with(kind));
    assert!(is_repeat || is_refused, "the stale write at {gate} was taken: {answer}, {there:?}");
    let answer = if is_repeat { "repeated" } else { answer.split(':').next().unwrap_or_default() };
    format!("stale {gate}: role taken over in {taken_over:.1?}, work done after {done:.1?} more; then {answer}")
}

/// Another process steps the worker.
async fn taken_over(cluster: &Cluster, stopped: &Stopped, worker: &'static str) -> Duration {
    let is_held = async || {
        for process in &cluster.processes {
            let is_other = process.server.id() != Some(stopped.id);
            if is_other
                && process.has(role_of(worker))
                && let Some(told) = cluster::readiness(process.server.address()).await
                && told["workers"][worker] == "held"
            {
                return true;
            }
        }
        false
    };
    wait_for(&format!("another process takes {worker} over"), TAKEN_OVER_WITHIN, is_held).await
}

fn role_of(worker: &str) -> &str {
    match worker {
        "change_relay" => "relay",
        "scheduler" => worker,
        projection => {
            assert!(projections::all().iter().any(|known| known.name() == projection), "{projection}");
            "projector"
        }
    }
}

/// Whether another has written in its place.
async fn is_done(cluster: &Cluster, gate: &str, stopped: &Stopped) -> bool {
    if stopped.stream.is_empty() {
        let position = cluster.ports.views.position(gate).await;
        return position.is_ok_and(|position| position != stopped.from);
    }
    appended(cluster, stopped).await.is_some()
}

/// Where that event of the stream stands that the stopped process was about to append, if there is one.
async fn appended(cluster: &Cluster, stopped: &Stopped) -> Option<Position> {
    if stopped.stream.is_empty() {
        return None;
    }
    let events = cluster.ports.log.read(&stopped.stream, stopped.revision).await.ok()?;
    events.first().map(|event| event.position)
}
