//! How an act on messages is taken back, in a form that a page can carry. It holds no secret and grants nothing: whoever
//! brings it may change their own messages only, and rights are checked again.

use super::{Refusal, Result};
use crate::model::flags::SystemFlags;
use crate::model::ids::{MailboxId, ModSeq, Uid};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Most steps that are read: an act has one for each portion of each folder.
const STEPS: usize = 1000;

/// The steps of an act. Which messages it changed is known by the modseq that the change took, so that the text stays
/// short: `f5.123.1+~m5.9.10-20~x9.44`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undo(Vec<Step>);

/// One transaction of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A flag was set, or taken.
    Flag {
        mailbox: MailboxId,
        modseq: ModSeq,
        flag: SystemFlags,
        set: bool,
    },
    /// Messages that have these UIDs in `to` now.
    Moved {
        from: MailboxId,
        to: MailboxId,
        uids: RangeInclusive<Uid>,
    },
    Expunged {
        mailbox: MailboxId,
        modseq: ModSeq,
    },
}

impl Step {
    pub(super) fn mailboxes(&self) -> impl Iterator<Item = MailboxId> {
        let (one, other) = match self {
            Self::Flag { mailbox, .. } | Self::Expunged { mailbox, .. } => (*mailbox, None),
            Self::Moved { from, to, .. } => (*from, Some(*to)),
        };
        std::iter::once(one).chain(other)
    }

    fn read(raw: &str) -> Option<Self> {
        let (kind, rest) = (raw.get(..1)?, raw.get(1..)?);
        let mut words = rest.split('.');
        let mut word = || words.next();
        let id = |word: Option<&str>| word?.parse().ok().map(MailboxId);
        let modseq = |word: Option<&str>| word?.parse::<ModSeq>().ok().filter(|n| *n <= i64::MAX as u64);
        let step = match kind {
            "f" => {
                let (mailbox, modseq, flag) = (id(word())?, modseq(word())?, word()?);
                let (bit, set) = match flag.strip_suffix('+') {
                    Some(bit) => (bit, true),
                    None => (flag.strip_suffix('-')?, false),
                };
                let flag = SystemFlags::from_bits(bit.parse().ok()?)?;
                let known = [SystemFlags::SEEN, SystemFlags::FLAGGED].contains(&flag);
                known.then_some(Self::Flag { mailbox, modseq, flag, set })?
            }
            "m" => {
                let (from, to) = (id(word())?, id(word())?);
                let (first, last) = word()?.split_once('-')?;
                Self::Moved { from, to, uids: first.parse().ok()?..=last.parse().ok()? }
            }
            "x" => Self::Expunged { mailbox: id(word())?, modseq: modseq(word())? },
            _ => return None,
        };
        words.next().is_none().then_some(step)
    }
}

impl Undo {
    /// Nothing to take back.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("~")?;
            }
            match step {
                Step::Flag { mailbox, modseq, flag, set } => {
                    write!(f, "f{mailbox}.{modseq}.{}{}", flag.bits(), if *set { '+' } else { '-' })?;
                }
                Step::Moved { from, to, uids } => write!(f, "m{from}.{to}.{}-{}", uids.start(), uids.end())?,
                Step::Expunged { mailbox, modseq } => write!(f, "x{mailbox}.{modseq}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Undo {
    type Err = Refusal;

    fn from_str(raw: &str) -> Result<Self> {
        let steps: Option<Vec<Step>> = raw.split('~').take(STEPS).map(Step::read).collect();
        steps.map(Self).ok_or(Refusal::Invalid("that can't be undone"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn step() -> impl Strategy<Value = Step> {
        let id = || any::<i64>().prop_map(MailboxId);
        let modseq = || 0..=i64::MAX as u64;
        let flag = prop::sample::select(vec![SystemFlags::SEEN, SystemFlags::FLAGGED]);
        prop_oneof![
            (id(), modseq(), flag, any::<bool>()).prop_map(|(mailbox, modseq, flag, set)| Step::Flag {
                mailbox,
                modseq,
                flag,
                set
            }),
            (id(), id(), any::<u32>(), any::<u32>()).prop_map(|(from, to, a, b)| Step::Moved { from, to, uids: a..=b }),
            (id(), modseq()).prop_map(|(mailbox, modseq)| Step::Expunged { mailbox, modseq }),
        ]
    }

    proptest! {
        #[test]
        fn it_is_read_as_it_was_written(steps in prop::collection::vec(step(), 1..5)) {
            let undo = Undo(steps);
            prop_assert_eq!(undo.to_string().parse::<Undo>().unwrap(), undo);
        }

        #[test]
        fn anything_else_is_refused_or_read(raw in "[fmx~.+0-9-]{0,30}|.*") {
            let _ = raw.parse::<Undo>();
        }
    }

    #[test]
    fn what_no_act_does_is_not_undone() {
        for raw in ["", "f1.2.8+", "f1.2.1", "m1.2.3", "x1", "x1.2.3", "d1.2", "x1.-2"] {
            assert!(raw.parse::<Undo>().is_err(), "{raw}");
        }
    }
}
