//! The API's description, generated from the code, and a page that shows it.

use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::OpenApi;

/// The page: the description as a readable list, without any script.
fn page(api: &OpenApi) -> String {
    use std::fmt::Write as _;
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Trialbrief API</title><link rel=\"stylesheet\" href=\"/styles.css\"><main class=\"notice\"><h1>Trialbrief API</h1>\
         <p>Generated from the code. The machine-readable form is <a href=\"/openapi.json\">/openapi.json</a> (OpenAPI 3.1).</p>",
    );
    for (path, item) in &api.paths.paths {
        let operations = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let summary = operation.summary.as_deref().unwrap_or_default();
            let description = operation.description.as_deref().unwrap_or_default();
            // Writing to a String does not fail.
            let _ = write!(
                html,
                "<section><h2><code>{method} {}</code></h2><p><b>{}</b> {}</p></section>",
                escape(path),
                escape(summary),
                escape(description)
            );
        }
    }
    html.push_str("</main></html>");
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The routes of the description.
pub fn routes(api: OpenApi) -> Router {
    let page = page(&api);
    Router::new().route("/openapi.json", get(move || async move { Json(api) })).route(
        "/docs",
        get(move || async move { ([(CONTENT_TYPE, "text/html; charset=utf-8")], Html(page)).into_response() }),
    )
}
