//! Plain text: lines, words, characters.

use domain::findings::FindingCode;
use domain::measures::{Encoding, Measures, TextMeasures};

use crate::analysis::Analysis;

/// What was counted so far. A line above the limit is a finding and counts nevertheless: nothing holds a line.
#[derive(Default)]
pub(super) struct Count {
    line_feeds: u64,
    words: u64,
    characters: u64,
    in_word: bool,
    line_bytes: u64,
    line_too_long: bool,
}

impl Count {
    pub(super) fn add(&mut self, chunk: &str, longest_line: u64) {
        for line in chunk.split_inclusive('\n') {
            self.line_bytes += line.len() as u64;
            self.line_too_long |= self.line_bytes > longest_line;
            if line.ends_with('\n') {
                self.line_feeds += 1;
                self.line_bytes = 0;
            }
        }
        for character in chunk.chars() {
            let in_word = !character.is_whitespace();
            self.words += u64::from(in_word && !self.in_word);
            self.in_word = in_word;
            self.characters += 1;
        }
    }

    pub(super) fn finish(self, encoding: Encoding) -> Analysis {
        let mut findings = Vec::new();
        if self.line_too_long {
            findings.push(FindingCode::LineTooLong);
        }
        if encoding == Encoding::Latin1 {
            findings.push(FindingCode::NotUtf8);
        }
        Analysis {
            measures: Measures::Text(TextMeasures {
                lines: self.line_feeds + u64::from(self.line_bytes > 0),
                words: self.words,
                characters: self.characters,
                encoding,
            }),
            findings,
            thumbnail: None,
        }
    }
}
