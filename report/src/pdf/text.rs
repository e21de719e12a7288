//! Styles, measuring, and the breaking of text into lines.

use std::borrow::Cow;

use krilla::text::KrillaGlyph;

use super::fonts::{Typeface, visible};
use super::palette::{ACCENT, Colour, GREY, INK, WARNING};

/// How text is set: sizes and leads in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Style {
    pub(crate) typeface: Typeface,
    pub(crate) size: f32,
    pub(crate) lead: f32,
    pub(crate) colour: Colour,
}

const fn style(typeface: Typeface, size: f32, lead: f32, colour: Colour) -> Style {
    Style { typeface, size, lead, colour }
}

// The scale: 8 (tables, captions), 9 (text), then 12, 16, 21, 28: a perfect fourth each. Leads are multiples of 2.
pub(crate) const HEADLINE: Style = style(Typeface::Serif, 28.0, 34.0, INK);
pub(crate) const HEADLINE_LONG: Style = style(Typeface::Serif, 21.0, 26.0, INK);
pub(crate) const TITLE: Style = style(Typeface::Serif, 16.0, 20.0, INK);
pub(crate) const FIGURE: Style = style(Typeface::Serif, 16.0, 20.0, INK);
pub(crate) const LEAD: Style = style(Typeface::Sans, 12.0, 16.0, INK);
pub(crate) const HEADING: Style = style(Typeface::SansBold, 9.0, 12.0, INK);
pub(crate) const TEXT: Style = style(Typeface::Sans, 9.0, 12.0, INK);
pub(crate) const TEXT_GREY: Style = style(Typeface::Sans, 9.0, 12.0, GREY);
pub(crate) const TEXT_WARNING: Style = style(Typeface::SansBold, 9.0, 12.0, WARNING);
pub(crate) const CELL: Style = style(Typeface::Sans, 8.0, 11.0, INK);
pub(crate) const CELL_BOLD: Style = style(Typeface::SansBold, 8.0, 11.0, INK);
pub(crate) const CELL_GREY: Style = style(Typeface::Sans, 8.0, 11.0, GREY);
pub(crate) const CELL_BOLD_GREY: Style = style(Typeface::SansBold, 8.0, 11.0, GREY);
pub(crate) const CELL_WARNING: Style = style(Typeface::SansBold, 8.0, 11.0, WARNING);
pub(crate) const CELL_LINK: Style = style(Typeface::Sans, 8.0, 11.0, ACCENT);
pub(crate) const CELL_MONO: Style = style(Typeface::Mono, 8.0, 11.0, INK);
pub(crate) const MASTHEAD: Style = style(Typeface::SansBold, 9.0, 12.0, ACCENT);

impl Style {
    /// From the top of a line to its baseline, so that capitals stand in the middle of it.
    pub(crate) fn drop(self) -> f32 {
        (self.lead + 0.698 * self.size) / 2.0
    }

    /// Another size on the same lead.
    pub(crate) fn scaled(self, factor: f32) -> Self {
        Self { size: self.size * factor, ..self }
    }

    pub(crate) fn in_colour(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }
}

/// One line of shaped text; `width` in points leaves trailing space out.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) glyphs: Vec<KrillaGlyph>,
    pub(crate) width: f32,
}

/// File names longer than this many characters are shortened in the middle.
const LONGEST: usize = 400;

/// A whole text on one line, however wide.
pub(crate) fn line(text: &str, style: Style) -> Line {
    let text = visible(text, style.typeface).into_owned();
    let glyphs = style.typeface.loaded().shape(&text);
    Line { width: ink_width(&text, &glyphs, style.size), text, glyphs }
}

/// A text on lines no wider than `width`: broken after spaces, else after `- _ . / ,` and the like, else anywhere
/// between two clusters. At least one line, so that an empty text keeps its place.
pub(crate) fn wrap(text: &str, style: Style, width: f32) -> Vec<Line> {
    let whole = line(&shorten(&visible(text, style.typeface)), style);
    if whole.width <= width {
        return vec![whole];
    }
    let mut lines = Vec::new();
    let mut first = 0;
    while first < whole.glyphs.len() {
        let end = break_after(&whole, first, style.size, width);
        lines.push(slice(&whole, first, end, style.size));
        first = end;
    }
    lines
}

