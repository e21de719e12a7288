//! What the adapters of MongoDB share: a client by URL, checked when it is opened, calls that end, and errors in words of the
//! ports.

pub(crate) mod sessions;

use std::future::IntoFuture;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error as MongoError, ErrorKind, WriteFailure};
use mongodb::options::{
    ClientOptions, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection, Database};
use ports::{Error, Result};
use tokio::time::timeout;

/// How long a call looks for a server that can take it.
const LOOKS_FOR: Duration = Duration::from_secs(5);
/// How long a call waits for its answer: the driver itself would wait for ever for a server that hangs.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// How often a write that met another is done.
const TRIES: u32 = 5;

/// Connects to the database that a URL names, `mongodb://[user:password@]host[,host]/<database>[?options]`, and asks it
/// something, so that what is wrong shows when the program starts. Writes are acknowledged by a majority.
///
/// # Errors
/// `Rejected` where the URL names no database or the server refuses us, `Unavailable` where it cannot be reached; both name the
/// setting, and neither the password.
pub(crate) async fn connect(setting: &str, url: &str) -> Result<Database> {
    let rejected = |why: &str| Error::Rejected(format!("setting {setting:?}: {why}"));
    let mut options = ClientOptions::parse(url).await.map_err(|error| rejected(&error.kind.to_string()))?;
    let Some(name) = options.default_database.clone() else {
        return Err(rejected("the URL names no database: write mongodb://<host>/<database>"));
    };
    options.app_name.get_or_insert_with(|| "trialbrief".to_owned());
    options.server_selection_timeout.get_or_insert(LOOKS_FOR);
    options.connect_timeout.get_or_insert(LOOKS_FOR);
    options.write_concern.get_or_insert_with(WriteConcern::majority);
    // Collections and transactions name their own: a save's transaction needs none, and not every server takes one with `bulkWrite`.
    options.read_concern = None;
    let client = Client::with_options(options).map_err(|error| rejected(&error.kind.to_string()))?;
    let database = client.database(&name);
    let ping = async {
        match database.run_command(doc! { "ping": 1 }).await {
            Err(error) if matches!(*error.kind, ErrorKind::Authentication { .. }) => Ok(Err(error.kind.to_string())),
            answer => answer.map(Ok),
        }
    };
    match bounded(ping).await.map_err(|error| of_setting(setting, error))? {
        Ok(_) => Ok(database),
        Err(refused) => Err(rejected(&refused)),
    }
}

/// What goes wrong while a setting's place is opened names the setting.
pub(crate) fn of_setting(setting: &str, error: Error) -> Error {
    match error {
        Error::Unavailable(why) => Error::Unavailable(format!("setting {setting:?}: {why}")),
        Error::Conflict(why) | Error::Rejected(why) | Error::Corrupt(why) => {
            Error::Rejected(format!("setting {setting:?}: {why}"))
        }
    }
}

/// A collection whose writes are in the journal of a majority before they are acknowledged, and whose reads see all of them:
/// whatever the URL says.
pub(crate) fn durable_collection(database: &Database, name: &str) -> Collection<Document> {
    let options = CollectionOptions::builder()
        .write_concern(durably())
        .read_concern(ReadConcern::majority())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .build();
    database.collection_with_options(name, options)
}

/// Acknowledged when it is in the journal of a majority.
pub(crate) fn durably() -> WriteConcern {
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern
}

/// Awaits one call of the driver, but not for ever.
///
/// # Errors
/// In words of the ports; `Unavailable` where no answer came: whether a write was done is unknown then.
pub(crate) async fn bounded<T>(call: impl IntoFuture<Output = mongodb::error::Result<T>>) -> Result<T> {
    match timeout(ANSWERS_WITHIN, call.into_future()).await {
        Ok(answer) => answer.map_err(|error| sentence(&error)),
        Err(_) => Err(Error::Unavailable(format!("no answer within {} seconds", ANSWERS_WITHIN.as_secs()))),
    }
}

/// A write on one document, done again where it met another: two upserts of the same id may, and then one finds it there.
pub(crate) async fn retried<T, W>(write: impl Fn() -> W) -> Result<T>
where
    W: IntoFuture<Output = mongodb::error::Result<T>>,
{
    for _ in 1..TRIES {
        match bounded(write()).await {
            Err(Error::Conflict(_)) => tokio::task::yield_now().await,
            answer => return answer,
        }
    }
    bounded(write()).await
}

/// An error of the driver in words of the ports. A duplicate key, a collection that is there and a conflict of
/// transactions are `Conflict`.
pub(crate) fn sentence(error: &MongoError) -> Error {
    let text = error.kind.to_string();
    match &*error.kind {
        _ if is_duplicate_key(error) => Error::Conflict(text),
        ErrorKind::Command(command) if CONFLICT.contains(&command.code) => Error::Conflict(text),
        ErrorKind::Command(command) if UNAVAILABLE.contains(&command.code) => Error::Unavailable(text),
        // Done here, but whether a majority will have it is unknown.
        ErrorKind::Write(WriteFailure::WriteConcernError(_)) => Error::Unavailable(text),
        _ if error.contains_label(mongodb::error::UNKNOWN_TRANSACTION_COMMIT_RESULT) => Error::Unavailable(text),
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Shutdown
        // Also what a server answers to a sign-in while it shuts down; at the start it is refused, below.
        | ErrorKind::Authentication { .. } => Error::Unavailable(text),
        _ if error.contains_label(mongodb::error::TRANSIENT_TRANSACTION_ERROR) => Error::Conflict(text),
        _ if error.contains_label(mongodb::error::RETRYABLE_WRITE_ERROR) => Error::Unavailable(text),
        ErrorKind::BsonDeserialization(_) | ErrorKind::InvalidResponse { .. } => Error::Corrupt(text),
        _ => Error::Rejected(text),
    }
}

/// Whether something with the same key was there.
pub(crate) fn is_duplicate_key(error: &MongoError) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(write)) => write.code == DUPLICATE_KEY,
        ErrorKind::BulkWrite(bulk) => bulk.write_errors.values().any(|write| write.code == DUPLICATE_KEY),
        _ => false,
    }
}

const DUPLICATE_KEY: i32 = 11_000;
/// A duplicate key, a collection that exists, a write conflict, a transaction that another program ended before or within a call.
const CONFLICT: [i32; 5] = [DUPLICATE_KEY, 48, 112, 251, 11_601];
/// Not the primary, shutting down, stepping down, timed out, a cursor or a snapshot that is gone: codes of the server that pass.
const UNAVAILABLE: [i32; 16] =
    [6, 7, 43, 50, 89, 91, 134, 189, 262, 9001, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436];
