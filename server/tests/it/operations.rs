//! What those who run it and those who inspect it rely on.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use axum::body::Body;
use axum::http::Request;
use futures::StreamExt;
use jiff::Timestamp;
use ports::{EventHash, FileKey};
use serde_json::{Value, json};

use crate::setup::{self, Kept, Setup, bytes_of, write_elsewhere};
use crate::world::{World, mondays, parse};

const TRIAL: &str = "ACME-101";

/// A week in which people did things, up to the mail.
async fn a_week() -> (World, Value, Value) {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let subscribed = world.subscribe("chi", TRIAL, mondays()).await;
    world.until("2026-11-18T10:00[Europe/Berlin]").await;
    let path = "/api/documents?TrialId=ACME-101&SiteId=DE-01&Filename=canary-Quetzal.csv";
    let request = Request::post(path)
        .header("Trialbrief-Person", "ben")
        .header("Content-Type", "text/csv")
        .header("Change-Reason", "canary-Axolotl asked for it")
        .body(Body::from("site,visits\nDE-01,3\n"))
        .unwrap();
    let record = world.ask(request).await.expect(201).json();
    world.until("2026-11-19T10:00[Europe/Berlin]").await;
    let path = format!("/api/subscriptions/{}", subscribed["id"].as_str().unwrap());
    world.send("chi", "POST", &format!("{path}/pause"), json!({})).await.expect(200);
    world.until("2026-11-20T10:00[Europe/Berlin]").await;
    world.send("chi", "POST", &format!("{path}/resume"), json!({})).await.expect(200);
    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    assert_eq!(world.mails().len(), 1);
    (world, subscribed, record)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inspector_replays_what_happened_in_order_and_who_did_it() {
    let (world, subscribed, record) = a_week().await;
    let answer = world.get("ada", "/api/audit/events?trial=ACME-101").await.expect(200);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.ends_with('\n'));
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let told = |event: &Value| (event["stream"].as_str().unwrap().to_owned(), event["revision"].as_u64().unwrap());
    let log = world.log().await;
    let of_the_trial =
        log.iter().filter(|stored| !stored.stream.starts_with("clock-") && !stored.stream.starts_with("content-"));
    let expected: Vec<_> = of_the_trial.map(|stored| (stored.stream.clone(), stored.revision)).collect();
    assert_eq!(events.iter().map(told).collect::<Vec<_>>(), expected, "all of the trial, in the order of the log");

    let mut last = std::collections::BTreeMap::new();
    for event in &events {
        let before = last.insert(event["stream"].to_string(), event["hash"].clone());
        let zeros = json!(EventHash::default().to_string());
        assert_eq!(event["previous"], before.unwrap_or(zeros), "the chain of {}", event["stream"]);
        assert!(!event["actor"].as_str().unwrap().is_empty());
        assert!(event["recordedAt"].as_str().unwrap().parse::<Timestamp>().is_ok());
    }
    let actor = |kind: &str| {
        let event = events.iter().find(|event| event["type"] == kind);
        event.unwrap_or_else(|| panic!("no {kind}"))["actor"].as_str().unwrap()
    };
    for (kind, expected) in [
        ("TrialOpened", "ada"),
        ("MembershipGranted", "ada"),
        ("SubscriptionStarted", "chi"),
        ("DocumentAdded", "ben"),
        ("SubscriptionPaused", "chi"),
        ("SubscriptionResumed", "chi"),
        ("OccurrenceOpened", "scheduler"),
        ("ReportScheduled", "scheduler"),
        ("RecipientsListed", "scheduler"),
        ("OccurrenceClosed", "scheduler"),
        ("ReportRendered", "renderer"),
    ] {
        assert_eq!(actor(kind), expected, "{kind}");
    }
    for kind in ["DeliveryAttempted", "DeliverySent"] {
        assert!(actor(kind).starts_with("mailer-"), "{kind}");
    }
    let added = events.iter().find(|event| event["type"] == "DocumentAdded").unwrap();
    assert!(added["opened"].to_string().contains("canary-Axolotl asked for it"), "coordinators read why: {added}");

    let of_chi = world.get("ada", "/api/audit/events?trial=ACME-101&user=chi&type=DeliverySent").await.expect(200);
    assert_eq!(String::from_utf8(of_chi.body).unwrap().lines().count(), 1);

    let stream = format!("/api/audit/streams/subscription-{}", subscribed["id"].as_str().unwrap());
    for (at, status, revision) in [
        ("2026-11-16T07:59:59Z", Value::Null, Value::Null),
        ("2026-11-19T08:59:59Z", json!("active"), json!(0)),
        ("2026-11-19T09:00:00Z", json!("paused"), json!(1)),
        ("2026-11-20T09:00:00Z", json!("active"), json!(2)),
    ] {
        let then = world.get("ada", &format!("{stream}?at={at}")).await.expect(200).json();
        assert_eq!((&then["state"]["status"], &then["revision"]), (&status, &revision), "at {at}");
        assert_eq!(then["hashChain"], "intact");
    }
    let document = format!("/api/audit/streams/document-{}", record["_id"].as_str().unwrap());
    assert_eq!(world.get("ada", &document).await.expect(200).json()["hashChain"], "intact");
}

