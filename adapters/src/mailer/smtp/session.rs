//! Opens a session: TCP without delay, encryption, greeting, authentication.
//!
//! Two things `lettre` 0.11 leaves open are done here. It does not set TCP_NODELAY, which costs 40 ms a message. And when
//! it upgrades by STARTTLS it keeps what arrived behind the server's answer and later takes it for encrypted answers;
//! so the clear part of the session is spoken here, anything behind the answer ends it, and `lettre` begins behind TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::settings::{Security, Settings};

/// The longest answer taken in the clear part of a session, in bytes.
const LONGEST_ANSWER: usize = 16 * 1024;

/// A session that is ready for mails, or one sentence why there is none.
pub(super) async fn connect(settings: &Settings) -> Result<AsyncSmtpConnection, String> {
    let tcp = TcpStream::connect((settings.host.as_str(), settings.port)).await.map_err(|e| e.to_string())?;
    tcp.set_nodelay(true).map_err(|e| e.to_string())?;
    let helo = match (&settings.helo, tcp.local_addr().map_err(|e| e.to_string())?.ip()) {
        (Some(name), _) => ClientId::Domain(name.clone()),
        (None, IpAddr::V4(ip)) => ClientId::Ipv4(ip),
        (None, IpAddr::V6(ip)) => ClientId::Ipv6(ip),
    };
    let peer = tcp.peer_addr().map_err(|e| e.to_string())?;
    let (stream, said) = match &settings.security {
        Security::None => (Stream::Plain(tcp), Bytes::new()),
        Security::Implicit(tls) => {
            let tls = tls.connector.connect(tls.server.clone(), tcp).await.map_err(|e| format!("TLS: {e}"))?;
            (Stream::Tls(Box::new(tls)), Bytes::new())
        }
        Security::Starttls(tls) => {
            let (tcp, greeting) = starttls(tcp, &helo).await?;
            let tls = tls.connector.connect(tls.server.clone(), tcp).await.map_err(|e| format!("TLS: {e}"))?;
            (Stream::Tls(Box::new(tls)), greeting)
        }
    };
    let mut connection = AsyncSmtpConnection::connect_with_transport(Box::new(Wire { said, stream, peer }), &helo)
        .await
        .map_err(|e| super::clean(&e.to_string()))?;
    if let Some(credentials) = &settings.credentials {
        connection
            .auth(&[Mechanism::Plain, Mechanism::Login], credentials)
            .await
            .map_err(|e| super::clean(&format!("signing in: {e}")))?;
    }
    Ok(connection)
}

/// Speaks up to the answer to STARTTLS; also answers the greeting.
async fn starttls(mut tcp: TcpStream, helo: &ClientId) -> Result<(TcpStream, Bytes), String> {
    let greeting = answer(&mut tcp, "220").await?;
    say(&mut tcp, &format!("EHLO {helo}\r\n")).await?;
    let offers = answer(&mut tcp, "250").await?;
    let offered = |line: &[u8]| line.get(4..).is_some_and(|word| word.trim_ascii().eq_ignore_ascii_case(b"STARTTLS"));
    if !offers.split(|b| *b == b'\n').any(offered) {
        return Err("the server does not offer STARTTLS, so nothing was sent".to_owned());
    }
    say(&mut tcp, "STARTTLS\r\n").await?;
    answer(&mut tcp, "220").await?;
    Ok((tcp, greeting))
}

async fn say(tcp: &mut TcpStream, line: &str) -> Result<(), String> {
    tcp.write_all(line.as_bytes()).await.map_err(|e| e.to_string())
}

/// Reads one whole answer that begins with a code, and nothing behind it.
async fn answer(tcp: &mut TcpStream, code: &str) -> Result<Bytes, String> {
    let mut answer = Vec::new();
    while !is_whole(&answer)? {
        if answer.len() > LONGEST_ANSWER {
            return Err("the server's answer is too long".to_owned());
        }
        if tcp.read_buf(&mut answer).await.map_err(|e| e.to_string())? == 0 {
            return Err("the server closed the connection".to_owned());
        }
    }
    if answer.starts_with(code.as_bytes()) {
        Ok(answer.into())
    } else {
        Err(super::clean(&String::from_utf8_lossy(&answer)))
    }
}

/// Whether an answer has its last line (a space, or nothing, behind the code); an error if something comes after it.
fn is_whole(answer: &[u8]) -> Result<bool, String> {
    let continued = |line: &&[u8]| line.get(3) == Some(&b'-') && line.ends_with(b"\n");
    let mut last = answer.split_inclusive(|b| *b == b'\n').skip_while(continued);
    match (last.next().is_some_and(|line| line.ends_with(b"\n")), last.next()) {
        (whole, None) => Ok(whole),
        (_, Some(_)) => Err("the server spoke out of turn before encryption".to_owned()),
    }
}

/// What `lettre` speaks over. It expects a greeting first: the one from before encryption is told again.
#[derive(Debug)]
struct Wire {
    said: Bytes,
    stream: Stream,
    peer: SocketAddr,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let start = buffer.filled().len();
        if self.said.is_empty() {
            ready!(match &mut self.stream {
                Stream::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
                Stream::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
            })?;
        } else {
            let told = self.said.len().min(buffer.remaining());
            buffer.put_slice(&self.said[..told]);
            self.said.advance(told);
        }
        // Some servers say their reasons in Latin-1, which `lettre` would take for a broken connection.
        buffer.filled_mut()[start..].iter_mut().filter(|b| !b.is_ascii()).for_each(|b| *b = b'?');
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Stream::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}
