use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::{Attachment, Enclosure, Error, Letter, MailContent, Mailbox, compose, enclose};
use crate::content::Paper;
use crate::sample;

fn content() -> MailContent {
    MailContent::of(&sample::content(7, 300, Paper::A4)).expect("a known zone")
}

fn letter() -> Letter {
    Letter {
        from: Mailbox::new(Some("Trialbrief"), "reports@trialbrief.example").expect("plain"),
        to: Mailbox::new(Some("Dr Jürgen Weiß, Überlingen am schönen Bodensee"), "j.weiss@site.example")
            .expect("plain"),
        reply_to: Some(Mailbox::new(Some("Help \"desk\""), "help@trialbrief.example").expect("plain")),
        date: "2026-11-23T07:00:00Z".parse().expect("an instant"),
        message_id: "0b6f.1@trialbrief.example".to_owned(),
        unsubscribe: "https://trialbrief.example/unsubscribe/abc-def_123".to_owned(),
        list_id: "acme-101.reports.trialbrief.example".to_owned(),
    }
}

fn composed(enclosure: &Enclosure<'_>) -> String {
    String::from_utf8(compose(&content(), enclosure, &letter()).expect("a mail").concat()).expect("ASCII")
}

/// The header's text, unfolded.
fn header(mail: &str, name: &str) -> Option<String> {
    let head = mail.split("\r\n\r\n").next()?.replace("\r\n ", " ");
    head.split("\r\n").find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
}

