//! KurrentDB's stand-in answers as the real server was seen to: driven by the client that our adapter uses. Whatever needs no
//! restart runs against the real server too, where `TRIALBRIEF_TEST_KURRENTDB` names one.

pub mod access;
mod crash;
mod following;

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use kurrentdb::{
    AppendToStreamOptions, BatchAppendOptions, Client, CurrentRevision, Error, EventData, Position, ReadAllOptions,
    ReadEvent, ReadStreamOptions, RecordedEvent, StreamPosition, StreamState, WriteResult,
};
use test_servers::kurrentdb as server;
use uuid::Uuid;

/// A client of the real server if one is named, else of the stand-in that all tests share.
fn client() -> Client {
    let url = std::env::var(server::REAL_SERVER)
        .unwrap_or_else(|_| format!("kurrentdb://{}?tls=false", server::shared().address()));
    client_of(&url)
}

fn client_of(url: &str) -> Client {
    Client::new(url.parse().unwrap()).unwrap()
}

/// An event whose id, data and metadata are told by its name; neither data nor metadata is JSON or UTF-8.
fn event(name: &str) -> EventData {
    EventData::binary("Tested ä", bytes("data", name)).metadata(bytes("metadata", name)).id(id(name))
}

fn bytes(what: &str, name: &str) -> Bytes {
    Bytes::from([what.as_bytes(), &[0, 255, 128], name.as_bytes()].concat())
}

fn id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

fn events(names: &[&str]) -> Vec<EventData> {
    names.iter().map(|name| event(name)).collect()
}

async fn append(
    client: &Client,
    stream: &str,
    state: StreamState,
    events: Vec<EventData>,
) -> Result<WriteResult, Error> {
    client.append_to_stream(stream, &AppendToStreamOptions::default().stream_state(state), events).await
}

async fn read(client: &Client, stream: &str, options: ReadStreamOptions) -> Result<Vec<ReadEvent>, Error> {
    let mut reading = client.read_stream(stream, &options).await?;
    let mut answers = Vec::new();
    while let Some(answer) = reading.next_read_event().await? {
        answers.push(answer);
    }
    Ok(answers)
}

/// A stream's events, none where it does not exist.
async fn stored(client: &Client, stream: &str) -> Vec<RecordedEvent> {
    match read(client, stream, ReadStreamOptions::default()).await {
        Ok(answers) => only_events(answers),
        Err(Error::ResourceNotFound) => vec![],
        Err(e) => panic!("{stream}: {e:?}"),
    }
}

fn only_events(answers: Vec<ReadEvent>) -> Vec<RecordedEvent> {
    let event = |answer| match answer {
        ReadEvent::Event(event) => event.event,
        ReadEvent::FirstStreamPosition(_) | ReadEvent::LastStreamPosition(_) | ReadEvent::LastAllStreamPosition(_) => {
            None
        }
    };
    answers.into_iter().filter_map(event).collect()
}

fn revisions(answers: Vec<ReadEvent>) -> Vec<u64> {
    only_events(answers).iter().map(|event| event.revision).collect()
}

fn conflicts(answer: Result<WriteResult, Error>) -> (StreamState, CurrentRevision) {
    match answer {
        Err(Error::WrongExpectedVersion { expected, current }) => (expected, current),
        other => panic!("no conflict: {other:?}"),
    }
}

const fn at(revision: u64) -> StreamState {
    StreamState::StreamRevision(revision)
}

#[tokio::test]
async fn an_append_answers_where_its_last_event_stands_and_comes_back_byte_for_byte() {
    let (client, stream) = (client(), test_servers::unique("ä b"));
    let first = append(&client, &stream, StreamState::NoStream, events(&["0", "1"])).await.unwrap();
    let second = append(&client, &stream, at(1), events(&["2"])).await.unwrap();
    assert_eq!((first.next_expected_version, second.next_expected_version), (1, 2));
    assert!(first.position < second.position);
    let stored = stored(&client, &stream).await;
    assert_eq!((stored[1].position, stored[2].position), (first.position, second.position));
    for (revision, event) in stored.iter().enumerate() {
        let name = revision.to_string();
        assert_eq!((event.stream_id(), event.revision), (stream.as_str(), revision as u64));
        assert_eq!((event.id, event.event_type.as_str()), (id(&name), "Tested ä"));
        assert_eq!((&event.data, &event.custom_metadata), (&bytes("data", &name), &bytes("metadata", &name)));
        assert_eq!(event.metadata.get("content-type").unwrap(), "application/octet-stream");
        assert_eq!(event.position.commit, event.position.prepare);
    }
    assert!(stored[0].position < stored[1].position && stored[1].position < stored[2].position);
}

