//! What may be relied on in an event log and its feed.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::{join_all, poll_immediate};
use ports::{Categories, Error, EventFeed, EventLog, Expected, Fed, MAX_APPEND_BYTES, NewEvent, Position, StoredEvent};
use tokio::task::JoinSet;
use uuid::Uuid;

/// A log and its feed.
pub type Opened = (Arc<dyn EventLog>, Arc<dyn EventFeed>);

/// An event whose id, data and metadata are told by its name.
pub fn event(name: &str) -> NewEvent {
    NewEvent {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()),
        kind: "Tested".to_owned(),
        version: 3,
        data: Bytes::from(format!("{{\"name\": \"{name}\"}}")),
        // Blanks and non-ASCII letters show whether bytes are kept as they were.
        metadata: Bytes::from(format!("{{ \"ä\" :\"{name}\" }}")),
    }
}

fn events(names: &[&str]) -> Vec<NewEvent> {
    names.iter().map(|name| event(name)).collect()
}

/// All that the feed tells, and where it ended.
pub async fn tell(
    feed: &dyn EventFeed,
    after: Option<Position>,
    of: Categories,
) -> (Vec<StoredEvent>, Option<Position>) {
    let mut fed: Vec<Fed> = feed.read(after, of).try_collect().await.unwrap();
    let Some(Fed::Passed(end)) = fed.pop() else {
        assert!(fed.is_empty(), "the last item is no Passed");
        return (Vec::new(), None);
    };
    let told = fed.into_iter().map(|fed| match fed {
        Fed::Event(event) => event,
        Fed::Passed(_) => panic!("Passed is the last item"),
    });
    (told.collect(), Some(end))
}

/// The contract. `open` opens the same log again and again, empty at first, and is called when the one before was dropped.
pub async fn suite(open: impl AsyncFn() -> Opened) {
    let (log, feed) = open().await;
    an_unused_log_is_silent(&log, &*feed).await;
    what_is_appended_is_read_byte_for_byte(&*log).await;
    an_append_at_the_wrong_place_conflicts(&*log).await;
    a_repeated_append_is_answered_with_the_original_position(&*log).await;
    what_cannot_be_an_append_is_rejected(&*log).await;
    of_many_writers_at_one_revision_one_wins(&log).await;
    a_repeat_while_the_first_is_in_flight_is_stored_once(&log).await;
    a_caller_who_gives_up_leaves_all_or_nothing(&log).await;
    the_feed_tells_all_in_order_whatever_the_writers_do(&log, &*feed).await;
    the_feed_tells_only_the_wanted_categories_but_passes_all(&*log, &*feed).await;
    the_bell_is_never_missed(&log, &feed).await;
    drop((log, feed));
    everything_is_there_after_reopening(&open).await;
}

async fn an_unused_log_is_silent(log: &Arc<dyn EventLog>, feed: &dyn EventFeed) {
    assert_eq!(log.read("unused-1", 0).await.unwrap(), []);
    let (told, _) = tell(feed, None, Categories(&["unused"])).await;
    assert_eq!(told, []);
}

