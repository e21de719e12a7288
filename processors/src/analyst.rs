//! Content to figures: identifies the bytes of records, and analyses each content once.

use std::sync::Arc;

use async_trait::async_trait;
use commands::Commands;
use domain::content::{self, ANALYSIS_VERSION, ContentState};
use domain::document::{self, Document};
use domain::findings::FindingCode;
use domain::id::{ContentHash, DocumentId};
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};
use http::document::object_key;
use jiff::Timestamp;
use md5::{Digest, Md5};
use ports::{
    Cause, DocumentStore, Error, FileKey, FileStore, Find, Origin, Record, Result, Step, Taken, WorkKind, WorkQueue,
    Worker,
};
use projections::{Analysis, AnalysisOf, DocumentNow, Views};
use sha2::Sha256;
use tracing::Instrument;
use uuid::Uuid;

use crate::analysis::isolated::{Analyser, AnalyserError};
use crate::analysis::{Limits, Outcome, Unreadable};
use crate::{into_port_error, outcome_of_all, while_holding};

/// The analyst's name in events.
const ACTOR: &str = "analyst";
/// Documents tried for the bytes of one content.
const CANDIDATES: usize = 8;

/// The analyst.
pub struct Analyst {
    queue: Arc<dyn WorkQueue>,
    documents: Arc<dyn DocumentStore>,
    originals: Arc<dyn FileStore>,
    derived: Arc<dyn FileStore>,
    commands: Commands,
    views: Views,
    analyser: Analyser,
    limits: Limits,
    bucket: String,
    together: usize,
}

/// What reading a file told of its bytes.
struct Identified {
    sha256: ContentHash,
    md5: String,
    size_bytes: u64,
}

impl Analyst {
    /// An analyst that looks at `together` files at once.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "a constructor takes the ports it uses, by name")]
    pub fn new(
        queue: Arc<dyn WorkQueue>,
        documents: Arc<dyn DocumentStore>,
        originals: Arc<dyn FileStore>,
        derived: Arc<dyn FileStore>,
        commands: Commands,
        views: Views,
        analyser: Analyser,
        limits: Limits,
        bucket: String,
        together: usize,
    ) -> Self {
        Self { queue, documents, originals, derived, commands, views, analyser, limits, bucket, together }
    }

    /// True where something was recorded.
    async fn work(&self, taken: Taken) -> Result<bool> {
        let analysis: Option<Analysis> = self.views.get(&taken.work.id).await?;
        let appended = match analysis.filter(|analysis| analysis.open) {
            None => false,
            Some(open) => {
                let span = tracing::info_span!("analyse", trace = %open.origin.correlation, id = open.id);
                while_holding(&*self.queue, &taken, self.look(open).instrument(span)).await?
            }
        };
        self.queue.finish(taken).await?;
        Ok(appended)
    }

    async fn look(&self, open: Analysis) -> Result<bool> {
        match open.of {
            AnalysisOf::Content { content, document } => self.analyse(&content, &document, open.origin).await,
            AnalysisOf::Record { document, file } => self.identify(&document, file, open.origin).await,
        }
    }

    /// Analyses a content out of the file of any document that stands for it.
    async fn analyse(&self, content: &ContentHash, first: &DocumentId, origin: Origin) -> Result<bool> {
        let find = Find::all(CANDIDATES).equal("content", content.as_str()).range("document", None, None);
        let sharing: Vec<DocumentNow> = self.views.find(&find).await?;
        let others = sharing.into_iter().map(|DocumentNow(state)| state.document).filter(|id| id != first);
        for document in std::iter::once(first.clone()).chain(others) {
            let Some(record) = self.documents.get(document.as_str()).await? else { continue };
            let Some(key) = object_key(&record, &self.bucket) else { continue };
            if let Some(outcome) = self.analyse_file(&key, content).await? {
                return self.record(content, outcome, origin).await;
            }
        }
        self.record(content, Err(unreadable(FindingCode::FileMissing)), origin).await
    }

    /// The outcome for a file; none where it is gone or holds other bytes.
    async fn analyse_file(&self, key: &FileKey, content: &ContentHash) -> Result<Option<Outcome>> {
        let Some(body) = self.originals.get(key, None).await? else { return Ok(None) };
        let mut hash = Sha256::new();
        let outcome = {
            let mut hashed = body.stream.inspect_ok(|chunk| hash.update(chunk));
            let outcome = match self.analyser.analyse(&self.limits, &mut hashed).await {
                // Behind its error the stream has ended: what was hashed so far is not the file.
                Err(AnalyserError::Source(error)) => return Err(Error::Unavailable(format!("{key}: {error}"))),
                Err(AnalyserError::Process(error)) => Err(Error::Unavailable(error)),
                Ok(outcome) => Ok(outcome),
            };
            // The analysis stops reading when its outcome is clear; the hash needs the rest.
            while let Some(rest) = hashed.next().await {
                rest.map_err(|e| Error::Unavailable(format!("{key}: {e}")))?;
            }
            outcome
        };
        if ContentHash::from_digest(hash.finalize().into()) != *content {
            return Ok(None);
        }
        outcome.map(Some)
    }

