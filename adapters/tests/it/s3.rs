//! The file store in a bucket, against a real S3 server.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adapters::file_store;
use aws_sdk_s3::types::{BucketVersioningStatus, ServerSideEncryption, VersioningConfiguration};
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{self, Either};
use futures::{Stream, StreamExt, stream};
use jiff::SignedDuration;
use ports::{Clock, Error, FileKey, FileStore};
use test_servers::s3::{ACCESS_KEY, READER_KEY, READER_SECRET, SECRET, bucket, client, shared, start, url};
use test_servers::{Server, free_port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::contracts;
use crate::contracts::file_store::{body, key, read};

const MIB: usize = 1024 * 1024;
/// Two parts of eight MiB, and a rest.
const LARGE: usize = 20 * MIB + 17;

async fn open(url: &str) -> (Arc<dyn FileStore>, Arc<dyn FileStore>) {
    file_store::open(url, &Clock::system()).await.unwrap()
}

async fn refusal(url: &str) -> Error {
    file_store::open(url, &Clock::system()).await.err().unwrap()
}

/// Bytes that differ from part to part.
fn large() -> Vec<u8> {
    (0..LARGE as u32).map(|i| (i % 251) as u8).collect()
}

/// The uploads in parts that are under way in a bucket.
async fn uploads(server: &Server, bucket: &str) -> usize {
    client(server).list_multipart_uploads().bucket(bucket).send().await.unwrap().uploads().len()
}

/// Waits until so many uploads are under way.
async fn until_uploads(server: &Server, bucket: &str, wanted: usize) {
    let seen = async {
        while uploads(server, bucket).await != wanted {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), seen).await.unwrap_or_else(|_| panic!("not {wanted} uploads"));
}

/// A body of that many bytes, a MiB at a time, which does something before each.
fn flowing<F: Future<Output = ()> + Send>(
    size: usize,
    before: impl Fn(usize) -> F + Send + Sync + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold((0, before), move |(given, before)| async move {
        if given >= size {
            return None;
        }
        before(given).await;
        let piece = vec![7; MIB.min(size - given)];
        Some((Ok(Bytes::from(piece)), (given + MIB, before)))
    })
}

#[tokio::test]
async fn a_bucket_keeps_the_contract_of_a_file_store() {
    let server = shared();
    let bucket = bucket(server).await;
    let (originals, _) = open(&url(server, &bucket)).await;
    contracts::file_store::suite(originals, "trials/t1/", "derived/").await;
    let (_, derived) = open(&url(server, &format!("{bucket}/some/prefix"))).await;
    contracts::file_store::suite(derived, "derived/", "trials/").await;
    assert_eq!(uploads(server, &bucket).await, 0);
}

#[tokio::test]
async fn a_large_file_goes_up_in_parts_with_one_of_them_in_memory() {
    let server = shared();
    let bucket = bucket(server).await;
    let (originals, _) = open(&url(server, &bucket)).await;
    let (name, most) = (bucket.clone(), Arc::new(AtomicUsize::new(0)));
    let held = Arc::clone(&most);
    let body = flowing(LARGE, move |given| {
        let (name, held) = (name.clone(), Arc::clone(&held));
        async move {
            let client = client(server);
            let under_way = client.list_multipart_uploads().bucket(&name).send().await.unwrap();
            let mut arrived = 0;
            for upload in under_way.uploads() {
                let parts = client.list_parts().bucket(&name).key(upload.key().unwrap());
                let parts = parts.upload_id(upload.upload_id().unwrap()).send().await.unwrap();
                arrived +=
                    parts.parts().iter().map(|part| usize::try_from(part.size().unwrap()).unwrap()).sum::<usize>();
            }
            held.fetch_max(given - arrived, Ordering::SeqCst);
        }
    });
    assert_eq!(originals.put(&key("trials/t/large"), body.boxed()).await, Ok(LARGE as u64));
    assert_eq!(most.load(Ordering::SeqCst), 8 * MIB, "what was given and has not arrived");
    assert_eq!(uploads(server, &bucket).await, 0);
}

#[tokio::test]
async fn a_file_of_several_parts_is_read_whole_and_over_their_borders() {
    let server = shared();
    let (originals, _) = open(&url(server, &bucket(server).await)).await;
    let (key, bytes) = (key("trials/t/large"), large());
    let pieces: Vec<_> = bytes.chunks(700_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    assert_eq!(originals.put(&key, stream::iter(pieces).boxed()).await, Ok(LARGE as u64));
    assert!(read(&*originals, &key, None).await.unwrap().1 == bytes, "it is not what was stored");
    for range in [8 * MIB - 3..8 * MIB + 4, 100..17 * MIB, LARGE - 1..LARGE + 100] {
        let cut = &bytes[range.start..range.end.min(LARGE)];
        let (size, read) = read(&*originals, &key, Some(range.start as u64..range.end as u64)).await.unwrap();
        assert!(size == LARGE as u64 && read == cut, "{range:?}");
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_between_parts_leaves_nothing() {
    let server = shared();
    let bucket = bucket(server).await;
    let (originals, _) = open(&url(server, &bucket)).await;
    let (new, old) = (key("trials/t/new"), key("trials/t/old"));
    originals.put(&old, body(b"old")).await.unwrap();
    for key in [&new, &old] {
        let torn = flowing(12 * MIB, |_| async {}).chain(stream::iter([Err(io::Error::other("the sender hung up"))]));
        assert!(matches!(originals.put(key, torn.boxed()).await, Err(Error::Unavailable(_))));
        let (given, all_given) = oneshot::channel::<()>();
        let endless = flowing(12 * MIB, |_| async {}).chain(stream::once(async move {
            drop(given);
            pending().await
        }));
        let given_up = future::select(originals.put(key, endless.boxed()), all_given).await;
        assert!(matches!(given_up, Either::Right(_)));
        drop(given_up);
    }
    until_uploads(server, &bucket, 0).await;
    assert_eq!(originals.size(&new).await, Ok(None));
    assert_eq!(read(&*originals, &old, None).await, Some((3, b"old".to_vec())));
}

#[tokio::test]
async fn what_names_its_content_is_stored_once() {
    let server = shared();
    let bucket = bucket(server).await;
    let (originals, derived) = open(&url(server, &bucket)).await;
    let client = client(server);
    let versioned = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    client.put_bucket_versioning().bucket(&bucket).versioning_configuration(versioned).send().await.unwrap();
    let [small, large] = ["5", "1"].map(|digit| key(&format!("derived/{}", digit.repeat(64))));
    let usual = key("trials/t/usual");
    for _ in 0..2 {
        assert_eq!(derived.put(&small, body(b"small")).await, Ok(5));
        assert_eq!(derived.put(&large, flowing(9 * MIB, |_| async {}).boxed()).await, Ok(9 * MIB as u64));
        assert_eq!(originals.put(&usual, body(b"usual")).await, Ok(5));
    }
    let versions = client.list_object_versions().bucket(&bucket).send().await.unwrap();
    let of = |key: &FileKey| versions.versions().iter().filter(|version| version.key() == Some(key.as_str())).count();
    assert_eq!([of(&small), of(&large), of(&usual)], [1, 1, 2]);
    until_uploads(server, &bucket, 0).await;
}

#[tokio::test]
async fn a_server_killed_in_the_middle_tears_no_file() {
    let server = Arc::new(start());
    let bucket = bucket(&server).await;
    let (originals, _) = open(&url(&server, &bucket)).await;
    let (old, new) = (key("trials/t/old"), key("trials/t/new"));
    originals.put(&old, flowing(LARGE, |_| async {}).boxed()).await.unwrap();

    let mut reading = originals.get(&old, None).await.unwrap().unwrap();
    let mut came = reading.stream.next().await.unwrap().unwrap().len();
    server.kill();
    let broke_off = loop {
        match reading.stream.next().await {
            Some(Ok(piece)) => came += piece.len(),
            end => break end,
        }
    };
    assert!(came < LARGE && matches!(broke_off, Some(Err(_))), "{came} bytes, then {broke_off:?}");
    assert!(matches!(originals.size(&old).await, Err(Error::Unavailable(_))));

    server.go_on();
    let killed = Arc::clone(&server);
    let killing = flowing(LARGE, move |given| {
        if given == 12 * MIB {
            killed.kill();
        }
        async {}
    });
    assert!(matches!(originals.put(&new, killing.boxed()).await, Err(Error::Unavailable(_))));
    server.go_on();
    // Its port is open before its volumes are there.
    let is_whole = async || {
        let mut body = originals.get(&old, None).await.ok()??;
        let mut came = 0;
        while let Some(piece) = body.stream.next().await {
            came += piece.ok()?.len();
        }
        Some(came)
    };
    let ready = async { while is_whole().await != Some(LARGE) {} };
    timeout(Duration::from_secs(60), ready).await.expect("the old file, whole");
    assert_eq!(originals.size(&new).await, Ok(None));
    originals.put(&new, body(b"new")).await.unwrap();
}

#[tokio::test]
async fn abandoned_uploads_are_aborted_after_a_day() {
    let server = shared();
    let bucket = bucket(server).await;
    for name in ["trials/t/x", "derived/x", "backup/x"] {
        client(server).create_multipart_upload().bucket(&bucket).key(name).send().await.unwrap();
    }
    until_uploads(server, &bucket, 3).await;
    let tomorrow = Clock::simulated(Clock::system().now() + SignedDuration::from_hours(25));
    let _opened = file_store::open(&url(server, &bucket), &tomorrow).await.unwrap();
    until_uploads(server, &bucket, 1).await;
    let left = client(server).list_multipart_uploads().bucket(&bucket).send().await.unwrap();
    assert_eq!(left.uploads()[0].key(), Some("backup/x"), "it is none of ours");
}

#[tokio::test]
async fn what_is_wrong_with_a_bucket_is_told_when_it_is_opened() {
    let server = shared();
    let bucket = bucket(server).await;
    let right = url(server, &bucket);
    let wrong = [
        (url(server, "no-such-bucket"), "NoSuchBucket"),
        (right.replace(ACCESS_KEY, "nobody"), "InvalidAccessKeyId"),
        (right.replace(SECRET, "hunter2"), "SignatureDoesNotMatch"),
    ];
    for (url, said) in wrong {
        let Error::Rejected(why) = refusal(&url).await else { panic!("{said}") };
        assert!(why.contains("\"stores.files\"") && why.contains(said), "{why}");
        assert!(!why.contains("hunter2") && !why.contains(SECRET), "{why}");
    }
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let unreachable = right.replace(&format!("http://{}", server.address()), &nobody);
    let Error::Unavailable(why) = refusal(&unreachable).await else { panic!("{unreachable} is reached") };
    assert!(why.contains("\"stores.files\"") && why.contains(&nobody) && why.contains("refused"), "{why}");
}

#[tokio::test]
async fn who_may_only_read_is_told_so_when_something_is_stored() {
    let server = shared();
    let bucket = bucket(server).await;
    let key = key("trials/t/x");
    open(&url(server, &bucket)).await.0.put(&key, body(b"there")).await.unwrap();
    let reader = url(server, &bucket).replace(ACCESS_KEY, READER_KEY).replace(SECRET, READER_SECRET);
    let (originals, _) = open(&reader).await;
    assert_eq!(read(&*originals, &key, None).await, Some((5, b"there".to_vec())));
    for refused in [originals.put(&key, body(b"x")).await.err(), originals.delete(&key).await.err()] {
        // As long as the right is missing: what waits for the store goes on when it is given.
        let Some(Error::Unavailable(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains("trials/t/x") && why.contains("AccessDenied"), "{why}");
    }
}

#[tokio::test]
async fn what_is_stored_is_encrypted_as_the_setting_says() {
    let server = shared();
    let bucket = bucket(server).await;
    let (originals, _) = open(&format!("{}&encryption=AES256", url(server, &bucket))).await;
    originals.put(&key("trials/small"), body(b"small")).await.unwrap();
    originals.put(&key("trials/large"), flowing(9 * MIB, |_| async {}).boxed()).await.unwrap();
    for name in ["trials/small", "trials/large"] {
        let head = client(server).head_object().bucket(&bucket).key(name).send().await.unwrap();
        assert_eq!(head.server_side_encryption(), Some(&ServerSideEncryption::Aes256), "{name}");
    }
    assert_eq!(read(&*originals, &key("trials/small"), None).await, Some((5, b"small".to_vec())));
}

/// Asks without credentials, as a browser does; answers all that comes back.
async fn fetch(link: &str) -> String {
    let (host, path) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut connection = TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_link_lets_anybody_read_one_file_as_we_describe_it() {
    let server = shared();
    let bucket = bucket(server).await;
    let (without, _) = open(&url(server, &bucket)).await;
    let (originals, _) = open(&format!("{}&links=60", url(server, &bucket))).await;
    let key = key("trials/t/x");
    originals.put(&key, body(b"Good morning.")).await.unwrap();
    assert_eq!(without.link(&key, "attachment", "text/plain").await, Ok(None));
    let disposition = "attachment; filename=\"a b.txt\"; filename*=UTF-8''%C3%A4%20b.txt";
    let link = originals.link(&key, disposition, "text/csv; charset=utf-8").await.unwrap().unwrap();
    assert!(link.contains("X-Amz-Expires=60") && !link.contains(SECRET), "{link}");
    let answer = fetch(&link).await;
    let (head, read) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && read == "Good morning.", "{answer}");
    for header in [format!("content-disposition: {disposition}"), "content-type: text/csv; charset=utf-8".to_owned()] {
        let (name, value) = header.split_once(' ').unwrap();
        let told = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name)).unwrap_or_default();
        assert!(told.ends_with(value), "{head}");
    }
    for forged in [link.replace("trials/t/x", "trials/t/y"), link.replace("Expires=60", "Expires=900")] {
        assert!(fetch(&forged).await.starts_with("HTTP/1.1 403"), "{forged}");
    }
}
