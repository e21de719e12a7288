//! Valid settings, and the rules they keep.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use commands::Openers;
use domain::id::UserId;
use jiff::SignedDuration;
use processors::analysis::Limits;
use tracing_subscriber::filter::Targets;
use url::{Host, Url};

use super::layers::{Layers, Source};
use super::problem::Problem;
use super::store_url::{StoreUrl, masked};
use super::{AnalysisConfig, Config, LogConfig, MailConfig, StoresConfig, TelemetryConfig};
use crate::roles::{Role, Roles};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The configuration of a running program. Each setting is explained in `server/config/default.toml`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory of all embedded stores.
    pub data: PathBuf,
    /// Where the HTTP server listens.
    pub listen: SocketAddr,
    /// Where people reach it, without a slash at the end.
    pub base_url: String,
    /// What this process does.
    pub roles: Roles,
    /// Logical name of the bucket in `FileLocation`.
    pub bucket: String,
    /// Where things are kept.
    pub stores: Stores,
    /// How mails are sent.
    pub mail: Mail,
    /// How one knows who asks.
    pub sign_in: SignInKind,
    /// How files are analysed.
    pub analysis: Analysis,
    /// The largest file that is taken, in bytes.
    pub largest_upload_bytes: u64,
    /// Who may open trials.
    pub openers: Openers,
    /// What is logged.
    pub log: Log,
    /// Where traces go.
    pub telemetry: Telemetry,
}

/// Where things are kept, each as the URL for `adapters::<port>::open`, which validates it.
#[derive(Clone, Debug)]
pub struct Stores {
    /// The event log.
    pub events: StoreUrl,
    /// The customer's collection `Documents`.
    pub documents: StoreUrl,
    /// Read models.
    pub views: StoreUrl,
    /// Names and addresses of people.
    pub directory: StoreUrl,
    /// Keys of sealed text.
    pub keys: StoreUrl,
    /// Files.
    pub files: StoreUrl,
    /// Work under way.
    pub queue: StoreUrl,
}

/// How mails are sent.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The URL for `adapters::mailer::open`.
    pub url: StoreUrl,
    /// The sender's name.
    pub from_name: String,
    /// The sender's address.
    pub from_address: String,
    /// Domain of envelope senders and message ids.
    pub domain: String,
    /// The largest attachment, in bytes as it stands in the mail.
    pub largest_attachment_bytes: u64,
    /// How long a claim lasts.
    pub lease: SignedDuration,
    /// How many deliveries are under way at once.
    pub together: usize,
}

impl Mail {
    /// The directory into which mails are written, where that is what becomes of them.
    #[must_use]
    pub fn outbox(&self) -> Option<&Path> {
        self.url.path("outbox").map(Path::new)
    }
}

/// How one knows who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInKind {
    /// One chooses who one is: this machine only.
    Development,
}

/// How files are analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// How many at once.
    pub together: usize,
    /// The limits of each.
    pub limits: Limits,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// For whom.
    pub format: LogFormat,
    /// What: a level, and levels of single targets.
    pub filter: Targets,
}

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// The base URL of a collector that takes OTLP over HTTP; none: traces go nowhere.
    pub otlp: Option<String>,
    /// How many of 100 traces are exported.
    pub percent: u8,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Settings {
    /// Port 0 lets the system choose a port; then links name the one it chose.
    pub fn reached_at(&mut self, address: SocketAddr) {
        if self.listen.port() == 0 {
            self.base_url = self.base_url.replace(&self.listen.to_string(), &address.to_string());
        }
    }

    /// Checks what was written.
    pub(super) fn check(config: Config, layers: &Layers) -> Result<Self, Vec<Problem>> {
        let mut check = Check { layers, problems: Vec::new() };
        if config.data.is_empty() {
            check.wrong("data", &config.data, "name a directory, such as \"data\"");
        }
        let (listen, sign_in) = check.listen_and_sign_in(&config.listen, &config.sign_in.kind, &config.roles);
        let settings = Self {
            data: PathBuf::from(&config.data),
            base_url: check.base_url(&config.base_url, listen.is_some()),
            // What stands in for a wrong value never leaves this function.
            listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
            roles: check.roles(&config.roles, &config.stores.queue),
            bucket: check.bucket(config.bucket),
            stores: check.stores(config.stores),
            mail: check.mail(config.mail),
            sign_in,
            analysis: check.analysis(&config.analysis),
            largest_upload_bytes: check.number(
                "uploads.largest_bytes",
                config.uploads.largest_bytes,
                1..=5 * 1024 * GIB,
            ),
            openers: check.openers(&config.trials.openers),
            log: check.log(&config.log),
            telemetry: check.telemetry(config.telemetry),
        };
        if check.problems.is_empty() { Ok(settings) } else { Err(check.problems) }
    }
}

