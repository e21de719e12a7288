//! What the process that analyses one file is kept from. The program starts itself: called with [`VERB`] it is that
//! process, so that it needs a `main` of its own and not the standard harness.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use domain::findings::FindingCode;
use domain::measures::Measures;
use futures::{StreamExt, stream};
use jpeg_encoder::{ColorType, Encoder};
use processors::analysis::child::{self, Request};
use processors::analysis::isolated::{Analyser, AnalyserError, VERB};
use processors::analysis::{Limits, Outcome, analyse};
use rustix::process::{Signal, getpgrp, getpid, kill_process};

const MIB: u64 = 1 << 20;

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("a_file_is_analysed_as_in_process", a_file_is_analysed_as_in_process),
    ("a_decoder_that_devours_memory_is_ended_at_its_limit", a_decoder_that_devours_memory_is_ended_at_its_limit),
    ("a_decoder_that_sleeps_is_ended_at_its_limit", a_decoder_that_sleeps_is_ended_at_its_limit),
    ("a_decoder_that_spins_is_ended_even_without_a_parent", a_decoder_that_spins_is_ended_even_without_a_parent),
    ("a_decoder_that_crashes_harms_only_its_file", a_decoder_that_crashes_harms_only_its_file),
    ("a_process_that_somebody_ends_is_no_fault_of_its_file", a_process_that_somebody_ends_is_no_fault_of_its_file),
    ("waiting_for_the_store_is_not_counted", waiting_for_the_store_is_not_counted),
    ("a_table_of_any_size_needs_little_memory", a_table_of_any_size_needs_little_memory),
    ("a_failing_source_and_a_wrong_program_are_errors", a_failing_source_and_a_wrong_program_are_errors),
    ("nothing_of_the_environment_is_inherited", nothing_of_the_environment_is_inherited),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|verb| verb == VERB) {
        return misbehave(arguments.get(1).map_or("", String::as_str));
    }
    run_tests(&arguments)
}

/// The part of the standard harness that is in use: names to choose by, `--list`, `--exact`.
fn run_tests(arguments: &[String]) -> ExitCode {
    let mut out = io::stdout().lock();
    let list = arguments.iter().any(|argument| argument == "--list");
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let ignored = arguments.iter().any(|argument| argument == "--ignored");
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |name: &str| {
        wanted.is_empty() || wanted.iter().any(|want| if exact { *want == name } else { name.contains(want.as_str()) })
    };
    for (name, test) in TESTS.iter().filter(|(name, _)| chosen(name) && !ignored) {
        if list {
            writeln!(out, "{name}: test").unwrap();
        } else {
            test();
            writeln!(out, "test {name} ... ok").unwrap();
        }
    }
    ExitCode::SUCCESS
}

/// The child: the limits are real, the analysis is one that goes wrong.
fn misbehave(how: &str) -> ExitCode {
    let how = how.to_owned();
    let result = child::run_with(io::stdin().lock(), io::stdout().lock(), |bytes, request| {
        match how.as_str() {
            "devour" => devour(),
            "sleep" => std::thread::park_timeout(Duration::from_secs(60)),
            "spin" => spin(),
            "crash" => std::process::abort(),
            "ended by TERM" => end_myself(Signal::TERM),
            "ended by USR1" => end_myself(Signal::USR1),
            "ended by KILL" => end_myself(Signal::KILL),
            "group" => assert_eq!(getpgrp(), getpid(), "signals to the service's group reach this process"),
            "environment" => assert!(std::env::vars_os().next().is_none(), "an environment was inherited"),
            _ => {}
        }
        analyse_request(bytes, request)
    });
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn analyse_request(bytes: &mut dyn Read, request: &Request) -> io::Result<Outcome> {
    analyse(bytes, &request.limits)
}

fn end_myself(signal: Signal) {
    kill_process(getpid(), signal).unwrap();
}

fn devour() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1_u8; MIB as usize]));
    }
}

fn spin() {
    loop {
        std::hint::spin_loop();
    }
}

fn child(how: &str) -> Analyser {
    let arguments: Vec<OsString> = vec![VERB.into(), how.into()];
    Analyser::Isolated { program: std::env::current_exe().unwrap(), arguments }
}

fn run(analyser: &Analyser, limits: &Limits, chunks: impl IntoIterator<Item = Vec<u8>>) -> Outcome {
    let chunks = chunks.into_iter().map(|chunk| Ok::<_, io::Error>(Bytes::from(chunk)));
    within_runtime(analyser.analyse(limits, &mut stream::iter(chunks))).unwrap()
}

fn within_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    jpeg_with(width, height, |_| {})
}

fn jpeg_with(width: u16, height: u16, adjust: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let pixels: Vec<u8> = (0..usize::from(width) * usize::from(height) * 3).map(|at| (at / 7 % 251) as u8).collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    adjust(&mut encoder);
    encoder.encode(&pixels, width, height, ColorType::Rgb).unwrap();
    file
}

