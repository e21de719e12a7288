//! `given(events).when(command).then(events)`, or `.refused(refusal)`: the words in which the rules are tested.
//!
//! What is given goes through the stored form of the log, so that each test also shows that a stored state is the same state.

use std::fmt::Debug;

use jiff::Timestamp;
use serde_json::Value;

use crate::aggregate::{Aggregate, Event, encode, replay};
use crate::edition::{Audience, Edition, Language, Paper, Slot};
use crate::id::{ContentHash, TrialId, UserId};
use crate::period::Period;
use crate::schedule::tests::{at, weekly, zone};
use crate::schedule::{Schedule, Weekday};
use crate::sealed::Sealed;

/// What happened before.
pub(crate) struct Given<A: Aggregate> {
    state: A,
}

/// What was decided.
pub(crate) struct Decided<A: Aggregate> {
    state: A,
    decided: Result<Vec<A::Event>, A::Refusal>,
}

/// The state after some events, out of their stored form.
pub(crate) fn given<A: Aggregate + PartialEq>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let events: Vec<_> = events.into_iter().collect();
    Given { state: stored_and_replayed(&events) }
}

/// The state that events fold to, checked to be the same out of memory and out of the log.
pub(crate) fn stored_and_replayed<A: Aggregate + PartialEq>(events: &[A::Event]) -> A {
    let mut folded = A::default();
    events.iter().for_each(|event| folded.apply(event));
    let stored: Vec<_> = events.iter().map(|event| (event.kind(), event.version(), encode(event))).collect();
    let replayed: A = replay(stored.iter().map(|(kind, version, data)| (*kind, *version, data.as_slice()))).unwrap();
    assert_eq!(replayed, folded, "replayed from {stored:?}");
    folded
}

impl<A: Aggregate> Given<A> {
    /// Decides.
    pub(crate) fn when(self, command: A::Command) -> Decided<A> {
        Decided { decided: self.state.decide(command), state: self.state }
    }

    /// The state itself.
    pub(crate) fn state(self) -> A {
        self.state
    }
}

impl<A: Aggregate> Decided<A> {
    /// Exactly these events follow. Answers the state after them.
    #[track_caller]
    pub(crate) fn then(mut self, expected: impl IntoIterator<Item = A::Event>) -> Given<A> {
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(self.decided, Ok(expected.clone()));
        expected.iter().for_each(|event| self.state.apply(event));
        Given { state: self.state }
    }

    /// Nothing changes, and nobody is told no.
    #[track_caller]
    pub(crate) fn then_nothing(self) {
        self.then([]);
    }

    /// The business says no, in a sentence, under a code that may end a URI.
    #[track_caller]
    pub(crate) fn refused(self, expected: A::Refusal)
    where
        A::Refusal: Debug,
    {
        use crate::aggregate::Refusal;
        assert!(expected.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", expected.code());
        assert!(!expected.to_string().contains(['{', '}']) || expected.to_string().contains("/{id}"), "{expected}");
        assert_eq!(self.decided, Err(expected));
    }
}

/// The JSON of something.
pub(crate) fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

pub(crate) fn trial() -> TrialId {
    TrialId::parse("trial", "CARDIO-7").unwrap()
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::parse("user", id).unwrap()
}

pub(crate) fn sealed(text: &str) -> Sealed {
    Sealed::seal("trial/CARDIO-7", &[7; 32], text.as_bytes())
}

pub(crate) fn content(text: &str) -> ContentHash {
    ContentHash::of(text.as_bytes())
}

pub(crate) fn monday_at(time: &str) -> Schedule {
    weekly(Weekday::Monday, time, "Europe/Berlin")
}

pub(crate) fn edition(paper: Paper) -> Edition {
    Edition { zone: zone("Europe/Berlin"), language: Language::En, paper, audience: Audience::Members }
}

pub(crate) fn slot() -> Slot {
    Slot { trial: trial(), schedule: monday_at("08:00"), edition: edition(Paper::A4) }
}

pub(crate) fn period(from: &str, to: &str) -> Period {
    Period::new(at(from), at(to)).unwrap()
}

/// A Monday morning, in minutes after 08:00 UTC.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    at("2026-11-30T08:00:00Z") + jiff::SignedDuration::from_mins(minutes)
}
