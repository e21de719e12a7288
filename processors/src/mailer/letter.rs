//! What all recipients of a report share: its key figures and the encoded PDF, made once.

use std::sync::Arc;

use bytes::Bytes;
use domain::id::Id;
use domain::report::{Rendered, Report, Scheduled};
use domain::trial::Enclosure;
use ports::{Error, FileKey, FileStore, Result};
use queries::Queries;
use report::mail::{Attachment, Enclosure as Enclosed, Letter, MailContent, compose, enclose};
use tokio::sync::Mutex;

/// Reports whose shared parts are kept: those whose recipients are being served.
const KEPT: usize = 8;

/// The shared parts of one report's mails.
pub(super) struct Shared {
    content: MailContent,
    attachment: Attachment,
    enclosure: Enclosure,
}

impl Shared {
    /// One recipient's message, in pieces: the attachment is one of them, and the same bytes for all.
    pub(super) fn compose(
        &self,
        link: String,
        largest_attachment_bytes: u64,
        letter: &Letter,
    ) -> std::result::Result<Vec<Bytes>, report::mail::Error> {
        let enclosed = match self.enclosure {
            Enclosure::Attachment => enclose(&self.attachment, largest_attachment_bytes, link),
            Enclosure::Link => Enclosed::LinkOnly { link },
        };
        compose(&self.content, &enclosed, letter)
    }
}

/// Shared parts of the reports that were sent last; the one used last at the end.
pub(super) struct Letters {
    derived: Arc<dyn FileStore>,
    kept: Mutex<Vec<(Id<Report>, Arc<Shared>)>>,
}

impl Letters {
    pub(super) fn new(derived: Arc<dyn FileStore>) -> Self {
        Self { derived, kept: Mutex::new(Vec::new()) }
    }

    /// The shared parts of a report; none while a view that they are read from is being rebuilt.
    pub(super) async fn shared(
        &self,
        queries: &Queries,
        id: &Id<Report>,
        scheduled: &Scheduled,
        rendered: &Rendered,
    ) -> Result<Option<Arc<Shared>>> {
        // Held while it is made, so that fifty recipients make it once.
        let mut kept = self.kept.lock().await;
        if let Some(place) = kept.iter().position(|(known, _)| known == id) {
            kept[place..].rotate_left(1);
            return Ok(kept.last().map(|(_, shared)| Arc::clone(shared)));
        }
        let Some((content, enclosure)) = queries.mail_content(id.as_str(), scheduled).await? else { return Ok(None) };
        let key = FileKey::new(format!("derived/{}", rendered.sha256))?;
        // It was stored before the report was called rendered: it will not come by itself.
        let missing = || Error::Corrupt(format!("{key} of report {id} is not in the store"));
        let body = self.derived.get(&key, None).await?.ok_or_else(missing)?;
        let pdf = queries::collect(body).await?;
        let attachment = Attachment::encode_bytes(&pdf);
        let shared = Arc::new(Shared { content, attachment, enclosure });
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((id.clone(), Arc::clone(&shared)));
        Ok(Some(shared))
    }
}
