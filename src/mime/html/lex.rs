//! Tags and text of HTML as browsers cut them (HTML §13.2.5), without a tree: one pass, linear whatever the input.
//!
//! Nothing relies on this for safety – an HTML parser reads what is made of it – but everything does for bounded cost:
//! that parser compares each attribute of a tag with all before it.

use super::elements::{self, SILENT};
use std::borrow::Cow;

/// Most attributes kept of a tag.
const ATTRIBUTES: usize = 32;
/// Most octets of a value, but for the source of an image.
const VALUE: usize = 16 << 10;

/// What stands next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// As it is written, references and all.
    Text(&'a str),
    /// Name in lower case; attributes that may stay, each once, values as they are written.
    Start(Cow<'a, str>, Vec<(&'static str, &'a str)>),
    End(Cow<'a, str>),
}

/// Reads tokens; comments, declarations and the content of silent elements are passed over.
pub(super) struct Lexer<'a> {
    html: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(html: &'a str) -> Self {
        Self { html, at: 0 }
    }

    fn bytes(&self) -> &'a [u8] {
        self.html.as_bytes()
    }

    /// Passes over what ends in `end`; over everything if nothing does.
    fn skip_past(&mut self, from: usize, end: u8) {
        let rest = self.bytes().get(from..).unwrap_or_default();
        self.at = memchr::memchr(end, rest).map_or(self.html.len(), |n| from + n + 1);
    }

    /// `<!-- … -->`, which `<!-->`, `<!--->` and `--!>` end too.
    fn comment(&mut self, from: usize) {
        let rest = &self.bytes()[from..];
        for short in [&b">"[..], b"->"] {
            if rest.starts_with(short) {
                self.at = from + short.len();
                return;
            }
        }
        let ends = memchr::memmem::find_iter(rest, b"--")
            .find_map(|n| [&b"-->"[..], b"--!>"].iter().find(|e| rest[n..].starts_with(e)).map(|e| n + e.len()));
        self.at = ends.map_or(self.html.len(), |n| from + n);
    }

    fn tag(&mut self, from: usize, is_end: bool) -> Option<Token<'a>> {
        let bytes = self.bytes();
        let end = from + bytes[from..].iter().take_while(|b| !is_blank(**b) && !matches!(b, b'/' | b'>')).count();
        // Longer than any name that is known.
        let name = &self.html[from..self.html.floor_char_boundary(end.min(from + 32))];
        let name = match name.bytes().any(|b| b.is_ascii_uppercase()) {
            true => Cow::Owned(name.to_ascii_lowercase()),
            false => Cow::Borrowed(name),
        };
        self.at = end;
        let mut attributes: Vec<(&'static str, &'a str)> = Vec::new();
        while let Some((attribute, value)) = self.attribute()? {
            let known = elements::ATTRIBUTES.iter().find(|(known, _, _)| attribute.eq_ignore_ascii_case(known));
            let Some((known, _, _)) = known else { continue };
            let fits = value.len() <= VALUE || *known == "src";
            if fits && attributes.len() < ATTRIBUTES && !attributes.iter().any(|(name, _)| name == known) {
                attributes.push((known, value));
            }
        }
        if !is_end && SILENT.contains(&&*name) {
            self.silence(&name);
            return Some(Token::Text(""));
        }
        Some(if is_end { Token::End(name) } else { Token::Start(name, attributes) })
    }

    /// The next attribute; inner `None`: the tag is closed; outer `None`: the input ends inside the tag, which is then none.
    fn attribute(&mut self) -> Option<Option<(&'a str, &'a str)>> {
        let bytes = self.bytes();
        while is_blank(*bytes.get(self.at)?) || bytes[self.at] == b'/' {
            self.at += 1;
        }
        if bytes[self.at] == b'>' {
            self.at += 1;
            return Some(None);
        }
        let start = self.at;
        // An equals sign in front is part of the name.
        self.at += 1;
        while !is_blank(*bytes.get(self.at)?) && !matches!(bytes[self.at], b'/' | b'>' | b'=') {
            self.at += 1;
        }
        let name = &self.html[start..self.at];
        let mut after = self.at;
        while is_blank(*bytes.get(after)?) {
            after += 1;
        }
        if bytes[after] != b'=' {
            return Some(Some((name, "")));
        }
        self.at = after + 1;
        while is_blank(*bytes.get(self.at)?) {
            self.at += 1;
        }
        let quote = bytes[self.at];
        if matches!(quote, b'"' | b'\'') {
            let start = self.at + 1;
            let end = start + memchr::memchr(quote, &bytes[start..])?;
            self.at = end + 1;
            return Some(Some((name, &self.html[start..end])));
        }
        let start = self.at;
        while !is_blank(*bytes.get(self.at)?) && bytes[self.at] != b'>' {
            self.at += 1;
        }
        Some(Some((name, &self.html[start..self.at])))
    }

    /// Goes to the end tag of a silent element, which is read as any other.
    fn silence(&mut self, name: &str) {
        let bytes = self.bytes();
        let ends = memchr::memmem::find_iter(&bytes[self.at..], b"</").find(|n| {
            let rest = &bytes[self.at + n + 2..];
            let named = rest.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name.as_bytes()));
            named && rest.get(name.len()).is_some_and(|b| is_blank(*b) || matches!(b, b'/' | b'>'))
        });
        self.at = ends.map_or(self.html.len(), |n| self.at + n);
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.bytes();
        let start = self.at;
        match (bytes.get(start)?, bytes.get(start + 1), bytes.get(start + 2)) {
            (b'<', Some(letter), _) if letter.is_ascii_alphabetic() => {
                return self.tag(start + 1, false).or_else(|| self.end());
            }
            (b'<', Some(b'/'), Some(letter)) if letter.is_ascii_alphabetic() => {
                return self.tag(start + 2, true).or_else(|| self.end());
            }
            (b'<', Some(b'!'), _) if bytes[start + 2..].starts_with(b"--") => self.comment(start + 4),
            (b'<', Some(b'!' | b'?' | b'/'), Some(_)) => self.skip_past(start + 2, b'>'),
            (b'<', _, _) => {
                self.at += 1;
                return Some(Token::Text("<"));
            }
            _ => {
                let length = memchr::memchr(b'<', &bytes[start..]).unwrap_or(bytes.len() - start);
                self.at += length;
                return Some(Token::Text(&self.html[start..self.at]));
            }
        }
        Some(Token::Text(""))
    }
}

