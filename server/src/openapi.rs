//! The API's description, generated from the code, and a page that shows it.

use std::fmt::Write as _;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;

use crate::client;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The page: the description as a readable list, without any script.
fn page(api: &Value) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Trialbrief API</title><link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\"><link rel=\"stylesheet\" href=\"/styles.css\"><main class=\"notice\"><h1>Trialbrief API</h1>\
         <p>Generated from the code. The machine-readable form, with every field of every body, is \
         <a href=\"/openapi.json\">/openapi.json</a> (OpenAPI 3.1). What goes wrong is told as a <code>Problem</code>.</p>",
    );
    for (path, item) in members(&api["paths"]) {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                html.push_str(&section(&method.to_uppercase(), path, operation));
            }
        }
    }
    html.push_str("</main></html>");
    html
}

/// One operation: what it does, what it takes, what it answers.
fn section(method: &str, path: &str, operation: &Value) -> String {
    let summary = text(&operation["summary"]);
    let description = text(&operation["description"]);
    let mut html =
        format!("<section><h2><code>{method} {}</code></h2><p><b>{summary}</b> {description}</p>", escape(path));
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice).iter().map(|parameter| {
        let needed = if parameter["required"] == true { "" } else { ", optional" };
        let place = format!("{}{needed}", text(&parameter["in"]));
        [code(text(&parameter["name"])), place, code(type_of(&parameter["schema"])), text(&parameter["description"])]
    });
    table(&mut html, ["Parameter", "In", "Type", ""], parameters);
    let bodies = members(&operation["requestBody"]["content"])
        .map(|(media, body)| [code(escape(media)), code(type_of(&body["schema"]))]);
    table(&mut html, ["Body", "Type"], bodies);
    let answers = members(&operation["responses"]).map(|(status, answer)| {
        let types: Vec<String> = members(&answer["content"]).map(|(_, body)| code(type_of(&body["schema"]))).collect();
        [escape(status), types.join(", "), text(&answer["description"])]
    });
    table(&mut html, ["Status", "Answer", ""], answers);
    html.push_str("</section>");
    html
}

/// A table, where there are rows. Cells are markup.
fn table<const N: usize>(html: &mut String, heads: [&str; N], rows: impl Iterator<Item = [String; N]>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    html.push_str("<table class=\"table\"><thead><tr>");
    for head in heads {
        // Writing to a String does not fail.
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        let _ = write!(html, "<tr><td>{}</td></tr>", row.join("</td><td>"));
    }
    html.push_str("</tbody></table>");
}

/// A schema by its name, or by its JSON type.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return escape(name);
    }
    if let Some(first) = ["oneOf", "anyOf", "allOf"].iter().find_map(|one| schema[*one].as_array()) {
        return first.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    let name = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        Value::String(name) if name == "array" => return format!("list of {}", type_of(&schema["items"])),
        name => name.as_str().unwrap_or("any").to_owned(),
    };
    match schema["format"].as_str() {
        Some(format) => escape(&format!("{name} ({format})")),
        None => escape(&name),
    }
}

fn members(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn code(markup: String) -> String {
    if markup.is_empty() { markup } else { format!("<code>{markup}</code>") }
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The routes of the description.
pub fn routes(api: OpenApi) -> Router {
    // Written by utoipa out of texts and numbers, so that it always is a JSON value.
    let page = page(&serde_json::to_value(&api).unwrap_or_default());
    Router::new().route("/openapi.json", get(move || async move { Json(api) })).route(
        "/docs",
        get(
            move || async move { (client::GUARDS, [(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response() },
        ),
    )
}
