//! Journeys: stories over HTTP against the whole application, embedded, under a simulated clock.
#![expect(clippy::unwrap_used, reason = "allowed in tests by clippy.toml; their helpers need it too")]

mod access;
mod bad_input;
mod lag;
mod migrate;
mod monday;
mod observation;
mod operations;
mod real_files;
mod send_now;
mod sending;
mod subscriptions;
mod workers;
mod world;
