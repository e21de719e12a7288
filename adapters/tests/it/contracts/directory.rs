//! What may be relied on in a directory.

use std::sync::Arc;

use futures::future::join_all;
use ports::{Directory, Error, Person};

fn person(user: &str, name: &str) -> Person {
    Person { user: user.to_owned(), name: name.to_owned(), address: Some(format!("{user}@example.org")), active: true }
}

/// The contract. `open` opens the same directory again, empty at first, and is called when the one before was dropped.
pub async fn suite(open: impl AsyncFn() -> Arc<dyn Directory>) {
    let directory = open().await;
    people_are_saved_replaced_and_forgotten(&*directory).await;
    people_come_in_pages_in_order_of_their_id(&*directory).await;
    an_id_that_could_be_a_name_is_rejected(&*directory).await;
    let all = directory.people(None, 1000).await.unwrap();
    drop(directory);
    assert_eq!(open().await.people(None, 1000).await.unwrap(), all, "people are there after reopening");
}

async fn people_are_saved_replaced_and_forgotten(directory: &dyn Directory) {
    assert_eq!(directory.person("u-1").await.unwrap(), None);
    directory.save(&person("u-1", "Ada Łovelace")).await.unwrap();
    assert_eq!(directory.person("u-1").await.unwrap(), Some(person("u-1", "Ada Łovelace")));
    let left = Person { address: None, active: false, ..person("u-1", "A. \0 'L'") };
    directory.save(&left).await.unwrap();
    assert_eq!(directory.person("u-1").await.unwrap(), Some(left));
    assert_eq!(directory.person("U-1").await.unwrap(), None, "ids differ by case");
    directory.forget("u-1").await.unwrap();
    directory.forget("u-1").await.unwrap();
    assert_eq!(directory.person("u-1").await.unwrap(), None);
    assert_eq!(directory.people(None, 10).await.unwrap(), []);
}

async fn people_come_in_pages_in_order_of_their_id(directory: &dyn Directory) {
    let everybody: Vec<_> = ["B", "a", "a.b", "a_b", "b", "10", "9"].map(|user| person(user, "N")).into();
    for answer in join_all(everybody.iter().map(|person| directory.save(person))).await {
        answer.unwrap();
    }
    let mut paged = Vec::new();
    loop {
        let after = paged.last().cloned();
        let page = directory.people(after.as_deref(), 2).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        paged.extend(page.into_iter().map(|person| person.user));
    }
    assert_eq!(paged, ["10", "9", "B", "a", "a.b", "a_b", "b"]);
    assert_eq!(directory.people(Some("a"), 1).await.unwrap()[0].user, "a.b");
    directory.forget("a").await.unwrap();
    assert_eq!(directory.people(Some("a"), 1).await.unwrap()[0].user, "a.b", "the cursor's own row need not be there");
}

async fn an_id_that_could_be_a_name_is_rejected(directory: &dyn Directory) {
    for user in ["", "a b", "ä", "a@b", &"x".repeat(65)] {
        let answer = directory.save(&person(user, "N")).await;
        assert!(matches!(answer, Err(Error::Rejected(_))), "{user:?}: {answer:?}");
    }
    directory.save(&person(&"x".repeat(64), "N")).await.unwrap();
}