/// Lines of a sentence: as [`wrap`], but a little narrower where that saves the last line from a lonely word.
pub(crate) fn wrap_prose(text: &str, style: Style, width: f32) -> Vec<Line> {
    let lines = wrap(text, style, width);
    let lonely = |lines: &[Line]| lines.len() > 1 && lines.last().is_some_and(|last| last.width < 0.2 * width);
    if !lonely(&lines) {
        return lines;
    }
    let mut narrower = [0.95, 0.9, 0.85].into_iter().map(|share| wrap(text, style, width * share));
    narrower.find(|set| set.len() == lines.len() && !lonely(set)).unwrap_or(lines)
}

/// A text on one line no wider than `width`, its middle left out (…) where it must be: the ends of a file name say
/// more than its middle.
pub(crate) fn fit(text: &str, style: Style, width: f32) -> Line {
    let whole = line(&shorten(&visible(text, style.typeface)), style);
    if whole.width <= width {
        return whole;
    }
    let letters: Vec<char> = whole.text.chars().collect();
    let (mut low, mut high) = (0, letters.len());
    // The greatest number of letters that still fits, two thirds of them from the beginning.
    while low < high {
        let middle = (low + high).div_ceil(2);
        if line(&elided(&letters, middle), style).width <= width { low = middle } else { high = middle - 1 }
    }
    line(&elided(&letters, low), style)
}

fn elided(letters: &[char], kept: usize) -> String {
    let tail = kept / 3;
    let head = &letters[..kept - tail];
    let tail = &letters[letters.len() - tail..];
    head.iter().chain(['…'].iter()).chain(tail).collect()
}

fn shorten(text: &str) -> Cow<'_, str> {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= LONGEST { Cow::Borrowed(text) } else { Cow::Owned(elided(&letters, LONGEST)) }
}

/// Index of the glyph that begins the next line.
fn break_after(whole: &Line, first: usize, size: f32, width: f32) -> usize {
    let mut x = 0.0;
    let (mut after_space, mut after_mark, mut hard) = (None, None, first);
    for (i, glyph) in whole.glyphs.iter().enumerate().skip(first) {
        let cluster = &whole.text[glyph.text_range.clone()];
        let space = cluster.starts_with(' ');
        let starts_cluster = i == first || whole.glyphs[i - 1].text_range != glyph.text_range;
        if starts_cluster && x <= width {
            hard = i;
        }
        x += glyph.x_advance * size;
        if x > width && !space {
            // A mark late in the line beats an early space: long names fill their column.
            let marked = after_mark.filter(|&(_, at)| at > width * 0.5).map(|(i, _)| i);
            let spaced = after_space.filter(|&(_, at)| marked.is_none() || at > width * 0.4).map(|(i, _)| i);
            return spaced.or(marked).unwrap_or(hard).max(next_cluster(whole, first));
        }
        if space {
            after_space = Some((i + 1, x));
        } else if cluster.ends_with(['-', '_', '.', '/', ',', ';', '–', ']', '+', '·']) {
            after_mark = Some((i + 1, x));
        }
    }
    whole.glyphs.len()
}

fn next_cluster(whole: &Line, first: usize) -> usize {
    let range = &whole.glyphs[first].text_range;
    whole.glyphs[first..].iter().position(|glyph| glyph.text_range != *range).map_or(whole.glyphs.len(), |n| first + n)
}

fn slice(whole: &Line, first: usize, end: usize, size: f32) -> Line {
    let from = whole.glyphs[first].text_range.start;
    let to = whole.glyphs[first..end].iter().map(|glyph| glyph.text_range.end).max().unwrap_or(from);
    let text = whole.text[from..to].to_owned();
    let glyphs: Vec<KrillaGlyph> = whole.glyphs[first..end]
        .iter()
        .map(|glyph| KrillaGlyph {
            text_range: glyph.text_range.start - from..glyph.text_range.end - from,
            ..glyph.clone()
        })
        .collect();
    Line { width: ink_width(&text, &glyphs, size), text, glyphs }
}

fn ink_width(text: &str, glyphs: &[KrillaGlyph], size: f32) -> f32 {
    let trailing = glyphs.iter().rev().take_while(|glyph| &text[glyph.text_range.clone()] == " ").count();
    glyphs[..glyphs.len() - trailing].iter().map(|glyph| glyph.x_advance).sum::<f32>() * size
}

#[cfg(test)]
mod tests;