async fn what_is_appended_is_read_byte_for_byte(log: &dyn EventLog) {
    let appended = events(&["a0", "a1", "a2"]);
    let first = log.append("exact-ä b-1", Expected::NoStream, &appended[..1]).await.unwrap();
    let last = log.append("exact-ä b-1", Expected::Revision(0), &appended[1..]).await.unwrap();
    let read = log.read("exact-ä b-1", 0).await.unwrap();
    assert_eq!(read.iter().map(|stored| stored.event.clone()).collect::<Vec<_>>(), appended);
    assert_eq!(read.iter().map(|stored| stored.revision).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(read.iter().all(|stored| stored.stream == "exact-ä b-1"));
    assert_eq!((read[0].position, read[2].position), (first, last));
    assert!(read[0].position < read[1].position && read[1].position < read[2].position);
    assert_eq!(log.read("exact-ä b-1", 2).await.unwrap(), read[2..]);
    assert_eq!(log.read("exact-ä b-1", 3).await.unwrap(), []);
}

async fn conflicts(log: &dyn EventLog, stream: &str, expected: Expected, names: &[&str]) {
    let answer = log.append(stream, expected, &events(names)).await;
    assert!(matches!(answer, Err(Error::Conflict(_))), "{names:?} at {expected:?} of {stream}: {answer:?}");
}

async fn an_append_at_the_wrong_place_conflicts(log: &dyn EventLog) {
    let stream = "places-1";
    conflicts(log, stream, Expected::Revision(0), &["p0"]).await;
    log.append(stream, Expected::NoStream, &events(&["p0", "p1"])).await.unwrap();
    let before = log.read(stream, 0).await.unwrap();
    conflicts(log, stream, Expected::NoStream, &["other"]).await;
    conflicts(log, stream, Expected::Revision(0), &["other"]).await;
    conflicts(log, stream, Expected::Revision(2), &["other"]).await;
    conflicts(log, stream, Expected::Revision(2), &["p1"]).await;
    conflicts(log, stream, Expected::NoStream, &["p1"]).await;
    conflicts(log, stream, Expected::Revision(0), &["p0"]).await;
    conflicts(log, stream, Expected::NoStream, &["p0", "other"]).await;
    conflicts(log, stream, Expected::NoStream, &["p0", "p1", "p2"]).await;
    conflicts(log, stream, Expected::Revision(0), &["p1", "p2"]).await;
    assert_eq!(log.read(stream, 0).await.unwrap(), before, "a refused append changed the stream");
}

async fn a_repeated_append_is_answered_with_the_original_position(log: &dyn EventLog) {
    let stream = "repeats-1";
    let first = log.append(stream, Expected::NoStream, &events(&["r0", "r1", "r2"])).await.unwrap();
    assert_eq!(log.append(stream, Expected::NoStream, &events(&["r0", "r1", "r2"])).await, Ok(first));
    let second = log.append(stream, Expected::Revision(2), &events(&["r3"])).await.unwrap();
    let all = log.read(stream, 0).await.unwrap();
    assert_eq!(log.append(stream, Expected::NoStream, &events(&["r0", "r1", "r2"])).await, Ok(first));
    assert_eq!(log.append(stream, Expected::Revision(2), &events(&["r3"])).await, Ok(second));
    assert_eq!(log.append(stream, Expected::NoStream, &events(&["r0"])).await, Ok(all[0].position));
    assert_eq!(log.append(stream, Expected::Revision(0), &events(&["r1", "r2"])).await, Ok(first));
    assert_eq!(log.read(stream, 0).await.unwrap(), all, "a repeat was stored again");
    // Ids are unique in a stream only.
    log.append("repeats-2", Expected::NoStream, &events(&["r0"])).await.unwrap();
}

async fn what_cannot_be_an_append_is_rejected(log: &dyn EventLog) {
    let sized = |name: &str, bytes: usize| {
        let frame = NewEvent { data: Bytes::from_static(b"{\"a\":\"\"}"), ..event(name) };
        let filling = "x".repeat(bytes - frame.size_bytes());
        NewEvent { data: Bytes::from(format!("{{\"a\":\"{filling}\"}}")), ..frame }
    };
    let nameless = NewEvent { kind: String::new(), ..event("n") };
    let without_id = NewEvent { id: Uuid::nil(), ..event("n") };
    let too_much = vec![sized("s0", MAX_APPEND_BYTES / 2), sized("s1", MAX_APPEND_BYTES / 2 + 1)];
    for (stream, events) in [
        ("rejects-1", vec![]),
        ("", vec![event("n")]),
        ("rejects-1", vec![nameless]),
        ("rejects-1", vec![without_id]),
        ("rejects-1", too_much),
    ] {
        let answer = log.append(stream, Expected::NoStream, &events).await;
        assert!(matches!(answer, Err(Error::Rejected(_))), "{answer:?}");
    }
    assert_eq!(log.read("rejects-1", 0).await.unwrap(), []);
    // A server counts its own name of the type and of the stream, and KurrentDB's stand-in some more.
    let fits = [sized("s0", MAX_APPEND_BYTES / 2), sized("s1", MAX_APPEND_BYTES / 2 - 256)];
    log.append("rejects-1", Expected::NoStream, &fits).await.unwrap();
    assert_eq!(log.read("rejects-1", 1).await.unwrap()[0].event, fits[1]);
}

async fn of_many_writers_at_one_revision_one_wins(log: &Arc<dyn EventLog>) {
    for (round, expected) in [Expected::NoStream, Expected::Revision(0)].into_iter().enumerate() {
        let mut racers = JoinSet::new();
        for racer in 0..32 {
            let log = Arc::clone(log);
            racers
                .spawn(async move { log.append("race-1", expected, &[event(&format!("race {round} {racer}"))]).await });
        }
        let answers = racers.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| matches!(answer, Err(Error::Conflict(_)))).count(), 31);
    }
    assert_eq!(log.read("race-1", 0).await.unwrap().len(), 2);
}

