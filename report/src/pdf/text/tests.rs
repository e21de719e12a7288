use proptest::prelude::*;

use super::{CELL, CELL_BOLD, CELL_MONO, HEADLINE, TEXT, fit, line, wrap, wrap_prose};
use crate::pdf::fonts::{Typeface, visible};
use crate::sample::HOSTILE_NAMES;

const NOTDEF: u32 = 0;

#[test]
fn what_has_no_glyph_or_cannot_be_seen_is_shown_by_its_code_point() {
    let shown = |text| visible(text, Typeface::Sans);
    assert_eq!(shown("a\u{202e}b\0c"), "a[U+202E]b[U+0000]c");
    assert_eq!(shown("日本.pdf"), "[U+65E5 672C].pdf");
    assert_eq!(shown("Größe, Ελλάδα, Россия"), "Größe, Ελλάδα, Россия");
    assert_eq!(shown("\u{f8ff}\u{feff}\u{fe0f}\u{ad}"), "[U+F8FF FEFF FE0F 00AD]");
}

#[test]
fn every_face_has_all_of_printable_ascii() {
    let all: String = (' '..='~').collect();
    for style in [CELL, CELL_BOLD, CELL_MONO, HEADLINE] {
        assert!(line(&all, style).glyphs.iter().all(|glyph| glyph.glyph_id.to_u32() != NOTDEF));
    }
}

#[test]
fn figures_are_tabular_in_every_face() {
    for style in [CELL, CELL_BOLD, CELL_MONO, HEADLINE] {
        let widths: Vec<f32> = ('0'..='9').map(|digit| line(&digit.to_string(), style).width).collect();
        assert!(widths.iter().all(|width| (width - widths[0]).abs() < 1e-3), "{widths:?}");
    }
}

#[test]
fn a_name_of_three_hundred_letters_fills_its_column() {
    let lines = wrap(&format!("{}.pdf", "x".repeat(296)), CELL, 120.0);
    assert!(lines.iter().all(|line| line.width <= 120.0));
    assert!(lines[..lines.len() - 1].iter().all(|line| line.width > 110.0), "lines are left half empty");
}

#[test]
fn no_sentence_of_the_methods_ends_on_a_lonely_word() {
    for (_, explanation) in crate::wording::methods::METHODS {
        let lines = wrap_prose(explanation, TEXT, 342.0);
        assert!(lines.len() == 1 || lines[lines.len() - 1].width > 0.2 * 342.0, "{explanation}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_needs_a_missing_glyph(text in any::<String>()) {
        for style in [CELL, CELL_MONO, HEADLINE] {
            prop_assert!(line(&text, style).glyphs.iter().all(|glyph| glyph.glyph_id.to_u32() != NOTDEF));
        }
    }

    #[test]
    fn lines_fit_their_width_and_lose_nothing(
        text in prop_oneof![any::<String>(), "[a-z ._-]{0,200}", proptest::sample::select(&HOSTILE_NAMES[..]).prop_map(str::to_owned)],
        width in 40.0f32..300.0,
    ) {
        prop_assume!(visible(&text, CELL.typeface).chars().count() <= 400);
        let lines = wrap(&text, CELL, width);
        prop_assert!(lines.iter().all(|line| line.width <= width + 0.01));
        let joined: String = lines.iter().map(|line| line.text.as_str()).collect();
        prop_assert_eq!(joined, visible(&text, CELL.typeface));
    }

    #[test]
    fn a_fitted_text_is_one_line_that_keeps_both_ends(text in "[a-z0-9_.-]{1,300}", width in 30.0f32..300.0) {
        let fitted = fit(&text, CELL, width);
        prop_assert!(fitted.width <= width);
        if fitted.text != text {
            let (head, tail) = fitted.text.split_once('…').expect("an ellipsis where something is left out");
            prop_assert!(text.starts_with(head) && text.ends_with(tail));
        }
    }

    #[test]
    fn clusters_cover_the_text_without_gap_or_overlap(text in "[a-zA-ZäöüфяλΩé0-9 .-]{1,60}") {
        let line = line(&text, CELL);
        let mut at = 0;
        for glyph in &line.glyphs {
            if glyph.text_range.start == at {
                at = glyph.text_range.end;
            }
        }
        prop_assert_eq!(at, line.text.len());
    }
}