fn a_file_is_analysed_as_in_process() {
    let file = jpeg(1200, 900);
    let limits = Limits::default();
    let chunks = || file.chunks(10_000).map(<[u8]>::to_vec);
    let isolated = run(&child("behave"), &limits, chunks());
    assert_eq!(isolated, run(&Analyser::InProcess, &limits, chunks()));
    assert!(isolated.unwrap().thumbnail.unwrap().jpeg.starts_with(b"\xff\xd8\xff"));

    // What just passes the reckoning from the header also passes the limit: 9 bytes a pixel, as progressive images take.
    let progressive = run(&child("behave"), &limits, [jpeg_with(5000, 5000, |encoder| encoder.set_progressive(true))]);
    assert!(progressive.is_ok(), "{progressive:?}");
    let empty = run(&child("behave"), &limits, []).unwrap_err();
    assert_eq!(empty.finding, FindingCode::EmptyFile);
}

fn a_decoder_that_devours_memory_is_ended_at_its_limit() {
    let unreadable = run(&child("devour"), &Limits::default(), [jpeg(64, 64)]).unwrap_err();
    assert_eq!(unreadable.finding, FindingCode::OutOfMemory, "{unreadable:?}");
    assert_eq!(unreadable.media_type.as_deref(), Some("image/jpeg"));
}

fn a_decoder_that_sleeps_is_ended_at_its_limit() {
    let limits = Limits { time: Duration::from_millis(300), ..Limits::default() };
    assert_eq!(run(&child("sleep"), &limits, [jpeg(64, 64)]).unwrap_err().finding, FindingCode::TooSlow);
    // One that never reads, with more to read than the pipe holds.
    assert_eq!(run(&child("sleep"), &limits, vec![vec![0; 65_536]; 32]).unwrap_err().finding, FindingCode::TooSlow);
}

fn a_decoder_that_spins_is_ended_even_without_a_parent() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    let limits = Limits { time: Duration::ZERO, ..Limits::default() };
    let request = serde_json::to_string(&Request { limits }).unwrap();
    let mut child =
        Command::new(std::env::current_exe().unwrap()).args([VERB, "spin"]).stdin(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{request}").unwrap();
    // SIGXCPU, by the limit on computing time.
    assert_eq!(child.wait().unwrap().signal(), Some(24));
}

fn a_decoder_that_crashes_harms_only_its_file() {
    let unreadable = run(&child("crash"), &Limits::default(), [jpeg(64, 64)]).unwrap_err();
    assert_eq!(unreadable.finding, FindingCode::DecoderPanicked);
    assert!(run(&child("behave"), &Limits::default(), [jpeg(64, 64)]).is_ok());
}

fn a_process_that_somebody_ends_is_no_fault_of_its_file() {
    // Others, such as INT and HUP, are ignored by a program that was started to outlive its terminal.
    for signal in ["TERM", "USR1", "KILL"] {
        let mut file = stream::iter([Ok::<_, io::Error>(Bytes::from(jpeg(64, 64)))]);
        let analyser = child(&format!("ended by {signal}"));
        let result = within_runtime(analyser.analyse(&Limits::default(), &mut file));
        assert!(matches!(result, Err(AnalyserError::Process(_))), "{signal}: {result:?}");
    }
    assert!(run(&child("group"), &Limits::default(), [jpeg(64, 64)]).is_ok());
}

fn waiting_for_the_store_is_not_counted() {
    let limits = Limits { time: Duration::from_secs(2), ..Limits::default() };
    let words = || Ok::<_, io::Error>(Bytes::from("word ".repeat(100_000)));
    let outcome = within_runtime(async {
        let late = stream::once(async move {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            words()
        });
        let mut chunks = Box::pin(stream::iter([words()]).chain(late));
        child("behave").analyse(&limits, &mut chunks).await
    });
    let Measures::Text(text) = outcome.unwrap().unwrap().measures else { panic!("not a text") };
    assert_eq!(text.words, 200_000);
}

fn a_table_of_any_size_needs_little_memory() {
    let limits = Limits { memory_bytes: 8 * MIB, time: Duration::from_secs(60), ..Limits::default() };
    let chunk = "DE-01,2026-11-30,5.25,within range\n".repeat(2_000).into_bytes();
    let Measures::Table(table) = run(&child("behave"), &limits, std::iter::repeat_n(chunk, 500)).unwrap().measures
    else {
        panic!("not a table")
    };
    assert_eq!((table.rows, table.columns), (1_000_000, 4));
}

fn a_failing_source_and_a_wrong_program_are_errors() {
    let limits = Limits::default();
    let mut broken = stream::iter([Ok(Bytes::from_static(b"\xff\xd8\xff")), Err(io::Error::other("connection reset"))]);
    let result = within_runtime(child("behave").analyse(&limits, &mut broken));
    assert!(matches!(result, Err(AnalyserError::Source(_))));

    for program in ["/bin/false", "/nonexistent"] {
        let analyser = Analyser::Isolated { program: program.into(), arguments: Vec::new() };
        let mut file = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"text"))]);
        let result = within_runtime(analyser.analyse(&limits, &mut file));
        assert!(matches!(result, Err(AnalyserError::Process(_))), "{program}");
    }
}

fn nothing_of_the_environment_is_inherited() {
    assert!(std::env::vars_os().next().is_some());
    assert!(run(&child("environment"), &Limits::default(), [b"text".to_vec()]).is_ok());
}
