//! A server that speaks MongoDB's protocol, from PyPI's `SecantusDB`: not mongod, but with transactions and change streams.

use std::sync::OnceLock;

use crate::{Server, installed};

/// Starts one. `further` are arguments, such as `--auth`.
#[must_use]
pub fn start(further: &[&str]) -> Server {
    Server::start("mongodb", installed("secantusd-py"), vec![], |port, folder| {
        let store = folder.join("data").display().to_string();
        let port = port.to_string();
        let arguments = ["--host", "127.0.0.1", "--port", &port, "--storage-path", &store, "--cache-size", "256M"];
        arguments.iter().chain(further).map(|argument| (*argument).to_owned()).collect()
    })
}

/// The one that the tests of this process share.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| start(&[]))
}

/// A URL for the settings `documents`, `views`, `directory` and `keys`: a database of its own.
#[must_use]
pub fn url(server: &Server, database: &str) -> String {
    format!("mongodb://{}/{database}?replicaSet=secantus", server.address())
}
