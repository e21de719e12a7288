//! Deliveries to outcomes: claim, send, record.
//!
//! The claim is the event `DeliveryAttempted`: its command id is random, so of two workers one gets a conflict and does not send.
//! What is not known to have gone is recorded as unknown and never repeated.

mod letter;

use std::sync::Arc;

use async_trait::async_trait;
use commands::{Commands, unsubscribe_token};
use domain::access::Action;
use domain::delivery::{Command, Delivery, Skipped, Withheld};
use domain::id::Id;
use domain::report::Report;
use domain::sealed::Sealed;
use domain::subscription::{Known, Status};
use futures::future::join_all;
use http::Keys;
use jiff::{SignedDuration, Timestamp};
use ports::{
    Accepted, Cause, Clock, Directory, Error, FileStore, Key, Mail, NotSent, Result, Step, Taken, WorkKind, WorkQueue,
    Worker,
};
use projections::DeliveryNow;
use queries::Queries;
use report::mail::{Letter, Mailbox};
use tracing::Instrument;
use uuid::Uuid;

use crate::backoff::next_attempt;
use crate::{Done, into_port_error, is_given_up, is_lasting, outcome_of_all, while_holding};
use letter::{Letters, Shared};

/// What is configured about mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailerSettings {
    /// Sender's name and address.
    pub from: (String, String),
    /// Domain of envelope senders, message ids and list ids.
    pub domain: String,
    /// Where people reach the product, without a slash at the end.
    pub base_url: String,
    /// The largest attachment, in bytes as it stands in the mail; above it a link is sent.
    pub largest_attachment_bytes: u64,
    /// How long a claim lasts; longer than a send may take.
    pub lease: SignedDuration,
    /// How many deliveries are under way at once.
    pub together: usize,
}

/// The mailer.
pub struct Mailer {
    queue: Arc<dyn WorkQueue>,
    port: Arc<dyn ports::Mailer>,
    directory: Arc<dyn Directory>,
    commands: Commands,
    queries: Queries,
    clock: Clock,
    settings: MailerSettings,
    letters: Letters,
    /// Names this process in claims.
    worker: String,
}

/// How far a delivery is before its claim.
enum Ready {
    /// It can be sent.
    Send(Box<Addressed>),
    /// It has come to this without being sent.
    Outcome(Command),
    /// A view has not come far enough.
    Behind,
}

/// A mail, and all that its claim and its outcome need.
struct Addressed {
    mail: Mail,
    /// The address as events name it.
    address: String,
    seal: Seal,
}

/// Seals the server's words, which may name the address, under the person's key.
struct Seal {
    owner: String,
    /// None where it was destroyed.
    key: Option<Key>,
}

impl Seal {
    /// The words; nothing but whose they were where the key was destroyed: the outcome counts without them.
    fn seal(&self, words: &str) -> Sealed {
        match &self.key {
            Some(key) => Sealed::seal(self.owner.as_str(), &key.0, words.as_bytes()),
            None => Sealed { owner: self.owner.clone(), text: String::new() },
        }
    }
}

/// To whom a delivery may be sent now.
struct Recipient {
    known: Known,
    name: String,
    address: String,
}

impl Mailer {
    /// A mailer that reads PDFs among the derived files.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "a constructor takes the ports it uses, by name")]
    pub fn new(
        queue: Arc<dyn WorkQueue>,
        port: Arc<dyn ports::Mailer>,
        derived: Arc<dyn FileStore>,
        directory: Arc<dyn Directory>,
        commands: Commands,
        queries: Queries,
        clock: Clock,
        settings: MailerSettings,
    ) -> Self {
        let worker = format!("mailer-{}", Uuid::new_v4().simple());
        let letters = Letters::new(derived);
        Self { queue, port, directory, commands, queries, clock, settings, letters, worker }
    }

    /// True where something was recorded.
    async fn work(&self, taken: Taken, now: Timestamp) -> Result<bool> {
        let id = Id::<Delivery>::known(taken.work.id.as_str());
        let mut done = while_holding(&*self.queue, &taken, self.look(&id, now)).await?;
        self.queue.finish(taken).await?;
        if done == Done::Behind {
            // An offer made while it was in these hands changed nothing; what moved the view meanwhile is seen now.
            done = self.look(&id, now).await?;
        }
        Ok(done == Done::Recorded)
    }

    /// Brings a delivery that is due one step further.
    async fn look(&self, id: &Id<Delivery>, now: Timestamp) -> Result<Done> {
        let row = self.queries.views.get::<DeliveryNow>(id.as_str()).await?;
        let Some(row) = row.filter(|row| row.due.is_some()) else { return Ok(Done::Nothing) };
        let span = tracing::info_span!("deliver", trace = %row.origin.correlation, delivery = %id);
        self.advance(id, &row, now).instrument(span).await
    }

