//! Any interleaving of what subscribers may do, of closings, and of a scheduler that may stop after each of its steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::edition::{Audience, Edition, Language, Paper, Slot};
use domain::id::{Id, TrialId, UserId};
use domain::occurrence::{self, Occurrence};
use domain::period::Period;
use domain::schedule::{Cadence, Schedule, Weekday, Zone};
use domain::subscription::{self, EndedBy, Status, Subscription};
use jiff::{SignedDuration, Timestamp};
use ports::Find;
use projections::{Served, SlotNow, Subscriptions, Views, stamp_of};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{BEGIN, Following, Log, Streams, at, close};

/// The first closing.
const FIRST: &str = "2026-11-30T06:00:00Z";

/// How far the scheduler comes before it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    Opened,
    Listed,
    Closed,
}

/// One thing that may happen; what is refused, does not.
#[derive(Clone, Debug)]
pub enum Op {
    Start {
        user: u8,
        schedule: u8,
    },
    Reschedule {
        user: u8,
        schedule: u8,
    },
    Pause {
        user: u8,
        weekly: bool,
    },
    Resume {
        user: u8,
        weekly: bool,
    },
    End {
        user: u8,
        weekly: bool,
    },
    /// The clock goes on, and nobody closes anything yet.
    Lag {
        hours: i64,
    },
    /// What follows a closing is recorded by a machine whose clock says that it is still before it.
    Behind,
    Close {
        closings: u8,
    },
    Serve {
        slot: u8,
        until: Until,
    },
}

pub fn any_history() -> impl Strategy<Value = Vec<Op>> {
    let until = prop_oneof![Just(Until::Opened), Just(Until::Listed), Just(Until::Closed)];
    let op = prop_oneof![
        4 => (0..3_u8, 0..5_u8).prop_map(|(user, schedule)| Op::Start { user, schedule }),
        2 => (0..3_u8, 0..5_u8).prop_map(|(user, schedule)| Op::Reschedule { user, schedule }),
        2 => (0..3_u8, any::<bool>()).prop_map(|(user, weekly)| Op::Pause { user, weekly }),
        2 => (0..3_u8, any::<bool>()).prop_map(|(user, weekly)| Op::Resume { user, weekly }),
        1 => (0..3_u8, any::<bool>()).prop_map(|(user, weekly)| Op::End { user, weekly }),
        6 => (1..12_u8).prop_map(|closings| Op::Close { closings }),
        1 => (1..30_i64).prop_map(|hours| Op::Lag { hours }),
        2 => Just(Op::Behind),
        5 => (0..5_u8, until).prop_map(|(slot, until)| Op::Serve { slot, until }),
    ];
    vec(op, 1..50)
}

fn trial() -> TrialId {
    TrialId::parse("trial", "T").unwrap()
}

pub fn subscription(user: u8, cadence: Cadence) -> Id<Subscription> {
    Subscription::id(&trial(), &user_id(user), cadence)
}

fn user_id(user: u8) -> UserId {
    UserId::parse("user", &format!("u-{user}")).unwrap()
}

/// Three daily schedules, then two weekly ones; each due is closed.
pub fn schedule(number: u8) -> Schedule {
    let zone = Zone::utc();
    let time = |text: &str| text.parse().unwrap();
    match number {
        0 => Schedule::Daily { time: time("06:00"), zone },
        1 => Schedule::Daily { time: time("12:00"), zone },
        2 => Schedule::Daily { time: time("18:00"), zone },
        3 => Schedule::Weekly { weekday: Weekday::Monday, time: time("12:00"), zone },
        _ => Schedule::Weekly { weekday: Weekday::Tuesday, time: time("00:00"), zone },
    }
}

fn edition() -> Edition {
    Edition { zone: Zone::utc(), language: Language::En, paper: Paper::A4, audience: Audience::Members }
}

const fn cadence(weekly: bool) -> Cadence {
    if weekly { Cadence::Weekly } else { Cadence::Daily }
}

/// Subscriptions by slot.
pub type Active = BTreeMap<Slot, BTreeSet<Id<Subscription>>>;

