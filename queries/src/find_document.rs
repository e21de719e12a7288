//! One document: its record, and what its analysis found.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ETAG};
use axum::response::{IntoResponse, Response};
use domain::access::Action;
use domain::findings::{FindingCode, Severity};
use domain::id::{DocumentId, TrialId};
use domain::measures::Measures;
use http::document::{Document, is_leaving, shown, trial_of, version};
use http::{Caller, IfNoneMatch, Json, Path, Problem, Problems};
use ports::Record;
use projections::{AnalysisResult, ContentNow, DocumentNow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Queries;

impl Queries {
    /// A record that is there and that the caller may read.
    ///
    /// # Errors
    /// 404 where there is none or the caller may not know of it.
    pub(crate) async fn document(&self, caller: &Caller, id: &str) -> Result<Record, Problem> {
        let not_found = || Problem::not_found("document");
        let id = DocumentId::parse("id", id).map_err(|_| not_found())?;
        let record = self.documents.get(id.as_str()).await?.filter(|record| !is_leaving(record));
        let record = record.ok_or_else(not_found)?;
        let trial: TrialId = trial_of(&record).ok_or_else(not_found)?;
        if self.access.may(&trial, &caller.user, Action::Read).await? { Ok(record) } else { Err(not_found()) }
    }

    /// What is known of a document's bytes: all that is wrong with them or their record, and what the analysis gave.
    pub(crate) async fn analysis_of(
        &self,
        record: &Record,
    ) -> Result<(Vec<FindingCode>, Option<AnalysisResult>), Problem> {
        // Only what the log says of the bytes counts: a hash in the record may be anybody's claim.
        let Some(DocumentNow(mut now)) = self.views.get(record.id()).await? else { return Ok((Vec::new(), None)) };
        let content: Option<ContentNow> = match &now.content {
            Some(content) => self.views.get(content.as_str()).await?,
            None => None,
        };
        let result = content.and_then(|content| content.result);
        now.findings.extend(result.iter().flat_map(|result| result.findings_for(now.promised)));
        Ok((now.findings, result))
    }
}

/// Read a document's record.
#[utoipa::path(get, path = "/api/documents/{id}", tag = "documents", params(("id" = String, Path)),
    responses((status = 200, body = Document), (status = 304, description = "You have it already"), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let shown = shown(queries.document(&caller, &id).await?);
    let etag = version(&shown);
    if if_none_match.has(&etag) {
        return Ok(etag.not_modified());
    }
    Ok(([(ETAG, etag.header()), (CACHE_CONTROL, http::document::PRIVATE)], Json(shown)).into_response())
}

/// One thing that was found in a document or its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// Its code, such as `size_mismatch`.
    #[schema(value_type = String)]
    pub code: FindingCode,
    /// What was found.
    pub sentence: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// `notice`, `warning` or `problem`.
    #[schema(value_type = String)]
    pub severity: Severity,
}

impl From<FindingCode> for Finding {
    fn from(code: FindingCode) -> Self {
        Self { code, sentence: code.describe(), remedy: code.remedy(), severity: code.severity() }
    }
}

/// What is known of a document's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Findings {
    /// Whether they have been analysed; until then the rest is empty.
    pub analysed: bool,
    /// What was found, what matters most first.
    pub findings: Vec<Finding>,
    /// What was measured, where they could be read.
    #[schema(value_type = Option<Object>)]
    pub measures: Option<Measures>,
}

/// What the analysis found in a document, and what it measured.
#[utoipa::path(get, path = "/api/documents/{id}/findings", tag = "documents", params(("id" = String, Path)),
    responses((status = 200, body = Findings), Problems))]
pub(crate) async fn findings(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Findings>, Problem> {
    let record = queries.document(&caller, &id).await?;
    let (mut codes, result) = queries.analysis_of(&record).await?;
    codes.sort_unstable();
    codes.dedup();
    Ok(Json(Findings {
        analysed: result.is_some(),
        findings: codes.into_iter().map(Finding::from).collect(),
        measures: result.and_then(|result| result.measures),
    }))
}
