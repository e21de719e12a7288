//! Subscriptions: their order, their checkpoints, and that one resumed from any position tells exactly the rest.

use kurrentdb::{
    Client, Error, EventData, Position, StreamPosition, StreamState, SubscribeToAllOptions, SubscribeToStreamOptions,
    Subscription, SubscriptionEvent, SubscriptionFilter,
};

use super::{append, at, client, event, soon, stored};

/// Follows the streams whose names begin with `prefix`, in pages of `window` events.
async fn follow(client: &Client, prefix: &str, window: u32, after: Option<Position>) -> Subscription {
    let filter = SubscriptionFilter::on_stream_name().add_prefix(prefix).max(window);
    let position = after.map_or(StreamPosition::Start, StreamPosition::Position);
    client.subscribe_to_all(&SubscribeToAllOptions::default().filter(filter).position(position)).await
}

/// What a subscription told, as one word each; checkpoints and events with their positions.
#[derive(Debug, PartialEq)]
enum Told {
    Confirmed,
    Event(Position),
    Checkpoint(Position),
    CaughtUp,
}

async fn next(subscription: &mut Subscription) -> Result<Told, Error> {
    Ok(match soon(subscription.next_subscription_event()).await? {
        SubscriptionEvent::Confirmed(_) => Told::Confirmed,
        SubscriptionEvent::EventAppeared(event) => Told::Event(event.get_original_event().position),
        SubscriptionEvent::Checkpoint(at) => Told::Checkpoint(at),
        SubscriptionEvent::CaughtUp(_) => Told::CaughtUp,
        other => panic!("not expected: {other:?}"),
    })
}

/// Everything up to and with the next `CaughtUp`.
async fn until_caught_up(subscription: &mut Subscription) -> Vec<Told> {
    let mut told = Vec::new();
    while told.last() != Some(&Told::CaughtUp) {
        told.push(next(subscription).await.unwrap());
    }
    told
}

fn positions(told: &[Told]) -> Vec<Position> {
    let position = |told: &Told| if let Told::Event(at) = told { Some(*at) } else { None };
    told.iter().filter_map(position).collect()
}

async fn fill(client: &Client, stream: &str, events: usize) -> Vec<Position> {
    let batch = (0..events).map(|i| event(&i.to_string())).collect();
    append(client, stream, StreamState::NoStream, batch).await.unwrap();
    stored(client, stream).await.iter().map(|event| event.position).collect()
}

#[tokio::test]
async fn a_subscription_confirms_tells_what_is_there_catches_up_and_goes_on_live() {
    let (client, ours, other) = (client(), test_servers::unique("ours"), test_servers::unique("other"));
    let mut there = fill(&client, &format!("{ours}-1"), 3).await;
    fill(&client, &other, 3).await;
    let mut subscription = follow(&client, &ours, 1_000, None).await;
    let told = until_caught_up(&mut subscription).await;
    assert_eq!(told.first(), Some(&Told::Confirmed));
    assert!(matches!(told[..], [.., Told::Checkpoint(_), Told::CaughtUp]), "{told:?}");
    assert_eq!(positions(&told), there);
    for revision in 2..5 {
        append(&client, &other, at(revision), vec![event("other")]).await.unwrap();
        let live = append(&client, &format!("{ours}-1"), at(revision), vec![event("live")]).await.unwrap();
        assert_eq!(next(&mut subscription).await.unwrap(), Told::Event(live.position));
        there.push(live.position);
    }
    // The start is exclusive.
    for (i, after) in there.iter().enumerate() {
        let mut rest = follow(&client, &ours, 1_000, Some(*after)).await;
        assert_eq!(positions(&until_caught_up(&mut rest).await), there[i + 1..]);
    }
}

#[tokio::test]
async fn checkpoints_come_while_only_other_events_pass_and_each_is_a_place_to_resume_from() {
    let (client, ours, other) = (client(), test_servers::unique("ours"), test_servers::unique("other"));
    let mut there = fill(&client, &format!("{ours}-1"), 2).await;
    fill(&client, &other, 95).await;
    there.extend(fill(&client, &format!("{ours}-2"), 2).await);
    let before = Position { commit: there[0].commit, prepare: there[0].prepare };
    let mut subscription = follow(&client, &ours, 10, Some(before)).await;
    let told = until_caught_up(&mut subscription).await;
    assert_eq!(positions(&told), there[1..]);
    let mut checkpoints = 0;
    let mut passed = 1;
    for told in &told {
        match told {
            Told::Event(_) => passed += 1,
            Told::Checkpoint(at) => {
                checkpoints += 1;
                let mut rest = follow(&client, &ours, 10, Some(*at)).await;
                assert_eq!(positions(&until_caught_up(&mut rest).await), there[passed..], "resumed from {at:?}");
            }
            Told::Confirmed | Told::CaughtUp => {}
        }
    }
    assert!(checkpoints >= 9, "{checkpoints} checkpoints");
    assert!(told.iter().any(|told| matches!(told, Told::Checkpoint(at) if at.prepare == 0)), "{told:?}");
    // Live, too.
    for revision in 94..94 + 10 {
        append(&client, &other, at(revision), vec![event("more")]).await.unwrap();
    }
    assert!(matches!(next(&mut subscription).await.unwrap(), Told::Checkpoint(_)));
}

#[tokio::test]
async fn a_live_subscriber_that_lags_is_told_everything_and_that_it_has_caught_up_again() {
    let (client, ours) = (client(), test_servers::unique("lags"));
    let mut subscription = follow(&client, &ours, 1_000, None).await;
    assert_eq!(positions(&until_caught_up(&mut subscription).await), []);
    // More than the connection's buffers hold.
    for stream in 0..8 {
        let large = (0..100).map(|_| EventData::binary("Large", vec![b'x'; 8_000].into())).collect();
        append(&client, &format!("{ours}-{stream}"), StreamState::NoStream, large).await.unwrap();
    }
    let told = until_caught_up(&mut subscription).await;
    let told = positions(&told);
    assert_eq!(told.len(), 800);
    assert!(told.is_sorted_by(|a, b| a < b), "each once and in order");
}

#[tokio::test]
async fn a_position_that_is_no_border_of_an_event_is_refused() {
    let (client, ours) = (client(), test_servers::unique("border"));
    let there = fill(&client, &ours, 1).await[0];
    let between = Position { commit: there.commit + 1, prepare: there.prepare + 1 };
    let mut subscription = follow(&client, &ours, 1_000, Some(between)).await;
    let refused = loop {
        match next(&mut subscription).await {
            Ok(Told::Confirmed) => {}
            Ok(told) => panic!("{told:?}"),
            Err(refused) => break refused,
        }
    };
    assert!(!matches!(refused, Error::AccessDenied), "{refused:?}");
}

#[tokio::test]
async fn a_stream_is_followed_from_behind_a_revision() {
    let (client, ours) = (client(), test_servers::unique("stream"));
    let there = fill(&client, &ours, 3).await;
    let options = SubscribeToStreamOptions::default().start_from(StreamPosition::Position(0));
    let mut subscription = client.subscribe_to_stream(ours.as_str(), &options).await;
    assert_eq!(
        until_caught_up(&mut subscription).await,
        [Told::Confirmed, Told::Event(there[1]), Told::Event(there[2]), Told::CaughtUp]
    );
    fill(&client, &test_servers::unique("other"), 1).await;
    let live = append(&client, &ours, at(2), vec![event("live")]).await.unwrap();
    assert_eq!(next(&mut subscription).await.unwrap(), Told::Event(live.position));
}
