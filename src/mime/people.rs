//! People in address fields: as a message has them, and as somebody types them.

use super::address::{self, Entry};
use super::words;
use crate::model::address::{Address, BadAddress, Domain};
use crate::model::shown;

/// Most characters of a name in a page.
const NAME: usize = 200;

/// A display name, empty where there is none, and an address as text: a message may have one that is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    pub name: String,
    pub address: String,
}

/// The part of a typed list that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {nth} of the list, {text:?}: {why}")]
pub struct BadPerson {
    /// Counted from 1.
    pub nth: usize,
    /// As it may be shown.
    pub text: String,
    pub why: BadAddress,
}

impl Person {
    /// A person without a name.
    pub fn unnamed(address: &Address) -> Self {
        Self { name: String::new(), address: address.to_string() }
    }

    /// The address, if it is one.
    pub fn parsed(&self) -> Option<Address> {
        Address::parse(&self.address).ok()
    }

    /// What one is called where there is no room for both: the name; the address where there is none, or one that passes for
    /// an address, which anybody can write.
    pub fn called(&self) -> &str {
        let is_name = self.address.is_empty() || !shown::passes_for_address(&self.name);
        if is_name && !self.name.is_empty() { &self.name } else { &self.address }
    }

    /// The same person as a page may show it.
    pub fn shown(&self) -> Self {
        Self { name: shown::line(&self.name, NAME), address: shown::line(&self.address, 320) }
    }
}

/// As it is typed: `Ann <ann@example.org>`, the name in quotes where it needs them.
impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.name.is_empty() {
            return f.write_str(&self.address);
        }
        if self.name.contains(['"', '\\', ',', ';', '<', '>', '(', ')', '@', ':', '[', ']']) {
            return write!(f, "\"{}\" <{}>", self.name.replace('\\', "\\\\").replace('"', "\\\""), self.address);
        }
        write!(f, "{} <{}>", self.name, self.address)
    }
}

/// The people of an unfolded address list (RFC 5322 §3.4); groups are opened.
pub fn read(value: &[u8]) -> Vec<Person> {
    let list = address::list(value);
    let in_groups = list.iter().any(|entry| entry.mailbox.is_none());
    // The name of a group stands as an entry of its own.
    let is_name = |entry: &Entry| in_groups && entry.host.is_none() && entry.name.is_none();
    list.iter().filter(|entry| entry.mailbox.is_some() && !is_name(entry)).map(person).collect()
}

fn person(entry: &Entry) -> Person {
    let text = |raw: &Option<Vec<u8>>| raw.as_deref().map(words::guess).unwrap_or_default();
    let (local, host) = (text(&entry.mailbox), text(&entry.host));
    let address = match Domain::parse(&host).and_then(|domain| Address::new(&local, domain)) {
        Ok(address) => address.to_string(),
        Err(_) if entry.host.is_none() => local,
        Err(_) => format!("{local}@{host}"),
    };
    Person {
        name: entry.name.as_deref().map(words::decode).unwrap_or_default().trim().to_owned(),
        address: address.chars().filter(|c| !c.is_control()).collect(),
    }
}

/// Reads what somebody typed: `Ann <ann@x.org>, bob@y.org; "Doe, Jane" <j@z.org>`, line ends too between them.
///
/// # Errors
/// [`BadPerson`] for the first entry that is no address.
pub fn typed(text: &str) -> Result<Vec<Person>, BadPerson> {
    each_typed(text).map(|entry| entry.map(|(person, _)| person)).collect()
}

/// The same one by one: each entry is a person with the address, or what is wrong with it.
pub fn each_typed(text: &str) -> impl Iterator<Item = Result<(Person, Address), BadPerson>> {
    entries(text)
        .into_iter()
        .enumerate()
        .map(|(n, entry)| one(entry).map_err(|why| BadPerson { nth: n + 1, text: shown::line(entry, NAME), why }))
}

/// Those of a typed list who have an address; a list that is half typed has others.
pub fn known(text: &str) -> Vec<Person> {
    each_typed(text).flatten().map(|(person, _)| person).collect()
}

