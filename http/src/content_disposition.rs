//! `Content-Disposition` for any file name (RFC 6266): the name itself as `filename*` (RFC 8187), and an ASCII fallback.
//!
//! A file name is what somebody typed: it may hold quotes, line ends, paths, or marks that turn the direction of writing
//! so that `gpj.exe` reads as `exe.jpg`. Neither form lets any of them through.

use std::fmt::Write as _;

use axum::http::HeaderValue;

#[cfg(test)]
mod tests;

/// The longest name in characters, as file systems have it in bytes at best; the extension is kept.
const LONGEST_NAME: usize = 180;

/// The longest fallback, in characters.
const LONGEST_FALLBACK: usize = 80;

/// To be saved under this name.
#[must_use]
pub fn attachment(filename: &str) -> HeaderValue {
    header("attachment", filename)
}

/// To be shown, and saved under this name if it is saved.
#[must_use]
pub fn inline(filename: &str) -> HeaderValue {
    header("inline", filename)
}

fn header(disposition: &'static str, filename: &str) -> HeaderValue {
    let name = cut(&safe(filename), LONGEST_NAME);
    let fallback = cut(&ascii(&name), LONGEST_FALLBACK);
    let value = format!("{disposition}; filename=\"{fallback}\"; filename*=UTF-8''{}", extended(&name));
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(disposition))
}

/// The name without what a file system, a header or a reader could trip over.
fn safe(filename: &str) -> String {
    let name: String = filename
        .chars()
        .filter(|c| !turns_writing(*c))
        .map(|c| if c.is_control() || r#"/\:*?"<>|"#.contains(c) { '_' } else { c })
        .collect();
    // A leading dot hides a file, a trailing one confuses Windows; "." and ".." are directories.
    match name.trim_matches(|c: char| c == '.' || c.is_whitespace()) {
        "" => "file".to_owned(),
        name => name.to_owned(),
    }
}

/// Marks that are invisible and change the direction of what follows.
const fn turns_writing(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Cut to so many characters, from the stem.
fn cut(name: &str, longest: usize) -> String {
    let length = name.chars().count();
    if length <= longest {
        return name.to_owned();
    }
    let extension = match name.rsplit_once('.') {
        Some((_, extension)) if (1..=10).contains(&extension.chars().count()) => format!(".{extension}"),
        Some(_) | None => String::new(),
    };
    let stem = longest - extension.chars().count();
    name.chars().take(stem).chain(extension.chars()).collect()
}

/// Each character outside of visible ASCII as `_`, as well as `%`, which some browsers would decode.
fn ascii(name: &str) -> String {
    name.chars().map(|c| if (c.is_ascii_graphic() || c == ' ') && c != '%' { c } else { '_' }).collect()
}

/// RFC 8187: UTF-8, percent-encoded but for `attr-char`.
fn extended(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
