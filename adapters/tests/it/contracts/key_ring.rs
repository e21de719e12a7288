//! What may be relied on in a key ring.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::join_all;
use ports::{Error, Key, KeyRing};
use tokio::task::JoinSet;

/// The contract. `open` opens the same key ring again, empty at first, and is called when the one before was dropped.
pub async fn suite(open: impl AsyncFn() -> Arc<dyn KeyRing>) {
    let keys = open().await;
    all_who_ask_first_at_once_get_the_same_key(&keys).await;
    owners_have_different_keys(&*keys).await;
    a_destroyed_key_never_comes_back(&*keys).await;
    destroying_wins_over_asking(&keys).await;
    looking_for_a_key_makes_none(&*keys).await;
    keys_move_to_another_ring_whole(&*keys).await;
    let (kept, destroyed) = (keys.key("person-1").await.unwrap(), keys.key("gone-1").await.unwrap());
    assert!(kept.is_some() && destroyed.is_none());
    drop(keys);
    let keys = open().await;
    assert_eq!(keys.key("person-1").await.unwrap(), kept, "a key is there after reopening");
    assert_eq!(keys.key("gone-1").await.unwrap(), None, "and a destroyed one is not");
}

async fn all_who_ask_first_at_once_get_the_same_key(keys: &Arc<dyn KeyRing>) {
    let mut asking = JoinSet::new();
    for _ in 0..32 {
        let keys = Arc::clone(keys);
        asking.spawn(async move { keys.key("person-1").await.unwrap().unwrap().0 });
    }
    let answers: HashSet<_> = asking.join_all().await.into_iter().collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(keys.key("person-1").await.unwrap().unwrap().0, answers.into_iter().next().unwrap());
}

async fn owners_have_different_keys(keys: &dyn KeyRing) {
    let owners: Vec<_> = (0..100).map(|i| format!("document-{i}")).collect();
    let made = join_all(owners.iter().map(|owner| keys.key(owner))).await;
    let made: HashSet<_> = made.into_iter().map(|key| key.unwrap().unwrap().0).collect();
    assert_eq!(made.len(), 100);
}

async fn a_destroyed_key_never_comes_back(keys: &dyn KeyRing) {
    keys.key("gone-1").await.unwrap().unwrap();
    keys.destroy("gone-1").await.unwrap();
    keys.destroy("gone-1").await.unwrap();
    assert_eq!(keys.key("gone-1").await.unwrap(), None);
    keys.destroy("never-used").await.unwrap();
    assert_eq!(keys.key("never-used").await.unwrap(), None, "also where there was none yet");
}

async fn looking_for_a_key_makes_none(keys: &dyn KeyRing) {
    assert_eq!(keys.existing("looked-for-1").await.unwrap(), None);
    let made = keys.key("looked-for-1").await.unwrap();
    assert!(made.is_some());
    assert_eq!(keys.existing("looked-for-1").await.unwrap(), made);
    keys.destroy("looked-for-1").await.unwrap();
    assert_eq!(keys.existing("looked-for-1").await.unwrap(), None);
    // Looking leaves no trace: whoever asks first still gets a key.
    assert_eq!(keys.existing("looked-for-2").await.unwrap(), None);
    assert!(keys.key("looked-for-2").await.unwrap().is_some());
}

async fn keys_move_to_another_ring_whole(keys: &dyn KeyRing) {
    let key = Key([7; 32]);
    keys.adopt("moved-1", Some(&key)).await.unwrap();
    keys.adopt("moved-1", Some(&key)).await.unwrap();
    keys.adopt("moved-2", None).await.unwrap();
    assert_eq!(keys.key("moved-1").await.unwrap().as_ref(), Some(&key));
    assert_eq!(keys.key("moved-2").await.unwrap(), None, "what was destroyed there is destroyed here");
    for (owner, key) in [("moved-1", Some(&Key([8; 32]))), ("moved-1", None), ("moved-2", Some(&key))] {
        assert!(matches!(keys.adopt(owner, key).await, Err(Error::Conflict(_))), "{owner}");
    }
    let mut owners: Vec<(String, Option<Key>)> = Vec::new();
    loop {
        let after = owners.last().map(|(owner, _)| owner.clone());
        let page = keys.owners(after.as_deref(), 17).await.unwrap();
        assert!(page.len() <= 17);
        if page.is_empty() {
            break;
        }
        owners.extend(page);
    }
    assert!(owners.is_sorted_by(|a, b| a.0 < b.0) && owners.len() > 100, "{} owners", owners.len());
    for (owner, key) in owners {
        assert_eq!(keys.existing(&owner).await.unwrap(), key, "{owner}");
    }
}

async fn destroying_wins_over_asking(keys: &Arc<dyn KeyRing>) {
    let mut asking = JoinSet::new();
    for i in 0..32 {
        let keys = Arc::clone(keys);
        asking.spawn(async move {
            match i {
                7 => keys.destroy("race-1").await.unwrap(),
                _ => assert!(keys.key("race-1").await.is_ok()),
            }
        });
    }
    asking.join_all().await;
    assert_eq!(keys.key("race-1").await.unwrap(), None);
}