#[tokio::test]
async fn a_conflict_tells_what_was_expected_and_where_the_stream_stands() {
    let (client, stream) = (client(), test_servers::unique("conflicts"));
    let there = |state, names: &'static [&str]| append(&client, &stream, state, events(names));
    assert_eq!(conflicts(there(at(0), &["0"]).await), (at(0), CurrentRevision::NoStream));
    conflicts(there(StreamState::StreamExists, &["0"]).await);
    there(StreamState::NoStream, &["0", "1"]).await.unwrap();
    assert_eq!(conflicts(there(StreamState::NoStream, &["x"]).await).1, CurrentRevision::Current(1));
    assert_eq!(conflicts(there(at(0), &["x"]).await), (at(0), CurrentRevision::Current(1)));
    assert_eq!(conflicts(there(at(7), &["x"]).await), (at(7), CurrentRevision::Current(1)));
    // A known prefix with something new behind it, and a known id at another place.
    conflicts(there(StreamState::NoStream, &["0", "1", "x"]).await);
    conflicts(there(at(0), &["0"]).await);
    assert_eq!(stored(&client, &stream).await.len(), 2);
}

#[tokio::test]
async fn a_repeat_at_its_place_is_answered_with_the_original_place_and_elsewhere_stored_again() {
    let (client, stream) = (client(), test_servers::unique("repeats"));
    let there = |state, names: &'static [&str]| append(&client, &stream, state, events(names));
    let first = there(StreamState::NoStream, &["0", "1", "2"]).await.unwrap();
    there(at(2), &["3"]).await.unwrap();
    for answer in [there(StreamState::NoStream, &["0", "1", "2"]).await, there(at(0), &["1", "2"]).await] {
        let answer = answer.unwrap();
        assert_eq!((answer.next_expected_version, answer.position), (2, first.position));
    }
    let prefix = there(StreamState::NoStream, &["0"]).await.unwrap();
    assert_eq!((prefix.next_expected_version, prefix.position), (0, stored(&client, &stream).await[0].position));
    assert_eq!(stored(&client, &stream).await.len(), 4);
    assert_eq!(there(at(3), &[]).await.unwrap().next_expected_version, 3);
    assert_eq!(there(at(3), &["3"]).await.unwrap().next_expected_version, 4);
    assert_eq!(stored(&client, &stream).await.len(), 5, "ids are not unique in the log");
}

#[tokio::test]
async fn of_20_first_writers_one_wins_and_a_repeat_in_flight_is_stored_once() {
    let (client, race, twins) = (client(), test_servers::unique("race"), test_servers::unique("twins"));
    let racers = (0..20).map(|i| append(&client, &race, StreamState::NoStream, vec![event(&format!("racer {i}"))]));
    let answers = join_all(racers).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let lost = answers.into_iter().filter(Result::is_err).map(conflicts);
    assert_eq!(lost.filter(|lost| lost.1 == CurrentRevision::Current(0)).count(), 19);

    let answers = join_all((0..8).map(|_| append(&client, &twins, StreamState::NoStream, events(&["twin"])))).await;
    assert_eq!(stored(&client, &twins).await.len(), 1);
    for answer in answers {
        // "Operation timed out: Commit phase timeout." means: ask again.
        let is_aborted = |e: &Error| format!("{e:?}").contains("Aborted") && format!("{e:?}").contains("Commit phase");
        assert!(answer.as_ref().map_or_else(is_aborted, |answer| answer.next_expected_version == 0), "{answer:?}");
    }
    let again = append(&client, &twins, StreamState::NoStream, events(&["twin"])).await.unwrap();
    assert_eq!(again.next_expected_version, 0);
}

