//! Mailbox lists read to the letter (RFC 5322 §3.4), where somebody answers for each address in them: of what is passed
//! over here, another reader may make one more address.

use crate::model::address::Address;

/// The addresses of an unfolded list; none where it is blanks and comments alone. `None`: it is no such list.
///
/// Groups, routes, empty places and the rest of §4.4 are no part of it, but for the dot in a display name.
pub fn mailboxes(raw: &[u8]) -> Option<Vec<Address>> {
    let mut reader = Reader { rest: raw };
    let mut out = Vec::new();
    reader.blanks()?;
    if reader.rest.is_empty() {
        return Some(out);
    }
    loop {
        out.push(reader.mailbox()?);
        reader.blanks()?;
        if reader.rest.is_empty() {
            return Some(out);
        }
        reader.take(b',')?;
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// `mailbox = name-addr / addr-spec`: what stands before `@` or `<` tells which.
    fn mailbox(&mut self) -> Option<Address> {
        let words = self.words()?;
        if self.take(b'<').is_none() {
            return self.at_domain(&words);
        }
        let words = self.words()?;
        let address = self.at_domain(&words)?;
        self.take(b'>')?;
        Some(address)
    }

    /// The `@` and domain after a local part, which is one word: a dot-atom or a quoted string.
    fn at_domain(&mut self, words: &[&'a [u8]]) -> Option<Address> {
        let [local] = words else { return None };
        self.take(b'@')?;
        let domain = self.words()?;
        let [domain] = domain[..] else { return None };
        if domain.starts_with(b"\"") || domain.ends_with(b".") {
            return None;
        }
        let text = |raw| std::str::from_utf8(raw).ok();
        Address::parse(&format!("{}@{}", text(local)?, text(domain)?)).ok()
    }

    /// Quoted strings and runs of atoms and dots, with blanks and comments around them.
    fn words(&mut self) -> Option<Vec<&'a [u8]>> {
        let mut out = Vec::new();
        loop {
            self.blanks()?;
            let octets = match self.rest.first() {
                Some(b'"') => self.quoted()?,
                _ => self.rest.iter().take_while(|b| is_word(**b)).count(),
            };
            if octets == 0 {
                return Some(out);
            }
            let (word, rest) = self.rest.split_at(octets);
            out.push(word);
            self.rest = rest;
        }
    }

    /// Octets of the quoted string at the front, its quotes too.
    fn quoted(&self) -> Option<usize> {
        let mut n = 1;
        loop {
            match self.rest.get(n)? {
                b'"' => return Some(n + 1),
                b'\\' => n += 1,
                other if is_control(*other) => return None,
                _ => {}
            }
            n += 1;
        }
    }

    /// Passes over blanks and comments; `None`: a comment has no end.
    fn blanks(&mut self) -> Option<()> {
        let mut depth = 0usize;
        while let Some(byte) = self.rest.first() {
            let mut octets = 1;
            match byte {
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b'\\' if depth > 0 => octets = 2,
                b' ' | b'\t' => {}
                other if depth == 0 => return (*other != b')').then_some(()),
                other if is_control(*other) => return None,
                _ => {}
            }
            self.rest = self.rest.get(octets..)?;
        }
        (depth == 0).then_some(())
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }
}

fn is_word(byte: u8) -> bool {
    !byte.is_ascii() || (byte.is_ascii_graphic() && !b"()<>[]:;@\\,\"".contains(&byte))
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(raw: &str) -> Option<Vec<String>> {
        mailboxes(raw.as_bytes()).map(|list| list.iter().map(Address::to_string).collect())
    }

    #[test]
    fn honest_lists_are_read() {
        for (raw, addresses) in [
            ("bruno@x.test", &["bruno@x.test"][..]),
            ("<bruno@x.test>", &["bruno@x.test"]),
            ("Bruno<bruno@x.test>", &["bruno@x.test"]),
            ("Bruno B. Test < bruno+x@x.test >", &["bruno+x@x.test"]),
            (r#""Bruno, the \"Great\"" <bruno+x@x.test>"#, &["bruno+x@x.test"]),
            (r#""bruno@x.test" (a (nested \) one), here) <c@x.test> (there <d@x.test>)"#, &["c@x.test"]),
            ("=?utf-8?Q?Br=C3=BCno=2C?= =?utf-8?B?eA==?= <bruno@x.test>", &["bruno@x.test"]),
            ("Brüno <brüno@x.test>", &["brüno@x.test"]),
            ("\"\" <a@x.test>,\tb@y.test , \"c d\"@z.test", &["a@x.test", "b@y.test", "\"c d\"@z.test"]),
            ("pete(his account)@silly.test(his host)", &["pete@silly.test"]),
            (r#"<"a@b\\,<"@x.test>"#, &[r#""a@b\\,<"@x.test"#]),
            (" (nobody) ", &[]),
        ] {
            assert_eq!(read(raw), Some(addresses.iter().map(|a| (*a).to_owned()).collect()), "{raw}");
        }
    }

    #[test]
    fn what_others_may_read_otherwise_is_no_list() {
        for raw in [
            "<bruno+,president@bank.test,x@x.test>",
            "<bruno+ <president@bank.test> <x@x.test>",
            "<bruno+x@bank.test> <y@x.test>",
            "<bruno@x.test> y",
            "<bruno@x.test>>",
            "<<bruno@x.test>>",
            "bruno+x president@bank.test y@x.test",
            "president@bank.test <bruno@x.test>",
            "\"bruno+\"x@x.test",
            "\"bruno\".x@x.test",
            "bru no@x.test",
            "bruno..x@x.test",
            "bruno@x.test.",
            "bruno@x .test",
            "bruno@[192.0.2.1]",
            "bruno@\"x.test\"",
            "<@bank.test:bruno@x.test>",
            "Bruno: bruno@x.test;",
            "bruno@x.test,",
            ",bruno@x.test",
            "bruno@x.test, , y@x.test",
            "bruno@x.test; y@x.test",
            "bruno",
            "<>",
            "<bruno@x.test",
            "(bruno@x.test",
            "bruno@x.test)",
            "\"bruno <bruno@x.test>",
            "Bruno\\ <bruno@x.test>",
            "\"Bru\x07no\" <bruno@x.test>",
        ] {
            assert_eq!(read(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw: Vec<u8>) {
            mailboxes(&raw);
        }
    }
}
