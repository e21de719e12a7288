//! Page 1: the headline, what needs attention, the sum, by whom, expected and analysed, twelve weeks.

use jiff::tz::TimeZone;

use super::chart;
use super::page::{Area, Mark, NodeId, Op, Role, Sheet, Target};
use super::palette::{ACCENT, GREY, HAIRLINE, INK, WARNING};
use super::sections::TERM;
use super::table::{Cell, GUTTER, Part, Table, bar, columns};
use super::text::{
    CELL, CELL_BOLD, CELL_GREY, CELL_LINK, CELL_WARNING, FIGURE, HEADING, HEADLINE, HEADLINE_LONG, LEAD, MASTHEAD,
    TEXT_GREY, TEXT_WARNING, line, wrap, wrap_prose,
};
use crate::content::{ATTENTION_SHOWN, Attention, ByWhom, ReportContent};
use crate::wording::{dates, numbers, report as words};

/// People named on page 1; the others are one row.
const PEOPLE: usize = 4;
/// Space between two parts.
const GAP: f32 = 13.0;
/// Height of the line of links at the foot.
const LINKS: f32 = 20.0;

/// Lays page 1 out; `dense` leaves to a later page what to do about each finding. Answers the node that takes the links.
pub(crate) fn lay(sheet: &mut Sheet, content: &ReportContent, zone: &TimeZone, dense: bool) -> NodeId {
    sheet.geometry.bottom -= LINKS;
    sheet.begin(Role::Section);
    masthead(sheet, content);
    headline(sheet, content, zone);
    sheet.skip(GAP);
    attention(sheet, content, dense);
    sheet.skip(GAP);
    balance(sheet, content);
    sheet.skip(GAP);
    people(sheet, content);
    sheet.skip(GAP);
    blocks(sheet, content);
    sheet.skip(GAP);
    // The chart takes what room is left: heading, unit and labels are 43 points.
    let spare = sheet.room() - 43.0;
    chart::weeks(sheet, &content.weeks, spare.clamp(58.0, 150.0));
    let links = sheet.begin(Role::Paragraph);
    sheet.end();
    sheet.end();
    sheet.geometry.bottom += LINKS;
    links
}

fn masthead(sheet: &mut Sheet, content: &ReportContent) {
    let (x, right, y) = (sheet.geometry.margin, sheet.geometry.right(), sheet.y - 14.0);
    sheet.within(Role::Paragraph, |sheet| {
        let mark = sheet.mark();
        sheet.text(mark, x, y, line(words::PRODUCT, MASTHEAD), MASTHEAD);
    });
    sheet.within(Role::Paragraph, |sheet| {
        let mark = sheet.mark();
        sheet.text_right(mark, right, y, line(words::document_kind(content), TEXT_GREY), TEXT_GREY);
    });
    sheet.y = y + MASTHEAD.lead + 3.0;
    sheet.rule(sheet.y, 1.6, ACCENT);
    sheet.skip(15.0);
}

fn headline(sheet: &mut Sheet, content: &ReportContent, zone: &TimeZone) {
    let headline = words::headline(content);
    let (x, measure) = (sheet.geometry.margin, sheet.geometry.measure());
    sheet.bookmarks.push(super::page::Bookmark { title: headline.clone(), level: 1, page: 0, y: 0.0 });
    // One line of the large size, or the next size down.
    let style = if line(&headline, HEADLINE).width <= measure { HEADLINE } else { HEADLINE_LONG };
    sheet.within(Role::Heading(1, headline.clone()), |sheet| {
        sheet.lines(wrap(&headline, style, measure), style, x);
    });
    sheet.skip(5.0);
    let trial = format!("{} · {}", content.trial.id, content.trial.title);
    sheet.within(Role::Paragraph, |sheet| sheet.lines(wrap(&trial, LEAD, measure), LEAD, x));
    sheet.skip(2.0);
    let period = &content.period;
    sheet.paragraph(&dates::period_days(period), HEADING);
    let exact = dates::period_exact(period, &content.edition.zone, zone);
    sheet.within(Role::Paragraph, |sheet| sheet.lines(wrap(&exact, CELL_GREY, measure), CELL_GREY, x));
    if let Some(since) = words::observed_since(content, zone) {
        sheet.within(Role::Paragraph, |sheet| sheet.lines(wrap(&since, CELL_GREY, measure), CELL_GREY, x));
    }
    if period.so_far {
        sheet.paragraph(words::SO_FAR, TEXT_WARNING);
    }
    if !content.cut.complete {
        sheet.within(Role::Paragraph, |sheet| {
            sheet.lines(wrap(words::INCOMPLETE, TEXT_WARNING, measure), TEXT_WARNING, x);
        });
    }
}

