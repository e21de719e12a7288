//! The MongoDB adapters keep the contracts; and what a server that refuses, vanishes or is shared can do to them.

mod documents;
mod people;
mod stuck;
mod views;

use std::time::Duration;

use adapters::{directory, key_ring, view_store};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use ports::{Clock, Error};
use test_servers::free_port;
use test_servers::mongodb::{shared, start, url};
use tokio::time::timeout;

/// What a condition may take that is waited for.
const SOON: Duration = Duration::from_secs(30);

/// Awaits what must come, and says what did not.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.unwrap_or_else(|_| panic!("{what} took longer than {SOON:?}"))
}

/// Calls until it succeeds.
async fn until_available<T>(mut call: impl AsyncFnMut() -> ports::Result<T>) -> T {
    let calls = async {
        loop {
            match call().await {
                Err(Error::Unavailable(_)) => tokio::task::yield_now().await,
                answer => return answer.unwrap(),
            }
        }
    };
    soon("being available again", calls).await
}

/// A plain client, as another program has one.
async fn database(url: &str) -> mongodb::Database {
    Client::with_uri_str(url).await.unwrap().default_database().unwrap()
}

/// What each port says to a URL; nothing where it opens.
async fn refusals(url: &str) -> [(&'static str, Option<Error>); 3] {
    let clock = Clock::system();
    [
        ("stores.views", view_store::open(url, &clock).await.err()),
        ("stores.directory", directory::open(url, &clock).await.err()),
        ("stores.keys", key_ring::open(url, &clock).await.err()),
    ]
}

/// Each port refuses a URL, names its setting and never the password.
async fn refuses(url: &str, why: &[&str]) {
    for (setting, refusal) in refusals(url).await {
        let Some(Error::Rejected(text) | Error::Unavailable(text)) = refusal else { panic!("{setting}: {refusal:?}") };
        assert!(text.contains(&format!("{setting:?}")), "{text}");
        assert!(why.iter().any(|why| text.contains(why)), "{setting}: {text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_leads_nowhere_is_refused_with_the_setting_and_without_the_password() {
    let address = shared().address();
    refuses(&format!("mongodb://u:s3cret@{address}/?replicaSet=secantus"), &["names no database"]).await;
    refuses(&format!("mongodb://u:s3cret@{address}/x?nonsense=1"), &["nonsense"]).await;
    refuses("mongodb://u:s3cret:x@/x", &["host", "userinfo", "password"]).await;
    let generation = view_store::open(&format!("mongodb://{address}/x?generation=3"), &Clock::system()).await.err();
    assert!(matches!(&generation, Some(Error::Rejected(text)) if text.contains("generation")), "{generation:?}");
    let nobody = format!("mongodb://u:s3cret@127.0.0.1:{}/x?serverSelectionTimeoutMS=300", free_port());
    refuses(&nobody, &["refused", "Server selection timeout"]).await;
    let other_set = format!("mongodb://{address}/x?replicaSet=other&serverSelectionTimeoutMS=300");
    refuses(&other_set, &["Server selection timeout"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_refused_and_right_ones_open() {
    let mut server = start(&["--sync-on-commit"]);
    let admin = database(&url(&server, "admin")).await;
    let roles = vec![doc! { "role": "readWrite", "db": "ours" }];
    admin.run_command(doc! { "createUser": "u", "pwd": "s3cret", "roles": roles }).await.unwrap();
    server.restart_with(&["--auth"]);
    let with = |user: &str| {
        let database = url(&server, "ours").replace("mongodb://", &format!("mongodb://{user}"));
        format!("{database}&authSource=admin")
    };
    refuses(&with("u:s3cretly@"), &["uthentication failed"]).await;
    refuses(&with("nobody:s3cret@"), &["uthentication failed"]).await;
    refuses(&with(""), &["requires authentication", "not authorized"]).await;
    refuses(&with("u:s3cret@").replace("/ours", "/others"), &["not authorized"]).await;
    for (setting, refusal) in refusals(&with("u:s3cret@")).await {
        assert_eq!(refusal, None, "{setting}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_refuse_a_server_without_transactions() {
    let server = start(&["--standalone"]);
    let url = format!("mongodb://{}/views", server.address());
    let Err(Error::Rejected(text)) = view_store::open(&url, &Clock::system()).await.map(drop) else { panic!("opened") };
    assert!(text.contains("\"stores.views\"") && text.contains("--replSet"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "for the log of the tests")]
async fn the_log_of_the_tests_says_which_server_it_was() {
    let info = database(&url(shared(), "admin")).await.run_command(doc! { "buildInfo": 1 }).await.unwrap();
    println!("the server of MongoDB's protocol says of itself: {info}");
    assert!(info.get_str("version").is_ok());
}

/// All documents of a collection, as another program sees them.
async fn all(database: &mongodb::Database, collection: &str) -> Vec<Document> {
    futures::TryStreamExt::try_collect(database.collection(collection).find(doc! {}).await.unwrap()).await.unwrap()
}
