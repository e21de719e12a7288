//! The rules of the clock's streams.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::given::{given, minute};
use crate::schedule::tests::at;

const QUARTER_NANOS: i128 = QUARTER_SECONDS as i128 * 1_000_000_000;

fn log() -> LogHash {
    LogHash { through: None, sha256: "00".repeat(32) }
}

fn close(instants: &[i64], moment: Option<i64>) -> Command {
    let instants = instants.iter().copied().map(minute).collect();
    Command::Close { instants, moment: moment.map(minute), complete: true, log: log() }
}

fn quarter(minutes: i64) -> Event {
    Event::QuarterHourClosed { instant: minute(minutes), complete: true, log: log() }
}

fn moment(minutes: i64) -> Event {
    Event::MomentClosed { instant: minute(minutes), complete: true, log: log() }
}

#[test]
fn an_idle_stretch_is_closed_in_one_append() {
    given::<ClockDay>([]).when(close(&[0, 15, 30], None)).then([quarter(0), quarter(15), quarter(30)]);
}

#[test]
fn instants_not_after_the_last_closing_are_left_out() {
    given::<ClockDay>([quarter(0), quarter(15)]).when(close(&[0, 15, 30], None)).then([quarter(30)]);
    given::<ClockDay>([quarter(15)]).when(close(&[0, 15], Some(10))).then_nothing();
}

#[test]
fn a_moment_is_closed_between_the_quarter_hours_around_it() {
    given::<ClockDay>([]).when(close(&[0, 15], Some(20))).then([quarter(0), quarter(15), moment(20)]);
    given::<ClockDay>([]).when(close(&[0, 15], Some(7))).then([quarter(0), moment(7), quarter(15)]);
    given::<ClockDay>([moment(7)]).when(close(&[15], Some(7))).then([quarter(15)]);
}

#[test]
fn a_moment_that_is_a_quarter_hour_is_closed_as_one() {
    given::<ClockDay>([]).when(close(&[0, 15], Some(15))).then([quarter(0), quarter(15)]);
}

#[test]
fn a_closing_after_lost_history_says_that_it_is_not_complete() {
    let command = Command::Close { instants: vec![minute(0)], moment: None, complete: false, log: log() };
    let closed = Event::QuarterHourClosed { instant: minute(0), complete: false, log: log() };
    assert_eq!(closed.closing(), (minute(0), false));
    given::<ClockDay>([]).when(command).then([closed]);
}

#[test]
fn midnight_opens_the_new_dates_stream() {
    assert_eq!(ClockDay::id(ClockDay::date_of(at("2026-11-30T00:00:00Z"))).stream(), "clock-2026-11-30");
    assert_eq!(ClockDay::id(ClockDay::date_of(at("2026-11-29T23:59:59.999999Z"))).stream(), "clock-2026-11-29");
}

proptest! {
    #[test]
    fn closings_ascend_whatever_is_asked(
        asked in prop::collection::vec((prop::collection::vec(0..96_i64, 0..6), prop::option::of(0..1_440_i64)), 0..12),
    ) {
        let (mut state, mut closed) = (ClockDay::default(), vec![]);
        for (quarters, moment) in asked {
            let quarters: Vec<_> = quarters.into_iter().map(|quarter| quarter * 15).collect();
            for event in state.decide(close(&quarters, moment)).unwrap() {
                closed.push(event.closing().0);
                state.apply(&event);
            }
        }
        prop_assert!(closed.is_sorted_by(|one, next| one < next), "{closed:?}");
        prop_assert_eq!(state.last(), closed.last().copied());
    }

    #[test]
    fn every_instant_lies_between_its_quarter_hours(
        quarter in -4_000_000..4_000_000_i128,
        offset in prop_oneof![-1_500_000_000..1_500_000_000_i128, 0..QUARTER_NANOS],
    ) {
        let nanos = quarter * QUARTER_NANOS + offset;
        let instant = Timestamp::from_nanosecond(nanos).unwrap();
        let (before, after) = (quarter_hour_before(instant), quarter_hour_after(instant));
        prop_assert!(before <= instant && instant < after, "{before} {instant} {after}");
        prop_assert_eq!(after.duration_since(before), SignedDuration::from_secs(QUARTER_SECONDS));
        prop_assert_eq!(before.as_nanosecond() % QUARTER_NANOS, 0);
        prop_assert_eq!(quarter_hour_before(before), before);
    }
}
