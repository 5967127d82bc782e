//! A set of message numbers as ascending, disjoint, non-adjacent ranges.

use std::ops::RangeInclusive;

/// UIDs or sequence numbers: `1:3,7`. Empty is a value too (it has no wire form).
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct UidSet(Vec<(u32, u32)>);

impl UidSet {
    /// Puts any ranges, in any order and overlapping, into the one form.
    pub fn from_ranges(ranges: impl IntoIterator<Item = RangeInclusive<u32>>) -> Self {
        let mut list: Vec<(u32, u32)> =
            ranges.into_iter().map(|r| (*r.start(), *r.end())).filter(|(a, b)| a <= b).collect();
        list.sort_unstable();
        let mut out: Vec<(u32, u32)> = Vec::with_capacity(list.len());
        for (a, b) in list {
            match out.last_mut() {
                Some(last) if a <= last.1.saturating_add(1) => last.1 = last.1.max(b),
                _ => out.push((a, b)),
            }
        }
        Self(out)
    }

    /// Adds a number; cheap when it is above all others.
    pub fn push(&mut self, n: u32) {
        match self.0.last_mut() {
            Some(last) if n == last.1.wrapping_add(1) && n != 0 => last.1 = n,
            Some(last) if n <= last.1 => {
                if !self.contains(n) {
                    let ranges = self.ranges().chain([n..=n]).collect::<Vec<_>>();
                    *self = Self::from_ranges(ranges);
                }
            }
            _ => self.0.push((n, n)),
        }
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = RangeInclusive<u32>> + '_ {
        self.0.iter().map(|(a, b)| *a..=*b)
    }

    /// Those above `n`.
    pub fn above(&self, n: u32) -> Self {
        let Some(from) = n.checked_add(1) else { return Self::default() };
        Self::from_ranges(self.ranges().map(|range| (*range.start()).max(from)..=*range.end()))
    }

    /// Every number, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.ranges().flatten()
    }

    /// Whether `n` is in the set.
    pub fn contains(&self, n: u32) -> bool {
        let at = self.0.partition_point(|(_, b)| *b < n);
        self.0.get(at).is_some_and(|(a, _)| *a <= n)
    }

    /// How many numbers it has.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(a, b)| u64::from(b - a) + 1).sum()
    }

    /// No numbers at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The largest number.
    pub fn last(&self) -> Option<u32> {
        self.0.last().map(|(_, b)| *b)
    }

    /// The smallest number.
    pub fn first(&self) -> Option<u32> {
        self.0.first().map(|(a, _)| *a)
    }
}

impl FromIterator<u32> for UidSet {
    fn from_iter<I: IntoIterator<Item = u32>>(iter: I) -> Self {
        Self::from_ranges(iter.into_iter().map(|n| n..=n))
    }
}

/// The wire form of a sequence-set or uid-set (RFC 9051 §9).
impl std::fmt::Display for UidSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, (a, b)) in self.0.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            if a == b {
                write!(f, "{comma}{a}")?;
            } else {
                write!(f, "{comma}{a}:{b}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(list in prop::collection::vec(1u32..60, 0..40)) {
            let naive: BTreeSet<u32> = list.iter().copied().collect();
            let mut pushed = UidSet::default();
            list.iter().for_each(|n| pushed.push(*n));
            let built: UidSet = list.iter().copied().collect();
            prop_assert_eq!(&pushed, &built);
            prop_assert_eq!(built.iter().collect::<Vec<_>>(), naive.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(built.len(), naive.len() as u64);
            prop_assert_eq!(built.above(30).iter().collect::<Vec<_>>(), naive.range(31..).copied().collect::<Vec<_>>());
            prop_assert!((0..70).all(|n| built.contains(n) == naive.contains(&n)));
        }
    }

    #[test]
    fn it_is_written_as_ranges() {
        let set = UidSet::from_ranges([7..=7, 1..=2, 3..=3, 9..=9, 10..=12]);
        assert_eq!(set.to_string(), "1:3,7,9:12");
    }
}
