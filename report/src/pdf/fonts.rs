//! The four typefaces, shaping, and what is shown for characters they lack.

use std::borrow::Cow;
use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, Face, ShapePlan, UnicodeBuffer, script};

/// A typeface of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Typeface {
    /// Text and tables.
    Sans,
    /// Emphasis and small headings.
    SansBold,
    /// Headline, section titles, large figures.
    Serif,
    /// Hashes.
    Mono,
}

/// A face ready to shape with: parsed once per process.
pub(crate) struct Loaded {
    pub(crate) font: Font,
    face: Face<'static>,
    latin: ShapePlan,
    greek: ShapePlan,
    cyrillic: ShapePlan,
    per_em: f32,
}

static SANS: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(include_bytes!("../../fonts/IBMPlexSans-Regular.ttf")));
static SANS_BOLD: LazyLock<Loaded> =
    LazyLock::new(|| Loaded::new(include_bytes!("../../fonts/IBMPlexSans-SemiBold.ttf")));
static SERIF: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(include_bytes!("../../fonts/IBMPlexSerif-Medium.ttf")));
static MONO: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(include_bytes!("../../fonts/IBMPlexMono-Regular.ttf")));

impl Typeface {
    /// The face's data.
    pub(crate) fn loaded(self) -> &'static Loaded {
        match self {
            Self::Sans => &SANS,
            Self::SansBold => &SANS_BOLD,
            Self::Serif => &SERIF,
            Self::Mono => &MONO,
        }
    }
}

impl Loaded {
    fn new(bytes: &'static [u8]) -> Self {
        let face = Face::from_slice(bytes, 0).expect("the font is compiled in and a test parses it");
        let plan = |script| ShapePlan::new(&face, Direction::LeftToRight, Some(script), None, &[]);
        Self {
            font: Font::new(bytes.into(), 0).expect("the font is compiled in and a test parses it"),
            latin: plan(script::LATIN),
            greek: plan(script::GREEK),
            cyrillic: plan(script::CYRILLIC),
            per_em: f32::from(u16::try_from(face.units_per_em()).unwrap_or(1_000)),
            face,
        }
    }

    fn draws(&self, character: char) -> bool {
        self.face.glyph_index(character).is_some_and(|glyph| glyph.0 != 0)
    }

    /// Glyphs of a text that went through [`visible`], their ranges in bytes of the text, advances in em.
    pub(crate) fn shape(&self, text: &str) -> Vec<KrillaGlyph> {
        let mut glyphs = Vec::with_capacity(text.len());
        for run in runs(text) {
            let mut buffer = UnicodeBuffer::new();
            buffer.push_str(&text[run.start..run.end]);
            buffer.set_direction(Direction::LeftToRight);
            let (plan, script) = match run.script {
                Script::Latin => (&self.latin, script::LATIN),
                Script::Greek => (&self.greek, script::GREEK),
                Script::Cyrillic => (&self.cyrillic, script::CYRILLIC),
            };
            buffer.set_script(script);
            let shaped = rustybuzz::shape_with_plan(&self.face, plan, buffer);
            let infos = shaped.glyph_infos();
            for (i, (info, position)) in infos.iter().zip(shaped.glyph_positions()).enumerate() {
                // A cluster ends where the next one begins.
                let next = infos[i..].iter().find(|later| later.cluster != info.cluster);
                let end = next.map_or(run.end, |later| run.start + later.cluster as usize);
                let em = |units: i32| units as f32 / self.per_em;
                glyphs.push(KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    em(position.x_advance),
                    em(position.x_offset),
                    em(position.y_offset),
                    em(position.y_advance),
                    run.start + info.cluster as usize..end,
                    None,
                ));
            }
        }
        glyphs
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
}

struct Run {
    start: usize,
    end: usize,
    script: Script,
}

/// Stretches of one script; figures, marks and punctuation belong to the stretch they stand in.
fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, character) in text.char_indices() {
        let script = match character {
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(Script::Greek),
            '\u{400}'..='\u{52f}' => Some(Script::Cyrillic),
            _ if character.is_alphabetic() => Some(Script::Latin),
            _ => None,
        };
        let end = at + character.len_utf8();
        match (runs.last_mut(), script) {
            (Some(run), None) => run.end = end,
            (Some(run), Some(script)) if run.script == script => run.end = end,
            (_, script) => runs.push(Run { start: at, end, script: script.unwrap_or(Script::Latin) }),
        }
    }
    runs
}

/// The text as it can be printed: what has no glyph in this face, cannot be seen, or would turn the direction of
/// writing appears as its code point, `[U+202E]`; neighbours share the brackets, `[U+4E2D 6587]`.
pub(crate) fn visible(text: &str, typeface: Typeface) -> Cow<'_, str> {
    // Every face has all of printable ASCII (a test looks), and most texts are nothing else.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let loaded = typeface.loaded();
    let mut shown = String::with_capacity(text.len());
    let mut open = false;
    for character in text.chars() {
        if !hidden(character) && loaded.draws(character) {
            if open {
                shown.push(']');
                open = false;
            }
            shown.push(character);
        } else {
            shown.push_str(if open { " " } else { "[U+" });
            shown.push_str(&format!("{:04X}", u32::from(character)));
            open = true;
        }
    }
    if open {
        shown.push(']');
    }
    Cow::Owned(shown)
}

/// Controls, default ignorables (Unicode 16, `Default_Ignorable_Code_Point`), separators of lines, private use.
fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{f0000}'..='\u{10ffff}')
}
