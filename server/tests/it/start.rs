//! What the program says, as it starts, to a setting that leads nowhere: which one, what it found and what to do; and it exits.

use std::process::Stdio;
use std::time::Duration;

use adapters::event_log;
use futures::StreamExt;
use mongodb::bson::{Document, doc};
use ports::{Clock, Expected, NewEvent, ROWS_VERSION};
use test_servers::{Server, free_port, kurrentdb, mongodb as mongodb_server, nats, s3, unique};
use tokio::process::Command;
use tokio::time::timeout;
use uuid::Uuid;

/// Every URL's password: never to be read again.
const PASSWORD: &str = "s3cret";
/// How long the program may take to say what is wrong.
const SAYS_WITHIN: Duration = Duration::from_secs(60);

/// A setting as the configuration calls it, a URL that is wrong, and words of what is said about it.
type Wrong = (&'static str, String, &'static [&'static str]);

/// Starts the program with one setting, in a folder of its own, and answers what it said.
async fn refusal(setting: &str, url: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_trialbrief"))
        .args(["serve", "--set", &format!("data={}", folder.path().display()), "--set", "listen=127.0.0.1:0"])
        .args(["--set", &format!("{setting}={url}")])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ended = timeout(SAYS_WITHIN, run).await.unwrap_or_else(|_| panic!("{setting}={url}: it serves")).unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{setting}={url}: {said}");
    said
}

/// The program refuses each, names the setting and says the words, and never the password.
async fn refuses(wrong: Vec<Wrong>) {
    let said = futures::stream::iter(wrong).map(|wrong| async move { (refusal(wrong.0, &wrong.1).await, wrong) });
    let said: Vec<(String, Wrong)> = said.buffer_unordered(2).collect().await;
    for (said, (setting, url, words)) in said {
        assert!(said.contains(setting), "{setting}={url}: the setting is not named: {said}");
        for words in words {
            assert!(said.contains(words), "{setting}={url}: {words:?} is not said: {said}");
        }
        assert!(!said.contains(PASSWORD), "{setting}={url}: the password is told: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_scheme_or_option_is_told_with_those_there_are() {
    let mongodb = mongodb_server::url(mongodb_server::shared(), &unique("start"));
    refuses(vec![
        ("stores.events", format!("mysql://u:{PASSWORD}@h/x"), &["\"mysql\"", "sqlite:<file>", "kurrentdb://"]),
        ("stores.documents", format!("mysql://u:{PASSWORD}@h/x"), &["\"mysql\"", "sqlite:<file>", "mongodb://"]),
        ("stores.views", format!("mysql://u:{PASSWORD}@h/x"), &["\"mysql\"", "sqlite:<file>", "mongodb://"]),
        ("stores.directory", format!("mysql://u:{PASSWORD}@h/x"), &["\"mysql\"", "sqlite:<file>", "mongodb://"]),
        ("stores.keys", format!("mysql://u:{PASSWORD}@h/x"), &["\"mysql\"", "sqlite:<file>", "mongodb://"]),
        ("stores.files", format!("ftp://u:{PASSWORD}@h/x"), &["\"ftp\"", "file:<directory>", "s3://"]),
        ("stores.queue", format!("amqp://u:{PASSWORD}@h/x"), &["\"amqp\"", "memory:", "nats://"]),
        ("mail.url", format!("imap://u:{PASSWORD}@h/x"), &["imap"]),
        ("stores.events", format!("kurrentdb://u:{PASSWORD}@h:1?perfix=a"), &["\"perfix\"", "prefix"]),
        ("stores.events", format!("kurrentdb://u:{PASSWORD}@h:1?prefix=a&nodePreference=random"), &["the leader"]),
        ("stores.events", format!("kurrentdb://u:a?{PASSWORD}@h:1?prefix=a"), &["percent-encode"]),
        ("stores.documents", format!("{mongodb}&nonsense=1"), &["nonsense"]),
        ("stores.views", format!("{mongodb}&nonsense=1"), &["nonsense"]),
        ("stores.directory", format!("{mongodb}&nonsense=1"), &["nonsense"]),
        ("stores.keys", format!("{mongodb}&nonsense=1"), &["nonsense"]),
        ("stores.files", format!("s3://k:{PASSWORD}@bucket?nonsense=1"), &["nonsense", "endpoint"]),
        ("stores.queue", format!("nats://u:{PASSWORD}@h:1?perfix=a"), &["\"perfix\"", "prefix"]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_is_told() {
    let nobody = format!("127.0.0.1:{}", free_port());
    let mongodb = format!("mongodb://u:{PASSWORD}@{nobody}/x?serverSelectionTimeoutMS=500");
    refuses(vec![
        ("stores.events", format!("kurrentdb://u:{PASSWORD}@{nobody}?tls=false&prefix=a"), &["cannot be reached"]),
        ("stores.documents", mongodb.clone(), &["refused"]),
        ("stores.views", mongodb.clone(), &["refused"]),
        ("stores.directory", mongodb.clone(), &["refused"]),
        ("stores.keys", mongodb, &["refused"]),
        ("stores.files", format!("s3://k:{PASSWORD}@bucket?endpoint=http://{nobody}"), &["refused", "\"bucket\""]),
        ("stores.queue", format!("nats://u:{PASSWORD}@{nobody}?prefix=a"), &["cannot be reached"]),
    ])
    .await;
}

/// MongoDB's stand-in with one user, and asking for passwords.
async fn guarded_mongodb() -> Server {
    let mut server = mongodb_server::start(&["--sync-on-commit"]);
    let admin = mongodb::Client::with_uri_str(mongodb_server::url(&server, "admin")).await.unwrap().database("admin");
    let roles = vec![doc! { "role": "readWrite", "db": "ours" }];
    admin.run_command(doc! { "createUser": "u", "pwd": "right", "roles": roles }).await.unwrap();
    server.restart_with(&["--auth"]);
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_told_without_the_password() {
    let mongodb = guarded_mongodb().await;
    let mongodb = format!("mongodb://u:{PASSWORD}@{}/ours?replicaSet=secantus&authSource=admin", mongodb.address());
    let kurrentdb = kurrentdb::start(&["--user", "u", "--password", "right"]);
    let kurrentdb = format!("kurrentdb://u:{PASSWORD}@{}?tls=false&prefix=a", kurrentdb.address());
    let nats = nats::start(&["--user", "u", "--pass", "right"]);
    let nats = format!("nats://u:{PASSWORD}@{}?prefix=a", nats.address());
    let server = s3::shared();
    let bucket = s3::bucket(server).await;
    let s3 = s3::url(server, &bucket).replace(s3::SECRET, PASSWORD);
    refuses(vec![
        ("stores.events", kurrentdb, &["refuses user and password"]),
        ("stores.documents", mongodb.clone(), &["uthentication failed"]),
        ("stores.views", mongodb.clone(), &["uthentication failed"]),
        ("stores.directory", mongodb.clone(), &["uthentication failed"]),
        ("stores.keys", mongodb, &["uthentication failed"]),
        ("stores.files", s3, &["the secret does not belong to the access key"]),
        ("stores.queue", nats, &["refuses the user and password"]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_of_another_shape_is_told() {
    let url = mongodb_server::url(mongodb_server::shared(), &unique("start"));
    let database = mongodb::Client::with_uri_str(&url).await.unwrap().default_database().unwrap();
    database.run_command(doc! { "create": "Documents", "viewOn": "Letters", "pipeline": [] }).await.unwrap();
    let strange = doc! { "_id": format!("v{ROWS_VERSION}"), "live": "yes" };
    database.collection::<Document>("views").insert_one(strange).await.unwrap();

    let events = kurrentdb::url(kurrentdb::shared(), &unique("start"));
    let (log, _feed) = event_log::open(&events, &Clock::system()).await.unwrap();
    let id = Uuid::from_u128(7);
    let stranger = NewEvent { id, kind: "Stranger".into(), version: 1, data: "{}".into(), metadata: "{}".into() };
    log.append("trial-1", Expected::NoStream, &[stranger]).await.unwrap();

    let prefix = unique("start");
    let queue = nats::url(nats::shared(), &prefix);
    let connected = async_nats::connect(nats::shared().address().to_string()).await.unwrap();
    let subjects = vec![format!("letters.{prefix}")];
    let config =
        async_nats::jetstream::stream::Config { name: format!("{prefix}-render"), subjects, ..Default::default() };
    async_nats::jetstream::new(connected).create_stream(config).await.unwrap();

    let server = s3::shared();
    refuses(vec![
        ("stores.queue", queue, &["-render", "is not one of ours", "choose another prefix"]),
        ("stores.documents", url.clone(), &["\"Documents\" is a view", "?collection="]),
        ("stores.views", url, &["\"views\"", "was written by something else"]),
        ("stores.events", events, &["trial-1"]),
        ("stores.files", s3::url(server, "no-such-bucket"), &["\"no-such-bucket\"", "create the bucket"]),
    ])
    .await;
}
