//! Mails as files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ports::{Accepted, Clock, Error, Mail, Mailer, NotSent, Result};

use crate::durable_file::{self, Incoming};

/// A directory of `.eml` files.
pub(super) struct Outbox {
    directory: Arc<Path>,
    clock: Clock,
}

impl Outbox {
    /// Makes the directory usable and removes what a killed process left in it.
    pub(super) fn open(directory: &str, clock: Clock) -> Result<Self> {
        if directory.is_empty() {
            return Err(Error::Rejected("outbox: names no directory: use outbox:<directory>".to_owned()));
        }
        let directory: Arc<Path> = PathBuf::from(directory).into();
        fs::create_dir_all(&directory)
            .and_then(|()| durable_file::remove_leftovers(&directory))
            .map_err(|e| Error::Unavailable(format!("opening the outbox {}: {e}", directory.display())))?;
        Ok(Self { directory, clock })
    }
}

#[async_trait]
impl Mailer for Outbox {
    async fn send(&self, mail: &Mail) -> std::result::Result<Accepted, NotSent> {
        let (from, to) = super::envelope(mail)?;
        let mut pieces = vec![Bytes::from(format!("Return-Path: <{from}>\r\nDelivered-To: {to}\r\n"))];
        pieces.extend_from_slice(&mail.message);
        let name = format!("{}.eml", mail.id);
        let (directory, target, now) = (Arc::clone(&self.directory), self.directory.join(&name), self.clock.now());
        let write = move || {
            let mut incoming = Incoming::create(&directory)?;
            incoming.write(&pieces)?;
            incoming.sync(now)?;
            incoming.rename(&target)?;
            durable_file::sync_folder(&directory)
        };
        // A failure is always one to try again, also behind the rename: a repeat replaces the file.
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(())) => Ok(Accepted { reply: format!("written to {name}"), queue_id: Some(name) }),
            Ok(Err(e)) => Err(NotSent::Later(durable_file::sentence("writing to the outbox", &e))),
            Err(e) => Err(NotSent::Later(format!("writing to the outbox: {e}"))),
        }
    }
}
