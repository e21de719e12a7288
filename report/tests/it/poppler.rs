//! What poppler's tools see in a PDF.

use std::io::Write;
use std::process::Command;

use tempfile::NamedTempFile;

/// A word and its box, in points from the top left corner.
#[derive(Debug)]
#[expect(dead_code, reason = "the text is read by whoever reads the failure")]
pub struct Word {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub text: String,
}

impl Word {
    /// Whether two words stand over each other. A box reaches from ascender to descender of the font, more than any
    /// letter takes; so a fifth of its height is left out above and below, and a third of a point at the sides.
    pub fn covers(&self, other: &Self) -> bool {
        let inner = |word: &Self| {
            let fifth = (word.bottom - word.top) / 5.0;
            (word.left + 0.3, word.top + fifth, word.right - 0.3, word.bottom - fifth)
        };
        let (a, b) = (inner(self), inner(other));
        a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3
    }
}

pub struct Page {
    pub width: f64,
    pub height: f64,
    pub words: Vec<Word>,
}

/// A font as `pdffonts` lists it.
#[derive(Debug)]
pub struct Font {
    pub embedded: bool,
    pub subset: bool,
    pub unicode: bool,
}

/// A PDF in a file that goes away.
pub fn stored(pdf: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix(".pdf").expect("a temporary file");
    file.write_all(pdf).expect("space for a PDF");
    file
}

fn run(tool: &str, arguments: &[&str], pdf: &[u8], after: &[&str]) -> String {
    let file = stored(pdf);
    let output = Command::new(tool)
        .args(arguments)
        .arg(file.path())
        .args(after)
        .output()
        .unwrap_or_else(|error| panic!("{tool} does not start ({error}): apt-get install poppler-utils"));
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Every page's words with their boxes.
pub fn words(pdf: &[u8]) -> Vec<Page> {
    let listing = run("pdftotext", &["-bbox"], pdf, &["-"]);
    let mut pages: Vec<Page> = Vec::new();
    for line in listing.lines().map(str::trim) {
        let number = |name: &str| -> f64 {
            let value = line.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
            value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {line}"))
        };
        if line.starts_with("<page ") {
            pages.push(Page { width: number("width"), height: number("height"), words: Vec::new() });
        } else if line.starts_with("<word ") {
            let text = line.split('>').nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default().to_owned();
            let (left, top, right, bottom) = (number("xMin"), number("yMin"), number("xMax"), number("yMax"));
            let page = pages.last_mut().expect("a page before its words");
            page.words.push(Word { left, top, right, bottom, text });
        }
    }
    pages
}

/// Text of one page in reading order, on one line.
pub fn text(pdf: &[u8], page: usize) -> String {
    let page = page.to_string();
    let text = run("pdftotext", &["-raw", "-f", &page, "-l", &page], pdf, &["-"]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The tag tree with its text, as an assistive technology would walk it.
pub fn structure(pdf: &[u8]) -> String {
    run("pdfinfo", &["-struct-text"], pdf, &[])
}

/// Text of all pages, on one line.
pub fn text_of_all(pdf: &[u8]) -> String {
    run("pdftotext", &["-raw"], pdf, &["-"]).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The fonts used.
pub fn fonts(pdf: &[u8]) -> Vec<Font> {
    let listing = run("pdffonts", &[], pdf, &[]);
    let yes = |word: Option<&str>| word == Some("yes");
    listing
        .lines()
        .skip(2)
        .map(|line| {
            // name, type, encoding, then: emb sub uni, object number and generation
            let mut back = line.split_whitespace().rev().skip(2);
            let (unicode, subset, embedded) = (yes(back.next()), yes(back.next()), yes(back.next()));
            Font { embedded, subset, unicode }
        })
        .collect()
}
