//! What a file holds: measures, findings and a thumbnail.
//!
//! [`analyse`] is a pure function of the bytes and the limits. It looks before it allocates (dimensions come from the
//! header), holds an image in memory, and streams tables and texts through a small buffer whatever their size. It cannot
//! interrupt a decoder, though, so that the service runs it in a process of its own per file, with limits that the
//! operating system enforces: [`isolated::Analyser`] in the service, [`child::main`] in that process.

pub mod child;
mod detect;
mod encoding;
mod fingerprint;
mod image;
pub mod isolated;
mod jpeg;
mod luminance;
mod orientation;
mod png;
mod table;
mod text;
mod thumbnail;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use domain::findings::FindingCode;
use domain::measures::{Measures, OtherMeasures};
use serde::{Deserialize, Serialize};

use crate::analysis::detect::Kind;

pub use crate::analysis::thumbnail::{THUMBNAIL_QUALITY, THUMBNAIL_SIDE_PX};

const MIB: u64 = 1 << 20;

/// What one analysis may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Pixels of an image. Default 64 million.
    pub pixels: u64,
    /// Bytes of an image file, which is held in memory while it is decoded. Tables and texts are streamed and have no
    /// such limit. Default 64 MiB.
    pub file_bytes: u64,
    /// Memory in bytes above what the idle program takes. Default 256 MiB.
    pub memory_bytes: u64,
    /// Time during which the analysis has bytes to work on; waiting for the file store does not count. Default 10 s.
    pub time: Duration,
    /// Bytes of one line of a text or one record of a table, as UTF-8. Default 1 MiB.
    pub line_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pixels: 64_000_000,
            file_bytes: 64 * MIB,
            memory_bytes: 256 * MIB,
            time: Duration::from_secs(10),
            line_bytes: MIB,
        }
    }
}

/// What was found in a file that could be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// What it is and what was measured.
    pub measures: Measures,
    /// What was found, in the order of [`FindingCode`], each at most once.
    pub findings: Vec<FindingCode>,
    /// A small version, of images.
    pub thumbnail: Option<Thumbnail>,
}

impl Analysis {
    /// The media type found in the bytes.
    pub fn media_type(&self) -> &str {
        self.measures.media_type()
    }
}

/// A small upright version of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// The JPEG file. Not part of the JSON: it follows it.
    #[serde(skip)]
    pub jpeg: Vec<u8>,
}

/// Why a file could not be analysed. It concerns this file only and is recorded; trying again gives the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{finding}: {detail}")]
pub struct Unreadable {
    /// The media type found in the first bytes, if it came to that.
    pub media_type: Option<String>,
    /// What is wrong.
    pub finding: FindingCode,
    /// The numbers or the decoder's words, in English, for the findings page. Holds no content of the file.
    pub detail: String,
}

/// What comes out for a file: both are results to record.
pub type Outcome = Result<Analysis, Unreadable>;

/// Analyses the bytes of one file, which need not be read to their end. The bytes alone decide what they are, so that the same
/// bytes give the same outcome under whatever name; whether a document's name fits them is found where both are known.
///
/// # Errors
/// Only if `bytes` fails to be read. All that is wrong with the file itself is an [`Outcome`].
pub fn analyse(bytes: &mut dyn Read, limits: &Limits) -> io::Result<Outcome> {
    let waited = Cell::new(Duration::ZERO);
    let deadline = Deadline { started: now(), time: limits.time, waited: &waited };
    let bytes = &mut Waiting { reader: bytes, waited: &waited };
    let mut prefix = vec![0; detect::PREFIX_BYTES];
    let length = read_up_to(bytes, &mut prefix)?;
    prefix.truncate(length);
    if prefix.is_empty() {
        return Ok(Err(Unreadable { media_type: None, finding: FindingCode::EmptyFile, detail: "0 bytes".to_owned() }));
    }

    let kind = detect::kind(&prefix);
    let found = panic::catch_unwind(AssertUnwindSafe(|| read_as(kind, prefix, bytes, limits, deadline)));
    let stop = match found {
        Ok(Ok(mut analysis)) => {
            analysis.findings.sort_unstable();
            analysis.findings.dedup();
            return Ok(Ok(analysis));
        }
        Ok(Err(stop)) => stop,
        Err(panic) => Stop::found(FindingCode::DecoderPanicked, panic_message(&*panic)),
    };
    match stop {
        Stop::Source(error) => Err(error),
        Stop::Found { finding, detail } => {
            Ok(Err(Unreadable { media_type: Some(kind.media_type().to_owned()), finding, detail }))
        }
    }
}

