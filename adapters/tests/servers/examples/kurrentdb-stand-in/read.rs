//! `Streams/Read`: a stream or the whole log once, forwards or backwards.

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tonic::{Request, Response, Status};

use crate::append::stream_name;
use crate::follow::{follow_all, follow_stream};
use crate::messages::{
    AllOptions, FilterOptions, Position, ReadEvent, ReadOptions, ReadReq, ReadResp, RecordedEvent, StreamIdentifier,
    StreamNotFound, StreamOptions, Uuid,
};
use crate::store::{Recorded, Store, position, row_at};

/// What a read answers, piece by piece.
pub type Answers = BoxStream<'static, Result<ReadResp, Status>>;

/// How many rows a backward read of the log takes at a time.
const BACKWARD_ROWS: u64 = 512;

/// Reads once, or follows.
pub async fn read(store: Arc<Store>, request: Request<ReadReq>) -> Result<Response<Answers>, Status> {
    let options = request.into_inner().options.unwrap_or_default();
    let ids = Ids::of(&options);
    let answers = match (&options.stream, &options.all, options.subscription) {
        (Some(stream), _, None) => read_stream(&store, stream, &options, ids).await?,
        (Some(stream), _, Some(())) => follow_stream(store, stream, ids).await?,
        (None, Some(all), None) => read_all(store, *all, &options, ids).await?,
        (None, Some(all), Some(())) => follow_all(store, *all, options.filter.as_ref(), ids).await?,
        (None, None, _) => return Err(Status::invalid_argument("neither a stream nor all of them are asked for")),
    };
    Ok(Response::new(answers))
}

async fn read_stream(store: &Store, asked: &StreamOptions, options: &ReadOptions, ids: Ids) -> Result<Answers, Status> {
    let name = stream_name(asked.stream_identifier.as_ref())?;
    let mut events = store.read(&name, 0).await?;
    let Some(last) = events.last().map(|last| last.revision) else {
        let stream_not_found = Some(StreamNotFound { stream_identifier: Some(StreamIdentifier::named(&name)) });
        return Ok(stream::iter([Ok(ReadResp { stream_not_found, ..ReadResp::default() })]).boxed());
    };
    let is_backwards = options.read_direction == 1;
    let from = match asked {
        StreamOptions { revision: Some(revision), .. } => *revision,
        StreamOptions { end: Some(()), .. } => u64::MAX,
        StreamOptions { .. } => 0,
    };
    if is_backwards {
        events.retain(|event| event.revision <= from);
        events.reverse();
    } else {
        events.retain(|event| event.revision >= from);
    }
    events.truncate(count(options));
    let first = events.is_empty().then_some(ReadResp { first_stream_position: Some(0), ..ReadResp::default() });
    let end = ReadResp { last_stream_position: Some(last), ..ReadResp::default() };
    let answers = first.into_iter().chain(events.into_iter().map(move |event| ids.event(event))).chain([end]);
    Ok(stream::iter(answers.map(Ok).collect::<Vec<_>>()).boxed())
}

async fn read_all(store: Arc<Store>, asked: AllOptions, options: &ReadOptions, ids: Ids) -> Result<Answers, Status> {
    let filter = Filter::of(options.filter.as_ref())?;
    let end = store.end().await?;
    let is_backwards = options.read_direction == 1;
    // The row of the first event that is told forwards; backwards it is the first that is not.
    let from = match asked {
        AllOptions { position: Some(at), .. } => row_of(at, end)?,
        AllOptions { end: Some(()), .. } => end + 1,
        AllOptions { .. } => 1,
    };
    let events = if is_backwards { behind_front(store, from) } else { store.behind(from - 1) };
    let wanted = events.try_filter(move |event| std::future::ready(filter.wants(event)));
    Ok(wanted.take(count(options)).map_ok(move |event| ids.event(event)).boxed())
}

/// The events before a row, the newest first.
fn behind_front(store: Arc<Store>, before: u64) -> BoxStream<'static, Result<Recorded, Status>> {
    stream::try_unfold(before, move |before| {
        let store = Arc::clone(&store);
        async move {
            if before <= 1 {
                return Ok(None);
            }
            let start = before.saturating_sub(BACKWARD_ROWS).max(1);
            let rows = usize::try_from(before - start).unwrap_or(usize::MAX);
            let mut events: Vec<_> = store.behind(start - 1).take(rows).try_collect().await?;
            events.reverse();
            Ok::<_, Status>(Some((stream::iter(events.into_iter().map(Ok)), start)))
        }
    })
    .try_flatten()
    .boxed()
}

fn count(options: &ReadOptions) -> usize {
    usize::try_from(options.count.unwrap_or(u64::MAX)).unwrap_or(usize::MAX)
}

/// The row that begins at a position, at most the one that comes next.
///
/// # Errors
/// Where no event begins: the real server reads no event from the middle of another.
pub fn row_of(at: Position, end: u64) -> Result<u64, Status> {
    let is_border = at.prepare_position == 0 || at.prepare_position == at.commit_position;
    let row = row_at(at.commit_position).filter(|row| is_border && *row <= end + 1);
    row.map(|row| row.max(1)).ok_or_else(|| Status::invalid_argument("the position is no border of an event"))
}

/// Which events are wanted: those whose stream's name or type begins with one of the prefixes.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    streams: Option<Vec<String>>,
    types: Option<Vec<String>>,
}

impl Filter {
    pub fn of(options: Option<&FilterOptions>) -> Result<Self, Status> {
        let Some(options) = options else { return Ok(Self::default()) };
        let (streams, types) = (&options.stream_identifier, &options.event_type);
        if streams.iter().chain(types).any(|expression| !expression.regex.is_empty()) {
            return Err(Status::unimplemented("this stand-in filters by prefixes only"));
        }
        let prefixes = |of: &Option<crate::messages::Expression>| of.as_ref().map(|of| of.prefix.clone());
        Ok(Self { streams: prefixes(streams), types: prefixes(types) })
    }

    pub fn wants(&self, event: &Recorded) -> bool {
        let begins = |prefixes: &Option<Vec<String>>, name: &str| {
            prefixes.as_ref().is_none_or(|prefixes| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        };
        begins(&self.streams, &event.stream) && begins(&self.types, &event.event.kind)
    }
}

/// How the reader wants event ids written.
#[derive(Clone, Copy, Debug)]
pub enum Ids {
    Strings,
    Structured,
}

impl Ids {
    fn of(options: &ReadOptions) -> Self {
        let structured = options.uuid_option.and_then(|option| option.structured);
        structured.map_or(Self::Strings, |()| Self::Structured)
    }

    /// An event as an answer.
    pub fn event(self, recorded: Recorded) -> ReadResp {
        let at = position(recorded.row);
        let metadata = HashMap::from([
            ("type".to_owned(), recorded.event.kind),
            ("created".to_owned(), recorded.created.to_string()),
            ("content-type".to_owned(), recorded.event.content_type),
        ]);
        let event = RecordedEvent {
            id: Some(match self {
                Self::Strings => Uuid::of_text(recorded.event.id),
                Self::Structured => Uuid::of_bits(recorded.event.id),
            }),
            stream_identifier: Some(StreamIdentifier::named(&recorded.stream)),
            stream_revision: recorded.revision,
            prepare_position: at,
            commit_position: at,
            metadata,
            custom_metadata: recorded.event.custom_metadata,
            data: recorded.event.data,
        };
        ReadResp { event: Some(ReadEvent { event: Some(event), commit_position: Some(at) }), ..ReadResp::default() }
    }
}
