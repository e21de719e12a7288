//! Due slots become occurrences: who is to get which report.

use std::collections::BTreeMap;
use std::sync::Arc;

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
use futures::TryStreamExt;
use http::Access;
use jiff::Timestamp;
use ports::{Categories, Cause, EventFeed, Fed, Find, Position, Result, Step, Worker};
use projections::{OPEN, ReportNow, Row, Served, SlotNow, Stamp, SubscriptionNow, Views, stamp_of};
use serde_json::Value;
use uuid::Uuid;

use crate::{into_port_error, is_lasting};

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
    feed: Arc<dyn EventFeed>,
    /// Where the views stood at the last step.
    seen: [Option<Position>; 2],
    /// Whether that step found nothing: until a view moves there is nothing.
    is_idle: bool,
    /// An event of occurrences that the view of subscriptions has to fold before anything is opened.
    awaited: Option<Position>,
    /// Slots that failed and would fail again, and the due at which they did.
    aside: BTreeMap<String, Option<Stamp>>,
}

/// A due, the slot that is served at it, and the missed ones that are joined into it.
type Due<'r> = (Timestamp, &'r SlotNow, Vec<Timestamp>);

/// Those who are served at a due, by the start of their period.
type Recipients = BTreeMap<Timestamp, (Period, Vec<Id<Subscription>>)>;

impl Scheduler {
    /// A scheduler over these views.
    #[must_use]
    pub fn new(sender: Sender, access: Access, views: Views, feed: Arc<dyn EventFeed>) -> Self {
        Self { sender, access, views, feed, seen: [None; 2], is_idle: false, awaited: None, aside: BTreeMap::new() }
    }

