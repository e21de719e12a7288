//! Reports as whole files: the same bytes twice, words where they belong, fonts inside, both standards kept.
//!
//! Needs `pdftotext` and `pdffonts` (poppler-utils). Validation by a second opinion needs a Python interpreter with
//! `page-validation` 0.11, named by `TRIALBRIEF_PYTHON`; without the variable that test says what is missing and
//! fails.

mod picture;
mod poppler;

use std::path::Path;

use report::content::{DuplicateFile, Finding, Paper, ReportContent, Thumbnails};
use report::pdf::{self, Pdf};
use report::sample;

fn rendered(content: &ReportContent) -> Pdf {
    pdf::render(content, &sample::thumbnails(content, picture::paint)).expect("a valid PDF")
}

fn samples() -> impl Iterator<Item = (String, ReportContent)> {
    [0, 1, 300].into_iter().flat_map(|changes| {
        [Paper::A4, Paper::Letter]
            .map(|paper| (format!("{changes} changes on {paper:?}"), sample::content(7, changes, paper)))
    })
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    for (name, content) in samples() {
        let (first, second) = (rendered(&content), rendered(&content));
        assert!(first == second, "{name}: the bytes differ");
        let copy: ReportContent =
            serde_json::from_str(&serde_json::to_string(&content).expect("JSON")).expect("the same content");
        assert_eq!(rendered(&copy).sha256, first.sha256, "{name}: after a round trip through JSON");
    }
}

/// Reports sent under a template version must be rebuilt to the same bytes for ever. If this fails and the change is
/// meant: raise `TEMPLATE_VERSION` (once it was released) and put the new hash here.
#[test]
fn a_change_of_bytes_needs_a_new_template_version() {
    let pdf = rendered(&sample::content(7, 30, Paper::A4));
    assert_eq!(
        (pdf::TEMPLATE_VERSION, pdf.sha256.as_str()),
        ("2", "690b7235656ec6492144ff9d1718985b8be1d3858be1553876943f8cffa44014")
    );
}

/// If this fails and the change is meant: `cargo run -p report --example render_samples`, look at the pages, commit.
#[test]
fn the_pictures_in_the_documentation_show_the_pages_of_today() {
    let listed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report/samples.sha256");
    let listed = std::fs::read_to_string(listed).expect("the hashes beside the pictures");
    let today: String = sample::SAMPLES
        .iter()
        .map(|(name, changes, paper, _)| {
            format!("{}  {name}.pdf\n", rendered(&sample::content(7, *changes, *paper)).sha256)
        })
        .collect();
    assert_eq!(listed, today);
}

#[test]
fn no_stream_ends_in_a_byte_that_could_belong_to_its_line_end() {
    // One stream in 256 would; among so many reports there are some.
    for seed in 0..24 {
        let pdf = rendered(&sample::content(seed, 5, Paper::Letter));
        assert!(!pdf.bytes.windows(11).any(|window| window == b"\r\nendstream"), "seed {seed}");
    }
}

#[test]
fn no_word_stands_outside_the_margins_or_over_another() {
    for (name, content) in samples() {
        in_order(&name, &rendered(&content));
    }
}

/// Every word within the margins, none over another, no page without words.
fn in_order(name: &str, pdf: &Pdf) {
    let pages = poppler::words(&pdf.bytes);
    assert_eq!(pages.len(), pdf.pages);
    for (number, page) in pages.iter().enumerate() {
        let place = format!("{name}, page {}", number + 1);
        assert!(!page.words.is_empty(), "{place} is empty");
        for word in &page.words {
            let across = word.left >= 53.5 && word.right <= page.width - 53.5;
            let along = word.top >= 30.0 && word.bottom <= page.height - 30.0;
            assert!(across && along, "{place}: {word:?} is outside the margins");
        }
        for (i, a) in page.words.iter().enumerate() {
            for b in &page.words[i + 1..] {
                assert!(!a.covers(b), "{place}: {a:?} and {b:?} overlap");
            }
        }
    }
}

#[test]
fn page_one_holds_its_parts_in_their_order() {
    for (name, content) in samples() {
        let text = poppler::text(&rendered(&content).bytes, 1);
        let mut at = 0;
        for part in [
            report::wording::report::headline(&content).split(',').next().expect("a beginning").to_owned(),
            "16 to Sunday 22 November 2026".to_owned(),
            "Needs attention".to_owned(),
            "at the start".to_owned(),
            "By whom and why".to_owned(),
            "Overdue against expected".to_owned(),
            "Analysed".to_owned(),
            "Twelve weeks of activity".to_owned(),
        ] {
            let found = text[at..].find(&part);
            assert!(found.is_some(), "{name}: {part:?} is missing on page 1, or stands too early:\n{text}");
            at += found.unwrap_or(0);
        }
        let (hash, cut) = (&content.cut.log_hash[..12], "22 Nov 2026, 23:00 UTC");
        assert!(text.contains(hash) && text.contains(cut), "{name}: cut and hash are missing in the footer");
    }
}

