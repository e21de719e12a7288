//! A port that is unavailable is asked again for half a minute; then the migration ends, to be run again.

use std::future::Future;
use std::time::Duration;

use ports::{Error, Result};

/// Milliseconds between attempts.
const WAITS: [u64; 7] = [100, 400, 1_000, 3_000, 6_000, 10_000, 10_000];

/// How often something was unavailable in a row.
#[derive(Default)]
pub(super) struct Patience(usize);

impl Patience {
    /// Waits before another attempt.
    ///
    /// # Errors
    /// The given one, where another attempt would end in the same way, or there were enough.
    pub(super) async fn after(&mut self, error: Error) -> Result<()> {
        match (&error, WAITS.get(self.0)) {
            (Error::Unavailable(why), Some(wait)) => {
                tracing::debug!(why, "will be asked again");
                self.0 += 1;
                tokio::time::sleep(Duration::from_millis(*wait)).await;
                Ok(())
            }
            (Error::Unavailable(_), None) | (Error::Conflict(_) | Error::Rejected(_) | Error::Corrupt(_), _) => {
                Err(error)
            }
        }
    }
}

/// Asks until there is an answer or no patience is left. What is asked for must bear being done twice.
pub(super) async fn retried<T, Asked: Future<Output = Result<T>>>(mut ask: impl FnMut() -> Asked) -> Result<T> {
    let mut patience = Patience::default();
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => patience.after(error).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_is_unavailable_is_asked_again_and_not_for_ever() {
        let mut asked = 0;
        let answer = retried(|| {
            asked += 1;
            let is_there = asked > 3;
            async move { if is_there { Ok("there") } else { Err(Error::Unavailable("away".to_owned())) } }
        });
        assert_eq!(answer.await, Ok("there"));

        let (mut asked, began) = (0, tokio::time::Instant::now());
        let away = Error::Unavailable("away".to_owned());
        let answer = retried(|| {
            asked += 1;
            let away = away.clone();
            async move { Err::<(), _>(away) }
        });
        assert_eq!(answer.await, Err(away.clone()));
        assert_eq!(asked, 8);
        assert_eq!(began.elapsed().as_secs(), 30);

        for error in [Error::Conflict(String::new()), Error::Rejected(String::new()), Error::Corrupt(String::new())] {
            let mut asked = 0;
            let answer = retried(|| {
                asked += 1;
                let error = error.clone();
                async move { Err::<(), _>(error) }
            });
            assert_eq!((answer.await, asked), (Err(error.clone()), 1));
        }
    }
}
