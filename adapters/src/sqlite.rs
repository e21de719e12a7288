//! One SQLite file: a single writer thread that joins waiting writes into one transaction, and a few readers beside it.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ports::{Error, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{Semaphore, oneshot};

/// How long a statement waits for another program's lock on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The most writes that share one commit, so that the first of them does not wait without end.
const MOST_IN_ONE_COMMIT: usize = 512;
/// The most connections that read at once.
const MOST_READERS: usize = 8;

/// What a file is for.
pub(crate) struct Kind {
    /// The name refusals use.
    pub(crate) name: &'static str,
    /// Marks the file's header (`PRAGMA application_id`).
    pub(crate) mark: [u8; 4],
    /// The newest layout this program knows (`PRAGMA user_version`).
    pub(crate) version: i32,
    /// Whether a commit must survive a power cut; if not, the file still stays consistent, and one of another layout is emptied:
    /// what it held is made again.
    pub(crate) durable: bool,
    /// Whether a file that somebody else made and filled may be used as it is. It is not marked then.
    pub(crate) adopts: bool,
    /// Whether what is deleted is overwritten, and the file is for our eyes only.
    pub(crate) secret: bool,
}

/// Why work on a connection came to nothing; lets `?` take both kinds.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Ours to say.
    Port(Error),
    /// SQLite's to say.
    Engine(rusqlite::Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Port(error)
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl Refused {
    /// As a port error that names the file.
    fn at(self, path: &Path) -> Error {
        let engine = match self {
            Self::Port(error) => return error,
            Self::Engine(engine) => engine,
        };
        let text = format!("{}: {engine}", path.display());
        match &engine {
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::ConstraintViolation => Error::Conflict(text),
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::Corrupt(text),
                ErrorCode::PermissionDenied
                | ErrorCode::OperationAborted
                | ErrorCode::OperationInterrupted
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::NoLargeFileSupport => Error::Unavailable(text),
                _ => Error::Rejected(text),
            },
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => Error::Corrupt(text),
            _ => Error::Rejected(text),
        }
    }
}

/// What work on a connection yields.
pub(crate) type Outcome<T> = std::result::Result<T, Refused>;

/// Runs in the writer thread, inside the transaction; its answer is given once the commit has succeeded or failed. It gets
/// an error instead of a connection where no transaction could begin.
type Work = Box<dyn FnOnce(Result<&Connection>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<()>)>;

struct Job {
    work: Work,
    /// Whether nothing it deleted may stay readable in the write-ahead log.
    erases: bool,
}

/// An open file. No other program can open it as ours until this is dropped.
pub(crate) struct Database {
    path: Arc<Path>,
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Readers>,
    _lock: FileLock,
}

impl Database {
    /// Opens or makes the file, with the directories above it. `prepare` runs in one transaction before anything else and
    /// is told whether the file is new.
    pub(crate) fn open(
        setting: &str,
        path: &str,
        kind: &Kind,
        prepare: impl FnOnce(&Connection, bool) -> Outcome<()>,
    ) -> Result<Self> {
        let path = place(setting, path)?;
        let lock = lock(&path)?;
        let mut connection = connect(&path, kind, OpenFlags::SQLITE_OPEN_CREATE)?;
        let is_new = check_kind(&connection, kind).map_err(|e| explain(e, &path, kind))?;
        configure(&mut connection, kind, is_new, prepare).map_err(|e| e.at(&path))?;
        if is_new {
            sync_directory(&path)?;
        }
        let path: Arc<Path> = path.into();
        let readers = Arc::new(Readers {
            path: Arc::clone(&path),
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(MOST_READERS)),
        });
        let (jobs, waiting) = mpsc::channel();
        let written = Arc::clone(&path);
        let writer = std::thread::Builder::new()
            .name(format!("{} writer", kind.name))
            .spawn(move || write_until_closed(&connection, &written, &waiting))
            .map_err(|e| Error::Unavailable(format!("no thread to write {}: {e}", path.display())))?;
        Ok(Self { path, jobs: Some(jobs), writer: Some(writer), readers, _lock: lock })
    }

    /// Runs work in the writer's next transaction, whole or not at all, and answers after the commit.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        self.submit(false, work, |_| ()).await
    }

    /// Like `write`; `then` runs in the writer thread after the commit, also when nobody waits for the answer any more.
    pub(crate) async fn write_then<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T> {
        self.submit(false, work, then).await
    }

    /// Like `write`; what the work deleted cannot be read from the file or its write-ahead log afterwards.
    pub(crate) async fn erase<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        self.submit(true, work, |_| ()).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        erases: bool,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        let path = Arc::clone(&self.path);
        let work: Work = Box::new(move |connection| {
            let outcome = connection.and_then(|connection| in_savepoint(connection, work).map_err(|e| e.at(&path)));
            Box::new(move |committed| {
                let outcome = committed.and(outcome);
                if let Ok(value) = &outcome {
                    then(value);
                }
                // Nobody listens where the caller gave up; the write stands all the same.
                drop(sender.send(outcome));
            })
        });
        let ended = || Error::Unavailable(format!("the writer of {} has ended", self.path.display()));
        self.jobs.as_ref().ok_or_else(ended)?.send(Job { work, erases }).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Runs work on a connection that can only read, beside the writer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        let readers = Arc::clone(&self.readers);
        let permit = Arc::clone(&readers.permits).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let connection = readers.take()?;
            let outcome = work(&connection).map_err(|e| e.at(&readers.path));
            readers.idle().push(connection);
            outcome
        });
        done.await.map_err(|e| Error::Unavailable(format!("a reader of {} ended: {e}", self.path.display())))?
    }
}

