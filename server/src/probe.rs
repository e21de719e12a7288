//! `trialbrief health`: asks a running program how it is, for a supervisor that has no other client at hand, such as a container.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Position, Url};

/// How long the whole conversation may take: less than the patience of a usual health check.
const WITHIN: Duration = Duration::from_secs(4);

/// Most bytes of an answer that are looked at.
const ANSWER_BYTES: u64 = 16 * 1024;

/// What the program says at this address, such as `http://127.0.0.1:8080/readyz`, if it is well.
///
/// # Errors
/// If nobody answers in time, or with anything but 200; then the error is what was said.
pub async fn ask(url: &str) -> anyhow::Result<String> {
    let url = Url::parse(url)
        .with_context(|| format!("--url {url:?} is no address, such as http://127.0.0.1:8080/healthz"))?;
    ensure!(url.scheme() == "http", "--url {url}: the program itself speaks http only");
    match timeout(WITHIN, get(&url)).await {
        Ok(answer) => answer.with_context(|| url.to_string()),
        Err(_) => bail!("{url}: no answer within {} seconds", WITHIN.as_secs()),
    }
}

/// One request over a connection of its own. HTTP/1.0, so that the body comes as it is and ends with the connection.
async fn get(url: &Url) -> anyhow::Result<String> {
    let host = url.host_str().context("the address names no host")?;
    let port = url.port_or_known_default().context("the address names no port")?;
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let path = &url[Position::BeforePath..Position::AfterQuery];
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer).await?;

    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("what answers does not speak HTTP")?;
    let status = head.split(' ').nth(1).context("what answers does not speak HTTP")?;
    ensure!(status == "200", "{status}: {}", body.trim());
    Ok(body.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::ask;

    #[tokio::test]
    async fn only_200_is_well_and_the_reason_is_told() {
        let routes = Router::new()
            .route("/healthz", get(|| async { "alive\n" }))
            .route("/readyz", get(|| async { (StatusCode::SERVICE_UNAVAILABLE, r#"{"failing":"relay"}"#) }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, routes).await });

        assert_eq!(ask(&format!("http://{address}/healthz")).await.unwrap(), "alive");
        let ill = format!("{:#}", ask(&format!("http://{address}/readyz")).await.unwrap_err());
        assert!(ill.contains("503") && ill.contains("relay"), "{ill}");
        assert!(ask(&format!("http://{address}/missing")).await.is_err());
    }

    #[tokio::test]
    async fn nobody_and_somebody_else_are_not_well() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let closes = tokio::spawn(async move { drop(listener.accept().await) });
        assert!(ask(&format!("http://{address}/healthz")).await.is_err());
        closes.await.unwrap();
        assert!(ask(&format!("http://{address}/healthz")).await.is_err(), "the port is closed");
        for url in ["https://127.0.0.1/healthz", "127.0.0.1:8080", "file:///etc/hosts"] {
            assert!(ask(url).await.unwrap_err().to_string().contains("--url"), "{url}");
        }
    }
}
