//! What the adapters of NATS share: a connection by URL, checked when it is opened, and its bounds and errors.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::client::Client;
use async_nats::connection::State;
use async_nats::jetstream::{self, Context};
use async_nats::{ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use percent_encoding::percent_decode_str;
use ports::{Error, Result};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long a call waits for the server's answer.
pub(crate) const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// The longest pause between two attempts to connect again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a URL says: `nats://[user:password@]host:4222[,host…]?prefix=<name>&ack_wait=<seconds>&replicas=<n>`, or `tls://…`.
struct Place {
    servers: Vec<ServerAddr>,
    user: Option<(String, String)>,
    is_tls: bool,
    options: Options,
}

/// What of a URL is ours.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Begins the names of streams, buckets and subjects.
    pub(crate) prefix: String,
    /// How long taken work is kept from others.
    pub(crate) ack_wait: Duration,
    /// How many servers keep each stream.
    pub(crate) replicas: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { prefix: "trialbrief".to_owned(), ack_wait: Duration::from_secs(60), replicas: 1 }
    }
}

/// A connection that comes back by itself. While it is away, every call is `Unavailable` at once.
#[derive(Clone)]
pub(crate) struct Nats {
    client: Client,
    pub(crate) jetstream: Context,
    pub(crate) options: Options,
    /// Rung whenever the connection is made, or what is kept is in doubt.
    connected: Arc<Notify>,
}

impl Nats {
    /// Connects to the servers that the setting `queue` names, and asks whether JetStream is there.
    ///
    /// # Errors
    /// `Rejected` where the URL, the credentials or the server are not what is needed, `Unavailable` where none can be reached;
    /// both name the setting, and neither the password.
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        let Place { servers, user, is_tls, options } = parse(url)?;
        let named = servers.iter().map(|server| format!("{}:{}", server.host(), server.port()));
        let named = named.collect::<Vec<_>>().join(",");
        let connected = Arc::new(Notify::new());
        let bell = Arc::clone(&connected);
        let mut connect = ConnectOptions::new()
            .name("trialbrief")
            .event_callback(move |event| {
                tracing::info!(%event, "NATS");
                if event == Event::Connected {
                    bell.notify_one();
                }
                std::future::ready(())
            })
            .require_tls(is_tls)
            .connection_timeout(ANSWERS_WITHIN)
            .ping_interval(Duration::from_secs(5))
            .reconnect_delay_callback(|attempts| {
                LONGEST_PAUSE.min(Duration::from_millis(50).saturating_mul(u32::try_from(attempts).unwrap_or(u32::MAX)))
            });
        if let Some((user, password)) = user {
            connect = connect.user_and_password(user, password);
        }
        let client = connect.connect(servers).await.map_err(|error| match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => Error::Rejected(format!(
                "setting \"stores.queue\": {named} refuses the user and password of the URL, or asks for some"
            )),
            ConnectErrorKind::Tls | ConnectErrorKind::ServerParse => {
                Error::Rejected(format!("setting \"stores.queue\": {named}: {error}"))
            }
            ConnectErrorKind::Dns
            | ConnectErrorKind::TimedOut
            | ConnectErrorKind::Io
            | ConnectErrorKind::MaxReconnects => {
                Error::Unavailable(format!("setting \"stores.queue\": {named} cannot be reached: {error}"))
            }
        })?;
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(ANSWERS_WITHIN);
        jetstream.query_account().await.map_err(|error| {
            Error::Rejected(format!(
                "setting \"stores.queue\": {named} has no JetStream for us (start it with -js): {error}"
            ))
        })?;
        Ok(Self { client, jetstream, options, connected })
    }

    /// Says that what the server keeps seems to be gone.
    pub(crate) fn doubt(&self) {
        self.connected.notify_one();
    }

    /// Makes something again after each connection and each doubt, as often as it takes, until the answer is dropped: a server
    /// that comes back may have lost what it kept.
    pub(crate) fn make_again<F>(&self, make: impl Fn(Self) -> F + Send + 'static) -> JoinSet<()>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let nats = self.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                nats.connected.notified().await;
                while let Err(error) = make(nats.clone()).await {
                    tracing::warn!(%error, "what is kept in NATS cannot be made again yet");
                    sleep(LONGEST_PAUSE).await;
                }
            }
        });
        task
    }

    /// Hears a subject.
    pub(crate) async fn subscribe(&self, subject: String) -> Result<async_nats::Subscriber> {
        self.client.subscribe(subject).await.map_err(|error| Error::Unavailable(format!("NATS: {error}")))
    }

    /// Waits for what a call comes to, no longer than it may take. A call while the connection is away would wait in the client.
    pub(crate) async fn bounded<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        match self.client.connection_state() {
            State::Connected => {}
            State::Pending | State::Disconnected => {
                return Err(Error::Unavailable("NATS: the connection is away".to_owned()));
            }
        }
        let unanswered = || Error::Unavailable(format!("NATS: no answer within {ANSWERS_WITHIN:?}"));
        tokio::time::timeout(ANSWERS_WITHIN, call).await.unwrap_or_else(|_| Err(unanswered()))
    }
}

