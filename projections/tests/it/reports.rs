//! Deliveries against their aggregates: what is open is counted, and leaves the list by an outcome only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::delivery::{self, Delivery, Occasion, Skipped, Withheld};
use domain::edition::{Audience, Edition, Language, Paper, Slot};
use domain::id::{ContentHash, Id, TrialId, UserId, derive};
use domain::occurrence::{Event as OccurrenceEvent, Occurrence};
use domain::period::Period;
use domain::report::{self, Manifest, Report, Scheduled};
use domain::schedule::{Cadence, Schedule, Zone};
use domain::subscription::Subscription;
use jiff::{SignedDuration, Timestamp};
use ports::Find;
use projections::{DeliveryNow, DeliveryStatus, ReportNow, ReportStatus, Reports, stamp_of};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{BEGIN, Following, Log, Streams, at, fold, run, sealed};

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Sent,
    Deferred,
    Failed,
    Withheld,
    Skipped,
    Unknown,
}

/// One thing that may happen; what is refused, does not.
#[derive(Clone, Debug)]
enum Op {
    List { report: u8, subscribers: u8 },
    Request { report: u8, subscriber: u8, resend: bool, number: u8 },
    Schedule { report: u8 },
    Render { report: u8 },
    Abandon { report: u8 },
    Claim { delivery: usize },
    End { delivery: usize, outcome: Outcome },
}

fn any_op() -> impl Strategy<Value = Op> {
    use Outcome::{Deferred, Failed, Sent, Skipped, Unknown, Withheld};
    let outcome = prop::sample::select(vec![Sent, Deferred, Failed, Withheld, Skipped, Unknown]);
    prop_oneof![
        3 => (0..2_u8, 1..8_u8).prop_map(|(report, subscribers)| Op::List { report, subscribers }),
        2 => (0..3_u8, 0..3_u8, any::<bool>(), 0..2_u8)
            .prop_map(|(report, subscriber, resend, number)| Op::Request { report, subscriber, resend, number }),
        1 => (0..3_u8).prop_map(|report| Op::Schedule { report }),
        1 => (0..3_u8).prop_map(|report| Op::Render { report }),
        1 => (0..3_u8).prop_map(|report| Op::Abandon { report }),
        6 => (0..100_usize).prop_map(|delivery| Op::Claim { delivery }),
        8 => (0..100_usize, outcome).prop_map(|(delivery, outcome)| Op::End { delivery, outcome }),
    ]
}

fn wanted(number: u8) -> Scheduled {
    let from = at("2026-11-23T00:00:00Z") + SignedDuration::from_hours(24 * i64::from(number));
    let period = Period::new(from, at("2026-11-30T00:00:00Z")).unwrap();
    let edition = Edition { zone: Zone::utc(), language: Language::En, paper: Paper::A4, audience: Audience::Members };
    Scheduled { trial: TrialId::parse("trial", "T").unwrap(), period, edition, so_far: number == 2 }
}

fn subscriber(number: u8) -> Id<Subscription> {
    let user = UserId::parse("user", &format!("u-{number}")).unwrap();
    Subscription::id(&TrialId::parse("trial", "T").unwrap(), &user, Cadence::Daily)
}

/// What is known of a delivery beside its stream: of which report, and when it was due first.
#[derive(Clone)]
struct Asked {
    report: Id<Report>,
    subscription: Id<Subscription>,
    due: Timestamp,
}

struct History {
    log: Arc<Log>,
    reports: Streams<Report>,
    deliveries: Streams<Delivery>,
    asked: BTreeMap<Id<Delivery>, Asked>,
    /// Reports that the view may know.
    known: BTreeSet<Id<Report>>,
    /// The last event of each delivery.
    last: BTreeMap<Id<Delivery>, delivery::Event>,
    now: Timestamp,
}

impl History {
    fn new() -> Self {
        Self {
            log: Arc::default(),
            reports: Streams::default(),
            deliveries: Streams::default(),
            asked: BTreeMap::new(),
            known: BTreeSet::new(),
            last: BTreeMap::new(),
            now: at(BEGIN),
        }
    }

