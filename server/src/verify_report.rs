//! Renders every report again out of the log, and compares its SHA-256 with the one in the log and with the stored file.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use domain::id::{ContentHash, Id, TrialId, UserId};
use domain::period::Period;
use domain::report::{Manifest, Rendered, Report, Scheduled};
use ports::{Error, FileKey, FileStore, Find, Ports, Result};
use projections::{ReportNow, Row};
use queries::{Prepared, Printed, Queries};

use crate::app::{self, AppSettings};

/// Rows read at once.
const PAGE: usize = 500;
/// Thumbnails and owners of erased texts named of one report.
const NAMED: usize = 5;

/// What became of one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The report.
    pub report: Id<Report>,
    /// Its trial.
    pub trial: TrialId,
    /// Its period.
    pub period: Period,
    /// The file in the store, against the log.
    pub stored: Stored,
    /// The report rendered again, against the log.
    pub again: Again,
}

/// A stored file, against the SHA-256 in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The bytes that were recorded.
    Equal,
    /// Other bytes.
    Altered,
    /// No such file.
    Missing,
}

/// A report rendered again, against the SHA-256 in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// The same bytes.
    Equal,
    /// Other bytes.
    Differs {
        /// What it was made with and is not any more, as sentences. Where there is none, log or program break their promise.
        because: Vec<String>,
        /// Owners of destroyed keys whose text it printed, at most five: `person/<user>`, `document/<id>`, `trial/<id>`.
        erased: Vec<String>,
    },
    /// It cannot be rendered.
    Impossible(String),
}

impl Verified {
    /// Whether all is as it should be: the same bytes, or others only because somebody's text was erased.
    #[must_use]
    pub fn holds(&self) -> bool {
        let again = match &self.again {
            Again::Equal => true,
            Again::Differs { because, erased } => because.is_empty() && !erased.is_empty(),
            Again::Impossible(_) => false,
        };
        again && self.stored == Stored::Equal
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  {}..{}  ", self.report, self.trial, self.period.from(), self.period.to())?;
        match &self.again {
            Again::Equal => f.write_str("equal")?,
            Again::Differs { because, erased } if because.is_empty() && erased.is_empty() => {
                f.write_str("DIFFERS, and nothing it was made with has changed")?;
            }
            Again::Differs { because, erased } => {
                f.write_str(if because.is_empty() { "differs by erasure: " } else { "DIFFERS: " })?;
                let erased = erased.iter().map(|owner| format!("the text of {owner} was erased"));
                f.write_str(&because.iter().cloned().chain(erased).collect::<Vec<_>>().join("; "))?;
            }
            Again::Impossible(why) => write!(f, "CANNOT BE RENDERED: {why}")?,
        }
        match self.stored {
            Stored::Equal => Ok(()),
            Stored::Altered => f.write_str("; the stored file has OTHER BYTES"),
            Stored::Missing => f.write_str("; the stored file is MISSING"),
        }
    }
}

/// Verifies every rendered report, in order of their cuts, after bringing the views to the log's end.
///
/// # Errors
/// A port's error.
pub async fn verify(ports: &Ports, settings: &AppSettings) -> Result<Vec<Verified>> {
    app::catch_up(ports).await?;
    let queries = app::queries(ports, settings);
    let (mut verified, mut after) = (Vec::new(), None);
    loop {
        let find =
            Find::all(PAGE).equal("status", "rendered").range("cut_stamp", Some(i64::MIN.into()), None).after(after);
        let page: Vec<ReportNow> = queries.views.find(&find).await?;
        let Some(last) = page.last() else { return Ok(verified) };
        after = Some((last.cut_stamp.into(), last.key()));
        for row in page {
            let Report::Rendered(scheduled, rendered) = queries.access.state(&row.id).await? else {
                return Err(Error::Corrupt(format!("the view has report {} rendered, its stream has not", row.id)));
            };
            let stored = stored(&ports.derived, &rendered.sha256).await?;
            let again = again(&queries, &ports.derived, &row.id, &scheduled, &rendered).await?;
            verified.push(Verified { report: row.id, trial: row.trial, period: row.period, stored, again });
        }
    }
}

