//! Findings with their pictures, and the contact sheet.

use jiff::tz::TimeZone;

use super::front::remedies;
use super::page::{Area, Role, Sheet};
use super::palette::{PALE, WARNING};
use super::sections::omitted;
use super::table::{Cell, Part, Table, columns, picture};
use super::text::{CELL, CELL_BOLD, CELL_BOLD_GREY, CELL_GREY, CELL_WARNING, Line, TEXT, TEXT_GREY, fit, line, wrap};
use super::write::Pictures;
use crate::content::{Finding, ReportContent, Severity, Thumbnail};
use crate::wording::{dates, report as words};

/// Pictures across the contact sheet.
const ACROSS: usize = 5;
const GAP: f32 = 12.0;

/// Open findings, worst first.
pub(crate) fn findings(sheet: &mut Sheet, content: &ReportContent, zone: &TimeZone, pictures: &Pictures) {
    sheet.within(Role::Section, |sheet| {
        sheet.title(words::FINDINGS, 80.0);
        if content.findings.is_empty() {
            sheet.paragraph(words::NO_FINDINGS, TEXT);
            return;
        }
        sheet.paragraph(&words::times_in(&content.edition.zone), TEXT_GREY);
        sheet.skip(6.0);
        let columns = columns(words::FINDING_COLUMNS, [13.0, 57.0, 12.0, 18.0], sheet.geometry.measure());
        let mut table = Table::begin(sheet, words::FINDINGS, &columns, 46.0);
        for of_file in content.findings.chunk_by(|a, b| (&a.document, &a.file_name) == (&b.document, &b.file_name)) {
            table.row(file_row(of_file, content, zone, pictures));
        }
        table.end();
        omitted(sheet, words::omitted(content.findings_omitted, "more finding is", "more findings are"));
        if !content.attention.is_empty() {
            sheet.skip(14.0);
            sheet.heading(words::REMEDIES, 3, 24.0);
            remedies(sheet, &content.attention);
        }
    });
}

/// A file with all its findings.
fn file_row(findings: &[Finding], content: &ReportContent, zone: &TimeZone, pictures: &Pictures) -> Vec<Cell> {
    const FRAME: (f32, f32) = (48.0, 36.0);
    let first = &findings[0];
    let picture = match first.thumbnail.and_then(|index| content.thumbnails.get(index)) {
        Some(thumbnail) if pictures.has(&thumbnail.sha256) => {
            let (width, height) = fitted(thumbnail, FRAME.0, FRAME.1);
            let alt = words::picture_alt(&thumbnail.file_name, &thumbnail.flags);
            Part::Picture { sha256: thumbnail.sha256.clone(), width, height, alt }
        }
        Some(_) | None => Part::Text(words::NONE.to_owned(), CELL_GREY),
    };
    let mut what = vec![Part::Text(first.file_name.clone(), CELL_BOLD)];
    for finding in findings {
        let style = match finding.severity {
            Severity::Problem => CELL.in_colour(WARNING),
            Severity::Notice => CELL,
        };
        what.push(Part::Text(finding.sentence.clone(), style));
    }
    let since = findings.iter().map(|finding| finding.since).min().unwrap_or(first.since);
    vec![
        Cell::of(vec![picture]),
        Cell::of(what).heading(),
        Cell::text(first.site.clone().unwrap_or_else(|| words::NONE.to_owned()), CELL),
        Cell::text(dates::local(since, zone), CELL),
    ]
}

/// The greatest size with the picture's proportions inside a frame.
fn fitted(thumbnail: &Thumbnail, width: f32, height: f32) -> (f32, f32) {
    let (w, h) = (thumbnail.width_px.max(1) as f32, thumbnail.height_px.max(1) as f32);
    let scale = (width / w).min(height / h);
    ((w * scale).max(1.0), (h * scale).max(1.0))
}

