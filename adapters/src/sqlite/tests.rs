use futures::future::join_all;
use tempfile::TempDir;

use super::*;

const KIND: Kind = Kind { name: "test", mark: *b"Test", version: 1, durable: true, adopts: false, secret: false };

fn open(directory: &TempDir) -> Database {
    let path = directory.path().join("test.db").display().to_string();
    Database::open("test", &path, &KIND, |connection, is_new| {
        if is_new {
            connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, filler BLOB)")?;
        }
        Ok(())
    })
    .unwrap()
}

fn insert(connection: &Connection, n: i64, bytes: usize) -> Outcome<()> {
    connection.execute("INSERT INTO t VALUES (?1, zeroblob(?2))", rusqlite::params![n, bytes])?;
    Ok(())
}

async fn stored(database: &Database) -> Vec<i64> {
    let read = |connection: &Connection| {
        let mut statement = connection.prepare("SELECT n FROM t ORDER BY n")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    };
    database.read(read).await.unwrap()
}

fn allow_pages(pages: i64) -> impl FnOnce(&Connection) -> Outcome<()> + Send {
    move |connection| Ok(connection.pragma_update(None, "max_page_count", pages)?)
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_what_was_answered_is_what_is_stored() {
    let directory = TempDir::new().unwrap();
    let database = open(&directory);
    database.write(allow_pages(40)).await.unwrap();
    let mut answers = Vec::new();
    for n in 0..5 {
        answers.push(database.write(move |connection| insert(connection, n, 500)).await);
    }
    // Every tenth is too big; SQLite then gives up whatever shares its transaction.
    let size = |n| if n % 10 == 9 { 1 << 20 } else { 500 };
    answers.extend(join_all((5..100).map(|n| database.write(move |c| insert(c, n, size(n))))).await);
    let (written, refused): (Vec<i64>, Vec<i64>) = (0..100).partition(|n| answers[*n as usize].is_ok());
    assert!(refused.len() >= 10 && written.starts_with(&[0, 1, 2, 3, 4]), "{answers:?}");
    assert!(refused.iter().all(|n| matches!(answers[*n as usize], Err(Error::Unavailable(_)))), "{answers:?}");
    assert_eq!(stored(&database).await, written);
    database.write(allow_pages(1_000_000)).await.unwrap();
    database.write(|connection| insert(connection, 1000, 1 << 20)).await.unwrap();
}

#[tokio::test]
async fn a_lost_transaction_answers_everyone_in_it_with_unavailable_and_goes_on_with_the_rest() {
    let directory = TempDir::new().unwrap();
    let database = open(&directory);
    let answers = join_all((0..30).map(|n| {
        database.write(move |connection| {
            insert(connection, n, 1)?;
            if n == 10 {
                // As SQLite does by itself after some I/O errors.
                connection.execute_batch("ROLLBACK")?;
            }
            Ok(())
        })
    }))
    .await;
    let written: Vec<i64> = (0..30).filter(|n| answers[*n as usize].is_ok()).collect();
    assert!(matches!(answers[10], Err(Error::Unavailable(_))), "{:?}", answers[10]);
    assert!(written.contains(&29));
    assert_eq!(stored(&database).await, written, "whoever was told yes is there, and nobody else");
}

#[tokio::test]
async fn waiting_writes_share_commits_in_the_order_they_came() {
    let directory = TempDir::new().unwrap();
    let database = open(&directory);
    let order = Arc::new(Mutex::new(Vec::new()));
    let commits =
        |connection: &Connection| Ok(connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0))?);
    join_all((0..300).map(|n| {
        let order = Arc::clone(&order);
        database.write_then(move |connection| insert(connection, n, 1), move |()| order.lock().unwrap().push(n))
    }))
    .await;
    assert_eq!(*order.lock().unwrap(), (0..300).collect::<Vec<_>>());
    assert_eq!(database.read(commits).await.unwrap(), 300);
}

#[tokio::test]
async fn an_erase_that_a_reader_holds_up_fails_alone() {
    let directory = TempDir::new().unwrap();
    let database = open(&directory);
    database.write(|connection| Ok(connection.busy_timeout(Duration::ZERO)?)).await.unwrap();
    database.write(|connection| insert(connection, 1, 1)).await.unwrap();
    let reader = Connection::open(&*database.path).unwrap();
    reader.execute_batch("BEGIN; SELECT n FROM t").unwrap();
    // The writer is kept busy until both wait, so that they share its next commit.
    let (go, gone) = mpsc::channel::<()>();
    let busy = database.write(move |_| {
        gone.recv().unwrap();
        Ok(())
    });
    let erase = database.erase(|connection| Ok(connection.execute("DELETE FROM t WHERE n = 1", [])?));
    let write = database.write(|connection| insert(connection, 2, 1));
    let release = async { go.send(()).unwrap() };
    let (busy, erased, written, ()) = futures::join!(busy, erase, write, release);
    assert!(matches!(erased, Err(Error::Unavailable(_))), "{erased:?}");
    assert_eq!((busy, written), (Ok(()), Ok(())));
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(stored(&database).await, [2]);
}

#[tokio::test]
async fn a_writer_that_panicked_answers_instead_of_hanging() {
    let directory = TempDir::new().unwrap();
    let database = open(&directory);
    let answer = database.write(|_| -> Outcome<()> { panic!("a bug, for the test") }).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    let answer = database.write(|connection| insert(connection, 1, 1)).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    drop(database);
    assert_eq!(stored(&open(&directory)).await, [] as [i64; 0]);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let directory = TempDir::new().unwrap();
    let database = open(&directory);
    let answer = database.read(|connection| insert(connection, 1, 1)).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn a_refused_write_leaves_nothing_and_spoils_nothing() {
    let directory = TempDir::new().unwrap();
    let database = open(&directory);
    let answers = join_all((0..50).map(|n| {
        database.write(move |connection| {
            insert(connection, n, 1)?;
            insert(connection, n + 100, 1)?;
            match n % 3 {
                0 => Err(Error::Rejected("for the test".to_owned()).into()),
                1 => insert(connection, n, 1),
                _ => Ok(()),
            }
        })
    }))
    .await;
    for (n, answer) in answers.iter().enumerate() {
        match n % 3 {
            0 => assert!(matches!(answer, Err(Error::Rejected(_))), "{answer:?}"),
            1 => assert!(matches!(answer, Err(Error::Conflict(_))), "{answer:?}"),
            _ => assert!(answer.is_ok(), "{answer:?}"),
        }
    }
    let whole = (0..50).filter(|n| n % 3 == 2);
    assert_eq!(stored(&database).await, whole.clone().chain(whole.map(|n| n + 100)).collect::<Vec<_>>());
}
