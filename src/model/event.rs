//! Hints that something changed. An event is not data: the receiver asks the store what changed since what it knows,
//! so a hint may be lost, doubled or late without harm (design: event rules).

use super::ids::{AccountId, MailboxId, ModSeq};

/// What is told to this process at once and to others by the notifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Messages came, went or changed flags; `modseq` is the mailbox's highest after it.
    MailboxChanged {
        account: AccountId,
        mailbox: MailboxId,
        modseq: ModSeq,
    },
    /// A mailbox was made, renamed or removed.
    TreeChanged {
        account: AccountId,
    },
    SubscriptionsChanged {
        account: AccountId,
    },
    RightsChanged {
        account: AccountId,
    },
    /// Every session of the account proves itself anew or ends.
    CredentialsChanged {
        account: AccountId,
    },
    SettingsChanged,
    DomainChanged,
    CertificateChanged,
    /// Something in the queue may be due now.
    QueueDue,
    /// Hints may have been lost: look again.
    Lagged,
}
