//! A mail that may go over the wire.

use lettre::Address;
use lettre::transport::smtp::commands::{Mail as MailCommand, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter, ServerInfo};
use ports::{Mail, NotSent};

/// A mail whose addresses and line ends have been checked.
pub(super) struct Letter<'a> {
    from: Address,
    to: Address,
    pieces: Vec<&'a [u8]>,
    is_ascii: bool,
}

impl<'a> Letter<'a> {
    /// Checks a mail. A carriage return or line feed that stands alone is refused: servers disagree about what it ends,
    /// and a message could smuggle another behind it.
    pub(super) fn new(mail: &'a Mail) -> Result<Self, NotSent> {
        let (from, to) = super::super::envelope(mail)?;
        let mut pieces: Vec<&[u8]> =
            mail.message.iter().map(AsRef::as_ref).filter(|piece: &&[u8]| !piece.is_empty()).collect();
        if !lines_end_with_crlf(&pieces) {
            return Err(NotSent::Never(
                "the message holds a carriage return or line feed that stands alone".to_owned(),
            ));
        }
        let is_ascii = pieces.iter().all(|piece| piece.is_ascii());
        strip_last_line_end(&mut pieces);
        Ok(Self { from, to, pieces, is_ascii })
    }

    /// The recipient's domain, as it is written.
    pub(super) fn domain(&self) -> &str {
        self.to.domain()
    }

    /// The commands that open the transfer, or why this server cannot take the mail.
    pub(super) fn commands(&self, server: &ServerInfo) -> Result<(MailCommand, Rcpt), String> {
        let mut parameters = Vec::new();
        let addresses: [&str; 2] = [self.from.as_ref(), self.to.as_ref()];
        if !addresses.iter().all(|address| address.is_ascii()) {
            if !server.supports_feature(Extension::SmtpUtfEight) {
                return Err("the server takes no addresses beyond ASCII (SMTPUTF8)".to_owned());
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !self.is_ascii {
            if !server.supports_feature(Extension::EightBitMime) {
                return Err("the server takes no messages beyond ASCII (8BITMIME)".to_owned());
            }
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok((MailCommand::new(Some(self.from.clone()), parameters), Rcpt::new(self.to.clone(), Vec::new())))
    }

    /// The message without its last line end: `lettre` writes one before the closing dot.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &'a [u8]> + Send {
        self.pieces.iter().copied()
    }
}

/// Whether each carriage return is followed by a line feed, and each line feed stands behind a carriage return.
fn lines_end_with_crlf(pieces: &[&[u8]]) -> bool {
    let alone = |before: u8, after: u8| (before == b'\r') != (after == b'\n');
    // Without a branch, so that it runs at many bytes a cycle: it goes over the attachment for each recipient.
    let inside = |piece: &[u8]| piece.iter().zip(&piece[1..]).fold(false, |found, (a, b)| found | alone(*a, *b));
    let firsts = pieces.iter().map(|piece| piece[0]).chain([0]);
    let lasts = [0].into_iter().chain(pieces.iter().map(|piece| piece[piece.len() - 1]));
    !pieces.iter().any(|piece| inside(piece)) && !lasts.zip(firsts).any(|(last, first)| alone(last, first))
}

fn strip_last_line_end(pieces: &mut Vec<&[u8]>) {
    for end in [b"\n", b"\r"] {
        if let Some(stripped) = pieces.last().and_then(|last| last.strip_suffix(end)) {
            pieces.pop();
            pieces.extend((!stripped.is_empty()).then_some(stripped));
        } else {
            return;
        }
    }
}
