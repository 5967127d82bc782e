//! HTML of any shape made small and well nested, so that building its tree costs little.
//!
//! Depth, elements and open formatting are bounded: an HTML parser walks up the open elements for each tag, and reopens
//! formatting for each paragraph, so that 1 MB of the wrong tags would keep it for minutes.

use super::elements::{self, Kind};
use super::lex::{Lexer, Token};

/// Deepest nesting; elements below it lose their tags, not their text.
const DEPTH: usize = 128;
/// Most formatting elements that stand open.
const FORMATS: usize = 16;
/// Elements, each counted once and once more for every format open around it.
const COST: usize = 100_000;
/// Most octets of the outcome.
const SIZE: usize = 2 << 20;
/// Ampersands, and characters of Latin-1's signs, of one text or long value: what follows is searched again for each.
const STOPS: usize = 200;
/// An inline image of the source: its bytes do not go through the parser.
const LIFTED: usize = 8 << 10;

/// Well-nested HTML of elements and attributes that may stay, values not yet looked at.
#[derive(Debug, Default)]
pub(super) struct Tame {
    pub html: String,
    /// `data:` sources that were long: `data:,0` stands for the first.
    pub lifted: Vec<String>,
    /// Something was left out for its size.
    pub cut: bool,
}

/// Tames HTML. Linear in its length.
pub(super) fn tame(html: &str) -> Tame {
    let mut writer = Writer::default();
    for token in Lexer::new(html) {
        if writer.out.html.len() > SIZE {
            writer.out.cut = true;
            break;
        }
        match token {
            Token::Text(text) => writer.text(text),
            Token::Start(name, attributes) => writer.start(&name, &attributes),
            Token::End(name) => writer.end(&name),
        }
    }
    writer.close_from(0);
    writer.out
}

#[derive(Default)]
struct Writer {
    out: Tame,
    open: Vec<(&'static str, Kind)>,
    formats: usize,
    paragraphs: usize,
    cost: usize,
    /// Since the text was last divided.
    stops: usize,
    /// Inside `template`, whose content is not shown: how many of them.
    template: usize,
}

impl Writer {
    fn text(&mut self, text: &str) {
        if self.template > 0 {
            return;
        }
        match text {
            "<" => self.out.html.push_str("&lt;"),
            text => {
                let room = SIZE.saturating_sub(self.out.html.len());
                let end = text.floor_char_boundary(room);
                self.out.cut |= end < text.len();
                self.stopping(&text[..end]);
            }
        }
    }

    /// Text in pieces of few stops, with a place to break the line between them: an element ends a text.
    fn stopping(&mut self, text: &str) {
        let mut from = 0;
        for at in text.bytes().enumerate().filter(|(_, b)| is_stop(*b)).map(|(at, _)| at) {
            self.stops += 1;
            if self.stops > STOPS {
                self.out.html.push_str(&text[from..at]);
                self.out.html.push_str("<wbr>");
                (from, self.stops) = (at, 1);
            }
        }
        self.out.html.push_str(&text[from..]);
    }

