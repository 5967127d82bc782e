//! Message sets as a client writes them: `1:3,7:*` or `$` (RFC 9051 §4.1.2, §9).

use super::uidset::UidSet;

/// A number or `*`, the largest in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    Is(u32),
    Largest,
}

/// A set not yet resolved against a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceSet {
    Ranges(Vec<(Number, Number)>),
    /// `$`: what the last SEARCH RETURN (SAVE) found.
    Saved,
}

impl SequenceSet {
    /// The numbers meant where `largest` is in use; `saved` stands for `$`. In an empty mailbox `*` is nothing.
    pub fn resolve(&self, largest: Option<u32>, saved: &UidSet) -> UidSet {
        let Self::Ranges(ranges) = self else { return saved.clone() };
        let value = |number: &Number| match number {
            Number::Is(n) => Some(*n),
            Number::Largest => largest,
        };
        let range = |(a, b): &(Number, Number)| {
            let (a, b) = (value(a)?, value(b)?);
            Some(a.min(b)..=a.max(b))
        };
        UidSet::from_ranges(ranges.iter().filter_map(range))
    }

    /// Whether a number in it is above `largest`: RFC 9051 §9 makes that BAD for sequence numbers.
    pub fn exceeds(&self, largest: u32) -> bool {
        let above = |number: &Number| match number {
            Number::Is(n) => *n > largest,
            Number::Largest => largest == 0,
        };
        match self {
            Self::Ranges(ranges) => ranges.iter().any(|(a, b)| above(a) || above(b)),
            Self::Saved => false,
        }
    }
}

impl From<UidSet> for SequenceSet {
    fn from(set: UidSet) -> Self {
        Self::Ranges(set.ranges().map(|r| (Number::Is(*r.start()), Number::Is(*r.end()))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_the_largest_and_ranges_may_stand_backwards() {
        let set = SequenceSet::Ranges(vec![(Number::Largest, Number::Is(5)), (Number::Is(1), Number::Is(1))]);
        assert_eq!(set.resolve(Some(7), &UidSet::default()).to_string(), "1,5:7");
        // RFC 9051 §9: 559:* always has the largest, even below 559.
        let above = SequenceSet::Ranges(vec![(Number::Is(559), Number::Largest)]);
        assert_eq!(above.resolve(Some(7), &UidSet::default()).to_string(), "7:559");
        assert_eq!(above.resolve(None, &UidSet::default()).to_string(), "");
        assert!(above.exceeds(7) && !set.exceeds(7));
    }
}
