//! Collection to log: observes each change of a record, and closes quarter hours behind what it has observed.
//!
//! Changes and closings are merged by the time of the change, also after downtime, so that a weekend's backlog does not land in
//! Friday. Correctness rests on exact revisions and change tokens: a second relay, or a repeat after a crash, appends nothing.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use commands::{Commands, Observed};
use domain::clock::{ClockDay, Command, LogHash, QUARTER_SECONDS, quarter_hour_after, quarter_hour_before};
use domain::document::Source;
use domain::id::{DocumentId, derive};
use futures::StreamExt;
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use ports::{Categories, Cause, Change, ChangeToken, DocumentStore, EventFeed, Fed, Find, Place, Result, Step, Worker};
use projections::{ReportNow, SlotNow, Views, stamp_of};

use crate::into_port_error;
use crate::scan::{Occasion, Scan};

/// The relay's name in events.
const ACTOR: &str = "change-relay";
/// At most so many changes in one step.
const BATCH: usize = 256;
/// At most so many documents at once.
const TOGETHER: usize = 32;
/// At most so many slots whose due is closed are asked when they are due next.
const SLOTS: usize = 5_000;

/// The shortest time: instants have microseconds.
const ONE_MOMENT: SignedDuration = SignedDuration::from_micros(1);

/// The relay.
pub struct ChangeRelay {
    documents: Arc<dyn DocumentStore>,
    feed: Arc<dyn EventFeed>,
    commands: Commands,
    views: Views,
    scan: Scan,
    /// The last closing; unknown before the first step and after somebody else closed.
    last: Option<Timestamp>,
    /// Where the views stood at the last step.
    seen: [Option<ports::Position>; 2],
    /// Where the view of closings stood when it was last asked for the last of them.
    closings: Option<ports::Position>,
    /// What was waited for when they stood there, behind this closing.
    awaited: Option<(Option<Timestamp>, Awaited)>,
}

/// What waits for closings.
#[derive(Clone, Debug)]
struct Awaited {
    /// The instants that reports wait to be cut at, in order.
    cuts: Vec<Timestamp>,
    /// The next due behind the last closing.
    due: Option<Timestamp>,
}

/// What was read of the feed of changes in one step.
struct Read {
    /// None where there is nothing to observe, and only the place to be acknowledged.
    changes: Vec<(Option<Observed>, Place)>,
    up_to: Option<Timestamp>,
    lost: bool,
}

impl ChangeRelay {
    /// A relay between these ports.
    #[must_use]
    pub fn new(documents: Arc<dyn DocumentStore>, feed: Arc<dyn EventFeed>, commands: Commands, views: Views) -> Self {
        let scan = Scan::new(Arc::clone(&documents), commands.clone(), views.clone());
        Self { documents, feed, commands, views, scan, last: None, seen: [None; 2], closings: None, awaited: None }
    }

    /// The last closing, once the view of closings has seen all of them; none while it is behind.
    async fn last_closing(&mut self) -> Result<Option<Option<Timestamp>>> {
        self.closings = self.views.position("closings").await?;
        let mut behind = self.feed.read(self.closings, Categories(&["clock"]));
        while let Some(fed) = behind.next().await {
            if let Fed::Event(_) = fed? {
                return Ok(None);
            }
        }
        Ok(Some(self.views.last_closing(None).await?.map(|closing| closing.instant)))
    }

    async fn read(&self, now: Timestamp) -> Result<Read> {
        let mut read = Read { changes: Vec::new(), up_to: None, lost: false };
        let mut changes = self.documents.changes();
        while read.changes.len() < BATCH
            && let Some(change) = changes.next().await
        {
            match change? {
                Change::Seen { id, token, at, before, after, place } => {
                    let stored_at = at.min(now);
                    let observed = DocumentId::parse("_id", &id).ok().map(|document| {
                        let source = Source::Feed;
                        Observed { document, token, stored_at, before, after, source }
                    });
                    if observed.is_none() {
                        tracing::warn!(record.id = %id, "a record whose _id is no ObjectId is left out");
                    }
                    read.changes.push((observed, place));
                }
                Change::UpTo(instant) => read.up_to = Some(instant.min(now)),
                Change::Lost => read.lost = true,
            }
        }
        Ok(read)
    }

    /// The first look at an existing collection, and the closing before which nothing is "added".
    async fn first_contact(&mut self, now: Timestamp) -> Result<()> {
        let (token, place) = self.documents.end().await?;
        if self.documents.acknowledged().await?.is_none() {
            self.documents.acknowledge(&place).await?;
        }
        self.scan(Occasion::FirstContact, token, now).await?;
        self.close(&[quarter_hour_before(now)], None, true).await
    }

