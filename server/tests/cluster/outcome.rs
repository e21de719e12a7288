//! What must hold at the end of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::delivery::Occasion;
use domain::id::TrialId;
use futures::StreamExt;
use jiff::Timestamp;
use ports::{Find, RecordFilter};
use projections::{Analysis, DeliveryNow, DeliveryStatus, FiguresNow, ReportNow, ReportStatus, Series, SlotNow};
use queries::Queries;
use trialbrief::{app, verify_report};

use crate::child::settings;
use crate::cluster::{Cluster, now, readiness};
use crate::load::{Ledger, TRIALS, reader, subscription, subscriptions};
use crate::whole::{ALL, chains_hold, events, nothing_is_open, views_are_equal};

/// Within what time everything has its outcome once nothing is disturbed any more.
const AT_REST_WITHIN: Duration = Duration::from_secs(180);

/// Waits until nothing is open, then looks at all of it. Answers what the run came to.
pub async fn of(cluster: &Cluster, ledger: &Ledger, due: Timestamp) -> String {
    let settings = settings("api".parse().unwrap());
    let queries = app::queries(&cluster.ports, &settings);
    let began = now();
    come_to_rest(cluster, &queries, ledger, due).await;
    crate::tell(&format!("at rest after {:.0?}", began.elapsed()));
    cluster.all_serve().await;
    for process in &cluster.processes {
        assert!(!process.server.has_ended(), "{} ended by itself", process.roles);
    }
    // From here on nothing moves.
    for process in &cluster.processes {
        process.server.kill();
    }
    let events = events(&cluster.ports).await;
    chains_hold(&events);
    nothing_is_open(&queries).await;
    views_are_equal(&cluster.ports).await;
    let reports = verify_report::verify(&cluster.ports, &settings).await.unwrap();
    for report in &reports {
        assert!(report.again == verify_report::Again::Equal && report.holds(), "{report}");
    }
    documents(cluster, ledger).await;
    for (trial, found, expected) in figures(&queries, ledger).await {
        assert_eq!(found, expected, "{trial}: present, bytes, found, added, removed");
    }
    let deliveries: Vec<DeliveryNow> = queries.views.find(&Find::all(ALL)).await.unwrap();
    everybody_is_served(&deliveries, ledger);
    let ever_unknown: BTreeSet<&str> = events
        .iter()
        .filter(|stored| stored.event.kind == "DeliveryUnknown")
        .map(|stored| stored.stream.strip_prefix("delivery-").unwrap())
        .collect();
    nobody_twice(cluster, &deliveries, &ever_unknown);
    format!(
        "{} documents, {} reports, {} deliveries, {} of them unknown at some time, {} events",
        ledger.present.len(),
        reports.len(),
        deliveries.len(),
        ever_unknown.len(),
        events.len(),
    )
}

