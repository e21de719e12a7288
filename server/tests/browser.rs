//! The browser client in headless Chromium, against the program as it is started by a person.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The running program; killed when the test ends.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program on a free port and answers where it is.
fn start(folder: &std::path::Path) -> (Program, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_trialbrief"))
        .args(["serve", "--set", "listen=127.0.0.1:0"])
        .arg("--set")
        .arg(format!("data={}", folder.display()))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map_while(Result::ok)
        .take(20)
        .find_map(|line| Some(line.split_once("address=")?.1.split_whitespace().next()?.to_owned()))
        .expect("the program says where it serves");
    // Read on, so that the program never waits for its log to be read.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (Program(child), format!("http://{address}"))
}

#[test]
fn upload_subscribe_send_now_open_the_mail_unsubscribe() {
    let modules = std::env::var("TRIALBRIEF_NODE_MODULES")
        .expect("TRIALBRIEF_NODE_MODULES names a folder with playwright-core; run scripts/test, which installs it");
    let folder = tempfile::tempdir().unwrap();
    let (_program, base) = start(folder.path());
    let open = Command::new("curl")
        .args(["-sS", "--fail-with-body", "-X", "PUT", "-H", "Trialbrief-Person: u-berger"])
        .args(["-H", "Content-Type: application/json", "-d", r#"{"title":"A device study"}"#])
        .arg(format!("{base}/api/trials/ACME-101"))
        .output()
        .expect("curl is installed");
    assert!(open.status.success(), "{}", String::from_utf8_lossy(&open.stdout));
    let pictures = tempfile::tempdir().unwrap().keep();
    let journey = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/journey.mjs"))
        .arg(&base)
        .arg(&pictures)
        .env("TRIALBRIEF_NODE_MODULES", modules)
        .output()
        .expect("node is installed");
    let said = format!("{}{}", String::from_utf8_lossy(&journey.stdout), String::from_utf8_lossy(&journey.stderr));
    assert!(journey.status.success(), "{said}");
    assert!(said.contains("the journey is complete"), "{said}");
}