impl Drop for Database {
    /// Waits until what was handed in is written, so that the file can be opened again at once.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has told so on its way out, and its transaction is rolled back.
            drop(writer.join());
        }
    }
}

/// Connections that read, kept for the next reader.
struct Readers {
    path: Arc<Path>,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Connection> {
        if let Some(connection) = self.idle().pop() {
            return Ok(connection);
        }
        let connection = open_connection(&self.path, OpenFlags::empty()).map_err(|e| e.at(&self.path))?;
        connection.pragma_update(None, "query_only", true).map_err(|e| Refused::from(e).at(&self.path))?;
        Ok(connection)
    }
}

fn write_until_closed(connection: &Connection, path: &Path, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut waiting: VecDeque<Job> =
            std::iter::once(first).chain(jobs.try_iter().take(MOST_IN_ONE_COMMIT - 1)).collect();
        while !waiting.is_empty() {
            commit_together(connection, path, &mut waiting);
        }
    }
}

/// Runs the waiting jobs in one transaction and answers them. Leaves those that a lost transaction did not come to.
fn commit_together(connection: &Connection, path: &Path, waiting: &mut VecDeque<Job>) {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        let error = Refused::from(error).at(path);
        waiting.drain(..).for_each(|job| (job.work)(Err(error.clone()))(Err(error.clone())));
        return;
    }
    let mut answers = Vec::with_capacity(waiting.len());
    while let Some(job) = waiting.pop_front() {
        answers.push(((job.work)(Ok(connection)), job.erases));
        if connection.is_autocommit() {
            break;
        }
    }
    let committed = commit(connection, path);
    // Only who erases waits for the log to be emptied, and fails where it cannot be: the others' writes stand.
    let erased = match &committed {
        Ok(()) if answers.iter().any(|(_, erases)| *erases) => empty_write_ahead_log(connection, path),
        other => other.clone(),
    };
    for (answer, erases) in answers {
        answer(if erases { erased.clone() } else { committed.clone() });
    }
}

fn commit(connection: &Connection, path: &Path) -> Result<()> {
    // A full disk or a failed read makes SQLite give up the whole transaction by itself.
    if connection.is_autocommit() {
        return Err(Error::Unavailable(format!("{}: the transaction was rolled back", path.display())));
    }
    connection.execute_batch("COMMIT").map_err(|error| {
        if !connection.is_autocommit() {
            // If this fails too, the next BEGIN reports it.
            drop(connection.execute_batch("ROLLBACK"));
        }
        Refused::from(error).at(path)
    })
}

fn empty_write_ahead_log(connection: &Connection, path: &Path) -> Result<()> {
    let busy: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(|e| Refused::from(e).at(path))?;
    if busy {
        let text = format!("{}: deleted, but a reader still needs the write-ahead log; ask again", path.display());
        return Err(Error::Unavailable(text));
    }
    Ok(())
}

/// Runs a job so that its failure undoes only itself.
fn in_savepoint<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
    let run = |sql| connection.prepare_cached(sql)?.execute([]);
    run("SAVEPOINT job")?;
    let outcome = work(connection).and_then(|value| {
        run("RELEASE job")?;
        Ok(value)
    });
    if outcome.is_err() && !connection.is_autocommit() {
        let undone = run("ROLLBACK TO job").and_then(|_| run("RELEASE job"));
        if undone.is_err() {
            // Half a job must never be committed: give up the whole transaction, which the writer notices.
            connection.execute_batch("ROLLBACK")?;
        }
    }
    outcome
}

/// Where the file is, free of links, with the directories above it made.
fn place(setting: &str, path: &str) -> Result<PathBuf> {
    let given = Path::new(path);
    let Some(name) = given.file_name().filter(|_| !path.starts_with("//") && !path.ends_with('/')) else {
        return Err(Error::Rejected(format!(
            "setting \"stores.{setting}\" names no file: write sqlite:<file>, as in sqlite:data/{setting}.db"
        )));
    };
    let failed = |e: std::io::Error| Error::Unavailable(format!("{path}: {e}"));
    let parent = std::path::absolute(given).map_err(failed)?.parent().map(Path::to_path_buf).unwrap_or_default();
    make_directory(&parent).map_err(failed)?;
    let path = parent.canonicalize().map_err(failed)?.join(name);
    Ok(path.canonicalize().unwrap_or(path))
}

