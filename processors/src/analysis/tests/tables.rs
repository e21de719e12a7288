//! Tables and texts: counts, delimiters, encodings, limits.

use std::io::{self, Read};

use domain::findings::FindingCode;
use domain::measures::{Delimiter, Encoding, Measures, TableMeasures, TextMeasures};
use proptest::prelude::*;

use super::{analysis, outcome_of};
use crate::analysis::encoding::Utf8Chunks;
use crate::analysis::{Limits, analyse};

fn table(bytes: &[u8]) -> TableMeasures {
    match analysis(bytes).measures {
        Measures::Table(table) => table,
        other => panic!("not a table: {other:?}"),
    }
}

fn text(bytes: &[u8]) -> TextMeasures {
    match analysis(bytes).measures {
        Measures::Text(text) => text,
        other => panic!("not a text: {other:?}"),
    }
}

#[test]
fn a_table_is_counted_as_rfc_4180_has_it() {
    let head = "subject,value,\"a \"\"note\"\"\"\r\n001,5.1,\"two\r\nlines, one field\"\r\n002, ,\r\n\r\n003,5.3\r\n";
    let file = head.to_owned() + &"004,5.4,\r\n005,5.5,clear\r\n".repeat(10);
    let expected = TableMeasures {
        rows: 23,
        columns: 3,
        empty_cells: 12,
        ragged_rows: 1,
        header: true,
        delimiter: Delimiter::Comma,
        encoding: Encoding::Utf8,
    };
    assert_eq!(table(file.as_bytes()), expected);
    let found = analysis(file.as_bytes());
    assert_eq!(found.findings, [FindingCode::RaggedTable]);
}

#[test]
fn a_first_record_with_a_number_a_gap_or_a_repetition_is_a_row() {
    for first in ["subject,5,0", "subject,,x", "subject,x,x"] {
        let found = table(format!("{first}\n001,1,2\n002,3,4\n").as_bytes());
        assert_eq!((found.header, found.rows), (false, 3), "{first}");
    }
}

#[test]
fn the_delimiter_is_found_without_being_told() {
    for (delimiter, byte) in
        [(Delimiter::Comma, ','), (Delimiter::Semicolon, ';'), (Delimiter::Tab, '\t'), (Delimiter::Pipe, '|')]
    {
        let line = |a: &str, b: &str| format!("{a}{byte}\"{b}, or; so\"\n");
        let file = [line("site", "value"), line("DE-1", "7"), line("DE-2", "8"), line("DE-3", "9")].concat();
        let Measures::Table(found) = analysis(file.trim_end().as_bytes()).measures else {
            panic!("{delimiter} not found")
        };
        assert_eq!((found.delimiter, found.columns, found.rows), (delimiter, 2, 3));
    }
}

#[test]
fn a_text_is_no_table_however_many_commas_it_has() {
    let letter = b"Dear colleague, thank you.\nThe results, as of today, are in.\nYours, N.\n";
    assert_eq!(text(letter).lines, 3);
    // The stubs of a Python package: a line for each name, each of them ending in a comma.
    let names = ["color", "data", "draw", "exposure", "feature", "filters", "future", "graph", "io", "measure"];
    let listing = names.map(|name| format!("    '{name}',\n")).concat();
    assert_eq!(text(format!("_submodules = [\n{listing}{listing}]\n").as_bytes()).lines, 22);
    assert_eq!(table(b"a,b,\n1,2,\n3,4,\n").columns, 3, "two columns and one that is empty");
}

/// Endless letters; remembers how many were taken.
struct Letters {
    taken: u64,
    length: u64,
}

impl Read for Letters {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = (buffer.len() as u64).min(self.length - self.taken) as usize;
        buffer[..size].fill(b'x');
        self.taken += size as u64;
        Ok(size)
    }
}

#[test]
fn a_table_with_a_record_of_50_mb_is_given_up_there() {
    let mut letters = Letters { taken: 0, length: 50_000_000 };
    let outcome = analyse(&mut b"a,b\n1,2\n3,4\n".chain(&mut letters), &Limits::default()).unwrap();
    assert_eq!(outcome.unwrap_err().finding, FindingCode::LineTooLong);
    assert!(letters.taken < 2 << 20, "{} bytes read", letters.taken);
}