    async fn advance(&self, id: &Id<Delivery>, row: &DeliveryNow, now: Timestamp) -> Result<Done> {
        let delivery = self.queries.access.state(id).await?;
        if let Delivery::Attempted { attempt, lease_until, .. } = &delivery
            && *lease_until <= now
        {
            // Whoever claimed it did not come back in time: nobody knows whether the mail went.
            let unknown = Command::RecordUnknown { attempt: *attempt, now, worker: self.worker.clone() };
            return self.record(id, row, unknown).await;
        }
        let Ok(attempt) = delivery.next_attempt(now) else { return Ok(Done::Nothing) };
        match self.prepare(id, row).await {
            Ok(Ready::Send(letter)) => self.deliver(id, attempt, row, *letter, now).await,
            Ok(Ready::Outcome(outcome)) => self.record(id, row, outcome).await,
            Ok(Ready::Behind) => Ok(Done::Behind),
            Err(error) if is_lasting(&error) && is_given_up(row.at, now) => {
                tracing::error!(delivery.id = %id, %error, "a delivery is given up");
                self.record(id, row, Command::Skip { reason: Skipped::Unreadable }).await
            }
            Err(error) => Err(error),
        }
    }

    /// Everything that may fail before the claim, so that nothing but the server stands between a claim and its outcome.
    async fn prepare(&self, id: &Id<Delivery>, row: &DeliveryNow) -> Result<Ready> {
        let (scheduled, rendered) = match self.queries.access.state(&row.report).await? {
            Report::Rendered(scheduled, rendered) => (scheduled, rendered),
            Report::Abandoned(_) => return Ok(Ready::Outcome(Command::Skip { reason: Skipped::ReportAbandoned })),
            Report::Unknown | Report::Scheduled(_) => return Ok(Ready::Behind),
        };
        let recipient = match self.recipient(row).await? {
            Ok(recipient) => recipient,
            Err(reason) => return Ok(Ready::Outcome(Command::Withhold { reason })),
        };
        let Some(shared) = self.letters.shared(&self.queries, &row.report, &scheduled, &rendered).await? else {
            return Ok(Ready::Behind);
        };
        let Some(mail) = self.mail(id, row, &recipient, &shared).await? else {
            return Ok(Ready::Outcome(Command::Withhold { reason: Withheld::NoAddress }));
        };
        let owner = Keys::person(&recipient.known.user);
        let seal = Seal { key: self.commands.keys.key(&owner).await?, owner };
        let address = self.commands.keys.address(&recipient.address).await?;
        Ok(Ready::Send(Box::new(Addressed { mail, address, seal })))
    }

    /// Claims, sends, and records what became of it.
    async fn deliver(
        &self,
        id: &Id<Delivery>,
        attempt: u32,
        row: &DeliveryNow,
        Addressed { mail, address, seal }: Addressed,
        now: Timestamp,
    ) -> Result<Done> {
        if !self.claim(id, row, address, now).await? {
            return Ok(Done::Nothing);
        }
        let sent = self.port.send(&mail).instrument(tracing::info_span!("mail")).await;
        self.record(id, row, self.outcome(id, attempt, sent, &seal)).await
    }

    /// To whom it may be sent, asked of the streams and the directory at this moment.
    async fn recipient(&self, row: &DeliveryNow) -> Result<std::result::Result<Recipient, Withheld>> {
        let access = &self.queries.access;
        let known = match access.state(&row.subscription).await?.0 {
            Some(known) if known.status == Status::Active => known,
            Some(_) | None => return Ok(Err(Withheld::SubscriptionNotActive)),
        };
        if !access.is_open(&known.trial).await? {
            return Ok(Err(Withheld::TrialClosed));
        }
        if !access.may(&known.trial, &known.user, Action::Read).await? {
            return Ok(Err(Withheld::NoAccess));
        }
        let person = self.directory.person(known.user.as_str()).await?.filter(|person| person.active);
        Ok(match person.map(|person| (person.name, person.address)) {
            Some((name, Some(address))) => Ok(Recipient { known, name, address }),
            Some((_, None)) | None => Err(Withheld::NoAddress),
        })
    }

