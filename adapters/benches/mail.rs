//! Messages per second over one SMTP connection, beside plain TCP writes of the same bytes with one answer each.
//!
//! `cargo bench -p adapters --bench mail`. The sink runs in the same process, on its own thread.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and tells")]
#![expect(clippy::disallowed_methods, reason = "it measures the machine's time")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ports::{Clock, Mail};

const TIME: Duration = Duration::from_secs(3);

fn main() {
    for (name, attachment) in [("1 kB", 1_000), ("60 kB", 60_000)] {
        let mail = mail(attachment);
        let size = mail.whole().len();
        let smtp = over_smtp(&mail);
        let tcp = over_tcp(&mail);
        println!(
            "{name}: {smtp:.0} messages/s by SMTP ({size} bytes each), {tcp:.0}/s by TCP alone; ratio {:.2}",
            smtp / tcp
        );
    }
}

/// A head per recipient and a shared attachment of base64 lines.
fn mail(attachment: usize) -> Mail {
    let line = format!("{}\r\n", "QUJD".repeat(19));
    Mail {
        from: "bounce@trialbrief.example".to_owned(),
        to: "reader@example.org".to_owned(),
        id: "bench".to_owned(),
        message: vec![
            Bytes::from("Subject: bench\r\nMIME-Version: 1.0\r\n\r\n"),
            Bytes::from(line.repeat(attachment / line.len())),
        ],
    }
}

fn over_smtp(mail: &Mail) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || smtp_sink(listener.accept().unwrap().0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("smtp://127.0.0.1:{port}?tls=none&connections=1");
    let mailer = adapters::mailer::open(&url, &Clock::system()).unwrap();
    rate(|| {
        runtime.block_on(mailer.send(mail)).unwrap();
    })
}

fn over_tcp(mail: &Mail) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sink, whole) = (listener.accept().unwrap().0, mail.whole());
    sink.set_nodelay(true).unwrap();
    let mut read = vec![0; whole.len()];
    thread::spawn(move || while sink.read_exact(&mut read).is_ok() && sink.write_all(b"\n").is_ok() {});
    rate(|| {
        stream.write_all(&whole).unwrap();
        stream.read_exact(&mut [0]).unwrap();
    })
}

fn rate(mut send: impl FnMut()) -> f64 {
    for _ in 0..20 {
        send();
    }
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < TIME {
        send();
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn smtp_sink(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut answers = stream.try_clone().unwrap();
    let mut lines = BufReader::with_capacity(256 * 1024, stream);
    let mut line = Vec::new();
    answers.write_all(b"220 sink\r\n").unwrap();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return;
        }
        if !line.starts_with(b"DATA") {
            answers.write_all(b"250 ok\r\n").unwrap();
            continue;
        }
        answers.write_all(b"354 go on\r\n").unwrap();
        while line != b".\r\n" {
            line.clear();
            lines.read_until(b'\n', &mut line).unwrap();
        }
        answers.write_all(b"250 ok\r\n").unwrap();
    }
}
