//! What is asked once before a message is sent.

use super::super::super::ui::Ui;
use crate::service::draft::{DraftText, Mode};

/// Questions, each with the field that answers it.
pub(super) fn doubts(ui: &Ui, text: &DraftText, mode: Mode, files: usize) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    if text.subject.trim().is_empty() {
        out.push(("subject", ui.say("compose-doubt-subject")));
    }
    let heading = ui.say("compose-forwarded");
    let own = own_text(&text.body, (mode == Mode::Forward).then_some(heading.as_str()));
    if files == 0
        && let Some(word) = promise(&[own.as_str(), &text.subject].concat(), &ui.say("compose-attachment-words"))
    {
        out.push(("file", ui.say1("compose-doubt-file", "word", word)));
    }
    out
}

/// Without what is quoted or passed on.
fn own_text(body: &str, heading: Option<&str>) -> String {
    let lines = body.lines().take_while(|line| heading.is_none_or(|heading| line.trim() != heading));
    lines.filter(|line| !line.starts_with('>')).fold(String::new(), |out, line| out + line + "\n")
}

/// The first of some words in a text, as it stands there.
fn promise<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let known: Vec<String> = words.split(',').map(|word| word.trim().to_lowercase()).collect();
    text.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty() && known.contains(&word.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_promised_in_own_words_alone() {
        let words = "attached, attachment";
        for (body, found) in [
            ("See the ATTACHED plan.", Some("ATTACHED")),
            ("attachment", Some("attachment")),
            ("I am unattached.", None),
            ("> it is attached\nThanks", None),
            ("Look:\n-- Forwarded --\nattached", None),
        ] {
            assert_eq!(promise(&own_text(body, Some("-- Forwarded --")), words), found, "{body}");
        }
    }
}
