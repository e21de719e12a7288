//! The mail that carries a report: `multipart/mixed` of `multipart/alternative` (plain text, HTML) and the PDF, or a
//! link where it is too large or the trial wants no attachments.
//!
//! The PDF is encoded once per report ([`Attachment::encode`]); per recipient only headers and a short text differ.
//! Everything is 7-bit with CRLF and short lines. Neither subject, nor file name, nor text can name a participant:
//! [`MailContent`] holds a code, a period and counts.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use sha2::{Digest, Sha256};

use crate::content::ReportContent;
use crate::pdf::Pdf;
use crate::wording::{dates, mail as words, report as report_words};

mod encoding;
mod mailbox;
mod text;

#[cfg(test)]
mod tests;

pub use mailbox::Mailbox;

/// Longest address of a link, in bytes; a header line stays below the 998 of RFC 5322.
const LONGEST_ADDRESS: usize = 900;

/// Why there is no mail.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Not one plain address.
    #[error("not a mail address that can be written to")]
    Address,
    /// A link that is not a plain `https://` or `http://` address of at most 900 characters.
    #[error("not a plain web address of at most 900 characters")]
    Link,
    /// A message or list id with characters that an id must not have.
    #[error("not a plain message or list id")]
    Id,
    /// The edition names a zone that the bundled data does not know.
    #[error("the time zone {0:?} is unknown")]
    Zone(String),
}

/// What the mail says: a code, a period, counts. The same for all recipients of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailContent {
    /// Trial code.
    pub trial_id: String,
    /// Trial title.
    pub trial_title: String,
    /// Language tag.
    pub language: String,
    /// `41 documents added, 3 need attention`.
    pub headline: String,
    /// `Monday 16 to Sunday 22 November 2026`.
    pub period_days: String,
    /// `16–22 Nov 2026`.
    pub period_short: String,
    /// The half-open period in the zone and in UTC.
    pub period_exact: String,
    /// First and last day, for the file name: `2026-11-16_2026-11-22`.
    pub period_file: String,
    /// False where the cut is incomplete.
    pub complete: bool,
    /// True for a report before the period's end.
    pub so_far: bool,
    /// Documents added.
    pub added: u64,
    /// Documents moved here from another trial.
    pub moved_in: u64,
    /// Changes of records.
    pub changed: u64,
    /// Documents removed.
    pub removed: u64,
    /// Documents moved to another trial.
    pub moved_out: u64,
    /// Documents present at the end.
    pub present: u64,
    /// Attention items.
    pub attention: u64,
    /// Overdue and expected documents, where a list is set.
    pub overdue: Option<(u64, u64)>,
    /// Analysed and present documents.
    pub analysed: (u64, u64),
}

impl MailContent {
    /// The key figures of a report.
    ///
    /// # Errors
    ///
    /// [`Error::Zone`] where the edition's zone is unknown.
    pub fn of(content: &ReportContent) -> Result<Self, Error> {
        let zone_name = &content.edition.zone;
        let zone = TimeZoneDatabase::bundled().get(zone_name).map_err(|_| Error::Zone(zone_name.clone()))?;
        let (period, balance) = (&content.period, &content.balance);
        Ok(Self {
            trial_id: content.trial.id.clone(),
            trial_title: content.trial.title.clone(),
            language: content.edition.language.clone(),
            headline: report_words::headline(content),
            period_days: dates::period_days(period),
            period_short: dates::period_short(period),
            period_exact: dates::period_exact(period, zone_name, &zone),
            period_file: format!("{}_{}", period.from, dates::last_day(period)),
            complete: content.cut.complete,
            so_far: period.so_far,
            added: balance.added,
            moved_in: balance.moved_in,
            changed: balance.changed,
            removed: balance.removed,
            moved_out: balance.moved_out,
            present: balance.present_at_end,
            attention: content.needing_attention(),
            overdue: content.expected.as_ref().map(|expected| (expected.overdue, expected.expected)),
            analysed: (content.analysis.analysed, content.analysis.of),
        })
    }

    /// Name of the attached file: trial code and period, nothing else: `ACME-101_2026-11-16_2026-11-22.pdf`.
    pub fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
        let code: String = self.trial_id.chars().take(64).map(plain).collect();
        format!("{code}_{}.pdf", self.period_file)
    }
}

/// The PDF as base64 lines of 76 characters, made once per report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    base64: Bytes,
    size_bytes: u64,
}

impl Attachment {
    /// Encodes the file.
    pub fn encode(pdf: &Pdf) -> Self {
        Self::encode_bytes(&pdf.bytes)
    }

    /// Encodes the bytes of a stored PDF.
    pub fn encode_bytes(pdf: &[u8]) -> Self {
        Self { base64: encoding::base64_lines(pdf).into(), size_bytes: pdf.len() as u64 }
    }

    /// Size of the PDF itself.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Size it takes in a mail, about 1.37 times its own.
    pub fn encoded_bytes(&self) -> u64 {
        self.base64.len() as u64
    }
}

