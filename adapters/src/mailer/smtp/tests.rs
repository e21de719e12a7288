use ports::{Clock, Error, Mail, NotSent};

use super::letter::Letter;
use super::{Smtp, clean, queue_id};

#[test]
fn the_name_a_server_gives_a_mail_is_found_in_its_words() {
    let named = [
        ("250 2.0.0 Ok: queued as 4ZbX1k2QzQz9sT", Some("4ZbX1k2QzQz9sT")),
        ("250 OK id=1sXyZa-0004Qp-2F", Some("1sXyZa-0004Qp-2F")),
        ("250 2.6.0 <a@b> [InternalId=123, Hostname=x] Queued mail for delivery", Some("123")),
        ("250 ok, queued as ", None),
        ("250 Message accepted for delivery", None),
    ];
    for (reply, id) in named {
        assert_eq!(queue_id(reply).as_deref(), id, "{reply}");
    }
}

#[test]
fn what_a_server_says_is_one_line_of_bounded_length() {
    assert_eq!(clean("550 no\r\nsuch\tuser "), "550 no  such user");
    assert_eq!(clean(&"é".repeat(9_000)).chars().count(), 500);
}

fn mail(pieces: &[&'static str]) -> Mail {
    Mail {
        from: "a@example.org".to_owned(),
        to: "b@example.org".to_owned(),
        id: "x".to_owned(),
        message: pieces.iter().map(|piece| (*piece).into()).collect(),
    }
}

#[test]
fn the_last_line_end_is_left_to_the_protocol_wherever_the_pieces_are_cut() {
    for pieces in [&["A: b\r\n\r\nc\r\n"][..], &["A: b\r", "\n\r\nc\r", "\n"], &["A: b\r\n\r\nc", "", "\r\n", ""]] {
        let mail = mail(pieces);
        let Ok(letter) = Letter::new(&mail) else { panic!("{pieces:?} is refused") };
        assert_eq!(letter.pieces().collect::<Vec<_>>().concat(), b"A: b\r\n\r\nc", "{pieces:?}");
    }
}

#[test]
fn a_line_end_that_could_smuggle_another_mail_is_refused() {
    for pieces in [&["a\n.\r\nMAIL"][..], &["a\r", "b\r\n"], &["a", "\nb\r\n"], &["a\r\n.\r"], &["\n"]] {
        assert!(matches!(Letter::new(&mail(pieces)), Err(NotSent::Never(_))), "{pieces:?}");
    }
}

#[test]
fn a_wrong_url_is_told_without_its_password() {
    let wrong = [
        "smtp://u:secret@mail.example.org?tls=none",
        "smtp://u:secret@mail.example.org?tls=maybe",
        "smtps://u:secret@localhost?tls=none",
        "smtp://u:secret@localhost?retry=3",
        "smtp://u:secret@localhost?connections=0",
        "smtp://u:secret@localhost?helo=a%20b",
        "smtp://:secret@localhost",
        "smtp://secret@localhost",
        "smtp:///secret",
        "smtp://u:secret@localhost?ca=/no/such/file.pem",
    ];
    for url in wrong {
        let Err(Error::Rejected(why) | Error::Unavailable(why)) = Smtp::open(url, Clock::system()) else {
            panic!("{url} is taken");
        };
        assert!(!why.contains("secret"), "{why}");
    }
    assert!(Smtp::open("smtp://u:p%40ss@[::1]:2525?tls=none&connections=2", Clock::system()).is_ok());
}