/// Which of some texts stand in what is kept for something.
async fn found<'t>(world: &World, kept: Kept, texts: &[&'t str]) -> Vec<&'t str> {
    let bytes = bytes_of(kept, world.folder(), &world.ports).await;
    assert!(!bytes.is_empty(), "{kept:?}: nothing is kept");
    let holds = |text: &&str| bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()));
    texts.iter().filter(|text| holds(text)).copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_address_file_name_or_reason_stands_in_events_or_views() {
    let (world, ..) = a_week().await;
    let names = ["Ada Berger", "Ben Okafor", "Chiara Nowak", "Dov Lindqvist", "@example.org"];
    let texts = ["canary-Quetzal", "canary-Axolotl", "A device study"];
    let all = [names.as_slice(), texts.as_slice()].concat();
    assert_eq!(found(&world, Kept::Events, &all).await, [""; 0]);
    assert_eq!(found(&world, Kept::Views, &all).await, [""; 0]);
    // The scan finds what is there.
    assert_eq!(found(&world, Kept::People, &names).await, names);
    assert_eq!(found(&world, Kept::Documents, &texts[..2]).await, texts[..2]);
    assert_eq!(found(&world, Kept::Events, &["SubscriptionStarted", "ACME-101"]).await.len(), 2);
    assert_eq!(found(&world, Kept::Views, &["ACME-101"]).await.len(), 1);
}

/// Records as another program left them, the first few with a file.
async fn existing_collection(folder: &Path, records: usize, files: usize, now: Timestamp) {
    let url = Setup::chosen().urls(folder).await.files;
    let (originals, _) = adapters::file_store::open(&url, &ports::Clock::simulated(now)).await.unwrap();
    let mut writes = Vec::new();
    for number in 0..records {
        let id = format!("{number:024x}");
        let key = format!("trials/{TRIAL}/{id}/upload");
        let body = format!("row,{number}\n1,2\n");
        let record = json!({
            "_id": id, "Filename": format!("{number}.csv"), "FileLocation": format!("s3://trialbrief/{key}"),
            "Size": body.len(), "MD5": "0".repeat(32), "Kind": "table",
        });
        writes.push(setup::Write::Insert(id, record));
        if number < files {
            let stream = futures::stream::once(async move { Ok(body.into()) }).boxed();
            originals.put(&FileKey::new(key).unwrap(), stream).await.unwrap();
        }
    }
    write_elsewhere(folder, writes).await;
}

