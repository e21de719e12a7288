//! A queue in NATS JetStream: a work-queue stream for each kind of work, so that any number of processes share it.
//!
//! One message for each subject `<prefix>.<kind>.<id>`, kept until it is acknowledged: what waits or is taken is not stored again.
//! What was stored is told to all on `<prefix>-offered.<prefix>.<kind>.<id>`, the bell.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config as ConsumerConfig;
use async_nats::jetstream::consumer::{AckPolicy, Consumer};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config as StreamConfig, DiscardPolicy, Republish, RetentionPolicy};
use async_nats::jetstream::{AckKind, Message};
use async_trait::async_trait;
use futures::StreamExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ports::{Error, Result, Taken, Work, WorkKind, WorkQueue};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::nats::Nats;

/// The most work of one kind that waits or is taken; more is `Unavailable`, and its row of open work stays.
const MOST: i64 = 100_000;
/// For so long a publish that is repeated is known as one: longer than any call repeats it.
const REPEATS_WITHIN: Duration = Duration::from_secs(30);
/// How often a waiting taker looks by itself: work may lapse, and a bell may be missed while the connection is away.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// The durable consumer of each stream.
const CONSUMER: &str = "workers";
/// What may stand in a token of a subject.
const TOKEN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// JetStream's code where a stream or a subject of it has no room.
const FULL: &str = "maximum messages exceeded";
const KNOWN: &str = "maximum messages per subject exceeded";

/// A queue per kind of work.
pub(super) struct NatsQueue {
    nats: Nats,
    queues: HashMap<WorkKind, Queue>,
    receipts: AtomicU64,
    _made_again: JoinSet<()>,
}

struct Queue {
    consumer: Consumer<ConsumerConfig>,
    bell: Arc<Notify>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Found while a taker waited, and handed out with the next take.
    found: VecDeque<Held>,
    /// By receipt.
    taken: HashMap<u64, Held>,
}

struct Held {
    message: Message,
    /// Until when it is surely ours: counted from before the server was asked.
    until: Instant,
}

impl NatsQueue {
    /// Makes the streams.
    pub(super) async fn open(url: &str) -> Result<Self> {
        let nats = Nats::connect(url).await?;
        let mut queues = HashMap::new();
        for kind in WorkKind::ALL {
            queues.insert(kind, Queue::open(&nats, kind).await?);
        }
        let made_again = nats.make_again(async |nats| {
            for kind in WorkKind::ALL {
                make(&nats, kind).await?;
            }
            Ok(())
        });
        Ok(Self { nats, queues, receipts: AtomicU64::new(0), _made_again: made_again })
    }

    fn queue(&self, kind: WorkKind) -> &Queue {
        &self.queues[&kind]
    }

    /// Publishes; a repeat after a lost answer bears the same id, so that it is stored once.
    async fn publish(&self, work: &Work, id: &str) -> Result<()> {
        let kind = work.kind.name();
        let subject = format!("{}.{kind}.{}", self.nats.options.prefix, utf8_percent_encode(&work.id, TOKEN));
        let message = PublishMessage::build().message_id(id).payload(work.id.clone().into());
        let sent = async {
            let answer = self.nats.jetstream.send_publish(subject, message).await?;
            answer.await
        };
        let stored = async {
            sent.await.map(|_| ()).or_else(|error| {
                if error.kind() == PublishErrorKind::StreamNotFound {
                    self.nats.doubt();
                }
                unless_known(&error, kind)
            })
        };
        self.nats.bounded(stored).await
    }

    /// The oldest work that nobody has; none where there is none at this moment.
    async fn pull(&self, kind: WorkKind) -> Result<Option<Held>> {
        let until = Instant::now() + self.nats.options.ack_wait;
        let consumer = &self.queue(kind).consumer;
        let pulled = self.nats.bounded(async {
            let mut messages = consumer.fetch().max_messages(1).messages().await.map_err(|e| unavailable(&e))?;
            messages.next().await.transpose().map_err(|e| {
                self.nats.doubt();
                unavailable(&*e)
            })
        });
        Ok(pulled.await?.map(|message| Held { message, until }))
    }
}

/// Makes the stream of a kind and its consumer, or brings those that are there to what is needed.
async fn make(nats: &Nats, kind: WorkKind) -> Result<Consumer<ConsumerConfig>> {
    let prefix = &nats.options.prefix;
    let name = format!("{prefix}-{}", kind.name());
    let config = StreamConfig {
        name: name.clone(),
        subjects: vec![format!("{prefix}.{}.*", kind.name())],
        description: Some("Trialbrief: work, which may be lost".to_owned()),
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        max_messages: MOST,
        max_messages_per_subject: 1,
        duplicate_window: REPEATS_WITHIN,
        num_replicas: nats.options.replicas,
        republish: Some(Republish {
            source: ">".to_owned(),
            destination: format!("{prefix}-offered.>"),
            headers_only: true,
        }),
        ..StreamConfig::default()
    };
    let refused = |error: &dyn std::fmt::Display| {
        Error::Rejected(format!(
            "setting \"stores.queue\": the stream {name:?} is not one of ours, or cannot be made: {error}"
        ))
    };
    if let Ok(found) = nats.jetstream.get_stream(&name).await {
        let subjects = &found.cached_info().config.subjects;
        if *subjects != config.subjects {
            return Err(refused(&format!("it has the subjects {subjects:?}; choose another prefix")));
        }
    }
    nats.jetstream.create_or_update_stream(config).await.map_err(|error| refused(&error))?;
    let consumer = ConsumerConfig {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: nats.options.ack_wait,
        max_ack_pending: MOST,
        ..ConsumerConfig::default()
    };
    nats.jetstream.create_consumer_on_stream(consumer, &name).await.map_err(|error| refused(&error))
}

