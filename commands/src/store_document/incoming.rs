//! A document as it comes over HTTP: what describes it, then its bytes.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use bytes::Bytes;
use domain::id::TrialId;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use http::Problem;
use http::document::{essence, media_type};
use multer::{Field, Multipart};
use serde::Serialize;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::document_properties::{check, kept_by_the_service, reason, reason_in};

/// The bytes of a file on their way in.
pub(super) type Source = BoxStream<'static, Result<Bytes, Problem>>;

/// What a form may have beside its file, in bytes: fields, headers and boundaries.
const LARGEST_ENVELOPE_BYTES: u64 = 262_144;

/// How much of a form is looked at at once, in bytes.
const SIP_BYTES: usize = 16_384;

/// How many fields a form may have.
const MOST_FIELDS: usize = 200;

/// The part of a form that is the file.
const FILE: &str = "file";

/// The media type of a file about which nothing is said.
const UNSTATED: &str = "application/octet-stream";

/// Properties of a record that follow from its file.
const MEASURED: [&str; 3] = ["FileLocation", "Size", "MD5"];

/// Properties that a form may leave empty.
const OPTIONAL: [&str; 5] = ["SiteId", "Kind", "Status", "DocumentDate", "ContentType"];

/// What a caller says about a file, checked.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Described {
    /// The trial it goes to.
    pub(super) trial: TrialId,
    /// The record's properties as far as the caller gives them.
    pub(super) properties: Map<String, Value>,
    /// Why it is stored.
    pub(super) reason: Option<String>,
}

/// Takes a request apart: a form, or a bare file that its query describes.
///
/// # Errors
/// 413 where it announces more than `limit` bytes, 422 that names the field.
pub(super) async fn take(request: Request, limit: u64) -> Result<(Described, Source), Problem> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_form = essence(content_type).eq_ignore_ascii_case("multipart/form-data");
    let most = if is_form { limit.saturating_add(LARGEST_ENVELOPE_BYTES) } else { limit };
    if announced_bytes(&parts.headers).is_some_and(|bytes| bytes > most) {
        return Err(Problem::too_large(limit));
    }
    let mut fields = Fields::default();
    if let Some(reason) = reason_in(&parts.headers)? {
        fields.reason = Some(reason);
    }
    if is_form {
        let boundary = multer::parse_boundary(content_type)
            .map_err(|_| Problem::invalid("Content-Type", "The form's `Content-Type` names no boundary."))?;
        form(body, boundary, limit, fields).await
    } else {
        bare(&parts.uri, content_type, body, fields)
    }
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A bare file, described by the query.
fn bare(uri: &Uri, content_type: &str, body: Body, mut fields: Fields) -> Result<(Described, Source), Problem> {
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        fields.add(&name, value.into_owned())?;
    }
    // What curl says when nobody told it.
    let is_stated = !essence(content_type).eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let described = fields.describe(None, is_stated.then(|| content_type.to_owned()))?;
    Ok((described, body.into_data_stream().map(|bytes| bytes.map_err(|_| cut_off())).boxed()))
}

/// A form: fields up to the file, which is its last part.
async fn form(body: Body, boundary: String, limit: u64, mut fields: Fields) -> Result<(Described, Source), Problem> {
    let (input, allowance) = Sipped::new(body);
    let mut form = Multipart::new(input, boundary);
    for _ in 0..=MOST_FIELDS {
        let Some(mut field) = form.next_field().await.map_err(broken)? else {
            return Err(Problem::invalid(FILE, "The form has no part `file`.")
                .with_remedy("Send the file as the last part, named `file`."));
        };
        let name = field.name().unwrap_or_default().to_owned();
        if name == FILE {
            let filename = field.file_name().map(ToOwned::to_owned);
            let stated = field.content_type().map(ToString::to_string);
            let described = fields.describe(filename, stated)?;
            allowance.set(limit.saturating_add(LARGEST_ENVELOPE_BYTES));
            return Ok((described, file_of(form, field, allowance)));
        }
        if field.file_name().is_some() {
            return Err(Problem::invalid(&name, "A form has one file, in its part `file`."));
        }
        let value = text_of(&name, &mut field).await?;
        fields.add(&name, value)?;
    }
    Err(Problem::malformed(format!("The form has more than {MOST_FIELDS} fields.")))
}

async fn text_of(name: &str, field: &mut Field<'static>) -> Result<String, Problem> {
    let mut text = Vec::new();
    while let Some(bytes) = field.chunk().await.map_err(broken)? {
        text.extend_from_slice(&bytes);
    }
    String::from_utf8(text).map_err(|_| Problem::invalid(name, "This field is not UTF-8."))
}

