//! Trialbrief, the program: arguments, configuration, wiring, demo.

pub mod app;
pub mod cli;
mod client;
pub mod config;
pub mod demo;
mod health;
mod listen;
pub mod migrate;
mod openapi;
mod outbox;
mod probe;
pub mod replay;
#[cfg(feature = "distributed")]
pub mod telemetry;
mod trace;
pub mod verify_report;
pub mod wire;

pub use health::Health;