#[tokio::test]
async fn what_cannot_be_an_append_is_refused_and_stores_nothing() {
    const LIMIT: usize = 1_048_576;
    let (client, stream) = (client(), test_servers::unique("refused"));
    let sized = |bytes: usize| EventData::binary("Tested", vec![b'x'; bytes].into()).id(Uuid::new_v4());
    for (name, events, told) in [
        (stream.as_str(), vec![sized(LIMIT / 2), sized(LIMIT / 2 + 1)], "InvalidArgument"),
        (stream.as_str(), vec![event("0").id(Uuid::nil())], "Unknown"),
        (stream.as_str(), vec![EventData::binary("", Bytes::new()).id(Uuid::new_v4())], "Unknown"),
        ("", vec![event("0")], "Unknown"),
    ] {
        // The client takes UNKNOWN for a server that is gone, and looks for another: each has its own.
        let refusal = append(&self::client(), name, StreamState::NoStream, events).await.unwrap_err();
        let text = format!("{refusal:?}");
        assert!(text.contains(told) || (told == "Unknown" && text.contains("ServerError")), "{text}");
    }
    assert_eq!(stored(&client, &stream).await.len(), 0);
    // Its own log counts a little more.
    let fits = vec![sized(LIMIT / 2 - 1000), sized(LIMIT / 2 - 1000).metadata(vec![b'm'; 1000].into())];
    append(&client, &stream, StreamState::NoStream, fits).await.unwrap();
}

#[tokio::test]
async fn a_stream_is_read_from_a_revision_forwards_and_backwards_and_tells_where_it_ends() {
    let (client, stream) = (client(), test_servers::unique("reads"));
    let options = ReadStreamOptions::default;
    assert!(matches!(read(&client, &stream, options()).await, Err(Error::ResourceNotFound)));
    append(&client, &stream, StreamState::NoStream, events(&["0", "1", "2"])).await.unwrap();
    let all = read(&client, &stream, options()).await.unwrap();
    assert!(matches!(all.last(), Some(ReadEvent::LastStreamPosition(2))));
    assert_eq!(revisions(all), [0, 1, 2]);
    let from = |revision| options().position(StreamPosition::Position(revision));
    assert_eq!(revisions(read(&client, &stream, from(1)).await.unwrap()), [1, 2]);
    assert_eq!(revisions(read(&client, &stream, from(1).max_count(1)).await.unwrap()), [1]);
    assert_eq!(revisions(read(&client, &stream, from(1).backwards()).await.unwrap()), [1, 0]);
    let last = options().position(StreamPosition::End).backwards().max_count(1);
    assert_eq!(revisions(read(&client, &stream, last).await.unwrap()), [2]);
    let past = read(&client, &stream, from(9)).await.unwrap();
    assert!(
        matches!(past[..], [ReadEvent::FirstStreamPosition(0), ReadEvent::LastStreamPosition(2)]),
        "{} answers",
        past.len()
    );
}

#[tokio::test]
async fn the_whole_log_is_read_from_a_position_on_and_backwards_from_its_end() {
    let (client, stream) = (client(), test_servers::unique("log"));
    append(&client, &stream, StreamState::NoStream, events(&["0", "1", "2"])).await.unwrap();
    let positions: Vec<Position> = stored(&client, &stream).await.iter().map(|event| event.position).collect();
    let ours = async |options: ReadAllOptions| {
        let mut reading = client.read_all(&options).await.unwrap();
        let mut ours = Vec::new();
        while let Some(event) = reading.next().await.unwrap() {
            let event = event.get_original_event();
            ours.extend((event.stream_id() == stream).then_some(event.revision));
        }
        ours
    };
    let from = |position| ReadAllOptions::default().position(StreamPosition::Position(position)).max_count(1_000);
    assert_eq!(ours(from(positions[1])).await, [1, 2], "inclusive");
    let back = ReadAllOptions::default().position(StreamPosition::End).backwards().max_count(1_000);
    assert_eq!(ours(back).await, [2, 1, 0]);
}

#[tokio::test]
async fn a_batch_stream_appends_and_says_already_exists_for_a_conflict() {
    let (client, stream) = (client(), test_servers::unique("batch"));
    let batch = client.batch_append(&BatchAppendOptions::default()).await.unwrap();
    let first = batch.append_to_stream(&stream, StreamState::NoStream, events(&["0", "1"])).await.unwrap();
    assert_eq!((first.stream_name(), first.current_revision()), (stream.as_str(), Some(1)));
    assert_eq!(first.current_position(), Some(stored(&client, &stream).await[1].position));
    let again = batch.append_to_stream(&stream, StreamState::NoStream, events(&["0", "1"])).await.unwrap();
    assert_eq!(again.current_position(), first.current_position());
    let conflict = batch.append_to_stream(&stream, StreamState::NoStream, events(&["x"])).await.unwrap_err();
    assert!(
        matches!(&conflict, Error::Grpc { .. }) && format!("{conflict:?}").contains("AlreadyExists"),
        "{conflict:?}"
    );
    assert_eq!(stored(&client, &stream).await.len(), 2);
}

/// Fails where something takes far longer than it can.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("an answer within 20 seconds")
}