/// People in one line of text, as [`typed`] reads them. Addresses stay to the letter: another one is another's.
pub fn listed(people: &[Person]) -> String {
    let one = |person: &Person| Person { name: shown::line(&person.name, NAME), ..person.clone() }.to_string();
    people.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Cuts at commas, semicolons and line ends outside of quotes and angle brackets; empty entries go.
fn entries(text: &str) -> Vec<&str> {
    let (mut out, mut start, mut quoted, mut angle, mut escaped) = (Vec::new(), 0, false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            // A line end ends a forgotten quote or bracket too.
            '\n' | '\r' => {
                out.push(&text[start..at]);
                (start, quoted, angle, escaped) = (at + 1, false, false, false);
            }
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            ',' | ';' if !quoted && !angle => {
                out.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out.retain(|entry| !entry.trim().is_empty());
    out
}

fn one(entry: &str) -> Result<(Person, Address), BadAddress> {
    let entry = entry.trim();
    let (name, address) = match entry.strip_suffix('>').and_then(|front| front.rsplit_once('<')) {
        Some((name, address)) => (unquoted(name.trim()), address.trim()),
        None => (String::new(), entry),
    };
    let address = address.strip_prefix("mailto:").unwrap_or(address);
    let address = Address::parse(address)?;
    // A blank in an address is a name without its brackets.
    if address.local().contains(char::is_whitespace) && !entry.contains('"') {
        return Err(BadAddress::Local);
    }
    Ok((Person { name: shown::line(&name, NAME), address: address.to_string() }, address))
}

fn unquoted(name: &str) -> String {
    let Some(inner) = name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) else { return name.to_owned() };
    let (mut out, mut chars) = (String::new(), inner.chars());
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(list: &[Person]) -> Vec<String> {
        list.iter().map(|p| format!("{}|{}", p.name, p.address)).collect()
    }

    #[test]
    fn lists_of_messages_are_read() {
        for (raw, people) in [
            ("=?utf-8?Q?J=C3=B6rg?= <joerg@X.test>, b@y.test", &["Jörg|joerg@x.test", "|b@y.test"][..]),
            ("Friends: a@x.test, B <b@x.test>;, c@x.test", &["|a@x.test", "B|b@x.test", "|c@x.test"]),
            ("Undisclosed recipients:;", &[]),
            ("nobody", &["|nobody"]),
            ("\"a b\"@x.test", &["|\"a b\"@x.test"]),
            ("X <a@[192.0.2.1]>", &["X|a@[192.0.2.1]"]),
        ] {
            assert_eq!(show(&read(raw.as_bytes())), people, "{raw}");
        }
    }

    #[test]
    fn lists_of_people_are_read() {
        assert_eq!(
            show(&typed("Ann <ann@x.org>, bob@y.org; \"Doe, Jane\" <j@z.org>\n mailto:k@z.org,,").unwrap()),
            ["Ann|ann@x.org", "|bob@y.org", "Doe, Jane|j@z.org", "|k@z.org"]
        );
        for (text, nth, shown, why) in [
            ("a@x.org, Bob, c@x.org", 2, "Bob", BadAddress::NoAt),
            ("Ann ann@x.org", 1, "Ann ann@x.org", BadAddress::Local),
            ("a@x.org; b@", 2, "b@", BadAddress::Domain),
            ("\"Ann <a@x.org>\nb@y.org", 1, "\"Ann <a@x.org>", BadAddress::Local),
        ] {
            match typed(text) {
                Err(bad) => assert_eq!((bad.nth, bad.text.as_str(), bad.why), (nth, shown, why), "{text}"),
                // A quote that never ends is a name as it stands.
                Ok(list) => assert_eq!(show(&list)[0], "\"Ann|a@x.org", "{text}"),
            }
        }
        assert_eq!(typed("  \n"), Ok(Vec::new()));
        assert!(typed("a@x.test b@y.test").is_err());
        assert_eq!(show(&known("ann@x.org, bob, \"a\\\nb@y.org")), ["|ann@x.org", "|b@y.org"]);
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_typed_again(name in "[ -~äé]{0,20}", local in "[a-z.+\" ]{1,8}") {
            if let Ok(address) = Address::new(&local, Domain::parse("x.test").unwrap()) {
                let person = Person { name: shown::line(&name, NAME), address: address.to_string() };
                let twice = [person.clone(), person];
                prop_assert_eq!(typed(&listed(&twice)), Ok(twice.to_vec()));
            }
        }

        #[test]
        fn any_text_is_survived(text: String, raw: Vec<u8>) {
            let _ = typed(&text);
            read(&raw);
        }
    }
}
