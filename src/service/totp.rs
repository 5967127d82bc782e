//! Time-based one-time codes (RFC 6238): SHA-1, 6 digits, 30 seconds, which is what every authenticator app has.

use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};

/// Seconds a code is shown.
const PERIOD: i64 = 30;
/// A clock may be so many periods off (RFC 6238 §5.2: one).
const DRIFT: i64 = 1;
/// RFC 4648 §6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The time step of a moment.
pub fn step_at(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(PERIOD)
}

/// The code of a time step (RFC 4226 §5.3).
pub fn code(seed: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 15);
    let number = tag[at..at + 4].iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// The step that a code is of, around a moment.
pub(super) fn matching_step(seed: &[u8], typed: &str, at: DateTime<Utc>) -> Option<i64> {
    let now = step_at(at);
    (now - DRIFT..=now + DRIFT).find(|step| {
        let right = code(seed, *step);
        aws_lc_rs::constant_time::verify_slices_are_equal(right.as_bytes(), typed.as_bytes()).is_ok()
    })
}

/// A seed as people and authenticator apps write it.
pub(super) fn base32(seed: &[u8]) -> String {
    let mut out = String::new();
    for chunk in seed.chunks(5) {
        let mut bits = [0u8; 8];
        bits[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(bits);
        let letters = (chunk.len() * 8).div_ceil(5);
        out.extend((0..letters).map(|n| char::from(BASE32[(bits >> (35 - 5 * n) & 31) as usize])));
    }
    out
}

/// The opposite; `None` for other letters. Blanks don't count.
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0u64, 0);
    for letter in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        let value = BASE32.iter().position(|known| *known == letter.to_ascii_uppercase())?;
        bits = bits << 5 | value as u64;
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B (SHA-1), the last six digits.
    #[test]
    fn the_codes_of_rfc_6238() {
        let seed = b"12345678901234567890";
        for (at, wanted) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(seed, step_at(DateTime::from_timestamp(at, 0).unwrap())), wanted, "{at}");
        }
    }

    #[test]
    fn a_code_is_taken_one_period_early_or_late() {
        let (seed, at) = (b"12345678901234567890", DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let now = step_at(at);
        for off in -1..=1 {
            assert_eq!(matching_step(seed, &code(seed, now + off), at), Some(now + off));
        }
        for wrong in [code(seed, now - 2), code(seed, now + 2), String::new(), "00000".into()] {
            assert_eq!(matching_step(seed, &wrong, at), None, "{wrong}");
        }
    }

    /// RFC 4648 §10, without the padding that authenticator apps don't want.
    #[test]
    fn seeds_are_written_in_base32() {
        for (plain, text) in [("", ""), ("f", "MY"), ("foo", "MZXW6"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(plain.as_bytes()), text);
            assert_eq!(from_base32(&text.to_lowercase()).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(from_base32("MZ!"), None);
    }
}
