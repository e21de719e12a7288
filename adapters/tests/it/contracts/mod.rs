//! One suite per port: it takes a function that opens the adapter, and again after everything was dropped.

pub mod directory;
pub mod document_store;
pub mod event_log;
pub mod file_store;
pub mod key_ring;
pub mod leases;
pub mod mailer;
pub mod view_store;
pub mod work_queue;
