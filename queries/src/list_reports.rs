//! The reports of one trial, or of all trials that the caller may see.

use axum::extract::State;
use domain::access::{Action, Role, may};
use domain::edition::Edition;
use domain::id::{ContentHash, Id, TrialId, UserId};
use domain::period::Period;
use domain::report::{Manifest, Report};
use http::{After, Caller, Json, Page, Paging, Path, Problem, Problems, Query};
use jiff::Timestamp;
use ports::Find;
use projections::{ReportNow, ReportStatus, stamp_of};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Queries;

/// Reports of so many trials are listed together.
const MOST_TRIALS: usize = 200;

/// A report.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportListed {
    /// Its id.
    #[schema(value_type = String)]
    id: Id<Report>,
    /// The trial.
    trial: TrialId,
    /// What it covers.
    period: Period,
    /// In which edition.
    edition: Edition,
    /// The closing that its figures end with.
    #[schema(value_type = String, format = DateTime)]
    cut: Timestamp,
    /// Whether the period went on.
    so_far: bool,
    /// `requested`, `scheduled`, `rendered` or `abandoned`.
    #[schema(value_type = String)]
    status: ReportStatus,
    /// Pages; null until it is rendered, as are the next three.
    pages: Option<u32>,
    /// Size of the PDF in bytes.
    size_bytes: Option<u64>,
    /// SHA-256 of the PDF.
    sha256: Option<ContentHash>,
    /// When it was stored.
    #[schema(value_type = Option<String>, format = DateTime)]
    rendered_at: Option<Timestamp>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    scheduled_at: Timestamp,
}

impl From<ReportNow> for ReportListed {
    fn from(row: ReportNow) -> Self {
        let is_rendered = row.sha256.is_some();
        Self {
            id: row.id,
            trial: row.trial,
            period: row.period,
            edition: row.edition,
            cut: row.cut,
            so_far: row.so_far,
            status: row.status,
            pages: is_rendered.then_some(row.pages),
            size_bytes: is_rendered.then_some(row.size_bytes),
            sha256: row.sha256,
            rendered_at: row.rendered_at,
            scheduled_at: row.scheduled_at,
        }
    }
}

/// All that a report's bytes depend on.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportManifest {
    /// The log hash up to and with the closing at the cut.
    log_sha256: String,
    /// Version of the projections.
    projection: u32,
    /// Version of the template.
    template: String,
    /// Version of the renderer.
    renderer: String,
    /// The fonts.
    fonts: String,
    /// The time zone data.
    tz_data: String,
    /// Version of the analysis.
    analysis: u32,
    /// Where the links in it lead, without a slash at the end; empty where that was not recorded.
    base_url: String,
    /// SHA-256 of the pictures in it.
    thumbnails: Vec<ContentHash>,
}

impl From<Manifest> for ReportManifest {
    fn from(manifest: Manifest) -> Self {
        Self {
            log_sha256: manifest.log_sha256,
            projection: manifest.projection,
            template: manifest.template,
            renderer: manifest.renderer,
            fonts: manifest.fonts,
            tz_data: manifest.tz_data,
            analysis: manifest.analysis,
            base_url: manifest.base_url,
            thumbnails: manifest.thumbnails,
        }
    }
}

/// A report with what it depends on.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportFound {
    #[serde(flatten)]
    report: ReportListed,
    /// What its bytes depend on; null until it is rendered.
    manifest: Option<ReportManifest>,
    /// Why it was given up.
    abandoned_because: Option<String>,
}

/// Which reports.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only of this trial.
    trial: Option<String>,
}

/// A place in the list, newest first: when the report was asked for, and its id.
type Place = (Timestamp, String);

impl Queries {
    /// The caller's role in the trial that something belongs to; who has none may not know of it.
    ///
    /// # Errors
    /// 404 for that thing.
    pub(crate) async fn seen_in(&self, trial: &TrialId, user: &UserId, what: &str) -> Result<Role, Problem> {
        let role = self.access.role(trial, user).await?;
        role.filter(|role| may(Some(*role), Action::Read)).ok_or_else(|| Problem::not_found(what))
    }

    /// A report's row, for those who may see it.
    pub(crate) async fn report_seen(&self, caller: &Caller, id: &str) -> Result<(ReportNow, Role), Problem> {
        let not_found = || Problem::not_found("report");
        let id = Id::<Report>::parse("id", id).map_err(|_| not_found())?;
        let row: ReportNow = self.views.get(id.as_str()).await?.ok_or_else(not_found)?;
        let role = self.seen_in(&row.trial, &caller.user, "report").await?;
        Ok((row, role))
    }

    async fn reports_of(&self, trial: &TrialId, behind: Option<&Place>, limit: usize) -> ports::Result<Vec<ReportNow>> {
        let after = behind.map(|(at, id)| (stamp_of(*at).into(), id.clone()));
        let find = Find::all(limit).equal("trial", trial.as_str()).range("scheduled_stamp", None, None);
        self.views.find(&find.descending().after(after)).await
    }

    /// The trials that somebody may see, at most [`MOST_TRIALS`].
    async fn trials_of(&self, user: &UserId) -> ports::Result<Vec<TrialId>> {
        let mut trials = Vec::new();
        for member in self.memberships(user, None, MOST_TRIALS).await? {
            if self.access.may(&member.trial, user, Action::Read).await? {
                trials.push(member.trial);
            }
        }
        Ok(trials)
    }
}

/// List reports, newest first: of one trial, or of all you may see (of the first 200 where there are more).
#[utoipa::path(get, path = "/api/reports", tag = "reports", params(Which, Paging, After),
    responses((status = 200, body = Page<ReportListed>), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Query(which): Query<Which>,
    Query(paging): Query<Paging>,
    After(after): After,
) -> Result<Page<ReportListed>, Problem> {
    let behind: Option<Place> = paging.place()?;
    let trials = match &which.trial {
        Some(trial) => {
            let trial = TrialId::parse("trial", trial)?;
            queries.access.require(&trial, &caller.user, Action::Read).await?;
            queries.wait_for(after, &["reports"]).await?;
            vec![trial]
        }
        None => {
            queries.wait_for(after, &["reports", "trials"]).await?;
            queries.trials_of(&caller.user).await?
        }
    };
    let mut rows: Vec<ReportNow> = Vec::new();
    for trial in trials {
        rows.extend(queries.reports_of(&trial, behind.as_ref(), paging.fetch()).await?);
        // As the view orders them: by time, then by id.
        rows.sort_by(|a, b| (b.scheduled_stamp, &b.id).cmp(&(a.scheduled_stamp, &a.id)));
        rows.truncate(paging.fetch());
    }
    let page = paging.page(rows, |last| (last.scheduled_at, last.id.to_string()));
    Ok(page.map(Into::into))
}

/// Read about a report: how far it is, and what its bytes depend on.
#[utoipa::path(get, path = "/api/reports/{id}", tag = "reports", params(("id" = String, Path), After),
    responses((status = 200, body = ReportFound), Problems))]
pub(crate) async fn find(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
    After(after): After,
) -> Result<Json<ReportFound>, Problem> {
    queries.wait_for(after, &["reports"]).await?;
    let (row, _) = queries.report_seen(&caller, &id).await?;
    let manifest = match queries.access.state(&row.id).await? {
        Report::Rendered(_, rendered) => Some(rendered.manifest.into()),
        Report::Unknown | Report::Scheduled(_) | Report::Abandoned(_) => None,
    };
    let abandoned_because = row.abandoned_because.clone();
    Ok(Json(ReportFound { report: row.into(), manifest, abandoned_because }))
}
