//! The outbox of the demo, shown in the client: mails as they were written to the disk.

use std::path::PathBuf;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{Caller, Path, Problem};
use mail_parser::{Addr, Address, Message, MessageParser, MimeHeaders};
use serde_json::{Value, json};

/// Mails shown at most, the newest.
const SHOWN: usize = 200;

/// The routes of the outbox, for anybody who is signed in. They are there only where mails go to one, which is a place for
/// trying things out.
pub fn routes(folder: PathBuf) -> Router {
    Router::new()
        .route("/api/outbox", get(list))
        .route("/api/outbox/{id}", get(show))
        .route("/api/outbox/{id}/source", get(source))
        .route("/api/outbox/{id}/attachments/{number}", get(attachment))
        .with_state(folder)
}

async fn list(State(folder): State<PathBuf>, _: Caller) -> Result<Json<Value>, Problem> {
    let mut mails = Vec::new();
    let mut entries = match tokio::fs::read_dir(&folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Json(json!({"items": []}))),
        Err(error) => return Err(Problem::internal(error)),
    };
    while let Some(entry) = entries.next_entry().await.map_err(Problem::internal)? {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.strip_suffix(".eml")).map(ToOwned::to_owned)
        else {
            continue;
        };
        let modified = entry.metadata().await.and_then(|metadata| metadata.modified()).map_err(Problem::internal)?;
        mails.push((modified, id));
    }
    mails.sort_unstable_by(|a, b| b.cmp(a));
    let mut items = Vec::new();
    for (_, id) in mails.into_iter().take(SHOWN) {
        let mail = read(&folder, &id).await?;
        let Some(parsed) = MessageParser::default().parse(&mail) else { continue };
        items.push(json!({
            "id": id, "to": address(parsed.to()), "subject": parsed.subject(), "date": date(&parsed), "size": mail.len(),
        }));
    }
    Ok(Json(json!({"items": items})))
}

async fn show(State(folder): State<PathBuf>, _: Caller, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let mail = read(&folder, &id).await?;
    let parsed = MessageParser::default().parse(&mail).ok_or_else(|| Problem::internal("the mail cannot be read"))?;
    let attachments: Vec<Value> = parsed
        .attachments()
        .enumerate()
        .map(|(n, part)| {
            let name = part.attachment_name().unwrap_or("attachment");
            json!({"name": name, "size": part.len(), "href": format!("/api/outbox/{id}/attachments/{n}")})
        })
        .collect();
    Ok(Json(json!({
        "id": id,
        "headers": {
            "from": address(parsed.from()), "to": address(parsed.to()), "subject": parsed.subject(), "date": date(&parsed),
            "listUnsubscribe": parsed.header_raw("List-Unsubscribe").map(str::trim),
        },
        "text": parsed.body_text(0),
        "attachments": attachments,
        "source": format!("/api/outbox/{id}/source"),
    })))
}

async fn attachment(
    State(folder): State<PathBuf>,
    _: Caller,
    Path((id, number)): Path<(String, usize)>,
) -> Result<Response, Problem> {
    let mail = read(&folder, &id).await?;
    let not_found = || Problem::not_found("attachment");
    let parsed = MessageParser::default().parse(&mail).ok_or_else(not_found)?;
    let part = parsed.attachment(u32::try_from(number).unwrap_or(u32::MAX)).ok_or_else(not_found)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/pdf")),
        (CONTENT_DISPOSITION, http::inline(part.attachment_name().unwrap_or("attachment"))),
    ];
    Ok((headers, part.contents().to_vec()).into_response())
}

fn address(addresses: Option<&Address<'_>>) -> String {
    let written = |addr: &Addr<'_>| match (addr.name(), addr.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (None, Some(address)) => address.to_owned(),
        (name, None) => name.unwrap_or_default().to_owned(),
    };
    addresses.map(|addresses| addresses.iter().map(written).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

fn date(mail: &Message<'_>) -> Option<String> {
    mail.date().map(mail_parser::DateTime::to_rfc3339)
}

async fn source(State(folder): State<PathBuf>, _: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], read(&folder, &id).await?).into_response())
}

async fn read(folder: &std::path::Path, id: &str) -> Result<Vec<u8>, Problem> {
    let is_plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !id.is_empty();
    if !is_plain {
        return Err(Problem::not_found("mail"));
    }
    match tokio::fs::read(folder.join(format!("{id}.eml"))).await {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Problem::not_found("mail")),
        Err(error) => Err(Problem::internal(error)),
    }
}
