use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

struct People;

#[async_trait]
impl Directory for People {
    async fn person(&self, user: &str) -> ports::Result<Option<Person>> {
        Ok(self.people(None, 10).await?.into_iter().find(|person| person.user == user))
    }
    async fn people(&self, _after: Option<&str>, _limit: usize) -> ports::Result<Vec<Person>> {
        let person =
            |user: &str, active| Person { user: user.to_owned(), name: user.to_uppercase(), address: None, active };
        Ok(vec![person("ann", true), person("gone", false)])
    }
    async fn save(&self, _person: &Person) -> ports::Result<()> {
        Ok(())
    }
    async fn forget(&self, _user: &str) -> ports::Result<()> {
        Ok(())
    }
}

struct Asked {
    request: axum::http::request::Builder,
    peer: &'static str,
}

fn ask(method: &str, path: &str) -> Asked {
    Asked { request: Request::builder().method(method).uri(path), peer: "127.0.0.1:40000" }
}

impl Asked {
    fn with(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    fn from(mut self, peer: &'static str) -> Self {
        self.peer = peer;
        self
    }

    /// Status, cookie and body. `Host` is this machine's unless it is given.
    async fn sent(self, body: &Value) -> (u16, Option<String>, Value) {
        let development = Development::new(Arc::new(People), false);
        let sign_in: Arc<dyn SignIn> = Arc::new(development.clone());
        let write = axum::routing::post(async |caller: Caller| caller.user.to_string());
        let (router, _) = development.routes::<()>().split_for_parts();
        let router: Router = router.route("/write", write).layer(axum::Extension(sign_in));

        let mut request =
            self.request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
        request.headers_mut().entry(HOST).or_insert("localhost:8080".parse().unwrap());
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(self.peer.parse().unwrap()));
        let response = router.oneshot(request).await.unwrap();
        let cookie = response.headers().get(SET_COOKIE).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, cookie, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn status(self) -> u16 {
        self.sent(&Value::Null).await.0
    }
}

#[tokio::test]
async fn one_signs_in_as_somebody_of_the_directory_and_out_again() {
    let (status, cookie, body) = ask("POST", "/api/sign-in").sent(&json!({"user": "ann"})).await;
    assert_eq!((status, &body), (200, &json!({"user": "ann", "name": "ANN", "address": null, "outbox": false})));
    assert_eq!(cookie.as_deref(), Some("trialbrief-person=ann; HttpOnly; SameSite=Strict; Path=/"));

    let (status, _, body) = ask("GET", "/api/me").with("cookie", "a=b; trialbrief-person=ann").sent(&Value::Null).await;
    assert_eq!((status, &body["user"]), (200, &json!("ann")));
    assert_eq!(ask("GET", "/api/me").status().await, 401);

    let (status, cookie, _) = ask("DELETE", "/api/sign-in").sent(&Value::Null).await;
    assert_eq!((status, cookie.unwrap().contains("Max-Age=0")), (204, true));
}

#[tokio::test]
async fn strangers_and_those_who_left_are_nobody() {
    for user in ["gone", "bob", "../ann", ""] {
        let (status, cookie, body) = ask("POST", "/api/sign-in").sent(&json!({"user": user})).await;
        assert_eq!((status, cookie, &body["field"]), (422, None, &json!("user")), "{user}");
        assert_eq!(ask("GET", "/api/me").with("trialbrief-person", user).status().await, 401, "{user}");
    }
    let (_, _, body) = ask("GET", "/api/people/samples").sent(&Value::Null).await;
    assert_eq!(body["items"], json!([{"user": "ann", "name": "ANN"}]));
}

#[tokio::test]
async fn only_this_machine_by_its_own_name_is_served() {
    let me = || ask("GET", "/api/me").with("trialbrief-person", "ann");
    for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "[::1]"] {
        assert_eq!(me().with("host", host).status().await, 200, "{host}");
    }
    for host in ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", ""] {
        assert_eq!(me().with("host", host).status().await, 403, "{host}");
    }
    assert_eq!(me().from("[::1]:1").status().await, 200);
    assert_eq!(me().from("[::ffff:127.0.0.1]:1").status().await, 200);
    assert_eq!(me().from("192.168.0.9:1").status().await, 403);
    assert_eq!(me().with("x-forwarded-for", "203.0.113.9").status().await, 403);
    assert_eq!(ask("GET", "/api/people/samples").from("192.168.0.9:1").status().await, 403);
    assert_eq!(ask("POST", "/api/sign-in").with("host", "evil.example").sent(&json!({"user": "ann"})).await.0, 403);
}

#[tokio::test]
async fn another_sites_page_cannot_write_with_our_cookie() {
    let write = || ask("POST", "/write").with("cookie", "trialbrief-person=ann");
    for (name, value, expected) in [
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "none", 200),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("origin", "http://localhost:8080", 200),
        ("origin", "http://localhost:9090", 403),
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("accept", "*/*", 200),
    ] {
        assert_eq!(write().with(name, value).status().await, expected, "{name}: {value}");
    }
    let foreign = ask("POST", "/api/sign-in").with("sec-fetch-site", "cross-site").sent(&json!({"user": "ann"})).await;
    assert_eq!(foreign.0, 403);
    let reading = ask("GET", "/api/me").with("cookie", "trialbrief-person=ann").with("sec-fetch-site", "cross-site");
    assert_eq!(reading.status().await, 200);
}

#[test]
fn the_routes_document_their_bodies_and_problems() {
    let (_, api) = Development::new(Arc::new(People), false).routes::<()>().split_for_parts();
    let api = serde_json::to_value(api).unwrap();
    let sign_in = &api["paths"]["/api/sign-in"]["post"];
    let schema = |media: &Value| media["schema"]["$ref"].as_str().unwrap().to_owned();
    assert_eq!(schema(&sign_in["requestBody"]["content"]["application/json"]), "#/components/schemas/SignInAs");
    let invalid = &sign_in["responses"]["422"]["content"]["application/problem+json"];
    assert_eq!(schema(invalid), "#/components/schemas/Problem");
    assert!(api["components"]["schemas"]["Me"]["properties"]["name"].is_object());
    assert!(api["components"]["schemas"]["Page_Sample"].is_object());
}
