use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use domain::content::{Command, ContentState, Thumbnail};
use domain::findings::FindingCode;
use domain::id::{ContentHash, UserId};
use domain::measures::{ImageFormat, ImageMeasures, Measures, PerceptualHash};
use futures::StreamExt;
use futures::stream;
use http::Caller;
use ports::FileKey;
use serde_json::json;

use crate::world::{FORM, World, form};

const NASTY: [&str; 9] = [
    "../../../etc/passwd",
    "a\0b.txt",
    "a\r\nSet-Cookie: x=1\r\n\r\n<script>.txt",
    "\"; filename=\"b.exe",
    "<script>alert(1)</script>.html",
    "photo\u{202e}gpj.exe",
    "C:\\Windows\\system32\\cmd.exe",
    "{{7*7}}%00%2e%2e%2f'; DROP TABLE documents;--",
    "..",
];

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

#[tokio::test]
async fn nasty_file_names_are_kept_and_harm_nothing() {
    let world = World::new().await;
    let long = "ä".repeat(296) + ".txt";
    for name in NASTY.iter().copied().chain([long.as_str()]) {
        let record = world.store(&format!("TrialId=T-1&Filename={}", encoded(name)), "text/html", b"abc").await;
        let record = record.ok(201).json();
        assert_eq!(record["Filename"], name);
        let id = record["_id"].as_str().unwrap();
        let location = record["FileLocation"].as_str().unwrap();
        let attempt = location.strip_prefix(&format!("s3://trialbrief/trials/T-1/{id}/")).unwrap();
        assert!(attempt.len() == 32 && attempt.bytes().all(|b| b.is_ascii_hexdigit()), "{location}");
        assert_eq!(world.get("rita", &format!("/api/documents/{id}")).await.ok(200).json()["Filename"], name);
        let file = world.get("rita", &format!("/api/documents/{id}/file?inline=1")).await.ok(200);
        assert_eq!(file.bytes, "abc");
        let disposition = file.header("content-disposition");
        // One quoted name of plain characters, and no type that a browser would run.
        assert!(disposition.starts_with("attachment; filename=\"") && disposition.len() < 1_400, "{disposition}");
        assert_eq!(disposition.matches('"').count(), 2, "{disposition}");
        assert!(
            !disposition.contains(['/', '\\', '<']) && !disposition.to_lowercase().contains("%2f"),
            "{disposition}"
        );
        assert!(file.headers.get("set-cookie").is_none());
    }
    let list = world.get("rita", "/api/documents?trial=T-1").await.ok(200).json();
    let mut listed: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| item["Filename"].as_str().unwrap()).collect();
    let mut stored: Vec<_> = NASTY.iter().copied().chain([long.as_str()]).collect();
    listed.sort_unstable();
    stored.sort_unstable();
    assert_eq!(listed, stored);
    assert!(world.keys().await.iter().all(|key| key.starts_with("trials/T-1/")));
}

#[tokio::test]
async fn a_form_may_name_its_file_in_a_field() {
    let world = World::new().await;
    let name = "x\r\n\"y\0.txt";
    let body = form(&[("TrialId", None, b"T-1"), ("Filename", None, name.as_bytes()), ("file", Some("z"), b"abc")]);
    let answer = world.ask("carl", "POST", "/api/documents", &[FORM], Body::from(body)).await.ok(201);
    assert_eq!(answer.json()["Filename"], name);
}

