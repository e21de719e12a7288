//! What may be relied on in a file store.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::{join_all, poll_immediate};
use futures::stream;
use ports::{ByteStream, Error, FileKey, FileStore};

/// A key.
pub fn key(key: &str) -> FileKey {
    FileKey::new(key).unwrap()
}

/// A body that comes in pieces of 1,000 bytes.
pub fn body(bytes: &[u8]) -> ByteStream {
    let pieces: Vec<_> = bytes.chunks(1_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

/// Reads a file or a range of it.
pub async fn read(store: &dyn FileStore, key: &FileKey, range: Option<Range<u64>>) -> Option<(u64, Vec<u8>)> {
    let mut found = store.get(key, range).await.unwrap()?;
    let mut bytes = Vec::new();
    while let Some(piece) = found.stream.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    Some((found.size, bytes))
}

/// The keys under a prefix, each as often as it is listed, sorted.
pub async fn keys(store: &dyn FileStore, prefix: &str) -> Vec<String> {
    let mut keys: Vec<_> = store.list(prefix).map(|entry| entry.unwrap().key.to_string()).collect().await;
    keys.sort();
    keys
}

/// The contract. Keys under `home` (which ends in `/` and holds nothing yet) may be used; `foreign` begins another store's keys.
pub async fn suite(store: Arc<dyn FileStore>, home: &str, foreign: &str) {
    let store = store.as_ref();
    stored_is_read_back(store, home).await;
    a_put_is_whole_or_nothing(store, home).await;
    ranges_are_cut_to_the_size(store, home).await;
    deleting_twice_is_no_error(store, home).await;
    what_its_key_names_may_be_stored_again(store, home).await;
    each_file_is_listed_once(store, home).await;
    parallel_puts_of_one_key_leave_one_whole_file(store, home).await;
    keys_of_another_store_are_rejected(store, home, foreign).await;
}

async fn stored_is_read_back(store: &dyn FileStore, home: &str) {
    let key = key(&format!("{home}a/first"));
    assert_eq!(store.size(&key).await, Ok(None));
    assert_eq!(read(store, &key, None).await, None);
    // More than any buffer on the way, and no multiple of one.
    let large: Vec<u8> = (0..1_500_003_u32).map(|i| (i % 251) as u8).collect();
    assert_eq!(store.put(&key, body(&large)).await, Ok(large.len() as u64));
    assert_eq!(store.size(&key).await, Ok(Some(large.len() as u64)));
    assert!(read(store, &key, None).await == Some((large.len() as u64, large)), "it is not what was stored");
    assert_eq!(store.put(&key, body(b"replaced")).await, Ok(8));
    assert_eq!(read(store, &key, None).await, Some((8, b"replaced".to_vec())));
    assert_eq!(store.put(&key, body(b"")).await, Ok(0));
    assert_eq!(read(store, &key, None).await, Some((0, Vec::new())));
}

async fn a_put_is_whole_or_nothing(store: &dyn FileStore, home: &str) {
    let torn = || {
        let pieces = stream::iter((0..600).map(|_| Ok(Bytes::from_static(&[1; 1_000]))));
        pieces.chain(stream::iter([Err(io::Error::other("the sender hung up"))]))
    };
    let (new, old) = (key(&format!("{home}torn/new")), key(&format!("{home}torn/old")));
    store.put(&old, body(b"old")).await.unwrap();
    for key in [&new, &old] {
        assert!(matches!(store.put(key, torn().boxed()).await, Err(Error::Unavailable(_))));
        // A body that never ends, given up while it is being stored.
        let endless = stream::iter((0..600).map(|_| Ok(Bytes::from_static(&[2; 1_000])))).chain(stream::pending());
        let mut put = store.put(key, endless.boxed());
        for _ in 0..50 {
            assert_eq!(poll_immediate(&mut put).await, None);
            tokio::task::yield_now().await;
        }
        drop(put);
    }
    assert_eq!(store.size(&new).await, Ok(None));
    assert_eq!(read(store, &old, None).await, Some((3, b"old".to_vec())));
    assert_eq!(keys(store, &format!("{home}torn/")).await, [old.as_str()]);
}

async fn ranges_are_cut_to_the_size(store: &dyn FileStore, home: &str) {
    let key = key(&format!("{home}ranges"));
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i % 241) as u8).collect();
    store.put(&key, body(&bytes)).await.unwrap();
    let ranges = [
        0..1,
        0..0,
        5..5,
        3..70_000,
        65_536..131_072,
        199_999..200_000,
        199_990..300_000,
        200_000..200_001,
        400_000..500_000,
    ];
    for range in ranges {
        let cut = &bytes[(range.start as usize).min(200_000)..(range.end as usize).min(200_000)];
        let (size, read) = read(store, &key, Some(range.clone())).await.unwrap();
        assert_eq!(size, 200_000, "{range:?}: the size is the whole file's");
        assert!(read == cut, "{range:?}: {} bytes instead of {}", read.len(), cut.len());
    }
    assert!(store.get(&self::key(&format!("{home}none")), Some(0..1)).await.unwrap().is_none());
}

