//! Trialbrief, the program: arguments, configuration, wiring, demo.

pub mod app;
pub mod cli;
mod client;
pub mod config;
pub mod demo;
mod drive;
mod health;
mod listen;
pub mod migrate;
mod openapi;
mod outbox;
mod probe;
mod reach;
pub mod replay;
pub mod roles;
#[cfg(feature = "distributed")]
pub mod telemetry;
mod trace;
pub mod verify_report;
pub mod wire;

pub use health::Health;
