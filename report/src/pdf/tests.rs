use proptest::prelude::*;

use super::palette::{ACCENT, PALE, PAPER, TEXT_COLOURS, TINT, contrast};
use super::{Error, chart, render};
use crate::content::{Paper, Thumbnails};
use crate::sample;

#[test]
fn every_text_colour_has_enough_contrast_on_paper_and_on_the_pale_ground() {
    for (name, colour) in TEXT_COLOURS {
        assert!(contrast(colour, PAPER) >= 4.5, "{name} on paper: {}", contrast(colour, PAPER));
        assert!(contrast(colour, PALE) >= 4.5, "{name} on pale: {}", contrast(colour, PALE));
    }
}

#[test]
fn the_series_of_the_chart_differ_in_grey() {
    // 3 : 1 is what WCAG 2.2 (1.4.11) asks of neighbouring graphics; the third series is hatched.
    assert!(contrast(ACCENT, TINT) >= 3.0);
    assert!(contrast(ACCENT, PAPER) >= 3.0);
}

proptest! {
    #[test]
    fn ticks_reach_the_greatest_value_in_at_most_four_round_steps(greatest in 0u64..1_000_000_000_000) {
        let (top, step) = chart::ticks(greatest);
        prop_assert!(top >= greatest && top > 0 && top.is_multiple_of(step) && top / step <= 4);
        let lead = step.to_string();
        prop_assert!(["1", "2", "5"].contains(&lead.trim_end_matches('0')));
    }
}

#[test]
fn a_balance_that_does_not_hold_is_refused() {
    let mut content = sample::content(1, 1, Paper::A4);
    content.balance.present_at_end += 1;
    assert!(matches!(render(&content, &Thumbnails::new()), Err(Error::Contradiction(_))));
}

#[test]
fn an_unknown_zone_is_refused() {
    let mut content = sample::content(1, 1, Paper::A4);
    content.edition.zone = "Europe/Atlantis".to_owned();
    assert!(matches!(render(&content, &Thumbnails::new()), Err(Error::Zone(zone)) if zone == "Europe/Atlantis"));
}

#[test]
fn a_missing_or_broken_thumbnail_is_replaced_by_words_and_breaks_nothing() {
    let content = sample::content(3, 40, Paper::A4);
    assert!(!content.thumbnails.is_empty());
    render(&content, &Thumbnails::new()).expect("words instead of pictures");
    let broken = sample::thumbnails(&content, |_, _, _| b"\xff\xd8\xff\xe0 no picture".to_vec());
    render(&content, &broken).expect("words instead of pictures");
}