async fn a_repeat_while_the_first_is_in_flight_is_stored_once(log: &Arc<dyn EventLog>) {
    let one = [event("twin")];
    let answers = join_all((0..8).map(|_| log.append("twins-1", Expected::NoStream, &one))).await;
    let stored = log.read("twins-1", 0).await.unwrap();
    assert_eq!(stored.len(), 1);
    for answer in answers {
        // An engine may ask to be asked again.
        assert!(answer == Ok(stored[0].position) || matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }
}

async fn a_caller_who_gives_up_leaves_all_or_nothing(log: &Arc<dyn EventLog>) {
    let pair = events(&["given up 0", "given up 1"]);
    for stream in 0..20 {
        // Polled once, then dropped.
        drop(poll_immediate(log.append(&format!("givenup-{stream}"), Expected::NoStream, &pair)).await);
    }
    log.append("givenup-last", Expected::NoStream, &[event("last")]).await.unwrap();
    for stream in 0..20 {
        let stored = log.read(&format!("givenup-{stream}"), 0).await.unwrap().len();
        assert!(stored == 0 || stored == 2, "{stored} of 2 events");
    }
}

async fn the_feed_tells_all_in_order_whatever_the_writers_do(log: &Arc<dyn EventLog>, feed: &dyn EventFeed) {
    const WRITERS: usize = 32;
    const APPENDS: usize = 40;
    let (_, start) = tell(feed, None, Categories::ALL).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = Arc::clone(log);
        writers.spawn(async move {
            let stream = format!("order-{writer}");
            let mut expected = Expected::NoStream;
            let mut answered = Vec::new();
            for append in 0..APPENDS as u64 {
                let pair = [event(&format!("{append} 0")), event(&format!("{append} 1"))];
                answered.push(log.append(&stream, expected, &pair).await.unwrap());
                expected = Expected::Revision(append * 2 + 1);
            }
            answered
        });
    }
    // Read along while they write: nothing may be skipped at any moment.
    let mut along = Vec::new();
    let mut after = start;
    while along.len() < WRITERS * APPENDS * 2 {
        feed.grown(after).await;
        let (told, end) = tell(feed, after, Categories(&["order"])).await;
        assert!(end >= after);
        (after, _) = (end, along.extend(told));
    }
    let answered: BTreeSet<Position> = writers.join_all().await.into_iter().flatten().collect();
    assert_eq!(answered.len(), WRITERS * APPENDS, "positions are unique");
    assert!(along.is_sorted_by(|a, b| a.position < b.position));
    let (again, end) = tell(feed, start, Categories::ALL).await;
    assert_eq!(again, along, "reading along and reading once tell the same");
    assert!(end >= again.last().map(|last| last.position));
    assert!(answered.is_subset(&again.iter().map(|event| event.position).collect()));
    for writer in 0..WRITERS {
        let stream = format!("order-{writer}");
        let told: Vec<_> = again.iter().filter(|event| event.stream == stream).cloned().collect();
        assert_eq!(told, log.read(&stream, 0).await.unwrap(), "a stream's events stand in order in the feed");
    }
    for event in again.iter().step_by(97) {
        let (rest, _) = tell(feed, Some(event.position), Categories::ALL).await;
        assert!(rest.first().is_none_or(|next| next.position > event.position));
        let behind = again.iter().filter(|other| other.position > event.position).count();
        assert_eq!(rest.len(), behind, "resuming behind any event tells exactly the rest");
    }
}

