//! Names of things: derived ids, codes, documents and contents.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::aggregate::Aggregate;

#[cfg(test)]
mod tests;

/// The one namespace of Trialbrief; each type has its own below it.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f2b_38c4_9d1e_5a70_8c3b_41d2_e7a9_5f06);

/// A text that is no name of the kind it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {found:?} is no {what}; use {remedy}")]
pub struct InvalidName {
    /// The field it came in.
    pub field: &'static str,
    /// What came, cut to 80 characters.
    pub found: String,
    /// What it should be.
    pub what: &'static str,
    /// How to mend it.
    pub remedy: &'static str,
}

/// The derived id: uuid5 over length-prefixed parts in the namespace of a type. An id is never a permission.
#[must_use]
pub fn derive(kind: &str, parts: &[&str]) -> Uuid {
    let mut name = Vec::new();
    for part in parts {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&Uuid::new_v5(&NAMESPACE, kind.as_bytes()), &name)
}

/// The id of an aggregate, and so the name of its stream.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id<A>(String, #[serde(skip)] PhantomData<fn() -> A>);

impl<A: Aggregate> Id<A> {
    /// The id derived from the parts, whose count and order the aggregate fixes.
    #[must_use]
    pub fn derive(parts: &[&str]) -> Self {
        Self(derive(A::CATEGORY, parts).to_string(), PhantomData)
    }

    /// An id that is known already: from an event, a row or a path.
    #[must_use]
    pub fn known(id: impl Into<String>) -> Self {
        Self(id.into(), PhantomData)
    }

    /// A uuid from a path or a body.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(field: &'static str, id: &str) -> Result<Self, InvalidName> {
        let invalid = || invalid(field, id, "id", "the id as it was given, 36 characters");
        Ok(Self(Uuid::try_parse(id).map_err(|_| invalid())?.to_string(), PhantomData))
    }

    /// The stream that holds its events.
    #[must_use]
    pub fn stream(&self) -> String {
        format!("{}-{}", A::CATEGORY, self.0)
    }

    /// The id out of a stream's name, if the stream is of this aggregate.
    #[must_use]
    pub fn of_stream(stream: &str) -> Option<Self> {
        stream.strip_prefix(A::CATEGORY)?.strip_prefix('-').map(Self::known)
    }
}

impl<A> Id<A> {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Written out, because a derive would ask the same of `A`.
impl<A> Clone for Id<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}
impl<A> PartialEq for Id<A> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<A> Eq for Id<A> {}
impl<A> std::hash::Hash for Id<A> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<A> PartialOrd for Id<A> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<A> Ord for Id<A> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<A> fmt::Debug for Id<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
impl<A> fmt::Display for Id<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn invalid(field: &'static str, found: &str, what: &'static str, remedy: &'static str) -> InvalidName {
    InvalidName { field, found: found.chars().take(80).collect(), what, remedy }
}

/// Declares a text newtype. Its `Deserialize` takes any text, so that stored events always decode; `parse` checks.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A trial, `[A-Za-z0-9._-]{1,64}`.
    TrialId
);
name!(
    /// A person, opaque, `[A-Za-z0-9._-]{1,64}`.
    UserId
);
name!(
    /// A site, kind or status, `[A-Za-z0-9._-]{1,64}`.
    Code
);
name!(
    /// A document: an ObjectId as 24 lower-case hex digits.
    DocumentId
);
name!(
    /// Bytes, by their SHA-256 as 64 lower-case hex digits.
    ContentHash
);

/// Whether a text may be a code.
fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

const CODE_REMEDY: &str = "1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'";

impl TrialId {
    /// Checks a text that came from outside.
    ///
    /// # Errors
    /// Where it is no trial id; the field is named.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, InvalidName> {
        // A trial is a segment of a file key, so "." and ".." are none.
        if is_code(text) && text != "." && text != ".." {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid(field, text, "trial id", CODE_REMEDY))
        }
    }
}

impl UserId {
    /// Checks a text that came from outside.
    ///
    /// # Errors
    /// Where it is no user id; the field is named.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, InvalidName> {
        if is_code(text) { Ok(Self(text.to_owned())) } else { Err(invalid(field, text, "user id", CODE_REMEDY)) }
    }
}

impl Code {
    /// The code for values that are none: they are counted together, and their text is sealed.
    #[must_use]
    pub fn other() -> Self {
        Self("other".to_owned())
    }

    /// The text where it is a code, else "other".
    #[must_use]
    pub fn or_other(text: &str) -> Self {
        if is_code(text) { Self(text.to_owned()) } else { Self::other() }
    }
}

impl DocumentId {
    /// Checks a text that came from outside.
    ///
    /// # Errors
    /// Where it is no ObjectId.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, InvalidName> {
        if is_hex(text, 24) {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid(field, text, "document id", "24 hexadecimal digits in lower case"))
        }
    }

    /// The id derived from a command: an upload repeated under the same key makes the same document.
    #[must_use]
    pub fn of_command(command: Uuid) -> Self {
        Self(derive("document-id", &[&command.to_string()]).simple().to_string()[..24].to_owned())
    }
}

impl ContentHash {
    /// The hash of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// From a finished SHA-256.
    #[must_use]
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(hex::encode(digest))
    }

    /// Checks a text that came from outside.
    ///
    /// # Errors
    /// Where it is no SHA-256.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, InvalidName> {
        if is_hex(text, 64) {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid(field, text, "SHA-256", "64 hexadecimal digits in lower case"))
        }
    }
}
