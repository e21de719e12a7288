//! Configuration: [`Config`] as written, [`Settings`] as valid.
//!
//! The annotated defaults (`server/config/default.toml`) are compiled in; then come a file, the environment and the
//! command line. [`load`] reads them all and reports everything that is wrong at once, before anything starts.

mod layers;
mod problem;
mod settings;
mod store_url;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use layers::{Layers, Source};
use store_url::masked_value;

pub use problem::Problems;
pub use settings::{Analysis, Log, LogFormat, Mail, Settings, SignInKind, Stores, Telemetry};
pub use store_url::StoreUrl;

/// The variable that names the configuration file where the command line does not.
pub const FILE_VARIABLE: &str = "TRIALBRIEF_CONFIG";

/// The annotated defaults.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

/// Where settings come from, beside the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file named on the command line.
    pub file: Option<PathBuf>,
    /// All environment variables, as by [`std::env::vars_os`].
    pub environment: Vec<(OsString, OsString)>,
    /// Settings given on the command line: (`mail.url`, `smtp://…`).
    pub flags: Vec<(String, String)>,
}

/// A valid configuration.
#[derive(Clone)]
pub struct Loaded {
    /// What is in force.
    pub settings: Settings,
    /// What was written for each setting, and where.
    layers: Layers,
}

impl Loaded {
    /// The effective configuration as TOML, secrets masked. What is not the default names the place where it was written.
    #[must_use]
    pub fn effective(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for entry in self.layers.entries() {
            let (table, key) = entry.path.rsplit_once('.').unwrap_or(("", &entry.path));
            if table != section {
                section = table;
                text.push_str(&format!("\n[{section}]\n"));
            }
            let origin = match &entry.source {
                Source::Default => String::new(),
                source => format!("  # {source}"),
            };
            text.push_str(&format!("{key} = {}{origin}\n", masked_value(&entry.value)));
        }
        text
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The layers hold passwords as they were written.
        formatter.debug_struct("Loaded").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Reads and checks the configuration.
///
/// # Errors
/// Everything that is wrong, each naming the setting, what was found and the remedy. No secret is repeated.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let (layers, mut problems) = Layers::read(sources);
    match layers.config().and_then(|config| Settings::check(config, &layers)) {
        Ok(settings) if problems.is_empty() => return Ok(Loaded { settings, layers }),
        Ok(_) => {}
        Err(more) => problems.extend(more),
    }
    Err(Problems(problems))
}

/// The configuration as it is written. Each setting is explained in `server/config/default.toml`. Not `Debug`: it may
/// hold passwords.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    data: String,
    listen: String,
    base_url: String,
    roles: String,
    bucket: String,
    stores: StoresConfig,
    mail: MailConfig,
    sign_in: SignInConfig,
    analysis: AnalysisConfig,
    uploads: UploadsConfig,
    trials: TrialsConfig,
    log: LogConfig,
    telemetry: TelemetryConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoresConfig {
    events: String,
    documents: String,
    views: String,
    directory: String,
    keys: String,
    files: String,
    queue: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailConfig {
    url: String,
    from_name: String,
    from_address: String,
    domain: String,
    largest_attachment_bytes: u64,
    lease_seconds: u64,
    together: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInConfig {
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnalysisConfig {
    together: u64,
    seconds: u64,
    memory_bytes: u64,
    pixels: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrialsConfig {
    openers: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UploadsConfig {
    largest_bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogConfig {
    format: String,
    filter: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TelemetryConfig {
    otlp: String,
    percent: u64,
}
