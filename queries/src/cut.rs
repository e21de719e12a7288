//! Until when a view has seen the log: waiting for a write, and finding the closing that an instant is read as of.

use std::time::Duration;

use http::Problem;
use jiff::Timestamp;
use ports::Position;
use projections::Closing;

use crate::Queries;

/// How long a query waits for a view, in real time: also under a simulated clock somebody sits before the answer.
const PATIENCE: Duration = Duration::from_secs(2);

impl Queries {
    /// Waits until the projections have passed a position; not at all without one.
    ///
    /// # Errors
    /// 503 where they have not come so far in two seconds.
    pub(crate) async fn wait_for(&self, after: Option<Position>, projections: &[&str]) -> Result<(), Problem> {
        let Some(position) = after else { return Ok(()) };
        let all_passed = async {
            for projection in projections {
                self.passed(projection, position).await?;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, all_passed).await.unwrap_or_else(|_| Err(Problem::behind()))
    }

    async fn passed(&self, projection: &str, position: Position) -> ports::Result<()> {
        loop {
            let seen = self.views.position(projection).await?;
            if seen.is_some_and(|seen| seen >= position) {
                return Ok(());
            }
            self.views.moved(projection, seen).await;
        }
    }

    /// The last closing not after an instant, among those that the figures have passed.
    ///
    /// # Errors
    /// 422 for `at` where nothing was observed then.
    pub(crate) async fn closing_at(&self, at: Timestamp) -> Result<Closing, Problem> {
        let progress = self.views.progress("document_changes").await?;
        let (Some(genesis), Some(closed)) = (progress.genesis, progress.closed) else {
            return Err(Problem::invalid(
                "at",
                "Nothing has been observed yet; leave `at` out to see the present state.",
            ));
        };
        if at < genesis {
            return Err(Problem::invalid(
                "at",
                format!("The trial's documents have been observed since {genesis}, not at {at}."),
            )
            .with_remedy(format!("Give an instant not before {genesis}.")));
        }
        // Both views follow the log by themselves; where the closings lag behind, an earlier one would tell another state.
        let closing = self.views.last_closing(Some(at.min(closed))).await?;
        closing.ok_or_else(Problem::behind)
    }
}
