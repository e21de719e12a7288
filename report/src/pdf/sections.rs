//! What follows page 1 in tables and text: breakdowns, image quality, duplicates, changes, methods, manifest.

use jiff::tz::TimeZone;

use super::front::ratio;
use super::page::{Role, Sheet};
use super::palette::WARNING;
use super::table::{Cell, Column, Part, Table, columns};
use super::text::{CELL, CELL_BOLD, CELL_GREY, CELL_MONO, CELL_WARNING, HEADING, TEXT, TEXT_GREY, line};
use crate::content::{Action, Breakdown, Change, Expected, ImageQuality, ReportContent};
use crate::wording::{dates, methods, numbers, report as words};

/// Width of the column of terms; the table of what needs attention keeps to it.
pub(crate) const TERM: f32 = 128.0;

/// By kind, by site, by status; one that no document states is left out.
pub(crate) fn breakdowns(sheet: &mut Sheet, content: &ReportContent) {
    let all = [
        (words::BY_KIND, "Kind", &content.by_kind),
        (words::BY_SITE, "Site", &content.by_site),
        (words::BY_STATUS, "Status", &content.by_status),
    ];
    let (stated, unstated): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, _, rows)| rows.iter().any(|row| row.code != words::UNSTATED_CODE));
    sheet.within(Role::Section, |sheet| {
        sheet.title(words::BREAKDOWNS, 80.0);
        for (title, first, rows) in stated {
            breakdown(sheet, title, first, rows);
        }
        let unstated: Vec<&str> = unstated.into_iter().map(|(_, dimension, _)| dimension).collect();
        if content.balance.present_at_end > 0 && !unstated.is_empty() {
            sheet.paragraph(&words::unstated(&unstated), TEXT_GREY);
        } else if unstated.len() == 3 {
            sheet.paragraph(words::NO_DOCUMENTS, TEXT);
        }
        if let Some(expected) = &content.expected {
            overdue(sheet, expected);
        }
    });
}

fn breakdown(sheet: &mut Sheet, title: &str, first: &'static str, rows: &[Breakdown]) {
    sheet.heading(title, 3, 52.0);
    let shares = [26.0, 12.5, 23.5, 12.0, 8.5, 10.0, 10.5];
    let mut columns = columns(words::breakdown_columns(first), shares, sheet.geometry.measure());
    right(&mut columns, &[1, 3, 4, 5, 6]);
    let whole: u64 = rows.iter().map(|row| row.count).sum();
    let mut table = Table::begin(sheet, title, &columns, 17.0);
    for row in rows {
        let flagged = if row.flagged > 0 { CELL_WARNING } else { CELL };
        table.row(vec![
            Cell::text(words::code(&row.code), CELL_BOLD).heading(),
            Cell::text(numbers::count(row.count), CELL),
            Cell::of(vec![Part::Bar(ratio(row.count, whole), numbers::share(row.count, whole))]),
            Cell::text(numbers::bytes(row.bytes), CELL),
            Cell::text(numbers::count(row.added), CELL),
            Cell::text(numbers::count(row.removed), CELL),
            Cell::text(numbers::count(row.flagged), flagged),
        ]);
    }
    table.end();
    sheet.skip(14.0);
}

fn right(columns: &mut [Column], which: &[usize]) {
    for &i in which {
        columns[i].right = true;
    }
}

fn overdue(sheet: &mut Sheet, expected: &Expected) {
    if expected.items.is_empty() {
        return;
    }
    sheet.heading(words::OVERDUE, 3, 52.0);
    let mut columns = columns(words::OVERDUE_COLUMNS, [40.0, 24.0, 18.0, 18.0], sheet.geometry.measure());
    right(&mut columns, &[2, 3]);
    let mut table = Table::begin(sheet, words::OVERDUE, &columns, 17.0);
    for item in &expected.items {
        table.row(vec![
            Cell::text(item.kind.clone(), CELL_BOLD).heading(),
            Cell::text(item.site.clone().unwrap_or_else(|| words::NONE.to_owned()), CELL),
            Cell::text(dates::day_year(item.due), CELL),
            Cell::text(numbers::days(u64::from(item.days_overdue)), CELL_WARNING),
        ]);
    }
    table.end();
    sheet.skip(14.0);
}

/// What the images measure, each figure with its denominator.
pub(crate) fn quality(sheet: &mut Sheet, quality: Option<&ImageQuality>) {
    sheet.within(Role::Section, |sheet| {
        // The table stays whole: its rows explain each other.
        sheet.title(words::QUALITY, if quality.is_some() { 200.0 } else { 20.0 });
        let Some(quality) = quality else {
            sheet.paragraph(words::NO_IMAGES, TEXT);
            return;
        };
        sheet.paragraph(&words::quality_lead(quality), TEXT_GREY);
        sheet.skip(6.0);
        let mut columns = columns(words::QUALITY_COLUMNS, [25.0, 14.0, 23.0, 38.0], sheet.geometry.measure());
        right(&mut columns, &[1]);
        let mut table = Table::begin(sheet, words::QUALITY, &columns, 17.0);
        for (measure, figure, images, says) in words::quality(quality) {
            table.row(vec![
                Cell::text(measure, CELL_BOLD).heading(),
                Cell::text(figure, CELL),
                Cell::text(images, CELL),
                Cell::text(says, CELL_GREY),
            ]);
        }
        table.end();
    });
}

