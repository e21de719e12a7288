//! The rules of a subscription, one by one and in any order.

use proptest::prelude::*;

use super::*;
use crate::edition::Paper;
use crate::given::{edition, given, monday_at, stored_and_replayed, trial, user};
use crate::schedule::Weekday;
use crate::schedule::tests::{weekly, zone};

fn start(time: &str, paper: Paper) -> Command {
    Command::Start { trial: trial(), user: user("u1"), schedule: monday_at(time), edition: edition(paper) }
}

fn started(term: u32, time: &str) -> Event {
    let (schedule, edition) = (monday_at(time), edition(Paper::A4));
    Event::SubscriptionStarted { term, trial: trial(), user: user("u1"), schedule, edition }
}

fn reschedule(time: &str, paper: Paper) -> Command {
    Command::Reschedule { schedule: Some(monday_at(time)), paper: Some(paper) }
}

fn rescheduled(before: &str, now: &str) -> Event {
    Event::SubscriptionRescheduled {
        schedule_before: monday_at(before),
        edition_before: edition(Paper::A4),
        schedule: monday_at(now),
        edition: edition(Paper::A4),
    }
}

fn paused(term: u32) -> Event {
    Event::SubscriptionPaused { term }
}

fn resumed(term: u32) -> Event {
    Event::SubscriptionResumed { term }
}

fn end() -> Command {
    Command::End { by: EndedBy::Subscriber }
}

fn ended(term: u32) -> Event {
    Event::SubscriptionEnded { term, by: EndedBy::Subscriber }
}

#[test]
fn the_first_start_begins_term_one() {
    given::<Subscription>([]).when(start("08:00", Paper::A4)).then([started(1, "08:00")]);
}

#[test]
fn the_same_start_twice_is_answered_with_what_is_there() {
    given::<Subscription>([started(1, "08:00")]).when(start("08:00", Paper::A4)).then_nothing();
    given::<Subscription>([started(1, "08:00"), paused(1)]).when(start("08:00", Paper::A4)).then_nothing();
}

#[test]
fn a_start_with_another_schedule_or_edition_is_refused_and_names_the_command_that_changes_it() {
    given::<Subscription>([started(1, "08:00")]).when(start("17:00", Paper::A4)).refused(Refusal::RunsDifferently);
    given::<Subscription>([started(1, "08:00")]).when(start("08:00", Paper::Letter)).refused(Refusal::RunsDifferently);
    assert!(Refusal::RunsDifferently.to_string().contains("PATCH /api/subscriptions/{id}"));
}

#[test]
fn an_ended_subscription_starts_again_with_its_next_term_and_any_schedule() {
    given::<Subscription>([started(1, "08:00"), ended(1)])
        .when(start("17:00", Paper::A4))
        .then([started(2, "17:00")])
        .when(end())
        .then([ended(2)])
        .when(start("08:00", Paper::A4))
        .then([started(3, "08:00")]);
}

#[test]
fn a_reschedule_keeps_what_was_before() {
    given::<Subscription>([started(1, "08:00")])
        .when(reschedule("17:00", Paper::A4))
        .then([rescheduled("08:00", "17:00")])
        .when(reschedule("17:00", Paper::A4))
        .then_nothing();
}

#[test]
fn a_reschedule_to_another_edition_alone_is_a_change() {
    let after = Event::SubscriptionRescheduled {
        schedule_before: monday_at("08:00"),
        edition_before: edition(Paper::A4),
        schedule: monday_at("08:00"),
        edition: edition(Paper::Letter),
    };
    given::<Subscription>([started(1, "08:00")]).when(reschedule("08:00", Paper::Letter)).then([after]);
}

/// The other may have been changed since it was read.
#[test]
fn changing_only_the_schedule_or_only_the_paper_leaves_the_other_as_it_is_now() {
    let on_letter = Event::SubscriptionRescheduled {
        schedule_before: monday_at("17:00"),
        edition_before: edition(Paper::A4),
        schedule: monday_at("17:00"),
        edition: edition(Paper::Letter),
    };
    let in_tokyo = weekly(Weekday::Monday, "17:00", "Asia/Tokyo");
    let moved = Event::SubscriptionRescheduled {
        schedule_before: monday_at("17:00"),
        edition_before: edition(Paper::Letter),
        schedule: in_tokyo.clone(),
        edition: Edition { zone: zone("Asia/Tokyo"), ..edition(Paper::Letter) },
    };
    given::<Subscription>([started(1, "08:00"), rescheduled("08:00", "17:00")])
        .when(Command::Reschedule { schedule: None, paper: Some(Paper::Letter) })
        .then([on_letter])
        .when(Command::Reschedule { schedule: Some(in_tokyo), paper: None })
        .then([moved])
        .when(Command::Reschedule { schedule: None, paper: None })
        .then_nothing();
}

