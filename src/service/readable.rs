//! Generated secrets that people read and type: letters that nobody confuses, in groups.

use super::{Refusal, Result};
use crate::model::secret::Secret;

/// 32 of them: each is 5 bits.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const GROUP: usize = 5;

/// A fresh secret of so many groups, 25 bits each: `abcde-fghij-kmnpq`.
///
/// # Errors
/// [`Refusal::Internal`] without random numbers.
pub fn fresh(groups: usize) -> Result<Secret<String>> {
    let mut random = vec![0u8; groups * GROUP];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Refusal::Internal(anyhow::anyhow!("no random numbers")))?;
    let mut out = String::with_capacity(groups * (GROUP + 1));
    for (n, byte) in random.iter().enumerate() {
        if n > 0 && n.is_multiple_of(GROUP) {
            out.push('-');
        }
        out.push(char::from(LETTERS[usize::from(byte % 32)]));
    }
    zeroize::Zeroize::zeroize(&mut random);
    Ok(Secret::new(out))
}

/// What counts of a secret as it is typed: neither blanks and dashes nor case.
pub(super) fn normal(raw: &str) -> String {
    raw.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_its_groups_and_may_be_typed_without_them() {
        let secret = fresh(3).unwrap();
        assert_eq!(secret.expose().split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 5]);
        assert!(secret.expose().bytes().all(|b| b == b'-' || LETTERS.contains(&b)));
        assert_ne!(secret.expose(), fresh(3).unwrap().expose());
        assert_eq!(normal(&secret.expose().to_uppercase().replace('-', " ")), secret.expose().replace('-', ""));
    }
}