fn parse(url: &str) -> Result<Place> {
    let rejected = |why: String| Error::Rejected(format!("setting \"stores.queue\": {why}"));
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    if query.contains('@') {
        return Err(rejected("an @ stands behind the ?: percent-encode user and password, ? as %3F".to_owned()));
    }
    let (credentials, hosts) = match place.rsplit_once('@') {
        Some((credentials, hosts)) => (Some(credentials), hosts),
        None => (None, place),
    };
    let user = match credentials.map(|credentials| credentials.split_once(':')) {
        None => None,
        Some(Some((user, password))) => Some((decoded(user)?, decoded(password)?)),
        Some(None) => {
            return Err(rejected("the URL names a user and no password: write user:password@host".to_owned()));
        }
    };
    let mut servers = Vec::new();
    for host in hosts.trim_end_matches('/').split(',') {
        // The port is 4222 where none is named.
        let server = format!("{scheme}://{host}").parse::<ServerAddr>().ok().filter(|_| !host.is_empty());
        let remedy = || rejected(format!("{host:?} is no server: write {scheme}://<host>:4222"));
        servers.push(server.ok_or_else(remedy)?);
    }
    let mut options = Options::default();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "prefix" => options.prefix = prefix(value)?,
            "ack_wait" => options.ack_wait = Duration::from_secs(whole(name, value, 1, 3_600)?),
            "replicas" => options.replicas = usize::try_from(whole(name, value, 1, 5)?).unwrap_or(1),
            _ => {
                let known = "prefix, ack_wait and replicas";
                return Err(rejected(format!("unknown option {name:?}; there are {known}")));
            }
        }
    }
    Ok(Place { servers, user, is_tls: scheme == "tls", options })
}

fn decoded(text: &str) -> Result<String> {
    let text = percent_decode_str(text).decode_utf8();
    let remedy = "setting \"stores.queue\": user and password are UTF-8, percent-encoded";
    Ok(text.map_err(|_| Error::Rejected(remedy.to_owned()))?.into_owned())
}

fn prefix(value: &str) -> Result<String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=64).contains(&value.len()) && value.bytes().all(is_name) {
        return Ok(value.to_owned());
    }
    Err(Error::Rejected(format!(
        "setting \"stores.queue\": prefix is {value:?}; it is 1 to 64 of A-Z, a-z, 0-9, '-' and '_'"
    )))
}

fn whole(name: &str, value: &str, least: u64, most: u64) -> Result<u64> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| {
        Error::Rejected(format!(
            "setting \"stores.queue\": {name} is {value:?}; it is a whole number from {least} to {most}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_servers_credentials_and_options() {
        let place = parse("tls://ada:p%40ss@one:4333,two?prefix=t-1&ack_wait=5&replicas=3").unwrap();
        let servers: Vec<_> = place.servers.iter().map(|server| (server.host().to_owned(), server.port())).collect();
        assert_eq!(servers, [("one".to_owned(), 4333), ("two".to_owned(), 4222)]);
        assert_eq!(place.user, Some(("ada".to_owned(), "p@ss".to_owned())));
        assert!(place.is_tls);
        let Options { prefix, ack_wait, replicas } = place.options;
        assert_eq!((prefix.as_str(), ack_wait.as_secs(), replicas), ("t-1", 5, 3));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_named_and_the_password_is_not() {
        for (url, named) in [
            ("nats://ada:secret@?prefix=a", "no server"),
            ("nats://ada:secret@host?perfix=a", "\"perfix\""),
            ("nats://ada:secret@host?prefix=a.b", "\"a.b\""),
            ("nats://ada:secret@host?ack_wait=0", "ack_wait is \"0\""),
            ("nats://ada:secret@host?replicas=9", "replicas is \"9\""),
            ("nats://secret@host", "no password"),
            ("nats://ada:sec?secret@host", "percent-encode"),
        ] {
            let Err(Error::Rejected(said)) = parse(url).map(|_| ()) else { panic!("{url} was taken") };
            assert!(said.contains(named) && said.contains("\"stores.queue\"") && !said.contains("secret"), "{said}");
        }
    }
}