impl Queue {
    async fn open(nats: &Nats, kind: WorkKind) -> Result<Self> {
        let consumer = make(nats, kind).await?;
        let prefix = &nats.options.prefix;
        let bell = Arc::new(Notify::new());
        let mut rings = nats.subscribe(format!("{prefix}-offered.{prefix}.{}.*", kind.name())).await?;
        let rung = Arc::downgrade(&bell);
        tokio::spawn(async move {
            while rings.next().await.is_some() {
                let Some(bell) = rung.upgrade() else { return };
                bell.notify_waiters();
            }
        });
        Ok(Self { consumer, bell, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What was found and is still ours.
    fn found(&mut self) -> Option<Held> {
        let now = Instant::now();
        self.found.retain(|held| held.until > now);
        self.found.pop_front()
    }

    /// What was taken and is still ours: who comes later has lost it to others.
    fn taken(&mut self, receipt: u64) -> Option<Held> {
        self.taken.remove(&receipt).filter(|held| held.until > Instant::now())
    }
}

/// That the work waits or is taken is no error.
fn unless_known(error: &PublishError, kind: &str) -> Result<()> {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    match error.kind() {
        PublishErrorKind::Other if text.contains(KNOWN) => Ok(()),
        PublishErrorKind::Other if text.contains(FULL) => {
            Err(Error::Unavailable(format!("the queue already holds {MOST} of {kind}")))
        }
        PublishErrorKind::MaxPayloadExceeded => Err(Error::Rejected(format!("NATS: {text}"))),
        PublishErrorKind::StreamNotFound
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::MaxAckPending
        | PublishErrorKind::Other => Err(Error::Unavailable(format!("NATS: {text}"))),
    }
}

fn unavailable(error: &(impl std::fmt::Display + ?Sized)) -> Error {
    Error::Unavailable(format!("NATS: {error}"))
}

#[async_trait]
impl WorkQueue for NatsQueue {
    async fn offer(&self, work: &Work) -> Result<()> {
        let id = Uuid::new_v4().simple().to_string();
        match self.publish(work, &id).await {
            // The answer may be lost, and not the work. Where the connection is away this fails at once.
            Err(Error::Unavailable(_)) => self.publish(work, &id).await,
            offered => offered,
        }
    }

    async fn take(&self, kind: WorkKind) -> Result<Option<Taken>> {
        let found = self.queue(kind).state().found();
        let held = match found {
            Some(held) => held,
            None => match self.pull(kind).await? {
                Some(held) => held,
                None => return Ok(None),
            },
        };
        let id = String::from_utf8(held.message.payload.to_vec());
        let Ok(id) = id else {
            // Somebody else wrote it; nobody could ever do it.
            tracing::error!(subject = %held.message.subject, "work that is no text is thrown away");
            self.nats.bounded(async { held.message.double_ack().await.map_err(|e| unavailable(&*e)) }).await?;
            return Ok(None);
        };
        let receipt = self.receipts.fetch_add(1, Ordering::Relaxed);
        let mut state = self.queue(kind).state();
        let now = Instant::now();
        // Work that failed is neither finished nor kept: it lapses.
        state.taken.retain(|_, held| held.until > now);
        state.taken.insert(receipt, held);
        Ok(Some(Taken { work: Work { kind, id }, receipt }))
    }

    async fn offered(&self, kind: WorkKind) {
        let queue = self.queue(kind);
        loop {
            // From its making on it hears every bell, also those before it is awaited.
            let rung = queue.bell.notified();
            if !queue.state().found.is_empty() {
                return;
            }
            match self.pull(kind).await {
                Ok(Some(held)) => {
                    queue.state().found.push_back(held);
                    return;
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, kind = kind.name(), "the queue cannot be looked at now"),
            }
            let _looks_again = tokio::time::timeout(LOOKS_EVERY, rung).await;
        }
    }

    fn kept_for(&self) -> Duration {
        self.nats.options.ack_wait
    }

    async fn extend(&self, taken: &Taken) -> Result<()> {
        let Some(mut held) = self.queue(taken.work.kind).state().taken(taken.receipt) else { return Ok(()) };
        let until = Instant::now() + self.nats.options.ack_wait;
        let progress = async { held.message.double_ack_with(AckKind::Progress).await.map_err(|e| unavailable(&*e)) };
        let extended = self.nats.bounded(progress).await;
        if extended.is_ok() {
            held.until = until;
        }
        self.queue(taken.work.kind).state().taken.insert(taken.receipt, held);
        extended
    }

    async fn finish(&self, taken: Taken) -> Result<()> {
        let held = self.queue(taken.work.kind).state().taken(taken.receipt);
        let Some(held) = held else { return Ok(()) };
        self.nats.bounded(async { held.message.double_ack().await.map_err(|e| unavailable(&*e)) }).await
    }

    async fn depth(&self, kind: WorkKind) -> Result<u64> {
        let stream = format!("{}-{}", self.nats.options.prefix, kind.name());
        let found = async { self.nats.jetstream.get_stream(stream).await.map_err(|e| unavailable(&e)) };
        Ok(self.nats.bounded(found).await?.cached_info().state.messages)
    }
}