#[test]
fn the_tags_read_in_order_with_headings_tables_scopes_figures_and_links() {
    let mut content = sample::content(7, 30, Paper::A4);
    content.expected = Some(sample::expected(30));
    let item = &content.attention[0];
    let tags = poppler::structure(&rendered(&content).bytes);
    let mut at = 0;
    for part in [
        "H1 \"21 documents added, 5 need attention\"",
        "H2 \"Needs attention\"",
        "/Scope /Column",
        &item.title,
        &item.file_name,
        &item.reason,
        "H2 \"Added, changed, removed\"",
        "\"+ added\"",
        "H2 \"By whom and why\"",
        "/Scope /Row",
        "H2 \"Overdue against expected\"",
        "H2 \"Analysed\"",
        "H2 \"Twelve weeks of activity\"",
        "Figure",
        "Link (inline)",
        "H2 \"Breakdowns\"",
        "H3 \"By kind\"",
        "H3 \"Overdue documents\"",
        "H2 \"Findings\"",
        "H2 \"Contact sheet\"",
        "H2 \"Table of changes\"",
        "Lbl",
        "LBody",
        "H2 \"Manifest\"",
    ] {
        let found = tags[at..].find(part);
        assert!(found.is_some(), "{part} is missing or stands too early in\n{}", &tags[at..tags.len().min(at + 4_000)]);
        at += found.unwrap_or(0);
    }
    let figures = content.thumbnails.len() + 1;
    assert!(tags.matches("Figure").count() >= figures, "a picture without a figure");
}

#[test]
fn two_findings_of_one_file_are_one_row() {
    let mut content = sample::content(7, 30, Paper::A4);
    let blurred = Finding { file_name: "twice.jpg".to_owned(), ..content.findings[0].clone() };
    let small = Finding { sentence: "The image has very few pixels.".to_owned(), ..blurred.clone() };
    content.findings = vec![blurred, small];
    let text = poppler::text_of_all(&rendered(&content).bytes);
    assert_eq!(text.matches("twice.jpg").count(), 1);
    assert!(text.contains("The image has very few pixels."));
}

#[test]
fn flags_under_a_picture_are_printed_whole() {
    let mut content = sample::content(7, 30, Paper::A4);
    content.attention.clear();
    content.thumbnails[0].new = true;
    content.thumbnails[0].flags = ["Low resolution", "Unsupported encoding"].map(str::to_owned).into();
    let text = poppler::text_of_all(&rendered(&content).bytes);
    assert!(text.contains("Low resolution Unsupported encoding New"), "{text}");
}

#[test]
fn heads_of_columns_are_printed_whole() {
    for (name, content) in samples().filter(|(_, content)| content.balance.present_at_end > 0) {
        let text = poppler::text_of_all(&rendered(&content).bytes);
        for head in [
            report::wording::report::breakdown_columns("Kind").join(" "),
            report::wording::report::QUALITY_COLUMNS.join(" "),
            report::wording::report::CHANGE_COLUMNS.join(" "),
            report::wording::report::BY_WHOM_COLUMNS.join(" "),
        ] {
            assert!(text.contains(&head), "{name}: {head}");
        }
    }
}

#[test]
fn a_dimension_that_no_document_has_is_left_out_in_words() {
    let mut content = sample::content(7, 30, Paper::A4);
    content.by_status.truncate(1);
    content.by_status[0].code = "none".to_owned();
    let text = poppler::text_of_all(&rendered(&content).bytes);
    assert!(text.contains("No document has a status.") && !text.contains("By status"));
}

#[test]
fn no_figure_of_the_sum_is_shortened() {
    let mut content = sample::content(7, 30, Paper::Letter);
    content.balance.present_at_start = 123_456_789_012;
    content.balance.present_at_end = content.balance.present_at_start + 21;
    let text = poppler::text(&rendered(&content).bytes, 1);
    assert!(text.contains("123,456,789,012") && text.contains("123,456,789,033"), "{text}");
}

#[test]
fn the_chart_calls_changes_changes() {
    let text = poppler::text(&rendered(&sample::content(7, 30, Paper::A4)).bytes, 1);
    assert!(text.contains("Documents added and removed, and changes, per week"), "{text}");
}