/// Gathers what is wrong.
struct Check<'a> {
    layers: &'a Layers,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn wrong(&mut self, path: &str, found: &str, remedy: impl Into<String>) {
        let found = format!("found {:?} ({})", masked(found), self.layers.source(path));
        self.problems.push(Problem { subject: path.to_owned(), found, remedy: remedy.into() });
    }

    fn number(&mut self, path: &str, number: u64, range: RangeInclusive<u64>) -> u64 {
        if !range.contains(&number) {
            let found = format!("found {number} ({})", self.layers.source(path));
            let remedy = format!("it is a whole number from {} to {}", range.start(), range.end());
            self.problems.push(Problem { subject: path.to_owned(), found, remedy });
        }
        number
    }

    fn count(&mut self, path: &str, number: u64, range: RangeInclusive<u64>) -> usize {
        usize::try_from(self.number(path, number, range)).unwrap_or(usize::MAX)
    }

    fn openers(&mut self, openers: &str) -> Openers {
        if openers == "anyone" {
            return Openers::Anyone;
        }
        let people = openers.split(',').map(|person| UserId::parse("trials.openers", person.trim()));
        Openers::People(people.collect::<Result<_, _>>().unwrap_or_else(|_| {
            self.wrong(
                "trials.openers",
                openers,
                "it is \"anyone\", or ids of people with commas between, such as \"ada,ben\"",
            );
            Vec::new()
        }))
    }

    fn listen_and_sign_in(&mut self, listen: &str, kind: &str, roles: &str) -> (Option<SocketAddr>, SignInKind) {
        let address: Option<SocketAddr> = listen.parse().ok();
        if address.is_none() {
            self.wrong(
                "listen",
                listen,
                "it is an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
            );
        }
        if kind != "development" {
            self.wrong("sign_in.kind", kind, "it may be \"development\"");
        } else if address.is_some_and(|address| !address.ip().is_loopback()) && serves_people(roles) {
            let remedy = "the sign-in \"development\" asks for no password and therefore serves this machine only: \
                          listen on 127.0.0.1 or [::1]";
            self.wrong("listen", listen, remedy);
            return (None, SignInKind::Development);
        }
        (address, SignInKind::Development)
    }

    fn base_url(&mut self, written: &str, listen_is_valid: bool) -> String {
        if !listen_is_valid && *self.layers.source("base_url") == Source::Default {
            return String::new();
        }
        match origin(written) {
            Ok(origin) => origin,
            Err(remedy) => {
                self.wrong("base_url", written, remedy);
                String::new()
            }
        }
    }

    fn roles(&mut self, written: &str, queue: &str) -> Roles {
        let roles = written.parse().unwrap_or_else(|remedy: String| {
            self.wrong("roles", written, remedy);
            Roles::all()
        });
        if !roles.is_all() && queue.starts_with("memory:") {
            let remedy = "work in the queue \"memory:\" would never reach the other processes: set stores.queue to a shared \
                          one, such as \"nats://<host>:4222\", or let this process have all roles";
            self.wrong("roles", written, remedy);
        }
        roles
    }

    fn bucket(&mut self, bucket: String) -> String {
        let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let ends = [bucket.bytes().next(), bucket.bytes().last()];
        let is_valid = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|byte| is_alphanumeric(byte) || b".-".contains(&byte))
            && ends.into_iter().flatten().all(is_alphanumeric);
        if !is_valid {
            let remedy = "it is 3 to 63 of a-z, 0-9, '.' and '-', with a letter or digit at both ends";
            self.wrong("bucket", &bucket, remedy);
        }
        bucket
    }

    fn stores(&mut self, stores: StoresConfig) -> Stores {
        let urls = [
            ("stores.events", &stores.events),
            ("stores.documents", &stores.documents),
            ("stores.views", &stores.views),
            ("stores.directory", &stores.directory),
            ("stores.keys", &stores.keys),
        ];
        let mut owners = BTreeMap::new();
        for (path, url) in urls {
            let Some(file) = url.strip_prefix("sqlite:") else { continue };
            let file: PathBuf = Path::new(file).components().filter(|part| *part != Component::CurDir).collect();
            if let Some(owner) = owners.insert(file, path) {
                self.wrong(path, url, format!("{owner} is kept in the same file; give each a file of its own"));
            }
        }
        Stores {
            events: self.url("stores.events", stores.events),
            documents: self.url("stores.documents", stores.documents),
            views: self.url("stores.views", stores.views),
            directory: self.url("stores.directory", stores.directory),
            keys: self.url("stores.keys", stores.keys),
            files: self.url("stores.files", stores.files),
            queue: self.url("stores.queue", stores.queue),
        }
    }

    fn url(&mut self, path: &str, url: String) -> StoreUrl {
        match url.split_once(':') {
            None | Some(("", _)) => self.wrong(path, &url, "it is a URL, as the annotated defaults show"),
            Some(("sqlite" | "file" | "outbox", "")) => self.wrong(path, &url, "a path has to follow the colon"),
            Some(_) => {}
        }
        StoreUrl::new(url)
    }

    fn mail(&mut self, mail: MailConfig) -> Mail {
        if mail.from_name.trim().is_empty() || mail.from_name.len() > 200 || mail.from_name.contains(char::is_control) {
            self.wrong("mail.from_name", &mail.from_name, "it is a name of at most 200 bytes in one line");
        }
        if !is_mail_address(&mail.from_address) {
            self.wrong(
                "mail.from_address",
                &mail.from_address,
                "it is a mail address, such as \"reports@example.org\"",
            );
        }
        if !is_domain(&mail.domain) {
            self.wrong("mail.domain", &mail.domain, "it is a domain, such as \"example.org\"");
        }
        if mail.url.starts_with("smtp:") || mail.url.starts_with("smtps:") {
            let remedy = "it is only an example; set one of your own, at which mail can arrive, before sending by SMTP";
            for (path, value) in [("mail.from_address", &mail.from_address), ("mail.domain", &mail.domain)] {
                if *self.layers.source(path) == Source::Default {
                    self.wrong(path, value, remedy);
                }
            }
        }
        let lease_seconds = self.number("mail.lease_seconds", mail.lease_seconds, 60..=86_400);
        Mail {
            url: self.url("mail.url", mail.url),
            from_name: mail.from_name,
            from_address: mail.from_address,
            domain: mail.domain,
            largest_attachment_bytes: self.number(
                "mail.largest_attachment_bytes",
                mail.largest_attachment_bytes,
                0..=100 * MIB,
            ),
            lease: SignedDuration::from_secs(i64::try_from(lease_seconds).unwrap_or(i64::MAX)),
            together: self.count("mail.together", mail.together, 1..=1_000),
        }
    }

    fn analysis(&mut self, analysis: &AnalysisConfig) -> Analysis {
        Analysis {
            together: self.count("analysis.together", analysis.together, 1..=256),
            limits: Limits {
                time: Duration::from_secs(self.number("analysis.seconds", analysis.seconds, 1..=3_600)),
                memory_bytes: self.number("analysis.memory_bytes", analysis.memory_bytes, 16 * MIB..=64 * GIB),
                pixels: self.number("analysis.pixels", analysis.pixels, 1..=4_000_000_000),
                ..Limits::default()
            },
        }
    }

    fn telemetry(&mut self, telemetry: TelemetryConfig) -> Telemetry {
        let url = Url::parse(&telemetry.otlp).ok();
        let is_collector =
            |url: &Url| ["http", "https"].contains(&url.scheme()) && url.has_host() && url.query().is_none();
        if !telemetry.otlp.is_empty() && !url.as_ref().is_some_and(is_collector) {
            let remedy = "it is the address of a collector, such as \"http://127.0.0.1:4318\", or empty";
            self.wrong("telemetry.otlp", &telemetry.otlp, remedy);
        } else if !telemetry.otlp.is_empty() && !cfg!(feature = "distributed") {
            let remedy = "this program was built without the cargo feature \"distributed\", which traces need";
            self.wrong("telemetry.otlp", &telemetry.otlp, remedy);
        }
        Telemetry {
            percent: u8::try_from(self.number("telemetry.percent", telemetry.percent, 0..=100)).unwrap_or(100),
            otlp: Some(telemetry.otlp).filter(|otlp| !otlp.is_empty()),
        }
    }

    fn log(&mut self, log: &LogConfig) -> Log {
        let format = match log.format.as_str() {
            "json" => LogFormat::Json,
            "text" => LogFormat::Text,
            other => {
                self.wrong("log.format", other, "it may be \"text\" or \"json\"");
                LogFormat::Text
            }
        };
        let filter = log.filter.parse().unwrap_or_else(|error| {
            self.wrong("log.filter", &log.filter, format!("{error}; write it like \"info,processors=debug\""));
            Targets::new()
        });
        Log { format, filter }
    }
}

