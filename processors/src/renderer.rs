//! `ReportScheduled` to `ReportRendered`: ready figures to a stored PDF. No original file is opened; it has no port for one.

use std::sync::Arc;

use async_trait::async_trait;
use commands::Commands;
use domain::id::{ContentHash, Id, derive};
use domain::report::{Command, Manifest, Report, Scheduled};
use futures::StreamExt;
use http::Keys;
use jiff::Timestamp;
use ports::{Cause, Error, FileKey, FileStore, Origin, Result, Step, Taken, WorkKind, WorkQueue, Worker};
use projections::ReportNow;
use queries::{Prepared, Queries};
use tracing::Instrument;

use crate::{Done, into_port_error, is_given_up, is_lasting, outcome_of_all, while_holding};

/// The renderer's name in events.
const ACTOR: &str = "renderer";

/// The renderer.
pub struct Renderer {
    queue: Arc<dyn WorkQueue>,
    derived: Arc<dyn FileStore>,
    commands: Commands,
    queries: Queries,
}

impl Renderer {
    /// A renderer that stores PDFs among the derived files.
    #[must_use]
    pub fn new(queue: Arc<dyn WorkQueue>, derived: Arc<dyn FileStore>, commands: Commands, queries: Queries) -> Self {
        Self { queue, derived, commands, queries }
    }

    /// True where something was recorded.
    async fn work(&self, taken: Taken, now: Timestamp) -> Result<bool> {
        let report = taken.work.id.clone();
        let mut done = while_holding(&*self.queue, &taken, self.look(&report, now)).await?;
        self.queue.finish(taken).await?;
        if done == Done::Behind {
            // An offer made while it was in these hands changed nothing; what moved the view meanwhile is seen now.
            done = self.look(&report, now).await?;
        }
        Ok(done == Done::Recorded)
    }

    /// Renders a report that nobody has rendered or given up.
    async fn look(&self, report: &str, now: Timestamp) -> Result<Done> {
        let id = Id::<Report>::known(report);
        let row: Option<ReportNow> = self.queries.views.get(report).await?;
        let Some(origin) = row.map(|row| row.origin) else { return Ok(Done::Behind) };
        let span = tracing::info_span!("render", trace = %origin.correlation, report);
        self.complete(&id, origin, now).instrument(span).await
    }

    async fn complete(&self, id: &Id<Report>, origin: Origin, now: Timestamp) -> Result<Done> {
        let scheduled = match self.queries.access.state(id).await? {
            Report::Scheduled(scheduled) => scheduled,
            Report::Unknown | Report::Rendered(..) | Report::Abandoned(_) => return Ok(Done::Nothing),
        };
        let command = match self.render(id.as_str(), &scheduled).await {
            Ok(Some(command)) => command,
            Ok(None) => return Ok(Done::Behind),
            Err(error) if is_lasting(&error) && is_given_up(scheduled.cut(), now) => {
                tracing::error!(report.id = %id, %error, "a report is given up");
                Command::Abandon { reason: "what it is made of cannot be read".to_owned() }
            }
            Err(error) => return Err(error),
        };
        let cause = Cause::following(ACTOR, derive("render", &[id.as_str()]), origin);
        let receipt = self.commands.sender.send(id, &cause, command).await.map_err(into_port_error)?;
        Ok(Done::recorded(receipt.appended > 0))
    }

    /// Lays the report out and stores it; none while a view is behind its cut.
    async fn render(&self, report: &str, scheduled: &Scheduled) -> Result<Option<Command>> {
        let Some(prepared) = self.queries.report_content(report, scheduled, None).await? else { return Ok(None) };
        let manifest = self.manifest(&prepared).await?;
        let Prepared { content, thumbnails, .. } = prepared;
        let layout = move || report::pdf::render(&content, &thumbnails).map_err(|error| error.to_string());
        Ok(Some(match apart(layout).await? {
            Ok(pdf) => {
                let sha256 = ContentHash::parse("sha256", &pdf.sha256).map_err(|e| Error::Corrupt(e.to_string()))?;
                let size_bytes = pdf.bytes.len() as u64;
                let key = FileKey::new(format!("derived/{sha256}"))?;
                let body = futures::stream::once(async move { Ok(pdf.bytes.into()) });
                self.derived.put(&key, body.boxed()).await?;
                let pages = u32::try_from(pdf.pages).unwrap_or(u32::MAX);
                Command::CompleteRendering { sha256, size_bytes, pages, manifest }
            }
            Err(reason) => {
                tracing::error!(report.id = report, reason, "a report is abandoned");
                Command::Abandon { reason }
            }
        }))
    }

    async fn manifest(&self, prepared: &Prepared) -> Result<Manifest> {
        let content = &prepared.content;
        let mut names = Vec::with_capacity(prepared.names.len());
        for (user, name) in &prepared.names {
            let sealed = self.commands.keys.seal(&Keys::person(user), name.as_bytes()).await?;
            names.push((user.clone(), sealed));
        }
        let mut thumbnails = Vec::with_capacity(content.thumbnails.len());
        for thumbnail in &content.thumbnails {
            let sha256 = ContentHash::parse("thumbnail", &thumbnail.sha256);
            thumbnails.push(sha256.map_err(|e| Error::Corrupt(e.to_string()))?);
        }
        Ok(Manifest {
            cut: content.cut.at,
            log_sha256: content.cut.log_hash.clone(),
            projection: projections::VERSION,
            template: content.manifest.template.clone(),
            renderer: content.manifest.renderer.clone(),
            fonts: content.manifest.fonts.clone(),
            tz_data: content.manifest.tz_data.clone(),
            analysis: domain::content::ANALYSIS_VERSION,
            base_url: prepared.base_url.clone(),
            thumbnails,
            names,
        })
    }
}

/// Layout takes milliseconds of processor time, so it leaves the threads that wait for I/O alone. One that panics would panic
/// again on the same content: that is a reason like another why there is no PDF.
async fn apart<T: Send + 'static>(
    layout: impl FnOnce() -> std::result::Result<T, String> + Send + 'static,
) -> Result<std::result::Result<T, String>> {
    match tokio::task::spawn_blocking(layout).await {
        Ok(outcome) => Ok(outcome),
        Err(error) if error.is_panic() => Ok(Err("its layout panicked".to_owned())),
        Err(error) => Err(Error::Unavailable(format!("rendering: {error}"))),
    }
}

#[async_trait]
impl Worker for Renderer {
    fn name(&self) -> &'static str {
        ACTOR
    }

    async fn step(&mut self, now: Timestamp) -> Result<Step> {
        while let Some(taken) = self.queue.take(WorkKind::Render).await? {
            let report = taken.work.id.clone();
            if outcome_of_all(&[report], vec![self.work(taken, now).await])? {
                return Ok(Step::Worked);
            }
        }
        Ok(Step::Idle { until: None })
    }

    async fn wake(&mut self) {
        self.queue.offered(WorkKind::Render).await;
    }

    fn is_single_active(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_layout_that_panics_is_a_reason_and_no_failure_to_try_again() {
        let outcome = apart::<()>(|| panic!("for the test")).await;
        assert_eq!(outcome, Ok(Err("its layout panicked".to_owned())));
    }
}