/// The bytes of a form's file; an error at its end where other parts follow.
fn file_of(form: Multipart<'static>, field: Field<'static>, allowance: Allowance) -> Source {
    stream::try_unfold((form, Some(field), allowance), |(mut form, field, allowance)| async move {
        let Some(mut field) = field else { return Ok(None) };
        if let Some(bytes) = field.chunk().await.map_err(broken)? {
            return Ok(Some((bytes, (form, Some(field), allowance))));
        }
        drop(field);
        allowance.set(LARGEST_ENVELOPE_BYTES);
        if let Some(late) = form.next_field().await.map_err(broken)? {
            let name = late.name().unwrap_or_default();
            return Err(Problem::invalid(name, "This field comes after the file, so nothing was stored.")
                .with_remedy("Put all fields before the part `file`."));
        }
        Ok(Some((Bytes::new(), (form, None, allowance))))
    })
    .boxed()
}

fn cut_off() -> Problem {
    Problem::malformed("The upload ended before it was complete, so nothing was stored.").with_remedy("Send it again.")
}

fn broken(error: multer::Error) -> Problem {
    match error {
        multer::Error::StreamReadFailed(reason) => match reason.downcast::<Problem>() {
            Ok(problem) => *problem,
            Err(_) => cut_off(),
        },
        multer::Error::IncompleteStream
        | multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders => cut_off(),
        other => Problem::malformed(format!("The form is malformed: {other}.")),
    }
}

/// What a caller says about a file, as it comes.
#[derive(Default)]
struct Fields {
    given: BTreeMap<String, String>,
    reason: Option<String>,
}

impl Fields {
    fn add(&mut self, name: &str, value: String) -> Result<(), Problem> {
        if name == "Reason" {
            self.reason = reason("Reason", &value)?;
            return Ok(());
        }
        if OPTIONAL.contains(&name) && value.is_empty() {
            return Ok(());
        }
        if self.given.insert(name.to_owned(), value).is_some() {
            return Err(Problem::invalid(name, "This field is there twice."));
        }
        Ok(())
    }

    /// Checks what was given; name and media type are what came with the file itself.
    fn describe(mut self, filename: Option<String>, stated: Option<String>) -> Result<Described, Problem> {
        let filename = self.given.remove("Filename").or(filename).unwrap_or_default();
        if filename.is_empty() {
            return Err(Problem::invalid("Filename", "The file has no name.")
                .with_remedy("Send `Filename`, in the query or as a field before the file."));
        }
        let trial = self.given.get("TrialId").ok_or_else(|| {
            Problem::invalid("TrialId", "A document belongs to a trial.").with_remedy("Send `TrialId`.")
        })?;
        let trial = TrialId::parse("TrialId", trial)?;
        let stated = stated.filter(|stated| media_type(stated).is_some()).unwrap_or_else(|| UNSTATED.to_owned());
        let content_type = self.given.remove("ContentType").unwrap_or(stated);
        let mut properties = Map::new();
        let named = [("Filename".to_owned(), filename), ("ContentType".to_owned(), content_type)];
        for (name, value) in self.given.into_iter().chain(named) {
            if MEASURED.contains(&name.as_str()) {
                return Err(kept_by_the_service(&name));
            }
            let value = Value::from(value);
            check(&name, &value)?;
            properties.insert(name, value);
        }
        Ok(Described { trial, properties, reason: self.reason })
    }
}

/// How many more bytes of a form may come.
#[derive(Clone)]
struct Allowance(Arc<AtomicI64>);

impl Allowance {
    fn set(&self, bytes: u64) {
        self.0.store(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.0.fetch_sub(bytes, Ordering::Relaxed) >= bytes
    }
}

/// A form's bytes in sips: `multer` gathers all that is ready before it looks at any of it, and would hold a whole file.
struct Sipped {
    body: BodyDataStream,
    /// What has come and is not passed on yet.
    rest: Bytes,
    allowance: Allowance,
    paused: bool,
}

impl Sipped {
    fn new(body: Body) -> (Self, Allowance) {
        let allowance = Allowance(Arc::default());
        allowance.set(LARGEST_ENVELOPE_BYTES);
        let sipped =
            Self { body: body.into_data_stream(), rest: Bytes::new(), allowance: allowance.clone(), paused: true };
        (sipped, allowance)
    }
}

impl Stream for Sipped {
    type Item = Result<Bytes, Problem>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.paused = !self.paused;
        if self.paused {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.rest.is_empty() {
            match ready!(self.body.poll_next_unpin(context)) {
                None => return Poll::Ready(None),
                Some(Err(_)) => return Poll::Ready(Some(Err(cut_off()))),
                Some(Ok(bytes)) => self.rest = bytes,
            }
        }
        let length = self.rest.len().min(SIP_BYTES);
        let sip = self.rest.split_to(length);
        let fits = self.allowance.take(sip.len());
        Poll::Ready(Some(if fits { Ok(sip) } else { Err(Problem::malformed("The fields of the form are too long.")) }))
    }
}
