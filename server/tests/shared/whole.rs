//! What holds of every Trialbrief that has come to rest, whatever happened to it.

use std::collections::BTreeMap;

use futures::StreamExt;
use ports::{Categories, EventHash, Fed, Find, Ports, StoredEvent};
use projections::{Analysis, DeliveryNow, ReportNow, ReportStatus, SlotNow};
use queries::Queries;
use trialbrief::replay;

/// More rows than a test has.
pub const ALL: usize = 10_000;

/// Everything that happened, in order.
pub async fn events(ports: &Ports) -> Vec<StoredEvent> {
    let mut feed = ports.feed.read(None, Categories::ALL);
    let mut events = Vec::new();
    while let Some(fed) = feed.next().await {
        if let Fed::Event(event) = fed.unwrap() {
            events.push(event);
        }
    }
    events
}

/// Each event names the hash of the one before it in its stream.
pub fn chains_hold(events: &[StoredEvent]) {
    let mut last: BTreeMap<&str, EventHash> = BTreeMap::new();
    for stored in events {
        let before = last.insert(&stored.stream, stored.hash()).unwrap_or_default();
        assert_eq!(stored.metadata().unwrap().previous, before, "{}@{}", stored.stream, stored.revision);
    }
}

/// Every analysis, every report and every delivery has an outcome, and no slot is being served.
pub async fn nothing_is_open(queries: &Queries) {
    let views = &queries.views;
    let open: Vec<Analysis> = views.find(&Find::all(ALL).equal("open", true).range("id", None, None)).await.unwrap();
    assert_eq!(open, [], "analyses");
    let reports: Vec<ReportNow> = views.find(&Find::all(ALL)).await.unwrap();
    let unready: Vec<_> =
        reports.iter().filter(|report| report.status != ReportStatus::Rendered || report.sending).collect();
    assert!(unready.is_empty(), "{unready:?}");
    let deliveries: Vec<DeliveryNow> = views.find(&Find::all(ALL)).await.unwrap();
    assert_eq!(
        deliveries.iter().filter(|delivery| delivery.due.is_some()).collect::<Vec<_>>(),
        [] as [&DeliveryNow; 0]
    );
    let slots: Vec<SlotNow> = views.find(&Find::all(ALL)).await.unwrap();
    assert!(slots.iter().all(|slot| slot.open.is_none()), "{slots:?}");
}

/// Every view is what its log folds to.
pub async fn views_are_equal(ports: &Ports) {
    let folder = tempfile::tempdir().unwrap();
    let beside = replay::store_beside(folder.path(), &ports.clock).await.unwrap();
    for comparison in replay::replay(&ports.feed, &ports.views, &beside).await.unwrap() {
        assert_eq!(comparison.differences, [] as [String; 0], "{}", comparison.projection);
    }
}
