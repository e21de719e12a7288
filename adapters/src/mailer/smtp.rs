//! Mails to a server, by SMTP (RFC 5321), over connections that are kept.
//!
//! `lettre` speaks the protocol; what it is given to speak over is ours ([`session`]). Two things decide the outcome of a
//! failure: whether the server answered, and whether the message had been handed over. A connection that was kept and
//! turns out dead before that is replaced once; after it, nothing is ever sent again.

mod letter;
mod session;
mod settings;

use std::collections::HashMap;
use std::error::Error as _;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands;
use lettre::transport::smtp::response::{Response, Severity};
use ports::{Accepted, Clock, Mail, Mailer, NotSent, Result};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use letter::Letter;
use settings::Settings;

/// How long a connection is kept unused. Servers close theirs after five minutes (RFC 5321, section 4.5.3.2.7).
const IDLE: SignedDuration = SignedDuration::from_secs(60);

/// A server, and the connections to it.
pub(super) struct Smtp {
    settings: Settings,
    clock: Clock,
    /// One permit for each connection that may be open.
    connections: Arc<Semaphore>,
    /// Recipient domains that mails are under way to: one permit for each mail that may be.
    domains: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// Unused sessions and since when, the one used last at the end.
    idle: Mutex<Vec<(Session, Timestamp)>>,
    closed: watch::Sender<bool>,
}

/// A connection, and how many mails it was used for.
struct Session {
    connection: AsyncSmtpConnection,
    mails: usize,
}

/// The right to have a connection open, held until it is closed or kept.
type Slot = Arc<OwnedSemaphorePermit>;

/// Why a mail stopped.
enum Stop {
    /// The connection, or the whole session, is of no use, and the message was not handed over.
    Broken(String),
    /// The connection is of no use, and this became of the mail.
    Ended(NotSent),
    /// The server refused this mail; the connection can serve others.
    Refused(NotSent),
}

impl Smtp {
    /// Reads the URL and the certificates; contacts nobody.
    pub(super) fn open(url: &str, clock: Clock) -> Result<Self> {
        let settings = Settings::parse(url)?;
        let connections = Arc::new(Semaphore::new(settings.connections));
        let (domains, idle, closed) = (Mutex::default(), Mutex::default(), watch::Sender::new(false));
        Ok(Self { settings, clock, connections, domains, idle, closed })
    }

