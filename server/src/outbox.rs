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
use tokio::io::AsyncReadExt;

/// Mails shown at most, the newest.
const SHOWN: usize = 200;

/// Of each mail in the list no more is read than this, in bytes: its header, not the report that it carries.
const HEAD: u64 = 16 * 1024;

/// The routes of the outbox. Whoever is signed in reads every mail, with the report and the unsubscribe link in it, so only the
/// demo has them.
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
        let metadata = entry.metadata().await.map_err(Problem::internal)?;
        mails.push((metadata.modified().map_err(Problem::internal)?, id, metadata.len()));
    }
    mails.sort_unstable_by(|a, b| b.cmp(a));
    let mut items = Vec::new();
    for (_, id, size) in mails.into_iter().take(SHOWN) {
        let mail = read(&folder, &id, HEAD).await?;
        let Some(parsed) = MessageParser::default().parse_headers(&mail) else { continue };
        items.push(json!({
            "id": id, "to": address(parsed.to()), "subject": parsed.subject(), "date": date(&parsed), "size": size,
        }));
    }
    Ok(Json(json!({"items": items})))
}

async fn show(State(folder): State<PathBuf>, _: Caller, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let mail = read(&folder, &id, u64::MAX).await?;
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
    let mail = read(&folder, &id, u64::MAX).await?;
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
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], read(&folder, &id, u64::MAX).await?).into_response())
}

/// The first `most` bytes of a mail.
async fn read(folder: &std::path::Path, id: &str, most: u64) -> Result<Vec<u8>, Problem> {
    let is_plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !id.is_empty();
    if !is_plain {
        return Err(Problem::not_found("mail"));
    }
    let file = match tokio::fs::File::open(folder.join(format!("{id}.eml"))).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Problem::not_found("mail")),
        Err(error) => return Err(Problem::internal(error)),
    };
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).await.map_err(Problem::internal)?;
    Ok(bytes)
}
