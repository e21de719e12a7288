//! The rules of a membership.

use super::*;
use crate::given::{given, trial, user};

fn grant(role: Role) -> Command {
    Command::Grant { trial: trial(), user: user("u1"), role }
}

fn granted(role: Role) -> Event {
    Event::MembershipGranted { trial: trial(), user: user("u1"), role }
}

fn revoked() -> Event {
    Event::MembershipRevoked { trial: trial(), user: user("u1") }
}

#[test]
fn a_role_is_granted_and_another_takes_its_place() {
    let member = given::<Membership>([]).when(grant(Role::Reader)).then([granted(Role::Reader)]);
    let member = member.when(grant(Role::Coordinator)).then([granted(Role::Coordinator)]).state();
    assert_eq!(member.role(), Some(Role::Coordinator));
}

#[test]
fn granting_the_role_that_is_there_changes_nothing() {
    given::<Membership>([granted(Role::Reader)]).when(grant(Role::Reader)).then_nothing();
}

#[test]
fn revoking_takes_the_role_away_and_names_whose_it_was() {
    let left = given::<Membership>([granted(Role::Contributor)]).when(Command::Revoke).then([revoked()]).state();
    assert_eq!(left.role(), None);
}

#[test]
fn revoking_where_there_is_no_role_changes_nothing() {
    given::<Membership>([]).when(Command::Revoke).then_nothing();
    given::<Membership>([granted(Role::Reader), revoked()]).when(Command::Revoke).then_nothing();
}

#[test]
fn the_same_role_may_be_granted_again_after_it_was_revoked() {
    given::<Membership>([granted(Role::Reader), revoked()]).when(grant(Role::Reader)).then([granted(Role::Reader)]);
}
