//! KurrentDB's stand-in, a program of its own over the SQLite event log; or the real server that `TRIALBRIEF_TEST_KURRENTDB` names.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::Server;

/// Names a real server for the tests, such as `kurrentdb://admin:changeit@host:2113?tls=false`.
pub const REAL_SERVER: &str = "TRIALBRIEF_TEST_KURRENTDB";

/// Starts a stand-in. `further` are arguments, such as `--user`.
#[must_use]
pub fn start(further: &[&str]) -> Server {
    Server::start("kurrentdb", stand_in(), vec![], |port, folder| {
        let listen = format!("127.0.0.1:{port}");
        let data = folder.join("data").display().to_string();
        let arguments = ["--listen", &listen, "--data", &data];
        arguments.iter().chain(further).map(|argument| (*argument).to_owned()).collect()
    })
}

/// The stand-in that the tests of this process share.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| start(&[]))
}

/// A URL for the setting `events`: every stream under a prefix of its own.
#[must_use]
pub fn url(server: &Server, prefix: &str) -> String {
    format!("kurrentdb://{}?tls=false&prefix={prefix}", server.address())
}

/// A URL as [`url`] gives it: of the real server where one is named, of the shared stand-in otherwise.
#[must_use]
pub fn shared_url(prefix: &str) -> String {
    std::env::var(REAL_SERVER).map_or_else(
        |_| url(shared(), prefix),
        |real| {
            let joint = if real.contains('?') { '&' } else { '?' };
            format!("{real}{joint}prefix={prefix}")
        },
    )
}

/// The program, which cargo puts beside the folder of the test's own program.
fn stand_in() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own program");
    let folder = test.ancestors().skip(1).find(|folder| folder.join("deps").is_dir());
    let program = folder.expect("cargo's folder of programs").join("examples/kurrentdb-stand-in");
    assert!(
        program.exists(),
        "{} is missing: cargo build -p test-servers --example kurrentdb-stand-in",
        program.display()
    );
    program
}