    /// Sends a command whose id is derived from what it is about, so that a repeat appends nothing. True where it did append.
    async fn send<A: Aggregate>(&self, id: &Id<A>, cause: Cause, command: A::Command) -> Result<bool> {
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
            let cause = Cause::following(ACTOR, command_id(&report.id, &[]), report.origin);
            appended |= self.send(&report.id, cause, command).await?;
        }
        Ok(appended)
    }

    /// Whether the view has yet to fold what was appended to occurrences, by this scheduler, before a restart, or by another.
    /// Until then it says of a slot that it is due though it has been served, and of a subscription that less is covered than is.
    async fn lags(&mut self) -> Result<bool> {
        let position = self.seen[0];
        if position < self.awaited {
            return Ok(true);
        }
        let mut behind = self.feed.read(position, Categories(&[Occurrence::CATEGORY]));
        while let Some(fed) = behind.try_next().await? {
            if let Fed::Event(event) = fed {
                self.awaited = Some(event.position);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens what is due, once the view has passed the closing of the due quarter hour. Only occurrences of one due are opened
    /// between two looks at the log: nobody is in two slots at one instant, but at two instants somebody who moved from one
    /// slot to another may be, and the second period begins where the first one ended.
    async fn open_due(&mut self) -> Result<bool> {
        let progress = self.views.progress("subscriptions").await?;
        let (Some(closed), Some(genesis)) = (progress.closed, progress.genesis) else { return Ok(false) };
        let below = stamp_of(closed) + 1;
        let mut after = None;
        loop {
            let find = Find::all(SLOTS).equal("one", 1).range("due", Some(0.into()), Some(below.into())).after(after);
            let slots: Vec<SlotNow> = self.views.find(&find).await?;
            let Some(last) = slots.last() else { return Ok(false) };
            after = Some((last.due.into(), last.key.clone()));
            let is_aside = |row: &SlotNow| self.aside.get(&row.key) == Some(&row.due);
            let mut due: Vec<Due<'_>> = slots
                .iter()
                .filter(|row| !is_aside(row))
                .filter_map(|row| due_now(row, closed, genesis).map(|(due, joined)| (due, row, joined)))
                .collect();
            // The oldest first, so that who moved gets what was due in the one slot and then what was due in the other.
            due.sort_by_key(|(due, ..)| *due);
            let mut opened = None;
            for (due, row, joined) in due {
                if opened.is_some_and(|opened| opened != due) {
                    break;
                }
                match self.occur(&row.slot, due, joined, genesis).await {
                    Ok(true) => opened = Some(due),
                    Ok(false) => {}
                    // The other slots go on; this one waits for its next due, or for a restart.
                    Err(error) if is_lasting(&error) => {
                        tracing::error!(slot = row.key, %due, %error, "a slot cannot be served");
                        self.aside.insert(row.key.clone(), row.due);
                    }
                    Err(error) => return Err(error),
                }
            }
            if opened.is_some() {
                return Ok(true);
            }
        }
    }

    /// One occurrence of a slot, from where it stands to its end. False where nothing was left to append.
    async fn occur(&self, slot: &Slot, due: Timestamp, joined: Vec<Timestamp>, genesis: Timestamp) -> Result<bool> {
        let id = Occurrence::id(slot, due);
        let open = Command::Open { slot: slot.clone(), due, joined };
        let mut appended = self.send(&id, of_occurrence(&id, command_id(&id, &["open"])), open).await?;
        if self.access.is_open(&slot.trial).await? {
            self.list(&id, slot, due, genesis).await?;
        }
        appended |= self.send(&id, of_occurrence(&id, command_id(&id, &["close"])), Command::Close).await?;
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
            let report = Report::id(&wanted);
            let cause = of_occurrence(id, command_id(&report, &[]));
            self.send(&report, cause, report::Command::Schedule(wanted)).await?;
            for chunk in subscriptions.chunks(CHUNK) {
                let end = chunk.last().map_or("", |last| last.as_str());
                let list = Command::List { period, subscriptions: chunk.to_vec() };
                let cause = of_occurrence(id, command_id(id, &["list", &from.to_string(), end]));
                self.send(id, cause, list).await?;
            }
        }
        Ok(())
    }

    /// Those active in the slot at the due closing, each with a period that starts where their last listed one ended. A first
    /// report begins with the regular period of their first due, though that one was missed and is joined into this.
    async fn recipients(&self, slot: &Slot, due: Timestamp, genesis: Timestamp) -> Result<Recipients> {
        let mut recipients = Recipients::new();
        for served in self.served_at(slot, stamp_of(due)).await? {
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
        for (_, subscriptions) in recipients.values_mut() {
            subscriptions.sort_unstable();
            subscriptions.dedup();
        }
        Ok(recipients)
    }

    /// Those served in a slot at a closing, some of them twice. The view moves while it is read, but a row changes its place only
    /// once, when somebody leaves: those who are still there are read first, in an order that a leaver does not disturb, and who
    /// leaves meanwhile is found among those who left since the closing.
    async fn served_at(&self, slot: &Slot, cut: Stamp) -> Result<Vec<Served>> {
        let of_slot = || Find::all(PAGE).equal("slot", slot.key());
        let mut all = Vec::new();
        for find in [of_slot().equal("to", OPEN), of_slot().range("to", Some(cut.into()), Some(OPEN.into()))] {
            let mut after = None;
            loop {
                let page: Vec<Served> = self.views.find(&find.clone().after(after)).await?;
                let Some(last) = page.last() else { break };
                let place = if find.range.is_some() { last.to.into() } else { Value::Null };
                after = Some((place, last.key()));
                all.extend(page.into_iter().filter(|served| served.from < cut));
            }
        }
        Ok(all)
    }
}

/// The id of a command, derived from what it is about.
fn command_id<A: Aggregate>(id: &Id<A>, parts: &[&str]) -> Uuid {
    derive("schedule", &[&[id.as_str()], parts].concat())
}

/// All that an occurrence leads to shares one correlation.
fn of_occurrence(id: &Id<Occurrence>, command: Uuid) -> Cause {
    Cause { correlation: derive("occurrence", &[id.as_str()]), ..Cause::by_itself(ACTOR, command) }
}

/// The due at which a slot is to be served now, and the missed ones that are joined into it; none where none has been observed.
fn due_now(row: &SlotNow, closed: Timestamp, genesis: Timestamp) -> Option<(Timestamp, Vec<Timestamp>)> {
    let (schedule, first) = (&row.slot.schedule, row.due()?);
    let mut dues: Vec<Timestamp> = std::iter::once(first)
        .chain(schedule.due_between(first, closed))
        .filter(|due| is_observed(schedule, *due, genesis))
        .collect();
    let due = row.open.or_else(|| dues.last().copied())?;
    dues.retain(|missed| *missed < due);
    Some((due, dues))
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
        let stand = [self.views.position("subscriptions").await?, self.views.position("reports").await?];
        if self.is_idle && stand == self.seen {
            return Ok(Step::Idle { until: None });
        }
        (self.seen, self.is_idle) = (stand, false);
        let requested = self.schedule_requested().await?;
        let opened = !self.lags().await? && self.open_due().await?;
        self.is_idle = !requested && !opened;
        Ok(if self.is_idle { Step::Idle { until: None } } else { Step::Worked })
    }

    fn forget(&mut self) {
        self.is_idle = false;
        self.aside.clear();
    }

    async fn wake(&mut self) {
        tokio::select! {
            () = self.views.moved("subscriptions", self.seen[0]) => {}
            () = self.views.moved("reports", self.seen[1]) => {}
        }
    }
}