impl Lexer<'_> {
    fn end<T>(&mut self) -> Option<T> {
        self.at = self.html.len();
        None
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(html: &str) -> String {
        Lexer::new(html)
            .map(|token| match token {
                Token::Text(text) => text.to_owned(),
                Token::Start(name, attributes) => format!("[{name}{attributes:?}]"),
                Token::End(name) => format!("[/{name}]"),
            })
            .collect()
    }

    #[test]
    fn tags_are_cut_as_browsers_cut_them() {
        for (html, shown) in [
            ("a < b <3 </ >", "a < b <3 "),
            ("<B>x</B\n>", "[b[]]x[/b]"),
            ("<img/src=x/alt='>'width=\"5\">", "[img[(\"src\", \"x/alt='\")]]'width=\"5\">"),
            ("<a href='1' HREF=2 onclick=x ==title=y>", "[a[(\"href\", \"1\")]]"),
            ("<a title = \n \"x > y\">z", "[a[(\"title\", \"x > y\")]]z"),
            ("a<!--><b>--x<!-- > -- --!>c<!---->d<!-- e", "a[b[]]--xcd"),
            ("<![if !mso]>x<![endif]><?xml y?><!doctype html>z", "xz"),
            ("a<style>b{}</styles></STYLE >c", "a[/style]c"),
            ("a<script>'<b>'", "a"),
            ("x<a href=\"y", "x"),
        ] {
            assert_eq!(show(html), shown, "{html}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(html in "(<|>|/|!|-|\"|'|=| |a|td|style|title|&lt;|ü|\u{0}){0,40}") {
            let read: usize = Lexer::new(&html).map(|t| if let Token::Text(text) = t { text.len() } else { 0 }).sum();
            prop_assert!(read <= html.len());
        }
    }
}
