//! A question about what one has just written waits for the view, but not for ever.

use http::after_token;

use crate::world::World;

#[tokio::test]
async fn a_question_waits_until_its_view_has_seen_the_write() {
    let world = World::new().await;
    let written = world.open_trial("ACME-1", "Hearts", "ada").await;
    let path = format!("/api/trials?after={}", after_token(written.position.unwrap()));
    let (answer, ()) = tokio::join!(world.get("ada", &path), world.fold());
    assert_eq!(answer.items()[0]["trial"], "ACME-1");
    // Without it, the answer is what the view has.
    world.open_trial("BETA-1", "Lungs", "ada").await;
    assert_eq!(world.get("ada", "/api/trials").await.items().len(), 1);
    let wrong = world.get("ada", "/api/trials?after=soon").await.problem();
    assert_eq!(wrong, (422, "invalid".to_owned(), Some("after".to_owned())));
}

#[tokio::test]
async fn a_question_is_told_to_come_back_where_the_view_does_not_move() {
    let world = World::new().await;
    world.open_trial("ACME-1", "Hearts", "ada").await;
    world.fold().await;
    let (subscription, written) = world.subscribe("ACME-1", "ada").await;
    let after = after_token(written.position.unwrap());
    // Real time stands still, and runs on as soon as nothing but it is waited for.
    tokio::time::pause();
    for path in [
        "/api/trials",
        "/api/trials/ACME-1/summary",
        "/api/trials/ACME-1/members",
        "/api/people/ben",
        "/api/subscriptions",
        "/api/reports",
        "/api/reports?trial=ACME-1",
        "/api/reports/0e8f3c1a-0000-5000-8000-000000000000",
        "/api/reports/0e8f3c1a-0000-5000-8000-000000000000/deliveries",
    ] {
        let answer =
            world.get("ada", &format!("{path}{}after={after}", if path.contains('?') { '&' } else { '?' })).await;
        assert_eq!(answer.headers["retry-after"], "1", "{path}");
        assert_eq!(answer.problem(), (503, "behind".to_owned(), None), "{path}");
    }
    // What is read from the events themselves is never behind.
    world.get("ada", &format!("/api/subscriptions/{subscription}?after={after}")).await.ok();
    world.get("ada", &format!("/api/audit/events?trial=ACME-1&after={after}")).await.lines();
}
