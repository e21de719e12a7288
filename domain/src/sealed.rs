//! Free text, encrypted under a key that lives outside the log. Destroying the key erases the text; hashes still verify.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Key, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Text sealed under its owner's key: AES-256-GCM-SIV (RFC 8452), the owner's name authenticated with it.
///
/// The nonce is derived from key and text, so sealing the same text again gives the same bytes: a repeated command appends
/// the same event. It tells that two texts of one owner are equal, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Whose key: `document/<id>`, `person/<user>` or `trial/<id>`.
    pub owner: String,
    /// Nonce (12 bytes) and ciphertext, in base64.
    pub text: String,
}

/// The text cannot be opened with this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed text does not open with this key")]
pub struct SealBroken;

/// HMAC-SHA256 over a purpose and a value, each prefixed by its length.
fn mac(key: &[u8; 32], purpose: &str, value: &[u8]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("any length");
    for part in [purpose.as_bytes(), value] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl Sealed {
    /// Seals a text.
    #[must_use]
    pub fn seal(owner: impl Into<String>, key: &[u8; 32], text: &[u8]) -> Self {
        let owner = owner.into();
        let mut sealed = mac(key, "nonce", text)[..12].to_vec();
        let cipher = Aes256GcmSiv::new(&Key::<Aes256GcmSiv>::from(*key));
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&sealed);
        #[expect(clippy::expect_used, reason = "only texts above 64 GiB are refused")]
        let ciphertext =
            cipher.encrypt(&Nonce::from(nonce), Payload { msg: text, aad: owner.as_bytes() }).expect("short text");
        sealed.extend(ciphertext);
        Self { owner, text: STANDARD.encode(sealed) }
    }

    /// Opens it.
    ///
    /// # Errors
    /// Where the key is another or the text was altered.
    pub fn open(&self, key: &[u8; 32]) -> Result<Vec<u8>, SealBroken> {
        let sealed = STANDARD.decode(&self.text).map_err(|_| SealBroken)?;
        let (nonce, ciphertext) = sealed.split_first_chunk::<12>().ok_or(SealBroken)?;
        Aes256GcmSiv::new(&Key::<Aes256GcmSiv>::from(*key))
            .decrypt(&Nonce::from(*nonce), Payload { msg: ciphertext, aad: self.owner.as_bytes() })
            .map_err(|_| SealBroken)
    }
}

/// Tells whether two values are equal without telling the value: HMAC-SHA256 under the owner's key, 128 bits in hex.
#[must_use]
pub fn fingerprint(key: &[u8; 32], value: &[u8]) -> String {
    hex::encode(&mac(key, "fingerprint", value)[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_text_opens_with_its_key_and_owner_only() {
        let sealed = Sealed::seal("document/1", &[7; 32], "Ürgent.pdf".as_bytes());
        assert_eq!(sealed.open(&[7; 32]).unwrap(), "Ürgent.pdf".as_bytes());
        assert_eq!(sealed.open(&[8; 32]), Err(SealBroken));
        let moved = Sealed { owner: "document/2".to_owned(), ..sealed.clone() };
        assert_eq!(moved.open(&[7; 32]), Err(SealBroken));
        assert_eq!(Sealed::seal("document/1", &[7; 32], "Ürgent.pdf".as_bytes()), sealed);
        assert!(!sealed.text.contains("rgent"));
        assert_ne!(fingerprint(&[7; 32], b"a"), fingerprint(&[8; 32], b"a"));
    }
}
