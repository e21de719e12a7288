//! Asks a process over HTTP, over a connection of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than a command may wait for a port by itself.
const PATIENCE: Duration = Duration::from_secs(15);

/// A request that can be sent again.
#[derive(Clone, Debug)]
pub struct Ask {
    pub user: String,
    pub method: &'static str,
    pub path: String,
    pub content_type: &'static str,
    /// Its `Idempotency-Key`.
    pub key: String,
    pub body: Vec<u8>,
}

/// Status and body. HTTP/1.0, so that the body ends with the connection.
///
/// # Errors
/// Where nobody answers, or not to the end: nothing is known of what became of it.
pub async fn ask(address: SocketAddr, ask: &Ask) -> io::Result<(u16, Vec<u8>)> {
    timeout(PATIENCE, converse(address, ask)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn converse(address: SocketAddr, ask: &Ask) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).await?;
    let Ask { user, method, path, content_type, key, body } = ask;
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nTrialbrief-Person: {user}\r\nContent-Type: {content_type}\r\n\
         Idempotency-Key: {key}\r\nChange-Reason: looked at it\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let body = answer.split_off(end + 4);
    let is_whole = length.is_none_or(|length| length.trim().parse() == Ok(body.len()));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).filter(|_| is_whole).ok_or_else(cut)?;
    Ok((status, body))
}
