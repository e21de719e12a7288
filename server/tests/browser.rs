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

/// Starts the demo on a free port, as if its twelve weeks were over and nothing had happened in them, and answers where it is.
fn start(folder: &std::path::Path) -> (Program, String) {
    std::fs::write(folder.join("demo-finished"), b"").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_trialbrief"))
        .args(["demo", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let base = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("Open ").map(ToOwned::to_owned))
        .expect("the program says where it serves");
    // Read on, so that the program never waits for its words to be read.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (Program(child), base)
}

#[test]
fn upload_subscribe_send_now_open_the_mail_unsubscribe_and_look_at_members_and_history() {
    let modules = std::env::var("TRIALBRIEF_NODE_MODULES")
        .expect("TRIALBRIEF_NODE_MODULES names a folder with playwright-core; run scripts/test, which installs it");
    let folder = tempfile::tempdir().unwrap();
    let (_program, base) = start(folder.path());
    let pictures = tempfile::tempdir().unwrap();
    let journey = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/journey.mjs"))
        .arg(&base)
        .arg(pictures.path())
        .env("TRIALBRIEF_NODE_MODULES", modules)
        .output()
        .expect("node is installed");
    let said = format!("{}{}", String::from_utf8_lossy(&journey.stdout), String::from_utf8_lossy(&journey.stderr));
    let complete = journey.status.success() && said.contains("the journey is complete");
    assert!(complete, "{said}\npictures in {}", pictures.keep().display());
}