async fn stored(derived: &Arc<dyn FileStore>, sha256: &ContentHash) -> Result<Stored> {
    let Some(body) = derived.get(&FileKey::new(format!("derived/{sha256}"))?, None).await? else {
        return Ok(Stored::Missing);
    };
    let bytes = queries::collect(body).await?;
    Ok(if ContentHash::of(&bytes) == *sha256 { Stored::Equal } else { Stored::Altered })
}

async fn again(
    queries: &Queries,
    derived: &Arc<dyn FileStore>,
    id: &Id<Report>,
    scheduled: &Scheduled,
    rendered: &Rendered,
) -> Result<Again> {
    let manifest = &rendered.manifest;
    let (names, mut erased) = names(queries, manifest).await?;
    let base_url = Some(manifest.base_url.clone()).filter(|url| !url.is_empty());
    let printed = Printed { names, base_url };
    let Some(prepared) = queries.report_content(id.as_str(), scheduled, Some(printed)).await? else {
        return Ok(Again::Impossible(format!("the log holds no closing at {}", scheduled.cut())));
    };
    let mut because = differences(manifest, &prepared);
    because.extend(missing_thumbnails(derived, manifest).await?);
    erased.extend(prepared.erased.iter().cloned());
    erased.truncate(NAMED);
    let drawn = tokio::task::spawn_blocking(move || report::pdf::render(&prepared.content, &prepared.thumbnails))
        .await
        .map_err(|e| Error::Unavailable(format!("rendering: {e}")))?;
    let sha256 = match drawn {
        Ok(pdf) => pdf.sha256,
        Err(error) => return Ok(Again::Impossible(error.to_string())),
    };
    if sha256 == rendered.sha256.as_str() {
        return Ok(Again::Equal);
    }
    Ok(Again::Differs { because, erased })
}

/// The names that were printed, and the owners of those that cannot be opened any more.
async fn names(queries: &Queries, manifest: &Manifest) -> Result<(BTreeMap<UserId, String>, Vec<String>)> {
    let (mut names, mut erased) = (BTreeMap::new(), Vec::new());
    for (user, sealed) in &manifest.names {
        match queries.keys.open(sealed).await? {
            Some(name) => drop(names.insert(user.clone(), name)),
            None => erased.push(sealed.owner.clone()),
        }
    }
    Ok((names, erased))
}

/// What the report was made with and this program does not have.
fn differences(manifest: &Manifest, prepared: &Prepared) -> Vec<String> {
    let (now, cut) = (&prepared.content.manifest, &prepared.content.cut);
    let (projection, analysis) = (manifest.projection.to_string(), manifest.analysis.to_string());
    [
        ("log hash at the cut", &manifest.log_sha256, &cut.log_hash),
        ("projection", &projection, &now.projection),
        ("template", &manifest.template, &now.template),
        ("renderer", &manifest.renderer, &now.renderer),
        ("fonts", &manifest.fonts, &now.fonts),
        ("tz data", &manifest.tz_data, &now.tz_data),
        ("analysis", &analysis, &now.analysis),
        ("base_url", &manifest.base_url, &prepared.base_url),
    ]
    .into_iter()
    .filter(|(_, then, now)| then != now)
    .map(|(what, then, now)| format!("{what}: then {}, now {now}", if then.is_empty() { "not recorded" } else { then }))
    .collect()
}

async fn missing_thumbnails(derived: &Arc<dyn FileStore>, manifest: &Manifest) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for sha256 in &manifest.thumbnails {
        if missing.len() < NAMED && derived.size(&FileKey::new(format!("derived/{sha256}"))?).await?.is_none() {
            missing.push(format!("the thumbnail {sha256} is missing"));
        }
    }
    Ok(missing)
}