#[tokio::test]
async fn ranges_versions_and_heads_are_answered_as_the_standard_says() {
    let world = World::new().await;
    let record = world.store("TrialId=T-1&Filename=digits.txt", "text/plain", b"0123456789").await.ok(201).json();
    let path = format!("/api/documents/{}/file", record["_id"].as_str().unwrap());
    let ask = async |headers: &[(&str, &str)]| world.ask("rita", "GET", &path, headers, Body::empty()).await;
    let whole = ask(&[]).await.ok(200);
    assert_eq!((whole.header("accept-ranges"), whole.header("content-length")), ("bytes", "10"));
    assert_eq!((whole.header("content-type"), whole.header("x-content-type-options")), ("text/plain", "nosniff"));
    assert!(whole.header("content-security-policy").contains("sandbox"));
    let etag = whole.header("etag");
    let part = ask(&[("range", "bytes=2-4"), ("if-range", etag)]).await.ok(206);
    assert_eq!((part.bytes.as_ref(), part.header("content-range")), (&b"234"[..], "bytes 2-4/10"));
    assert_eq!(part.header("content-length"), "3");
    assert_eq!(ask(&[("range", "bytes=-3")]).await.ok(206).bytes, "789");
    assert_eq!(ask(&[("range", "bytes=8-99")]).await.ok(206).bytes, "89");
    let outside = ask(&[("range", "bytes=10-")]).await;
    outside.refused(416, "Range");
    assert_eq!(outside.header("content-range"), "bytes */10");
    assert_eq!(ask(&[("range", "bytes=2-4"), ("if-range", "\"other\"")]).await.ok(200).bytes, "0123456789");
    assert!(ask(&[("if-none-match", etag)]).await.ok(304).bytes.is_empty());
    let head = world.ask("rita", "HEAD", &path, &[], Body::empty()).await.ok(200);
    assert_eq!((head.header("content-length"), head.bytes.len()), ("10", 0));
    world.get("nina", &path).await.refused(404, "");
    // The record is versioned too.
    let path = path.strip_suffix("/file").unwrap();
    let etag = world.get("rita", path).await.header("etag").to_owned();
    world.ask("rita", "GET", path, &[("if-none-match", &etag)], Body::empty()).await.ok(304);
}

#[tokio::test]
async fn who_may_read_a_file_is_sent_to_the_stores_link_where_there_is_one() {
    let world = World::new().await;
    let record = world.store("TrialId=T-1&Filename=a.csv", "text/csv", b"a,b").await.ok(201).json();
    let path = format!("/api/documents/{}/file", record["_id"].as_str().unwrap());
    let etag = world.get("rita", &path).await.ok(200).header("etag").to_owned();
    world.files.linking.store(true, Ordering::SeqCst);
    let sent = world.get("rita", &path).await.ok(307);
    let location = sent.header("location");
    assert!(location.starts_with("https://files.example/trials/T-1/"), "{location}");
    assert!(location.contains("?attachment; filename=\"a.csv\"") && location.ends_with("&text/csv"), "{location}");
    assert_eq!((sent.header("cache-control"), sent.bytes.len()), ("no-store", 0));
    // Only we can send the headers that keep a shown file from acting; who has the file needs no link, and who may not gets none.
    world.get("rita", &format!("{path}?inline=1")).await.ok(200);
    world.ask("rita", "GET", &path, &[("if-none-match", &etag)], Body::empty()).await.ok(304);
    world.get("nina", &path).await.refused(404, "");
}

