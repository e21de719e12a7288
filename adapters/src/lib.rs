//! What Trialbrief plugs into: one file per technology and port.
//!
//! Each port is chosen by the URL of its setting; `open` has one arm per technology. An adapter knows no trial, and passes
//! the contract suite of its port (`tests/it/contracts`).

pub mod directory;
pub mod document_store;
mod durable_file;
pub mod event_log;
pub mod file_store;
pub mod key_ring;
pub mod leases;
pub mod mailer;
#[cfg(feature = "distributed")]
mod mongodb;
#[cfg(feature = "distributed")]
mod nats;
mod sqlite;
pub mod view_store;
pub mod work_queue;

use ports::Error;

/// Refuses a URL whose scheme the setting does not know. Only the scheme is repeated: the rest may hold a password.
pub(crate) fn unknown_scheme(setting: &str, url: &str, choices: &[&str]) -> Error {
    let found = match url.split_once(':') {
        Some((scheme, _)) => format!("the scheme {scheme:?}"),
        None => "no scheme".to_owned(),
    };
    Error::Rejected(format!("setting {setting:?} has {found}; it may be {}", choices.join(" or ")))
}

/// Refuses a URL whose technology was left out of this build.
#[cfg(not(feature = "distributed"))]
pub(crate) fn missing_feature(setting: &str, scheme: &str, feature: &str) -> Error {
    Error::Rejected(format!(
        "setting {setting:?} names {scheme:?}, but this program was built without the cargo feature {feature:?}"
    ))
}
