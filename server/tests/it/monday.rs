//! The main job: a document in, a report out.

use mail_parser::{MessageParser, MimeHeaders};
use serde_json::json;

use crate::world::{World, mondays};

/// A grey picture with a dark square.
fn picture() -> Vec<u8> {
    let (width, height) = (800_u16, 600_u16);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let dark = (200..400).contains(&x) && (100..300).contains(&y);
            pixels.push(if dark { 40 } else { 150 + (x * 7 + y * 13) as u8 % 60 });
        }
    }
    let mut jpeg = Vec::new();
    jpeg_encoder::Encoder::new(&mut jpeg, 85).encode(&pixels, width, height, jpeg_encoder::ColorType::Luma).unwrap();
    jpeg
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_in_a_report_out() {
    let mut world = World::at("2026-11-16T00:00[Europe/Berlin]").await;
    world.open_trial("ACME-101").await;
    let subscribed = world.subscribe("chi", "ACME-101", mondays()).await;
    assert_eq!(subscribed["sentence"], "Every Monday at 08:00 Europe/Berlin");

    world.until("2026-11-18T10:00[Europe/Berlin]").await;
    world.upload("ben", "ACME-101", "ward.jpg", picture()).await;
    world.until("2026-11-18T11:00[Europe/Berlin]").await;
    let summary = world.get("chi", "/api/trials/ACME-101/summary").await.expect(200).json();
    assert_eq!(summary["figures"]["documents"]["present"], 1);
    assert_eq!(summary["figures"]["contents"]["images"], 1);

    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    let mails = world.mails();
    assert_eq!(mails.len(), 2, "one for the Monday before anything was there, one for the week");
    let mails: Vec<_> = mails.iter().map(|mail| MessageParser::default().parse(mail).unwrap()).collect();
    let week =
        mails.iter().find(|mail| mail.body_text(0).unwrap().contains("1 document added")).expect("the week's mail");
    let pdf = week.attachments().next().expect("a PDF");
    assert_eq!(pdf.attachment_name(), Some("ACME-101_2026-11-16_2026-11-22.pdf"));
    assert!(pdf.contents().starts_with(b"%PDF-"));

    let link =
        week.body_text(0).unwrap().split_whitespace().find(|word| word.contains("/unsubscribe/")).unwrap().to_owned();
    let path = link.strip_prefix("http://127.0.0.1:8080").unwrap();
    world.send("", "GET", path, json!({})).await.expect(200);
    let status = |answer: serde_json::Value| answer["items"][0]["status"].clone();
    assert_eq!(status(world.get("chi", "/api/subscriptions").await.expect(200).json()), "active");
    world.send("", "POST", path, json!({})).await.expect(200);
    world.settle().await;
    assert_eq!(status(world.get("chi", "/api/subscriptions").await.expect(200).json()), "ended");
    world.until("2026-11-30T09:00[Europe/Berlin]").await;
    assert_eq!(world.mails().len(), 2, "nothing more is sent");
}
