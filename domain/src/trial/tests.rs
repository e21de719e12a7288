//! The rules of a trial.

use super::*;
use crate::given::{given, sealed, trial, user};

fn set(title: &str, enclosure: Enclosure) -> Command {
    Command::Set { trial: trial(), by: user("u2"), title: sealed(title), enclosure }
}

fn opened() -> Event {
    let (founder, title) = (user("u1"), sealed("Heart"));
    Event::TrialOpened { trial: trial(), founder, title, enclosure: Enclosure::Attachment }
}

fn closed() -> Event {
    Event::TrialClosed { reason: Some(sealed("Recruitment is over")) }
}

fn reopened() -> Event {
    Event::TrialReopened { reason: None }
}

#[test]
fn who_sets_an_unknown_trial_opens_and_founds_it() {
    let command =
        Command::Set { trial: trial(), by: user("u1"), title: sealed("Heart"), enclosure: Enclosure::Attachment };
    given::<Trial>([]).when(command).then([opened()]);
}

#[test]
fn setting_what_is_set_already_changes_nothing() {
    given::<Trial>([opened()]).when(set("Heart", Enclosure::Attachment)).then_nothing();
}

#[test]
fn another_title_or_another_enclosure_changes_the_settings() {
    for (title, enclosure) in [("Lung", Enclosure::Attachment), ("Heart", Enclosure::Link)] {
        let changed = Event::TrialSettingsChanged { title: sealed(title), enclosure };
        given::<Trial>([opened()])
            .when(set(title, enclosure))
            .then([changed])
            .when(set(title, enclosure))
            .then_nothing();
    }
}

#[test]
fn a_closed_trial_keeps_its_settings_until_it_is_reopened() {
    given::<Trial>([opened(), closed()]).when(set("Lung", Enclosure::Link)).refused(Refusal::Closed);
    given::<Trial>([opened(), closed(), reopened()])
        .when(set("Lung", Enclosure::Link))
        .then([Event::TrialSettingsChanged { title: sealed("Lung"), enclosure: Enclosure::Link }]);
}

#[test]
fn a_trial_is_closed_and_reopened_by_turns() {
    let close = || Command::Close { reason: Some(sealed("Recruitment is over")) };
    let reopen = || Command::Reopen { reason: None };
    given::<Trial>([opened()]).when(reopen()).refused(Refusal::Open);
    given::<Trial>([opened()])
        .when(close())
        .then([closed()])
        .when(reopen())
        .then([reopened()])
        .when(close())
        .then([closed()]);
    given::<Trial>([opened(), closed()]).when(close()).refused(Refusal::Closed);
}

#[test]
fn what_was_never_opened_is_neither_closed_nor_reopened() {
    given::<Trial>([]).when(Command::Close { reason: None }).refused(Refusal::NotOpened);
    given::<Trial>([]).when(Command::Reopen { reason: None }).refused(Refusal::NotOpened);
}

#[test]
fn closing_reopening_and_other_settings_keep_the_rest() {
    let changed = Event::TrialSettingsChanged { title: sealed("Lung"), enclosure: Enclosure::Link };
    let state = given::<Trial>([opened(), closed(), reopened(), changed]).state();
    let expected = Trial::Known { founder: user("u1"), title: sealed("Lung"), enclosure: Enclosure::Link, open: true };
    assert_eq!(state, expected);
}
