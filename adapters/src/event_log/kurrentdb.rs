//! The event log in KurrentDB, by its gRPC client. The stream `<stream>` stands there as `<prefix>.<stream>`.
//!
//! Appends name no stream or an exact revision, never "any": only then does the server know a repeat for ever, so that a call whose
//! outcome is unknown can be made again until it is known.

mod connection;
mod event;
mod feed;
mod no_delay;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use ::kurrentdb::{
    AppendToStreamOptions, Client, Error as ClientError, ReadAllOptions, ReadStreamOptions, RecordedEvent,
    ResolvedEvent, StreamPosition, StreamState,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use ports::{Categories, Error, EventFeed, EventLog, Expected, Fed, NewEvent, Position, Result, StoredEvent};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::connection::Connection;
use self::event::{position, proposed, stored};
use self::feed::Feed;
use self::settings::Settings;
use super::check_append;

/// How many events of a stream are read in one call.
const PAGE_EVENTS: usize = 1_000;

/// Log and feed on one server or cluster.
pub(super) struct KurrentDbEventLog {
    connection: Arc<Connection>,
    feed: Arc<Feed>,
    /// Follows the log's end for as long as this lives.
    follower: JoinHandle<()>,
}

impl KurrentDbEventLog {
    /// Connects, and looks for the log's end, so that what is wrong with the URL shows when the program starts.
    pub(super) async fn open(url: &str) -> Result<Self> {
        let connection = Arc::new(Connection::new(Settings::parse(url)?)?);
        let end = match log_end(&connection).await {
            Ok(end) => end,
            Err(error) => return Err(cannot_open(connection.settings(), error).await),
        };
        let feed = Arc::new(Feed::new(Arc::clone(&connection), end));
        let follower = tokio::spawn(Arc::clone(&feed).follow());
        Ok(Self { connection, feed, follower })
    }

    fn prefix(&self) -> &str {
        &self.connection.settings().prefix
    }
}

impl Drop for KurrentDbEventLog {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

#[async_trait]
impl EventLog for KurrentDbEventLog {
    async fn append(&self, stream: &str, expected: Expected, events: &[NewEvent]) -> Result<Position> {
        check_append(stream, events)?;
        let events = events.iter().map(proposed).collect::<Result<Vec<_>>>()?;
        let state = match expected {
            Expected::NoStream => StreamState::NoStream,
            Expected::Revision(revision) => StreamState::StreamRevision(revision),
        };
        let options = AppendToStreamOptions::default().stream_state(state);
        let options = self.connection.signed(options, AppendToStreamOptions::authenticated);
        let name = format!("{}{stream}", self.prefix());
        let call = |client: Client| {
            let (name, options, events) = (name.clone(), options.clone(), events.clone());
            async move { client.append_to_stream(name, &options, events).await }
        };
        let written = self.connection.ask(call).await.map_err(|error| match error {
            Error::Conflict(why) => Error::Conflict(format!("{stream}: {why}")),
            Error::Unavailable(_) | Error::Rejected(_) | Error::Corrupt(_) => error,
        })?;
        let position = position(written.position);
        self.feed.appended(position);
        Ok(position)
    }

    async fn read(&self, stream: &str, from: u64) -> Result<Vec<StoredEvent>> {
        let mut events = Vec::new();
        loop {
            let page = self.read_page(stream, from + events.len() as u64).await?;
            let is_last = page.len() < PAGE_EVENTS;
            for recorded in &page {
                events.push(stored(recorded, self.prefix())?);
            }
            if is_last {
                return Ok(events);
            }
        }
    }
}

impl KurrentDbEventLog {
    async fn read_page(&self, stream: &str, from: u64) -> Result<Vec<RecordedEvent>> {
        let options = ReadStreamOptions::default().position(StreamPosition::Position(from)).max_count(PAGE_EVENTS);
        let options = self.connection.signed(options, ReadStreamOptions::authenticated);
        let name = format!("{}{stream}", self.prefix());
        let call = |client: Client| {
            let (name, options) = (name.clone(), options.clone());
            async move {
                let mut reading = client.read_stream(name, &options).await?;
                let mut page = Vec::new();
                loop {
                    match reading.next().await {
                        Ok(Some(resolved)) => page.extend(recorded(resolved)),
                        Ok(None) | Err(ClientError::ResourceNotFound) => return Ok(page),
                        Err(error) => return Err(error),
                    }
                }
            }
        };
        self.connection.ask(call).await
    }
}

#[async_trait]
impl EventFeed for KurrentDbEventLog {
    fn read(&self, after: Option<Position>, of: Categories) -> BoxStream<'static, Result<Fed>> {
        Arc::clone(&self.feed).read(after, of)
    }

    async fn grown(&self, after: Option<Position>) {
        self.feed.grown(after).await;
    }
}

/// The event that stands at the place, which a link to another may be.
fn recorded(resolved: ResolvedEvent) -> Option<RecordedEvent> {
    resolved.link.or(resolved.event)
}

/// Position of the newest event of all, ours or not; none in an empty log.
async fn log_end(connection: &Connection) -> Result<Option<Position>> {
    let options = ReadAllOptions::default().position(StreamPosition::End).max_count(1);
    let options = connection.signed(options, ReadAllOptions::authenticated);
    let call = |client: Client| {
        let options = options.clone();
        async move { client.read_all(&options).await?.next().await }
    };
    let newest = connection.ask(call).await?.and_then(recorded);
    Ok(newest.map(|newest| position(newest.position)))
}

/// Says what was found where a log cannot be opened. The client does not tell a closed port from a server that speaks otherwise.
async fn cannot_open(settings: &Settings, error: Error) -> Error {
    let why = match error {
        Error::Unavailable(why) => why,
        Error::Conflict(why) | Error::Rejected(why) | Error::Corrupt(why) => {
            return Error::Rejected(format!("setting \"stores.events\": {why}"));
        }
    };
    let mut found = Vec::new();
    for host in settings.client.hosts() {
        let address = (host.host.as_str(), u16::try_from(host.port).unwrap_or_default());
        let is_open = matches!(timeout(Duration::from_secs(2), TcpStream::connect(address)).await, Ok(Ok(_)));
        let tls = settings.client.is_secure_mode_enabled();
        found.push(match is_open {
            true => {
                format!("{}:{} is open, but does not answer as KurrentDB does with tls={tls}", host.host, host.port)
            }
            false => format!("{}:{} cannot be reached", host.host, host.port),
        });
    }
    Error::Unavailable(format!("setting \"stores.events\": {}; {why}", found.join("; ")))
}
