//! The client, made anew when it is broken; calls asked again until their outcome is known; errors in words of the ports.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::kurrentdb::{Client, Credentials, Error as ClientError};
use ports::{Error, Result};
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::no_delay::set_no_delay;
use super::settings::Settings;

/// How long one try may take. A repeat of an append that is still being written is answered after 2 seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// How long a client is kept that answered nothing yet: the first one after one that did, and at most.
const KEPT_FOR: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long a call is tried again; then its caller learns that the server is away.
const GIVES_UP_AFTER: Duration = Duration::from_secs(5);

/// A client and its calls.
pub(super) struct Connection {
    settings: Settings,
    current: Mutex<Current>,
    /// Whether it was said that calls are slow here.
    warned: AtomicBool,
    /// Whether a call was ever answered: then a right that is missing may come back.
    was_let_in: AtomicBool,
}

/// The client that is used now.
struct Current {
    client: Client,
    /// How many there were before it.
    generation: u64,
    /// Whether a call was answered; then its connection has Nagle's algorithm off, or this cannot be had.
    answered: bool,
    since: Instant,
    /// How long it is kept at least. A client that was replaced never ends, so that none is made at each try of a long outage.
    kept_for: Duration,
}

impl Connection {
    /// Connects at the first call.
    ///
    /// # Errors
    /// `Rejected` where a certificate of the URL cannot be used.
    pub(super) fn new(settings: Settings) -> Result<Self> {
        // The client would choose another provider for the whole process; an error says that one is chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::new(settings.client.clone())
            .map_err(|error| Error::Rejected(format!("setting \"stores.events\": {error}")))?;
        Ok(Self {
            settings,
            current: Mutex::new(Current {
                client,
                generation: 0,
                answered: false,
                since: Instant::now(),
                kept_for: Duration::ZERO,
            }),
            warned: AtomicBool::new(false),
            was_let_in: AtomicBool::new(false),
        })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Options of a call with the URL's credentials; `authenticated` is the options' method.
    pub(super) fn signed<O>(&self, options: O, authenticated: impl FnOnce(O, Credentials) -> O) -> O {
        match &self.settings.credentials {
            Some(credentials) => authenticated(options, credentials.clone()),
            None => options,
        }
    }

    /// The client to call now, and its generation.
    pub(super) fn client(&self) -> (Client, u64) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (current.client.clone(), current.generation)
    }

    /// Calls until there is an answer or [`GIVES_UP_AFTER`] is over. What is called must be the same however often it is done.
    ///
    /// # Errors
    /// `Unavailable` with the last try's reason, where none was answered; other answers at once.
    pub(super) async fn ask<T, F>(&self, call: impl Fn(Client) -> F) -> Result<T>
    where
        F: Future<Output = ::kurrentdb::Result<T>> + Send,
    {
        let began = Instant::now();
        let mut delays = Delays::default();
        loop {
            let (client, generation) = self.client();
            let error = match timeout(ANSWERS_WITHIN, call(client)).await {
                Ok(Ok(answer)) => {
                    self.is_connected(generation);
                    return Ok(answer);
                }
                Ok(Err(error)) => self.failed(generation, &error),
                Err(_) => self.silent(generation, ANSWERS_WITHIN),
            };
            let delay = delays.next_delay();
            if !matches!(error, Error::Unavailable(_)) || began.elapsed() + delay > GIVES_UP_AFTER {
                return Err(error);
            }
            sleep(delay).await;
        }
    }

    /// A first call of this client was answered.
    fn is_connected(&self, generation: u64) {
        self.was_let_in.store(true, Ordering::Relaxed);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.generation == generation && !current.answered {
            current.answered = true;
            drop(current);
            self.make_prompt();
        }
    }

