//! Members, people, subscriptions and schedules.

use domain::access::Role;
use serde_json::json;

use crate::world::{World, at, not_found};

async fn two_trials() -> World {
    let world = World::new().await;
    world.open_trial("ACME-1", "Hearts", "ada").await;
    world.open_trial("BETA-1", "Lungs", "ben").await;
    world.grant("ACME-1", "cay", Role::Reader).await;
    world.grant("ACME-1", "ben", Role::Contributor).await;
    world.fold().await;
    world
}

#[tokio::test]
async fn members_are_listed_to_members() {
    let world = two_trials().await;
    let members = world.pages("cay", "/api/trials/ACME-1/members", 2).await;
    assert_eq!(
        members,
        [
            json!({"user": "ada", "name": "Ada Lovelace", "role": "coordinator"}),
            json!({"user": "ben", "name": "Ben Bitdiddle", "role": "contributor"}),
            json!({"user": "cay", "name": "Cay Horstmann", "role": "reader"}),
        ]
    );
    world.directory.forget("cay").await.unwrap();
    assert_eq!(world.get("ada", "/api/trials/ACME-1/members").await.items()[2]["name"], "cay");
    assert_eq!(world.get("eve", "/api/trials/ACME-1/members").await.problem(), not_found());
}

#[tokio::test]
async fn addresses_are_for_their_owners_and_names_for_coordinators_of_their_trials() {
    let world = two_trials().await;
    let own = world.get("cay", "/api/people/cay").await.ok();
    assert_eq!(own, json!({"user": "cay", "name": "Cay Horstmann", "address": "cay@example.org"}));
    let seen = world.get("ada", "/api/people/cay").await.ok();
    assert_eq!(seen, json!({"user": "cay", "name": "Cay Horstmann", "address": null}));
    // Whoever opens a trial coordinates it; that gives no name of people who are not in it.
    world.open_trial("MINE", "Mine", "eve").await;
    world.fold().await;
    for (who, whom) in [("cay", "ada"), ("eve", "ada"), ("ada", "eve"), ("ada", "nobody"), ("ada", "no%20id")] {
        assert_eq!(
            world.get(who, &format!("/api/people/{whom}")).await.problem(),
            not_found(),
            "{who} asks for {whom}"
        );
    }
    // Coordinator no more, by the stream; the view lags.
    world.revoke("ACME-1", "ada").await;
    assert_eq!(world.get("ada", "/api/people/cay").await.problem(), not_found());
}

#[tokio::test]
async fn subscriptions_are_listed_to_their_subscribers() {
    let world = two_trials().await;
    let (first, _) = world.subscribe("ACME-1", "ben").await;
    let (second, _) = world.subscribe("BETA-1", "ben").await;
    world.subscribe("ACME-1", "cay").await;
    world.fold().await;
    let listed = world.pages("ben", "/api/subscriptions", 1).await;
    let mut ids = [first.as_str(), second.as_str()];
    ids.sort_unstable();
    assert_eq!([&listed[0]["id"], &listed[1]["id"]], ids);
    let one = world.get("ben", &format!("/api/subscriptions/{first}")).await.ok();
    assert_eq!(one, *listed.iter().find(|subscription| subscription["id"] == first.as_str()).unwrap());
    assert_eq!((&one["trial"], &one["status"], &one["term"]), (&json!("ACME-1"), &json!("active"), &json!(1)));
    assert_eq!(one["sentence"], "Every Monday at 08:00 Europe/Berlin");
    assert_eq!(one["nextDue"], "2026-11-23T07:00:00Z");
    assert_eq!(world.get("cay", &format!("/api/subscriptions/{first}")).await.problem(), not_found());
    assert!(world.get("eve", "/api/subscriptions").await.items().is_empty());
}

#[tokio::test]
async fn a_schedule_is_previewed_or_the_wrong_field_is_named() {
    let world = World::new().await;
    world.clock.set(at("2026-11-18T12:00:00Z"));
    let preview = "/api/schedules/preview?cadence=";
    let monday = world.get("eve", &format!("{preview}weekly&weekday=monday&time=08:00&zone=Europe/Berlin")).await.ok();
    assert_eq!(
        monday,
        json!({
            "sentence": "Every Monday at 08:00 Europe/Berlin",
            "nextDue": "2026-11-23T07:00:00Z",
            "period": {"from": "2026-11-15T23:00:00Z", "to": "2026-11-22T23:00:00Z"},
        })
    );
    let monthly = world.get("eve", &format!("{preview}monthly&day=31&time=06:15&zone=UTC")).await.ok();
    assert_eq!(monthly["nextDue"], "2026-11-30T06:15:00Z");
    for (fields, field) in [
        ("yearly", "cadence"),
        ("weekly&time=08:00&zone=UTC", "weekday"),
        ("monthly&day=32&time=08:00&zone=UTC", "day"),
        ("monthly&day=last&time=08:00&zone=UTC", "day"),
        ("daily&time=08:07&zone=UTC", "time"),
        ("daily&time=08:00&zone=Mars/Olympus", "zone"),
        ("daily&weekday=monday&time=08:00&zone=UTC", "weekday"),
    ] {
        let problem = world.get("eve", &format!("{preview}{fields}")).await.problem();
        assert_eq!(problem, (422, "invalid".to_owned(), Some(field.to_owned())), "{fields}");
    }
}