fn read_as(
    kind: Kind,
    prefix: Vec<u8>,
    rest: &mut dyn Read,
    limits: &Limits,
    deadline: Deadline<'_>,
) -> Result<Analysis, Stop> {
    match kind {
        Kind::Jpeg => jpeg::analyse(&read_whole(prefix, rest, limits)?, limits, deadline),
        Kind::Png => png::analyse(&read_whole(prefix, rest, limits)?, limits, deadline),
        Kind::Text => table::analyse(encoding::Utf8Chunks::new(io::Cursor::new(prefix).chain(rest)), limits, deadline),
        Kind::Other(media_type) => Ok(Analysis {
            measures: Measures::Other(OtherMeasures { media_type: media_type.to_owned() }),
            findings: vec![FindingCode::UnsupportedType],
            thumbnail: None,
        }),
    }
}

/// The whole file, as far as the limit allows.
fn read_whole(prefix: Vec<u8>, rest: &mut dyn Read, limits: &Limits) -> Result<Vec<u8>, Stop> {
    let mut bytes = prefix;
    let left = limits.file_bytes.saturating_sub(bytes.len() as u64);
    rest.take(left.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limits.file_bytes {
        return Err(Stop::found(FindingCode::TooLarge, format!("more than {} bytes", limits.file_bytes)));
    }
    Ok(bytes)
}

/// Fills as much of `buffer` as there is; answers how much that is.
fn read_up_to(bytes: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match bytes.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    words.unwrap_or("panicked without a message").to_owned()
}

/// Why an analysis ends early: the file's fault or the source's.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("{finding}: {detail}")]
    Found { finding: FindingCode, detail: String },
    #[error(transparent)]
    Source(#[from] io::Error),
}

impl Stop {
    fn found(finding: FindingCode, detail: impl Into<String>) -> Self {
        Self::Found { finding, detail: detail.into() }
    }
}

/// When an analysis must have ended. Looked at between two steps; what does not come back from a step is ended from
/// outside, see [`isolated`].
#[derive(Clone, Copy, Debug)]
struct Deadline<'a> {
    started: Instant,
    time: Duration,
    waited: &'a Cell<Duration>,
}

impl Deadline<'_> {
    fn check(self) -> Result<(), Stop> {
        if self.started.elapsed().saturating_sub(self.waited.get()) > self.time {
            return Err(Stop::found(FindingCode::TooSlow, too_slow_detail(self.time)));
        }
        Ok(())
    }
}

/// A source whose time is not the analysis's.
struct Waiting<'a> {
    reader: &'a mut dyn Read,
    waited: &'a Cell<Duration>,
}

impl Read for Waiting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let started = now();
        let result = self.reader.read(buffer);
        self.waited.set(self.waited.get() + started.elapsed());
        result
    }
}

#[expect(clippy::disallowed_methods, reason = "a limit on computing time, not a time that is recorded")]
fn now() -> Instant {
    Instant::now()
}

fn too_slow_detail(time: Duration) -> String {
    format!("more than {} ms", time.as_millis())
}

/// Refuses an image before anything is allocated for it. `working_bytes` is what decoding will take in all.
fn admit_image(width: u64, height: u64, working_bytes: u64, limits: &Limits) -> Result<(), Stop> {
    if width.saturating_mul(height) > limits.pixels {
        let detail = format!("{width} x {height} px, at most {} are decoded", limits.pixels);
        return Err(Stop::found(FindingCode::TooManyPixels, detail));
    }
    if working_bytes > limits.memory_bytes {
        let detail = format!("{width} x {height} px need {working_bytes} bytes, the limit is {}", limits.memory_bytes);
        return Err(Stop::found(FindingCode::OutOfMemory, detail));
    }
    Ok(())
}
