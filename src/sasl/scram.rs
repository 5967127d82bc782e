//! The sums of SCRAM (RFC 5802 §3, RFC 7677), shared by both ends.

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use std::num::NonZeroU32;

/// The hash of a SCRAM mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        }
    }

    fn digest(self, octets: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        };
        digest::digest(algorithm, octets).as_ref().to_vec()
    }

    fn mac(self, key: &[u8], octets: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(self.hmac(), key), octets).as_ref().to_vec()
    }
}

/// SASLprep (RFC 4013); `None`: the text has characters that it forbids, or nothing is left.
pub fn prepare(text: &str) -> Option<String> {
    stringprep::saslprep(text).ok().map(|t| t.into_owned()).filter(|t| !t.is_empty())
}

/// SaltedPassword; `None` if the password can't be prepared or there are no iterations. Slow on purpose.
pub fn salted(hash: Hash, password: &str, salt: &[u8], iterations: u32) -> Option<Vec<u8>> {
    let algorithm = match hash {
        Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
    };
    let password = prepare(password)?;
    let mut out = vec![0; hash.digest(b"").len()];
    pbkdf2::derive(algorithm, NonZeroU32::new(iterations)?, salt, password.as_bytes(), &mut out);
    Some(out)
}

/// StoredKey and ServerKey of a password: what a server keeps.
pub fn derive(hash: Hash, password: &str, salt: &[u8], iterations: u32) -> Option<(Vec<u8>, Vec<u8>)> {
    let salted = salted(hash, password, salt, iterations)?;
    let client_key = hash.mac(&salted, b"Client Key");
    Some((hash.digest(&client_key), hash.mac(&salted, b"Server Key")))
}

/// Whether a client's proof fits a StoredKey, in a time that does not depend on where they differ.
pub fn proof_fits(hash: Hash, stored_key: &[u8], auth_message: &[u8], proof: &[u8]) -> bool {
    let signature = hash.mac(stored_key, auth_message);
    if proof.len() != signature.len() {
        return false;
    }
    let client_key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    constant_time::verify_slices_are_equal(&hash.digest(&client_key), stored_key).is_ok()
}

/// The ServerSignature, by which the client knows the server has the verifier.
pub fn server_signature(hash: Hash, server_key: &[u8], auth_message: &[u8]) -> Vec<u8> {
    hash.mac(server_key, auth_message)
}

/// The ClientProof and the ServerSignature to expect.
pub fn client_proof(hash: Hash, salted: &[u8], auth_message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let client_key = hash.mac(salted, b"Client Key");
    let signature = hash.mac(&hash.digest(&client_key), auth_message);
    let proof = client_key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    (proof, hash.mac(&hash.mac(salted, b"Server Key"), auth_message))
}

/// `=2C` and `=3D` of a user name (RFC 5802 §5.1); `None` for any other `=`.
pub fn unescape_name(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut parts = raw.split('=');
    out.push_str(parts.next()?);
    for part in parts {
        out.push(match part.get(..2)? {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        out.push_str(&part[2..]);
    }
    Some(out)
}

/// The opposite.
pub fn escape_name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    /// RFC 7677 §3.
    #[test]
    fn the_example_of_rfc_7677() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let (stored, server) = derive(Hash::Sha256, "pencil", &salt, 4096).unwrap();
        let auth = b"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        assert!(proof_fits(Hash::Sha256, &stored, auth, &proof));
        assert!(!proof_fits(Hash::Sha256, &stored, auth, &proof[1..]));
        assert!(!proof_fits(Hash::Sha256, &stored, b"other", &proof));
        assert_eq!(
            STANDARD.encode(server_signature(Hash::Sha256, &server, auth)),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
    }

    /// RFC 5802 §5.
    #[test]
    fn the_example_of_rfc_5802() {
        let salt = STANDARD.decode("QSXCR+Q6sek8bf92").unwrap();
        let salted = salted(Hash::Sha1, "pencil", &salt, 4096).unwrap();
        let auth = b"n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
        let (proof, signature) = client_proof(Hash::Sha1, &salted, auth);
        assert_eq!(STANDARD.encode(proof), "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
        assert_eq!(STANDARD.encode(signature), "rmF9pqV8S7suAoZWja4dJRkFsKQ=");
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(unescape_name(&escape_name("a,b=c")).as_deref(), Some("a,b=c"));
        assert_eq!(unescape_name("a=2"), None);
        assert_eq!(unescape_name("a=2D"), None);
    }
}
