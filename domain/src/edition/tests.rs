//! What makes a slot another slot.

use super::*;
use crate::given::{edition, json, monday_at, slot, trial};
use crate::schedule::Weekday;
use crate::schedule::tests::{weekly, zone};

#[test]
fn a_slots_key_is_the_same_for_ever() {
    // Changing it gives every slot another name, and every occurrence another stream.
    assert_eq!(slot().key(), "5b076f94-1549-575b-aeca-28227539b5a1");
}

#[test]
fn everything_that_may_differ_between_readers_makes_another_slot() {
    let others = [
        Slot { trial: TrialId::parse("trial", "LUNG-1").unwrap(), ..slot() },
        Slot { schedule: monday_at("08:15"), ..slot() },
        Slot { schedule: weekly(Weekday::Tuesday, "08:00", "Europe/Berlin"), ..slot() },
        Slot { schedule: weekly(Weekday::Monday, "08:00", "Europe/Paris"), ..slot() },
        Slot { edition: Edition { zone: zone("Europe/Paris"), ..edition(Paper::A4) }, ..slot() },
        Slot { edition: edition(Paper::Letter), ..slot() },
    ];
    let mut keys: Vec<_> = others.iter().chain([&slot()]).map(Slot::key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), others.len() + 1);
}

#[test]
fn a_slot_survives_being_stored_under_the_same_key() {
    let stored: Slot = serde_json::from_value(json(&slot())).unwrap();
    assert_eq!((stored.key(), &stored.trial), (slot().key(), &trial()));
}

#[test]
fn the_parts_of_an_edition_are_what_its_json_holds() {
    let value = json(&edition(Paper::Letter));
    let stored = ["zone", "language", "paper", "audience"].map(|field| value[field].as_str().unwrap().to_owned());
    assert_eq!(edition(Paper::Letter).parts().map(str::to_owned), stored);
    assert_eq!(value.as_object().unwrap().len(), 4, "a new part of an edition must go into its ids");
}