#[test]
fn another_cadence_is_another_subscription() {
    let daily = Schedule::Daily { time: "08:00".parse().unwrap(), zone: zone("Europe/Berlin") };
    let command = Command::Reschedule { schedule: Some(daily), paper: None };
    given::<Subscription>([started(1, "08:00")]).when(command).refused(Refusal::CadenceIsFixed);
    let ids = [Cadence::Weekly, Cadence::Daily, Cadence::Monthly].map(|c| Subscription::id(&trial(), &user("u1"), c));
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

#[test]
fn a_pause_survives_a_reschedule_and_ends_with_resume() {
    let state = given::<Subscription>([started(1, "08:00")])
        .when(Command::Pause)
        .then([paused(1)])
        .when(reschedule("17:00", Paper::A4))
        .then([rescheduled("08:00", "17:00")])
        .when(Command::Pause);
    state.refused(Refusal::PausedAlready);
    let resumed_after = given::<Subscription>([started(1, "08:00"), paused(1), rescheduled("08:00", "17:00")])
        .when(Command::Resume)
        .then([resumed(1)])
        .state();
    let known = resumed_after.0.unwrap();
    assert_eq!((known.status, known.schedule), (Status::Active, monday_at("17:00")));
}

#[test]
fn only_what_is_paused_resumes() {
    given::<Subscription>([started(1, "08:00")]).when(Command::Resume).refused(Refusal::NotPaused);
}

#[test]
fn unsubscribing_twice_is_no_error() {
    let by_link = || Command::End { by: EndedBy::UnsubscribeLink };
    given::<Subscription>([started(1, "08:00")])
        .when(by_link())
        .then([Event::SubscriptionEnded { term: 1, by: EndedBy::UnsubscribeLink }])
        .when(by_link())
        .then_nothing();
    given::<Subscription>([started(1, "08:00"), paused(1)]).when(end()).then([ended(1)]);
}

#[test]
fn what_has_ended_is_not_paused_resumed_or_rescheduled() {
    for command in [Command::Pause, Command::Resume, reschedule("17:00", Paper::A4)] {
        given::<Subscription>([started(1, "08:00"), ended(1)]).when(command).refused(Refusal::Ended);
    }
}

#[test]
fn what_was_never_started_can_only_be_started() {
    for command in [Command::Pause, Command::Resume, end(), reschedule("17:00", Paper::A4)] {
        given::<Subscription>([]).when(command).refused(Refusal::NotStarted);
    }
}

#[test]
fn a_known_subscription_tells_with_whom_it_is_served() {
    let known = given::<Subscription>([started(1, "08:00")]).state().0.unwrap();
    assert_eq!(known.slot(), crate::given::slot());
}

fn any_command() -> impl Strategy<Value = Command> {
    let time = || prop::sample::select(vec!["08:00", "17:00"]);
    prop_oneof![
        3 => time().prop_map(|time| start(time, Paper::A4)),
        1 => time().prop_map(|time| reschedule(time, Paper::A4)),
        1 => Just(Command::Pause),
        1 => Just(Command::Resume),
        2 => prop::sample::select(vec![EndedBy::Subscriber, EndedBy::UnsubscribeLink, EndedBy::Coordinator])
            .prop_map(|by| Command::End { by }),
    ]
}

proptest! {
    #[test]
    fn in_any_order_of_commands_at_most_one_term_runs_and_the_log_tells_the_state(
        commands in prop::collection::vec(any_command(), 0..40),
    ) {
        let (mut state, mut events) = (Subscription::default(), vec![]);
        // The model: terms so far, whether one runs, whether it is paused.
        let (mut terms, mut running, mut is_paused) = (0, false, false);
        for command in commands {
            let new = state.decide(command.clone()).unwrap_or_default();
            prop_assert!(new.len() <= 1, "{command:?} gave {new:?}");
            for event in new {
                match &event {
                    Event::SubscriptionStarted { term, .. } => {
                        prop_assert!(!running, "a second term began while one ran");
                        terms += 1;
                        prop_assert_eq!(*term, terms);
                        (running, is_paused) = (true, false);
                    }
                    Event::SubscriptionRescheduled { schedule_before, schedule, edition_before, edition } => {
                        prop_assert!(running);
                        prop_assert!(schedule_before != schedule || edition_before != edition);
                        prop_assert_eq!(schedule_before, &state.0.as_ref().unwrap().schedule);
                    }
                    Event::SubscriptionPaused { term } => {
                        prop_assert!(running && !is_paused && *term == terms);
                        is_paused = true;
                    }
                    Event::SubscriptionResumed { term } => {
                        prop_assert!(running && is_paused && *term == terms);
                        is_paused = false;
                    }
                    Event::SubscriptionEnded { term, .. } => {
                        prop_assert!(running && *term == terms);
                        running = false;
                    }
                }
                state.apply(&event);
                events.push(event);
            }
            let status = state.0.as_ref().map(|known| known.status);
            let expected = match (terms, running, is_paused) {
                (0, ..) => None,
                (_, false, _) => Some(Status::Ended),
                (_, true, true) => Some(Status::Paused),
                (_, true, false) => Some(Status::Active),
            };
            prop_assert_eq!(status, expected);
            // A repeat of what was just done, or refused, adds nothing: a retried request is safe.
            prop_assert_eq!(state.decide(command).unwrap_or_default(), vec![]);
        }
        prop_assert_eq!(stored_and_replayed::<Subscription>(&events), state);
    }
}
