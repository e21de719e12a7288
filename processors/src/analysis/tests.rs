//! What the analysis says of good and of bad files. All files are made here, by code.

mod fixtures;
mod images;
mod tables;

use std::io::{self, Read};

use domain::findings::FindingCode;
use domain::measures::Measures;

use crate::analysis::{Analysis, Limits, Outcome, Unreadable, analyse};

fn outcome(bytes: &[u8]) -> Outcome {
    outcome_of(bytes, &Limits::default())
}

fn outcome_of(mut bytes: &[u8], limits: &Limits) -> Outcome {
    analyse(&mut bytes, limits).unwrap()
}

fn analysis(bytes: &[u8]) -> Analysis {
    outcome(bytes).unwrap()
}

fn refusal(bytes: &[u8]) -> FindingCode {
    outcome(bytes).unwrap_err().finding
}

#[test]
fn an_empty_file_is_a_finding() {
    assert_eq!(refusal(b""), FindingCode::EmptyFile);
}

#[test]
fn other_types_are_counted_by_what_their_bytes_are() {
    let expected = [
        (&b"PK\x03\x04 a zip"[..], "application/zip"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf"),
        (b"GIF89a\x01\0\x01\0", "image/gif"),
        (b"\0\x01\x02\x03\xff\xfe\0\0", "application/octet-stream"),
    ];
    for (bytes, media_type) in expected {
        let found = analysis(bytes);
        assert!(matches!(found.measures, Measures::Other(_)));
        assert_eq!(found.media_type(), media_type);
        assert_eq!(found.findings, [FindingCode::UnsupportedType]);
    }
}

/// Gives the magic bytes of a JPEG, then panics as a decoder might.
struct Panics {
    given: bool,
}

impl Read for Panics {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!self.given, "index out of bounds");
        if buffer.len() < 8 {
            self.given = true;
        }
        buffer.fill(0xff);
        buffer[..3].copy_from_slice(b"\xff\xd8\xff");
        self.given = true;
        Ok(buffer.len())
    }
}

#[test]
fn a_panic_harms_only_its_file() {
    let outcome = analyse(&mut Panics { given: false }, &Limits::default()).unwrap();
    let expected = Unreadable {
        media_type: Some("image/jpeg".to_owned()),
        finding: FindingCode::DecoderPanicked,
        detail: "index out of bounds".to_owned(),
    };
    assert_eq!(outcome, Err(expected));
    assert_eq!(refusal(b""), FindingCode::EmptyFile);
}

/// A store that breaks off.
struct Breaks;

impl Read for Breaks {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("connection reset"))
    }
}

#[test]
fn a_source_that_fails_is_no_finding_about_the_file() {
    let source = &mut b"\xff\xd8\xff".chain(Breaks);
    assert!(analyse(source, &Limits::default()).is_err());
}
