//! What services refuse of a message, at the field that can mend it.

use super::super::super::error::{Fault, refusal_words};
use super::super::super::ui::Ui;
use super::Desk;
use crate::mime::people::each_typed;
use crate::service::Refusal;
use crate::service::draft::DraftText;
use crate::service::outbox::{RecipientFault, RefusedRecipient};

/// The problems of a refusal.
///
/// # Errors
/// The fault where no field can mend it.
pub(super) fn problems(desk: Desk, fault: Fault) -> Result<(Desk, Vec<(&'static str, String)>), Fault> {
    let Fault::Refused(refusal) = &fault else { return Err(fault) };
    let Some(field) = field(refusal) else { return Err(fault) };
    let words = match **refusal {
        Refusal::Denied => desk.ui.say("compose-sender-not-yours"),
        _ => refusal_words(&desk.ui, refusal),
    };
    Ok((desk, vec![(field, words)]))
}

fn field(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::Denied | Refusal::Invalid("choose an address to send as") => Some("sender"),
        Refusal::Invalid("add a recipient")
        | Refusal::Limit("too many recipients" | "a message can have 500 recipients") => Some("to"),
        Refusal::Limit("the subject is too long") => Some("subject"),
        Refusal::TooLarge(_) => Some("file"),
        Refusal::Limit(_) | Refusal::Invalid(_) | Refusal::OverQuota | Refusal::Full | Refusal::Busy => Some("body"),
        Refusal::NotFound
        | Refusal::Exists
        | Refusal::WrongCredentials
        | Refusal::SlowDown
        | Refusal::Stale
        | Refusal::InUse(_)
        | Refusal::ReadOnly
        | Refusal::Unavailable
        | Refusal::Internal(_) => None,
    }
}

/// Each recipient that can't be reached, named at the field where it stands.
pub(super) fn recipients(ui: &Ui, text: &DraftText, refused: &[RefusedRecipient]) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    for (field, typed) in [("to", &text.to), ("cc", &text.cc), ("bcc", &text.bcc)] {
        let entries: Vec<String> =
            each_typed(typed).map(|entry| entry.map_or_else(|bad| bad.text, |(person, _)| person.address)).collect();
        let here = refused.iter().filter(|recipient| entries.contains(&recipient.typed));
        let words: Vec<String> = here.map(|recipient| words(ui, recipient)).collect();
        if !words.is_empty() {
            out.push((field, words.join(" ")));
        }
    }
    out
}

fn words(ui: &Ui, recipient: &RefusedRecipient) -> String {
    let key = match recipient.fault {
        RecipientFault::Unreadable => "compose-to-unreadable",
        RecipientFault::Unknown => "compose-to-unknown",
        RecipientFault::Disabled => "compose-to-disabled",
        RecipientFault::Full => "compose-to-full",
    };
    ui.say1(key, "name", crate::model::shown::line(&recipient.typed, 100))
}
