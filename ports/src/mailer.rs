//! Hands a mail to the world.

use async_trait::async_trait;
use bytes::Bytes;

/// A whole mail with its envelope.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Envelope sender (bounces come here).
    pub from: String,
    /// Envelope recipient: exactly one.
    pub to: String,
    /// Names the mail in file names and logs: `[A-Za-z0-9._-]{1,128}`.
    pub id: String,
    /// The message (RFC 5322) in pieces, so that an attachment is shared by all recipients and never copied.
    pub message: Vec<Bytes>,
}

impl Mail {
    /// The message in one piece.
    #[must_use]
    pub fn whole(&self) -> Vec<u8> {
        self.message.concat()
    }
}

/// The server took responsibility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What the server said.
    pub reply: String,
    /// Its name for the mail, if it told one.
    pub queue_id: Option<String>,
}

/// The mail did not go, or nobody knows. An outcome we record, not a port error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// Temporary: try again later.
    Later(String),
    /// Permanent for this recipient.
    Never(String),
    /// The connection ended after the message and before the answer.
    Unknown(String),
}

/// Sends one mail, once, without retries.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends, and tells what became of it.
    async fn send(&self, mail: &Mail) -> std::result::Result<Accepted, NotSent>;
    /// Hands over no further mail: each whose sending has not come so far is to be sent later. Nothing to do for who waits for
    /// nobody.
    fn close(&self) {}
}