    /// Looks at every record.
    async fn scan(&self, occasion: Occasion, token: ChangeToken, now: Timestamp) -> Result<()> {
        let mut last: Option<String> = None;
        while let Some(page) = self.scan.records(occasion, token, last.as_deref(), now).await? {
            last = Some(page.last);
        }
        Ok(())
    }

    /// Fills lost history: looks at every record, and at every document that is no longer in the collection. Every closing since
    /// the last one says that history was lost, and the last of them stands in the log before the place is acknowledged: until
    /// then the loss is found again, also after a restart.
    async fn recover(&mut self, now: Timestamp) -> Result<()> {
        let (token, place) = self.documents.end().await?;
        let cuts = self.awaited_cuts().await?;
        // A closing comes after the one before it, whatever the clock says.
        let end = self.last.map_or(now, |last| now.max(last + ONE_MOMENT));
        let now = end - ONE_MOMENT;
        // What the scan finds counts from now on, and not in the quarter hours that went by.
        self.close_moments(&cuts, now, false).await?;
        self.close_through(now, false).await?;
        self.scan(Occasion::HistoryLost, token, now).await?;
        let mut last: Option<String> = None;
        while let Some(page) = self.scan.known(Occasion::HistoryLost, token, last.as_deref(), now).await? {
            last = Some(page.last);
        }
        if quarter_hour_before(end) == end {
            self.close(&[end], None, false).await?;
        } else {
            self.close(&[], Some(end), false).await?;
        }
        self.documents.acknowledge(&place).await
    }

    /// Whether something is to be closed before a change at an instant.
    fn closes_before(&self, cuts: &[Timestamp], at: Timestamp) -> bool {
        self.last.is_some_and(|last| {
            quarter_hour_after(last) <= at || cuts.iter().any(|cut| (last..=at).contains(cut) && *cut > last)
        })
    }

    /// Takes in changes between two closings: those of one document in their order, several documents at once.
    async fn observe(&self, changes: Vec<(&Observed, Timestamp)>) -> Result<()> {
        let mut documents: Vec<Vec<(&Observed, Timestamp)>> = Vec::new();
        let mut places: HashMap<&DocumentId, usize> = HashMap::new();
        for (observed, at) in changes {
            let place = *places.entry(&observed.document).or_insert(documents.len());
            match documents.get_mut(place) {
                Some(of_document) => of_document.push((observed, at)),
                None => documents.push(vec![(observed, at)]),
            }
        }
        for some in documents.chunks(TOGETHER) {
            try_join_all(some.iter().map(|of_document| self.observe_in_order(of_document))).await?;
        }
        Ok(())
    }

    async fn observe_in_order(&self, changes: &[(&Observed, Timestamp)]) -> Result<()> {
        for (observed, at) in changes {
            self.commands.observe(observed, *at).await?;
        }
        Ok(())
    }

    /// Closes quarter hours, in one append for each UTC date, and then a moment, if it is behind them.
    async fn close(&mut self, quarters: &[Timestamp], moment: Option<Timestamp>, complete: bool) -> Result<()> {
        let through = self.views.last_closing(None).await?;
        let log = LogHash {
            through: through.as_ref().map(|closing| closing.instant),
            sha256: through.map_or_else(ports::EventHash::default, |closing| closing.log).to_string(),
        };
        let mut dates: Vec<_> = quarters.iter().chain(&moment).map(|instant| ClockDay::date_of(*instant)).collect();
        dates.dedup();
        for date in dates {
            let instants: Vec<_> = quarters.iter().copied().filter(|i| ClockDay::date_of(*i) == date).collect();
            let moment = moment.filter(|instant| ClockDay::date_of(*instant) == date);
            let Some(end) = moment.or_else(|| instants.last().copied()) else { continue };
            let start = instants.first().copied().unwrap_or(end);
            let cause = Cause::by_itself(ACTOR, derive("close", &[&start.to_string(), &end.to_string()]));
            let close = Command::Close { instants, moment, complete, log: log.clone() };
            self.commands.sender.send(&ClockDay::id(date), &cause, close).await.map_err(into_port_error)?;
            self.last = Some(end);
        }
        Ok(())
    }

    /// Closes every quarter hour up to and with an instant.
    async fn close_through(&mut self, instant: Timestamp, complete: bool) -> Result<()> {
        let Some(last) = self.last else { return Ok(()) };
        let mut quarters = Vec::new();
        let mut quarter = quarter_hour_after(last);
        while quarter <= instant {
            quarters.push(quarter);
            quarter += SignedDuration::from_secs(QUARTER_SECONDS);
        }
        if quarters.is_empty() { Ok(()) } else { self.close(&quarters, None, complete).await }
    }

    /// Closes what waits, up to and with an instant: moments that reports are cut at, and the quarter hours between them.
    async fn close_moments(&mut self, moments: &[Timestamp], through: Timestamp, complete: bool) -> Result<()> {
        for moment in moments.iter().filter(|moment| **moment <= through) {
            self.close_through(*moment, complete).await?;
            if self.last.is_some_and(|last| last < *moment) {
                self.close(&[], Some(*moment), complete).await?;
            }
        }
        Ok(())
    }