async fn the_feed_tells_only_the_wanted_categories_but_passes_all(log: &dyn EventLog, feed: &dyn EventFeed) {
    let (_, start) = tell(feed, None, Categories::ALL).await;
    for stream in ["one-1", "two-1", "oneself-1", "one-2", "one"] {
        log.append(stream, Expected::NoStream, &[event(stream)]).await.unwrap();
    }
    let last = log.append("three-1", Expected::NoStream, &[event("3")]).await.unwrap();
    let streams = async |of| {
        let (told, end) = tell(feed, start, of).await;
        assert!(end >= Some(last), "what was not asked for is passed too");
        told.into_iter().map(|event| event.stream).collect::<Vec<_>>()
    };
    assert_eq!(streams(Categories(&["one"])).await, ["one-1", "one-2", "one"]);
    assert_eq!(streams(Categories(&["two", "one"])).await, ["one-1", "two-1", "one-2", "one"]);
    assert_eq!(streams(Categories(&["nothing"])).await, [] as [&str; 0]);
    let (_, end) = tell(feed, start, Categories(&["nothing"])).await;
    let (told, again) = tell(feed, end, Categories::ALL).await;
    assert_eq!(told, [], "at the end there is only Passed");
    assert!(again >= end, "others may write to the same engine, so that the end moves on");
}

async fn the_bell_is_never_missed(log: &Arc<dyn EventLog>, feed: &Arc<dyn EventFeed>) {
    let (_, end) = tell(&**feed, None, Categories::ALL).await;
    assert!(poll_immediate(feed.grown(None)).await.is_some() || end.is_some(), "events behind nothing ring at once");
    feed.grown(None).await;
    let mut expected = Expected::NoStream;
    let mut after = end;
    for i in 0..50 {
        let waiting = tokio::spawn({
            let feed = Arc::clone(feed);
            async move { feed.grown(after).await }
        });
        // Every other round the waiter already waits when the append comes.
        if i % 2 == 0 {
            tokio::task::yield_now().await;
        }
        let position = log.append("bell-1", expected, &[event(&format!("bell {i}"))]).await.unwrap();
        waiting.await.unwrap();
        feed.grown(after).await;
        (expected, after) = (Expected::Revision(i), Some(position));
    }
    assert!(poll_immediate(feed.grown(after)).await.is_none(), "the bell is still at the end");
}

async fn everything_is_there_after_reopening(open: &impl AsyncFn() -> Opened) {
    let (log, feed) = open().await;
    let last = log.append("reopen-1", Expected::NoStream, &events(&["o0", "o1"])).await.unwrap();
    let (all, _) = tell(&*feed, None, Categories::ALL).await;
    drop((log, feed));
    let (log, feed) = open().await;
    let (again, end) = tell(&*feed, None, Categories::ALL).await;
    assert_eq!(again, all);
    assert_eq!(log.append("reopen-1", Expected::NoStream, &events(&["o0", "o1"])).await, Ok(last));
    feed.grown(None).await;
    assert!(poll_immediate(feed.grown(end)).await.is_none());
    let next = log.append("reopen-1", Expected::Revision(1), &events(&["o2"])).await.unwrap();
    assert!(next > last);
}
