//! What the URL of a mail server says.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;
use ports::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// How the connection is encrypted.
pub(super) enum Security {
    /// Not at all: loopback only.
    None,
    /// After STARTTLS.
    Starttls(Tls),
    /// From the first byte.
    Implicit(Tls),
}

/// Whom to trust, and who has to be there.
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) server: ServerName<'static>,
}

/// A mail server and how to speak with it; see [`super::super::open`].
pub(super) struct Settings {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) credentials: Option<Credentials>,
    pub(super) helo: Option<String>,
    pub(super) connections: usize,
    /// Mails that one connection takes.
    pub(super) per_connection: usize,
    /// Mails that are under way at once to one domain.
    pub(super) per_domain: usize,
    pub(super) timeout: Duration,
    pub(super) answer_timeout: Duration,
}

impl Settings {
    /// Reads `smtp:` and `smtps:`. No message repeats the URL, which may hold a password.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let url = Url::parse(text).map_err(|e| Error::Rejected(format!("setting \"mail.url\" is no URL: {e}")))?;
        let implicit = url.scheme() == "smtps";
        // The host of a scheme that `url` does not know is kept as text.
        let host = url.host_str().and_then(|host| Host::parse(host).ok()).ok_or_else(|| rejected("names no host"))?;
        let mut settings = Self {
            host: host.to_string().trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(if implicit { 465 } else { 587 }),
            security: Security::None,
            credentials: credentials(&url)?,
            helo: None,
            connections: 8,
            per_connection: 100,
            per_domain: 8,
            timeout: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(300),
        };
        let (mut in_clear, mut ca, mut per_domain) = (false, None, None);
        for (option, value) in url.query_pairs() {
            match option.as_ref() {
                "tls" if value == "none" && !implicit => in_clear = true,
                "tls" => return Err(rejected("has a tls= that is not tls=none behind smtp:")),
                "ca" => ca = Some(value.into_owned()),
                "helo" if is_helo(&value) => settings.helo = Some(value.into_owned()),
                "helo" => return Err(rejected("has a helo= that is no domain name")),
                "connections" => settings.connections = number(&option, &value, 1..=1000)?,
                "per_connection" => settings.per_connection = number(&option, &value, 1..=1_000_000)?,
                "per_domain" => per_domain = Some(number(&option, &value, 1..=1000)?),
                "timeout" => settings.timeout = Duration::from_secs(number(&option, &value, 1..=3600)?),
                "answer_timeout" => settings.answer_timeout = Duration::from_secs(number(&option, &value, 1..=3600)?),
                unknown => {
                    return Err(rejected(&format!(
                        "has the option {unknown:?}; there are tls, ca, helo, connections, per_connection, per_domain, timeout, \
                         answer_timeout"
                    )));
                }
            }
        }
        settings.per_domain = per_domain.unwrap_or(settings.connections);
        settings.security = match (in_clear, is_loopback(&host)) {
            (true, true) => Security::None,
            (true, false) => return Err(rejected("has tls=none with a host that is not this machine")),
            (false, _) => {
                let connector = connector(ca.as_deref())?;
                let server = ServerName::try_from(settings.host.clone())
                    .map_err(|_| rejected("names no host that a certificate could name"))?;
                let tls = Tls { connector, server };
                if implicit { Security::Implicit(tls) } else { Security::Starttls(tls) }
            }
        };
        Ok(settings)
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>> {
    let decoded = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(rejected("has a user or password that is not UTF-8")),
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(rejected("has a user or a password, but not both")),
        (user, Some(password)) => Ok(Some(Credentials::new(decoded(user)?, decoded(password)?))),
    }
}

fn is_helo(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(ip) => IpAddr::V4(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).is_loopback(),
    }
}

fn number<N: FromStr + PartialOrd + Display>(option: &str, value: &str, range: RangeInclusive<N>) -> Result<N> {
    match value.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => {
            Err(rejected(&format!("has {option}={value:?}; it is a number from {} to {}", range.start(), range.end())))
        }
    }
}

/// Trusts the certificate authorities of the machine, and those of a PEM file.
fn connector(ca: Option<&str>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    // Single unreadable certificates are usual; only none at all is worth a word.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        let unusable = |e: &dyn Display| Error::Unavailable(format!("the certificates in ca={path}: {e}"));
        let certificates: Vec<_> =
            CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|e| unusable(&e))?;
        for certificate in certificates {
            roots.add(certificate).map_err(|e| unusable(&e))?;
        }
    }
    if roots.is_empty() {
        return Err(rejected(
            "needs certificate authorities to trust, and this machine has none: name a PEM file with ca=",
        ));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Rejected(format!("TLS: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn rejected(what: &str) -> Error {
    Error::Rejected(format!("setting \"mail.url\" {what}"))
}
