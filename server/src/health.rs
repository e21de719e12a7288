//! Whether the program is alive, ready, and what it does: `/healthz`, `/readyz`, `/metrics`, `/version`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use jiff::Timestamp;
use ports::Clock;
use serde::Serialize;
use serde_json::json;

use crate::reach::Reach;

/// What one worker does.
#[derive(Clone, Debug, Default, Serialize)]
struct WorkerState {
    steps: u64,
    failures: u64,
    idle_since: Option<Timestamp>,
    /// Why it last failed; none since it last worked.
    failing: Option<String>,
    /// Why nobody can say who has its lease; none since somebody could.
    unleased: Option<String>,
    stopped: bool,
    /// Whether this process has the worker's lease; none for those that run anywhere.
    held: Option<bool>,
}

#[derive(Debug, Default)]
struct Counts {
    workers: BTreeMap<&'static str, WorkerState>,
    requests: BTreeMap<(String, String, u16), u64>,
}

/// What the program does, for those who look after it. Clones share it.
#[derive(Clone, Debug)]
pub struct Health {
    clock: Clock,
    counts: Arc<Mutex<Counts>>,
}

impl Health {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, counts: Arc::default() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn worker(&self, name: &'static str, change: impl FnOnce(&mut WorkerState)) {
        change(self.counts().workers.entry(name).or_default());
    }

    /// A worker is driven.
    pub fn started(&self, name: &'static str) {
        self.worker(name, |_| {});
    }

    /// A worker's lease is this process's, or another has it and this one waits.
    pub fn held(&self, name: &'static str, held: bool) {
        self.worker(name, |worker| {
            worker.held = Some(held);
            worker.unleased = None;
            // Another does its work now.
            if !held && !worker.stopped {
                worker.failing = None;
            }
        });
    }

    /// Who has a worker's lease cannot be learnt: it is not stepped.
    pub fn unleased(&self, name: &'static str, why: &str) {
        self.worker(name, |worker| {
            worker.held = Some(false);
            worker.failures += 1;
            worker.unleased = Some(why.to_owned());
        });
    }

    /// A step did something.
    pub fn worked(&self, name: &'static str) {
        self.worker(name, |worker| {
            worker.steps += 1;
            worker.idle_since = None;
            worker.failing = None;
        });
    }

    /// A step found nothing.
    pub fn idle(&self, name: &'static str) {
        let now = self.clock.now();
        self.worker(name, |worker| {
            worker.idle_since.get_or_insert(now);
            worker.failing = None;
        });
    }

    /// A step failed and will be tried again.
    pub fn failed(&self, name: &'static str, why: &str) {
        self.worker(name, |worker| {
            worker.failures += 1;
            worker.failing = Some(why.to_owned());
        });
    }

    /// A worker stopped for good.
    pub fn stopped(&self, name: &'static str, why: &str) {
        self.failed(name, why);
        self.worker(name, |worker| {
            worker.stopped = true;
            worker.held = worker.held.map(|_| false);
        });
    }
}

/// The routes of operations.
pub fn routes(health: Health, reach: Reach) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .layer(Extension(reach))
        .route("/version", get(|| async { Json(json!({"name": "trialbrief", "version": env!("CARGO_PKG_VERSION")})) }))
        .with_state(health)
}

/// 200 while every worker runs and every store answers, else 503 and which does not, and why.
async fn readyz(State(health): State<Health>, Extension(reach): Extension<Reach>) -> Response {
    let mut failing = reach.silent().await;
    let workers = health.counts().workers.clone();
    let why = |worker: &WorkerState| worker.failing.clone().or_else(|| worker.unleased.clone());
    failing.extend(workers.iter().filter_map(|(name, worker)| Some((*name, why(worker)?))));
    let roles: BTreeMap<_, _> = workers
        .iter()
        .map(|(name, worker)| match worker {
            WorkerState { stopped: true, .. } => (*name, "stopped"),
            WorkerState { held: Some(false), .. } => (*name, "waiting"),
            WorkerState { .. } => (*name, "held"),
        })
        .collect();
    let status = if failing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": failing.is_empty(), "failing": failing, "workers": roles}))).into_response()
}

/// Counters in the text format of Prometheus.
async fn metrics(State(health): State<Health>, Extension(reach): Extension<Reach>) -> Response {
    let depths = reach.depths().await;
    let mut text = String::new();
    let counts = health.counts();
    // Writing to a String does not fail.
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, u64)>| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
    };
    let of_workers = |value: fn(&WorkerState) -> u64| {
        counts.workers.iter().map(|(name, worker)| (format!("worker=\"{name}\""), value(worker))).collect()
    };
    family("trialbrief_worker_steps_total", "counter", "Steps that did something.", of_workers(|w| w.steps));
    family("trialbrief_worker_failures_total", "counter", "Steps that failed.", of_workers(|w| w.failures));
    family("trialbrief_worker_stopped", "gauge", "1 for a worker that stopped.", of_workers(|w| u64::from(w.stopped)));
    let held = |w: &WorkerState| u64::from(!w.stopped && w.held != Some(false));
    family("trialbrief_worker_held", "gauge", "1 where this process steps it, 0 where it waits.", of_workers(held));
    let depths = depths.into_iter().map(|(kind, depth)| (format!("kind=\"{}\"", kind.name()), depth)).collect();
    family("trialbrief_queue_depth", "gauge", "Work in the queue, waiting or taken.", depths);
    let requests = counts
        .requests
        .iter()
        .map(|((method, route, status), count)| {
            (format!("method=\"{method}\",route=\"{route}\",status=\"{status}\""), *count)
        })
        .collect();
    family("trialbrief_http_requests_total", "counter", "Answered requests.", requests);
    drop(counts);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Counts requests by route, never by path: a path may hold what somebody typed.
pub async fn count_requests(State(health): State<Health>, request: Request, next: Next) -> Response {
    // Anybody may invent methods; only those that some route knows are counted by name.
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let method = if known.contains(request.method()) { request.method().as_str() } else { "other" }.to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    *health.counts().requests.entry((method, route, response.status().as_u16())).or_default() += 1;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_fails_stays_failing_while_its_lease_is_renewed_and_one_that_stopped_holds_nothing() {
        let health = Health::new(Clock::system());
        let relay = || health.counts().workers["relay"].clone();
        health.held("relay", true);
        health.failed("relay", "the disk is full");
        health.held("relay", true);
        assert_eq!(relay().failing.as_deref(), Some("the disk is full"));
        health.unleased("relay", "the queue is away");
        health.held("relay", false);
        assert_eq!((relay().failing, relay().unleased), (None, None), "another does its work");
        health.held("relay", true);
        health.stopped("relay", "an event that nobody knows");
        assert_eq!(relay().held, Some(false));
        health.held("relay", false);
        assert!(relay().failing.is_some(), "it stopped for good");
    }
}