    fn play(&mut self, op: &Op) {
        self.now += SignedDuration::from_mins(5);
        match op {
            Op::List { report, subscribers } => self.list(*report, *subscribers),
            Op::Request { report, subscriber: number, resend, number: command } => {
                let (wanted, subscription) = (wanted(*report), subscriber(*number));
                let command = derive("command", &[&command.to_string()]);
                let occasion = if *resend { Occasion::Resend(command) } else { Occasion::SendNow(command) };
                let report = Report::id(&wanted);
                let id = Delivery::id(&report, &subscription, &occasion);
                let asked = Asked { report: report.clone(), subscription: subscription.clone(), due: self.now };
                // A repeat asks for nothing, whatever report it names.
                if self.send(&id, delivery::Command::Request { subscription, occasion, wanted }) {
                    self.known.insert(report);
                    self.asked.insert(id, asked);
                }
            }
            Op::Schedule { report } => self.schedule(*report),
            Op::Render { report } => {
                let manifest = Manifest {
                    cut: wanted(*report).cut(),
                    log_sha256: "ab".repeat(32),
                    projection: 1,
                    template: String::new(),
                    renderer: String::new(),
                    fonts: String::new(),
                    tz_data: String::new(),
                    analysis: 1,
                    base_url: String::new(),
                    thumbnails: vec![],
                    names: vec![],
                };
                let sha256 = ContentHash::of(&[*report]);
                let command = report::Command::CompleteRendering { sha256, size_bytes: 9, pages: 2, manifest };
                self.reports.send(&self.log, &Report::id(&wanted(*report)), self.now, command);
            }
            Op::Abandon { report } => {
                let command = report::Command::Abandon { reason: "no fonts".to_owned() };
                self.reports.send(&self.log, &Report::id(&wanted(*report)), self.now, command);
            }
            Op::Claim { delivery } => {
                let Some(id) = self.pick(*delivery) else { return };
                let Asked { report, subscription, .. } = self.asked[&id].clone();
                let lease_until = self.now + SignedDuration::from_mins(7);
                let (worker, address, now) = ("w".to_owned(), "hmac".to_owned(), self.now);
                self.send(&id, delivery::Command::Claim { report, subscription, worker, lease_until, address, now });
            }
            Op::End { delivery, outcome } => {
                let Some(id) = self.pick(*delivery) else { return };
                self.end(&id, *outcome);
            }
        }
    }

    fn pick(&self, number: usize) -> Option<Id<Delivery>> {
        let ids: Vec<_> = self.asked.keys().collect();
        Some(ids.get(number.checked_rem(ids.len())?).copied()?.clone())
    }

    fn schedule(&mut self, report: u8) {
        let wanted = wanted(report);
        self.known.insert(Report::id(&wanted));
        self.reports.send(&self.log, &Report::id(&wanted), self.now, report::Command::Schedule(wanted));
    }

    /// As the scheduler does: first the report, then who is to get it.
    fn list(&mut self, number: u8, subscribers: u8) {
        self.schedule(number);
        let wanted = wanted(number);
        let (report, due) = (Report::id(&wanted), self.now);
        let of_bit = |bit: u8| (subscribers & (1 << bit) != 0).then(|| subscriber(bit));
        let mut subscriptions: Vec<_> = (0..3).filter_map(of_bit).collect();
        subscriptions.sort_unstable();
        for subscription in &subscriptions {
            let id = Delivery::id(&report, subscription, &Occasion::Due);
            let asked = Asked { report: report.clone(), subscription: subscription.clone(), due };
            self.asked.entry(id).or_insert(asked);
        }
        let schedule = Schedule::Daily { time: "06:00".parse().unwrap(), zone: Zone::utc() };
        let slot = Slot { trial: wanted.trial, schedule, edition: wanted.edition };
        let listed = OccurrenceEvent::RecipientsListed { report, period: wanted.period, due, subscriptions };
        self.log.append(&Occurrence::id(&slot, due).stream(), &listed, self.now);
    }

    /// True where something happened.
    fn send(&mut self, id: &Id<Delivery>, command: delivery::Command) -> bool {
        let event = self.deliveries.send(&self.log, id, self.now, command).pop();
        event.map(|event| self.last.insert(id.clone(), event)).is_some()
    }

    fn end(&mut self, id: &Id<Delivery>, outcome: Outcome) {
        let attempt = match self.deliveries.state(id) {
            Delivery::Attempted { attempt, .. }
            | Delivery::Deferred { attempt, .. }
            | Delivery::Unknown { attempt } => attempt,
            Delivery::Waiting | Delivery::Requested | Delivery::Ended => 1,
        };
        let reply = sealed("person/u", "250 ok");
        self.send(
            id,
            match outcome {
                Outcome::Sent => delivery::Command::RecordSent { attempt, reply, queue_id: None },
                Outcome::Deferred => {
                    let retry_at = self.now + SignedDuration::from_mins(3);
                    delivery::Command::RecordDeferred { attempt, reply, retry_at }
                }
                Outcome::Failed => delivery::Command::RecordFailed { attempt, reply },
                Outcome::Withheld => delivery::Command::Withhold { reason: Withheld::NoAccess },
                Outcome::Skipped => delivery::Command::Skip { reason: Skipped::ReportAbandoned },
                Outcome::Unknown => delivery::Command::RecordUnknown { attempt, now: self.now, worker: "w".to_owned() },
            },
        );
    }

