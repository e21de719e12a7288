//! Settings as of any closing, who is a member, and the log hash at each closing.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::access::Role;
use domain::id::{Id, TrialId, UserId};
use domain::membership::{self, Membership};
use domain::trial::{self, Enclosure, Trial};
use jiff::{SignedDuration, Timestamp};
use ports::{EventHash, Find};
use projections::{Closing, Closings, LogHash, Member, TrialNow, TrialSettings, Trials, stamp_of};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{BEGIN, Following, Log, Streams, at, close, fold, run, sealed};

#[derive(Clone, Debug)]
enum Op {
    Set { trial: u8, title: u8, link: bool },
    Open { trial: u8, open: bool },
    Grant { trial: u8, user: u8, role: u8 },
    Revoke { trial: u8, user: u8 },
    Close,
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..2_u8, 0..3_u8, any::<bool>()).prop_map(|(trial, title, link)| Op::Set { trial, title, link }),
        2 => (0..2_u8, any::<bool>()).prop_map(|(trial, open)| Op::Open { trial, open }),
        2 => (0..2_u8, 0..2_u8, 0..3_u8).prop_map(|(trial, user, role)| Op::Grant { trial, user, role }),
        1 => (0..2_u8, 0..2_u8).prop_map(|(trial, user)| Op::Revoke { trial, user }),
        2 => Just(Op::Close),
    ]
}

fn trial_id(number: u8) -> TrialId {
    TrialId::parse("trial", &format!("T-{number}")).unwrap()
}

fn user_id(number: u8) -> UserId {
    UserId::parse("user", &format!("u-{number}")).unwrap()
}

/// What a trial's settings are said to be: title, enclosure, open.
type Settings = BTreeMap<TrialId, (String, Enclosure, bool)>;

#[derive(Default)]
struct History {
    log: Arc<Log>,
    trials: Streams<Trial>,
    memberships: Streams<Membership>,
    settings: Settings,
    closings: Vec<(Timestamp, Settings)>,
}

impl History {
    fn now(&self) -> Timestamp {
        self.closings.last().map_or_else(|| at(BEGIN), |(last, _)| *last)
    }

    fn play(&mut self, op: &Op) {
        let now = self.now();
        match op {
            Op::Set { trial, title, link } => {
                let (id, by) = (trial_id(*trial), user_id(0));
                let title = sealed("trial/x", &format!("title {title}"));
                let enclosure = if *link { Enclosure::Link } else { Enclosure::Attachment };
                let command = trial::Command::Set { trial: id.clone(), by, title: title.clone(), enclosure };
                for event in self.trials.send(&self.log, &Trial::id(&id), now, command) {
                    assert!(matches!(
                        event,
                        trial::Event::TrialOpened { .. } | trial::Event::TrialSettingsChanged { .. }
                    ));
                    self.settings.insert(id.clone(), (title.text.clone(), enclosure, true));
                }
            }
            Op::Open { trial, open } => {
                let id = trial_id(*trial);
                let command = if *open {
                    trial::Command::Reopen { reason: None }
                } else {
                    trial::Command::Close { reason: None }
                };
                for _ in self.trials.send(&self.log, &Trial::id(&id), now, command) {
                    self.settings.get_mut(&id).unwrap().2 = *open;
                }
            }
            Op::Grant { trial, user, role } => {
                let (trial, user) = (trial_id(*trial), user_id(*user));
                let id: Id<Membership> = Membership::id(&trial, &user);
                let role = [Role::Reader, Role::Contributor, Role::Coordinator][usize::from(*role)];
                self.memberships.send(&self.log, &id, now, membership::Command::Grant { trial, user, role });
            }
            Op::Revoke { trial, user } => {
                let id = Membership::id(&trial_id(*trial), &user_id(*user));
                self.memberships.send(&self.log, &id, now, membership::Command::Revoke);
            }
            Op::Close => {
                let instant = now + SignedDuration::from_mins(10);
                close(&self.log, instant);
                self.closings.push((instant, self.settings.clone()));
            }
        }
    }
}

fn told(settings: TrialSettings) -> (String, Enclosure, bool) {
    (settings.title.text, settings.enclosure, settings.open)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn settings_and_members_are_known_now_and_as_of_every_closing(ops in vec(any_op(), 1..40)) {
        run(async {
            let mut history = History::default();
            let mut view = Following::new(Trials, &history.log);
            for op in &ops {
                history.play(op);
                view.catch_up().await;
            }
            let now: Settings =
                view.rows.rows::<TrialNow>().into_iter().map(|TrialNow(now)| (now.trial.clone(), told(now))).collect();
            assert_eq!(now, history.settings);
            for (closing, then) in &history.closings {
                for trial in [trial_id(0), trial_id(1)] {
                    let find = Find::all(1).equal("trial", trial.as_str());
                    let find = find.range("stamp", None, Some(stamp_of(*closing).into())).descending();
                    let settings = view.views.first::<TrialSettings>(find).await.unwrap();
                    assert_eq!(settings.map(told).as_ref(), then.get(&trial), "{trial} at {closing}");
                }
            }
            for (trial, user) in [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(trial, user)| (trial_id(trial), user_id(user))) {
                let member = view.views.get::<Member>(&format!("{trial}|{user}")).await.unwrap();
                let state = history.memberships.state(&Membership::id(&trial, &user));
                assert_eq!(member.map(|member| member.role), state.role());
            }
            assert_eq!(fold(Trials, &history.log).await.rows.dump(), view.rows.dump());
        });
    }

    #[test]
    fn the_log_hash_at_a_closing_covers_every_event_up_to_it_and_none_after(ops in vec(any_op(), 1..40)) {
        run(async {
            let mut history = History::default();
            let mut view = Following::new(Closings, &history.log);
            for op in &ops {
                history.play(op);
                view.catch_up().await;
            }
            let events = history.log.events();
            let hash = |upto: usize| events[..upto].iter().fold(EventHash::default(), |log, event| log.then(event.hash()));
            let places = events.iter().enumerate().filter(|(_, event)| event.stream.starts_with("clock-"));
            for ((closing, _), (place, _)) in history.closings.iter().zip(places) {
                let row = view.views.last_closing(Some(*closing)).await.unwrap().unwrap();
                assert_eq!((row.instant, row.log), (*closing, hash(place + 1)));
                let before = view.views.last_closing(Some(*closing - SignedDuration::from_micros(1))).await.unwrap();
                assert!(before.is_none_or(|before: Closing| before.instant < *closing));
            }
            if let Some(now) = view.views.get::<LogHash>(LogHash::KEY).await.unwrap() {
                assert_eq!((now.log, now.events), (hash(events.len()), events.len() as u64));
            }
            assert_eq!(fold(Closings, &history.log).await.rows.dump(), view.rows.dump());
        });
    }
}
