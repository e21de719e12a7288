//! One process per file, so that a decoder that crashes, hangs or devours memory harms this file only.
//!
//! A process for each file rather than a pool: the limits on memory and computing time are then exactly those of one
//! file, nothing of one file is left when the next begins, and starting one costs a few milliseconds (measured by the
//! benchmark `analysis`), a tenth of what an image takes. It gets no environment, hence no secrets, and no files.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use domain::findings::FindingCode;
use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, timeout};

use crate::analysis::child::Request;
use crate::analysis::{Limits, Outcome, Unreadable, analyse, detect, too_slow_detail};

/// The verb that makes the program such a process.
pub const VERB: &str = "analyse-one";

/// Longest answer in bytes: a line of JSON and a thumbnail of at most 320 × 320 px.
const ANSWER_BYTES: u64 = 1 << 20;
/// As much as is kept of what a dying process says.
const LAST_WORDS_BYTES: u64 = 4 * 1024;
/// What Rust's runtime says before it aborts for want of memory.
const ALLOCATION_FAILED: &str = "memory allocation of";

/// Where analyses are carried out.
#[derive(Clone, Debug)]
pub enum Analyser {
    /// In a process of its own per file; all limits are enforced.
    Isolated {
        /// The program, whose `main` calls [`super::child::run`] when started with `arguments`.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<OsString>,
    },
    /// In this process, with the whole file in memory. For tests: a decoder that hangs is not interrupted.
    InProcess,
}

/// Why an analysis has no outcome: not the file's fault, to be tried again.
#[derive(Debug, thiserror::Error)]
pub enum AnalyserError<E: std::error::Error + 'static> {
    /// The stream of bytes ended with an error.
    #[error("the file could not be read")]
    Source(#[source] E),
    /// The process could not be started or did not keep to the protocol.
    #[error("the analysis process failed: {0}")]
    Process(String),
}

impl Analyser {
    /// This same program with [`VERB`].
    ///
    /// # Errors
    /// If the operating system does not say where the program lies.
    pub fn this_program() -> io::Result<Self> {
        // On Linux this names the running program even after an update has replaced its file.
        let program =
            if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { std::env::current_exe()? };
        Ok(Self::Isolated { program, arguments: vec![VERB.into()] })
    }

    /// Analyses a file as it comes. The stream is not read on once the outcome is clear; who needs its rest (for a hash)
    /// reads it afterwards.
    ///
    /// # Errors
    /// If the stream fails or the process cannot be run; see [`AnalyserError`].
    pub async fn analyse<S, E>(&self, limits: &Limits, bytes: &mut S) -> Result<Outcome, AnalyserError<E>>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::error::Error + 'static,
    {
        match self {
            Self::Isolated { program, arguments } => {
                let mut command = Command::new(program);
                command.args(arguments);
                in_process_of_its_own(command, limits, bytes).await
            }
            Self::InProcess => in_this_process(limits, bytes).await,
        }
    }
}

async fn in_this_process<S, E>(limits: &Limits, bytes: &mut S) -> Result<Outcome, AnalyserError<E>>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error + 'static,
{
    let mut file = Vec::new();
    while let Some(chunk) = bytes.next().await {
        file.extend_from_slice(&chunk.map_err(AnalyserError::Source)?);
    }
    let limits = *limits;
    let outcome = tokio::task::spawn_blocking(move || analyse(&mut file.as_slice(), &limits)).await;
    outcome.map_err(|error| process(&error))?.map_err(|error| process(&error))
}

async fn in_process_of_its_own<S, E>(
    mut command: Command,
    limits: &Limits,
    bytes: &mut S,
) -> Result<Outcome, AnalyserError<E>>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error + 'static,
{
    // A group of its own: what a terminal or supervisor sends to ours must not look like the file's fault.
    #[cfg(unix)]
    command.process_group(0);
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| process(&error))?;
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(AnalyserError::Process("no pipes".to_owned()));
    };
    let mut request = serde_json::to_vec(&Request { limits: *limits }).map_err(|error| process(&error))?;
    request.push(b'\n');

    let mut feed = Feed { busy: Stopwatch::new(limits.time), media_type: None };
    let (ended, answer, last_words) = tokio::join!(
        feed.run(&mut child, stdin, Bytes::from(request), bytes),
        read_at_most(stdout, ANSWER_BYTES),
        read_at_most(stderr, LAST_WORDS_BYTES),
    );
    let finding = match ended? {
        End::OutOfTime => FindingCode::TooSlow,
        End::Exited(status) if status.success() => return read_answer(&answer.map_err(|error| process(&error))?),
        End::Exited(status) => {
            let last_words = String::from_utf8_lossy(&last_words.unwrap_or_default()).into_owned();
            match finding_of_death(status, &last_words) {
                Some(finding) => finding,
                None => return Err(AnalyserError::Process(format!("{status}: {}", last_words.trim()))),
            }
        }
    };
    let detail = match finding {
        FindingCode::TooSlow => too_slow_detail(limits.time),
        FindingCode::OutOfMemory => format!("more than {} bytes", limits.memory_bytes),
        _ => "the analysis process crashed".to_owned(),
    };
    Ok(Err(Unreadable { media_type: feed.media_type, finding, detail }))
}

