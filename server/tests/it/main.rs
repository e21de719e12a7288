//! Journeys: stories over HTTP against the whole application, under a simulated clock: embedded by default, distributed where
//! `TRIALBRIEF_TEST_SETUP=distributed`.
#![expect(clippy::unwrap_used, reason = "allowed in tests by clippy.toml; their helpers need it too")]

mod access;
mod bad_input;
#[path = "../shared/client.rs"]
mod client;
mod deploy;
mod lag;
mod migrate;
mod monday;
mod observation;
mod operations;
mod outages;
mod real_files;
mod send_now;
mod sending;
mod setup;
mod start;
mod subscriptions;
mod traces;
mod workers;
mod world;
