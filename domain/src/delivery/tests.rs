//! The rules of a delivery, one by one and in any order.

use proptest::prelude::*;

use super::*;
use crate::edition::Paper;
use crate::given::{edition, given, minute, period, sealed, stored_and_replayed, trial};

fn report() -> Id<Report> {
    Report::id(&wanted())
}

fn subscription() -> Id<Subscription> {
    Id::known("subscription 1")
}

/// A report so far, as a send-now asks for it.
fn wanted() -> Scheduled {
    let period = period("2026-11-29T23:00:00Z", "2026-11-30T08:00:00Z");
    Scheduled { trial: trial(), period, edition: edition(Paper::A4), so_far: true }
}

/// A claim at a minute, with a lease of ten.
fn claim(worker: &str, now: i64) -> Command {
    Command::Claim {
        report: report(),
        subscription: subscription(),
        worker: worker.to_owned(),
        lease_until: minute(now + 10),
        address: "hmac".to_owned(),
        now: minute(now),
    }
}

fn attempted(attempt: u32, worker: &str, now: i64) -> Event {
    Event::DeliveryAttempted {
        report: report(),
        subscription: subscription(),
        attempt,
        worker: worker.to_owned(),
        lease_until: minute(now + 10),
        address: "hmac".to_owned(),
    }
}

fn request() -> Command {
    let occasion = Occasion::Resend(Uuid::from_u128(1));
    Command::Request { subscription: subscription(), occasion, wanted: wanted() }
}

fn requested() -> Event {
    let occasion = Occasion::Resend(Uuid::from_u128(1));
    Event::DeliveryRequested { report: report(), subscription: subscription(), occasion, wanted: wanted() }
}

fn reply() -> Sealed {
    sealed("250 2.0.0 queued")
}

fn record_sent(attempt: u32) -> Command {
    Command::RecordSent { attempt, reply: reply(), queue_id: Some("4XYZ".to_owned()) }
}

fn sent(attempt: u32) -> Event {
    Event::DeliverySent { attempt, reply: reply(), queue_id: Some("4XYZ".to_owned()) }
}

fn record_deferred(attempt: u32, retry: i64) -> Command {
    Command::RecordDeferred { attempt, reply: reply(), retry_at: minute(retry) }
}

fn deferred(attempt: u32, retry: i64) -> Event {
    Event::DeliveryDeferred { attempt, reply: reply(), retry_at: minute(retry) }
}

fn record_failed(attempt: u32) -> Command {
    Command::RecordFailed { attempt, reply: reply() }
}

fn failed(attempt: u32) -> Event {
    Event::DeliveryFailed { attempt, reply: reply() }
}

fn withhold() -> Command {
    Command::Withhold { reason: Withheld::NoAccess }
}

fn withheld() -> Event {
    Event::DeliveryWithheld { reason: Withheld::NoAccess }
}

fn skip() -> Command {
    Command::Skip { reason: Skipped::ReportAbandoned }
}

fn skipped() -> Event {
    Event::DeliverySkipped { reason: Skipped::ReportAbandoned }
}

fn record_unknown(attempt: u32, worker: &str, now: i64) -> Command {
    Command::RecordUnknown { attempt, now: minute(now), worker: worker.to_owned() }
}

fn unknown(attempt: u32) -> Event {
    Event::DeliveryUnknown { attempt }
}

/// Every way in which a delivery may have ended; unknown apart.
fn endings() -> [Vec<Event>; 4] {
    [vec![attempted(1, "a", 0), sent(1)], vec![attempted(1, "a", 0), failed(1)], vec![withheld()], vec![skipped()]]
}

#[test]
fn a_delivery_that_an_occurrence_lists_is_claimed_and_sent() {
    given::<Delivery>([]).when(claim("a", 0)).then([attempted(1, "a", 0)]).when(record_sent(1)).then([sent(1)]);
}

#[test]
fn a_delivery_asked_for_by_a_command_is_asked_for_once() {
    given::<Delivery>([]).when(request()).then([requested()]).when(request()).then_nothing();
    given::<Delivery>([requested()]).when(claim("a", 0)).then([attempted(1, "a", 0)]).when(request()).then_nothing();
    for ended in endings() {
        given::<Delivery>(ended).when(request()).then_nothing();
    }
}

#[test]
fn only_one_worker_holds_an_attempt() {
    given::<Delivery>([attempted(1, "a", 0)]).when(claim("b", 1)).refused(Refusal::BeingAttempted);
    given::<Delivery>([attempted(1, "a", 0)]).when(claim("a", 1)).refused(Refusal::BeingAttempted);
}

#[test]
fn a_claim_whose_lease_has_run_out_is_still_never_repeated() {
    given::<Delivery>([attempted(1, "a", 0)]).when(claim("b", 60)).refused(Refusal::BeingAttempted);
}

