//! Base64 lines, quoted-printable (RFC 2045), encoded words (RFC 2047). All of it 7-bit with CRLF.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Base64 in lines of 76 characters, each ended by CRLF.
pub(super) fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let whole = STANDARD.encode(bytes);
    let mut lines = Vec::with_capacity(whole.len() + whole.len() / 38 + 2);
    for line in whole.as_bytes().chunks(76) {
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// Quoted-printable of text with `\n` line ends; lines of at most 76 characters, ended by CRLF.
pub(super) fn quoted_printable(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 5 / 4);
    for line in text.split('\n') {
        let bytes = line.as_bytes();
        let mut column = 0;
        for (i, &byte) in bytes.iter().enumerate() {
            let last = i + 1 == bytes.len();
            let plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !last);
            let width = if plain { 1 } else { 3 };
            // One place stays free for the soft break itself.
            if column + width > 75 {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            // A line that begins with a full stop could be taken for the end of the message by a careless relay.
            if plain && !(byte == b'.' && column == 0) {
                out.push(byte);
                column += 1;
            } else {
                out.extend_from_slice(format!("={byte:02X}").as_bytes());
                column += 3;
            }
        }
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// A header text: as it is where it is plain ASCII, else encoded words, folded. Controls become spaces, so that no text
/// can begin another header.
pub(super) fn unstructured(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // 60 leaves room for the header's name within 78.
    if text.is_ascii() && text.len() <= 60 && !text.contains("=?") {
        return text;
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        // 39 bytes are 52 characters of base64; with the frame 64, with "Subject: " within 78.
        if word.len() + character.len_utf8() > 39 {
            words.push(std::mem::take(&mut word));
        }
        word.push(character);
    }
    words.push(word);
    let encoded: Vec<String> = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    encoded.join("\r\n ")
}
