//! Due slots become occurrences: who is to get which report.

use std::collections::BTreeMap;

use async_trait::async_trait;
use commands::Sender;
use domain::aggregate::Aggregate;
use domain::edition::Slot;
use domain::id::{Id, derive};
use domain::occurrence::{CHUNK, Command, Occurrence};
use domain::period::Period;
use domain::report::{self, Report, Scheduled};
use domain::schedule::Schedule;
use domain::subscription::Subscription;
use http::Access;
use jiff::Timestamp;
use ports::{Find, Position, Result, Step, Worker};
use projections::{ReportNow, Served, SlotNow, Stamp, SubscriptionNow, Views, stamp_of};

use crate::{caused_by, into_port_error};

/// The scheduler's name in events.
const ACTOR: &str = "scheduler";
/// Slots looked at in one step.
const SLOTS: usize = 64;
/// Rows read at once.
const PAGE: usize = 5_000;

/// The scheduler.
pub struct Scheduler {
    sender: Sender,
    access: Access,
    views: Views,
    seen: [Option<Position>; 2],
}

/// Those who are served at a due, by the start of their period.
type Recipients = BTreeMap<Timestamp, (Period, Vec<Id<Subscription>>)>;

impl Scheduler {
    /// A scheduler over these views.
    #[must_use]
    pub fn new(sender: Sender, access: Access, views: Views) -> Self {
        Self { sender, access, views, seen: [None; 2] }
    }

    /// Sends a command whose id is derived from what it is about, so that a repeat appends nothing. True where it did append.
    async fn send<A: Aggregate>(&self, id: &Id<A>, parts: &[&str], command: A::Command) -> Result<bool> {
        let cause = caused_by(ACTOR, derive("schedule", &[&[id.as_str()], parts].concat()));
        let receipt = self.sender.send(id, &cause, command).await.map_err(into_port_error)?;
        Ok(receipt.appended > 0 && !receipt.repeated)
    }

    /// Asks for the reports that deliveries want and nobody has asked for.
    async fn schedule_requested(&self) -> Result<bool> {
        let find = Find::all(SLOTS).equal("status", "requested").range("cut_stamp", Some(0.into()), None);
        let requested: Vec<ReportNow> = self.views.find(&find).await?;
        let mut appended = false;
        for report in &requested {
            let command = report::Command::Schedule(Scheduled {
                trial: report.trial.clone(),
                period: report.period,
                edition: report.edition.clone(),
                so_far: report.so_far,
            });
            appended |= self.send(&report.id, &[], command).await?;
        }
        Ok(appended)
    }

    /// Opens what is due, once the view has passed the closing of the due quarter hour.
    async fn open_due(&self) -> Result<bool> {
        let progress = self.views.progress("subscriptions").await?;
        let (Some(closed), Some(genesis)) = (progress.closed, progress.genesis) else { return Ok(false) };
        let below = stamp_of(closed) + 1;
        let mut after = None;
        loop {
            let find = Find::all(SLOTS).equal("one", 1).range("due", Some(0.into()), Some(below.into())).after(after);
            let slots: Vec<SlotNow> = self.views.find(&find).await?;
            let Some(last) = slots.last() else { return Ok(false) };
            after = Some((last.due.into(), last.key.clone()));
            let mut opened = false;
            for row in &slots {
                opened |= self.occur(row, closed, genesis).await?;
            }
            if opened {
                return Ok(true);
            }
        }
    }

    /// One occurrence of a slot, from where it stands to its end. False where nothing was left to append.
    async fn occur(&self, row: &SlotNow, closed: Timestamp, genesis: Timestamp) -> Result<bool> {
        let (slot, Some(first)) = (&row.slot, row.due()) else { return Ok(false) };
        let mut dues: Vec<Timestamp> = std::iter::once(first)
            .chain(slot.schedule.due_between(first, closed))
            .filter(|due| is_observed(&slot.schedule, *due, genesis))
            .collect();
        let due = match row.open {
            Some(open) => open,
            None => match dues.pop() {
                Some(newest) => newest,
                None => return Ok(false),
            },
        };
        let joined = dues.into_iter().filter(|missed| *missed < due).collect();
        let id = Occurrence::id(slot, due);
        let mut appended = self.send(&id, &["open"], Command::Open { slot: slot.clone(), due, joined }).await?;
        if self.access.is_open(&slot.trial).await? {
            self.list(&id, slot, due, genesis).await?;
        }
        appended |= self.send(&id, &["close"], Command::Close).await?;
        Ok(appended)
    }

