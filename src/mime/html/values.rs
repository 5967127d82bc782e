//! The values of attributes, once elements and attributes are what they may be.

use super::elements::{self, Rule};
use super::image::Pictures;
use super::link::{self, Target};
use super::pieces::{self, Piece, escape, unescape};
use super::{Options, Remote, style};
use crate::model::shown;

/// Characters kept of a link's text to compare it.
const LINK_TEXT: usize = 2000;

/// Writes serialized HTML anew with the values that stay.
pub(super) struct Writer<'a, 'p> {
    pub out: String,
    /// Remote images that were left out.
    pub remote: usize,
    options: &'a Options<'a>,
    lifted: &'a [String],
    pictures: &'a mut Pictures<'p>,
    link: Option<Link>,
    /// What goes into start tags behind us: where, and what. Ascending, for links do not nest.
    late: Vec<(usize, String)>,
}

struct Link {
    target: Target,
    text: String,
    /// Where in the output its start tag ends.
    at: usize,
}

impl<'a, 'p> Writer<'a, 'p> {
    pub(super) fn new(options: &'a Options<'a>, lifted: &'a [String], pictures: &'a mut Pictures<'p>) -> Self {
        Self { out: String::new(), remote: 0, options, lifted, pictures, link: None, late: Vec::new() }
    }

    /// Reads serialized HTML to its end.
    pub(super) fn write(&mut self, html: &str) {
        for piece in pieces::pieces(html) {
            match piece {
                Piece::Text(text) => self.text(text),
                Piece::Start(name, attributes) => self.start(name, &attributes),
                Piece::End(name) => self.end(name),
            }
        }
        self.end_link();
        self.insert_late();
    }

    fn text(&mut self, text: &str) {
        let before = self.out.len();
        // Overrides make text read as what it is not; other directional marks are how some languages are written.
        let dropped = |c: char| matches!(c, '\u{202D}' | '\u{202E}') || (c.is_control() && !matches!(c, '\t' | '\n'));
        self.out.extend(text.chars().filter(|c| !dropped(*c)));
        if let Some(link) = &mut self.link
            && link.text.len() < LINK_TEXT
        {
            link.text.push_str(&unescape(&self.out[before..]));
        }
    }

    fn start(&mut self, name: &str, attributes: &[(&str, std::borrow::Cow<'_, str>)]) {
        // Links do not nest; where a tree has them nested all the same, the outer one ends its text here.
        if name == "a" {
            self.end_link();
        }
        self.out.push('<');
        self.out.push_str(name);
        let mut target = None;
        for (attribute, value) in attributes {
            let kept = match (name, *attribute) {
                // The parser before us sets these, and a link's own title could lie about where it leads.
                ("a", "rel" | "target") => Some((*value).to_string()),
                ("a", "title") => None,
                ("a", "href") => {
                    target = Target::parse(value);
                    target.as_ref().map(|t| t.href(self.options.compose))
                }
                ("img", "src") => self.source(value),
                _ => elements::rule(name, attribute).and_then(|rule| plain(rule, value)),
            };
            if let Some(value) = kept {
                self.out.push(' ');
                self.out.push_str(attribute);
                self.out.push_str("=\"");
                escape(&mut self.out, &value);
                self.out.push('"');
            }
        }
        self.link = target.map(|target| Link { target, text: String::new(), at: self.out.len() }).or(self.link.take());
        self.out.push('>');
    }

    fn end(&mut self, name: &str) {
        if name == "a" {
            self.end_link();
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Says where the open link leads if its text names another place.
    fn end_link(&mut self) {
        let Some(link) = self.link.take() else { return };
        let Some(place) = link.target.unlike(&link.text) else { return };
        let mut title = String::from(" title=\"");
        escape(&mut title, &place);
        title.push('"');
        self.late.push((link.at, title));
        self.out.push_str(" [");
        escape(&mut self.out, &place);
        self.out.push(']');
    }

    fn insert_late(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let (mut whole, mut from) = (String::with_capacity(self.out.len() + 40 * self.late.len()), 0);
        for (at, text) in &self.late {
            whole.push_str(&self.out[from..*at]);
            whole.push_str(text);
            from = *at;
        }
        whole.push_str(&self.out[from..]);
        self.out = whole;
    }

    /// The source of an image: what came with the message, or what may be fetched.
    fn source(&mut self, address: &str) -> Option<String> {
        let address = address.trim();
        if let Some(id) = link::content_id(address) {
            return self.pictures.named(id);
        }
        if let Some(number) = address.strip_prefix("data:,").and_then(|n| n.parse::<usize>().ok()) {
            return self.lifted.get(number).and_then(|data| self.pictures.data_again(data));
        }
        if address.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
            return self.pictures.data_again(address);
        }
        // `//host/x` has the scheme of the page.
        let secure = format!("https:{address}");
        let address = if address.starts_with("//") { &secure } else { address };
        let Some(Target::Web(url)) = Target::parse(address) else { return None };
        if link::is_near(url.host_str().unwrap_or_default()) {
            return None;
        }
        match self.options.remote {
            Remote::Allowed => Some(url.as_str().to_owned()),
            Remote::Blocked => {
                self.remote += 1;
                None
            }
        }
    }
}

/// A value that needs nothing but itself to be judged.
fn plain(rule: Rule, value: &str) -> Option<String> {
    let value = value.trim();
    let number = |digits: &str, most: u32| digits.parse::<u32>().ok().filter(|n| *n <= most).map(|n| n.to_string());
    match rule {
        Rule::Word(words) => words.iter().find(|w| w.eq_ignore_ascii_case(value)).map(|_| value.to_owned()),
        Rule::Number(most) => number(value, most),
        Rule::Length(most) => match value.strip_suffix('%') {
            Some(digits) => number(digits, 100).map(|n| n + "%"),
            None => number(value.trim_end_matches("px"), most),
        },
        Rule::Colour => Some(value.to_ascii_lowercase()).filter(|v| style::is_colour(v)),
        Rule::Face => style::face(value),
        Rule::Text(most) => Some(shown::line(value, most)),
        Rule::Language => {
            let fits = value.len() <= 35 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            (fits && !value.is_empty()).then(|| value.to_owned())
        }
        Rule::Style => Some(style::filter(value)).filter(|v| !v.is_empty()),
        Rule::Href | Rule::Source => None,
    }
}
