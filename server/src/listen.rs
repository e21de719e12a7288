//! Connections: how many at once, and for how long one may keep the server waiting.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::Layer;
use tower_http::timeout::RequestBodyTimeoutLayer;

/// How long a request's head may take, and how long a connection may stay without a request. Longer than the pause between
/// two polls of the client; short enough that somebody who opens connections and says nothing does not keep them.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// How long a body may bring nothing: an upload whose sender vanished is given up, and nothing of it is stored.
const BODY_GOES_ON_WITHIN: Duration = Duration::from_secs(30);
/// Share of the process's file descriptors that connections may take; the rest is for files and databases.
const CONNECTIONS_OF_DESCRIPTORS: u64 = 2;
/// Connections at once where the system sets no smaller limit.
const MOST_CONNECTIONS: u64 = 10_000;
/// How long accepting rests when the system has no descriptor left.
const REST: Duration = Duration::from_millis(100);

/// Serves until `shutdown` resolves, then waits for the requests under way.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let connections = Arc::new(Semaphore::new(most_connections()));
    let router = router.layer(RequestBodyTimeoutLayer::new(BODY_GOES_ON_WITHIN));
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            // Whoever comes while all are taken waits in the listener's own queue.
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        // Answers are written whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(Extension(ConnectInfo::<SocketAddr>(peer)).layer(router.clone()));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

fn most_connections() -> usize {
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    (descriptors / CONNECTIONS_OF_DESCRIPTORS).clamp(1, MOST_CONNECTIONS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    async fn start() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() };
        let sent = |body: Result<String, _>| async { body.map_or("given up", |_: String| "whole") };
        let router = Router::new().route("/", get(asked).post(sent));
        tokio::spawn(serve(listener, router, std::future::pending()));
        address
    }

    async fn everything(mut connection: TcpStream) -> String {
        let mut text = String::new();
        connection.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_request_is_answered_and_knows_who_asks() {
        let mut connection = TcpStream::connect(start().await).await.unwrap();
        connection.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let answer = everything(connection).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("127.0.0.1"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_ends_is_hung_up_on() {
        let mut connection = TcpStream::connect(start().await).await.unwrap();
        connection.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await.unwrap();
        let before = tokio::time::Instant::now();
        everything(connection).await;
        assert!(before.elapsed() >= HEAD_WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_goes_on_is_waited_for_and_one_that_stops_is_given_up() {
        for (late, said) in [(BODY_GOES_ON_WITHIN / 2, "whole"), (BODY_GOES_ON_WITHIN * 2, "given up")] {
            let mut connection = TcpStream::connect(start().await).await.unwrap();
            let head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\n";
            connection.write_all(head).await.unwrap();
            for _ in 0..2 {
                tokio::time::sleep(late).await;
                // Where it was given up, nobody may be listening any more.
                let _ = connection.write_all(b"ab").await;
            }
            let answer = everything(connection).await;
            assert!(answer.ends_with(said), "{late:?}: {answer}");
        }
    }
}
