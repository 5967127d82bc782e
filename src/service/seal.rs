//! Sealing of secrets with keys from a file that the database does not have (I8): AES-256-GCM, the key's id in front.

use super::Refusal;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

const ID_LEN: usize = 8;
const PROOF: &[u8] = b"mailstead seal proof";

/// The keys of a key file; the last seals, all of them open. One line each: `mailstead-key-1:BASE64`.
pub struct Keys {
    list: Vec<Key>,
    house: [u8; 32],
}

struct Key {
    id: [u8; ID_LEN],
    raw: [u8; 32],
    aead: LessSafeKey,
}

impl Drop for Key {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.raw);
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list.iter().map(|k| hex(&k.id))).finish()
    }
}

/// Why a key file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    #[error("the key file has no key")]
    Empty,
    #[error("line {0} of the key file is no key: it has the form mailstead-key-1:BASE64 with 32 octets")]
    Line(usize),
    #[error("the system gave no random numbers")]
    Random,
}

impl Key {
    fn new(raw: [u8; 32]) -> Result<Self, BadKeys> {
        let mut id = [0; ID_LEN];
        id.copy_from_slice(&digest::digest(&digest::SHA256, &[b"id", &raw[..]].concat()).as_ref()[..ID_LEN]);
        let aead = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &raw).map_err(|_| BadKeys::Random)?);
        Ok(Self { id, raw, aead })
    }
}

impl Keys {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`BadKeys`], naming the line, never its text.
    pub fn parse(text: &str) -> Result<Self, BadKeys> {
        let mut list = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let raw = line.strip_prefix("mailstead-key-1:").and_then(|b| STANDARD.decode(b).ok());
            let raw = raw.and_then(|r| r.try_into().ok()).ok_or(BadKeys::Line(n + 1))?;
            list.push(Key::new(raw)?);
        }
        if list.is_empty() { Err(BadKeys::Empty) } else { Ok(Self { list, house: [0; 32] }) }
    }

    /// A line for a key file with a fresh key.
    ///
    /// # Errors
    /// [`BadKeys::Random`].
    pub fn generate_line() -> Result<String, BadKeys> {
        let mut raw = [0u8; 32];
        rand::fill(&mut raw).map_err(|_| BadKeys::Random)?;
        Ok(format!("mailstead-key-1:{}", STANDARD.encode(raw)))
    }

    fn newest(&self) -> &Key {
        &self.list[self.list.len() - 1]
    }

    /// Id of the key that seals.
    pub fn id(&self) -> String {
        hex(&self.newest().id)
    }

    /// Whether a key of this id is here.
    pub fn has(&self, id: &str) -> bool {
        self.list.iter().any(|k| hex(&k.id) == id)
    }

    /// Whether a sealed value was sealed with the newest key.
    pub fn is_newest(&self, sealed: &[u8]) -> bool {
        sealed.get(..ID_LEN) == Some(&self.newest().id[..])
    }

    /// A sealed known text, by which a node sees that its key is the right one.
    ///
    /// # Errors
    /// [`Refusal::Internal`] without random numbers.
    pub fn proof(&self) -> Result<Vec<u8>, Refusal> {
        self.seal(PROOF, "proof")
    }

    /// Whether a stored proof opens.
    pub fn proves(&self, proof: &[u8]) -> bool {
        self.open(proof, "proof").is_ok_and(|text| text == PROOF)
    }

    /// Seals `plain` for a purpose; opening needs the same purpose.
    ///
    /// # Errors
    /// [`Refusal::Internal`] without random numbers.
    pub fn seal(&self, plain: &[u8], purpose: &str) -> Result<Vec<u8>, Refusal> {
        let key = self.newest();
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(internal)?;
        let mut out = [&key.id[..], &nonce[..]].concat();
        let mut body = plain.to_vec();
        key.aead
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut body)
            .map_err(internal)?;
        out.append(&mut body);
        Ok(out)
    }

    /// Opens what [`Keys::seal`] made.
    ///
    /// # Errors
    /// [`Refusal::Internal`] for another key, another purpose or a changed value.
    pub fn open(&self, sealed: &[u8], purpose: &str) -> Result<Vec<u8>, Refusal> {
        let fail = || Refusal::Internal(anyhow::anyhow!("a sealed value ({purpose}) does not open with this key file"));
        let (id, rest) = sealed.split_at_checked(ID_LEN).ok_or_else(fail)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or_else(fail)?;
        let key = self.list.iter().find(|k| k.id == id).ok_or_else(fail)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| fail())?;
        let mut body = body.to_vec();
        let plain = key.aead.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut body).map_err(|_| fail())?;
        Ok(plain.to_vec())
    }

    /// A key for HMAC for one purpose, derived from a secret of the house (which is itself kept sealed).
    pub fn hmac(&self, purpose: &str) -> hmac::Key {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.house), purpose.as_bytes());
        hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
    }

    /// Gives the keys the house's own secret, opened from the database.
    pub fn with_house(mut self, secret: [u8; 32]) -> Self {
        self.house = secret;
        self
    }
}

fn internal(_: aws_lc_rs::error::Unspecified) -> Refusal {
    Refusal::Internal(anyhow::anyhow!("sealing failed: no random numbers"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_purpose_only() {
        let (a, b) = (Keys::generate_line().unwrap(), Keys::generate_line().unwrap());
        let one = Keys::parse(&a).unwrap();
        let both = Keys::parse(&format!("{a}\n# newer\n{b}\n")).unwrap();
        let sealed = one.seal(b"secret", "password").unwrap();
        assert_eq!(both.open(&sealed, "password").unwrap(), b"secret");
        assert!(both.open(&sealed, "totp").is_err());
        assert!(Keys::parse(&b).unwrap().open(&sealed, "password").is_err());
        assert!(one.is_newest(&sealed) && !both.is_newest(&sealed));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(one.open(&changed, "password").is_err());
        assert!(one.proves(&one.proof().unwrap()) && !one.proves(b"short"));
    }

    #[test]
    fn bad_key_files_are_refused_in_words() {
        for bad in ["", "# only a comment", "mailstead-key-1:AAAA", "hello"] {
            assert!(Keys::parse(bad).is_err(), "{bad}");
        }
    }
}