    /// The mail; none where the person's address is none that can be written to.
    async fn mail(
        &self,
        id: &Id<Delivery>,
        row: &DeliveryNow,
        recipient: &Recipient,
        shared: &Shared,
    ) -> Result<Option<Mail>> {
        let MailerSettings { from, domain, base_url, .. } = &self.settings;
        let Ok(to) = Mailbox::new(Some(&recipient.name), &recipient.address) else { return Ok(None) };
        // A setting at fault says nothing about this delivery: it waits until the setting is mended.
        let sender = Mailbox::new(Some(&from.0), &from.1)
            .map_err(|error| Error::Unavailable(format!("the sender of mails: {error}")))?;
        let broken = |error: report::mail::Error| Error::Rejected(format!("a mail cannot be written: {error}"));
        let token = unsubscribe_token(&self.commands.keys.service().await?, &row.subscription)?;
        let letter = Letter {
            from: sender,
            to,
            reply_to: None,
            date: self.clock.now(),
            message_id: format!("{id}.1@{domain}"),
            unsubscribe: format!("{base_url}/unsubscribe/{token}"),
            list_id: format!("{}.reports.{domain}", recipient.known.trial.as_str().to_lowercase()),
        };
        let link = format!("{base_url}/#/reports/{}", row.report);
        let message = shared.compose(link, self.settings.largest_attachment_bytes, &letter).map_err(broken)?;
        Ok(Some(Mail {
            from: format!("bounce+{id}@{domain}"),
            to: recipient.address.clone(),
            id: id.to_string(),
            message,
        }))
    }

    /// Claims the next attempt; false where somebody else was first.
    async fn claim(&self, id: &Id<Delivery>, row: &DeliveryNow, address: String, now: Timestamp) -> Result<bool> {
        let claim = Command::Claim {
            report: row.report.clone(),
            subscription: row.subscription.clone(),
            worker: self.worker.clone(),
            lease_until: now.saturating_add(self.settings.lease).unwrap_or(now),
            address,
            now,
        };
        match self.commands.sender.send_once(id, &self.cause(row), claim).await {
            Ok(_) => Ok(true),
            Err(commands::Error::Port(Error::Conflict(_)) | commands::Error::Refused(_)) => Ok(false),
            Err(error) => Err(into_port_error(error)),
        }
    }

    /// What a send became.
    fn outcome(
        &self,
        id: &Id<Delivery>,
        attempt: u32,
        sent: std::result::Result<Accepted, NotSent>,
        seal: &Seal,
    ) -> Command {
        let now = self.clock.now();
        match sent {
            Ok(Accepted { reply, queue_id }) => Command::RecordSent { attempt, reply: seal.seal(&reply), queue_id },
            Err(NotSent::Later(words)) => match next_attempt(id.as_str(), attempt, now) {
                Some(retry_at) => Command::RecordDeferred { attempt, reply: seal.seal(&words), retry_at },
                None => Command::RecordFailed { attempt, reply: seal.seal(&words) },
            },
            Err(NotSent::Never(words)) => Command::RecordFailed { attempt, reply: seal.seal(&words) },
            Err(NotSent::Unknown(_)) => Command::RecordUnknown { attempt, now, worker: self.worker.clone() },
        }
    }

    /// Random for each event, so that of two who claim one delivery only one may send.
    fn cause(&self, row: &DeliveryNow) -> Cause {
        Cause::following(&self.worker, Uuid::new_v4(), row.origin)
    }

    /// Records an outcome. One that another worker was faster to record stays theirs.
    async fn record(&self, id: &Id<Delivery>, row: &DeliveryNow, outcome: Command) -> Result<Done> {
        match self.commands.sender.send(id, &self.cause(row), outcome).await {
            Ok(receipt) => Ok(Done::recorded(receipt.appended > 0)),
            Err(commands::Error::Refused(_)) => Ok(Done::Nothing),
            Err(error) => Err(into_port_error(error)),
        }
    }
}

#[async_trait]
impl Worker for Mailer {
    fn name(&self) -> &'static str {
        "mailer"
    }

    async fn step(&mut self, now: Timestamp) -> Result<Step> {
        loop {
            let mut taken = Vec::new();
            while taken.len() < self.settings.together
                && let Some(work) = self.queue.take(WorkKind::Deliver).await?
            {
                taken.push(work);
            }
            if taken.is_empty() {
                return Ok(Step::Idle { until: None });
            }
            let ids: Vec<String> = taken.iter().map(|taken| taken.work.id.clone()).collect();
            let done = join_all(taken.into_iter().map(|work| self.work(work, now))).await;
            if outcome_of_all(&ids, done)? {
                return Ok(Step::Worked);
            }
        }
    }

    async fn wake(&mut self) {
        self.queue.offered(WorkKind::Deliver).await;
    }

    fn is_single_active(&self) -> bool {
        false
    }
}
