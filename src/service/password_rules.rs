//! What a password has to be: one place for those that members choose and for those of the command line.

use super::password::LONGEST;
use super::{Refusal, Result};
use crate::model::secret::Secret;
use zxcvbn::matching::patterns::MatchPattern;
use zxcvbn::{Score, zxcvbn};

/// Least characters of a password that a member chooses.
pub const LEAST: usize = 12;
/// Least characters of one that whoever runs the machine sets.
const LEAST_LOCAL: usize = 8;
/// Characters that are judged: the work grows faster than the length, and what is fine up to here is fine.
const JUDGED: usize = 100;

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Fewer characters than [`LEAST`].
    Short,
    /// More than 1024 octets.
    Long,
    /// A line end or another character that can't be typed.
    Control,
    /// Among the first things that attackers try.
    Common,
    /// Too much of it is the person's own name or address.
    Personal,
    /// Words, dates, rows of keys: found by trying.
    Guessable,
    /// The one in use.
    Same,
}

impl Fault {
    pub const ALL: [Self; 7] =
        [Self::Short, Self::Long, Self::Control, Self::Common, Self::Personal, Self::Guessable, Self::Same];

    /// In words, where no page has its own.
    pub fn words(self) -> &'static str {
        match self {
            Self::Short => "a password has at least 12 characters",
            Self::Long => "a password has at most 1024 octets",
            Self::Control => "a password has no control characters",
            Self::Common => "this password is among the first things that attackers try",
            Self::Personal => "this password has too much of the name and address in it",
            Self::Guessable => "this password is too easy to guess: add another word or two",
            Self::Same => "this is the password in use already",
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Invalid(fault.words())
    }
}

/// Judges a password that a member chooses; `about` are their name and address. Some milliseconds of work.
///
/// # Errors
/// The first [`Fault`] found.
pub fn judge(password: &Secret<String>, about: &[&str]) -> std::result::Result<(), Fault> {
    let text = password.expose();
    if text.chars().any(char::is_control) {
        return Err(Fault::Control);
    }
    if text.chars().count() < LEAST {
        return Err(Fault::Short);
    }
    if text.len() > LONGEST {
        return Err(Fault::Long);
    }
    // Whole and in parts: "Ann Lee" and "ann.lee@example.org" are both "lee" too.
    let parts = about.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let about: Vec<&str> = about.iter().copied().chain(parts).filter(|part| part.chars().count() > 2).collect();
    if is_personal(text, &about) {
        return Err(Fault::Personal);
    }
    let judged: Secret<String> = Secret::new(text.chars().take(JUDGED).collect());
    let found = zxcvbn(judged.expose(), &about);
    if found.score() >= Score::Three {
        return Ok(());
    }
    let word = matches!(found.sequence(), [only] if matches!(only.pattern, MatchPattern::Dictionary(_)));
    Err(if word { Fault::Common } else { Fault::Guessable })
}

/// Whether too little is left of a password without what everybody knows of its owner.
fn is_personal(text: &str, about: &[&str]) -> bool {
    let mut rest = zeroize::Zeroizing::new(text.to_lowercase());
    for part in about {
        let without = rest.replace(&part.to_lowercase(), "");
        *rest = without;
    }
    rest.chars().filter(|c| c.is_alphanumeric()).count() < LEAST / 2 && *rest != text.to_lowercase()
}

/// The rule of the command line: who sets a password there answers for it.
///
/// # Errors
/// [`Refusal::Invalid`] in words.
pub(super) fn least(password: &Secret<String>) -> Result<()> {
    if password.expose().chars().count() < LEAST_LOCAL {
        return Err(Refusal::Invalid("a password has at least 8 characters"));
    }
    if password.expose().chars().any(char::is_control) {
        return Err(Fault::Control.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> std::result::Result<(), Fault> {
        judge(&Secret::new(text.to_owned()), &["Annegret Lindqvist", "annegret.l@example.test"])
    }

    #[test]
    fn each_fault_has_its_reason() {
        for (text, wanted) in [
            ("short", Err(Fault::Short)),
            ("correct ho", Err(Fault::Short)),
            ("tabs\tare not typed", Err(Fault::Control)),
            ("passwordpassword", Err(Fault::Guessable)),
            ("qwertyuiop123", Err(Fault::Common)),
            ("aaaaaaaaaaaaaaaaaaaa", Err(Fault::Guessable)),
            ("annegretlindqvist", Err(Fault::Personal)),
            ("example.test.annegret", Err(Fault::Personal)),
            ("Lindqvist2024!", Err(Fault::Personal)),
            ("-=-=-=-=-=-=-=-=", Err(Fault::Guessable)),
            ("correct horse battery", Ok(())),
            ("ein Fahrrad im Regen", Ok(())),
            ("Δώδεκα γράμματα εδώ", Ok(())),
        ] {
            assert_eq!(said(text), wanted, "{text}");
        }
        assert_eq!(said(&"longer than long".repeat(65)), Err(Fault::Long));
    }

    /// Judged as a whole it would take minutes, more than a test may.
    #[test]
    fn a_long_password_is_judged_by_its_beginning() {
        assert_eq!(said(&"p4$$w0rd drow ".repeat(70)), Ok(()));
    }
}
