//! Activity by week: grouped bars with axes, units and a legend; the series differ in grey and in pattern.

use super::page::{Area, Mark, Op, Role, Sheet};
use super::palette::{ACCENT, Colour, GREY, HAIRLINE, INK, PALE, PAPER, TINT};
use super::text::{CELL, CELL_GREY, HEADING, line};
use crate::content::Week;
use crate::wording::{dates, numbers, report as words};

const AXIS: f32 = 30.0;
const LABELS: f32 = 13.0;

/// How a series is drawn: fill, outline, hatched.
#[derive(Clone, Copy)]
struct Series {
    fill: Colour,
    outline: Colour,
    hatched: bool,
}

const SERIES: [Series; 3] = [
    Series { fill: ACCENT, outline: ACCENT, hatched: false },
    Series { fill: TINT, outline: ACCENT, hatched: false },
    Series { fill: PAPER, outline: INK, hatched: true },
];

/// Heading, legend and chart, `plot` points high without labels.
pub(crate) fn weeks(sheet: &mut Sheet, weeks: &[Week], plot: f32) {
    sheet.heading(words::WEEKS, 2, plot + LABELS + 14.0);
    // A chart of nothing says less than a sentence.
    if greatest(weeks) == 0 {
        let observed = weeks.iter().filter(|week| week.observed).count() as u64;
        sheet.paragraph(&words::quiet_weeks(observed), CELL);
        return;
    }
    let area = Area {
        x: sheet.geometry.margin,
        y: sheet.y,
        width: sheet.geometry.measure(),
        height: plot + LABELS + CELL_GREY.lead,
    };
    let node = sheet.begin(Role::Figure(words::weeks_alt(weeks)));
    sheet.nodes[node].place = Some((sheet.page(), area));
    let mark = sheet.mark();
    // The legend stands on the heading's line, at its right.
    legend(sheet, mark, sheet.geometry.right(), area.y - HEADING.lead - 3.0, weeks);
    sheet.text(mark, area.x, area.y - 2.0, line(words::WEEKS_UNIT, CELL_GREY), CELL_GREY);
    let inner =
        Area { x: area.x + AXIS, y: area.y + CELL_GREY.lead + 4.0, width: area.width - AXIS, height: plot - 4.0 };
    axes(sheet, mark, inner, weeks);
    bars(sheet, mark, inner, weeks);
    sheet.end();
    sheet.y = area.y + area.height;
}

fn legend(sheet: &mut Sheet, mark: Mark, right: f32, top: f32, weeks: &[Week]) {
    let mut right = right;
    if weeks.iter().any(|week| !week.observed) {
        right = entry(sheet, mark, right, top, words::NOT_OBSERVED, None);
    }
    for (name, series) in words::SERIES.into_iter().zip(SERIES).rev() {
        right = entry(sheet, mark, right, top, name, Some(series));
    }
}

/// A swatch and its name, ending at `right`; answers where the next one ends.
fn entry(sheet: &mut Sheet, mark: Mark, right: f32, top: f32, name: &str, series: Option<Series>) -> f32 {
    let name = line(name, CELL);
    let x = right - name.width;
    sheet.text(mark, x, top, name, CELL);
    let swatch = Area { x: x - 12.0, y: top + 2.0, width: 8.0, height: 7.5 };
    match series {
        Some(series) => draw(sheet, mark, swatch, series),
        None => sheet.draw(Op::Box { mark, area: swatch, fill: Some(PALE), stroke: None }),
    }
    swatch.x - 14.0
}

/// The greatest tick and the step: 1, 2 or 5 times a power of ten, at most four steps.
pub(crate) fn ticks(greatest: u64) -> (u64, u64) {
    let mut power: u64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            let count = greatest.div_ceil(step).max(1);
            if count <= 4 {
                return (step.saturating_mul(count), step);
            }
        }
        power = power.saturating_mul(10);
    }
}

fn greatest(weeks: &[Week]) -> u64 {
    weeks.iter().flat_map(|week| [week.added, week.changed, week.removed]).max().unwrap_or(0)
}

fn axes(sheet: &mut Sheet, mark: Mark, inner: Area, weeks: &[Week]) {
    let (top, step) = ticks(greatest(weeks));
    let bottom = inner.y + inner.height;
    for value in (0..=top / step).map(|i| i * step) {
        let y = bottom - inner.height * (value as f32 / top as f32);
        let (width, colour) = if value == 0 { (0.6, INK) } else { (0.4, HAIRLINE) };
        sheet.draw(Op::Strokes { mark, lines: vec![[inner.x, y, inner.x + inner.width, y]], width, colour });
        let label = line(&numbers::count(value), CELL_GREY);
        sheet.text_right(mark, inner.x - 6.0, y - CELL_GREY.lead / 2.0, label, CELL_GREY);
    }
    let slot = inner.width / weeks.len() as f32;
    for (i, week) in weeks.iter().enumerate() {
        let label = line(&dates::day(week.from), CELL_GREY);
        let x = inner.x + slot * (i as f32 + 0.5) - label.width / 2.0;
        sheet.text(mark, x, bottom + 2.0, label, CELL_GREY);
    }
}

fn bars(sheet: &mut Sheet, mark: Mark, inner: Area, weeks: &[Week]) {
    let (top, _) = ticks(greatest(weeks));
    let slot = inner.width / weeks.len() as f32;
    let width = ((slot - 8.0) / 3.0).clamp(2.0, 10.0);
    for (i, week) in weeks.iter().enumerate() {
        let left = inner.x + slot * i as f32;
        if !week.observed {
            let area = Area { x: left + 2.0, width: slot - 4.0, ..inner };
            sheet.draw(Op::Box { mark, area, fill: Some(PALE), stroke: None });
            continue;
        }
        let first = left + (slot - 3.0 * width - 2.0) / 2.0;
        for (k, (value, series)) in [week.added, week.changed, week.removed].into_iter().zip(SERIES).enumerate() {
            let height = inner.height * (value as f32 / top as f32);
            if value > 0 {
                let x = first + (width + 1.0) * k as f32;
                let area = Area { x, y: inner.y + inner.height - height, width, height: height.max(1.0) };
                draw(sheet, mark, area, series);
            }
        }
    }
}

fn draw(sheet: &mut Sheet, mark: Mark, area: Area, series: Series) {
    // The outline stays inside the area.
    let inside =
        Area { x: area.x + 0.35, y: area.y + 0.35, width: area.width - 0.7, height: (area.height - 0.7).max(0.3) };
    sheet.draw(Op::Box { mark, area: inside, fill: Some(series.fill), stroke: Some(series.outline) });
    if series.hatched {
        let lines = hatch(inside, 2.6);
        sheet.draw(Op::Strokes { mark, lines, width: 0.6, colour: GREY });
    }
}

/// Rising diagonals through the area, `gap` points apart, cut at its edges.
fn hatch(area: Area, gap: f32) -> Vec<[f32; 4]> {
    let (right, bottom) = (area.x + area.width, area.y + area.height);
    let count = ((area.width + area.height) / gap).floor() as usize;
    (1..=count)
        .map(|i| {
            let reach = gap * i as f32;
            let (x0, y0) = (area.x + (reach - area.height).max(0.0), area.y + reach.min(area.height));
            let (x1, y1) = (area.x + reach.min(area.width), area.y + (reach - area.width).max(0.0));
            [x0, y0.min(bottom), x1.min(right), y1]
        })
        .collect()
}