/// How the report comes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enclosure<'a> {
    /// Attached.
    Attached(&'a Attachment),
    /// Too large: a link, and a line that says so.
    TooLarge {
        /// Where to read it.
        link: String,
        /// Size it would take in the mail.
        encoded_bytes: u64,
        /// The limit that is above.
        limit_bytes: u64,
    },
    /// A link, because the trial's settings ask for it.
    LinkOnly {
        /// Where to read it.
        link: String,
    },
}

/// Attached, if its encoded size is within the limit; else a link.
pub fn enclose(attachment: &Attachment, limit_bytes: u64, link: impl Into<String>) -> Enclosure<'_> {
    if attachment.encoded_bytes() <= limit_bytes {
        Enclosure::Attached(attachment)
    } else {
        Enclosure::TooLarge { link: link.into(), encoded_bytes: attachment.encoded_bytes(), limit_bytes }
    }
}

/// What differs per recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Sender.
    pub from: Mailbox,
    /// Recipient.
    pub to: Mailbox,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<Mailbox>,
    /// `Date`.
    pub date: Timestamp,
    /// `Message-ID`, without brackets: `left@right`.
    pub message_id: String,
    /// One-click address of this subscription (RFC 8058); also the link in the text.
    pub unsubscribe: String,
    /// `List-Id`, without brackets: `acme-101.reports.example.org`.
    pub list_id: String,
}

/// Writes the message, ready to be sent as it is: its pieces, one behind the other. An attachment is a piece of its own that
/// all recipients share.
///
/// # Errors
///
/// A link or an id that must not stand in a header; nothing is written then.
pub fn compose(content: &MailContent, enclosure: &Enclosure<'_>, letter: &Letter) -> Result<Vec<Bytes>, Error> {
    check_link(&letter.unsubscribe)?;
    match enclosure {
        Enclosure::TooLarge { link, .. } | Enclosure::LinkOnly { link } => check_link(link)?,
        Enclosure::Attached(_) => {}
    }
    check_id(&letter.message_id, '@')?;
    check_id(&letter.list_id, '.')?;

    // "=_" occurs in neither base64 nor quoted-printable, so no body can hold a boundary.
    let seed = hex::encode(&Sha256::digest(letter.message_id.as_bytes())[..8]);
    let (mixed, alternative) = (format!("=_mixed_{seed}"), format!("=_text_{seed}"));
    let end = format!("--{mixed}--\r\n");
    let mut mail = Vec::with_capacity(8_192);
    headers(&mut mail, content, letter, &mixed);
    put(&mut mail, &format!("--{mixed}\r\nContent-Type: multipart/alternative; boundary=\"{alternative}\"\r\n\r\n"));
    let unsubscribe = &letter.unsubscribe;
    part(&mut mail, &alternative, "plain", &text::plain(content, enclosure, unsubscribe));
    part(&mut mail, &alternative, "html", &text::html(content, enclosure, unsubscribe));
    put(&mut mail, &format!("--{alternative}--\r\n"));
    if let Enclosure::Attached(attachment) = enclosure {
        let name = content.file_name();
        put(
            &mut mail,
            &format!(
                "--{mixed}\r\nContent-Type: application/pdf; name=\"{name}\"\r\n\
                 Content-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            ),
        );
        return Ok(vec![mail.into(), attachment.base64.clone(), end.into()]);
    }
    put(&mut mail, &end);
    Ok(vec![mail.into()])
}

fn headers(mail: &mut Vec<u8>, content: &MailContent, letter: &Letter, boundary: &str) {
    put(mail, &format!("From: {}\r\n", letter.from.header()));
    put(mail, &format!("To: {}\r\n", letter.to.header()));
    if let Some(reply_to) = &letter.reply_to {
        put(mail, &format!("Reply-To: {}\r\n", reply_to.header()));
    }
    put(mail, &format!("Subject: {}\r\n", encoding::unstructured(&words::subject(content))));
    put(mail, &format!("Date: {}\r\n", date(letter.date)));
    put(mail, &format!("Message-ID: <{}>\r\n", letter.message_id));
    put(mail, &format!("List-Id: <{}>\r\n", letter.list_id));
    put(mail, &format!("List-Unsubscribe: <{}>\r\n", letter.unsubscribe));
    put(mail, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
    put(mail, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    put(mail, &format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n"));
}

fn part(mail: &mut Vec<u8>, boundary: &str, subtype: &str, body: &str) {
    put(
        mail,
        &format!(
            "--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        ),
    );
    mail.extend_from_slice(&encoding::quoted_printable(body));
    put(mail, "\r\n");
}

fn put(mail: &mut Vec<u8>, text: &str) {
    mail.extend_from_slice(text.as_bytes());
}

/// RFC 5322 date in UTC: `Mon, 23 Nov 2026 07:00:00 +0000`.
fn date(at: Timestamp) -> String {
    TimeZone::UTC.to_datetime(at).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

fn check_link(link: &str) -> Result<(), Error> {
    let plain = link.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"'));
    let web = link.starts_with("https://") || link.starts_with("http://");
    if plain && web && link.len() <= LONGEST_ADDRESS { Ok(()) } else { Err(Error::Link) }
}

fn check_id(id: &str, separator: char) -> Result<(), Error> {
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@' | b'+'));
    if plain && id.len() <= 250 && id.contains(separator) { Ok(()) } else { Err(Error::Id) }
}
