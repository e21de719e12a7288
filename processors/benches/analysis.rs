//! What an analysis costs, and how much of it is the decoder alone: the part that no analysis can save.
//!
//! `cargo bench -p processors --bench analysis`

use std::io::{self, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream;
use jpeg_encoder::{ColorType, Encoder};
use processors::analysis::isolated::{Analyser, VERB};
use processors::analysis::{Limits, analyse, child};
use zune_core::bytestream::ZCursor;

const RUNS: usize = 15;

fn main() -> io::Result<()> {
    if std::env::args().nth(1).is_some_and(|verb| verb == VERB) {
        return child::run(io::stdin().lock(), io::stdout().lock());
    }
    let mut out = io::stdout().lock();
    writeln!(out, "median of {RUNS} runs, one thread")?;
    let photo = photo(4000, 3000);
    let jpeg = jpeg(&photo, 4000, 3000);
    report(&mut out, "JPEG, 12 megapixels", &jpeg, decode_jpeg)?;
    let png = png(&photo, 1600, 1250);
    report(&mut out, "PNG, 2 megapixels", &png, decode_png)?;
    let table = "DE-01,2026-11-30,5.25,within range\n".repeat(1_500_000).into_bytes();
    let taken = median(|| in_process(&table));
    writeln!(out, "CSV: {:.0} MB/s", table.len() as f64 / taken.as_secs_f64() / 1e6)?;
    let text = "The findings of the week, as far as known.\n".repeat(1_200_000).into_bytes();
    let taken = median(|| in_process(&text));
    writeln!(out, "text: {:.0} MB/s", text.len() as f64 / taken.as_secs_f64() / 1e6)?;
    spawning(&mut out, &jpeg)
}

fn report(out: &mut impl Write, name: &str, file: &[u8], decode: fn(&[u8])) -> io::Result<()> {
    let (whole, decoding) = medians(|| in_process(file), || decode(file));
    let (whole, decoding) = (whole.as_secs_f64() * 1e3, decoding.as_secs_f64() * 1e3);
    let (size, ratio, share) = (file.len() as f64 / 1e6, whole / decoding, decoding / whole * 100.0);
    writeln!(
        out,
        "{name} ({size:.1} MB): {whole:.1} ms; decoding alone {decoding:.1} ms, {share:.0} % of it; ratio {ratio:.2}"
    )
}

/// What a process of its own adds.
fn spawning(out: &mut impl Write, jpeg: &[u8]) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let analyser = Analyser::Isolated { program: std::env::current_exe()?, arguments: vec![VERB.into()] };
    let isolated = |file: &[u8]| {
        let file = Bytes::copy_from_slice(file);
        median(|| {
            let mut chunks = stream::iter([Ok::<_, io::Error>(file.clone())]);
            drop(runtime.block_on(analyser.analyse(&Limits::default(), &mut chunks)));
        })
    };
    let small = b"a few words";
    let milliseconds = |taken: Duration| taken.as_secs_f64() * 1e3;
    writeln!(
        out,
        "in a process of its own: {:.1} ms for a text of {} bytes (here {:.3} ms), {:.1} ms for the JPEG",
        milliseconds(isolated(small)),
        small.len(),
        milliseconds(median(|| in_process(small))),
        milliseconds(isolated(jpeg)),
    )
}

fn in_process(mut file: &[u8]) {
    let outcome = analyse(&mut file, &Limits::default());
    assert!(outcome.is_ok_and(|outcome| std::hint::black_box(outcome).is_ok()));
}

fn decode_jpeg(file: &[u8]) {
    let decoded = zune_jpeg::JpegDecoder::new(ZCursor::new(file)).decode();
    assert!(std::hint::black_box(decoded).is_ok());
}

fn decode_png(file: &[u8]) {
    let decoded = png::Decoder::new(io::Cursor::new(file)).read_info().and_then(|mut reader| {
        let mut pixels = vec![0; reader.output_buffer_size().unwrap_or_default()];
        reader.next_frame(&mut pixels).map(|_| pixels)
    });
    assert!(std::hint::black_box(decoded).is_ok());
}

fn median(mut work: impl FnMut()) -> Duration {
    work();
    middle((0..RUNS).map(|_| time(&mut work)).collect())
}

/// Two medians from runs in turn, so that a busy machine slows both.
fn medians(mut first: impl FnMut(), mut second: impl FnMut()) -> (Duration, Duration) {
    first();
    second();
    let (firsts, seconds) = (0..RUNS).map(|_| (time(&mut first), time(&mut second))).unzip();
    (middle(firsts), middle(seconds))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark")]
fn time(work: &mut impl FnMut()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Waves and grain, about as hard to code as a photograph.
fn photo(width: usize, height: usize) -> Vec<u8> {
    let mut noise = 1_u32;
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 28) as f32;
            let wave = ((x as f32 / 37.0).sin() + (y as f32 / 23.0).cos()) * 50.0 + 110.0;
            rgb.extend([(wave + grain) as u8, (wave * 0.8 + grain) as u8, (200.0 - wave * 0.7 + grain) as u8]);
        }
    }
    rgb
}

fn jpeg(rgb: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    assert!(encoder.encode(rgb, width, height, ColorType::Rgb).is_ok());
    file
}

fn png(rgb: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let size = width as usize * height as usize * 3;
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&rgb[..size]));
    assert!(written.is_ok());
    file
}
