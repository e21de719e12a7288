use axum::body::Body;
use ports::Person;
use serde_json::{Value, json};

use crate::world::{Answered, World};

async fn put(world: &World, user: &str, path: &str, body: &Value) -> Answered {
    let headers = [("content-type", "application/json")];
    world.ask(user, "PUT", path, &headers, Body::from(body.to_string())).await
}

#[tokio::test]
async fn a_trial_whose_documents_are_there_already_is_not_taken_over() {
    let world = World::new().await;
    let open =
        async |trial: &str| put(&world, "nina", &format!("/api/trials/{trial}"), &json!({"title": "Mine"})).await;
    let record = json!({"_id": "0".repeat(24), "TrialId": "T-8", "FileLocation": "s3://elsewhere/x"});
    world.insert(record).await;
    world.put_file("trials/T-9/scan", b"xyz").await;
    for taken in ["T-8", "T-9"] {
        assert!(open(taken).await.refused(403, "")["remedy"].as_str().unwrap().contains("trials.openers"));
    }
    assert_eq!(open("T-7").await.ok(200).json()["role"], "coordinator");
}

#[tokio::test]
async fn a_trial_does_not_lose_its_last_coordinator() {
    let world = World::new().await;
    let path = "/api/trials/T-1/members/anna";
    for refused in [
        world.ask("anna", "DELETE", path, &[], Body::empty()).await,
        put(&world, "anna", path, &json!({"role": "reader"})).await,
    ] {
        assert!(refused.refused(409, "")["type"].as_str().unwrap().ends_with("/own-role"));
    }
    let person = Person { user: "carl".to_owned(), name: "Carl".to_owned(), address: None, active: true };
    world.people.save(&person).await.unwrap();
    put(&world, "anna", "/api/trials/T-1/members/carl", &json!({"role": "coordinator"})).await.ok(200);
    world.ask("carl", "DELETE", path, &[], Body::empty()).await.ok(200);
}

#[tokio::test]
async fn who_has_left_does_not_come_back_by_saving_the_own_entry() {
    let world = World::new().await;
    let left = Person { user: "carl".to_owned(), name: "Carl".to_owned(), address: None, active: false };
    world.people.save(&left).await.unwrap();
    let body = json!({"name": "Carl C.", "address": "carl@example.org"});
    put(&world, "carl", "/api/people/carl", &body).await.ok(200);
    put(&world, "rita", "/api/people/rita", &body).await.ok(200);
    let is_active = async |user: &str| world.people.person(user).await.unwrap().unwrap().active;
    assert_eq!((is_active("carl").await, is_active("rita").await), (false, true));
    assert_eq!(world.people.person("carl").await.unwrap().unwrap().name, "Carl C.");
}

#[tokio::test]
async fn an_address_is_taken_only_in_the_form_that_every_mailer_understands() {
    let world = World::new().await;
    let save = async |address: &str| {
        put(&world, "carl", "/api/people/carl", &json!({"name": "Carl", "address": address})).await
    };
    for fine in ["c@example.org", "carl.o'neil+x@mail.example.org", "carl@b\u{fc}cher.example"] {
        save(fine).await.ok(200);
    }
    for wrong in [
        "carl%example.com@example.org",
        "example.com!carl@example.org",
        "carl@@example.org",
        "carl@example.org@example.com",
        ".carl@example.org",
        "carl..c@example.org",
        "\"carl c\"@example.org",
        "c\u{fc}@example.org",
        "carl@example..org",
        "carl@-example.org",
        "carl@example.org.",
        "carl@exa_mple.org",
        "carl@[127.0.0.1]",
        "carl@127.0.0.1",
        "carl@",
        "carl",
    ] {
        assert_eq!(save(wrong).await.status, 422, "{wrong}");
    }
}
