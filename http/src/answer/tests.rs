use axum::body::to_bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::etag;

async fn sent(answer: impl IntoResponse) -> (axum::http::response::Parts, Value) {
    let (parts, body) = answer.into_response().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_write_answers_the_resource_and_the_token_side_by_side() {
    let position = Position { commit: 1, prepare: 2 };
    let (parts, body) = sent(Answer::new(json!({"id": "x"})).after(position).etag(&etag(b"x"))).await;
    assert_eq!((parts.status.as_u16(), &parts.headers[ETAG]), (200, &etag(b"x").header()));
    assert_eq!(body, json!({"id": "x", "after": after_token(position)}));

    let (parts, body) = sent(Created::new("/api/things/x", json!({"id": "x"})).after(None)).await;
    assert_eq!((parts.status.as_u16(), parts.headers[LOCATION].to_str().unwrap()), (201, "/api/things/x"));
    assert_eq!(body, json!({"id": "x"}));

    assert_eq!(sent(Answer::accepted(json!({}))).await.0.status, 202);
}

#[tokio::test]
async fn a_body_that_cannot_be_written_is_no_success() {
    let unwritable = std::collections::BTreeMap::from([(vec![1, 2], 3)]);
    assert_eq!(sent(Created::new("/x", unwritable)).await.0.status, 500);
}

#[test]
fn the_documented_answer_has_the_fields_of_resource_and_token() {
    #[derive(Serialize, ToSchema)]
    struct Thing {
        id: String,
    }
    let schema = serde_json::to_value(<Written<Thing> as utoipa::PartialSchema>::schema()).unwrap().to_string();
    assert!(schema.contains("Thing") && schema.contains("after"), "{schema}");
}

proptest! {
    #[test]
    fn a_token_gives_back_its_position_and_nothing_else_is_one(commit: u64, prepare: u64, other in ".{0,30}") {
        let position = Position { commit, prepare };
        let token = after_token(position);
        prop_assert_eq!(parse_after(&token), Ok(position));
        prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        if let Ok(position) = parse_after(&other) {
            prop_assert_eq!(after_token(position), other);
        }
    }
}
