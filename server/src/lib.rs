//! Trialbrief, the program: arguments, configuration, wiring, demo.

pub mod app;
pub mod cli;
mod client;
pub mod config;
pub mod demo;
mod drive;
mod health;
mod listen;
mod openapi;
mod outbox;
pub mod replay;
pub mod roles;
pub mod verify_report;
pub mod wire;

pub use health::Health;