/// What happened, as the rules say it; and the view that the scheduler reads.
pub struct History {
    pub log: Arc<Log>,
    pub view: Following,
    pub subscriptions: Streams<Subscription>,
    is_behind: bool,
    /// Who was active in which slot from an instant on.
    states: BTreeMap<Timestamp, Active>,
    occurrences: Streams<Occurrence>,
    /// Each closing, and who was active in which slot at it.
    pub closings: Vec<(Timestamp, Active)>,
    /// Where the last listed period ended, since the last start or resume.
    pub covered_to: BTreeMap<Id<Subscription>, Timestamp>,
    /// Dues that were opened or joined into one that was.
    pub handled: BTreeSet<(Slot, Timestamp)>,
    /// Dues that are open.
    pub open: BTreeMap<Slot, Timestamp>,
    pub now: Timestamp,
}

impl Default for History {
    fn default() -> Self {
        let log = Arc::new(Log::default());
        Self {
            view: Following::new(Subscriptions, &log),
            log,
            subscriptions: Streams::default(),
            is_behind: false,
            states: BTreeMap::new(),
            occurrences: Streams::default(),
            closings: Vec::new(),
            covered_to: BTreeMap::new(),
            handled: BTreeSet::new(),
            open: BTreeMap::new(),
            now: at(BEGIN),
        }
    }
}

impl History {
    pub async fn play(&mut self, op: &Op) {
        self.now += SignedDuration::from_secs(1);
        match op {
            Op::Start { user, schedule: number } => {
                let (schedule, edition) = (schedule(*number), edition());
                let id = subscription(*user, schedule.cadence());
                let command = subscription::Command::Start { trial: trial(), user: user_id(*user), schedule, edition };
                self.send(&id, command);
            }
            Op::Reschedule { user, schedule: number } => {
                let schedule = schedule(*number);
                let id = subscription(*user, schedule.cadence());
                self.send(&id, subscription::Command::Reschedule { schedule: Some(schedule), paper: None });
            }
            Op::Pause { user, weekly } => {
                self.send(&subscription(*user, cadence(*weekly)), subscription::Command::Pause);
            }
            Op::Resume { user, weekly } => {
                self.send(&subscription(*user, cadence(*weekly)), subscription::Command::Resume);
            }
            Op::End { user, weekly } => {
                let command = subscription::Command::End { by: EndedBy::Subscriber };
                self.send(&subscription(*user, cadence(*weekly)), command);
            }
            Op::Lag { hours } => {
                self.now += SignedDuration::from_hours(*hours);
                self.is_behind = false;
            }
            Op::Behind => {
                let a_minute = SignedDuration::from_mins(1);
                self.is_behind = self.closings.last().is_some_and(|(closed, _)| self.now < *closed + a_minute);
            }
            Op::Close { closings } => (0..*closings).for_each(|_| self.close()),
            Op::Serve { slot, until } => {
                let due = self.due_slots().await;
                if !due.is_empty() {
                    self.serve(&due[usize::from(*slot) % due.len()], *until).await;
                }
            }
        }
        self.view.catch_up().await;
    }

    fn send(&mut self, id: &Id<Subscription>, command: subscription::Command) {
        let behind = SignedDuration::from_secs(if self.is_behind { 120 } else { 0 });
        let recorded_at = self.now - behind;
        for event in self.subscriptions.send(&self.log, id, recorded_at, command) {
            match event {
                subscription::Event::SubscriptionStarted { .. } | subscription::Event::SubscriptionResumed { .. } => {
                    self.covered_to.remove(id);
                }
                subscription::Event::SubscriptionRescheduled { .. }
                | subscription::Event::SubscriptionPaused { .. }
                | subscription::Event::SubscriptionEnded { .. } => {}
            }
        }
        // What stands behind a closing in the log happened after it, whatever the clock says.
        let last = self.states.last_key_value().map_or(recorded_at, |(last, _)| *last);
        let closed = self.closings.last().map_or(recorded_at, |(closed, _)| *closed);
        self.states.insert(recorded_at.max(closed).max(last), self.active());
    }

