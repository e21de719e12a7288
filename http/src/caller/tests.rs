use axum::http::Request;

use super::*;

struct Ann;

#[async_trait]
impl SignIn for Ann {
    async fn user(&self, _parts: &Parts) -> Result<Option<UserId>, Problem> {
        Ok(Some(UserId::parse("user", "ann")?))
    }
}

async fn caller(route: &str, key: Option<&str>) -> Result<Caller, Problem> {
    let mut request = Request::post(route).body(()).unwrap();
    if let Some(key) = key {
        request.headers_mut().insert(IDEMPOTENCY_KEY, axum::http::HeaderValue::from_bytes(key.as_bytes()).unwrap());
    }
    let (mut parts, ()) = request.into_parts();
    parts.extensions.insert::<Arc<dyn SignIn>>(Arc::new(Ann));
    Caller::from_request_parts(&mut parts, &()).await
}

#[tokio::test]
async fn the_same_key_makes_the_same_command_and_none_a_random_one() {
    let first = caller("/a", Some("k-1")).await.unwrap();
    let repeated = caller("/a", Some("k-1")).await.unwrap();
    assert_eq!(first, repeated);
    assert_eq!(first.command, domain::id::derive("command", &["ann", "k-1"]));
    assert_ne!(first.command, caller("/a", Some("k-2")).await.unwrap().command);

    let (one, other) = (caller("/a", None).await.unwrap(), caller("/a", None).await.unwrap());
    assert_ne!(one.command, other.command);
    assert_eq!(one.cause(&json!({})).request, None);
}

#[tokio::test]
async fn the_request_hash_tells_requests_apart_but_not_the_order_of_their_members() {
    let here = caller("/a", Some("k")).await.unwrap();
    let hash = |request: &str| here.cause(&serde_json::from_str::<Value>(request).unwrap()).request;
    assert_eq!(hash(r#"{"a": 1, "b": [null, "x"]}"#), hash(r#"{"b":[null,"x"],"a":1}"#));
    assert_ne!(hash(r#"{"a": 1}"#), hash(r#"{"a": 2}"#));
    let elsewhere = caller("/b", Some("k")).await.unwrap();
    assert_ne!(here.cause(&1).request, elsewhere.cause(&1).request);
    assert_eq!(here.cause(&1).correlation, here.command);
}

#[test]
fn canonical_json_is_sorted_at_every_depth() {
    let value: Value =
        serde_json::from_str(r#"{"b": {"d": 1, "c": "ü\n"}, "a": [true, {"f": 1.5, "e": null}]}"#).unwrap();
    assert_eq!(canonical(&value), r#"{"a":[true,{"e":null,"f":1.5}],"b":{"c":"ü\n","d":1}}"#);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_by_name() {
    let longest = "k".repeat(200);
    assert!(caller("/a", Some(&longest)).await.is_ok());
    for key in ["", "two words", "kéy", &"k".repeat(201)] {
        let problem = caller("/a", Some(key)).await.unwrap_err();
        assert_eq!(
            (problem.status().as_u16(), problem.document().field.as_deref()),
            (422, Some("Idempotency-Key")),
            "{key}"
        );
    }
}