    async fn record(&self, content: &ContentHash, outcome: Outcome, origin: Origin) -> Result<bool> {
        let (content, algorithm) = (content.clone(), ANALYSIS_VERSION);
        let id = ContentState::id(&content);
        let command = match outcome {
            Err(Unreadable { media_type, finding, detail }) => {
                tracing::info!(%content, media_type, %finding, detail, "a file could not be analysed");
                content::Command::RecordUnreadable { content, algorithm, finding, media_type }
            }
            Ok(analysis) => {
                let thumbnail = match analysis.thumbnail {
                    Some(thumbnail) => {
                        let sha256 = ContentHash::of(&thumbnail.jpeg);
                        let key = FileKey::new(format!("derived/{sha256}"))?;
                        let jpeg = futures::stream::once(async move { Ok(thumbnail.jpeg.into()) });
                        self.derived.put(&key, jpeg.boxed()).await?;
                        let (width_px, height_px) = (thumbnail.width_px, thumbnail.height_px);
                        Some(content::Thumbnail { sha256, width_px, height_px })
                    }
                    None => None,
                };
                let (measures, findings) = (analysis.measures, analysis.findings);
                content::Command::RecordAnalysis { content, algorithm, measures, findings, thumbnail }
            }
        };
        // Not derived: a file that was missing before may be missing again. What a repeat may add, the aggregate decides.
        let cause = Cause::following(ACTOR, Uuid::new_v4(), origin);
        let receipt = self.commands.sender.send(&id, &cause, command).await;
        Ok(receipt.map_err(into_port_error)?.appended > 0)
    }

    /// Hashes the file of a record that we did not write.
    async fn identify(&self, document: &DocumentId, file: String, origin: Origin) -> Result<bool> {
        // Where the record is gone, or names another file by now, the change that says so is on its way.
        let Some(record) = self.documents.get(document.as_str()).await? else { return Ok(false) };
        if self.commands.file_fingerprint(document, &record).await? != file {
            return Ok(false);
        }
        let (content, findings) = match object_key(&record, &self.bucket) {
            None => (None, vec![location_finding(&record, &self.bucket)]),
            Some(key) => match self.hash(&key).await? {
                None => (None, vec![FindingCode::FileMissing]),
                Some(found) => {
                    let findings = disagreements(&record, &found);
                    (Some(found.sha256), findings)
                }
            },
        };
        let id = Document::id(document);
        let command = document::Command::IdentifyContent { content, file, findings };
        // Not derived: a record may come back to a state that was identified before.
        let cause = Cause::following(ACTOR, Uuid::new_v4(), origin);
        let receipt = self.commands.sender.send(&id, &cause, command).await;
        Ok(receipt.map_err(into_port_error)?.appended > 0)
    }

    async fn hash(&self, key: &FileKey) -> Result<Option<Identified>> {
        let Some(body) = self.originals.get(key, None).await? else { return Ok(None) };
        let (mut sha256, mut md5, mut size_bytes, mut stream) = (Sha256::new(), Md5::new(), 0, body.stream);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| Error::Unavailable(format!("{key}: {e}")))?;
            sha256.update(&chunk);
            md5.update(&chunk);
            size_bytes += chunk.len() as u64;
        }
        let sha256 = ContentHash::from_digest(sha256.finalize().into());
        Ok(Some(Identified { sha256, md5: hex::encode(md5.finalize()), size_bytes }))
    }
}

fn unreadable(finding: FindingCode) -> Unreadable {
    Unreadable { media_type: None, finding, detail: finding.describe().to_owned() }
}

/// Why a record's location names no file of ours.
fn location_finding(record: &Record, bucket: &str) -> FindingCode {
    let ours = format!("s3://{bucket}/");
    let is_foreign = record.text("FileLocation").is_some_and(|location| !location.starts_with(&ours));
    if is_foreign { FindingCode::ForeignBucket } else { FindingCode::FileMissing }
}

/// Where the record says something else than the bytes.
fn disagreements(record: &Record, found: &Identified) -> Vec<FindingCode> {
    let mut findings = Vec::new();
    if record.0.get("Size").is_some_and(|size| size.as_u64() != Some(found.size_bytes)) {
        findings.push(FindingCode::SizeMismatch);
    }
    if record.text("MD5").is_some_and(|md5| !md5.eq_ignore_ascii_case(&found.md5)) {
        findings.push(FindingCode::Md5Mismatch);
    }
    if record.text("SHA256").is_some_and(|sha256| !sha256.eq_ignore_ascii_case(found.sha256.as_str())) {
        findings.push(FindingCode::Sha256Mismatch);
    }
    findings
}

#[async_trait]
impl Worker for Analyst {
    fn name(&self) -> &'static str {
        ACTOR
    }

    async fn step(&mut self, _now: Timestamp) -> Result<Step> {
        loop {
            let mut taken = Vec::new();
            while taken.len() < self.together
                && let Some(work) = self.queue.take(WorkKind::Analyse).await?
            {
                taken.push(work);
            }
            if taken.is_empty() {
                return Ok(Step::Idle { until: None });
            }
            let ids: Vec<String> = taken.iter().map(|taken| taken.work.id.clone()).collect();
            let done = join_all(taken.into_iter().map(|work| self.work(work))).await;
            if outcome_of_all(&ids, done)? {
                return Ok(Step::Worked);
            }
        }
    }

    async fn wake(&mut self) {
        self.queue.offered(WorkKind::Analyse).await;
    }

    fn is_single_active(&self) -> bool {
        false
    }
}
