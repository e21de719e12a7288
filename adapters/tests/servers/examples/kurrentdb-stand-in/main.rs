//! A stand-in for KurrentDB in tests: a gRPC server over the SQLite event log that answers as a real server was seen to.
//!
//! It may be killed at any instruction and started again on the same folder: what it acknowledged is there.

#![expect(clippy::result_large_err, reason = "tonic's status is the error of every call")]

mod append;
mod follow;
mod messages;
mod read;
mod server;
mod store;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use tonic::transport::{Identity, Server, ServerTlsConfig};

use crate::server::{Access, Wire};
use crate::store::Store;

/// A stand-in for KurrentDB in tests.
#[derive(Parser)]
#[command(name = "kurrentdb-stand-in")]
struct Arguments {
    /// Where to listen, such as 127.0.0.1:2113
    #[arg(long)]
    listen: SocketAddr,
    /// The folder of the log
    #[arg(long)]
    data: PathBuf,
    /// Who may use it; everybody, if not given
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// The user's password
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// A PEM file with the certificate
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// A PEM file with the certificate's key
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let arguments = Arguments::parse();
    let store = Arc::new(Store::open(&arguments.data).await?);
    let access = match (&arguments.user, &arguments.password) {
        (Some(user), Some(password)) => Access::basic(user, password),
        (Some(_), None) | (None, _) => Access::Everybody,
    };
    // Answers are small: they must not wait for more to send.
    let mut server = Server::builder().tcp_nodelay(true);
    if let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        // Another provider is compiled in beside this one, so that none is the default. Nobody has installed one before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = |path: &PathBuf| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
        let identity = Identity::from_pem(read(certificate)?, read(key)?);
        let config = ServerTlsConfig::new().identity(identity);
        server = server.tls_config(config).map_err(|e| format!("--tls-cert, --tls-key: {e:?}"))?;
    }
    let wire = Wire::new(store, access, arguments.listen);
    server.serve(arguments.listen, wire).await.map_err(|e| format!("--listen {}: {e:?}", arguments.listen))
}
