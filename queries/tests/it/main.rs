//! Questions over HTTP, answered from the embedded adapters: events are made by the domain's own commands, and the views are
//! stepped by hand.
#![expect(clippy::unwrap_used, reason = "allowed in tests by clippy.toml; their helpers need it too")]

mod audit;
mod people;
mod report_content;
mod reports;
mod trials;
mod waiting;
mod world;
