use axum::body::to_bytes;
use serde_json::json;

use super::*;

async fn sent(problem: Problem) -> (StatusCode, axum::http::HeaderMap, Value) {
    let response = problem.into_response();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("The subscription has ended.")]
struct Ended(RefusalKind);

impl Refusal for Ended {
    fn code(&self) -> &'static str {
        "subscription-ended"
    }
    fn kind(&self) -> RefusalKind {
        self.0
    }
}

#[tokio::test]
async fn an_invalid_field_is_named_in_a_problem_document() {
    let (status, headers, body) =
        sent(Problem::invalid("schedule.zone", "No such zone.").with("given", "Berlin").with("status", 200)).await;
    assert_eq!(status, 422);
    assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
    assert_eq!(
        body,
        json!({"type": "https://trialbrief.example/problems/invalid", "title": "Invalid request", "status": 422,
            "detail": "No such zone.", "field": "schedule.zone", "given": "Berlin"})
    );
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_sentence_and_its_kind_picks_the_status() {
    for (kind, expected) in [(RefusalKind::Invalid, 422), (RefusalKind::Conflict, 409), (RefusalKind::Forbidden, 403)] {
        let problem = Problem::refused(&Ended(kind));
        assert_eq!(problem.code(), "subscription-ended");
        let (status, _, body) = sent(problem).await;
        assert_eq!((status.as_u16(), &body["detail"]), (expected, &json!("The subscription has ended.")));
    }
}

#[tokio::test]
async fn the_inside_of_a_port_never_shows() {
    let secret = || "mongodb://admin:hunter2@db/x".to_owned();
    for error in [
        ports::Error::Unavailable(secret()),
        ports::Error::Conflict(secret()),
        ports::Error::Rejected(secret()),
        ports::Error::Corrupt(secret()),
    ] {
        let (status, headers, body) = sent(error.clone().into()).await;
        assert!(!body.to_string().contains("hunter2"));
        match error {
            ports::Error::Unavailable(_) => {
                assert_eq!((status.as_u16(), headers[RETRY_AFTER].to_str().unwrap()), (503, "2"));
            }
            ports::Error::Conflict(_) => assert_eq!(status, 409),
            ports::Error::Rejected(_) | ports::Error::Corrupt(_) => {
                assert_eq!(status, 500);
                assert!(Uuid::try_parse(body["reference"].as_str().unwrap()).is_ok());
            }
        }
    }
}

#[tokio::test]
async fn what_tells_the_caller_to_do_something_has_its_header() {
    assert!(sent(Problem::unauthenticated()).await.1.contains_key(WWW_AUTHENTICATE));
    assert_eq!(sent(Problem::behind()).await.1[RETRY_AFTER], "1");
    assert_eq!(sent(Problem::range_not_satisfiable(10)).await.1[CONTENT_RANGE], "bytes */10");
}

#[test]
fn a_wrong_schedule_names_its_field() {
    let zone = serde_json::from_value::<domain::schedule::Schedule>(json!({"cadence": "daily", "time": "08:00"}));
    assert!(zone.is_err());
    let error = "Europe/Nowhere".parse::<domain::schedule::Zone>().unwrap_err();
    assert_eq!(Problem::from(error).document().field.as_deref(), Some("zone"));
}
