use axum::http::HeaderValue;
use serde_json::json;

use super::*;

#[test]
fn a_property_of_the_wrong_shape_is_refused_by_name() {
    let fine = [
        ("Filename", json!("../\u{0}\r\n\"<script>\u{202e}")),
        ("FileLocation", json!("s3://b/trials/T/x")),
        ("Size", json!(0)),
        ("Size", json!(1_u64 << 53)),
        ("MD5", json!("D41D8CD98F00B204E9800998ECF8427E")),
        ("TrialId", json!("T-1")),
        ("SiteId", json!("München 1")),
        ("DocumentDate", json!("2024-02-29")),
        ("ContentType", json!("text/csv; charset=utf-8")),
        ("Weight", json!({"kg": [1, null]})),
    ];
    for (name, value) in fine {
        assert!(check(name, &value).is_ok(), "{name}: {value}");
    }
    let wrong = [
        ("Filename", json!("")),
        ("Filename", json!("x".repeat(1_025))),
        ("Filename", json!(7)),
        ("FileLocation", json!("/etc/passwd")),
        ("Size", json!(-1)),
        ("Size", json!(1.5)),
        ("Size", json!((1_u64 << 53) + 1)),
        ("Size", json!("10")),
        ("MD5", json!("d41d8cd98f00b204e9800998ecf8427")),
        ("MD5", json!("g41d8cd98f00b204e9800998ecf8427e")),
        ("TrialId", json!("..")),
        ("TrialId", json!(5)),
        ("Kind", json!(null)),
        ("DocumentDate", json!("2023-02-29")),
        ("DocumentDate", json!("20240229")),
        ("DocumentDate", json!("2024-02-29T00:00")),
        ("ContentType", json!("text")),
        ("_id", json!("0123456789abcdef01234567")),
        ("SHA256", json!("x")),
        ("LastChange", json!({})),
        ("a.b", json!(1)),
        ("$set", json!(1)),
        ("", json!(1)),
    ];
    for (name, value) in wrong {
        let problem = check(name, &value).unwrap_err();
        assert_eq!(problem.status(), 422, "{name}: {value}");
        assert_eq!(problem.document().field.as_deref(), Some(name), "{value}");
    }
}

#[test]
fn a_reason_may_be_percent_encoded_or_plain() {
    let read = |bytes: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.insert("change-reason", HeaderValue::from_bytes(bytes).unwrap());
        reason_in(&headers)
    };
    assert_eq!(reason_in(&HeaderMap::new()).unwrap(), None);
    assert_eq!(read(b" wrong site ").unwrap().as_deref(), Some("wrong site"));
    assert_eq!(read(b"falsch%20erfasst%3A%20M%C3%BCnchen").unwrap().as_deref(), Some("falsch erfasst: München"));
    assert_eq!(read("Tippfehler, 100 % sicher".as_bytes()).unwrap().as_deref(), Some("Tippfehler, 100 % sicher"));
    assert_eq!(read("für".as_bytes()).unwrap().as_deref(), Some("für"));
    assert_eq!(read(b"").unwrap(), None);
    for bad in [&b"a%0d%0aX: y"[..], b"\xff\xfe", b"%ff", "x".repeat(1_001).as_bytes()] {
        assert_eq!(read(bad).unwrap_err().document().field.as_deref(), Some("Change-Reason"));
    }
}
