//! The documents of a trial.
//!
//! A record belongs to a trial because it says so, or because its file lies in the trial's folder. The collection can be
//! asked only for the first; of the second kind the view knows those that the log has observed. So both are read in order of
//! id and merged, and what comes from the view is looked up in the collection, which has the last word.

use std::collections::BTreeMap;

use axum::extract::State;
use domain::access::Action;
use domain::id::TrialId;
use futures::{StreamExt, TryStreamExt, stream};
use http::document::{Document, is_leaving, shown, trial_of};
use http::{Caller, Cursor, Page, Paging, Problem, Problems, Query};
use ports::{Find, Record, RecordFilter};
use projections::{DocumentState, DocumentThen, OPEN};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use crate::Queries;

/// Rows of the view that are looked at at once.
const ROWS: usize = 256;

/// How often both are read before a page ends with what was found; `next` goes on from there.
const ROUNDS: usize = 8;

/// Records that are looked up at once.
const LOOK_UPS: usize = 16;

/// Which documents.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// The trial.
    trial: String,
    /// Only of this site.
    site: Option<String>,
    /// Only of this kind.
    kind: Option<String>,
    /// Only with this status.
    status: Option<String>,
}

impl Which {
    /// The properties asked for, in the order in which the view has them.
    fn asked(&self) -> [(&'static str, Option<&str>); 3] {
        [("Kind", self.kind.as_deref()), ("SiteId", self.site.as_deref()), ("Status", self.status.as_deref())]
    }

    fn matches(&self, record: &Record) -> bool {
        self.asked().iter().all(|(property, value)| value.is_none_or(|value| record.text(property) == Some(value)))
    }

    /// Whether a record in this state may match: the view knows codes, and "other" for what is none.
    fn may_match(&self, state: &DocumentState) -> bool {
        let Some(place) = &state.place else { return false };
        let values = place.values.iter().zip(self.asked());
        values.into_iter().all(|(value, (_, asked))| asked.is_none_or(|asked| value == asked || value == "other"))
    }
}

/// A stretch of a trial's documents, and whether there may be more behind it.
struct Stretch {
    records: Vec<Record>,
    end: Option<String>,
}

impl Queries {
    /// The documents behind `after`, as far as collection and view were read.
    async fn stretch(
        &self,
        trial: &TrialId,
        which: &Which,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Stretch, Problem> {
        let mut equals = vec![("TrialId", trial.to_string())];
        equals.extend(which.asked().into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))));
        let stated = self.documents.list(&RecordFilter { equals }, after, limit).await?;
        let mut ends: Vec<String> = Vec::new();
        if stated.len() == limit {
            ends.extend(stated.last().map(|last| last.id().to_owned()));
        }
        let mut found: BTreeMap<String, Option<Record>> =
            stated.into_iter().map(|record| (record.id().to_owned(), Some(record))).collect();
        for flagged in [false, true] {
            let states = self.observed(trial, flagged, after).await?;
            if states.len() == ROWS {
                ends.extend(states.last().map(|last| last.document.to_string()));
            }
            for state in states.iter().filter(|state| which.may_match(state)) {
                found.entry(state.document.to_string()).or_default();
            }
        }
        // Behind the shortest of the three readings something may be missing.
        let end = ends.into_iter().min();
        found.retain(|id, _| end.as_ref().is_none_or(|end| id <= end));
        let records = stream::iter(found).map(|(id, record)| async move {
            match record {
                Some(record) => Ok(Some(record)),
                None => self.documents.get(&id).await,
            }
        });
        let records: Vec<Option<Record>> = records.buffered(LOOK_UPS).try_collect().await?;
        let belongs =
            |record: &Record| !is_leaving(record) && which.matches(record) && trial_of(record).as_ref() == Some(trial);
        Ok(Stretch { records: records.into_iter().flatten().filter(belongs).collect(), end })
    }

    /// Documents of the trial that the log has observed, in order of id.
    async fn observed(&self, trial: &TrialId, flagged: bool, after: Option<&str>) -> ports::Result<Vec<DocumentState>> {
        // '~' comes behind every digit: behind all rows of that document.
        let after = after.map(|id| (OPEN.into(), format!("{id}|~")));
        let find = Find::all(ROWS)
            .equal("trial", trial.as_str())
            .equal("flagged", flagged)
            .range("to", Some(OPEN.into()), None)
            .after(after);
        let rows: Vec<DocumentThen> = self.views.find(&find).await?;
        Ok(rows.into_iter().map(|DocumentThen(state)| state).collect())
    }
}

/// List the documents of a trial, in order of their ids.
///
/// A page may have fewer items than asked for; the list ends where `next` is null.
#[utoipa::path(get, path = "/api/documents", tag = "documents", params(Which, Paging),
    responses((status = 200, body = Page<Document>), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Query(which): Query<Which>,
    Query(paging): Query<Paging>,
) -> Result<Page<Map<String, Value>>, Problem> {
    let trial = TrialId::parse("trial", &which.trial)?;
    queries.access.require(&trial, &caller.user, Action::Read).await?;
    let mut after: Option<String> = paging.place()?;
    let mut records: Vec<Record> = Vec::new();
    for _ in 0..ROUNDS {
        let stretch = queries.stretch(&trial, &which, after.as_deref(), paging.fetch()).await?;
        records.extend(stretch.records);
        after = stretch.end;
        if after.is_none() || records.len() > paging.limit() {
            break;
        }
    }
    if records.len() > paging.limit() {
        return Ok(paging.page(records, |last| last.id().to_owned()).map(shown));
    }
    Ok(Page { items: records.into_iter().map(shown).collect(), next: after.map(|after| Cursor::behind(&after)) })
}
