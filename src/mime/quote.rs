//! How an answer begins: recipients, subject, the thread it belongs to, the quoted text (RFC 5322 §3.6.3, §3.6.4).

use super::flowed::{self, Line};
use super::html::Target;
use super::people::{self, Person};
use super::view::View;
use super::{head::Head, subject};
use crate::model::address::Address;
use crate::model::shown;
use std::collections::HashSet;

/// Most ids of a References field; the first, which names the thread, and the last ones stay.
const REFERENCES: usize = 50;
/// Most lines that are quoted.
const LINES: usize = 20_000;

/// Whom a reply goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    Sender,
    Everyone,
    /// The mailing list that the message came by; the sender where it names none.
    List,
}

/// What the composer opens with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Start {
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    pub subject: String,
    /// Ids without angle brackets.
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    pub text: String,
}

/// Begins a reply. `is_own` tells the writer's own addresses; `wrote` is the line above the quote ("On …, Ann wrote:").
pub fn reply(view: &View<'_>, whom: Whom, is_own: &dyn Fn(&Address) -> bool, wrote: &str) -> Start {
    let (to, cc) = recipients(&view.head, whom, is_own);
    Start {
        to,
        cc,
        subject: subject::reply(&view.head.subject),
        in_reply_to: view.head.message_id.clone(),
        references: references(&view.head),
        text: format!("\n\n{wrote}\n{}", quoted(&view.lines())),
    }
}

/// Begins a forward of the text. `heading` are the lines above it: who wrote what to whom, in the reader's language.
pub fn forward(view: &View<'_>, heading: &str) -> Start {
    let mut lines = view.lines();
    lines.truncate(LINES);
    Start {
        subject: subject::forward(&view.head.subject),
        references: references(&view.head),
        text: format!("\n\n{heading}\n\n{}", flowed::join(&lines)),
        ..Start::default()
    }
}

/// Begins what a `mailto:` link asks for: recipients, subject and text. `None`: it is no such link.
///
/// Nothing else it names is taken over (RFC 6068 §4): a link must not choose who reads along unseen, or what is attached.
pub fn mailto(link: &str) -> Option<Start> {
    let target @ Target::Mail(_) = Target::parse(link)? else { return None };
    let mut start = Start::default();
    for (name, value) in target.mail_fields() {
        match name.as_str() {
            // An address that is none is left out: nobody typed it, so nobody is told.
            "to" => start.to.extend(value.split(',').filter_map(|one| people::typed(one).ok()).flatten()),
            "cc" => start.cc.extend(value.split(',').filter_map(|one| people::typed(one).ok()).flatten()),
            "subject" => start.subject = shown::line(&value, 1000),
            "body" => start.text = flowed::tidy(&value),
            _ => {}
        }
    }
    Some(start)
}

/// Text one quote deeper.
pub fn quoted(lines: &[Line]) -> String {
    let deeper = lines.iter().take(LINES).map(|line| Line { depth: line.depth + 1, text: line.text.clone() });
    flowed::join(&deeper.collect::<Vec<_>>())
}

fn recipients(head: &Head, whom: Whom, is_own: &dyn Fn(&Address) -> bool) -> (Vec<Person>, Vec<Person>) {
    let own = |person: &Person| person.parsed().is_some_and(|address| is_own(&address));
    let authors = if head.reply_to.is_empty() { &head.from } else { &head.reply_to };
    let mut seen = HashSet::new();
    let mut pick = |list: &[Person]| -> Vec<Person> {
        let others = list.iter().filter(|person| !own(person));
        others
            .filter(|person| person.parsed().is_some_and(|a| seen.insert((a.key(), a.domain().clone()))))
            .cloned()
            .collect()
    };
    if let (Whom::List, Some(list)) = (whom, &head.list_post) {
        return (pick(std::slice::from_ref(list)), Vec::new());
    }
    let mut to = pick(authors);
    // An answer to what one wrote oneself goes on to those it went to.
    let of_own = to.is_empty();
    if of_own {
        to = pick(&head.to);
    }
    if whom != Whom::Everyone {
        return (to, Vec::new());
    }
    let mut cc = if of_own { Vec::new() } else { pick(&head.to) };
    cc.extend(pick(&head.cc));
    (to, cc)
}

