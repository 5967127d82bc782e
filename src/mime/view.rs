//! What a reader shows of a message: which parts are its text, what hangs on it, its fields.

use super::attachment::{self, Attachment};
use super::flowed::{self, Line, Wrapping};
use super::head::Head;
use super::html::{self, Options, Pictures, Remote, Safe};
use super::structure::{self, Kind, Part};
use super::{plain, text};
use std::collections::{HashMap, HashSet};

/// Most texts of a message that are shown one after the other.
const TEXTS: usize = 32;
/// Octets read of a plain text, and of an HTML text with the images inside it.
const PLAIN: usize = 4 << 20;
const HTML: usize = 32 << 20;
/// Longest `cid:` address.
const ADDRESS: usize = 300;

/// A message taken apart for reading. Holds on to its bytes.
#[derive(Debug)]
pub struct View<'a> {
    pub head: Head,
    /// In the order in which they are read.
    pub texts: Vec<Text>,
    pub attachments: Vec<Attachment>,
    /// The end of a text is missing: it was too long.
    pub cut: bool,
    raw: &'a [u8],
    root: Part,
}

/// A text of the message, in one form or two that say the same (multipart/alternative).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    pub plain: Option<Vec<Line>>,
    pub html: Option<String>,
}

/// Which form is shown where there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Rich,
    Plain,
}

impl<'a> View<'a> {
    /// Takes a message of any bytes apart.
    pub fn of(raw: &'a [u8]) -> Self {
        let root = structure::parse(raw);
        let mut reader = Reader { raw, attachments: Vec::new(), cut: false };
        let mut texts = reader.read(&root, &[]);
        reader.cut |= texts.len() > TEXTS;
        texts.truncate(TEXTS);
        let Reader { mut attachments, cut, .. } = reader;
        mark_inline(&mut attachments, &texts);
        Self { head: Head::of(raw), texts, attachments, cut, raw, root }
    }

    /// All texts as one safe fragment for the message's frame.
    ///
    /// `compose` as in [`Options`].
    pub fn page(&self, form: Form, remote: Remote, compose: Option<&str>) -> Safe {
        let ids = by_id(&self.attachments);
        let part = |id: &str, most: usize| {
            let attachment = &self.attachments[*ids.get(id)?];
            if attachment.size > most { None } else { self.bytes(&attachment.path) }
        };
        let mut pictures = Pictures::new(&part);
        let options = Options { remote, compose };
        let mut out = Safe { cut: self.cut, ..Safe::default() };
        for text in &self.texts {
            if !out.html.is_empty() {
                out.html.push_str("<hr>");
            }
            match (&text.html, &text.plain) {
                (Some(html), None) => out.add(html::sanitise(html, &options, &mut pictures)),
                (Some(html), Some(_)) if form == Form::Rich => out.add(html::sanitise(html, &options, &mut pictures)),
                (_, lines) => {
                    let (html, cut) = plain::to_html(lines.as_deref().unwrap_or_default(), compose);
                    out.add(Safe { html, remote: 0, cut });
                }
            }
        }
        out
    }

    /// Whether some text has a plain form and a rich one.
    pub fn has_two_forms(&self) -> bool {
        self.texts.iter().any(|text| text.plain.is_some() && text.html.is_some())
    }

    /// All texts as lines: the plain form where there is one that says something, else what the HTML reads as.
    pub fn lines(&self) -> Vec<Line> {
        let mut out: Vec<Line> = Vec::new();
        for text in &self.texts {
            let lines = match (&text.plain, &text.html) {
                (Some(lines), None) => lines.clone(),
                (Some(lines), Some(_)) if lines.iter().any(|line| !line.text.trim().is_empty()) => lines.clone(),
                (_, Some(html)) => {
                    let options = Options { remote: Remote::Blocked, compose: None };
                    html::to_lines(&html::sanitise(html, &options, &mut Pictures::new(&|_, _| None)).html)
                }
                (None, None) => Vec::new(),
            };
            if !out.is_empty() && !lines.is_empty() {
                out.push(Line::default());
            }
            out.extend(lines);
        }
        out
    }

