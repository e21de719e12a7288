//! A trial's figures, now or at a closing.
//!
//! A browser asks for them every two seconds, so the present state is read by key and by index only, whatever the number of
//! documents: three rows by key, the last closing, a range for each of three dimensions, one row for each week, two ranges of
//! what is flagged, and for each of at most fifty documents that are shown as such, one row and the key of its record.

mod figures;
mod flagged;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::response::{IntoResponse, Response};
use domain::access::{Action, Role};
use domain::figures::Figures;
use domain::id::TrialId;
use domain::schedule::Zone;
use domain::trial::Enclosure;
use http::document::PRIVATE;
use http::{After, Caller, IfNoneMatch, Path, Problem, Problems, Query, etag};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use ports::Find;
use projections::{Closing, DIMENSIONS, FiguresNow, OPEN, Series, Stamp, TrialNow, TrialSettings, stamp_of};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Queries;
use figures::TrialFigures;
use flagged::FlaggedDocument;

/// Weeks of activity.
const WEEKS: i32 = 12;

/// Values read of one dimension: a thousand, "other" and "not stated" at most.
const MOST_VALUES: usize = 2_000;

/// At which moment.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct When {
    /// An instant: the state at the last closed quarter hour not after it. Without it, the present state.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// A trial with its figures.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrialSummary {
    /// The trial.
    trial: TrialId,
    /// Its title.
    title: String,
    /// The caller's role in it.
    role: Role,
    /// Whether it is open.
    open: bool,
    /// How its reports are sent.
    enclosure: Enclosure,
    /// The closing whose state this is; null: the present state.
    #[schema(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
    /// The first closing: what was there before it was found, not added.
    #[schema(value_type = Option<String>, format = DateTime)]
    observed_since: Option<Timestamp>,
    /// False where history was lost and a scan filled it.
    complete: bool,
    /// Of the whole trial.
    figures: TrialFigures,
    /// Of each value of each dimension; most documents first.
    breakdown: Breakdowns,
    /// Documents that somebody should look at: gravest first, then longest so, at most 50. `figures` counts all of them.
    flagged: Vec<FlaggedDocument>,
    /// What came and went in each calendar week (UTC, from Monday), the last twelve of those observed; oldest first.
    weeks: Vec<ActivityWeek>,
}

/// Figures by dimension.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Breakdowns {
    /// By kind of document.
    kind: Vec<ValueFigures>,
    /// By site.
    site: Vec<ValueFigures>,
    /// By status.
    status: Vec<ValueFigures>,
}

/// Figures of one value of a dimension.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ValueFigures {
    /// The value; empty where records do not state one.
    value: String,
    /// Its figures.
    figures: TrialFigures,
}

/// What came and went in a week.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ActivityWeek {
    /// Its Monday.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// Documents added, or moved in from another trial.
    added: i64,
    /// Changes of documents.
    changed: i64,
    /// Documents removed, or moved out.
    removed: i64,
}

/// The moment that is looked at.
#[derive(Clone, Copy)]
struct Moment {
    /// The closing; none: now.
    closed: Option<Timestamp>,
    /// An instant in the last week that is told of.
    within: Timestamp,
}

impl Moment {
    /// Rows that hold then begin before this stamp and end at it or later.
    fn stamp(self) -> Stamp {
        self.closed.map_or(OPEN, stamp_of)
    }
}

impl Queries {
    async fn trial_summary(&self, trial: &TrialId, role: Role, at: Option<Timestamp>) -> Result<TrialSummary, Problem> {
        let closing = match at {
            Some(at) => Some(self.closing_at(at).await?),
            None => self.views.last_closing(None).await?,
        };
        let moment = match &closing {
            Some(Closing { instant, .. }) if at.is_some() => {
                // A closing ends the quarter hour before it, and so that hour's week.
                Moment { closed: Some(*instant), within: *instant - SignedDuration::from_nanos(1) }
            }
            Some(_) | None => Moment { closed: None, within: self.clock.now() },
        };
        let genesis = self.views.progress("document_changes").await?.genesis;
        let settings = self.settings_then(trial, moment).await?;
        let whole = Series::whole(trial.clone());
        let figures = match moment.closed {
            Some(closing) => self.views.figures_at(&whole, closing).await?,
            None => self.views.get::<FiguresNow>(&whole.key()).await?.map(|now| now.figures).unwrap_or_default(),
        };
        let [kind, site, status] = DIMENSIONS;
        Ok(TrialSummary {
            trial: trial.clone(),
            title: match &settings {
                Some(settings) => self.text(&settings.title).await?,
                None => trial.to_string(),
            },
            role,
            open: settings.as_ref().is_none_or(|settings| settings.open),
            enclosure: settings.map_or_else(Enclosure::default, |settings| settings.enclosure),
            as_of: moment.closed,
            observed_since: genesis,
            complete: closing.is_none_or(|closing| closing.complete),
            breakdown: Breakdowns {
                kind: self.breakdown(trial, kind, moment).await?,
                site: self.breakdown(trial, site, moment).await?,
                status: self.breakdown(trial, status, moment).await?,
            },
            flagged: self.flagged(trial, moment.stamp()).await?,
            weeks: self.activity(&whole, &figures, moment.within, genesis).await?,
            figures: figures.into(),
        })
    }