fn attention(sheet: &mut Sheet, content: &ReportContent, dense: bool) {
    sheet.heading(words::ATTENTION, 2, 40.0);
    if content.needing_attention() == 0 {
        sheet.paragraph(words::NO_ATTENTION, CELL);
        return;
    }
    let measure = sheet.geometry.measure();
    let shares = [TERM, measure + GUTTER - TERM - 2.0 * 60.0, 60.0, 60.0];
    let mut columns = columns(words::ATTENTION_COLUMNS, shares, measure);
    columns[3].right = true;
    let mut table = Table::begin(sheet, words::ATTENTION, &columns, 26.0);
    let shown = &content.attention[..content.attention.len().min(ATTENTION_SHOWN)];
    for item in shown {
        let name = match item.link.clone().filter(|link| printable_address(link)) {
            Some(link) => Part::Linked(item.file_name.clone(), CELL_LINK, link),
            None => Part::Fitted(item.file_name.clone(), CELL),
        };
        table.row(vec![
            Cell::text(words::titles(item), CELL_WARNING),
            Cell::of(vec![name]).heading(),
            Cell::of(vec![Part::Fitted(item.site.clone().unwrap_or_else(none), CELL)]),
            Cell::text(words::age(item.age_days), CELL),
        ]);
    }
    table.end();
    if !dense {
        sheet.skip(4.0);
        remedies(sheet, shown);
    }
    let more = content.needing_attention().saturating_sub(shown.len() as u64);
    if more > 0 || dense {
        sheet.skip(2.0);
        sheet.paragraph(&words::more_attention(more, dense), CELL_GREY);
    }
}

/// What to do about each kind of finding, once.
pub(crate) fn remedies(sheet: &mut Sheet, attention: &[Attention]) {
    sheet.terms(&words::remedies(attention), (TERM, CELL_BOLD), CELL_GREY, 1.0);
}

/// Only plain web addresses become links.
fn printable_address(link: &str) -> bool {
    (link.starts_with("https://") || link.starts_with("http://")) && link.bytes().all(|byte| byte.is_ascii_graphic())
}

fn none() -> String {
    words::NONE.to_owned()
}

/// The sum as a table of one row: labels above, figures below.
fn balance(sheet: &mut Sheet, content: &ReportContent) {
    let terms = words::balance_terms(&content.balance);
    sheet.heading(words::BALANCE, 2, 56.0);
    sheet.rule(sheet.y, 0.6, INK);
    let (left, top) = (sheet.geometry.margin, sheet.y + 4.0);
    let width = sheet.geometry.measure() / terms.len() as f32;
    // All figures in the greatest size in which the longest one fits; none is ever shortened.
    let widest = |style| terms.iter().map(|(_, value)| line(&numbers::count(*value), style).width).fold(0.0, f32::max);
    let size = [FIGURE, FIGURE.scaled(0.75)].into_iter().find(|size| widest(*size) <= width - 6.0).unwrap_or(CELL_BOLD);
    sheet.begin(Role::Table(words::BALANCE.to_owned()));
    sheet.within(Role::Row, |sheet| {
        for (i, (label, _)) in terms.iter().enumerate() {
            sheet.within(Role::ColumnHeader, |sheet| {
                let mark = sheet.mark();
                sheet.text(mark, left + width * i as f32, top, line(label, CELL_GREY), CELL_GREY);
            });
        }
    });
    sheet.within(Role::Row, |sheet| {
        for (i, (_, value)) in terms.iter().enumerate() {
            let style = if *value == 0 { size.in_colour(GREY) } else { size };
            sheet.within(Role::Cell, |sheet| {
                let mark = sheet.mark();
                let figure = line(&numbers::count(*value), style);
                sheet.text(mark, left + width * i as f32, top + CELL_GREY.lead, figure, style);
            });
        }
    });
    sheet.end();
    sheet.y = top + CELL_GREY.lead + FIGURE.lead + 2.0;
    sheet.rule(sheet.y, 0.4, HAIRLINE);
    sheet.skip(3.0);
    sheet.paragraph(&words::balance_rest(&content.balance), CELL);
}

fn people(sheet: &mut Sheet, content: &ReportContent) {
    sheet.heading(words::BY_WHOM, 2, 40.0);
    if content.by_whom.is_empty() {
        sheet.paragraph(words::NOBODY, CELL);
        return;
    }
    let mut columns = columns(words::BY_WHOM_COLUMNS, [26.0, 10.0, 10.0, 10.0, 44.0], sheet.geometry.measure());
    for column in &mut columns[1..4] {
        column.right = true;
    }
    let mut table = Table::begin(sheet, words::BY_WHOM, &columns, 17.0);
    // One over is named rather than called "1 other".
    let named = if content.by_whom.len() == PEOPLE + 1 { PEOPLE + 1 } else { PEOPLE };
    for person in content.by_whom.iter().take(named) {
        table.row(person_row(&person.name, person, &words::reasons(person)));
    }
    let others = content.by_whom.get(named..).unwrap_or(&[]);
    if !others.is_empty() {
        let sum = ByWhom {
            name: String::new(),
            added: others.iter().map(|person| person.added).sum(),
            changed: others.iter().map(|person| person.changed).sum(),
            removed: others.iter().map(|person| person.removed).sum(),
            reasons: Vec::new(),
        };
        table.row(person_row(&words::others(others.len() as u64), &sum, words::NONE));
    }
    table.end();
}

