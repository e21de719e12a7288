//! Figures are an abelian group, whatever the numbers.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use strum::IntoEnumIterator;

use super::*;
use crate::given::json;
use crate::measures::{Delimiter, Encoding, ImageFormat, ImageMeasures, OtherMeasures, PerceptualHash};
use crate::measures::{TableMeasures, TextMeasures};

fn any_finding() -> impl Strategy<Value = FindingCode> {
    prop::sample::select(FindingCode::iter().collect::<Vec<_>>())
}

/// Small numbers cancel often, large ones overflow often.
fn any_sum() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -3..4_i64, 1 => any::<i64>()]
}

/// Sums by name, so that a field added later is tested without a word here.
fn any_sums<T: std::fmt::Debug + DeserializeOwned>(names: &'static [&'static str]) -> impl Strategy<Value = T> {
    vec(any_sum(), names.len()).prop_map(move |sums| {
        let fields = names.iter().map(|name| (*name).to_owned()).zip(sums.into_iter().map(Into::into));
        serde_json::from_value(serde_json::Value::Object(fields.collect())).unwrap()
    })
}

const DOCUMENT_SUMS: &[&str] = &["present", "bytes", "found", "added", "moved_in", "moved_out", "removed", "changed"];
const CONTENT_SUMS: &[&str] = &[
    "analysed",
    "unreadable",
    "flagged",
    "images",
    "images_unreadable",
    "tables",
    "texts",
    "others",
    "pixels",
    "luminance_milli",
    "contrast_milli",
    "sharpness_milli",
    "clipped_shadows_ppm",
    "clipped_highlights_ppm",
    "rows",
    "words",
];

fn any_figures() -> impl Strategy<Value = Figures> {
    let findings = btree_map(any_finding(), any_sum().prop_filter("none is kept at zero", |n| *n != 0), 0..5);
    (any_sums(DOCUMENT_SUMS), any_sums(CONTENT_SUMS), findings).prop_map(|(documents, contents, findings)| Figures {
        documents,
        contents,
        findings,
    })
}

fn any_measures() -> impl Strategy<Value = Measures> {
    let image = (any::<[u32; 2]>(), any::<[u32; 5]>()).prop_map(|([width_px, height_px], [a, b, c, d, e])| {
        Measures::Image(ImageMeasures {
            format: ImageFormat::Png,
            width_px,
            height_px,
            orientation: 1,
            luminance_mean_milli: a,
            contrast_milli: b,
            clipped_shadows_ppm: c,
            clipped_highlights_ppm: d,
            sharpness_milli: e,
            perceptual_hash: PerceptualHash(0),
        })
    });
    let table = any::<[u64; 4]>().prop_map(|[rows, columns, empty_cells, ragged_rows]| {
        let (delimiter, encoding) = (Delimiter::Comma, Encoding::Utf8);
        Measures::Table(TableMeasures { rows, columns, empty_cells, ragged_rows, header: true, delimiter, encoding })
    });
    let text = any::<[u64; 3]>().prop_map(|[lines, words, characters]| {
        Measures::Text(TextMeasures { lines, words, characters, encoding: Encoding::Utf8 })
    });
    let other = Just(Measures::Other(OtherMeasures { media_type: "application/pdf".to_owned() }));
    prop_oneof![image, table, text, other]
}

/// What one document brings: its record, and its content where it has been looked at.
fn any_contribution() -> impl Strategy<Value = Figures> {
    let content = (prop::option::of(any_measures()), vec(any_finding(), 0..4));
    (any::<u64>(), prop::option::of(content)).prop_map(|(size, content)| {
        let mut figures = Figures::of_document(size);
        if let Some((measures, findings)) = content {
            figures += &match measures {
                None => Figures::of_unreadable(Some("image/png"), &findings),
                measures => Figures::of_content(measures.as_ref(), &findings),
            };
        }
        figures
    })
}

fn sum<'a>(all: impl IntoIterator<Item = &'a Figures>) -> Figures {
    all.into_iter().fold(Figures::default(), |sum, one| plus(&sum, one))
}

fn plus(a: &Figures, b: &Figures) -> Figures {
    let mut sum = a.clone();
    sum += b;
    sum
}

/// Every number of some figures, wherever it stands.
fn numbers(figures: &Figures) -> Vec<i64> {
    let value = json(figures);
    let sums = value.as_object().unwrap().values();
    sums.flat_map(|sums| sums.as_object().unwrap().values().map(|n| n.as_i64().unwrap())).collect()
}