/// How a process came to its end.
enum End {
    Exited(ExitStatus),
    OutOfTime,
}

/// Gives a process its file, and the time that the limit allows.
struct Feed {
    busy: Stopwatch,
    media_type: Option<String>,
}

impl Feed {
    async fn run<S, E>(
        &mut self,
        child: &mut Child,
        stdin: ChildStdin,
        request: Bytes,
        bytes: &mut S,
    ) -> Result<End, AnalyserError<E>>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::error::Error + 'static,
    {
        let fed = self.feed(stdin, request, bytes).await;
        if let Ok(true) = fed
            && let Some(status) = self.busy.run(child.wait()).await
        {
            return status.map(End::Exited).map_err(|error| process(&error));
        }
        child.kill().await.map_err(|error| process(&error))?;
        fed.map(|_| End::OutOfTime)
    }

    /// Writes the file to the process and closes the pipe; answers whether there was time for it.
    async fn feed<S, E>(
        &mut self,
        mut stdin: ChildStdin,
        request: Bytes,
        bytes: &mut S,
    ) -> Result<bool, AnalyserError<E>>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::error::Error + 'static,
    {
        let mut next = Some(request);
        while let Some(chunk) = next {
            match self.busy.run(stdin.write_all(&chunk)).await {
                Some(Ok(())) => {}
                // It has seen enough, or is dead: its exit tells.
                Some(Err(_)) => return Ok(true),
                None => return Ok(false),
            }
            next = bytes.next().await.transpose().map_err(AnalyserError::Source)?;
            if let (None, Some(first)) = (&self.media_type, &next) {
                let prefix = &first[..first.len().min(detect::PREFIX_BYTES)];
                self.media_type = Some(detect::kind(prefix).media_type().to_owned());
            }
        }
        Ok(true)
    }
}

/// Counts the time in which the process has something to do, not that in which it waits for the file store.
struct Stopwatch {
    left: Duration,
}

impl Stopwatch {
    fn new(time: Duration) -> Self {
        Self { left: time }
    }

    /// The result, or `None` once the time is used up.
    async fn run<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let started = Instant::now();
        let result = timeout(self.left, work).await.ok();
        self.left = self.left.saturating_sub(started.elapsed());
        result
    }
}

async fn read_at_most(pipe: impl AsyncRead + Unpin, bytes: u64) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    pipe.take(bytes).read_to_end(&mut read).await?;
    Ok(read)
}

fn read_answer<E: std::error::Error + 'static>(answer: &[u8]) -> Result<Outcome, AnalyserError<E>> {
    let line = answer.iter().position(|byte| *byte == b'\n').map_or(answer.len(), |end| end + 1);
    let (json, rest) = answer.split_at(line);
    let mut outcome: Outcome = serde_json::from_slice(json).map_err(|error| process(&error))?;
    if let Ok(analysis) = &mut outcome
        && let Some(thumbnail) = &mut analysis.thumbnail
    {
        thumbnail.jpeg = rest.to_vec();
    }
    Ok(outcome)
}

/// What a process died of, if it was the file. An exit of its own accord is a fault of ours, and any other signal came from
/// somebody outside: from who ends the service, or from the system when the whole machine is out of memory.
#[cfg(unix)]
fn finding_of_death(status: ExitStatus, last_words: &str) -> Option<FindingCode> {
    use rustix::process::Signal;
    use std::os::unix::process::ExitStatusExt;

    let signal = Signal::from_named_raw(status.signal()?)?;
    match signal {
        Signal::XCPU => Some(FindingCode::TooSlow),
        // The limit on memory makes allocations fail, and Rust's runtime aborts then.
        Signal::ABORT if last_words.contains(ALLOCATION_FAILED) => Some(FindingCode::OutOfMemory),
        Signal::ABORT | Signal::SEGV | Signal::BUS | Signal::ILL | Signal::FPE => Some(FindingCode::DecoderPanicked),
        _ => None,
    }
}

#[cfg(not(unix))]
fn finding_of_death(_status: ExitStatus, _last_words: &str) -> Option<FindingCode> {
    None
}

fn process<E: std::error::Error + 'static>(error: &dyn std::fmt::Display) -> AnalyserError<E> {
    AnalyserError::Process(error.to_string())
}