    /// The decoded bytes of the part at a section such as `1.2`.
    pub fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let mut part = &self.root;
        let mut numbers = path.split('.').map(str::parse::<usize>);
        if !matches!(part.kind, Kind::Multipart(_)) {
            return (numbers.next() == Some(Ok(1)) && numbers.next().is_none()).then(|| decoded(self.raw, part));
        }
        for number in numbers {
            let Kind::Multipart(children) = &part.kind else { return None };
            part = children.get(number.ok()?.checked_sub(1)?)?;
        }
        Some(decoded(self.raw, part))
    }
}

impl Safe {
    fn add(&mut self, more: Safe) {
        self.html.push_str(&more.html);
        self.remote += more.remote;
        self.cut |= more.cut;
    }
}

fn decoded(raw: &[u8], part: &Part) -> Vec<u8> {
    text::decode_transfer(&part.encoding, &raw[part.body.clone()]).into_owned()
}

/// Attachments by Content-ID; where several have the same, the first.
fn by_id(attachments: &[Attachment]) -> HashMap<String, usize> {
    let ids = attachments.iter().enumerate().rev();
    ids.filter_map(|(n, attachment)| Some((attachment.id.clone()?, n))).collect()
}

/// A part is in its place if a text names its Content-ID; one that no text names hangs on the message.
fn mark_inline(attachments: &mut [Attachment], texts: &[Text]) {
    let ids = by_id(attachments);
    if ids.is_empty() {
        return;
    }
    let mut named = HashSet::new();
    for html in texts.iter().filter_map(|text| text.html.as_deref()) {
        named.extend(addresses(html).filter_map(html::content_id).filter(|id| ids.contains_key(id)));
    }
    for attachment in attachments {
        attachment.inline = attachment.id.as_ref().is_some_and(|id| named.contains(id));
    }
}

/// What begins with `cid:` in a text, each looked at once.
fn addresses(html: &str) -> impl Iterator<Item = &str> {
    let mut rest = html;
    std::iter::from_fn(move || {
        let start = &rest[rest.find("cid:")?..];
        let start_of_it = &start[..start.floor_char_boundary(ADDRESS)];
        let end = start_of_it.find(['"', '\'', ' ', '>', ')']).unwrap_or(start_of_it.len());
        rest = &start[end..];
        Some(&start[..end])
    })
}

struct Reader<'a> {
    raw: &'a [u8],
    attachments: Vec<Attachment>,
    cut: bool,
}

impl Reader<'_> {
    /// The texts of a part; what is none of them goes to the attachments. `path` is of the part itself.
    fn read(&mut self, part: &Part, path: &[usize]) -> Vec<Text> {
        let Kind::Multipart(children) = &part.kind else { return self.leaf(part, path) };
        let below = |n: usize| [path, &[n + 1]].concat();
        match part.media().1 {
            "alternative" => {
                let forms = children.iter().enumerate().map(|(n, child)| self.read(child, &below(n))).collect();
                alternative(forms)
            }
            "related" => {
                let mut out = Vec::new();
                let start = related_root(part, children);
                for (n, child) in children.iter().enumerate() {
                    if n == start {
                        out = self.read(child, &below(n));
                    } else {
                        self.attach_all(child, &below(n));
                    }
                }
                out
            }
            _ => children.iter().enumerate().flat_map(|(n, child)| self.read(child, &below(n))).collect(),
        }
    }

    fn leaf(&mut self, part: &Part, path: &[usize]) -> Vec<Text> {
        let media = part.media();
        let is_text = matches!(media, ("text", "plain" | "html")) && matches!(part.kind, Kind::Leaf);
        if !is_text || text::is_attachment(part) {
            self.attach(part, path);
            return Vec::new();
        }
        // A text with a name is read here and can be saved too.
        if part.filename().is_some() {
            self.attach(part, path);
        }
        let most = if media.1 == "html" { HTML } else { PLAIN };
        let mut short = part.clone();
        short.body.end = short.body.end.min(short.body.start + most);
        self.cut |= short.body.end < part.body.end;
        let text = text::decode_part(self.raw, &short);
        vec![match media.1 {
            "html" => Text { plain: None, html: Some(text) },
            _ => Text { plain: Some(flowed::read(&text, wrapping(part))), html: None },
        }]
    }

    fn attach(&mut self, part: &Part, path: &[usize]) {
        // An empty part without a name is a mistake of the writer.
        if part.body.is_empty() && part.filename().is_none() {
            return;
        }
        let numbers = if path.is_empty() { &[1][..] } else { path };
        let path = numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(".");
        self.attachments.push(Attachment::of(self.raw, part, path));
    }

    fn attach_all(&mut self, part: &Part, path: &[usize]) {
        match &part.kind {
            Kind::Multipart(children) => {
                for (n, child) in children.iter().enumerate() {
                    self.attach_all(child, &[path, &[n + 1]].concat());
                }
            }
            _ => self.attach(part, path),
        }
    }
}