proptest! {
    #[test]
    fn figures_are_an_abelian_group(a in any_figures(), b in any_figures(), c in any_figures()) {
        prop_assert_eq!(plus(&plus(&a, &b), &c), plus(&a, &plus(&b, &c)));
        prop_assert_eq!(plus(&a, &b), plus(&b, &a));
        prop_assert_eq!(&plus(&a, &Figures::default()), &a);
        prop_assert_eq!(&plus(&Figures::default(), &a), &a);
        prop_assert_eq!(plus(&a, &-&a), Figures::default());
    }

    #[test]
    fn what_is_added_and_taken_away_again_leaves_the_same_bytes(a in any_figures(), b in any_figures()) {
        let before = serde_json::to_string(&a).unwrap();
        let mut figures = a;
        figures += &b;
        figures -= &b;
        prop_assert_eq!(serde_json::to_string(&figures).unwrap(), before);
    }

    #[test]
    fn so_many_times_is_so_many_additions(a in any_figures(), n in 0..40_i64) {
        let mut added = Figures::default();
        let mut taken = Figures::default();
        for _ in 0..n {
            added += &a;
            taken -= &a;
        }
        prop_assert_eq!(&a.times(n), &added);
        prop_assert_eq!(&a.times(-n), &taken);
        // No finding is kept at zero, however the zero came about.
        prop_assert!(a.times(i64::MIN).findings.values().all(|count| *count != 0));
    }

    #[test]
    fn contributions_may_come_and_go_in_any_order(
        stay in vec(any_contribution(), 0..20),
        go in vec(any_contribution(), 0..20),
        order in any::<prop::sample::Index>(),
    ) {
        let mut changes: Vec<(Figures, i64)> = stay.iter().map(|figures| (figures.clone(), 1)).collect();
        changes.extend(go.iter().flat_map(|figures| [(figures.clone(), 1), (figures.clone(), -1)]));
        let middle = if changes.is_empty() { 0 } else { order.index(changes.len()) };
        changes.rotate_left(middle);
        changes[middle..].reverse();
        let mixed = changes.iter().fold(Figures::default(), |sum, (figures, sign)| plus(&sum, &figures.times(*sign)));
        prop_assert_eq!(json(&mixed), json(&sum(&stay)));
    }

    #[test]
    fn a_contribution_survives_being_stored(figures in any_figures()) {
        prop_assert_eq!(serde_json::from_value::<Figures>(json(&figures)).unwrap(), figures);
    }

    #[test]
    fn no_document_brings_less_than_nothing(measures in prop::option::of(any_measures()), findings in vec(any_finding(), 0..6), size in any::<u64>()) {
        let of_content = Figures::of_content(measures.as_ref(), &findings);
        let of_document = Figures::of_document(size);
        for number in numbers(&of_content).into_iter().chain(numbers(&of_document)) {
            prop_assert!(number > 0, "zeroes are left out, the rest is positive");
        }
        let sums = of_content.contents;
        prop_assert_eq!(sums.analysed, 1);
        prop_assert_eq!(sums.images + sums.tables + sums.texts + sums.others + sums.unreadable, 1);
        prop_assert_eq!(sums.flagged == 1, needs_attention(&findings));
        prop_assert!(of_content.findings.values().all(|count| *count == 1), "a finding counts a document once");
    }
}

#[test]
fn every_sum_there_is_takes_part_in_these_tests() {
    let ones = |names: &[&str]| names.iter().map(|name| format!("{name}: 1")).collect::<Vec<_>>().join(", ");
    let documents: DocumentSums =
        serde_json::from_value(DOCUMENT_SUMS.iter().map(|name| ((*name).to_owned(), 1)).collect()).unwrap();
    let contents: ContentSums =
        serde_json::from_value(CONTENT_SUMS.iter().map(|name| ((*name).to_owned(), 1)).collect()).unwrap();
    assert_eq!(format!("{documents:?}"), format!("DocumentSums {{ {} }}", ones(DOCUMENT_SUMS)));
    assert_eq!(format!("{contents:?}"), format!("ContentSums {{ {} }}", ones(CONTENT_SUMS)));
}

#[test]
fn a_million_documents_that_claim_any_size_add_up_to_no_negative_one() {
    assert!(Figures::of_document(u64::MAX).times(1_000_000).documents.bytes > 0);
    assert_eq!(Figures::of_document(1 << 40).documents.bytes, 1 << 40, "a size that may be is counted as it is");
}

#[test]
fn an_image_that_cannot_be_read_is_told_from_other_files() {
    let unreadable = |kind| Figures::of_unreadable(kind, &[FindingCode::Undecodable]).contents;
    for (kind, images) in [(Some("image/jpeg"), 1), (Some("text/csv"), 0), (None, 0)] {
        assert_eq!((unreadable(kind).unreadable, unreadable(kind).images_unreadable), (1, images), "{kind:?}");
    }
}

#[test]
fn only_findings_above_a_notice_ask_for_attention() {
    assert!(!needs_attention(&[]));
    assert!(!needs_attention(&[FindingCode::UnsupportedType, FindingCode::NotUtf8]));
    assert!(needs_attention(&[FindingCode::NotUtf8, FindingCode::Blurred]));
    assert_eq!(Figures::of_findings(&[FindingCode::Blurred, FindingCode::TooDark]).contents.flagged, 1);
}
