//! Every adapter passes its port's contract suite. What is not in a suite may not be relied on.
#![expect(clippy::unwrap_used, reason = "allowed in tests by clippy.toml; their helpers need it too")]

mod contracts;
#[cfg(feature = "distributed")]
mod kurrentdb;
mod local;
#[cfg(feature = "distributed")]
mod mongodb;
mod nats;
mod s3;
mod sqlite;
#[cfg(feature = "distributed")]
mod stand_in;