#[test]
fn an_incomplete_cut_is_said_on_page_one_and_in_every_footer() {
    let mut content = sample::content(7, 30, Paper::A4);
    content.cut.complete = false;
    content.period.so_far = true;
    content.observed_since = Some(content.period.from_utc);
    let pdf = rendered(&content);
    let first = poppler::text(&pdf.bytes, 1);
    for words in ["Incomplete:", "a scan of the collection", "So far", "Observed since 16 Nov 2026, 00:00"] {
        assert!(first.contains(words), "{words} is missing:\n{first}");
    }
    for page in 1..=pdf.pages {
        assert!(poppler::text(&pdf.bytes, page).contains("· incomplete"), "page {page}");
    }
}

#[test]
fn every_quality_figure_prints_its_denominator() {
    let content = sample::content(7, 300, Paper::A4);
    let quality = content.image_quality.clone().expect("images");
    let text = poppler::text_of_all(&rendered(&content).bytes);
    let denominator = format!("{} of {} analysed", quality.images_analysed, quality.images);
    assert_eq!(text.matches(&denominator).count(), 9, "{denominator}");
}

#[test]
fn every_font_is_embedded_and_subset() {
    let fonts = poppler::fonts(&rendered(&sample::content(7, 300, Paper::A4)).bytes);
    assert!(fonts.len() >= 4, "{fonts:?}");
    for font in fonts {
        assert!(font.embedded && font.subset && font.unicode, "{font:?}");
    }
}

#[test]
fn heads_are_repeated_on_every_page_of_the_table_of_changes() {
    let pdf = rendered(&sample::content(7, 300, Paper::A4));
    let pages: Vec<String> = (1..=pdf.pages).map(|page| poppler::text(&pdf.bytes, page)).collect();
    let first = pages.iter().position(|text| text.contains("Table of changes")).expect("the table");
    let last = pages.iter().rposition(|text| text.contains("How each figure is computed")).expect("what follows it");
    assert!(last > first + 2, "the table is long");
    for text in &pages[first..last] {
        assert!(text.contains("Site and kind"), "no head:\n{text}");
    }
}

#[test]
fn hostile_texts_everywhere_break_neither_standard_nor_page() {
    for paper in [Paper::A4, Paper::Letter] {
        let mut content = sample::content(11, 60, paper);
        for (i, name) in sample::HOSTILE_NAMES.iter().cycle().take(60).enumerate() {
            let long = format!("{name}{}", "語\u{202e}x".repeat(i % 7 * 20));
            content.changes[i].file_name = long.clone();
            content.changes[i].by = (*name).to_owned();
            content.changes[i].site = Some(long.clone());
            content.changes[i].reason = Some(long);
        }
        content.trial.title = "W".repeat(300);
        content.by_whom = report::content::by_whom(&content.changes);
        for item in &mut content.attention {
            item.title = sample::HOSTILE_NAMES[1].to_owned();
            item.link = Some("javascript:alert(1)".to_owned());
        }
        let names = (0..900).map(|i| DuplicateFile { file_name: format!("copy-{i}"), site: None });
        content.duplicates[0].files = names.collect();
        in_order(&format!("hostile on {paper:?}"), &rendered(&content));
    }
}

#[test]
fn a_second_validator_agrees_on_both_standards() {
    let python = std::env::var("TRIALBRIEF_PYTHON").expect(
        "set TRIALBRIEF_PYTHON to a Python with page-validation: python3 -m venv v && v/bin/pip install \
         page-validation==0.11.0 && export TRIALBRIEF_PYTHON=v/bin/python",
    );
    let script = "import page, sys\nfor profile in ('2a', 'ua1'):\n    result = page.validate_pdf(sys.argv[1], profile=profile)\n    \
                  print(profile, result.is_compliant, list(result.failures)[:5])";
    for (name, content) in samples() {
        let file = poppler::stored(&rendered(&content).bytes);
        let output = std::process::Command::new(&python)
            .args(["-c", script])
            .arg(file.path())
            .output()
            .expect("TRIALBRIEF_PYTHON names no interpreter that starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("2a True") && said.contains("ua1 True"), "{name}: {said}{wrong}");
    }
}

#[test]
fn without_thumbnails_the_report_still_comes_and_says_so() {
    let content = sample::content(7, 300, Paper::A4);
    let pdf = pdf::render(&content, &Thumbnails::new()).expect("a valid PDF");
    assert!(poppler::text_of_all(&pdf.bytes).contains("Picture not"));
}