/// Body of the part with this content type, undone from quoted-printable.
fn text_part(mail: &str, subtype: &str) -> String {
    let part = mail.split(&format!("Content-Type: text/{subtype}")).nth(1).expect("the part");
    let body = part.split_once("\r\n\r\n").expect("a body").1.split("\r\n--=_").next().expect("an end");
    let joined = body.replace("=\r\n", "").replace("\r\n", "\n");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'=' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).expect("hex"), 16).expect("hex"));
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn the_message_is_seven_bit_with_short_lines_and_no_bare_line_end() {
    let pdf: Vec<u8> = (0..200_000u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let mail = composed(&Enclosure::Attached(&Attachment::encode_bytes(&pdf)));
    assert!(mail.is_ascii());
    assert!(!mail.replace("\r\n", "").contains(['\r', '\n']), "a bare CR or LF");
    assert!(mail.split("\r\n").all(|line| line.len() <= 78 || line.starts_with("Content-Type")), "a long line");
    assert!(mail.split("\r\n").all(|line| line.len() <= 998));
    assert!(!mail.contains("\r\n.\r\n"));
}

#[test]
fn the_attachment_decodes_to_the_same_bytes_and_is_named_by_code_and_period_only() {
    let pdf: Vec<u8> = (0..100_001u32).map(|i| (i % 251) as u8).collect();
    let attachment = Attachment::encode_bytes(&pdf);
    let mail = composed(&Enclosure::Attached(&attachment));
    let part = mail.split("Content-Type: application/pdf").nth(1).expect("the attachment");
    assert!(part.contains("filename=\"ACME-101_2026-11-16_2026-11-22.pdf\""));
    let body = part.split_once("\r\n\r\n").expect("a body").1.split("\r\n--=_").next().expect("an end");
    assert_eq!(STANDARD.decode(body.replace("\r\n", "")).expect("base64"), pdf);
    assert_eq!(attachment.size_bytes(), 100_001);
}

#[test]
fn the_attachment_is_one_piece_that_all_recipients_share() {
    let attachment = Attachment::encode_bytes(&[7; 100_000]);
    let other = Letter { message_id: "1c7a.1@trialbrief.example".to_owned(), ..letter() };
    let mails = [letter(), other].map(|letter| compose(&content(), &Enclosure::Attached(&attachment), &letter));
    for mail in mails {
        let [head, shared, tail] = <[_; 3]>::try_from(mail.expect("a mail")).expect("three pieces");
        assert_eq!(shared.as_ptr(), attachment.base64.as_ptr(), "not copied");
        assert!(head.ends_with(b"\r\n\r\n") && shared.ends_with(b"\r\n"), "nothing is missing between them");
        let head = String::from_utf8(head.to_vec()).expect("ASCII");
        let boundary = header(&head, "Content-Type").expect("a type").split('"').nth(1).expect("a boundary").to_owned();
        assert_eq!(tail, format!("--{boundary}--\r\n"));
    }
}

#[test]
fn the_headers_let_one_click_unsubscribe_and_keep_robots_quiet() {
    let mail = composed(&Enclosure::LinkOnly { link: "https://trialbrief.example/r/1".to_owned() });
    let expected = [
        ("From", "\"Trialbrief\" <reports@trialbrief.example>"),
        ("Reply-To", "\"Help \\\"desk\\\"\" <help@trialbrief.example>"),
        ("Date", "Mon, 23 Nov 2026 07:00:00 +0000"),
        ("Message-ID", "<0b6f.1@trialbrief.example>"),
        ("List-Id", "<acme-101.reports.trialbrief.example>"),
        ("List-Unsubscribe", "<https://trialbrief.example/unsubscribe/abc-def_123>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    ];
    for (name, value) in expected {
        assert_eq!(header(&mail, name).as_deref(), Some(value), "{name}");
    }
    let subject = header(&mail, "Subject").expect("a subject");
    assert_eq!(decoded_words(&subject), "ACME-101: report, 16–22 Nov 2026");
    let to = header(&mail, "To").expect("a recipient");
    assert!(to.ends_with("<j.weiss@site.example>"));
    assert_eq!(
        decoded_words(to.rsplit_once(" <").expect("a name").0),
        "Dr Jürgen Weiß, Überlingen am schönen Bodensee"
    );
}

fn decoded_words(header: &str) -> String {
    let word = |word: &str| -> Vec<u8> {
        let inner = word.strip_prefix("=?utf-8?B?").and_then(|word| word.strip_suffix("?=")).expect("an encoded word");
        assert!(word.len() <= 75);
        STANDARD.decode(inner).expect("base64")
    };
    String::from_utf8(header.split(' ').flat_map(word).collect()).expect("UTF-8")
}

#[test]
fn both_bodies_hold_the_key_figures_the_period_its_zone_and_the_unsubscribe_link() {
    let mail = composed(&Enclosure::Attached(&Attachment::encode_bytes(b"%PDF-1.7")));
    for subtype in ["plain", "html"] {
        let body = text_part(&mail, subtype);
        for words in
            ["ACME-101", "206", "Moved in", "1,413 of 1,421", "Europe/Berlin", "Monday 16 to Sunday 22 November 2026"]
        {
            assert!(body.contains(words), "{words} is missing in {subtype}: {body}");
        }
        assert!(body.contains("https://trialbrief.example/unsubscribe/abc-def_123"), "{subtype}");
        assert!(!body.contains("<img"), "a remote picture");
    }
}

#[test]
fn what_names_a_participant_reaches_no_byte_of_the_mail() {
    // File names, sites, people and reasons of the report are canaries: none of them is in `MailContent`.
    let mut report = sample::content(7, 30, Paper::A4);
    let canary = "Erika-Mustermann-1961-consent";
    for change in &mut report.changes {
        change.file_name = canary.to_owned();
        change.by = canary.to_owned();
        change.reason = Some(canary.to_owned());
    }
    for item in &mut report.attention {
        item.file_name = canary.to_owned();
        item.title = canary.to_owned();
        item.reason = canary.to_owned();
    }
    let content = MailContent::of(&report).expect("a known zone");
    let mail = compose(&content, &Enclosure::Attached(&Attachment::encode_bytes(b"%PDF")), &letter()).expect("a mail");
    let mail = String::from_utf8(mail.concat()).expect("ASCII");
    let whole = format!("{mail}{}{}", text_part(&mail, "plain"), text_part(&mail, "html"));
    assert!(!whole.contains("Mustermann"));
}

#[test]
fn above_the_limit_a_link_and_a_line_that_says_so_take_the_place_of_the_attachment() {
    let attachment = Attachment::encode_bytes(&vec![7; 30_000]);
    assert!(matches!(enclose(&attachment, attachment.encoded_bytes(), "https://x.example/r"), Enclosure::Attached(_)));
    let enclosure = enclose(&attachment, attachment.encoded_bytes() - 1, "https://x.example/r/9");
    let mail = composed(&enclosure);
    assert!(!mail.contains("application/pdf"));
    let text = text_part(&mail, "plain");
    assert!(text.contains("too large to attach: it would take 41.1\u{a0}kB of this mail"), "{text}");
    assert!(text.contains("https://x.example/r/9"));
}

#[test]
fn an_incomplete_report_says_so_in_subject_and_text() {
    let mut report = sample::content(7, 3, Paper::A4);
    report.cut.complete = false;
    let content = MailContent::of(&report).expect("a known zone");
    let mail = compose(&content, &Enclosure::Attached(&Attachment::encode_bytes(b"%PDF")), &letter()).expect("a mail");
    let mail = String::from_utf8(mail.concat()).expect("ASCII");
    assert!(decoded_words(&header(&mail, "Subject").expect("a subject")).contains("incomplete report"));
    assert!(text_part(&mail, "plain").contains("Incomplete: part of the change history was lost"));
}

#[test]
fn addresses_links_and_ids_cannot_smuggle_headers() {
    for address in [
        "a@b.example\r\nBcc: c@d.example",
        "a b@c.example",
        "a@b@c.example",
        "a",
        "@b.example",
        "a@",
        "a@b..example",
        "a,b@c.example",
        "<a@b.example>",
        "ä@b.example",
        "a@b.example,c@d.example",
    ] {
        assert_eq!(Mailbox::new(None, address).err(), Some(Error::Address), "{address}");
    }
    let attachment = Attachment::encode_bytes(b"%PDF");
    let enclosure = Enclosure::Attached(&attachment);
    let with = |change: fn(&mut Letter)| {
        let mut letter = letter();
        change(&mut letter);
        compose(&content(), &enclosure, &letter).map(|_| ())
    };
    assert_eq!(
        with(|letter| letter.unsubscribe = "https://x.example/\r\nBcc: a@b.example".to_owned()),
        Err(Error::Link)
    );
    assert_eq!(with(|letter| letter.unsubscribe = "javascript:alert(1)".to_owned()), Err(Error::Link));
    assert_eq!(with(|letter| letter.message_id = "a@b>\r\nX: y".to_owned()), Err(Error::Id));
    assert_eq!(with(|letter| letter.list_id = "a b".to_owned()), Err(Error::Id));
}

proptest! {
    #[test]
    fn no_name_and_no_trial_code_can_begin_another_header(name in any::<String>(), code in any::<String>()) {
        let mut letter = letter();
        letter.to = Mailbox::new(Some(&name), "a@b.example").expect("a plain address");
        let content = MailContent { trial_id: code, ..content() };
        let attachment = Attachment::encode_bytes(b"%PDF");
        let mail = compose(&content, &Enclosure::Attached(&attachment), &letter).expect("a mail");
        let mail = String::from_utf8(mail.concat()).expect("ASCII");
        let head = mail.split("\r\n\r\n").next().expect("headers");
        let names: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with(' '))
            .map(|line| line.split_once(": ").expect("a header").0).collect();
        prop_assert_eq!(names, [
            "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "List-Id", "List-Unsubscribe",
            "List-Unsubscribe-Post", "Auto-Submitted", "MIME-Version", "Content-Type",
        ]);
        prop_assert!(content.file_name().bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
    }
}