    /// Makes the calls of the connections that are open now prompt; see [`set_no_delay`].
    pub(super) fn make_prompt(&self) {
        let ports: Vec<u16> =
            self.settings.client.hosts().iter().filter_map(|host| u16::try_from(host.port).ok()).collect();
        if let Err(error) = set_no_delay(&ports)
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            warn!(%error, "each call to KurrentDB takes some 42 ms more: TCP_NODELAY cannot be set from here");
        }
    }

    /// What an error means, and a new client where this one would not get over it: one whose first connection failed never
    /// connects, and one of several servers keeps to the one that it chose.
    pub(super) fn failed(&self, generation: u64, error: &ClientError) -> Error {
        let meaning = match sentence(error) {
            Error::Rejected(why)
                if matches!(error, ClientError::AccessDenied) && self.was_let_in.load(Ordering::Relaxed) =>
            {
                Error::Unavailable(why)
            }
            meaning => meaning,
        };
        let is_broken = matches!(error, ClientError::ConnectionClosed | ClientError::GrpcConnectionError(_));
        // One that was told of the leader goes there by itself.
        let is_elsewhere = self.settings.is_cluster()
            && matches!(meaning, Error::Unavailable(_))
            && !matches!(error, ClientError::NotLeaderException(_));
        if is_broken || is_elsewhere {
            self.replace(generation);
        }
        meaning
    }

    /// That nothing came within a time; the client may wait for a connection that a server took and never served.
    pub(super) fn silent(&self, generation: u64, within: Duration) -> Error {
        self.replace(generation);
        Error::Unavailable(format!("KurrentDB did not answer within {within:?}"))
    }

    fn replace(&self, generation: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.generation != generation || (!current.answered && current.since.elapsed() < current.kept_for) {
            return;
        }
        let kept_for = if current.answered { KEPT_FOR.0 } else { (current.kept_for * 2).clamp(KEPT_FOR.0, KEPT_FOR.1) };
        match Client::new(self.settings.client.clone()) {
            Ok(client) => {
                let (generation, since) = (generation + 1, Instant::now());
                *current = Current { client, generation, answered: false, since, kept_for };
            }
            Err(error) => warn!(%error, "no new client for KurrentDB"),
        }
    }
}

/// Codes of gRPC with which a server refuses a call for good: invalid argument, failed precondition, out of range.
const REFUSED: [i32; 3] = [3, 9, 11];

/// An error of the client in words of the ports.
fn sentence(error: &ClientError) -> Error {
    let text = format!("KurrentDB: {error}");
    match error {
        ClientError::WrongExpectedVersion { .. } | ClientError::ResourceAlreadyExists => Error::Conflict(text),
        ClientError::AccessDenied => Error::Rejected(
            "KurrentDB refuses user and password, or this user may not read $all and write our streams".to_owned(),
        ),
        ClientError::UnsupportedFeature => Error::Rejected(text),
        ClientError::Grpc { code, .. } if REFUSED.contains(&i32::from(*code)) => Error::Rejected(text),
        ClientError::ResourceDeleted | ClientError::InternalParsingError(_) => Error::Corrupt(text),
        ClientError::ServerError(_)
        | ClientError::NotLeaderException(_)
        | ClientError::ConnectionClosed
        | ClientError::Grpc { .. }
        | ClientError::GrpcConnectionError(_)
        | ClientError::ResourceNotFound
        | ClientError::InternalClientError
        | ClientError::DeadlineExceeded
        | ClientError::InitializationError(_)
        | ClientError::IllegalStateError(_) => Error::Unavailable(text),
    }
}

const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Delays between tries: each about twice the one before, and none the same for two processes.
#[derive(Default)]
pub(super) struct Delays(u32);

impl Delays {
    /// Between half of the delay and all of it.
    pub(super) fn next_delay(&mut self) -> Duration {
        let delay = FIRST_DELAY.saturating_mul(1 << self.0.min(10)).min(LONGEST_DELAY);
        self.0 += 1;
        let dice = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        delay.mul_f64(0.5 + dice / 2.0)
    }
}