    /// Names the recipients, from behind the last one named.
    async fn list(&self, id: &Id<Occurrence>, slot: &Slot, due: Timestamp, genesis: Timestamp) -> Result<()> {
        let last = match self.access.state(id).await? {
            Occurrence::Open { last, .. } => last,
            Occurrence::Unknown | Occurrence::Closed => return Ok(()),
        };
        for (from, (period, mut subscriptions)) in self.recipients(slot, due, genesis).await? {
            if let Some((last_from, last_subscription)) = &last {
                subscriptions.retain(|subscription| (&from, subscription) > (last_from, last_subscription));
            }
            if subscriptions.is_empty() {
                continue;
            }
            let wanted = slot.report(period);
            self.send(&Report::id(&wanted), &[], report::Command::Schedule(wanted)).await?;
            for chunk in subscriptions.chunks(CHUNK) {
                let end = chunk.last().map_or("", |last| last.as_str());
                let list = Command::List { period, subscriptions: chunk.to_vec() };
                self.send(id, &["list", &from.to_string(), end], list).await?;
            }
        }
        Ok(())
    }

    /// Those active in the slot at the due closing, each with a period that starts where their last listed one ended. A first
    /// report begins with the regular period of their first due, though that one was missed and is joined into this.
    async fn recipients(&self, slot: &Slot, due: Timestamp, genesis: Timestamp) -> Result<Recipients> {
        let (mut recipients, mut after) = (Recipients::new(), None);
        let cut = stamp_of(due);
        loop {
            let find = Find::all(PAGE).equal("slot", slot.key()).range("to", Some(cut.into()), None).after(after);
            let page: Vec<Served> = self.views.find(&find).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.to.into(), projections::Row::key(last)));
            for served in page.into_iter().filter(|served| served.from < cut) {
                let row: Option<SubscriptionNow> = self.views.get(served.subscription.as_str()).await?;
                let covered_to = row.and_then(|row| row.covered_to);
                let from = match covered_to {
                    Some(from) => Some(from),
                    None => first_due(&slot.schedule, served.from, due, genesis)
                        .and_then(|first| Period::regular(&slot.schedule, first))
                        .map(|first| first.from()),
                };
                let period = from.and_then(|from| Period::since(from, &slot.schedule, due));
                if let Some(period) = period {
                    recipients.entry(period.from()).or_insert_with(|| (period, Vec::new())).1.push(served.subscription);
                }
            }
        }
        for (_, subscriptions) in recipients.values_mut() {
            subscriptions.sort_unstable();
            subscriptions.dedup();
        }
        Ok(recipients)
    }
}

/// A period that ends before observation began has nothing to tell.
fn is_observed(schedule: &Schedule, due: Timestamp, genesis: Timestamp) -> bool {
    Period::end(schedule, due) >= genesis
}

/// The first due that tells something to who is served from a moment on, up to the present one.
fn first_due(schedule: &Schedule, since: Stamp, due: Timestamp, genesis: Timestamp) -> Option<Timestamp> {
    let since = Timestamp::from_microsecond(since).ok()?;
    schedule.due_between(since, due).find(|due| is_observed(schedule, *due, genesis))
}

#[async_trait]
impl Worker for Scheduler {
    fn name(&self) -> &'static str {
        "scheduler"
    }

    async fn step(&mut self, _now: Timestamp) -> Result<Step> {
        self.seen = [self.views.position("subscriptions").await?, self.views.position("reports").await?];
        let requested = self.schedule_requested().await?;
        let opened = self.open_due().await?;
        Ok(if requested || opened { Step::Worked } else { Step::Idle { until: None } })
    }

    async fn wake(&mut self) {
        tokio::select! {
            () = self.views.moved("subscriptions", self.seen[0]) => {}
            () = self.views.moved("reports", self.seen[1]) => {}
        }
    }
}
