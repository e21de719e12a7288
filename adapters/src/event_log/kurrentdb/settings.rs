//! What the URL says: how the servers are reached, as whom, and under which prefix our streams stand.

use ::kurrentdb::{ClientSettings, Credentials};
use percent_encoding::percent_decode_str;
use ports::{Error, Result};
use rustls::pki_types::{CertificateDer, pem::PemObject};

/// Options that are the client's, in small letters. It would pass over a misspelt one.
const OPTIONS: [&str; 13] = [
    "connectionname",
    "defaultdeadline",
    "discoveryinterval",
    "gossiptimeout",
    "keepaliveinterval",
    "keepalivetimeout",
    "maxdiscoverattempts",
    "nodepreference",
    "tls",
    "tlscafile",
    "tlsverifycert",
    "usercertfile",
    "userkeyfile",
];

/// Where the URL says nothing else: only the leader has what was just appended, and a first try need not wait for half a second.
const DEFAULTS: [(&str, &str); 3] =
    [("nodepreference", "leader"), ("discoveryinterval", "100"), ("connectionname", "trialbrief")];

/// A URL, taken apart.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) client: ClientSettings,
    /// Sent with each call: the client would take them from its URL without decoding them.
    pub(super) credentials: Option<Credentials>,
    /// What every stream's name begins with, `<prefix>.`
    pub(super) prefix: String,
}

impl Settings {
    /// Takes `kurrentdb[+discover]://[user:password@]host[:port][,host[:port]]?prefix=<name>[&option=value]` apart.
    ///
    /// # Errors
    /// `Rejected`, without the password.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let rejected = |why: String| Error::Rejected(format!("setting \"stores.events\": {why}"));
        let form = || rejected("write kurrentdb://<host>:2113?prefix=<name>".to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(form)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') {
            return Err(rejected("an @ stands behind the ?: percent-encode user and password, ? as %3F".to_owned()));
        }
        let (user, hosts) = place.rsplit_once('@').map_or((None, place), |(user, hosts)| (Some(user), hosts));
        let hosts = hosts.trim_end_matches('/');
        if hosts.is_empty() || hosts.contains('/') {
            return Err(form());
        }
        let mut prefix = None;
        let mut options = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let name = name.to_ascii_lowercase();
            if name == "prefix" {
                prefix = Some(value);
            } else if OPTIONS.contains(&&*name) {
                options.push((name, value));
            } else {
                return Err(rejected(format!(
                    "the option {name:?} is unknown; there are prefix, {}",
                    OPTIONS.join(", ")
                )));
            }
        }
        if let Some((_, node)) = options.iter().find(|(name, value)| name == "nodepreference" && *value != "leader") {
            return Err(rejected(format!(
                "nodePreference={node}: only the leader has what was just appended; leave it out"
            )));
        }
        for (name, value) in DEFAULTS {
            if !options.iter().any(|(given, _)| given == name) {
                options.push((name.to_owned(), value));
            }
        }
        let query: Vec<String> = options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let client: ClientSettings = format!("{scheme}://{hosts}?{}", query.join("&"))
            .parse()
            .map_err(|e: ::kurrentdb::ClientSettingsParseError| rejected(format!("{hosts}: {e}")))?;
        if let Some(file) = client.tls_ca_file() {
            check_certificates(file).map_err(|e| rejected(format!("tlsCAFile={file}: {e}")))?;
        }
        Ok(Self { client, credentials: user.map(credentials).transpose()?, prefix: check_prefix(prefix)? })
    }

    /// Whether the client picks one of several servers.
    pub(super) fn is_cluster(&self) -> bool {
        self.client.is_dns_discovery_enabled() || self.client.hosts().len() > 1
    }
}

/// A stream stands as `<prefix>.<stream>`: what is before the first dot is the prefix, and `$` is the server's own.
fn check_prefix(prefix: Option<&str>) -> Result<String> {
    let prefix = prefix.unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if prefix.is_empty() || !prefix.bytes().all(allowed) {
        return Err(Error::Rejected(format!(
            "setting \"stores.events\": the option prefix is {prefix:?}; write prefix=<name> with letters, digits, - and _, so that \
             programs that share a server do not meet"
        )));
    }
    Ok(format!("{prefix}."))
}

fn credentials(user: &str) -> Result<Credentials> {
    let (login, password) = user.split_once(':').unwrap_or((user, ""));
    let decode = |text: &str| {
        percent_decode_str(text).decode_utf8().map(|text| text.into_owned()).map_err(|_| {
            Error::Rejected(
                "setting \"stores.events\": user or password is no UTF-8 once it is percent-decoded".to_owned(),
            )
        })
    };
    Ok(Credentials::new(decode(login)?, decode(password)?))
}

/// The client panics over a file that holds something else, and trusts nobody where it holds no certificate.
fn check_certificates(file: &str) -> std::result::Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|e| e.to_string())?;
    match certificates.collect::<std::result::Result<Vec<_>, _>>() {
        Ok(certificates) if certificates.is_empty() => Err("it holds no certificate".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
