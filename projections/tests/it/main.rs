//! Every view is what a naive recomputation from the events says, at every closing, in whatever batches it was folded.
#![expect(clippy::unwrap_used, reason = "allowed in tests by clippy.toml; their helpers need it too")]

mod analyses;
mod document_changes;
mod document_history;
mod document_oracle;
mod other_values;
mod projector;
mod reports;
mod subscription_history;
mod subscriptions;
mod trials;
mod world;