#[test]
fn a_deferred_delivery_is_claimed_again_when_it_is_due() {
    let state = || given::<Delivery>([attempted(1, "a", 0), deferred(1, 30)]);
    state().when(claim("b", 29)).refused(Refusal::NotDue);
    state().when(claim("b", 30)).then([attempted(2, "b", 30)]).when(record_sent(2)).then([sent(2)]);
}

#[test]
fn an_outcome_belongs_to_the_running_attempt() {
    let second = || given::<Delivery>([attempted(1, "a", 0), deferred(1, 30), attempted(2, "b", 30)]);
    for command in [record_sent(1), record_failed(1), record_deferred(1, 60), record_unknown(1, "b", 99)] {
        second().when(command).refused(Refusal::NotAttempted);
    }
    second().when(record_failed(2)).then([failed(2)]);
}

#[test]
fn without_an_attempt_there_is_no_outcome() {
    for before in [vec![], vec![requested()], vec![attempted(1, "a", 0), deferred(1, 30)]] {
        for command in [record_sent(1), record_failed(1), record_deferred(1, 60), record_unknown(1, "a", 99)] {
            given::<Delivery>(before.clone()).when(command).refused(Refusal::NotAttempted);
        }
    }
}

#[test]
fn nobody_else_records_unknown_before_the_lease_has_run_out() {
    given::<Delivery>([attempted(1, "a", 0)]).when(record_unknown(1, "b", 9)).refused(Refusal::Leased);
    given::<Delivery>([attempted(1, "a", 0)]).when(record_unknown(1, "b", 10)).then([unknown(1)]);
}

#[test]
fn the_holder_of_the_attempt_may_record_unknown_at_once() {
    given::<Delivery>([attempted(1, "a", 0)]).when(record_unknown(1, "a", 0)).then([unknown(1)]);
}

#[test]
fn unknown_becomes_sent_by_the_attempts_own_evidence_only() {
    let state = || given::<Delivery>([attempted(1, "a", 0), deferred(1, 5), attempted(2, "a", 5), unknown(2)]);
    state().when(record_sent(2)).then([sent(2)]).when(record_sent(2)).refused(Refusal::Ended);
    state().when(record_sent(1)).refused(Refusal::NotAttempted);
    state().when(record_sent(3)).refused(Refusal::NotAttempted);
}

#[test]
fn unknown_is_never_tried_again_nor_withheld_nor_skipped() {
    for command in [claim("b", 60), withhold(), skip()] {
        given::<Delivery>([attempted(1, "a", 0), unknown(1)]).when(command).refused(Refusal::Ended);
    }
    for command in [record_failed(1), record_deferred(1, 60), record_unknown(1, "a", 60)] {
        given::<Delivery>([attempted(1, "a", 0), unknown(1)]).when(command).refused(Refusal::NotAttempted);
    }
}

#[test]
fn what_is_not_under_way_may_be_withheld_or_skipped() {
    for before in [vec![], vec![requested()]] {
        given::<Delivery>(before.clone()).when(withhold()).then([withheld()]);
        given::<Delivery>(before).when(skip()).then([skipped()]);
    }
}

#[test]
fn a_deferred_delivery_may_still_be_withheld() {
    given::<Delivery>([attempted(1, "a", 0), deferred(1, 30)]).when(withhold()).then([withheld()]);
    given::<Delivery>([attempted(1, "a", 0), deferred(1, 30)]).when(skip()).then([skipped()]);
}

#[test]
fn a_running_attempt_is_neither_withheld_nor_skipped() {
    given::<Delivery>([attempted(1, "a", 0)]).when(withhold()).refused(Refusal::BeingAttempted);
    given::<Delivery>([attempted(1, "a", 0)]).when(skip()).refused(Refusal::BeingAttempted);
}

#[test]
fn what_has_ended_stays_as_it_is() {
    for ended in endings() {
        let commands = [
            claim("b", 60),
            record_sent(1),
            record_failed(1),
            record_deferred(1, 60),
            record_unknown(1, "a", 60),
            withhold(),
            skip(),
        ];
        for command in commands {
            given::<Delivery>(ended.clone()).when(command).refused(Refusal::Ended);
        }
    }
}

#[test]
fn a_delivery_is_named_by_report_subscription_and_occasion() {
    let id = |occasion| Delivery::id(&report(), &subscription(), &occasion);
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert_eq!(id(Occasion::Due), id(Occasion::Due));
    assert_ne!(id(Occasion::Due), id(Occasion::Resend(one)));
    assert_ne!(id(Occasion::Resend(one)), id(Occasion::Resend(other)));
    assert_ne!(id(Occasion::SendNow(one)), Delivery::id(&report(), &Id::known("2"), &Occasion::SendNow(one)));
}