/// As the mail writes it; below a million.
fn with_commas(number: usize) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "tells how long it took")]
async fn an_existing_collection_is_present_and_none_of_it_was_added() {
    let records: usize = Setup::chosen().fewer(10_000, 500);
    const FILES: usize = 5;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let begin = parse("2026-11-18T10:00[Europe/Berlin]");
    existing_collection(&path, records, FILES, begin).await;
    let began = std::time::Instant::now();
    let mut world = World::open(path, Some(folder), begin, |urls| urls).await;
    eprintln!("first contact with {records} records, their files looked for: {:.1} s", began.elapsed().as_secs_f64());
    // Whoever opens it sees its documents.
    world.send("dov", "PUT", "/api/trials/ACME-101", json!({"title": "Mine"})).await.expect(403);
    world.open_trial(TRIAL).await;
    world.subscribe("chi", TRIAL, mondays()).await;
    world.until("2026-11-19T10:00[Europe/Berlin]").await;
    world.upload("ben", TRIAL, "new.csv", b"site,visits\nDE-01,3\n".to_vec()).await;
    world.until("2026-11-23T08:00[Europe/Berlin]").await;

    let summary = world.get("chi", "/api/trials/ACME-101/summary").await.expect(200).json();
    let documents = &summary["figures"]["documents"];
    let figures = ["present", "found", "added", "removed"].map(|name| documents[name].as_u64().unwrap_or(0));
    assert_eq!(figures, [records as u64 + 1, records as u64, 1, 0], "{documents}");
    let mails = world.mails();
    let [mail] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    let text = mail_parser::MessageParser::default().parse(mail).unwrap().body_text(0).unwrap().into_owned();
    assert!(text.contains("1 document added"), "{text}");
    let row = |label: &str| text.lines().find_map(|line| line.strip_prefix(label)).unwrap().trim().to_owned();
    assert_eq!((row("Added "), row("Present ")), ("1".to_owned(), with_commas(records + 1)));
    assert_eq!(
        row("Analysed "),
        format!("{} of {}", FILES + 1, with_commas(records + 1)),
        "the other files are missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_how_it_is() {
    let (world, ..) = a_week().await;
    let get = async |path: &str| world.ask(Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(get("/healthz").await.expect(200).body, b"alive\n");
    assert_eq!(get("/readyz").await.expect(200).json()["ready"], true);
    assert_eq!(
        get("/version").await.expect(200).json(),
        json!({"name": "trialbrief", "version": env!("CARGO_PKG_VERSION")})
    );
    let metrics = get("/metrics").await.expect(200);
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let metrics = String::from_utf8(metrics.body).unwrap();
    let samples = samples(&metrics);
    assert!(
        samples
            .iter()
            .any(|(name, _)| name.contains("route=\"/api/subscriptions\"") && name.contains("status=\"201\""))
    );
    for kind in ["analyse", "render", "deliver"] {
        let depth = (format!("trialbrief_queue_depth{{kind=\"{kind}\"}}"), 0.0);
        assert!(samples.contains(&depth), "all work is done: {metrics}");
    }
    assert!(!metrics.contains("ACME-101"), "routes, never what somebody typed");
}

/// The samples of the text format of Prometheus, each after the type of its family.
fn samples(text: &str) -> Vec<(String, f64)> {
    let mut families = std::collections::BTreeSet::new();
    let mut samples = Vec::new();
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            assert!(families.insert(name), "{name} comes twice");
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let (family, labels) = name.split_once('{').unwrap();
            assert!(families.contains(family), "{line}");
            for label in labels.strip_suffix('}').unwrap().split("\",") {
                let (key, value) = label.split_once("=\"").unwrap();
                assert!(key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
                assert!(!value.trim_end_matches('"').contains(['"', '\\', '\n']), "{line}");
            }
            samples.push((name.to_owned(), value.parse().unwrap()));
        }
    }
    samples
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_served_with_its_policy_and_routes_that_are_none_are_problems() {
    let world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    let ask = async |method: &str, path: &str| {
        world.ask(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    };
    let client = ask("GET", "/").await.expect(200);
    assert_eq!(client.headers["content-type"], "text/html; charset=utf-8");
    let policy = client.headers["content-security-policy"].to_str().unwrap();
    for part in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = String::from_utf8(client.body).unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "no other party is asked");
    let docs = ask("GET", "/docs").await.expect(200);
    for name in ["content-type", "content-security-policy", "x-content-type-options"] {
        assert_eq!(docs.headers[name], client.headers[name], "{name}");
    }
    let docs = String::from_utf8(docs.body).unwrap();
    for told in ["<code>If-Match</code>", "<code>application/merge-patch+json</code>", "<td>412</td>"] {
        assert!(docs.contains(told), "{told}");
    }

    for (method, path) in
        [("GET", "/nothing"), ("GET", "/api/nothing"), ("POST", "/"), ("GET", "/../Cargo.toml"), ("GET", "/app")]
    {
        let answer = ask(method, path).await;
        assert_eq!(answer.status, 404, "{method} {path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    for (method, path, allowed) in [
        ("PUT", "/api/subscriptions", "POST"),
        ("DELETE", "/api/trials", "GET"),
        ("POST", "/healthz", "GET"),
        ("PATCH", "/unsubscribe/x", "POST"),
    ] {
        let answer = ask(method, path).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(answer.headers["allow"].to_str().unwrap().contains(allowed), "{method} {path}: {:?}", answer.headers);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_mails_of_others_where_the_program_is_no_demo() {
    let world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.get("ada", "/api/outbox").await.expect(404);
    assert_eq!(world.get("ada", "/api/me").await.expect(200).json()["outbox"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_documented_as_stored() {
    let world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    let served = world.get("ada", "/openapi.json").await.expect(200).json();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    if std::env::var_os("TRIALBRIEF_BLESS").is_some() {
        std::fs::write(path, format!("{}\n", serde_json::to_string_pretty(&served).unwrap())).unwrap();
    }
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or_default();
    assert!(
        stored == served,
        "docs/openapi.json differs; if the change is meant, run this test with TRIALBRIEF_BLESS=1"
    );
    assert!(served["paths"].as_object().unwrap().len() > 25);
    let text = served.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(served["components"]["schemas"].get(name).is_some(), "{name} is named and not described");
    }
}

/// The program, with nothing from this environment.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trialbrief"));
    command.env_clear().args(arguments).stdin(Stdio::null());
    command
}

/// A running program, killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

#[test]
fn a_second_program_on_the_same_data_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = format!("data={}", folder.path().display());
    let serve = ["serve", "--set", &data, "--set", "listen=127.0.0.1:0", "--set", "log.format=json"];
    let mut first = Running(program(&serve).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(first.0.stderr.take().unwrap()).lines();
    let line = lines.find(|line| line.as_ref().unwrap().contains("\"serving\"")).expect("it serves").unwrap();
    let address = serde_json::from_str::<Value>(&line).unwrap()["fields"]["address"].as_str().unwrap().to_owned();

    let second = program(&serve).output().unwrap();
    assert!(!second.status.success());
    assert!(said(&second).contains("is in use by another program"), "{}", said(&second));

    let mut connection = TcpStream::connect(&address).unwrap();
    connection
        .write_all(format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("alive\n"), "{answer}");

    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} is for nobody else", entry.file_name());
    }
}

#[test]
fn a_folder_without_a_log_is_not_found_equal() {
    let folder = tempfile::tempdir().unwrap();
    let mistyped = folder.path().join("dta").display().to_string();
    for verb in ["replay", "verify-report"] {
        let refused = program(&[verb, "--data", &mistyped]).output().unwrap();
        assert!(!refused.status.success());
        assert!(said(&refused).contains("there is no event log at"), "{}", said(&refused));
    }
    assert!(!Path::new(&mistyped).exists(), "nothing was made");
}

#[test]
fn the_sign_in_of_development_serves_this_machine_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = format!("data={}", folder.path().join("data").display());
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        let refused = program(&["serve", "--set", &data, "--set", &format!("listen={listen}")]).output().unwrap();
        assert!(!refused.status.success());
        let said = said(&refused);
        assert!(said.contains("listen") && said.contains("serves this machine only"), "{said}");
        assert!(said.contains("listen on 127.0.0.1 or [::1]"), "the remedy: {said}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was started");
}

#[test]
fn check_config_tells_what_is_in_force_and_no_secret() {
    let url = "mail.url=smtps://reports:hunter2-secret@mail.example.org:465";
    let sender = ["--set", "mail.from_address=reports@example.org", "--set", "mail.domain=example.org"];
    let checked = program(&[["check-config", "--set", url].as_slice(), &sender].concat()).output().unwrap();
    let told = said(&checked);
    assert!(checked.status.success(), "{told}");
    assert!(!told.contains("hunter2") && told.contains("smtps://reports:"), "{told}");
    let config: toml::Table = String::from_utf8(checked.stdout).unwrap().parse().unwrap();
    assert_eq!(config["mail"]["domain"].as_str(), Some("example.org"));

    let wrong = program(&["check-config", "--set", "lisen=127.0.0.1:9000", "--set", "mail.together=0", "--set", url])
        .output()
        .unwrap();
    let told = said(&wrong);
    assert!(!wrong.status.success());
    for named in ["lisen", "mail.together", "mail.from_address"] {
        assert!(told.contains(named), "{named} is not in {told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
}
