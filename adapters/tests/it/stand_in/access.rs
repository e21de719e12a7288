//! Discovery, credentials and TLS.

use std::path::Path;
use std::process::Command;

use kurrentdb::{Error, StreamState};

use super::{append, client_of, events, server};

async fn first_append(url: &str, stream: &str) -> Result<u64, Error> {
    let answer = append(&client_of(url), stream, StreamState::NoStream, events(&["0"])).await?;
    Ok(answer.next_expected_version)
}

#[tokio::test]
async fn the_leader_is_found_by_gossip() {
    let address = server::shared().address();
    let stream = test_servers::unique("discovered");
    assert_eq!(first_append(&format!("kurrentdb+discover://{address}?tls=false"), &stream).await.unwrap(), 0);
    let unused = test_servers::free_port();
    let several = format!("kurrentdb://127.0.0.1:{unused},{address}?tls=false");
    assert_eq!(first_append(&several, &stream).await.unwrap(), 0);
}

#[tokio::test]
async fn who_sends_no_password_or_a_wrong_one_is_denied_also_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    make_certificate(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let server =
        server::start(&["--user", "admin", "--password", "changeit", "--tls-cert", &certificate, "--tls-key", &key]);
    let url =
        |who: &str| format!("kurrentdb://{who}localhost:{}?tls=true&tlsCaFile={certificate}", server.address().port());
    assert_eq!(first_append(&url("admin:changeit@"), "secured-1").await.unwrap(), 0);
    for who in ["", "admin:wrong@", "other:changeit@"] {
        let denied = first_append(&url(who), "secured-2").await.unwrap_err();
        assert!(matches!(denied, Error::AccessDenied), "{who}: {denied:?}");
    }
    let plain = format!("kurrentdb://admin:changeit@{}?tls=false", server.address());
    assert!(first_append(&plain, "secured-3").await.is_err());
}

/// `cert.pem` and `key.pem` of `localhost`, in a folder.
pub fn make_certificate(folder: &Path) {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
                     -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE";
    let made = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
