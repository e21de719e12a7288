use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::Request;
use domain::schedule::Schedule;
use serde::Deserialize;

use super::*;
use crate::Query;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Subscribe {
    trial: String,
    schedule: Schedule,
    copies: Option<Vec<u8>>,
}

async fn json(body: impl Into<Body>, content_type: &str) -> Result<Subscribe, Problem> {
    let request = Request::post("/").header("content-type", content_type).body(body.into()).unwrap();
    Json::from_request(request, &()).await.map(|Json(value)| value)
}

const GOOD: &str = r#"{"trial": "A", "schedule": {"cadence": "daily", "time": "08:00", "zone": "Europe/Berlin"}}"#;

#[tokio::test]
async fn a_failure_names_the_field_wherever_it_is() {
    assert!(json(GOOD, "application/json; charset=utf-8").await.is_ok());
    for (body, field) in [
        (r#"{"trial": 7}"#, Some("trial")),
        (r#"{"trial": "A"}"#, Some("schedule")),
        (r#"{"trial": "A", "tril": "B"}"#, Some("tril")),
        (
            r#"{"trial": "A", "schedule": {"cadence": "daily", "time": "08:00", "zone": "Berlin"}}"#,
            Some("schedule.zone"),
        ),
        (r#"{"trial": "A", "schedule": {"cadence": "weekly", "time": "08:00"}}"#, Some("schedule.weekday")),
        (r#"{"trial": "A", "schedule": {"cadence": "daily", "tme": "08:00"}}"#, Some("schedule.tme")),
        (r#"{"copies": [1, 2, 300]}"#, Some("copies[2]")),
        (r#"[]"#, None),
    ] {
        let problem = json(body, "application/json").await.unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.document().field.as_deref()), (422, field), "{problem}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_at_all_is_refused_as_such() {
    for body in ["", "{", &format!("{GOOD} x"), "\u{0}"] {
        assert_eq!(json(body.to_owned(), "application/json").await.unwrap_err().status(), 422, "{body:?}");
    }
    for content_type in ["", "text/plain", "application/x-www-form-urlencoded"] {
        assert_eq!(json(GOOD, content_type).await.unwrap_err().status(), 415);
    }
    assert!(json(GOOD, "application/merge-patch+json").await.is_ok());
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_or_not_it_says_so() {
    let padded = |bytes: usize| format!("{GOOD}{}", " ".repeat(bytes - GOOD.len()));
    assert!(json(padded(BODY_LIMIT_BYTES), "application/json").await.is_ok());
    assert_eq!(json(padded(BODY_LIMIT_BYTES + 1), "application/json").await.unwrap_err().status(), 413);
    let chunks = futures::stream::iter(std::iter::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 65_536])));
    assert_eq!(json(Body::from_stream(chunks), "application/json").await.unwrap_err().status(), 413);
}

#[tokio::test]
async fn a_query_string_names_its_wrong_field_too() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Asked {
        year: Option<u16>,
        trial: String,
    }
    for (query, field) in
        [("trial=A&year=x", "year"), ("year=2026", "trial"), ("trial=A&yaer=1", "yaer"), ("trial=A&trial=B", "trial")]
    {
        let (mut parts, ()) = Request::get(format!("/?{query}")).body(()).unwrap().into_parts();
        let asked: Result<Query<Asked>, Problem> = Query::from_request_parts(&mut parts, &()).await;
        assert_eq!(asked.unwrap_err().document().field.as_deref(), Some(field), "{query}");
    }
}
