//! The documents API over HTTP, on the embedded adapters.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod delete;
mod download;
mod list;
mod observe;
mod patch;
mod people;
mod sweeper;
mod upload;
mod world;
