//! Findings with their pictures, and the contact sheet.

use jiff::tz::TimeZone;

use super::page::{Area, Role, Sheet};
use super::palette::{GREY, PALE, WARNING};
use super::sections::omitted;
use super::table::{Cell, Part, Table, columns, picture};
use super::text::{CELL, CELL_BOLD, CELL_GREY, CELL_WARNING, TEXT, TEXT_GREY, fit, line, wrap};
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
        let columns = columns(words::FINDING_COLUMNS, [13.0, 57.0, 15.0, 20.0], sheet.geometry.measure());
        let mut table = Table::begin(sheet, words::FINDINGS, &columns, 46.0);
        for finding in &content.findings {
            table.row(finding_row(finding, content, zone, pictures));
        }
        table.end();
        omitted(sheet, words::omitted(content.findings_omitted, "more finding is", "more findings are"));
    });
}

fn finding_row(finding: &Finding, content: &ReportContent, zone: &TimeZone, pictures: &Pictures) -> Vec<Cell> {
    const FRAME: (f32, f32) = (48.0, 36.0);
    let picture = match finding.thumbnail.and_then(|index| content.thumbnails.get(index)) {
        Some(thumbnail) if pictures.has(&thumbnail.sha256) => {
            let (width, height) = fitted(thumbnail, FRAME.0, FRAME.1);
            let alt = words::picture_alt(&thumbnail.file_name, &thumbnail.flags);
            Part::Picture { sha256: thumbnail.sha256.clone(), width, height, alt }
        }
        Some(_) | None => Part::Text(words::NONE.to_owned(), CELL_GREY),
    };
    let style = match finding.severity {
        Severity::Problem => CELL_WARNING,
        Severity::Notice => CELL_BOLD,
    };
    vec![
        Cell::of(vec![picture]),
        Cell::of(vec![
            Part::Titled { title: finding.sentence.clone(), style, remark: finding.code.clone(), address: None },
            Part::Text(finding.file_name.clone(), CELL),
        ])
        .heading(),
        Cell::text(finding.site.clone().unwrap_or_else(|| words::NONE.to_owned()), CELL),
        Cell::text(dates::local(finding.since, zone), CELL),
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
            sheet.ensure(frame + 4.0 + 3.0 * CELL.lead);
            let (left, top) = (sheet.geometry.margin, sheet.y);
            for (i, thumbnail) in row.iter().enumerate() {
                let x = left + (width + GAP) * i as f32;
                cell(sheet, thumbnail, Area { x, y: top, width, height: frame }, pictures);
            }
            sheet.y = top + frame + 4.0 + 3.0 * CELL.lead + 10.0;
        }
        omitted(sheet, words::pictures_omitted(content.thumbnails_omitted));
    });
}

/// A picture in its frame, its name on up to two lines and its flags below.
fn cell(sheet: &mut Sheet, thumbnail: &Thumbnail, frame: Area, pictures: &Pictures) {
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
    sheet.begin(Role::Paragraph);
    let mut y = frame.y + frame.height + 3.0;
    let name = wrap(&thumbnail.file_name, CELL, frame.width);
    let name = if name.len() <= 2 { name } else { two_lines(&thumbnail.file_name, frame.width) };
    for line in name {
        let mark = sheet.mark();
        sheet.text(mark, frame.x, y, line, CELL);
        y += CELL.lead;
    }
    sheet.end();
    if let Some(flags) = words::picture_flags(thumbnail.new, &thumbnail.flags) {
        let style = CELL_BOLD.in_colour(if thumbnail.flags.is_empty() { GREY } else { WARNING });
        let flags = fit(&flags, style, frame.width);
        sheet.within(Role::Paragraph, |sheet| {
            let mark = sheet.mark();
            sheet.text(mark, frame.x, y, flags, style);
        });
    }
}

/// A long name on two lines: its beginning, and as much of its end as fits the second.
fn two_lines(name: &str, width: f32) -> Vec<super::text::Line> {
    let mut lines = wrap(name, CELL, width);
    let rest: String = lines.iter().skip(1).map(|line| line.text.as_str()).collect();
    lines.truncate(1);
    lines.push(fit(&rest, CELL, width));
    if lines.is_empty() { vec![line(name, CELL)] } else { lines }
}