/// Without the API nobody signs in: what is served says how the process is.
fn serves_people(roles: &str) -> bool {
    roles.parse::<Roles>().map_or(true, |roles| roles.has(Role::Api))
}

/// Scheme, host and port of a base URL, or what is wrong with it. The client asks for absolute paths, so there is none.
fn origin(written: &str) -> Result<String, &'static str> {
    let url = Url::parse(written).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    let Some(url) = url else { return Err("it is an address such as \"https://trialbrief.example.org\"") };
    let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
    if has_more || !url.username().is_empty() || url.password().is_some() {
        return Err("it is only scheme, host and port, such as \"https://trialbrief.example.org\"");
    }
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) | None => None,
    };
    if ip.is_some_and(|ip| ip.is_unspecified()) {
        return Err("no link leads there; name the address by which people reach this machine");
    }
    let is_this_machine = ip.map_or_else(|| url.domain() == Some("localhost"), |ip| ip.is_loopback());
    if url.scheme() == "http" && !is_this_machine {
        return Err("for others than this machine it begins with https://, or one-click unsubscribing does not work");
    }
    Ok(url.origin().ascii_serialization())
}

/// A plain address; quoted local parts are nobody's.
fn is_mail_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte);
    (1..=64).contains(&local.len()) && local.bytes().all(is_plain) && is_domain(domain)
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}
