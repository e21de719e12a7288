//! The rules of an occurrence.

use super::*;
use crate::aggregate::encode;
use crate::edition::Paper;
use crate::given::{edition, given, minute, period, slot};

/// The most bytes that one append may carry, in every log.
const MAX_APPEND_BYTES: usize = 1_048_576;

fn a_week() -> Period {
    period("2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z")
}

fn two_weeks() -> Period {
    period("2026-11-15T23:00:00Z", "2026-11-29T23:00:00Z")
}

fn report(period: Period) -> Id<Report> {
    Report::id(&slot().report(period))
}

fn subscriptions(numbers: impl IntoIterator<Item = u32>) -> Vec<Id<Subscription>> {
    numbers.into_iter().map(|n| Id::known(format!("00000000-0000-5000-8000-{n:012}"))).collect()
}

fn list(period: Period, numbers: impl IntoIterator<Item = u32>) -> Command {
    Command::List { period, subscriptions: subscriptions(numbers) }
}

fn listed(period: Period, numbers: impl IntoIterator<Item = u32>) -> Event {
    let (report, subscriptions) = (report(period), subscriptions(numbers));
    Event::RecipientsListed { report, period, due: minute(0), subscriptions }
}

fn opened() -> Event {
    Event::OccurrenceOpened { slot: slot(), due: minute(0), joined: vec![] }
}

fn closed(listed: u64) -> Event {
    Event::OccurrenceClosed { slot: slot(), due: minute(0), listed }
}

#[test]
fn an_occurrence_opens_once_and_names_the_missed_dues_joined_into_it() {
    let open = || Command::Open { slot: slot(), due: minute(0), joined: vec![minute(-7 * 24 * 60)] };
    let opened = Event::OccurrenceOpened { slot: slot(), due: minute(0), joined: vec![minute(-7 * 24 * 60)] };
    given::<Occurrence>([]).when(open()).then([opened.clone()]).when(open()).then_nothing();
    given::<Occurrence>([opened, closed(0)]).when(open()).then_nothing();
}

#[test]
fn nothing_is_listed_or_closed_before_it_opens() {
    given::<Occurrence>([]).when(list(a_week(), [1])).refused(Refusal::NotOpened);
    given::<Occurrence>([]).when(Command::Close).refused(Refusal::NotOpened);
}

#[test]
fn recipients_are_listed_in_chunks_and_counted_at_the_close() {
    given::<Occurrence>([opened()])
        .when(list(two_weeks(), [4, 9]))
        .then([listed(two_weeks(), [4, 9])])
        .when(list(a_week(), [1, 2]))
        .then([listed(a_week(), [1, 2])])
        .when(list(a_week(), [3, 5]))
        .then([listed(a_week(), [3, 5])])
        .when(Command::Close)
        .then([closed(6)])
        .when(Command::Close)
        .then_nothing();
}

#[test]
fn recipients_out_of_order_within_a_chunk_are_refused() {
    given::<Occurrence>([opened()]).when(list(a_week(), [2, 1])).refused(Refusal::OutOfOrder);
}

#[test]
fn nobody_is_listed_twice_within_a_chunk_or_across_chunks() {
    given::<Occurrence>([opened()]).when(list(a_week(), [1, 1])).refused(Refusal::OutOfOrder);
    given::<Occurrence>([opened(), listed(a_week(), [1, 2])]).when(list(a_week(), [2, 3])).refused(Refusal::OutOfOrder);
}

#[test]
fn a_chunk_goes_on_after_the_greatest_subscription_listed() {
    given::<Occurrence>([opened(), listed(a_week(), [1, 5])]).when(list(a_week(), [3, 7])).refused(Refusal::OutOfOrder);
    given::<Occurrence>([opened(), listed(a_week(), [1, 5])]).when(list(a_week(), [6])).then([listed(a_week(), [6])]);
}

#[test]
fn a_report_with_an_earlier_period_is_not_listed_after_a_later_one() {
    given::<Occurrence>([opened(), listed(a_week(), [1])]).when(list(two_weeks(), [9])).refused(Refusal::OutOfOrder);
}

#[test]
fn the_next_report_begins_again_with_the_smallest_subscription() {
    given::<Occurrence>([opened(), listed(two_weeks(), [9])]).when(list(a_week(), [1])).then([listed(a_week(), [1])]);
}

#[test]
fn an_empty_chunk_gives_no_event() {
    given::<Occurrence>([opened(), listed(a_week(), [1])]).when(list(a_week(), [])).then_nothing();
}

#[test]
fn more_than_a_chunk_at_once_is_refused() {
    given::<Occurrence>([opened()]).when(list(a_week(), 0..5_001)).refused(Refusal::TooMany);
}

#[test]
fn a_full_chunk_fits_into_one_append() {
    let full = listed(a_week(), 0..5_000);
    assert!(encode(&full).len() < MAX_APPEND_BYTES / 2, "{} bytes", encode(&full).len());
    given::<Occurrence>([opened()]).when(list(a_week(), 0..5_000)).then([full]);
}

#[test]
fn nobody_is_listed_after_the_close() {
    given::<Occurrence>([opened(), closed(0)]).when(list(a_week(), [1])).refused(Refusal::Closed);
}

#[test]
fn an_occurrence_is_named_by_its_slot_and_due_time() {
    let other_slot = Slot { edition: edition(Paper::Letter), ..slot() };
    assert_eq!(Occurrence::id(&slot(), minute(0)), Occurrence::id(&slot(), minute(0)));
    assert_ne!(Occurrence::id(&slot(), minute(0)), Occurrence::id(&slot(), minute(15)));
    assert_ne!(Occurrence::id(&slot(), minute(0)), Occurrence::id(&other_slot, minute(0)));
}