async fn deleting_twice_is_no_error(store: &dyn FileStore, home: &str) {
    let key = key(&format!("{home}gone/soon/file"));
    store.put(&key, body(b"x")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.delete(&key).await, Ok(()));
        assert_eq!(store.size(&key).await, Ok(None));
    }
    assert_eq!(keys(store, &format!("{home}gone")).await, [""; 0]);
    store.put(&key, body(b"again")).await.unwrap();
    assert_eq!(store.size(&key).await, Ok(Some(5)));
}

async fn what_its_key_names_may_be_stored_again(store: &dyn FileStore, home: &str) {
    let key = key(&format!("{home}{}", "5e".repeat(32)));
    for _ in 0..2 {
        assert_eq!(store.put(&key, body(b"the same")).await, Ok(8));
        assert_eq!(read(store, &key, None).await, Some((8, b"the same".to_vec())));
    }
    // What is there has another size, so it is not what the key names.
    assert_eq!(store.put(&key, body(b"whole")).await, Ok(5));
    assert_eq!(read(store, &key, None).await, Some((5, b"whole".to_vec())));
    store.delete(&key).await.unwrap();
}

async fn each_file_is_listed_once(store: &dyn FileStore, home: &str) {
    // Names that begin with other names, and folders between files.
    let names = ["x-1", "x.2", "x/1", "x/10", "x/2/a", "x/B", "x/a", "x0", "xa/1", "y"];
    for name in names {
        store.put(&key(&format!("{home}list/{name}")), body(name.as_bytes())).await.unwrap();
    }
    let prefixes = ["", "x", "x/", "x/1", "x/2", "x/2/", "xa", "x-", "none", "x/none/at/all"];
    for prefix in prefixes {
        let wanted: Vec<_> =
            names.iter().filter(|name| name.starts_with(prefix)).map(|name| format!("{home}list/{name}")).collect();
        assert_eq!(keys(store, &format!("{home}list/{prefix}")).await, wanted, "{prefix:?}");
    }
    let entries: Vec<_> = store.list(&format!("{home}list/x/2")).map(Result::unwrap).collect().await;
    assert_eq!(entries.iter().map(|entry| entry.size).collect::<Vec<_>>(), [5]);
    let first = store.list(&format!("{home}list/x/1")).next().await.unwrap().unwrap();
    assert_eq!(first.key.as_str(), format!("{home}list/x/1"), "before the longer ones");
    let everything = keys(store, "").await;
    assert!(everything.windows(2).all(|pair| pair[0] < pair[1]) && everything.len() > names.len());
    assert!(everything.iter().all(|key| key.starts_with(home.split_inclusive('/').next().unwrap())));
    for nowhere in ["..", "../", "/", "//", "%"] {
        assert_eq!(keys(store, nowhere).await, [""; 0], "{nowhere:?}");
    }
}

async fn parallel_puts_of_one_key_leave_one_whole_file(store: &dyn FileStore, home: &str) {
    let key = key(&format!("{home}race/one"));
    let contents: Vec<Vec<u8>> = (0..32_u8).map(|i| vec![i; 50_000 + usize::from(i)]).collect();
    let puts = contents.iter().map(|content| store.put(&key, body(content)));
    for (put, content) in join_all(puts).await.into_iter().zip(&contents) {
        assert_eq!(put, Ok(content.len() as u64));
    }
    let (_, stored) = read(store, &key, None).await.unwrap();
    assert!(contents.contains(&stored), "a mixture of several");
    assert_eq!(keys(store, &format!("{home}race/")).await, [key.as_str()]);
}

async fn keys_of_another_store_are_rejected(store: &dyn FileStore, home: &str, foreign: &str) {
    let foreign_key = key(&format!("{foreign}x"));
    assert!(matches!(store.put(&foreign_key, body(b"x")).await, Err(Error::Rejected(_))));
    assert!(matches!(store.get(&foreign_key, None).await, Err(Error::Rejected(_))));
    assert!(matches!(store.size(&foreign_key).await, Err(Error::Rejected(_))));
    assert!(matches!(store.delete(&foreign_key).await, Err(Error::Rejected(_))));
    assert_eq!(keys(store, foreign).await, [""; 0]);
    for no_key in
        [format!("{home}../x"), format!("{home}./x"), format!("{home}/x"), format!("{home}ä"), home.to_owned()]
    {
        assert!(matches!(FileKey::new(no_key), Err(Error::Rejected(_))));
    }
}