    /// Title and settings then. A trial that was opened later has those it began with.
    async fn settings_then(&self, trial: &TrialId, moment: Moment) -> ports::Result<Option<TrialSettings>> {
        if let Some(closing) = moment.closed {
            let settings = Find::all(1).equal("trial", trial.as_str());
            let until = settings.clone().range("stamp", None, Some(stamp_of(closing).into())).descending();
            return match self.views.first(until).await? {
                Some(settings) => Ok(Some(settings)),
                None => self.views.first(settings.range("stamp", None, None)).await,
            };
        }
        Ok(self.views.get::<TrialNow>(trial.as_str()).await?.map(|TrialNow(settings)| settings))
    }

    async fn breakdown(&self, trial: &TrialId, dimension: &str, moment: Moment) -> ports::Result<Vec<ValueFigures>> {
        let find = Find::all(MOST_VALUES).equal("trial", trial.as_str()).equal("dimension", dimension);
        let mut values: Vec<(String, Figures)> = Vec::new();
        for now in self.views.find::<FiguresNow>(&find).await? {
            let FiguresNow { trial, dimension, value, figures, .. } = now;
            let figures = match moment.closed {
                None => figures,
                Some(closing) => {
                    let series = Series { trial, dimension, value: value.clone() };
                    self.views.figures_at(&series, closing).await?
                }
            };
            values.push((value, figures));
        }
        values.retain(|(_, figures)| *figures != Figures::default());
        values.sort_by(|(a, a_sums), (b, b_sums)| (b_sums.documents.present, a).cmp(&(a_sums.documents.present, b)));
        Ok(values.into_iter().map(|(value, figures)| ValueFigures { value, figures: figures.into() }).collect())
    }

    /// The weeks up to a moment with these figures, back to the first closing at most.
    async fn activity(
        &self,
        whole: &Series,
        figures: &Figures,
        within: Timestamp,
        genesis: Option<Timestamp>,
    ) -> ports::Result<Vec<ActivityWeek>> {
        let Some(genesis) = genesis else { return Ok(Vec::new()) };
        let utc = Zone::utc();
        let today = utc.date_at(within);
        let monday = today.saturating_sub(i32::from(today.weekday().to_monday_zero_offset()).days());
        let mut weeks = Vec::new();
        let mut end = figures.clone();
        for back in 0..WEEKS {
            let from = monday.saturating_sub((7 * back).days());
            let start = utc.start_of_day(from);
            // What stood there at the first closing was found, not done in that week.
            let begin = self.views.figures_at(whole, start.max(genesis)).await?;
            let (e, b) = (&end.documents, &begin.documents);
            weeks.push(ActivityWeek {
                from,
                added: e.added + e.moved_in - b.added - b.moved_in,
                changed: e.changed - b.changed,
                removed: e.removed + e.moved_out - b.removed - b.moved_out,
            });
            end = begin;
            if start <= genesis {
                break;
            }
        }
        weeks.reverse();
        Ok(weeks)
    }
}

/// Read a trial's figures: now, or as they stood at a closed quarter hour.
///
/// The answer has an ETag; asked again with `If-None-Match`, it is 304 while nothing has changed.
#[utoipa::path(get, path = "/api/trials/{id}/summary", tag = "trials", params(("id" = String, Path), When, After),
    responses((status = 200, body = TrialSummary), (status = 304, description = "You have it already"), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
    Query(when): Query<When>,
    After(after): After,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let trial = TrialId::parse("id", &id).map_err(|_| Problem::not_found("trial"))?;
    let role = queries.access.require(&trial, &caller.user, Action::Read).await?;
    queries.wait_for(after, &["trials", "document_changes"]).await?;
    let summary = queries.trial_summary(&trial, role, when.at).await?;
    let body = serde_json::to_vec(&summary).map_err(Problem::internal)?;
    let etag = etag(&body);
    if if_none_match.has(&etag) {
        return Ok(etag.not_modified());
    }
    let json = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, json), (CACHE_CONTROL, PRIVATE), (ETAG, etag.header())], body).into_response())
}