#[tokio::test]
async fn only_harmless_types_are_shown() {
    let world = World::new().await;
    let cases = [
        ("image/png", "inline", "image/png"),
        ("application/pdf", "inline", "application/pdf"),
        ("Text/Plain;charset=utf-8", "inline", "Text/Plain;charset=utf-8"),
        ("text/html", "attachment", "text/html"),
        ("image/svg+xml", "attachment", "image/svg+xml"),
        ("nonsense", "attachment", "application/octet-stream"),
    ];
    for (stated, disposition, sent) in cases {
        let record = world.store("TrialId=T-1&Filename=x", stated, b"<script>").await.ok(201).json();
        let path = format!("/api/documents/{}/file", record["_id"].as_str().unwrap());
        let shown = world.get("rita", &format!("{path}?inline=1")).await.ok(200);
        assert!(shown.header("content-disposition").starts_with(disposition), "{stated}");
        assert_eq!((shown.header("content-type"), shown.header("x-content-type-options")), (sent, "nosniff"));
        let saved = world.get("rita", &path).await.ok(200);
        assert!(saved.header("content-disposition").starts_with("attachment"), "{stated}");
    }
    // What another program wrote into a record is no header.
    let id = "0".repeat(24);
    world.put_file("trials/T-1/x", b"abc").await;
    let mut record = crate::world::given(&id, "s3://trialbrief/trials/T-1/x");
    record["ContentType"] = json!("text/html\r\nX-Evil: 1");
    record["Filename"] = json!(7);
    world.insert(record).await;
    let file = world.get("rita", &format!("/api/documents/{id}/file?inline=1")).await.ok(200);
    assert_eq!(file.header("content-type"), "application/octet-stream");
    assert!(file.headers.get("x-evil").is_none() && file.headers.get("etag").is_none());
}

#[tokio::test]
async fn findings_and_picture_come_from_the_analysis() {
    let world = World::new().await;
    let record = world.store("TrialId=T-1&Filename=x.png", "image/png", b"no image, really").await.ok(201).json();
    let path = format!("/api/documents/{}", record["_id"].as_str().unwrap());
    let waiting = world.get("rita", &format!("{path}/findings")).await.ok(200).json();
    assert_eq!(waiting, json!({"analysed": false, "findings": [], "measures": null}));
    let detail = world.get("rita", &format!("{path}/thumbnail")).await.refused(404, "")["detail"].clone();
    assert!(detail.as_str().unwrap().contains("not been analysed yet"), "{detail}");

    world.observe().await;
    let content = ContentHash::parse("SHA256", record["SHA256"].as_str().unwrap()).unwrap();
    let picture = ContentHash::of(b"a small picture");
    let body = stream::iter([Ok(Bytes::from_static(b"a small picture"))]).boxed();
    world.derived.put(&FileKey::new(format!("derived/{picture}")).unwrap(), body).await.unwrap();
    let image = ImageMeasures {
        format: ImageFormat::Png,
        width_px: 100,
        height_px: 50,
        orientation: 1,
        luminance_mean_milli: 1,
        contrast_milli: 1,
        clipped_shadows_ppm: 0,
        clipped_highlights_ppm: 0,
        sharpness_milli: 0,
        perceptual_hash: PerceptualHash(0),
    };
    let command = Command::RecordAnalysis {
        content: content.clone(),
        algorithm: domain::content::ANALYSIS_VERSION,
        measures: Measures::Image(image),
        findings: vec![FindingCode::TooDark, FindingCode::Truncated],
        thumbnail: Some(Thumbnail { sha256: picture, width_px: 10, height_px: 5 }),
    };
    let cause = Caller::unkeyed(UserId::parse("user", "analyst").unwrap()).cause(&());
    world.commands.sender.send(&ContentState::id(&content), &cause, command).await.unwrap();
    world.observe().await;
    let findings = world.get("rita", &format!("{path}/findings")).await.ok(200).json();
    assert_eq!(findings["analysed"], true);
    assert_eq!(
        findings["findings"][0],
        json!({
            "code": "truncated", "severity": "problem",
            "sentence": FindingCode::Truncated.describe(), "remedy": FindingCode::Truncated.remedy(),
        })
    );
    assert_eq!(
        (&findings["findings"][1]["code"], &findings["measures"]["width_px"]),
        (&json!("too_dark"), &json!(100))
    );
    let thumbnail = world.get("rita", &format!("{path}/thumbnail")).await.ok(200);
    assert_eq!((thumbnail.bytes.as_ref(), thumbnail.header("content-type")), (&b"a small picture"[..], "image/jpeg"));
    world.get("nina", &format!("{path}/thumbnail")).await.refused(404, "");
    world.get("nina", &format!("{path}/findings")).await.refused(404, "");
}
