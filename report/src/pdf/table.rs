//! Tables: rows kept whole, heads repeated on every page, cells of text, bars and pictures.

use super::page::{Area, Mark, Op, Role, Sheet, Target};
use super::palette::{ACCENT, Colour, HAIRLINE, INK, PALE};
use super::text::{CELL_GREY, Line, Style, fit, line, wrap};

/// Space between two columns.
pub(crate) const GUTTER: f32 = 12.0;
/// Room for a share in words beside its bar.
const SHARE: f32 = 36.0;
/// Space above and below a cell's text.
const PAD: f32 = 2.5;

/// A column, in points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) head: &'static str,
    pub(crate) width: f32,
    pub(crate) right: bool,
}

impl Column {
    fn text_width(&self) -> f32 {
        self.width - GUTTER
    }
}

/// Columns from heads and shares of the measure; the shares' sum is the whole.
pub(crate) fn columns<const N: usize>(heads: [&'static str; N], shares: [f32; N], measure: f32) -> [Column; N] {
    let sum: f32 = shares.iter().sum();
    std::array::from_fn(|i| Column { head: heads[i], width: (measure + GUTTER) * shares[i] / sum, right: false })
}

/// Part of a cell; parts stand below each other.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// Text on as many lines as it needs.
    Text(String, Style),
    /// Text on one line, its middle left out where it must be.
    Fitted(String, Style),
    /// Fitted text that leads to an address.
    Linked(String, Style, String),
    /// A bar, its length between 0 and 1, and the share in words beside it.
    Bar(f32, String),
    /// A picture by hash, its area, alternative text.
    Picture { sha256: String, width: f32, height: f32, alt: String },
}

/// A cell of one or more parts.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    parts: Vec<Part>,
    heads_row: bool,
}

impl Cell {
    pub(crate) fn of(parts: Vec<Part>) -> Self {
        Self { parts, heads_row: false }
    }

    pub(crate) fn text(text: impl Into<String>, style: Style) -> Self {
        Self::of(vec![Part::Text(text.into(), style)])
    }

    /// The cell that names its row.
    pub(crate) fn heading(mut self) -> Self {
        self.heads_row = true;
        self
    }
}

enum Laid {
    Lines(Vec<Line>, Style),
    Linked(Line, Style, String),
    Bar(f32, Line),
    Picture { sha256: String, width: f32, height: f32, alt: String },
}

impl Laid {
    fn of(part: Part, width: f32) -> Self {
        match part {
            Part::Text(text, style) => Self::Lines(wrap(&text, style, width), style),
            Part::Fitted(text, style) => Self::Lines(vec![fit(&text, style, width)], style),
            Part::Linked(text, style, address) => Self::Linked(fit(&text, style, width), style, address),
            Part::Bar(share, words) => Self::Bar(share, line(&words, CELL_GREY)),
            Part::Picture { sha256, width, height, alt } => Self::Picture { sha256, width, height, alt },
        }
    }

    fn height(&self) -> f32 {
        match self {
            Self::Lines(lines, style) => style.lead * lines.len() as f32,
            Self::Linked(_, style, _) => style.lead,
            Self::Bar(..) => CELL_GREY.lead,
            Self::Picture { height, .. } => *height,
        }
    }
}

/// A table over the measure, drawn row by row.
pub(crate) struct Table<'a> {
    sheet: &'a mut Sheet,
    columns: Vec<Column>,
}

impl<'a> Table<'a> {
    /// Draws the head; `follows` points of rows stay with it.
    pub(crate) fn begin(sheet: &'a mut Sheet, summary: &str, columns: &[Column], follows: f32) -> Self {
        sheet.begin(Role::Table(summary.to_owned()));
        let mut table = Self { sheet, columns: columns.to_vec() };
        table.sheet.ensure(CELL_GREY.lead + 2.0 * PAD + follows);
        table.sheet.begin(Role::TableHead);
        table.sheet.begin(Role::Row);
        table.head(true);
        table.sheet.end();
        table.sheet.end();
        table.sheet.begin(Role::TableBody);
        table
    }