fn person_row(name: &str, person: &ByWhom, reasons: &str) -> Vec<Cell> {
    vec![
        Cell::of(vec![Part::Fitted(name.to_owned(), CELL_BOLD)]).heading(),
        Cell::text(numbers::count(person.added), CELL),
        Cell::text(numbers::count(person.changed), CELL),
        Cell::text(numbers::count(person.removed), CELL),
        Cell::of(vec![Part::Fitted(reasons.to_owned(), CELL_GREY)]),
    ]
}

/// Expected and analysed, beside each other.
fn blocks(sheet: &mut Sheet, content: &ReportContent) {
    sheet.ensure(60.0);
    let (left, top) = (sheet.geometry.margin, sheet.y);
    let width = (sheet.geometry.measure() - 24.0) / 2.0;
    let expected = content.expected.as_ref();
    let (figure, sentence) = expected.map_or_else(|| (String::new(), words::NO_EXPECTED.to_owned()), words::expected);
    let late = expected.is_some_and(|expected| expected.overdue > 0);
    let overdue = Block { title: words::EXPECTED, figure, sentence, share: None, warns: late };
    let below = block(sheet, left, top, width, &overdue);
    let (figure, sentence) = words::analysed(&content.analysis);
    let share = (content.analysis.of > 0).then(|| ratio(content.analysis.analysed, content.analysis.of));
    let analysed = Block { title: words::ANALYSED, figure, sentence, share, warns: false };
    let beside = block(sheet, left + width + 24.0, top, width, &analysed);
    sheet.y = below.max(beside);
}

/// A heading, a large figure with a bar, a sentence.
struct Block {
    title: &'static str,
    figure: String,
    sentence: String,
    share: Option<f32>,
    warns: bool,
}

pub(crate) fn ratio(part: u64, whole: u64) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

/// Answers where the block ends.
fn block(sheet: &mut Sheet, x: f32, top: f32, width: f32, block: &Block) -> f32 {
    let title = block.title;
    let mut y = top;
    sheet.bookmarks.push(super::page::Bookmark { title: title.to_owned(), level: 2, page: sheet.page(), y });
    sheet.within(Role::Heading(2, title.to_owned()), |sheet| {
        let mark = sheet.mark();
        sheet.text(mark, x, y, line(title, HEADING), HEADING);
    });
    y += HEADING.lead + 3.0;
    let (left, right) = (x, x + width);
    sheet.draw(Op::Strokes { mark: Mark::Decoration, lines: vec![[left, y, right, y]], width: 0.6, colour: INK });
    y += 3.0;
    if !block.figure.is_empty() {
        let style = if block.warns { FIGURE.in_colour(WARNING) } else { FIGURE };
        let figure = super::text::fit(&block.figure, style, width);
        let bar_x = x + figure.width + 10.0;
        sheet.within(Role::Paragraph, |sheet| {
            let mark = sheet.mark();
            sheet.text(mark, x, y, figure, style);
        });
        if let Some(share) = block.share
            && bar_x + 40.0 < right
        {
            bar(sheet, Area { x: bar_x, y: y + 7.5, width: right - bar_x, height: 6.0 }, share, ACCENT);
        }
        y += FIGURE.lead;
    }
    sheet.within(Role::Paragraph, |sheet| {
        let mark = sheet.mark();
        for line in wrap_prose(&block.sentence, CELL, width) {
            sheet.text(mark, x, y, line, CELL);
            y += CELL.lead;
        }
    });
    y
}

/// The line of links at the foot of page 1, once the sections' pages are known.
pub(crate) fn links(sheet: &mut Sheet, node: NodeId) {
    let (left, right) = (sheet.geometry.margin, sheet.geometry.right());
    let top = sheet.geometry.bottom - 12.0;
    let mut items = Vec::new();
    for (title, short) in words::SECTIONS {
        if let Some(found) = sheet.bookmarks.iter().find(|bookmark| bookmark.title == title && bookmark.level == 2) {
            items.push((title, format!("{short} {}", found.page + 1), found.page, found.y));
        }
    }
    let lines: Vec<_> = items.iter().map(|(_, text, ..)| line(text, CELL_LINK)).collect();
    let total: f32 = lines.iter().map(|line| line.width).sum();
    let gap = ((right - left - total) / (lines.len().max(2) - 1) as f32).min(24.0);
    let mut x = left;
    for ((title, _, page, y), line) in items.into_iter().zip(lines) {
        let link = sheet.nodes.len();
        sheet.nodes.push(super::page::Node { role: Role::Link, children: Vec::new(), place: None });
        sheet.nodes[node].children.push(link);
        let area = Area { x, y: top, width: line.width, height: CELL_LINK.lead };
        let target = Target::Place { page, y };
        sheet.pages[0].push(Op::Link { node: link, area, target, words: title.to_owned() });
        let width = line.width;
        let baseline = top + CELL_LINK.drop();
        sheet.pages[0].push(Op::Text { mark: Mark::Node(link), x, baseline, line, style: CELL_LINK });
        x += width + gap;
    }
}