/// A command at a minute of the story; attempts, workers and times clash often.
fn any_command() -> impl Strategy<Value = (i64, Command)> {
    let worker = || prop::sample::select(vec!["a", "b"]);
    let command = move |now: i64| {
        prop_oneof![
            2 => Just(request()),
            8 => worker().prop_map(move |worker| claim(worker, now)),
            2 => (1..4_u32).prop_map(record_sent),
            6 => (1..4_u32, 0..20_i64).prop_map(move |(attempt, later)| record_deferred(attempt, now + later)),
            1 => (1..4_u32).prop_map(record_failed),
            1 => Just(withhold()),
            1 => Just(skip()),
            3 => (1..4_u32, worker()).prop_map(move |(attempt, worker)| record_unknown(attempt, worker, now)),
        ]
    };
    (0..8_i64).prop_flat_map(move |step| command(step).prop_map(move |command| (step, command)))
}

/// The same command, so many minutes later.
fn later(command: Command, by: i64) -> Command {
    let by = jiff::SignedDuration::from_mins(by);
    match command {
        Command::Claim { report, subscription, worker, lease_until, address, now } => {
            Command::Claim { report, subscription, worker, lease_until: lease_until + by, address, now: now + by }
        }
        Command::RecordDeferred { attempt, reply, retry_at } => {
            Command::RecordDeferred { attempt, reply, retry_at: retry_at + by }
        }
        Command::RecordUnknown { attempt, now, worker } => Command::RecordUnknown { attempt, now: now + by, worker },
        Command::Request { .. }
        | Command::RecordSent { .. }
        | Command::RecordFailed { .. }
        | Command::Withhold { .. }
        | Command::Skip { .. } => command,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn in_any_order_of_commands_nothing_is_sent_twice_and_what_has_ended_is_never_claimed(
        commands in prop::collection::vec(any_command(), 0..60),
    ) {
        let (mut state, mut events): (Delivery, Vec<Event>) = (Delivery::default(), vec![]);
        // The model: the last attempt, who runs it until when, when to retry, whether unknown, whether ended; times sent.
        let (mut last, mut running, mut retry): (u32, Option<(String, Timestamp)>, Option<Timestamp>) = (0, None, None);
        let (mut is_unknown, mut ended, mut times_sent) = (false, false, 0);
        let mut passed = 0;
        for (step, command) in commands {
            let command = later(command, passed);
            let now = minute(passed + step);
            passed += step;
            let said = match &command {
                Command::RecordUnknown { worker, .. } => worker.clone(),
                _another => String::new(),
            };
            let decided = state.decide(command.clone());
            if ended || is_unknown {
                prop_assert!(state.next_attempt(now).is_err());
                prop_assert!(!matches!((&command, &decided), (Command::Claim { .. }, Ok(_))), "claimed after its end");
            }
            for event in decided.unwrap_or_default() {
                prop_assert!(!ended, "{event:?} after the end");
                match &event {
                    Event::DeliveryRequested { .. } => prop_assert!(events.is_empty()),
                    Event::DeliveryAttempted { attempt, worker, lease_until, .. } => {
                        prop_assert!(running.is_none() && !is_unknown);
                        prop_assert!(retry.is_none_or(|retry| retry <= now), "tried again before it was due");
                        prop_assert_eq!(*attempt, last + 1);
                        (last, running, retry) = (*attempt, Some((worker.clone(), *lease_until)), None);
                    }
                    Event::DeliverySent { attempt, .. } => {
                        prop_assert!(*attempt == last && (running.is_some() || is_unknown));
                        (running, is_unknown, ended) = (None, false, true);
                        times_sent += 1;
                    }
                    Event::DeliveryDeferred { attempt, retry_at, .. } => {
                        prop_assert!(*attempt == last && running.is_some());
                        (running, retry) = (None, Some(*retry_at));
                    }
                    Event::DeliveryFailed { attempt, .. } => {
                        prop_assert!(*attempt == last && running.is_some());
                        (running, ended) = (None, true);
                    }
                    Event::DeliveryWithheld { .. } | Event::DeliverySkipped { .. } => {
                        prop_assert!(running.is_none() && !is_unknown, "taken out of a worker's hands");
                        ended = true;
                    }
                    Event::DeliveryUnknown { attempt } => {
                        let (holder, lease_until) = running.take().unwrap();
                        prop_assert_eq!(*attempt, last);
                        prop_assert!(holder == said || lease_until <= now, "{said} spoke for {holder}");
                        is_unknown = true;
                    }
                }
                state.apply(&event);
                events.push(event);
            }
            prop_assert_eq!(state == Delivery::Ended, ended);
        }
        prop_assert!(times_sent <= 1);
        prop_assert_eq!(stored_and_replayed::<Delivery>(&events), state);
    }
}
