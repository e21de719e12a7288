//! Who may do what, as one table.

use strum::IntoEnumIterator;

use super::*;

#[test]
fn each_role_may_do_what_the_one_before_may_and_one_thing_more() {
    let allowed = |role| Action::iter().filter(|action| may(role, *action)).collect::<Vec<_>>();
    assert_eq!(allowed(None), []);
    assert_eq!(allowed(Some(Role::Reader)), [Action::Read]);
    assert_eq!(allowed(Some(Role::Contributor)), [Action::Read, Action::Write]);
    assert_eq!(allowed(Some(Role::Coordinator)), [Action::Read, Action::Write, Action::Manage]);
    assert_eq!(Role::iter().count(), 3, "a new role needs a line here");
}

#[test]
fn a_role_is_stored_as_it_is_shown() {
    for role in Role::iter() {
        assert_eq!(serde_json::to_value(role).unwrap(), <&str>::from(role));
    }
}