/// Pictures of what is new or flagged.
pub(crate) fn contact_sheet(sheet: &mut Sheet, content: &ReportContent, pictures: &Pictures) {
    sheet.within(Role::Section, |sheet| {
        let width = (sheet.geometry.measure() - GAP * (ACROSS - 1) as f32) / ACROSS as f32;
        let frame = width * 0.75;
        sheet.title(words::CONTACT_SHEET, frame + 40.0);
        if content.thumbnails.is_empty() {
            sheet.paragraph(words::NO_PICTURES, TEXT);
            return;
        }
        for row in content.thumbnails.chunks(ACROSS) {
            let captions: Vec<Caption> = row.iter().map(|thumbnail| Caption::of(thumbnail, width)).collect();
            let below = captions.iter().map(Caption::height).fold(0.0, f32::max);
            sheet.ensure(frame + below);
            let (left, top) = (sheet.geometry.margin, sheet.y);
            for (i, (thumbnail, caption)) in row.iter().zip(captions).enumerate() {
                let x = left + (width + GAP) * i as f32;
                cell(sheet, thumbnail, caption, Area { x, y: top, width, height: frame }, pictures);
            }
            sheet.y = top + frame + below + 10.0;
        }
        omitted(sheet, words::pictures_omitted(content.thumbnails_omitted));
    });
}

/// Words below a picture: its name on up to two lines, its flags on as many as they take, whether it is new.
struct Caption {
    name: Vec<Line>,
    flags: Vec<Line>,
    new: bool,
}

impl Caption {
    const ABOVE: f32 = 3.0;

    fn of(thumbnail: &Thumbnail, width: f32) -> Self {
        let mut name = wrap(&thumbnail.file_name, CELL, width);
        if name.len() > 2 {
            // The beginning, and as much of the end as fits the second line.
            let rest: String = name.drain(1..).map(|line| line.text).collect();
            name.push(fit(&rest, CELL, width));
        }
        let flags = thumbnail.flags.iter().flat_map(|flag| wrap(flag, CELL_WARNING, width)).collect();
        Self { name, flags, new: thumbnail.new }
    }

    fn height(&self) -> f32 {
        Self::ABOVE + CELL.lead * (self.name.len() + self.flags.len() + usize::from(self.new)) as f32
    }
}

/// A picture in its frame, its caption below.
fn cell(sheet: &mut Sheet, thumbnail: &Thumbnail, caption: Caption, frame: Area, pictures: &Pictures) {
    sheet.fill(frame, PALE);
    if pictures.has(&thumbnail.sha256) {
        let (width, height) = fitted(thumbnail, frame.width, frame.height);
        let x = frame.x + (frame.width - width) / 2.0;
        let y = frame.y + (frame.height - height) / 2.0;
        let alt = words::picture_alt(&thumbnail.file_name, &thumbnail.flags);
        picture(sheet, Area { x, y, width, height }, thumbnail.sha256.clone(), alt);
    } else {
        sheet.within(Role::Paragraph, |sheet| {
            let lines = wrap(words::PICTURE_MISSING, CELL_GREY, frame.width - 12.0);
            let mut y = frame.y + (frame.height - CELL_GREY.lead * lines.len() as f32) / 2.0;
            for line in lines {
                let mark = sheet.mark();
                sheet.text(mark, frame.x + (frame.width - line.width) / 2.0, y, line, CELL_GREY);
                y += CELL_GREY.lead;
            }
        });
    }
    let mut y = frame.y + frame.height + Caption::ABOVE;
    let new = if caption.new { vec![line(words::NEW, CELL_BOLD_GREY)] } else { Vec::new() };
    for (lines, style) in [(caption.name, CELL), (caption.flags, CELL_WARNING), (new, CELL_BOLD_GREY)] {
        if lines.is_empty() {
            continue;
        }
        sheet.within(Role::Paragraph, |sheet| {
            for line in lines {
                let mark = sheet.mark();
                sheet.text(mark, frame.x, y, line, style);
                y += style.lead;
            }
        });
    }
}