    /// Who is active in which slot.
    pub fn active(&self) -> Active {
        let mut active = Active::new();
        for (id, Subscription(known)) in self.subscriptions.all() {
            if let Some(known) = known.as_ref().filter(|known| known.status == Status::Active) {
                active.entry(known.slot()).or_default().insert(Id::known(id));
            }
        }
        active
    }

    fn close(&mut self) {
        // 06:00, 09:00 …: every due is closed, and times at which nothing is due too.
        let instant = self.closings.last().map_or_else(|| at(FIRST), |(last, _)| *last + SignedDuration::from_hours(3));
        self.now = self.now.max(instant);
        self.is_behind = false;
        close(&self.log, instant);
        // As it was at that instant, however late it is closed.
        let then = self.states.range(..instant).next_back().map(|(_, active)| active.clone());
        self.closings.push((instant, then.unwrap_or_default()));
    }

    /// The slots that the scheduler sees due.
    async fn due_slots(&self) -> Vec<SlotNow> {
        let Some((closed, _)) = self.closings.last() else { return vec![] };
        let due = Find::all(100).equal("one", 1).range("due", Some(0.into()), Some((stamp_of(*closed) + 1).into()));
        self.view.views.find(&due).await.unwrap()
    }

    /// An occurrence of the dues that the view shows, up to a step.
    async fn serve(&mut self, row: &SlotNow, until: Until) {
        let slot = &row.slot;
        let closed = self.closings.last().unwrap().0;
        let first = row.due().unwrap();
        let dues: Vec<_> = std::iter::once(first).chain(slot.schedule.due_between(first, closed)).collect();
        let due = row.open.unwrap_or_else(|| *dues.last().unwrap());
        let joined: Vec<_> = dues.into_iter().filter(|missed| *missed < due).collect();
        let id = Occurrence::id(slot, due);
        let open = occurrence::Command::Open { slot: slot.clone(), due, joined: joined.clone() };
        if !self.occurrences.send(&self.log, &id, self.now, open).is_empty() {
            self.handled.extend(joined.into_iter().chain([due]).map(|due| (slot.clone(), due)));
            self.open.insert(slot.clone(), due);
        }
        if until >= Until::Listed {
            self.view.catch_up().await;
            self.list(slot, due, &id).await;
        }
        if until == Until::Closed
            && !self.occurrences.send(&self.log, &id, self.now, occurrence::Command::Close).is_empty()
        {
            self.open.remove(slot);
        }
    }

    /// Names all who are served. Which period each gets is the scheduler's business; to the view any will do.
    async fn list(&mut self, slot: &Slot, due: Timestamp, id: &Id<Occurrence>) {
        let subscriptions: Vec<_> = served_at(&self.view.views, slot, due).await.into_iter().collect();
        let period = Period::regular(&slot.schedule, due).unwrap();
        let list = occurrence::Command::List { period, subscriptions };
        for event in self.occurrences.send(&self.log, id, self.now, list) {
            let occurrence::Event::RecipientsListed { subscriptions, .. } = event else { continue };
            for subscription in subscriptions {
                let covered_to = self.covered_to.entry(subscription).or_insert_with(|| period.to());
                *covered_to = (*covered_to).max(period.to());
            }
        }
    }

    /// Lets the scheduler do all there is.
    pub async fn drain(&mut self) {
        for _ in 0..1_000 {
            let due = self.due_slots().await;
            if due.is_empty() {
                return;
            }
            for row in due {
                self.serve(&row, Until::Closed).await;
            }
            self.view.catch_up().await;
        }
        panic!("the scheduler never comes to rest");
    }
}

/// Those served in a slot at a closing, as the scheduler asks for them.
pub async fn served_at(views: &Views, slot: &Slot, closing: Timestamp) -> BTreeSet<Id<Subscription>> {
    let cut = stamp_of(closing);
    let find = Find::all(1_000).equal("slot", slot.key()).range("to", Some(cut.into()), None);
    let served: Vec<Served> = views.find(&find).await.unwrap();
    let served: Vec<_> = served.into_iter().filter(|served| served.from < cut).collect();
    let subscriptions: BTreeSet<_> = served.iter().map(|served| served.subscription.clone()).collect();
    assert_eq!(subscriptions.len(), served.len(), "nobody is served twice at one closing");
    subscriptions
}
