//! The process that analyses one file and ends: limits on itself first, then the file from its standard input.
//!
//! Input is one line of JSON (a [`Request`]) and the bytes of the file; output is one line of JSON (an [`Outcome`]) and
//! the bytes of the thumbnail, if there is one.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde::{Deserialize, Serialize};

use crate::analysis::{Analysis, Limits, Outcome, analyse};

/// Longest request line in bytes.
const REQUEST_BYTES: u64 = 64 * 1024;

/// What the parent asks for, before the bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// What the analysis may take.
    pub limits: Limits,
}

/// Analyses the file on `input`. Called by the program's `main`, before any thread or runtime is started, for the verb
/// that [`super::isolated::Analyser`] uses.
///
/// # Errors
/// If the limits cannot be set (nothing is analysed without), or if reading or writing fails.
pub fn run(input: impl Read, output: impl Write) -> io::Result<()> {
    run_with(input, output, |bytes, request| analyse(bytes, &request.limits))
}

/// As [`run`], with another analysis in place of [`analyse`]; for tests of what the limits do.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    input: impl Read,
    mut output: impl Write,
    analysis: impl FnOnce(&mut dyn Read, &Request) -> io::Result<Outcome>,
) -> io::Result<()> {
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    input.by_ref().take(REQUEST_BYTES).read_until(b'\n', &mut line)?;
    let request: Request = serde_json::from_slice(&line)?;
    confine(&request.limits)?;
    let outcome = analysis(&mut input, &request)?;
    serde_json::to_writer(&mut output, &outcome)?;
    output.write_all(b"\n")?;
    if let Ok(Analysis { thumbnail: Some(thumbnail), .. }) = &outcome {
        output.write_all(&thumbnail.jpeg)?;
    }
    output.flush()
}

/// Sets what the operating system enforces on this process from here on: memory above what it has mapped now, computing
/// time, no core dump (it would hold the file), no file written, no further file opened.
#[cfg(unix)]
fn confine(limits: &Limits) -> io::Result<()> {
    use rustix::process::Resource;

    // Read before the limit on open files; other systems than Linux do not enforce address space, so that there the
    // check of the header is all there is.
    #[cfg(target_os = "linux")]
    limit(Resource::As, mapped_bytes()?.saturating_add(limits.memory_bytes), 0)?;
    // Whole seconds, rounded up: the parent's clock is the exact one, this one also holds without a parent. The signal
    // comes at the first number, the end without appeal one second later.
    let seconds = limits.time.as_secs().saturating_add(1);
    limit(Resource::Cpu, seconds, 1)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Nofile, 3, 0)
}

#[cfg(not(unix))]
fn confine(_limits: &Limits) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no limits for a process"))
}

#[cfg(unix)]
fn limit(resource: rustix::process::Resource, value: u64, grace: u64) -> io::Result<()> {
    use rustix::process::{Rlimit, getrlimit, setrlimit};

    // A lower limit that is set already stays: only root could raise it.
    let ceiling = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let maximum = value.saturating_add(grace).min(ceiling);
    setrlimit(resource, Rlimit { current: Some(value.min(maximum)), maximum: Some(maximum) })?;
    Ok(())
}

/// Address space of this process in bytes.
#[cfg(target_os = "linux")]
fn mapped_bytes() -> io::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: Option<u64> = statm.split_ascii_whitespace().next().and_then(|pages| pages.parse().ok());
    let pages = pages.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/self/statm"))?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}
