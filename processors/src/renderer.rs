//! `ReportScheduled` to `ReportRendered`: ready figures to a stored PDF. No original file is opened; it has no port for one.

use std::sync::Arc;

use async_trait::async_trait;
use commands::Commands;
use domain::id::{ContentHash, Id, derive};
use domain::report::{Command, Manifest, Report};
use futures::StreamExt;
use http::Keys;
use jiff::Timestamp;
use ports::{Error, FileKey, FileStore, Result, Step, WorkKind, WorkQueue, Worker};
use queries::{Prepared, Queries};
use report::pdf::Pdf;

use crate::{caused_by, into_port_error};

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

    /// True where the report was rendered or given up; false where it was so already, or a view is behind its cut.
    async fn work(&self, report: &str) -> Result<bool> {
        let id = Id::<Report>::known(report);
        let scheduled = match self.queries.access.state(&id).await? {
            Report::Scheduled(scheduled) => scheduled,
            Report::Unknown | Report::Rendered(..) | Report::Abandoned(_) => return Ok(false),
        };
        let Some(prepared) = self.queries.report_content(report, &scheduled, None).await? else { return Ok(false) };
        let manifest = self.manifest(&prepared).await?;
        let command = match render(prepared).await? {
            Ok(pdf) => {
                let sha256 = ContentHash::parse("sha256", &pdf.sha256).map_err(|e| Error::Corrupt(e.to_string()))?;
                let size_bytes = pdf.bytes.len() as u64;
                let key = FileKey::new(format!("derived/{sha256}"))?;
                let body = futures::stream::once(async move { Ok(pdf.bytes.into()) });
                self.derived.put(&key, body.boxed()).await?;
                let pages = u32::try_from(pdf.pages).unwrap_or(u32::MAX);
                Command::CompleteRendering { sha256, size_bytes, pages, manifest }
            }
            Err(error) => {
                tracing::error!(report.id = %id, %error, "a report is abandoned");
                Command::Abandon { reason: error.to_string() }
            }
        };
        let cause = caused_by(ACTOR, derive("render", &[id.as_str()]));
        let receipt = self.commands.sender.send(&id, &cause, command).await.map_err(into_port_error)?;
        Ok(receipt.appended > 0)
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

/// Layout takes milliseconds of processor time, so it leaves the threads that wait for I/O alone.
async fn render(prepared: Prepared) -> Result<std::result::Result<Pdf, report::pdf::Error>> {
    tokio::task::spawn_blocking(move || report::pdf::render(&prepared.content, &prepared.thumbnails))
        .await
        .map_err(|e| Error::Unavailable(format!("rendering: {e}")))
}

#[async_trait]
impl Worker for Renderer {
    fn name(&self) -> &'static str {
        ACTOR
    }

    async fn step(&mut self, _now: Timestamp) -> Result<Step> {
        while let Some(taken) = self.queue.take(WorkKind::Render).await? {
            let worked = self.work(&taken.work.id).await?;
            self.queue.finish(taken).await?;
            if worked {
                return Ok(Step::Worked);
            }
        }
        Ok(Step::Idle { until: None })
    }

    async fn wake(&mut self) {
        self.queue.offered(WorkKind::Render).await;
    }
}