fn wrapping(part: &Part) -> Wrapping {
    let is = |name: &str, wanted: &str| part.content_type.get(name).is_some_and(|v| v.eq_ignore_ascii_case(wanted));
    if is("format", "flowed") { Wrapping::Flowed { delsp: is("delsp", "yes") } } else { Wrapping::Fixed }
}

/// The part that multipart/related is about (RFC 2387 §3.2); the first where `start` names none.
fn related_root(part: &Part, children: &[Part]) -> usize {
    let start = part.content_type.get("start").map(|id| attachment::id_text(id.as_bytes()));
    let named = start.and_then(|start| {
        children.iter().position(|c| c.id.as_deref().is_some_and(|id| attachment::id_text(id) == start))
    });
    named.unwrap_or(0)
}

/// The last rich form with the first plain one beside it (RFC 2046 §5.1.4: the best is last).
fn alternative(forms: Vec<Vec<Text>>) -> Vec<Text> {
    let mut plain = None;
    let mut rich: Vec<Text> = Vec::new();
    for form in forms {
        match &form[..] {
            [] => {}
            [Text { plain: Some(lines), html: None }] => plain = plain.or_else(|| Some(lines.clone())),
            _ if form.iter().all(|text| text.html.as_ref().is_some_and(|html| html.trim().is_empty())) => {}
            _ => rich = form,
        }
    }
    match (rich.first_mut(), plain) {
        (Some(first), plain) => first.plain = first.plain.take().or(plain),
        (None, Some(lines)) => rich.push(Text { plain: Some(lines), html: None }),
        (None, None) => {}
    }
    rich
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(view: &View<'_>) -> String {
        let texts = view.texts.iter().map(|t| {
            let plain = t.plain.as_ref().map(|l| flowed::join(l)).unwrap_or_default();
            format!("{plain}/{}", t.html.as_deref().unwrap_or_default())
        });
        let files = view.attachments.iter().map(|a| {
            format!("{}:{}:{}:{}{}", a.path, a.name, a.claimed, a.size, if a.inline { ":inline" } else { "" })
        });
        format!("{} | {}", texts.collect::<Vec<_>>().join(" + "), files.collect::<Vec<_>>().join(", "))
    }

    fn multi(kind: &str, parts: &[&str]) -> String {
        let boundary = format!("b{kind}{}", parts.len());
        let parts: String = parts.iter().map(|part| format!("--{boundary}\r\n{part}\r\n")).collect();
        format!("Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n{parts}--{boundary}--\r\n")
    }

    const PLAIN: &str = "Content-Type: text/plain\r\n\r\nhi";
    const HTML: &str = "Content-Type: text/html\r\n\r\n<p>hi</p><img src=\"cid:1@x\">";
    const IMAGE: &str =
        "Content-Type: image/gif\r\nContent-ID: <1@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlhAQABAAAAADs=";
    const FILE: &str =
        "Content-Type: application/pdf; name=\"../a.pdf\"\r\nContent-Disposition: attachment\r\n\r\n%PDF";

    #[test]
    fn texts_and_attachments_of_the_usual_shapes() {
        for (raw, shown) in [
            ("\r\nplain".to_owned(), "plain/ | "),
            (multi("alternative", &[PLAIN, HTML]), "hi/<p>hi</p><img src=\"cid:1@x\"> | "),
            (
                multi("mixed", &[&multi("alternative", &[PLAIN, &multi("related", &[HTML, IMAGE])]), FILE]),
                "hi/<p>hi</p><img src=\"cid:1@x\"> | 1.2.2::image/gif:14:inline, 2:_a.pdf:application/pdf:4",
            ),
            (multi("mixed", &[PLAIN, IMAGE, PLAIN]), "hi/ + hi/ | 2::image/gif:14"),
            (multi("alternative", &[PLAIN, "Content-Type: text/html\r\n\r\n \r\n"]), "hi/ | "),
            (
                multi("mixed", &[PLAIN, "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx"]),
                "hi/ | 2:in.eml:message/rfc822:16",
            ),
            (
                multi("signed", &[PLAIN, "Content-Type: application/pgp-signature\r\n\r\nx"]),
                "hi/ | 2::application/pgp-signature:1",
            ),
            ("Content-Type: image/gif\r\n\r\nx".to_owned(), " | 1::image/gif:1"),
        ] {
            assert_eq!(show(&View::of(raw.as_bytes())), shown, "{raw}");
        }
    }

    #[test]
    fn images_of_the_message_are_shown_and_others_counted() {
        let html =
            "Content-Type: text/html\r\n\r\n<img src=\"cid:1@x\"><img src=\"http://canary.example.test/1.gif\" alt=x>";
        let raw = multi("related", &[html, IMAGE]);
        let view = View::of(raw.as_bytes());
        let safe = view.page(Form::Rich, Remote::Blocked, None);
        assert_eq!(safe.html, "<img src=\"data:image/gif;base64,R0lGODlhAQABAAAAADs=\"><img alt=\"x\">");
        assert_eq!(safe.remote, 1);
        assert_eq!(view.bytes("2").unwrap(), b"GIF89a\x01\x00\x01\x00\x00\x00\x00;");
        assert_eq!((view.bytes("3"), view.bytes("0"), view.bytes("1.1"), view.bytes("")), (None, None, None, None));
    }

    #[test]
    fn addresses_are_read_in_one_pass() {
        let text = "<img src=\"cid:1@x\"><p style='background: url(cid:2@x)'>cid:3@x, cid:";
        assert_eq!(addresses(text).collect::<Vec<_>>(), ["cid:1@x", "cid:2@x", "cid:3@x,", "cid:"]);
        // Each looked through to the end of all, this would be hours.
        let text = "cid:".repeat(4 << 20);
        assert_eq!(addresses(&text).map(str::len).sum::<usize>(), text.len());
        assert_eq!(addresses(&text).map(str::len).max(), Some(ADDRESS));
    }

    #[test]
    fn pictures_of_all_texts_share_one_budget() {
        let big = "A".repeat(8 << 20);
        let image = format!(
            "Content-Type: image/gif\r\nContent-ID: <1@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlh{big}"
        );
        let raw = multi("mixed", &[HTML, HTML, HTML, HTML, &image]);
        let shown = View::of(raw.as_bytes()).page(Form::Rich, Remote::Blocked, None).html;
        assert_eq!(shown.matches("data:image/gif").count(), 2);
    }

    #[test]
    fn lines_come_from_the_form_that_says_something() {
        let raw = multi("alternative", &["\r\n \r\n", "Content-Type: text/html\r\n\r\n<p>a<blockquote>b"]);
        assert_eq!(flowed::join(&View::of(raw.as_bytes()).lines()), "a\n\n> b");
        let flowed = b"Content-Type: text/plain; format=flowed\r\n\r\n> a \r\n> b\r\n";
        assert_eq!(flowed::join(&View::of(flowed).lines()), "> a b");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw: Vec<u8>, parts in prop::collection::vec(prop_oneof![
            Just(PLAIN), Just(HTML), Just(IMAGE), Just(FILE), Just("\r\n--bmixed3\r\n"), Just("Content-Type: message/rfc822\r\n\r\n"),
        ], 0..6)) {
            let built = multi("mixed", &parts);
            for raw in [&raw[..], built.as_bytes(), &[built.as_bytes(), &raw[..]].concat()] {
                let view = View::of(raw);
                view.page(Form::Plain, Remote::Allowed, None);
                view.lines();
                for attachment in &view.attachments {
                    prop_assert!(view.bytes(&attachment.path).is_some(), "{}", attachment.path);
                }
            }
        }
    }
}
