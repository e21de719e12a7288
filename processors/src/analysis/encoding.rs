//! Text of several encodings as a stream of UTF-8, through one small buffer.

use std::io::{self, Read};
use std::str;

use domain::measures::Encoding;

use crate::analysis::read_up_to;

const BUFFER_BYTES: usize = 64 * 1024;

/// Reads UTF-8, or UTF-16 with a byte order mark, chunk by chunk; the mark itself is left out.
///
/// A byte that is not UTF-8 becomes the ISO 8859-1 character of the same number. For ISO 8859-1 files this gives the
/// right characters without a second pass: a letter above 127 beside ASCII is never valid UTF-8.
pub(super) struct Utf8Chunks<R> {
    reader: R,
    encoding: Option<Encoding>,
    foreign_bytes: bool,
    at_end: bool,
    raw: Vec<u8>,
    filled: usize,
    text: String,
}

impl<R: Read> Utf8Chunks<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            encoding: None,
            foreign_bytes: false,
            at_end: false,
            raw: vec![0; BUFFER_BYTES],
            filled: 0,
            text: String::with_capacity(BUFFER_BYTES * 2),
        }
    }

    /// How the text read so far is stored.
    pub(super) fn encoding(&self) -> Encoding {
        if self.foreign_bytes {
            return Encoding::Latin1;
        }
        self.encoding.unwrap_or(Encoding::Utf8)
    }

    /// Whether the last chunk was the last one.
    pub(super) fn at_end(&self) -> bool {
        self.at_end
    }

    /// The next whole characters; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<&str>> {
        self.text.clear();
        while self.text.is_empty() {
            let read = read_up_to(&mut self.reader, &mut self.raw[self.filled..])?;
            self.filled += read;
            self.at_end = self.filled < self.raw.len();
            let start = match self.encoding {
                Some(_) => 0,
                None => self.recognise(),
            };
            if start == self.filled {
                return Ok(None);
            }
            let used = match self.encoding {
                Some(Encoding::Utf16Le) => self.decode_utf16(start, u16::from_le_bytes),
                Some(Encoding::Utf16Be) => self.decode_utf16(start, u16::from_be_bytes),
                _ => self.decode_utf8(start),
            };
            self.raw.copy_within(used..self.filled, 0);
            self.filled -= used;
        }
        Ok(Some(&self.text))
    }

    /// Decides by the byte order mark; answers its length.
    fn recognise(&mut self) -> usize {
        let bytes = &self.raw[..self.filled];
        let (encoding, length) = match bytes {
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8Bom, 3),
            [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
            _ => (Encoding::Utf8, 0),
        };
        self.encoding = Some(encoding);
        length
    }

    fn decode_utf8(&mut self, start: usize) -> usize {
        let mut at = start;
        loop {
            let bytes = &self.raw[at..self.filled];
            let error = match str::from_utf8(bytes) {
                Ok(valid) => {
                    self.text.push_str(valid);
                    return self.filled;
                }
                Err(error) => error,
            };
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            self.text.push_str(str::from_utf8(valid).unwrap_or_default());
            let foreign = match error.error_len() {
                Some(length) => length,
                None if self.at_end => rest.len(),
                // A character that the next read may complete.
                None => return at + valid.len(),
            };
            self.text.extend(rest[..foreign].iter().map(|byte| char::from(*byte)));
            self.foreign_bytes = true;
            at += valid.len() + foreign;
        }
    }

    fn decode_utf16(&mut self, start: usize, unit: fn([u8; 2]) -> u16) -> usize {
        let mut end = start + (self.filled - start) / 2 * 2;
        let units = |end: usize| self.raw[start..end].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let high_surrogate = |unit: u16| (0xd800..0xdc00).contains(&unit);
        if !self.at_end && units(end).next_back().is_some_and(high_surrogate) {
            end -= 2;
        }
        for character in char::decode_utf16(units(end)) {
            self.text.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if !self.at_end {
            return end;
        }
        if end < self.filled {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        self.filled
    }
}
