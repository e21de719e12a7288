//! Mailers by URL.

mod outbox;
mod smtp;

use std::sync::Arc;

use lettre::Address;
use ports::{Clock, Mail, Mailer, NotSent, Result};

/// Opens a mailer.
///
/// - `outbox:<directory>`: writes each mail as a file, see below.
/// - `smtp://[user:password@]host[:587]`: hands mails to a server, encrypted by STARTTLS. Where the server does not offer
///   it, nothing is sent. `tls=none` sends in clear, and is taken for a loopback host only.
/// - `smtps://[user:password@]host[:465]`: the same, encrypted from the first byte.
///
/// User and password are percent-encoded. Options of both, behind `?`, joined by `&`:
///
/// | Option | Meaning | Default |
/// |---|---|---|
/// | `ca` | PEM file of further certificate authorities to trust | those of the machine |
/// | `helo` | how we call ourselves | address literal of our end |
/// | `connections` | the most that are open at once | 8 |
/// | `per_connection` | mails after which a connection is closed with QUIT, and another opened | 100 |
/// | `per_domain` | the most mails that are under way at once to one recipient domain | `connections` |
/// | `timeout` | seconds to connect, and for each answer before the message | 60 |
/// | `answer_timeout` | seconds for the message and the answer to it, and to wait for other mails before it | 300 |
///
/// `connections` and `per_domain` hold for all mailer workers of a process. Processes do not know of each other: the server sees at
/// most the product of a limit and the number of processes with the role `mailer`.
///
/// An outbox file `<id>.eml` is the message behind two lines that tell the envelope, as a final delivery adds them:
/// `Return-Path: <sender>` (RFC 5321, section 4.4) and `Delivered-To: recipient` (RFC 9228). Mail programs open it as it
/// is. Sending the same id again replaces the file.
///
/// # Errors
/// `Rejected` where the URL names no mailer or a value in it is wrong, `Unavailable` where a file or directory it names
/// cannot be used. Servers are first contacted by the first mail.
pub fn open(url: &str, clock: &Clock) -> Result<Arc<dyn Mailer>> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "outbox" => Ok(Arc::new(outbox::Outbox::open(rest, clock.clone())?)),
        "smtp" | "smtps" => Ok(Arc::new(smtp::Smtp::open(url, clock.clone())?)),
        _ => Err(crate::unknown_scheme(
            "mail.url",
            url,
            &[
                "outbox:<directory>",
                "smtp://<user>:<password>@<host>:<port>",
                "smtps://<user>:<password>@<host>:<port>",
            ],
        )),
    }
}

/// Checks id and envelope before anything is sent: what could end a line or a command is never passed on.
fn envelope(mail: &Mail) -> std::result::Result<(Address, Address), NotSent> {
    let id_is_fine =
        (1..=128).contains(&mail.id.len()) && mail.id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if !id_is_fine {
        return Err(NotSent::Never("the id of the mail is not 1 to 128 of A-Z, a-z, 0-9, '.', '_', '-'".to_owned()));
    }
    Ok((address("sender", &mail.from)?, address("recipient", &mail.to)?))
}

fn address(whose: &str, text: &str) -> std::result::Result<Address, NotSent> {
    // Quoted local parts may hold spaces and brackets by RFC 5321; nobody has one, and they would need care everywhere.
    let is_plain =
        text.len() <= 254 && !text.chars().any(|c| c.is_control() || c.is_whitespace() || "<>\"\\".contains(c));
    is_plain
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| NotSent::Never(format!("the address of the {whose} is no mail address")))
}
