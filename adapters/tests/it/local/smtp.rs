//! SMTP: outcomes against a server that misbehaves as told, the rest against a real one.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use adapters::mailer;
use futures::future::join_all;
use jiff::SignedDuration;
use ports::{Accepted, Clock, Mailer, NotSent};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::smtp_server::{Answer, Server, serve};
use super::{monday, pass};
use crate::contracts;
use crate::contracts::mailer::{Arrived, mail, short};

fn in_clear(server: &Server, clock: &Clock) -> Arc<dyn Mailer> {
    let url = format!("smtp://127.0.0.1:{}?tls=none&timeout=1&answer_timeout=1&connections=2", server.port);
    mailer::open(&url, clock).unwrap()
}

/// A server that answers one command in its own way.
async fn answering(command: &'static str, answer: Answer) -> Server {
    serve(move |_, _, line| if line.starts_with(command) { answer.clone() } else { Answer::Usual }).await
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Later,
    Never,
    Unknown,
}

fn outcome(sent: Result<Accepted, NotSent>) -> (Outcome, String) {
    match sent {
        Ok(accepted) => panic!("{accepted:?}"),
        Err(NotSent::Later(why)) => (Outcome::Later, why),
        Err(NotSent::Never(why)) => (Outcome::Never, why),
        Err(NotSent::Unknown(why)) => (Outcome::Unknown, why),
    }
}