#[test]
fn a_text_that_is_one_line_of_50_mb_is_counted_with_a_finding() {
    let mut letters = Letters { taken: 0, length: 50_000_000 };
    let found = analyse(&mut letters, &Limits::default()).unwrap().unwrap();
    let expected = TextMeasures { lines: 1, words: 1, characters: 50_000_000, encoding: Encoding::Utf8 };
    assert_eq!((found.measures, found.findings), (Measures::Text(expected), vec![FindingCode::LineTooLong]));
}

#[test]
fn an_unclosed_quote_does_not_swallow_the_rest_unnoticed() {
    let file = ["id,note\n1,closed\n2,closed\n3,\"open\n".to_owned(), "4,closed\n".repeat(200_000)].concat();
    let outcome = outcome_of(file.as_bytes(), &Limits::default());
    assert_eq!(outcome.unwrap_err().finding, FindingCode::LineTooLong);
}

#[test]
fn a_table_in_latin_1_is_counted_and_said_to_be_no_utf_8() {
    let found = analysis(b"name;value\nM\xfcller;1\nP\xe9rez;2\n");
    let Measures::Table(measures) = &found.measures else { panic!("not a table") };
    assert_eq!((measures.rows, measures.columns, measures.encoding), (2, 2, Encoding::Latin1));
    assert_eq!(found.findings, [FindingCode::NotUtf8]);
}

#[test]
fn time_is_looked_at_while_a_file_is_read() {
    let limits = Limits { time: std::time::Duration::ZERO, ..Limits::default() };
    let outcome = outcome_of("word ".repeat(100_000).as_bytes(), &limits);
    assert_eq!(outcome.unwrap_err().finding, FindingCode::TooSlow);
}

/// A source that gives a few bytes at a time, as a pipe may.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.1.min(buffer.len());
        self.0.read(&mut buffer[..size])
    }
}

fn decoded(bytes: &[u8], at_once: usize) -> (String, Encoding) {
    let mut chunks = Utf8Chunks::new(Dribble(bytes, at_once));
    let mut whole = String::new();
    while let Some(chunk) = chunks.next().unwrap() {
        whole.push_str(chunk);
    }
    (whole, chunks.encoding())
}

#[test]
fn characters_are_whole_at_the_borders_of_the_buffer() {
    // 64 KiB of buffer: shifts put every byte of these at its end.
    for shift in 0..4 {
        let content = ["a".repeat(64 * 1024 - shift), "é€🩺b".repeat(30_000)].concat();
        assert_eq!(decoded(content.as_bytes(), 7_001), (content.clone(), Encoding::Utf8));
        let units: Vec<u8> =
            "\u{feff}".encode_utf16().chain(content.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(decoded(&units, 7_001), (content, Encoding::Utf16Le));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_encoding_gives_back_the_text(content in "\\PC{1,200}", at_once in 1_usize..50) {
        prop_assume!(!content.starts_with('\u{feff}'));
        prop_assert_eq!(decoded(content.as_bytes(), at_once), (content.clone(), Encoding::Utf8));
        let marked = ["\u{feff}", &content].concat();
        prop_assert_eq!(decoded(marked.as_bytes(), at_once), (content.clone(), Encoding::Utf8Bom));
        let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
        prop_assert_eq!(decoded(&little, at_once), (content.clone(), Encoding::Utf16Le));
        let big: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
        prop_assert_eq!(decoded(&big, at_once), (content, Encoding::Utf16Be));
    }

    #[test]
    fn words_and_characters_are_those_of_the_standard_library(content in "[a-zé€ \u{a0}\u{c}\n]{1,300}") {
        let found = text(content.as_bytes());
        prop_assert_eq!(found.words, content.split_whitespace().count() as u64);
        prop_assert_eq!(found.characters, content.chars().count() as u64);
        prop_assert_eq!(found.lines, content.lines().count() as u64);
    }

    #[test]
    fn fields_of_any_content_are_counted_one_by_one(
        rows in proptest::collection::vec(proptest::collection::vec("[a-z ,;\"\r\n]{0,12}", 3), 1..30)
    ) {
        let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
        let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",");
        // A beginning by which it is known for a table, whatever follows.
        let head = "first,second,third\n".to_owned() + &"1,2,3\n".repeat(300);
        let file = head + &rows.iter().map(line).collect::<Vec<_>>().join("\n");
        let found = table(file.as_bytes());
        let empty = rows.iter().flatten().filter(|field| field.trim().is_empty()).count() as u64;
        prop_assert_eq!((found.rows, found.columns, found.ragged_rows, found.empty_cells), (300 + rows.len() as u64, 3, 0, empty));
    }
}
