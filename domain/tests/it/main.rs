//! Stored events for ever: every type and version that was ever written is read today, and the catalogue names them all.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy knows test functions, not their helpers")]

mod catalogue;
mod codes;
mod golden;
mod stored_events;
mod story;
mod zones;