#[tokio::test]
async fn each_answer_of_a_server_has_its_outcome() {
    use Answer::{Close, Say, SayAndClose, Silence};
    use Outcome::{Later, Never, Unknown};
    let cases = [
        ("CONNECT", SayAndClose(b"421 too busy"), Later, "too busy"),
        ("CONNECT", SayAndClose(b"554 go away"), Later, "go away"),
        ("CONNECT", Close, Later, "no session"),
        ("CONNECT", Silence, Later, "within 1 s"),
        ("EHLO", Say(b"500 what?"), Later, "what?"),
        ("MAIL", Say(b"451 4.3.0 disk trouble"), Later, "451 4.3.0 disk trouble"),
        ("MAIL", Say(b"553 5.1.8 bad sender"), Never, "553 5.1.8 bad sender"),
        ("MAIL", Say(b"530 5.7.0 sign in first"), Later, "530 5.7.0 sign in first"),
        ("MAIL", Close, Later, ""),
        ("RCPT", Say(b"450 4.2.1 greylisted"), Later, "450 4.2.1 greylisted"),
        ("RCPT", Say(b"550-5.1.1 no such user\r\n550 5.1.1 at all"), Never, "550 5.1.1 no such user at all"),
        ("RCPT", Say(b"550 unzul\xe4ssig"), Never, "550 unzul?ssig"),
        ("RCPT", Say(b"354 go on already"), Later, "out of turn"),
        ("RCPT", Silence, Later, "no answer within 1 s"),
        ("DATA", Say(b"452 4.3.1 no room"), Later, "452 4.3.1 no room"),
        ("DATA", Say(b"554 5.5.1 no"), Never, "554 5.5.1 no"),
        ("DATA", Say(b"250 ok"), Later, "out of turn"),
        (".", Say(b"451 4.7.1 try again"), Later, "451 4.7.1 try again"),
        (".", SayAndClose(b"421 4.3.2 shutting down"), Later, "421 4.3.2 shutting down"),
        (".", Say(b"552 5.3.4 too large"), Never, "552 5.3.4 too large"),
        (".", Close, Unknown, "handed over"),
        (".", Silence, Unknown, "waited 1 s"),
        (".", Say(b"hello"), Unknown, "handed over"),
        (".", Say(b"354 more"), Unknown, "out of turn"),
    ];
    // At the same time, for some of them wait for a limit.
    join_all(cases.into_iter().map(|(command, answer, wanted, said)| async move {
        let server = answering(command, answer).await;
        let (outcome, why) = outcome(in_clear(&server, &monday()).send(&short("x", "a@example.org")).await);
        assert_eq!(outcome, wanted, "{command}: {why}");
        assert!(why.contains(said) && !why.contains(['\r', '\n']), "{command}: {why:?}");
        assert_eq!(server.seen.lock().unwrap().connections, 1, "{command}: a first connection is not tried again");
    }))
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_inside_a_message_means_later() {
    let server = answering("DATA", Answer::SayAndClose(b"354 go on")).await;
    let large = vec![b'x'; 1_000_000];
    let pieces: Vec<&[u8]> = vec![&large; 20];
    let (outcome, why) = outcome(in_clear(&server, &monday()).send(&mail("x", "a@example.org", &pieces)).await);
    assert_eq!(outcome, Outcome::Later, "{why}");
}

#[tokio::test]
async fn who_closes_hands_over_nothing_more_and_waits_for_what_was_handed_over() {
    for (command, ends) in [("CONNECT", "the program ended first"), ("RCPT", "the program ended first"), (".", "")] {
        let server = answering(command, Answer::Silence).await;
        let url = format!("smtp://127.0.0.1:{}?tls=none&timeout=30&answer_timeout=2", server.port);
        let mailer = mailer::open(&url, &monday()).unwrap();
        let mail = short("m", "ada@example.org");
        let sending = mailer.send(&mail);
        let closing = async {
            server.reached(command).await;
            mailer.close();
        };
        let (sent, ()) = tokio::join!(sending, closing);
        let (outcome, why) = outcome(sent);
        let expected = if command == "." { Outcome::Unknown } else { Outcome::Later };
        assert!(outcome == expected && why.contains(ends), "{command}: {outcome:?} {why}");
        assert!(matches!(mailer.send(&mail).await, Err(NotSent::Later(_))), "{command}: closed for the next, too");
    }
}

#[tokio::test]
async fn nobody_listening_means_later() {
    let port = serve(|_, _, _| Answer::Usual).await.port;
    let mailer = mailer::open(&format!("smtp://127.0.0.1:{port}?tls=none&timeout=1"), &monday()).unwrap();
    tokio::task::yield_now().await;
    assert_eq!(outcome(mailer.send(&short("x", "a@example.org")).await).0, Outcome::Later);
}

#[tokio::test]
async fn the_reply_and_the_servers_name_for_the_mail_are_kept() {
    let server = serve(|_, _, _| Answer::Usual).await;
    let accepted = in_clear(&server, &monday()).send(&short("x", "a@example.org")).await.unwrap();
    let wanted = Accepted { reply: "250 2.0.0 Ok: queued as 4ZbX".to_owned(), queue_id: Some("4ZbX".to_owned()) };
    assert_eq!(accepted, wanted);
    let seen = server.seen.lock().unwrap();
    let commands = [
        "CONNECT",
        "EHLO [127.0.0.1]",
        "MAIL FROM:<bounce+x@trialbrief.example>",
        "RCPT TO:<a@example.org>",
        "DATA",
        ".",
    ];
    assert_eq!(seen.commands, commands);
    assert_eq!(seen.messages, [b"Subject: x\r\n\r\nGood morning.\r\n.\r\n".to_vec()], "no line is added");
}

#[tokio::test]
async fn a_refused_recipient_leaves_the_connection_to_the_next() {
    let server = answering("RCPT TO:<bad", Answer::Say(b"550 5.1.1 no such user")).await;
    let mailer = in_clear(&server, &monday());
    for _ in 0..2 {
        assert_eq!(outcome(mailer.send(&short("x", "bad@example.org")).await).0, Outcome::Never);
        mailer.send(&short("y", "good@example.org")).await.unwrap();
    }
    assert_eq!(server.seen.lock().unwrap().connections, 1);
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_once() {
    for farewell in [Answer::Close, Answer::SayAndClose(b"421 4.4.2 idle too long")] {
        // The first connection takes one mail, then ends at the next MAIL; later ones serve.
        let taken = farewell.clone();
        let server = serve(move |connection, count, line| match (connection, line.starts_with("MAIL") && count > 2) {
            (0, true) => taken.clone(),
            _ => Answer::Usual,
        })
        .await;
        let mailer = in_clear(&server, &monday());
        for id in ["x", "y"] {
            mailer.send(&short(id, "a@example.org")).await.unwrap();
        }
        assert_eq!(server.seen.lock().unwrap().connections, 2);
        assert_eq!(server.seen.lock().unwrap().messages.len(), 2);
        // The replacement fails as well: once is enough.
        let server =
            serve(move |connection, count, line| match line.starts_with("MAIL") && (connection > 0 || count > 2) {
                true => farewell.clone(),
                false => Answer::Usual,
            })
            .await;
        let mailer = in_clear(&server, &monday());
        mailer.send(&short("x", "a@example.org")).await.unwrap();
        assert_eq!(outcome(mailer.send(&short("y", "a@example.org")).await).0, Outcome::Later);
        assert_eq!(server.seen.lock().unwrap().connections, 2);
    }
}

#[tokio::test]
async fn what_was_handed_over_is_never_sent_again() {
    let server = serve(|_, count, line| if line == "." && count > 5 { Answer::Close } else { Answer::Usual }).await;
    let mailer = in_clear(&server, &monday());
    mailer.send(&short("x", "a@example.org")).await.unwrap();
    assert_eq!(outcome(mailer.send(&short("y", "a@example.org")).await).0, Outcome::Unknown);
    let seen = server.seen.lock().unwrap();
    assert_eq!((seen.connections, seen.messages.len()), (1, 2));
}

#[tokio::test]
async fn connections_are_kept_bounded_and_given_up_when_idle() {
    let server = serve(|_, _, _| Answer::Usual).await;
    let clock = monday();
    let url = format!("smtp://127.0.0.1:{}?tls=none&connections=2", server.port);
    let mailer = mailer::open(&url, &clock).unwrap();
    let mails: Vec<_> = (0..30).map(|i| short(&format!("m{i}"), "a@example.org")).collect();
    assert!(join_all(mails.iter().map(|mail| mailer.send(mail))).await.iter().all(Result::is_ok));
    assert_eq!(server.seen.lock().unwrap().most_open, 2);
    assert_eq!(server.seen.lock().unwrap().connections, 2);
    pass(&clock, SignedDuration::from_secs(60));
    mailer.send(&mails[0]).await.unwrap();
    assert_eq!(server.seen.lock().unwrap().connections, 3);
}

#[tokio::test]
async fn a_connection_is_left_politely_after_so_many_mails() {
    let server = serve(|_, _, _| Answer::Usual).await;
    let url = format!("smtp://127.0.0.1:{}?tls=none&timeout=1&connections=1&per_connection=3", server.port);
    let mailer = mailer::open(&url, &monday()).unwrap();
    for i in 0..7 {
        mailer.send(&short(&format!("m{i}"), "a@example.org")).await.unwrap();
    }
    let seen = server.seen.lock().unwrap();
    assert_eq!((seen.connections, seen.most_open), (3, 1), "the next waits until the last is closed");
    let lives: Vec<usize> = seen.commands.split(|line| line == "QUIT").map(mails_in).collect();
    assert_eq!(lives, [3, 3, 1]);
}

fn mails_in(commands: &[String]) -> usize {
    commands.iter().filter(|line| *line == ".").count()
}

/// A server that counts the mails that are under way at once to `example.org`, in whatever case.
async fn counting() -> (Server, Arc<AtomicUsize>) {
    let most = Arc::new(AtomicUsize::new(0));
    let (told, under_way) = (Arc::clone(&most), Mutex::new(HashSet::new()));
    let server = serve(move |connection, _, line| {
        let mut under_way = under_way.lock().unwrap();
        if line.to_ascii_lowercase().ends_with("@example.org>") && line.starts_with("RCPT") {
            under_way.insert(connection);
        } else if line == "." {
            told.fetch_max(under_way.len(), Ordering::SeqCst);
            under_way.remove(&connection);
        }
        Answer::Usual
    })
    .await;
    (server, most)
}

#[tokio::test]
async fn no_more_mails_than_said_go_to_one_domain_at_once() {
    for limit in [1, 3] {
        let (server, most) = counting().await;
        let url = format!("smtp://127.0.0.1:{}?tls=none&connections=8&per_domain={limit}", server.port);
        let mailer = mailer::open(&url, &monday()).unwrap();
        let recipients = ["a@example.org", "b@EXAMPLE.org", "c@elsewhere.example"];
        let mails: Vec<_> = (0..60).map(|i| short(&format!("m{i}"), recipients[i % 3])).collect();
        assert!(join_all(mails.iter().map(|mail| mailer.send(mail))).await.iter().all(Result::is_ok));
        assert_eq!(most.load(Ordering::SeqCst), limit);
        assert!(server.seen.lock().unwrap().most_open > limit, "the other domain has connections of its own");
    }
}

#[tokio::test]
async fn a_domain_that_does_not_answer_keeps_no_other_waiting() {
    let server = answering("RCPT TO:<slow", Answer::Silence).await;
    let limits = "connections=2&per_domain=1&timeout=5&answer_timeout=3";
    let mailer = mailer::open(&format!("smtp://127.0.0.1:{}?tls=none&{limits}", server.port), &monday()).unwrap();
    let slow: Vec<_> = (0..5).map(|i| short(&format!("s{i}"), "slow@example.org")).collect();
    let quick: Vec<_> = (0..5).map(|i| short(&format!("q{i}"), "quick@elsewhere.example")).collect();
    let sent = join_all(slow.iter().chain(&quick).map(|mail| mailer.send(mail))).await;
    assert!(sent[5..].iter().all(Result::is_ok), "{sent:?}");
    for (sent, said) in
        sent.into_iter().zip(["no answer within 5 s", "waited 3 s", "waited 3 s", "waited 3 s", "waited 3 s"])
    {
        let (outcome, why) = outcome(sent);
        assert!(outcome == Outcome::Later && why.contains(said), "{why}");
    }
}

#[tokio::test]
async fn nothing_is_sent_before_encryption() {
    let url = |server: &Server| format!("smtp://user:secret@127.0.0.1:{}?timeout=1", server.port);
    let cases = [
        // Somebody on the way has taken the offer out.
        (Answer::Usual, Answer::Usual, "does not offer STARTTLS"),
        (Answer::Say(b"250-test\r\n250 STARTTLS"), Answer::Say(b"454 not now"), "454 not now"),
        // Somebody on the way puts answers in that would be taken for encrypted ones.
        (Answer::Say(b"250-test\r\n250 STARTTLS"), Answer::Say(b"220 go\r\n250 forged"), "out of turn"),
        (Answer::Say(b"250-test\r\n250 STARTTLS"), Answer::Say(b"220 go"), ""),
    ];
    for (ehlo, starttls, said) in cases {
        let server = serve(move |_, _, line| match line.split(' ').next().unwrap() {
            "EHLO" => ehlo.clone(),
            "STARTTLS" => starttls.clone(),
            _ => Answer::Usual,
        })
        .await;
        let mailer = mailer::open(&url(&server), &monday()).unwrap();
        let (outcome, why) = outcome(mailer.send(&short("x", "a@example.org")).await);
        assert!(outcome == Outcome::Later && why.contains(said), "{why}");
        let seen = server.seen.lock().unwrap();
        assert!(
            !seen.commands.iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")),
            "{:?}",
            seen.commands
        );
    }
}

/// The real server, and where it puts the mails.
struct Aiosmtpd {
    directory: TempDir,
    told: Value,
    _process: Child,
}

impl Aiosmtpd {
    async fn start() -> Self {
        let python = std::env::var("TRIALBRIEF_PYTHON").expect(
            "set TRIALBRIEF_PYTHON to a Python that has aiosmtpd: \
             python3 -m venv venv && venv/bin/pip install aiosmtpd==1.4.6 && export TRIALBRIEF_PYTHON=$PWD/venv/bin/python",
        );
        let directory = TempDir::new().unwrap();
        let mut process = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/smtp_server.py"))
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("TRIALBRIEF_PYTHON names a Python");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let told = serde_json::from_str(&line).expect("the server tells its ports; see its error above");
        Self { directory, told, _process: process }
    }

    fn url(&self, scheme: &str, sign_in: &str, host: &str) -> String {
        let port = &self.told[if scheme == "smtp" { "starttls" } else { "smtps" }];
        format!("{scheme}://{sign_in}{host}:{port}?ca={}&timeout=10", self.told["ca"].as_str().unwrap())
    }

    fn arrived(&self) -> Vec<Arrived> {
        let files = fs::read_dir(self.directory.path().join("mails")).unwrap().map(|entry| entry.unwrap().path());
        let read = |file| {
            let file = fs::read(file).unwrap();
            let lines: Vec<_> = file.splitn(3, |b| *b == b'\n').map(<[u8]>::to_vec).collect();
            let [from, to] = [0, 1].map(|i: usize| String::from_utf8(lines[i].clone()).unwrap());
            Arrived { from, to, message: lines[2].clone() }
        };
        files.filter(|file| file.extension().is_none()).map(read).collect()
    }
}

#[tokio::test]
async fn a_real_server_is_sent_mails_by_the_contract_over_starttls_and_smtps() {
    for scheme in ["smtp", "smtps"] {
        let server = Aiosmtpd::start().await;
        let mailer = mailer::open(&server.url(scheme, "user:p%40ss%2Fword@", "localhost"), &monday()).unwrap();
        contracts::mailer::suite(&*mailer, async || server.arrived()).await;
        let before = server.arrived().len();
        assert_eq!(
            outcome(mailer.send(&short("r", "refused@example.org")).await),
            (Outcome::Never, "550 5.1.1 no such user".to_owned())
        );
        assert_eq!(
            outcome(mailer.send(&short("l", "later@example.org")).await),
            (Outcome::Later, "450 4.2.1 greylisted".to_owned())
        );
        let accepted = mailer.send(&short("fine", "ok@example.org")).await.unwrap();
        assert_eq!(accepted.queue_id, Some(format!("TEST{}", before + 1)));
        assert_eq!(server.arrived().len(), before + 1);
    }
}

#[tokio::test]
async fn a_real_server_gets_nothing_from_who_may_not_or_does_not_trust_it() {
    let server = Aiosmtpd::start().await;
    let without_ca = |url: String| format!("{}?timeout=10", url.split('?').next().unwrap());
    let right = "user:p%40ss%2Fword@";
    let cases = [
        (server.url("smtp", "user:wrong@", "localhost"), "535"),
        (server.url("smtps", "user:wrong@", "localhost"), "535"),
        (server.url("smtp", "", "localhost"), "530 5.7.0"),
        (server.url("smtp", right, "127.0.0.1"), "not valid for name"),
        (without_ca(server.url("smtp", right, "localhost")), "UnknownIssuer"),
        (without_ca(server.url("smtps", right, "localhost")), "UnknownIssuer"),
    ];
    for (url, said) in cases {
        let (outcome, why) = outcome(mailer::open(&url, &monday()).unwrap().send(&short("x", "a@example.org")).await);
        assert!(outcome == Outcome::Later && why.contains(said), "{url}: {why}");
        assert!(!why.contains("wrong") && !why.contains("p@ss"), "{url}: {why}");
    }
    assert_eq!(server.arrived(), []);
}
