//! A person's name and address, safe to stand in a header.

use super::Error;
use super::encoding::unstructured;

/// Longest address of RFC 5321, in bytes.
const LONGEST: usize = 254;

/// A display name and an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: Option<String>,
    address: String,
}

impl Mailbox {
    /// Takes a name, and an address of the form `local@domain` in printable ASCII.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for everything else: several addresses, spaces, controls, quotes, brackets, non-ASCII (no
    /// SMTPUTF8).
    pub fn new(name: Option<&str>, address: &str) -> Result<Self, Error> {
        let (local, domain) = address.split_once('@').ok_or(Error::Address)?;
        // The characters of an RFC 5322 dot-atom.
        let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
        let host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let dots = |part: &str| !part.is_empty() && part.split('.').all(|label| !label.is_empty());
        let fits = address.len() <= LONGEST && local.len() <= 64;
        if !(fits && dots(local) && dots(domain) && local.bytes().all(atom) && domain.bytes().all(host)) {
            return Err(Error::Address);
        }
        let name = name.map(str::trim).filter(|name| !name.is_empty()).map(|name| name.chars().take(100).collect());
        Ok(Self { name, address: address.to_owned() })
    }

    /// The address alone, for the envelope.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `"Name" <address>`, the name quoted or encoded.
    pub(super) fn header(&self) -> String {
        match &self.name {
            None => self.address.clone(),
            Some(name) => {
                let encoded = unstructured(name);
                if encoded.starts_with("=?") {
                    format!("{encoded}\r\n <{}>", self.address)
                } else {
                    let quoted = encoded.replace('\\', "\\\\").replace('"', "\\\"");
                    format!("\"{quoted}\"\r\n <{}>", self.address)
                }
            }
        }
    }
}

/// Masked: an address must not reach a log by accident.
impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let domain = self.address.split_once('@').map_or("", |(_, domain)| domain);
        write!(f, "Mailbox(…@{domain})")
    }
}
