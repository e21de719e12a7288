use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::get;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::{method_not_allowed, no_such_route};

async fn sent(method: &str, path: &str) -> (u16, Value) {
    let things = get(async |Path(number): Path<u8>| number.to_string());
    let named = get(async |Path((name, number)): Path<(String, u8)>| format!("{name}{number}"));
    let router: Router = Router::new().route("/things/{number}", things).route("/named/{name}/{number}", named);
    let router = router.fallback(no_such_route).method_not_allowed_fallback(method_not_allowed);
    let response =
        router.oneshot(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_part_that_does_not_fit_is_named_where_it_has_a_name() {
    assert_eq!(sent("GET", "/things/7").await, (200, json!(7)));
    for (path, field) in [("/things/x", json!(null)), ("/things/%ff", json!("number")), ("/named/a/300", json!(null))] {
        let (status, body) = sent("GET", path).await;
        assert_eq!((status, &body["field"]), (422, &field), "{path}: {body}");
    }
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_problem_documents_too() {
    let (status, body) = sent("GET", "/nothing").await;
    assert_eq!((status, &body["title"]), (404, &json!("Not found")));
    let (status, body) = sent("DELETE", "/things/7").await;
    assert_eq!((status, &body["type"]), (405, &json!("https://trialbrief.example/problems/method-not-allowed")));
}