/// The parent's References with its own id behind them (RFC 5322 §3.6.4).
fn references(head: &Head) -> Vec<String> {
    let before = match (&head.references[..], &head.in_reply_to[..]) {
        ([], [one]) => std::slice::from_ref(one),
        (list, _) => list,
    };
    let mut out: Vec<String> = Vec::new();
    for id in before.iter().chain(&head.message_id) {
        if !out.contains(id) {
            out.push(id.clone());
        }
    }
    if out.len() > REFERENCES {
        out.drain(1..=out.len() - REFERENCES);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: Ann <ann@x.test>\r\nTo: me@x.test, Bob <bob@y.test>\r\nCc: BOB@y.test, ann@x.test, c@z.test, nobody\r\nSubject: Re: Tea\r\nMessage-ID: <3@x>\r\nReferences: <1@x> <2@x>\r\nList-Post: <mailto:tea@lists.test>\r\n\r\nHello\r\n> older\r\n";

    fn begin(raw: &str, whom: Whom) -> Start {
        reply(&View::of(raw.as_bytes()), whom, &|a| a.local() == "me", "Ann wrote:")
    }

    fn show(list: &[Person]) -> String {
        list.iter().map(|p| p.address.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn replies_go_to_whom_they_should() {
        for (raw, whom, to, cc) in [
            (MAIL.to_owned(), Whom::Sender, "ann@x.test", ""),
            (MAIL.to_owned(), Whom::Everyone, "ann@x.test", "bob@y.test c@z.test"),
            (MAIL.to_owned(), Whom::List, "tea@lists.test", ""),
            (format!("Reply-To: r@x.test\r\n{MAIL}"), Whom::Sender, "r@x.test", ""),
            (MAIL.replace("Ann <ann@", "Me <me@"), Whom::Sender, "bob@y.test", ""),
            (MAIL.replace("Ann <ann@", "Me <me@"), Whom::Everyone, "bob@y.test", "ann@x.test c@z.test"),
            ("\r\n".to_owned(), Whom::Everyone, "", ""),
        ] {
            let start = begin(&raw, whom);
            assert_eq!((show(&start.to), show(&start.cc)), (to.to_owned(), cc.to_owned()), "{whom:?} {raw}");
        }
    }

    #[test]
    fn a_reply_quotes_and_stays_in_its_thread() {
        let start = begin(MAIL, Whom::Sender);
        assert_eq!(start.text, "\n\nAnn wrote:\n> Hello\n>> older");
        assert_eq!((start.subject.as_str(), start.in_reply_to.as_deref()), ("Re: Tea", Some("3@x")));
        assert_eq!(start.references, ["1@x", "2@x", "3@x"]);
        let long: String = (0..90).map(|n| format!(" <{n}@x>")).collect();
        let start = begin(&format!("References:{long}\r\nMessage-ID: <new@x>\r\n\r\n"), Whom::Sender);
        assert_eq!(start.references.len(), REFERENCES);
        assert_eq!((start.references[0].as_str(), start.references.last().unwrap().as_str()), ("0@x", "new@x"));
        assert_eq!(start.references[1], "42@x");
    }

    #[test]
    fn a_mailto_link_fills_in_what_it_may() {
        let start = mailto("mailto:a@x.test,b%40x.test?cc=c@x.test&bcc=d@x.test&subject=Hi%0D%0ABcc:%20e@x.test&body=one%0D%0Atwo&attach=/etc/passwd&in-reply-to=x").unwrap();
        assert_eq!((show(&start.to), show(&start.cc)), ("a@x.test b@x.test".to_owned(), "c@x.test".to_owned()));
        assert_eq!((start.subject.as_str(), start.text.as_str()), ("Hi Bcc: e@x.test", "one\ntwo"));
        assert_eq!(mailto("https://x.test/"), None);
    }

    #[test]
    fn a_forward_has_the_text_as_it_is() {
        let start = forward(&View::of(MAIL.as_bytes()), "-- From Ann --");
        assert_eq!(start.text, "\n\n-- From Ann --\n\nHello\n> older");
        assert_eq!((start.subject.as_str(), start.in_reply_to), ("Fwd: Re: Tea", None));
        assert_eq!(show(&start.to), "");
    }
}