/// Files with the same bytes.
pub(crate) fn duplicates(sheet: &mut Sheet, content: &ReportContent) {
    sheet.within(Role::Section, |sheet| {
        sheet.title(words::DUPLICATES, 50.0);
        if content.duplicates.is_empty() {
            sheet.paragraph(words::NO_DUPLICATES, TEXT);
            return;
        }
        let mut columns = columns(words::DUPLICATE_COLUMNS, [50.0, 12.0, 12.0, 26.0], sheet.geometry.measure());
        right(&mut columns, &[2]);
        let mut table = Table::begin(sheet, words::DUPLICATES, &columns, 28.0);
        // A row for each file: a group of a thousand must not make a row taller than a page.
        for group in &content.duplicates {
            for file in &group.files {
                table.row(vec![
                    Cell::text(file.file_name.clone(), CELL).heading(),
                    Cell::text(file.site.clone().unwrap_or_else(|| words::NONE.to_owned()), CELL),
                    Cell::text(numbers::bytes(group.bytes_each), CELL),
                    Cell::of(vec![Part::Fitted(group.sha256.clone(), CELL_MONO)]),
                ]);
            }
        }
        table.end();
        omitted(sheet, words::omitted(content.duplicates_omitted, "more file is", "more files are"));
    });
}

/// Every change, oldest first.
pub(crate) fn changes(sheet: &mut Sheet, content: &ReportContent, zone: &TimeZone) {
    sheet.within(Role::Section, |sheet| {
        sheet.title(words::CHANGES, 80.0);
        if content.changes.is_empty() {
            sheet.paragraph(words::NO_CHANGES, TEXT);
            return;
        }
        sheet.paragraph(&words::times_in(&content.edition.zone), TEXT_GREY);
        sheet.skip(6.0);
        let columns = columns(words::CHANGE_COLUMNS, [63.0, 51.0, 198.0, 107.0, 82.0], sheet.geometry.measure());
        let mut table = Table::begin(sheet, words::CHANGES, &columns, 28.0);
        for change in &content.changes {
            table.row(change_row(change, zone));
        }
        table.end();
        omitted(sheet, words::omitted(content.changes_omitted, "more change is", "more changes are"));
    });
}

fn change_row(change: &Change, zone: &TimeZone) -> Vec<Cell> {
    let action = match change.action {
        Action::Removed | Action::MovedOut => CELL_BOLD.in_colour(WARNING),
        Action::Added | Action::MovedIn => CELL_BOLD.in_colour(super::palette::ACCENT),
        Action::Found | Action::Changed => CELL_BOLD,
    };
    let mut file = vec![Part::Text(change.file_name.clone(), CELL)];
    file.extend(
        words::change_note(&change.properties, change.reason.as_deref()).map(|note| Part::Text(note, CELL_GREY)),
    );
    vec![
        Cell::text(dates::local_short(change.at, zone), CELL).heading(),
        Cell::text(words::action(change.action), action),
        Cell::of(file),
        Cell::text(words::place(change.site.as_deref(), change.kind.as_deref()), CELL_GREY),
        Cell::text(change.by.clone(), CELL),
    ]
}

/// A sentence on what a list leaves out.
pub(crate) fn omitted(sheet: &mut Sheet, sentence: Option<String>) {
    if let Some(sentence) = sentence {
        sheet.skip(6.0);
        sheet.paragraph(&sentence, TEXT_GREY);
    }
}

/// How each figure is computed.
pub(crate) fn methods(sheet: &mut Sheet) {
    sheet.within(Role::Section, |sheet| {
        sheet.title(words::METHODS, 60.0);
        sheet.terms(&methods::METHODS, (TERM, HEADING), TEXT, 7.0);
    });
}

/// What the report was made from and with.
pub(crate) fn manifest(sheet: &mut Sheet, content: &ReportContent) {
    sheet.within(Role::Section, |sheet| {
        sheet.title(words::MANIFEST, 120.0);
        sheet.paragraph(words::MANIFEST_LEAD, TEXT_GREY);
        sheet.skip(6.0);
        let columns = columns(words::MANIFEST_COLUMNS, [30.0, 70.0], sheet.geometry.measure());
        let mut table = Table::begin(sheet, words::MANIFEST, &columns, 17.0);
        for (entry, value, is_hash) in words::manifest(content) {
            let style = if is_hash { CELL_MONO } else { CELL };
            table.row(vec![Cell::text(entry, CELL_BOLD).heading(), Cell::text(value, style)]);
        }
        table.end();
    });
}

/// Running head and foot of every page, once their number is known.
pub(crate) fn running(sheet: &mut Sheet, content: &ReportContent) {
    use super::page::{Mark, Op};
    use super::palette::HAIRLINE;

    let geometry = sheet.geometry;
    let pages = sheet.pages.len();
    let foot = line(&words::footer(content), CELL_GREY);
    let head = super::text::fit(&words::title(content), CELL_GREY, geometry.measure());
    let hairline = |mark, y| Op::Strokes {
        mark,
        lines: vec![[geometry.margin, y, geometry.right(), y]],
        width: 0.4,
        colour: HAIRLINE,
    };
    for (i, ops) in sheet.pages.iter_mut().enumerate() {
        if i > 0 {
            let (mark, y) = (Mark::Header, geometry.margin - 12.0);
            ops.push(Op::Text { mark, x: geometry.margin, baseline: y, line: head.clone(), style: CELL_GREY });
            ops.push(hairline(mark, y + 5.0));
        }
        let (mark, y) = (Mark::Footer, geometry.height - 38.0);
        let number = line(&words::page_of(i + 1, pages), CELL_GREY);
        ops.push(hairline(mark, y - 12.0));
        let x = geometry.right() - number.width;
        let room = x - geometry.margin - 12.0;
        let foot = if foot.width <= room { foot.clone() } else { super::text::fit(&foot.text, CELL_GREY, room) };
        ops.push(Op::Text { mark, x: geometry.margin, baseline: y, line: foot, style: CELL_GREY });
        ops.push(Op::Text { mark, x, baseline: y, line: number, style: CELL_GREY });
    }
}
