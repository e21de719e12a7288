//! Keeps the programs of both sides from working meanwhile, as far as leases do.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use ports::Leases;
use tokio::time::sleep;

use super::retry::retried;

/// How often a lease is renewed or asked for: well within the six seconds for which it lasts.
const EVERY: Duration = Duration::from_secs(2);
/// How often one is asked for that somebody has: for longer than a process that was killed keeps it.
const ATTEMPTS: u32 = 5;

/// The leases of one side.
pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) leases: Arc<dyn Leases>,
}

/// Does something while no other process of either side has a lease: a running one is told, and one that is started meanwhile
/// waits. A process with none but the roles api, analyst, renderer and mailer has none, and is not noticed.
pub(super) async fn while_idle<T>(
    sides: [Side; 2],
    wanted: &[String],
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    for side in &sides {
        take(side, wanted).await?;
    }
    let done = tokio::select! {
        done = work => done,
        lost = keep(&sides, wanted) => lost.map(|never| match never {}),
    };
    for side in &sides {
        for lease in wanted {
            // It lapses by itself.
            let _ = side.leases.release(lease).await;
        }
    }
    done
}

async fn take(side: &Side, wanted: &[String]) -> anyhow::Result<()> {
    let Side { name, leases } = side;
    for lease in wanted {
        let mut attempts = 0;
        while !retried(|| leases.hold(lease)).await.with_context(|| format!("queue: the leases of the {name}"))? {
            attempts += 1;
            if attempts == ATTEMPTS {
                bail!(
                    "queue: the program of the {name} is running, for it has the lease {lease}: stop all its processes"
                );
            }
            sleep(EVERY).await;
        }
    }
    Ok(())
}

/// Renews what was taken, for ever. That leases cannot be reached is no reason to end: nobody else can take one either.
async fn keep(sides: &[Side], wanted: &[String]) -> anyhow::Result<Infallible> {
    loop {
        sleep(EVERY).await;
        for Side { name, leases } in sides {
            for lease in wanted {
                if let Ok(false) = leases.hold(lease).await {
                    bail!(
                        "queue: the program of the {name} was started, for it has the lease {lease}: stop all its processes"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use ports::Result;

    use super::*;

    /// Another process has the leases until they were asked for so often, and again when they were asked for so often.
    struct Other {
        until: u32,
        again: u32,
        asked: AtomicU32,
        released: AtomicU32,
    }

    #[async_trait]
    impl Leases for Other {
        async fn hold(&self, _role: &str) -> Result<bool> {
            let asked = self.asked.fetch_add(1, Ordering::SeqCst);
            Ok(asked >= self.until && asked < self.again)
        }

        async fn release(&self, _role: &str) -> Result<()> {
            self.released.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    fn sides(until: u32, again: u32) -> ([Side; 2], Arc<Other>) {
        let other = |until, again| Arc::new(Other { until, again, asked: 0.into(), released: 0.into() });
        let (source, target) = (other(until, again), other(0, u32::MAX));
        let leases: Arc<dyn Leases> = Arc::<Other>::clone(&source);
        ([Side { name: "source", leases }, Side { name: "target", leases: target }], source)
    }

    #[tokio::test(start_paused = true)]
    async fn a_killed_process_is_waited_for_and_a_running_one_is_told() {
        let (waited, other) = sides(3, u32::MAX);
        assert_eq!(while_idle(waited, &["relay".to_owned()], async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(other.released.load(Ordering::SeqCst), 1);

        let (running, _) = sides(u32::MAX, u32::MAX);
        let error = while_idle(running, &["relay".to_owned()], async { Ok(()) }).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "queue: the program of the source is running, for it has the lease relay: stop all its processes"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_is_started_meanwhile_and_works_ends_it() {
        let (sides, _) = sides(0, 5);
        let error =
            while_idle(sides, &["relay".to_owned()], std::future::pending::<anyhow::Result<()>>()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "queue: the program of the source was started, for it has the lease relay: stop all its processes"
        );
    }
}