/// Makes a directory that survives a power cut.
fn make_directory(directory: &Path) -> std::io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        make_directory(parent)?;
        match fs::create_dir(directory) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
            _ => File::open(parent)?.sync_all()?,
        }
    }
    Ok(())
}

fn sync_directory(path: &Path) -> Result<()> {
    let failed = |e| Error::Unavailable(format!("{}: {e}", path.display()));
    path.parent().map_or(Ok(()), |parent| File::open(parent).and_then(|parent| parent.sync_all())).map_err(failed)
}

/// Keeps other programs out while it lives.
struct FileLock(File);

impl Drop for FileLock {
    /// Closing the file is not enough: a child being started holds a copy of the handle for a moment.
    fn drop(&mut self) {
        drop(self.0.unlock());
    }
}

fn lock(path: &Path) -> Result<FileLock> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let failed = |e: std::io::Error| Error::Unavailable(format!("cannot lock {}: {e}", name.display()));
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(FileLock(file)),
        Err(TryLockError::WouldBlock) => Err(Error::Unavailable(format!(
            "{} is in use by another program (it holds {}): stop that program, or give this one another file",
            path.display(),
            name.display()
        ))),
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}

fn connect(path: &Path, kind: &Kind, flags: OpenFlags) -> Result<Connection> {
    #[cfg(unix)]
    if kind.secret {
        use std::os::unix::fs::OpenOptionsExt;
        let made = File::options().create(true).truncate(false).write(true).mode(0o600).open(path);
        made.map_err(|e| Error::Unavailable(format!("{}: {e}", path.display())))?;
    }
    open_connection(path, flags).map_err(|e| e.at(path))
}

fn open_connection(path: &Path, flags: OpenFlags) -> Outcome<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(256);
    connection.pragma_update(None, "cache_size", -16_384)?;
    Ok(connection)
}

/// Refuses a file that is not ours to open, before anything is written to it; answers whether it is new.
fn check_kind(connection: &Connection, kind: &Kind) -> Outcome<bool> {
    let mark: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if mark == i32::from_be_bytes(kind.mark) {
        return if version == kind.version || (kind.durable && (1..kind.version).contains(&version)) {
            Ok(false)
        } else if !kind.durable {
            Ok(true)
        } else {
            Err(Error::Rejected(format!(
                "has layout {version}, and this program knows layouts up to {}",
                kind.version
            )))?
        };
    }
    if mark == 0 && (tables == 0 || kind.adopts) {
        return Ok(tables == 0);
    }
    let found = match mark {
        0 => "is unmarked and holds other tables".to_owned(),
        mark => format!("is marked {:?}", String::from_utf8_lossy(&mark.to_be_bytes())),
    };
    Err(Error::Rejected(found))?
}

/// Says which file was refused and what it should have been.
fn explain(refused: Refused, path: &Path, kind: &Kind) -> Error {
    match refused {
        Refused::Port(Error::Rejected(found)) => Error::Rejected(format!(
            "{} is no {} that this program can open: it {found} (expected the mark {:?})",
            path.display(),
            kind.name,
            String::from_utf8_lossy(&kind.mark)
        )),
        other => other.at(path),
    }
}

fn configure(
    connection: &mut Connection,
    kind: &Kind,
    is_new: bool,
    prepare: impl FnOnce(&Connection, bool) -> Outcome<()>,
) -> Outcome<()> {
    if is_new && !kind.durable {
        // Rows of views are documents of some kilobytes: on pages of 4 kB most of them would overflow.
        connection.pragma_update(None, "page_size", 16_384)?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let text = format!("the file system cannot hold a write-ahead log (journal mode is {mode:?})");
        return Err(Error::Unavailable(text).into());
    }
    connection.pragma_update(None, "synchronous", if kind.durable { "FULL" } else { "NORMAL" })?;
    connection.pragma_update(None, "secure_delete", kind.secret)?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if is_new && !kind.durable {
        drop_tables(&transaction)?;
    }
    prepare(&transaction, is_new)?;
    if is_new {
        transaction.pragma_update(None, "application_id", i32::from_be_bytes(kind.mark))?;
        transaction.pragma_update(None, "user_version", kind.version)?;
    }
    transaction.commit()?;
    Ok(())
}

fn drop_tables(connection: &Connection) -> Outcome<()> {
    let mut tables =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")?;
    let tables = tables.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    tables.iter().try_for_each(|table| connection.execute_batch(&format!("DROP TABLE \"{table}\"")))?;
    Ok(())
}

#[cfg(test)]
mod tests;
