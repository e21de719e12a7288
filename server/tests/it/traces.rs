//! Traces of several processes, as a collector sees them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use otlp_prost::Message;
use ports::{Clock, Person};
use serde_json::{Value, json};
use test_servers::Server;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use trialbrief::wire::{self, Urls};

use crate::client::{self, Ask};
use crate::setup::Setup;
use crate::world::{SOON, mondays};

const TRIAL: &str = "ACME-101";

/// A span, and the process that it is of.
#[derive(Debug)]
struct Span {
    process: String,
    name: String,
    route: String,
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|attribute| attribute.key == key).and_then(|found| found.value.clone());
    match value.and_then(|value| value.value) {
        Some(Any::StringValue(text)) => text,
        _ => String::new(),
    }
}

/// A collector that hands on what it is given.
async fn collector() -> (SocketAddr, UnboundedReceiver<Vec<Span>>) {
    async fn take(State(sender): State<UnboundedSender<Vec<Span>>>, body: Bytes) {
        let mut spans = Vec::new();
        for of_process in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
            let process = text(&of_process.resource.unwrap().attributes, "service.instance.id");
            for span in of_process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                spans.push(Span {
                    process: process.clone(),
                    route: text(&span.attributes, "http.route"),
                    name: span.name,
                    trace: span.trace_id,
                    id: span.span_id,
                    parent: span.parent_span_id,
                });
            }
        }
        let _over = sender.send(spans);
    }
    let (sender, receiver) = unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route("/v1/traces", post(take)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, receiver)
}

/// The program itself, with some of the roles.
fn process(roles: &str, urls: &Urls, data: &str, collector: SocketAddr) -> Server {
    let Urls { events, documents, views, directory, keys, files, queue, mail } = urls;
    let settings = [
        ("data", data),
        ("roles", roles),
        ("stores.events", events),
        ("stores.documents", documents),
        ("stores.views", views),
        ("stores.directory", directory),
        ("stores.keys", keys),
        ("stores.files", files),
        ("stores.queue", queue),
        ("mail.url", mail),
        ("telemetry.otlp", &format!("http://{collector}")),
    ];
    let set = settings.iter().flat_map(|(name, value)| ["--set".to_owned(), format!("{name}={value}")]);
    let set: Vec<String> = set.collect();
    Server::start("trialbrief", env!("CARGO_BIN_EXE_trialbrief").into(), vec![], |port, _| {
        let listen = ["--set".to_owned(), format!("listen=127.0.0.1:{port}")];
        ["serve".to_owned()].into_iter().chain(listen).chain(set).collect()
    })
}

async fn ask(address: SocketAddr, method: &'static str, path: &str, body: Value) -> Value {
    let ask = Ask {
        user: "chi".to_owned(),
        method,
        path: path.to_owned(),
        content_type: "application/json",
        key: format!("{method}-{path}"),
        body: body.to_string().into_bytes(),
    };
    let (status, answer) = client::ask(address, &ask).await.unwrap();
    assert!((200..300).contains(&status), "{method} {path}: {status} {}", String::from_utf8_lossy(&answer));
    serde_json::from_slice(&answer).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_a_request_in_one_process_to_the_mail_in_another() {
    let folder = tempfile::tempdir().unwrap();
    let urls = Setup::Distributed.urls(folder.path()).await;
    let ports = wire::connect(&urls, Clock::system()).await.unwrap();
    let chi = Person {
        user: "chi".to_owned(),
        name: "Chiara Nowak".to_owned(),
        address: Some("chi@example.org".to_owned()),
        active: true,
    };
    ports.directory.save(&chi).await.unwrap();
    let (collector, mut exported) = collector().await;
    let data = folder.path().to_str().unwrap();
    let front = process("api,relay,projector", &urls, data, collector);
    let _back = process("scheduler,dispatcher,analyst,renderer,mailer", &urls, data, collector);

    ask(front.address(), "PUT", &format!("/api/trials/{TRIAL}"), json!({"title": "A device study"})).await;
    let subscription = json!({"trial": TRIAL, "schedule": mondays()});
    let subscribed = ask(front.address(), "POST", "/api/subscriptions", subscription).await;
    let path = format!("/api/subscriptions/{}/send-now", subscribed["id"].as_str().unwrap());
    ask(front.address(), "POST", &path, Value::Null).await;

    // A span comes after those within it, and each process exports when it likes.
    let mut traces: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Span>> = BTreeMap::new();
    let whole = async {
        loop {
            for span in exported.recv().await.unwrap() {
                traces.entry(span.trace.clone()).or_default().insert(span.id.clone(), span);
            }
            if let Some(trace) = traces.iter().find_map(|(trace, spans)| leads_to_a_mail(spans).then(|| trace.clone()))
            {
                return traces.remove(&trace).unwrap();
            }
        }
    };
    let spans = timeout(SOON, whole).await.expect("a whole trace from a request to a mail");
    let of = |name: &str| spans.values().filter(|span| span.name == name).collect::<Vec<_>>();
    let [root] = spans.values().filter(|span| span.parent.is_empty()).collect::<Vec<_>>()[..] else {
        panic!("one beginning: {spans:?}")
    };
    assert_eq!((&*root.name, &*root.route), ("request", "/api/subscriptions/{id}/send-now"));
    let [mail] = of("mail")[..] else { panic!("one mail: {spans:?}") };
    assert_eq!(spans[&mail.parent].name, "deliver");
    for name in ["render", "deliver", "mail"] {
        assert!(of(name).iter().all(|span| span.process != root.process), "the other process does it: {spans:?}");
    }
}

/// Whether a trace has a mail, and every span's place is known.
fn leads_to_a_mail(spans: &BTreeMap<Vec<u8>, Span>) -> bool {
    let has_mail = spans.values().any(|span| span.name == "mail");
    has_mail && spans.values().all(|span| span.parent.is_empty() || spans.contains_key(&span.parent))
}