    /// The instants that reports wait to be cut at, in order.
    async fn awaited_cuts(&self) -> Result<Vec<Timestamp>> {
        let after = self.last.map_or(0, stamp_of) + 1;
        let mut cuts = Vec::new();
        for status in ["requested", "scheduled"] {
            let find = Find::all(1_000).equal("status", status).range("cut_stamp", Some(after.into()), None);
            let waiting: Vec<ReportNow> = self.views.find(&find).await?;
            cuts.extend(waiting.into_iter().map(|report| report.cut));
        }
        cuts.sort_unstable();
        cuts.dedup();
        Ok(cuts)
    }

    /// What waits for closings; looked up where a view or the last closing has moved.
    async fn awaited(&mut self) -> Result<Awaited> {
        if let Some((last, awaited)) = &self.awaited
            && *last == self.last
        {
            return Ok(awaited.clone());
        }
        let awaited = Awaited { cuts: self.awaited_cuts().await?, due: self.next_due().await? };
        self.awaited = Some((self.last, awaited.clone()));
        Ok(awaited)
    }

    /// The next due behind the last closing.
    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let Some(last) = self.last else { return Ok(None) };
        let behind = stamp_of(last) + 1;
        let dues = |limit| Find::all(limit).equal("one", 1);
        let next: Option<SlotNow> = self.views.first(dues(1).range("due", Some(behind.into()), None)).await?;
        // A due that is closed waits for the scheduler, or ended before observation began: what counts is the slot's next one.
        let closed: Vec<SlotNow> =
            self.views.find(&dues(SLOTS).range("due", Some(0.into()), Some(behind.into()))).await?;
        let following = closed.iter().map(|slot| slot.slot.schedule.next_after(last));
        Ok(next.and_then(|slot| slot.due()).into_iter().chain(following).min())
    }

    async fn relay(&mut self, now: Timestamp) -> Result<Step> {
        if self.last.is_none() {
            match self.last_closing().await? {
                None => return Ok(Step::Idle { until: None }),
                Some(None) => {
                    self.first_contact(now).await?;
                    return Ok(Step::Worked);
                }
                Some(last) => self.last = last,
            }
        }
        let read = self.read(now).await?;
        if read.lost {
            self.recover(now).await?;
            return Ok(Step::Worked);
        }
        let Awaited { cuts, .. } = self.awaited().await?;
        let mut together = Vec::new();
        for observed in read.changes.iter().filter_map(|(observed, _)| observed.as_ref()) {
            // Never before the last closing, so that order in the log is order in time.
            let at = observed.changed_at().min(now).max(self.last.unwrap_or(now));
            if self.closes_before(&cuts, at) {
                self.observe(std::mem::take(&mut together)).await?;
                self.close_moments(&cuts, at, true).await?;
                self.close_through(at, true).await?;
            }
            together.push((observed, at));
        }
        self.observe(together).await?;
        let worked = !read.changes.is_empty();
        if let Some((_, place)) = read.changes.last() {
            self.documents.acknowledge(place).await?;
        }
        let Some(up_to) = read.up_to else { return Ok(Step::Worked) };
        let before = self.last;
        self.close_moments(&cuts, up_to, true).await?;
        let Awaited { due, .. } = self.awaited().await?;
        if due.is_some_and(|due| due <= up_to) {
            self.close_through(quarter_hour_before(up_to), true).await?;
        }
        if worked || self.last != before {
            return Ok(Step::Worked);
        }
        let next_cut = cuts.into_iter().find(|cut| *cut > up_to);
        Ok(Step::Idle { until: due.into_iter().chain(next_cut).min() })
    }
}

#[async_trait]
impl Worker for ChangeRelay {
    fn name(&self) -> &'static str {
        "change_relay"
    }

    async fn step(&mut self, now: Timestamp) -> Result<Step> {
        let stand = [self.views.position("subscriptions").await?, self.views.position("reports").await?];
        if stand != self.seen {
            (self.seen, self.awaited) = (stand, None);
        }
        let step = self.relay(now).await;
        if step.is_err() {
            // Somebody else may have closed; look again before the next closing.
            self.last = None;
        }
        step
    }

    async fn wake(&mut self) {
        tokio::select! {
            () = self.documents.changed(), if self.last.is_some() => {}
            () = self.views.moved("closings", self.closings), if self.last.is_none() => {}
            () = self.views.moved("subscriptions", self.seen[0]) => {}
            () = self.views.moved("reports", self.seen[1]) => {}
        }
    }

    fn forget(&mut self) {
        (self.last, self.awaited) = (None, None);
    }
}
