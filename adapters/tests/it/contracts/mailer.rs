//! What may be relied on in a mailer.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use bytes::Bytes;
use futures::future::join_all;
use ports::{Mail, Mailer, NotSent};

/// A mail as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrived {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipient.
    pub to: String,
    /// The message.
    pub message: Vec<u8>,
}

/// A mail with an id, to a recipient, in pieces.
pub fn mail(id: &str, to: &str, pieces: &[&[u8]]) -> Mail {
    Mail {
        from: format!("bounce+{id}@trialbrief.example"),
        to: to.to_owned(),
        id: id.to_owned(),
        message: pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect(),
    }
}

/// A short mail.
pub fn short(id: &str, to: &str) -> Mail {
    mail(id, to, &[format!("Subject: {id}\r\n\r\nGood morning.\r\n").as_bytes()])
}

fn arrives(mail: &Mail) -> Arrived {
    Arrived { from: mail.from.clone(), to: mail.to.clone(), message: mail.whole() }
}

/// The contract. `arrived` tells all mails that have arrived so far, in any order.
pub async fn suite(mailer: &dyn Mailer, arrived: impl AsyncFn() -> Vec<Arrived>) {
    a_message_arrives_byte_for_byte(mailer, &arrived).await;
    what_could_forge_a_command_is_never_sent(mailer, &arrived).await;
    one_bad_recipient_does_not_affect_others(mailer, &arrived).await;
}

async fn a_message_arrives_byte_for_byte(mailer: &dyn Mailer, arrived: &impl AsyncFn() -> Vec<Arrived>) {
    let head: &[u8] =
        b"Subject: dots\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
    let dots =
        mail("dots", "dots@example.org", &[head, b".\r\n..\r\n.a\r\na.\r\n", b".\r", b"\n.", b".b\r\n", b"\r\n"]);
    let umlauts = mail("utf-8", "umlauts@example.org", &[head, "Größe µ €\r\n".as_bytes()]);
    let attachment: Vec<u8> = b"QUJD".repeat(18).into_iter().chain(*b"\r\n").collect::<Vec<_>>().repeat(3_000);
    let large = mail("large", "large@example.org", &[head, &attachment, b"\r\n--end--\r\n"]);
    for mail in [&dots, &umlauts, &large] {
        let accepted = mailer.send(mail).await.unwrap();
        assert!(!accepted.reply.is_empty());
        let came: Vec<_> = arrived().await.into_iter().filter(|came| came.to == mail.to).collect();
        assert!(
            came == [arrives(mail)],
            "{} did not arrive as it was: {}",
            mail.id,
            String::from_utf8_lossy(&came[0].message[..80])
        );
    }
}

async fn what_could_forge_a_command_is_never_sent(mailer: &dyn Mailer, arrived: &impl AsyncFn() -> Vec<Arrived>) {
    let before = arrived().await.len();
    let forged = [
        "a@example.org>\r\nRCPT TO:<b@example.org",
        "a@example.org\r\nDATA",
        "a@example.org\n",
        "a@example.org\0",
        "a b@example.org",
        "a@example.org b@example.org",
        "a@example.org> SIZE=1",
        "<a@example.org>",
        "\"a\r\nb\"@example.org",
        "\"a b\"@example.org",
        "a",
        "",
    ];
    for address in forged {
        let to = mail("forged", address, &[b"Subject: x\r\n\r\n"]);
        let from = Mail { from: address.to_owned(), to: "a@example.org".to_owned(), ..to.clone() };
        for mail in [to, from] {
            assert!(matches!(mailer.send(&mail).await, Err(NotSent::Never(_))), "{address:?}");
        }
    }
    for id in ["", "../x", "a/b", "a b", "ä", &"x".repeat(129)] {
        assert!(matches!(mailer.send(&short(id, "a@example.org")).await, Err(NotSent::Never(_))), "{id:?}");
    }
    assert_eq!(arrived().await.len(), before);
}

async fn one_bad_recipient_does_not_affect_others(mailer: &dyn Mailer, arrived: &impl AsyncFn() -> Vec<Arrived>) {
    let before = arrived().await.len();
    let mails: Vec<_> = (0..40)
        .map(|i| {
            short(
                &format!("joined-{i}"),
                &if i % 10 == 3 { "no address".to_owned() } else { format!("p{i}@example.org") },
            )
        })
        .collect();
    let outcomes = join_all(mails.iter().map(|mail| mailer.send(mail))).await;
    for (mail, outcome) in mails.iter().zip(&outcomes) {
        assert_eq!(outcome.is_ok(), mail.to != "no address", "{}: {outcome:?}", mail.id);
    }
    let came = arrived().await;
    assert_eq!(came.len(), before + 36);
    for mail in mails.iter().filter(|mail| mail.to != "no address") {
        assert_eq!(came.iter().filter(|came| **came == arrives(mail)).count(), 1, "{}", mail.id);
    }
}