async fn come_to_rest(cluster: &Cluster, queries: &Queries, ledger: &Ledger, due: Timestamp) {
    let began = now();
    loop {
        let open = match open_work(queries, ledger, due).await {
            Ok(open) if open.is_empty() => return,
            Ok(open) => open,
            Err(error) => vec![error.to_string()],
        };
        if began.elapsed() > AT_REST_WITHIN {
            let mut told = Vec::new();
            for process in &cluster.processes {
                let ready = readiness(process.server.address()).await;
                told.push(format!("{}: {ready:?}", process.roles));
            }
            panic!("not at rest within {AT_REST_WITHIN:?}: {open:#?}\n{}", told.join("\n"));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What has no outcome yet.
async fn open_work(queries: &Queries, ledger: &Ledger, due: Timestamp) -> ports::Result<Vec<String>> {
    let views = &queries.views;
    let analyses: Vec<Analysis> = views.find(&Find::all(ALL).equal("open", true).range("id", None, None)).await?;
    let reports: Vec<ReportNow> = views.find(&Find::all(ALL)).await?;
    let deliveries: Vec<DeliveryNow> = views.find(&Find::all(ALL)).await?;
    let slots: Vec<SlotNow> = views.find(&Find::all(ALL)).await?;
    let served = deliveries.iter().filter(|delivery| delivery.occasion == Occasion::Due).count();
    let figures = figures(queries, ledger).await;
    let unready = reports.iter().filter(|report| report.status != ReportStatus::Rendered || report.sending).count();
    let waiting = deliveries.iter().filter(|delivery| delivery.due.is_some()).count();
    let unserved = slots.iter().filter(|slot| slot.open.is_some() || slot.due().is_none_or(|next| next <= due)).count();
    let lacking = [
        ("analyses", analyses.len()),
        ("reports", unready),
        ("deliveries", waiting),
        ("slots", unserved),
        ("subscriptions without a delivery", subscriptions().count().saturating_sub(served)),
        ("reports asked for at once", ledger.sent_now.saturating_sub(deliveries.len() - served)),
    ];
    let mut open: Vec<String> =
        lacking.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{count} {what}")).collect();
    open.extend(
        figures
            .into_iter()
            .filter(|(_, found, expected)| found != expected)
            .map(|(trial, found, expected)| format!("{trial}: {found:?}, not {expected:?}")),
    );
    Ok(open)
}

/// By trial: present, bytes, found, added, removed; as they are and as they must be.
async fn figures(queries: &Queries, ledger: &Ledger) -> Vec<(&'static str, [i64; 5], [i64; 5])> {
    let mut compared = Vec::new();
    for trial in TRIALS {
        let key = Series::whole(TrialId::parse("trial", trial).unwrap()).key();
        let now: Option<FiguresNow> = queries.views.get(&key).await.unwrap_or_default();
        let sums = now.map(|now| now.figures.documents).unwrap_or_default();
        let of_trial: Vec<i64> =
            ledger.present.values().filter(|(of, _)| *of == trial).map(|(_, bytes)| *bytes).collect();
        let ever = |counts: &BTreeMap<&str, i64>| counts.get(trial).copied().unwrap_or_default();
        compared.push((
            trial,
            [sums.present, sums.bytes, sums.found, sums.added, sums.removed],
            [of_trial.len() as i64, of_trial.iter().sum(), 0, ever(&ledger.added), ever(&ledger.removed)],
        ));
    }
    compared
}

/// The collection holds what was written, and the files that it names are there.
async fn documents(cluster: &Cluster, ledger: &Ledger) {
    let records = cluster.ports.documents.list(&RecordFilter::default(), None, ALL).await.unwrap();
    let ids: BTreeSet<&str> = records.iter().map(|record| record.id()).collect();
    assert_eq!(ids, ledger.present.keys().map(String::as_str).collect(), "the collection");
    let files: BTreeSet<String> =
        cluster.ports.originals.list("trials/").map(|file| file.unwrap().key.to_string()).collect().await;
    for record in &records {
        let key = record.text("FileLocation").and_then(|location| location.strip_prefix("s3://trialbrief/")).unwrap();
        assert!(files.contains(key), "{key} of {} is not there", record.id());
    }
}

/// Each subscription once at the due hour, and each report that was asked for at once.
fn everybody_is_served(deliveries: &[DeliveryNow], ledger: &Ledger) {
    let mut by_subscription: BTreeMap<&str, usize> = BTreeMap::new();
    for delivery in deliveries.iter().filter(|delivery| delivery.occasion == Occasion::Due) {
        *by_subscription.entry(delivery.subscription.as_str()).or_default() += 1;
    }
    for (trial, n, cadence) in subscriptions() {
        let id = subscription(trial, &reader(n), cadence);
        assert_eq!(by_subscription.get(id.as_str()), Some(&1), "{trial}, {}, {cadence:?}", reader(n));
    }
    let at_once = deliveries.iter().filter(|delivery| delivery.occasion != Occasion::Due).count();
    assert_eq!(at_once, ledger.sent_now, "reports asked for at once");
}

/// What the mail server accepted is what is recorded as sent, each once; of what was unknown nobody can say more.
fn nobody_twice(cluster: &Cluster, deliveries: &[DeliveryNow], ever_unknown: &BTreeSet<&str>) {
    let mut accepted: BTreeMap<String, usize> = BTreeMap::new();
    for message_id in cluster.accepted() {
        let delivery = message_id.split('.').next().unwrap().to_owned();
        *accepted.entry(delivery).or_default() += 1;
    }
    for (delivery, times) in &accepted {
        assert!(*times == 1 || ever_unknown.contains(delivery.as_str()), "{delivery} was accepted {times} times");
    }
    for delivery in deliveries {
        let is_accepted = accepted.remove(delivery.id.as_str()).is_some();
        match delivery.status {
            DeliveryStatus::Sent => assert!(is_accepted, "{} is sent and not there", delivery.id),
            DeliveryStatus::Unknown => {}
            status => panic!("{} is {status:?}: {:?}", delivery.id, delivery.reason),
        }
    }
    assert!(accepted.is_empty(), "mails of no delivery: {accepted:?}");
}