    /// When something has to be done about a delivery, and how it stands.
    fn expected(&self, id: &Id<Delivery>) -> (DeliveryStatus, Option<Timestamp>) {
        use delivery::Event;
        match self.last.get(id) {
            None | Some(Event::DeliveryRequested { .. }) => (DeliveryStatus::Waiting, Some(self.asked[id].due)),
            Some(Event::DeliveryAttempted { lease_until, .. }) => (DeliveryStatus::Attempted, Some(*lease_until)),
            Some(Event::DeliveryDeferred { retry_at, .. }) => (DeliveryStatus::Deferred, Some(*retry_at)),
            Some(Event::DeliverySent { .. }) => (DeliveryStatus::Sent, None),
            Some(Event::DeliveryFailed { .. }) => (DeliveryStatus::Failed, None),
            Some(Event::DeliveryWithheld { .. }) => (DeliveryStatus::Withheld, None),
            Some(Event::DeliverySkipped { .. }) => (DeliveryStatus::Skipped, None),
            Some(Event::DeliveryUnknown { .. }) => (DeliveryStatus::Unknown, None),
        }
    }
}

async fn the_view_is_as_the_streams_say(history: &History, view: &Following) {
    let mut open: BTreeMap<Id<Report>, u64> = BTreeMap::new();
    let mut waiting = open.clone();
    assert_eq!(view.rows.rows::<DeliveryNow>().len(), history.asked.len());
    for (id, asked) in &history.asked {
        let row: DeliveryNow = view.views.get(id.as_str()).await.unwrap().unwrap();
        let (status, due) = history.expected(id);
        assert_eq!((row.status, row.due), (status, due.map(stamp_of)), "{id}");
        assert_eq!((&row.report, &row.subscription), (&asked.report, &asked.subscription));
        *open.entry(asked.report.clone()).or_default() += u64::from(due.is_some());
        *waiting.entry(asked.report.clone()).or_default() += u64::from(status == DeliveryStatus::Waiting);
    }
    let reports: Vec<ReportNow> = view.rows.rows();
    assert_eq!(reports.iter().map(|row| row.id.clone()).collect::<BTreeSet<_>>(), history.known);
    for row in reports {
        let wanted = open.get(&row.id).copied().unwrap_or_default();
        assert_eq!(row.open_deliveries, wanted, "{}", row.id);
        let status = match history.reports.state(&row.id) {
            Report::Unknown => ReportStatus::Requested,
            Report::Scheduled(_) => ReportStatus::Scheduled,
            Report::Rendered(..) => ReportStatus::Rendered,
            Report::Abandoned(_) => ReportStatus::Abandoned,
        };
        assert_eq!(row.status, status);
        let has_ended = matches!(status, ReportStatus::Rendered | ReportStatus::Abandoned);
        let waiting = waiting.get(&row.id).copied().unwrap_or_default();
        assert_eq!((row.waiting_deliveries, row.sending), (waiting, has_ended && waiting > 0));
        // What the mailer and reconciliation ask for.
        let due = Find::all(100).equal("report", row.id.as_str()).range("due", Some(0.into()), None);
        assert_eq!(view.views.find::<DeliveryNow>(&due).await.unwrap().len() as u64, wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_delivery_is_open_until_it_has_an_outcome_and_each_report_counts_its_own(ops in vec(any_op(), 1..60)) {
        run(async {
            let mut history = History::new();
            let mut view = Following::new(Reports, &history.log);
            for op in &ops {
                history.play(op);
                view.catch_up().await;
                the_view_is_as_the_streams_say(&history, &view).await;
            }
            assert_eq!(fold(Reports, &history.log).await.rows.dump(), view.rows.dump());
        });
    }
}

#[test]
fn a_proof_that_comes_late_makes_an_unknown_delivery_a_sent_one() {
    let mut history = History::new();
    history.play(&Op::List { report: 0, subscribers: 1 });
    history.play(&Op::Render { report: 0 });
    history.play(&Op::Claim { delivery: 0 });
    let id = history.pick(0).unwrap();
    run(async {
        let mut view = Following::new(Reports, &history.log);
        for (outcome, status) in [(Outcome::Unknown, DeliveryStatus::Unknown), (Outcome::Sent, DeliveryStatus::Sent)] {
            history.end(&id, outcome);
            view.catch_up().await;
            let row: DeliveryNow = view.views.get(id.as_str()).await.unwrap().unwrap();
            assert_eq!((row.status, row.due), (status, None));
            let report: ReportNow = view.views.get(row.report.as_str()).await.unwrap().unwrap();
            assert_eq!((report.open_deliveries, report.sending), (0, false), "it left the list once");
        }
    });
}