    fn head(&mut self, tagged: bool) {
        let sheet = &mut *self.sheet;
        let (mut x, top) = (sheet.geometry.margin, sheet.y);
        let mut height: f32 = 0.0;
        for column in &self.columns {
            if tagged {
                sheet.begin(Role::ColumnHeader);
            }
            let mark = if tagged { sheet.mark() } else { Mark::Decoration };
            for (i, line) in wrap(column.head, CELL_GREY, column.text_width()).into_iter().enumerate() {
                let y = top + CELL_GREY.lead * i as f32;
                put(sheet, mark, x, column, y, line, CELL_GREY);
                height = height.max(y + CELL_GREY.lead - top);
            }
            if tagged {
                sheet.end();
            }
            x += column.width;
        }
        sheet.y = top + height + PAD;
        sheet.rule(sheet.y, 0.6, INK);
        sheet.skip(1.0);
    }

    /// One row; goes to the next page, and repeats the head there, if it does not fit.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        let laid: Vec<(bool, Vec<Laid>)> = cells
            .into_iter()
            .zip(&self.columns)
            .map(|(cell, column)| {
                let parts = cell.parts.into_iter().map(|part| Laid::of(part, column.text_width())).collect();
                (cell.heads_row, parts)
            })
            .collect();
        let tallest = laid.iter().map(|(_, parts)| parts.iter().map(Laid::height).sum::<f32>()).fold(0.0, f32::max);
        let height = tallest + 2.0 * PAD;
        if self.sheet.ensure(height) {
            self.head(false);
        }
        let sheet = &mut *self.sheet;
        let (mut x, top) = (sheet.geometry.margin, sheet.y);
        sheet.begin(Role::Row);
        for ((heads_row, parts), column) in laid.into_iter().zip(&self.columns) {
            sheet.begin(if heads_row { Role::RowHeader } else { Role::Cell });
            let mut y = top + PAD;
            // Several parts are several paragraphs, or a reader would hear them out of order and run together.
            let several = parts.len() > 1;
            for part in parts {
                let height = part.height();
                if several {
                    sheet.within(Role::Paragraph, |sheet| draw(sheet, part, x, y, column));
                } else {
                    draw(sheet, part, x, y, column);
                }
                y += height;
            }
            sheet.end();
            x += column.width;
        }
        sheet.end();
        sheet.y = top + height;
        sheet.rule(sheet.y, 0.4, HAIRLINE);
    }

    pub(crate) fn end(self) {
        self.sheet.end();
        self.sheet.end();
    }
}

fn put(sheet: &mut Sheet, mark: Mark, x: f32, column: &Column, y: f32, line: Line, style: Style) {
    if column.right {
        sheet.text_right(mark, x + column.text_width(), y, line, style);
    } else {
        sheet.text(mark, x, y, line, style);
    }
}

fn draw(sheet: &mut Sheet, part: Laid, x: f32, y: f32, column: &Column) {
    match part {
        Laid::Lines(lines, style) => {
            let mark = sheet.mark();
            for (i, line) in lines.into_iter().enumerate() {
                put(sheet, mark, x, column, y + style.lead * i as f32, line, style);
            }
        }
        Laid::Linked(line, style, address) => linked(sheet, x, y, line, style, address),
        Laid::Bar(share, words) => {
            let length = column.text_width() - SHARE;
            bar(sheet, Area { x, y: y + 2.5, width: length, height: 6.0 }, share, ACCENT);
            let mark = sheet.mark();
            sheet.text_right(mark, x + column.text_width(), y, words, CELL_GREY);
        }
        Laid::Picture { sha256, width, height, alt } => {
            let area = Area { x, y, width, height };
            picture(sheet, area, sha256, alt);
        }
    }
}

fn linked(sheet: &mut Sheet, x: f32, y: f32, line: Line, style: Style, address: String) {
    let node = sheet.begin(Role::Link);
    let area = Area { x, y, width: line.width, height: style.lead };
    sheet.draw(Op::Link { node, area, target: Target::Address(address), words: line.text.clone() });
    sheet.text(Mark::Node(node), x, y, line, style);
    sheet.end();
}

/// A bar on its track; the number it draws stands beside it, so it is decoration.
pub(crate) fn bar(sheet: &mut Sheet, area: Area, share: f32, colour: Colour) {
    sheet.fill(area, PALE);
    let width = area.width * share.clamp(0.0, 1.0);
    if width > 0.0 {
        sheet.fill(Area { width: width.max(0.8), ..area }, colour);
    }
}

/// A picture with its alternative text.
pub(crate) fn picture(sheet: &mut Sheet, area: Area, sha256: String, alt: String) {
    let node = sheet.begin(Role::Figure(alt));
    sheet.nodes[node].place = Some((sheet.page(), area));
    let mark = sheet.mark();
    sheet.draw(Op::Picture { mark, area, sha256 });
    sheet.end();
}
