//! Whether the places where things are kept answer: part of `/readyz`.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use ports::{Error, FileKey, Ports, Result, WorkKind};
use projections::{Progress, Row};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long a place may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// How long an answer is good for: whoever asks more often is told the same.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// By setting, why a place does not answer.
pub type Silent = BTreeMap<&'static str, String>;

/// Asks each place something that it answers cheaply and that changes nothing. Clones share what was asked last.
#[derive(Clone)]
pub struct Reach {
    ports: Ports,
    last: Arc<Mutex<Option<(Instant, Silent)>>>,
}

impl Reach {
    /// Asks these ports.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports, last: Arc::default() }
    }

    /// The settings whose places do not answer.
    pub async fn silent(&self) -> Silent {
        let mut last = self.last.lock().await;
        if let Some((asked, silent)) = &*last
            && asked.elapsed() < GOOD_FOR
        {
            return silent.clone();
        }
        let silent = self.ask().await;
        *last = Some((Instant::now(), silent.clone()));
        silent
    }

    /// How much work of each kind the queue has, waiting or taken; of a kind that is not told in time nothing.
    pub async fn depths(&self) -> Vec<(WorkKind, u64)> {
        let asked = WorkKind::ALL.map(async |kind| {
            let depth = timeout(ANSWERS_WITHIN, self.ports.queue.depth(kind)).await;
            depth.ok()?.ok().map(|depth| (kind, depth))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn ask(&self) -> Silent {
        let ports = &self.ports;
        let places: [(&'static str, BoxFuture<'_, Result<()>>); 7] = [
            ("stores.events", answers(async { ports.log.read("readiness-0", 0).await })),
            ("stores.documents", answers(async { ports.documents.get("000000000000000000000000").await })),
            ("stores.views", answers(async { ports.views.get(Progress::TABLE, "readiness").await })),
            ("stores.files", answers(async { ports.originals.size(&FileKey::new("trials/readiness")?).await })),
            ("stores.directory", answers(async { ports.directory.person("readiness").await })),
            ("stores.keys", answers(async { ports.keys.existing("readiness").await })),
            ("stores.queue", answers(async { ports.queue.depth(WorkKind::Deliver).await })),
        ];
        let asked = places.map(async |(setting, answer)| {
            let why = match timeout(ANSWERS_WITHIN, answer).await {
                Ok(Ok(())) => return None,
                // It did answer.
                Ok(Err(Error::Conflict(_))) => return None,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} seconds", ANSWERS_WITHIN.as_secs()),
            };
            Some((setting, why))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

fn answers<'a, T>(ask: impl Future<Output = Result<T>> + Send + 'a) -> BoxFuture<'a, Result<()>> {
    Box::pin(async { ask.await.map(drop) })
}