    /// Awaits what comes before a message is handed over, unless nothing is to be handed over any more.
    async fn unless_closed<T>(&self, work: impl Future<Output = T>) -> std::result::Result<T, NotSent> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            done = work => Ok(done),
            _ = closed.wait_for(|closed| *closed) => Err(NotSent::Later("the program ended first".to_owned())),
        }
    }

    fn kept(&self) -> Option<Session> {
        let now = self.clock.now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| now.duration_since(*since) < IDLE);
        idle.pop().map(|(session, _)| session)
    }

    /// Keeps a session for the next mail; takes leave of the server where it has had its mails. The outcome of the last one does
    /// not wait for that, but the slot does.
    fn keep(&self, mut session: Session, slot: &Slot) {
        if session.mails < self.settings.per_connection {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((session, self.clock.now()));
            return;
        }
        let (slot, limit) = (Arc::clone(slot), self.settings.timeout);
        tokio::spawn(async move {
            // Whatever it answers, the connection is closed.
            let _answer = timeout(limit, session.connection.quit()).await;
            drop((session, slot));
        });
    }

    /// The permits of a recipient's domain. Domains that nobody writes to now are forgotten.
    fn domain(&self, domain: &str) -> Arc<Semaphore> {
        let mut domains = self.domains.lock().unwrap_or_else(PoisonError::into_inner);
        domains.retain(|_, permits| Arc::strong_count(permits) > 1);
        let permits = domains.entry(domain.to_ascii_lowercase());
        Arc::clone(permits.or_insert_with(|| Arc::new(Semaphore::new(self.settings.per_domain))))
    }

    /// Waits until another mail may go to this domain, and then for a slot, so that nobody holds a slot and waits for a domain.
    async fn may_go(&self, domain: &str) -> std::result::Result<(OwnedSemaphorePermit, Slot), String> {
        let wait = self.settings.answer_timeout;
        let both = async {
            let domain = self.domain(domain).acquire_owned().await?;
            Ok::<_, AcquireError>((domain, Arc::new(Arc::clone(&self.connections).acquire_owned().await?)))
        };
        match timeout(wait, both).await {
            Ok(both) => both.map_err(|_| "the mailer is closed".to_owned()),
            // Bounded, for the sender has claimed the mail for a time.
            Err(_) => Err(format!("waited {} s for other mails to be sent first", wait.as_secs())),
        }
    }

    async fn connect(&self) -> std::result::Result<Session, String> {
        let host = &self.settings.host;
        match timeout(self.settings.timeout, session::connect(&self.settings)).await {
            Ok(Ok(connection)) => Ok(Session { connection, mails: 0 }),
            Ok(Err(why)) => Err(format!("no session with {host}: {why}")),
            Err(_) => Err(format!("no session with {host} within {} s", self.settings.timeout.as_secs())),
        }
    }

    /// Sends a letter over a session, which is kept if it can serve others.
    async fn send_over(
        &self,
        mut session: Session,
        letter: &Letter<'_>,
        slot: &Slot,
    ) -> std::result::Result<Accepted, Stop> {
        session.mails += 1;
        let sent = match self.unless_closed(self.begin(&mut session.connection, letter)).await {
            Ok(Ok(())) => self.hand_over(&mut session.connection, letter).await,
            Ok(Err(stop)) => Err(stop),
            Err(later) => Err(Stop::Ended(later)),
        };
        match &sent {
            Ok(_) => self.keep(session, slot),
            Err(Stop::Refused(_)) => {
                if self.step(&mut session.connection, commands::Rset, Severity::PositiveCompletion).await.is_ok() {
                    self.keep(session, slot);
                }
            }
            Err(Stop::Broken(_) | Stop::Ended(_)) => {}
        }
        sent
    }

    /// MAIL, RCPT and DATA.
    async fn begin(&self, connection: &mut AsyncSmtpConnection, letter: &Letter<'_>) -> std::result::Result<(), Stop> {
        let (mail, recipient) =
            letter.commands(connection.server_info()).map_err(|why| Stop::Refused(NotSent::Never(why)))?;
        self.step(connection, mail, Severity::PositiveCompletion).await?;
        self.step(connection, recipient, Severity::PositiveCompletion).await?;
        self.step(connection, commands::Data, Severity::PositiveIntermediate).await
    }

    async fn step(
        &self,
        connection: &mut AsyncSmtpConnection,
        command: impl Display,
        wanted: Severity,
    ) -> std::result::Result<(), Stop> {
        match timeout(self.settings.timeout, connection.command(command)).await {
            Err(_) => Err(Stop::Broken(format!("no answer within {} s", self.settings.timeout.as_secs()))),
            Ok(Ok(response)) if response.code().severity == wanted => Ok(()),
            Ok(Ok(response)) => Err(Stop::Broken(format!("an answer out of turn: {}", reply(&response)))),
            Ok(Err(error)) => Err(refused(&error).unwrap_or_else(|| Stop::Broken(clean(&error.to_string())))),
        }
    }

    /// The message, up to the server's answer.
    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        letter: &Letter<'_>,
    ) -> std::result::Result<Accepted, Stop> {
        // An empty last piece is taken when all before it are written: from then on the closing dot may have arrived.
        let handed_over = AtomicBool::new(false);
        let end = std::iter::once_with(|| {
            handed_over.store(true, Ordering::Relaxed);
            &b""[..]
        });
        let answer = timeout(self.settings.answer_timeout, connection.message_iter(letter.pieces().chain(end))).await;
        let lost = |why: String| match handed_over.load(Ordering::Relaxed) {
            true => Stop::Ended(NotSent::Unknown(format!("the message was handed over, but not answered: {why}"))),
            false => Stop::Ended(NotSent::Later(format!("the message did not get through: {why}"))),
        };
        match answer {
            Err(_) => Err(lost(format!("waited {} s", self.settings.answer_timeout.as_secs()))),
            Ok(Ok(response)) if response.code().severity == Severity::PositiveCompletion => {
                let reply = reply(&response);
                Ok(Accepted { queue_id: queue_id(&reply), reply })
            }
            Ok(Ok(response)) => Err(lost(format!("an answer out of turn: {}", reply(&response)))),
            Ok(Err(error)) => Err(match refused(&error) {
                Some(Stop::Broken(reply)) => Stop::Ended(NotSent::Later(reply)),
                Some(stop) => stop,
                None => lost(clean(&error.to_string())),
            }),
        }
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> std::result::Result<Accepted, NotSent> {
        let letter = Letter::new(mail)?;
        let (_domain, slot) = self.unless_closed(self.may_go(letter.domain())).await?.map_err(NotSent::Later)?;
        if let Some(session) = self.kept() {
            match self.send_over(session, &letter, &slot).await {
                Ok(accepted) => return Ok(accepted),
                Err(Stop::Ended(outcome) | Stop::Refused(outcome)) => return Err(outcome),
                Err(Stop::Broken(why)) => tracing::debug!(why, "a kept connection was no longer of use"),
            }
        }
        let session = self.unless_closed(self.connect()).await?.map_err(NotSent::Later)?;
        self.send_over(session, &letter, &slot).await.map_err(|stop| match stop {
            Stop::Broken(why) => NotSent::Later(why),
            Stop::Ended(outcome) | Stop::Refused(outcome) => outcome,
        })
    }

    fn close(&self) {
        self.closed.send_replace(true);
    }
}

/// What a negative answer means for the mail; `None` where there was no answer.
fn refused(error: &lettre::transport::smtp::Error) -> Option<Stop> {
    let code = u16::from(error.status()?);
    let reply = clean(&format!("{code} {}", error.source().map(ToString::to_string).unwrap_or_default()));
    Some(match code {
        // The server closes, or wants another session (authentication, encryption): no word on this recipient.
        421 | 530 | 534 | 535 | 538 => Stop::Broken(reply),
        400..500 => Stop::Refused(NotSent::Later(reply)),
        _ => Stop::Refused(NotSent::Never(reply)),
    })
}

fn reply(response: &Response) -> String {
    clean(&format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" ")))
}

/// A server's words in one line of at most 500 characters.
fn clean(text: &str) -> String {
    text.trim().chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The server's name for an accepted mail, as Postfix ("queued as 4C…"), Exim ("id=1a…") and Exchange
/// ("[InternalId=…") tell it.
fn queue_id(reply: &str) -> Option<String> {
    let told = ["queued as ", "[InternalId=", " id="].iter().find_map(|before| Some(reply.split_once(before)?.1))?;
    let ends = |c: char| c.is_whitespace() || ",;]>)".contains(c);
    let id = told.split(ends).next()?.trim_end_matches('.');
    (!id.is_empty()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests;
