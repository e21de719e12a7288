//! URLs that may hold passwords.

use std::fmt;
use std::ops::Deref;

/// Stands for a secret.
const MASK: &str = "***";

/// Schemes of this machine: what follows is a path and holds no password.
const LOCAL: [&str; 4] = ["sqlite", "file", "outbox", "memory"];

/// Words in the names of URL options whose values are secrets.
const SECRETS: [&str; 5] = ["password", "secret", "token", "credential", "key"];

/// The URL of a store or mailer, for `adapters::<port>::open`. `Debug` and `Display` mask passwords; dereferenced it is
/// the text as written.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(String);

impl StoreUrl {
    pub(super) fn new(url: String) -> Self {
        Self(url)
    }

    /// The path, where the URL is of this scheme.
    #[must_use]
    pub fn path(&self, scheme: &str) -> Option<&str> {
        self.0.strip_prefix(scheme)?.strip_prefix(':')
    }
}

impl Deref for StoreUrl {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&masked(&self.0), formatter)
    }
}

/// A setting as TOML, without the passwords it may hold.
pub(super) fn masked_value(value: &toml::Value) -> String {
    match value.as_str() {
        Some(text) => toml::Value::from(masked(text)).to_string(),
        None => value.to_string(),
    }
}

/// A text without the passwords it holds, should it be a URL. Rather too much is masked than too little: passwords are
/// written without being encoded, too, so that a URL parser would not find their end.
pub(super) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return text.to_owned();
    };
    if LOCAL.contains(&scheme) {
        return text.to_owned();
    }
    let (slashes, rest) = rest.split_at(rest.len() - rest.trim_start_matches('/').len());
    let (user, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => match credentials.split_once(':') {
            Some((user, _)) => (format!("{user}:{MASK}@"), place),
            None => (format!("{MASK}@"), place),
        },
        None => (String::new(), rest),
    };
    let place = match place.split_once('?') {
        Some((place, options)) => format!("{place}?{}", masked_options(options)),
        None => place.to_owned(),
    };
    format!("{scheme}:{slashes}{user}{place}")
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn masked_options(options: &str) -> String {
    let masked = options.split('&').map(|option| match option.split_once('=') {
        Some((name, _)) if SECRETS.iter().any(|secret| name.to_ascii_lowercase().contains(secret)) => {
            format!("{name}={MASK}")
        }
        _ => option.to_owned(),
    });
    masked.collect::<Vec<_>>().join("&")
}
