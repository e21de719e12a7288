//! What the analysis says of good and of bad files. All files are made here, by code.

mod fixtures;
mod images;
mod tables;

use std::io::{self, Read};

use domain::findings::FindingCode;
use domain::measures::Measures;

use crate::analysis::{Analysis, Declared, Limits, Outcome, Unreadable, analyse};

fn outcome(bytes: &[u8]) -> Outcome {
    outcome_of(bytes, None, &Limits::default())
}

fn outcome_of(mut bytes: &[u8], name: Option<&str>, limits: &Limits) -> Outcome {
    analyse(&mut bytes, &Declared { media_type: None, name: name.map(str::to_owned) }, limits).unwrap()
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

#[test]
fn content_that_contradicts_name_or_media_type_is_a_finding_and_is_analysed_as_what_it_is() {
    let png = fixtures::photo(400, 300).png();
    let found = outcome_of(&png, Some("visit 3.JPG"), &Limits::default()).unwrap();
    assert_eq!(found.media_type(), "image/png");
    assert!(found.findings.contains(&FindingCode::TypeMismatch));

    let declared = |media_type: &str, name: &str| Declared {
        media_type: Some(media_type.to_owned()),
        name: Some(name.to_owned()),
    };
    let mismatch = |bytes: &[u8], declared: Declared| {
        let found = analyse(&mut &bytes[..], &declared, &Limits::default()).unwrap().unwrap();
        found.findings.contains(&FindingCode::TypeMismatch)
    };
    assert!(mismatch(b"PK\x03\x04 a workbook", declared("text/csv; charset=utf-8", "lab.csv")));
    assert!(mismatch(b"Dear reader", declared("application/pdf", "letter.pdf")));
    assert!(!mismatch(b"PK\x03\x04 a workbook", declared("application/octet-stream", "lab.xlsx")));
    assert!(!mismatch(b"a,b\n1,2\n", declared("application/vnd.ms-excel", "lab.csv")));
    assert!(!mismatch(&png, declared("image/png", "noextension")));
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
    let outcome = analyse(&mut Panics { given: false }, &Declared::default(), &Limits::default()).unwrap();
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
    assert!(analyse(source, &Declared::default(), &Limits::default()).is_err());
}