    fn start(&mut self, name: &str, attributes: &[(&'static str, &str)]) {
        if name == "template" || self.template > 0 {
            self.template += usize::from(name == "template");
            return;
        }
        let Some((name, kind)) = elements::element(name) else { return };
        self.end_implied(name, kind);
        self.cost += 1 + self.formats;
        if self.cost > COST {
            self.out.cut = true;
            return;
        }
        let formats = matches!(kind, Kind::Formatting | Kind::Link);
        if kind != Kind::Void && (self.open.len() >= DEPTH || (formats && self.formats >= FORMATS)) {
            return;
        }
        self.out.html.push('<');
        self.out.html.push_str(name);
        for (attribute, value) in attributes {
            let fits = value.len() <= LIFTED || value.bytes().filter(|b| is_stop(*b)).take(STOPS + 1).count() <= STOPS;
            if fits && elements::rule(name, attribute).is_some() {
                self.attribute(attribute, value);
            }
        }
        self.out.html.push('>');
        if kind != Kind::Void {
            self.open.push((name, kind));
            self.paragraphs += usize::from(name == "p");
            self.formats += usize::from(formats);
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let lift = name == "src" && value.len() > LIFTED;
        let lifted = format!("data:,{}", self.out.lifted.len());
        if lift {
            // Longer than any address that is followed: an inline image, or nothing.
            self.out.lifted.push(value.to_owned());
        }
        let value = if lift { &lifted } else { value };
        self.out.html.push(' ');
        self.out.html.push_str(name);
        self.out.html.push_str("=\"");
        self.out.html.push_str(&value.replace('"', "&quot;"));
        self.out.html.push('"');
    }

    /// End tags that HTML lets writers leave out (HTML §13.1.2.4).
    fn end_implied(&mut self, name: &str, kind: Kind) {
        let table = |k: Kind| k == Kind::Table;
        let cell = |k: Kind| matches!(k, Kind::Table | Kind::Cell | Kind::Aside);
        let list = |k: Kind| cell(k) || k == Kind::List;
        match kind {
            // Few stand open, and most tags would look for one all the way up.
            Kind::Block | Kind::List | Kind::Table if self.paragraphs > 0 => self.end_open(|n, _| n == "p", cell),
            Kind::Void if name == "hr" => self.end_open(|n, _| n == "p", cell),
            Kind::Link => self.end_open(|n, _| n == "a", cell),
            Kind::Item => self.end_open(|n, _| n == "li", list),
            Kind::Term => self.end_open(|_, k| k == Kind::Term, list),
            Kind::Cell => self.end_open(|_, k| matches!(k, Kind::Cell | Kind::Aside), table),
            Kind::Row => {
                self.end_open(|_, k| matches!(k, Kind::Row | Kind::Aside), table);
            }
            Kind::Section | Kind::Aside => {
                self.end_open(|_, k| matches!(k, Kind::Section | Kind::Aside | Kind::Row), table);
                self.end_open(|_, k| k == Kind::Section, table);
            }
            _ => {}
        }
    }

    /// Ends the innermost element that is `wanted`, unless one that is a `barrier` stands inside it.
    fn end_open(&mut self, wanted: impl Fn(&str, Kind) -> bool, barrier: impl Fn(Kind) -> bool) {
        let found = self.open.iter().rposition(|(name, kind)| wanted(name, *kind) || barrier(*kind));
        if let Some(at) = found.filter(|at| wanted(self.open[*at].0, self.open[*at].1)) {
            self.close_from(at);
        }
    }

    fn end(&mut self, name: &str) {
        if self.template > 0 {
            self.template -= usize::from(name == "template");
            return;
        }
        let Some((name, kind)) = elements::element(name) else { return };
        let structure = matches!(kind, Kind::Table | Kind::Section | Kind::Row | Kind::Cell | Kind::Aside);
        match kind {
            Kind::Void => {}
            _ if structure => self.end_open(|n, _| n == name, |k| k == Kind::Table),
            // Left open where ending it would end a block too: browsers keep the block.
            Kind::Formatting | Kind::Inline | Kind::Link => {
                let soft = |k: Kind| matches!(k, Kind::Formatting | Kind::Inline | Kind::Link);
                self.end_open(|n, _| n == name, |k| !soft(k));
            }
            _ => self.end_open(|n, _| n == name, |k| matches!(k, Kind::Table | Kind::Cell | Kind::Aside)),
        }
    }

    fn close_from(&mut self, at: usize) {
        for (name, kind) in self.open.drain(at..).rev() {
            self.out.html.push_str("</");
            self.out.html.push_str(name);
            self.out.html.push('>');
            self.paragraphs -= usize::from(name == "p");
            self.formats -= usize::from(matches!(kind, Kind::Formatting | Kind::Link));
        }
    }
}

/// Octets before which a serializer stops in a text, and looks through all the rest of it for the next.
fn is_stop(byte: u8) -> bool {
    matches!(byte, b'&' | 0xC2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_nested_well() {
        for (html, tame_html) in [
            ("<p>a<p>b<div>c", "<p>a</p><p>b</p><div>c</div>"),
            ("<ul><li>a<li>b<ul><li>c</ul></ul>", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"),
            (
                "<table><tr><td>a<td>b<tr><td>c</table>d",
                "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>d",
            ),
            ("<b><div>x</b>y</div>", "<b><div>xy</div></b>"),
            ("<b><i>x</b>y", "<b><i>x</i></b>y"),
            ("<td></div></table>x", "<td>x</td>"),
            ("<a href=1>x<a href=2>y</a>", "<a href=\"1\">x</a><a href=\"2\">y</a>"),
            ("<template><p>x</template>y", "y"),
            ("<p onclick=x title='a\"b'>1 < 2", "<p title=\"a&quot;b\">1 &lt; 2</p>"),
            ("<svg><p>x</svg>", "<p>x</p>"),
        ] {
            assert_eq!(tame(html).html, tame_html, "{html}");
        }
    }

    #[test]
    fn depth_and_cost_are_bounded() {
        let deep = tame(&"<div>".repeat(100_000));
        assert_eq!(deep.html.matches("<div>").count(), DEPTH);
        let formats: String = (0..1000).map(|n| format!("<font size={}>", n % 7 + 1)).collect();
        assert_eq!(tame(&formats).html.matches("<font").count(), FORMATS);
        let wide = tame(&"<br>".repeat(300_000));
        assert!(wide.cut && wide.html.matches("<br>").count() <= COST);
        assert_eq!(tame(&"&lt".repeat(STOPS + 1)).html.matches("<wbr>").count(), 1);
        let long = tame(&"ü".repeat(SIZE));
        assert!(long.cut && long.html.len() <= SIZE);
    }
}
