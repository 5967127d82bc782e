//! Sanitised HTML as lines of plain text: quotes keep their depth, links their address, lists their marks.

use super::pieces::{self, Piece, unescape};
use crate::mime::flowed::Line;
use std::borrow::Cow;

/// Deepest quotes and lists that are told apart.
const DEPTH: usize = 30;

/// The lines of HTML that [`super::sanitise`] gave. What it hides (`display:none`) is no text.
pub fn to_lines(html: &str) -> Vec<Line> {
    let mut reader = Reader::default();
    for piece in pieces::pieces(html) {
        match piece {
            Piece::Text(text) => reader.text(&unescape(text)),
            Piece::Start(name, attributes) => reader.start(name, &attributes),
            Piece::End(name) => reader.end(name),
        }
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    lines: Vec<Line>,
    line: String,
    /// A blank stands between what was read and what comes.
    blank: bool,
    depth: usize,
    pre: usize,
    /// Elements open inside one that is hidden, itself counted.
    hidden: usize,
    /// Numbers of the open lists; `None`: marks.
    lists: Vec<Option<u32>>,
    link: Option<(String, usize)>,
    cells: usize,
}

fn is_void(name: &str) -> bool {
    matches!(name, "br" | "hr" | "img" | "wbr" | "col")
}

impl Reader {
    fn text(&mut self, text: &str) {
        if self.hidden > 0 {
            return;
        }
        if self.pre > 0 {
            for (n, part) in text.split('\n').enumerate() {
                if n > 0 {
                    self.end_line();
                }
                self.line.push_str(part);
            }
            return;
        }
        for (n, word) in text.split([' ', '\t', '\n', '\r']).enumerate() {
            self.blank |= n > 0;
            if !word.is_empty() {
                self.word(word);
            }
        }
    }

    fn word(&mut self, word: &str) {
        if self.blank && !self.line.is_empty() {
            self.line.push(' ');
        }
        self.blank = false;
        self.line.push_str(word);
    }

    fn start(&mut self, name: &str, attributes: &[(&str, Cow<'_, str>)]) {
        let value = |wanted: &str| attributes.iter().find(|(name, _)| *name == wanted).map(|(_, v)| &**v);
        let hides = value("style").is_some_and(|s| s.split(';').any(|d| d == "display:none"));
        if self.hidden > 0 || hides {
            self.hidden += usize::from(!is_void(name));
            return;
        }
        match name {
            "br" => self.end_line(),
            "hr" => {
                self.break_line();
                self.line.push_str("----");
                self.end_line();
            }
            "img" => {
                let alt = value("alt").unwrap_or_default();
                if !alt.is_empty() {
                    self.word(&format!("[{alt}]"));
                }
            }
            "a" => self.link = value("href").map(|href| (href.to_owned(), self.line.len())),
            "td" | "th" => {
                if self.cells > 0 && !self.line.is_empty() {
                    self.line.push(' ');
                }
                self.cells += 1;
            }
            "tr" => {
                self.cells = 0;
                self.break_line();
            }
            "li" => self.item(),
            _ => self.open_block(name),
        }
    }

    fn open_block(&mut self, name: &str) {
        match name {
            "blockquote" => {
                self.break_line();
                self.depth = (self.depth + 1).min(DEPTH);
            }
            "ul" | "ol" => {
                self.break_line();
                if self.lists.len() < DEPTH {
                    self.lists.push((name == "ol").then_some(0));
                }
            }
            "pre" => {
                self.paragraph();
                self.pre += 1;
            }
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.paragraph(),
            name if is_block(name) => self.break_line(),
            _ => {}
        }
    }

    fn item(&mut self) {
        self.break_line();
        let indent = "  ".repeat(self.lists.len().saturating_sub(1));
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{indent}{number}. ")
            }
            _ => format!("{indent}- "),
        };
        self.line.push_str(&mark);
    }

    fn end(&mut self, name: &str) {
        if self.hidden > 0 {
            self.hidden -= 1;
            return;
        }
        match name {
            "a" => {
                let Some((href, at)) = self.link.take() else { return };
                let said = self.line.get(at..).unwrap_or_default().trim();
                let same = |text: &str| href.trim_end_matches('/').ends_with(text.trim_end_matches('/'));
                if !said.is_empty() && !same(said) {
                    self.line.push_str(&format!(" <{href}>"));
                }
            }
            "blockquote" => {
                self.break_line();
                self.depth = self.depth.saturating_sub(1);
            }
            "ul" | "ol" => {
                self.break_line();
                self.lists.pop();
            }
            "pre" => {
                self.break_line();
                self.pre = self.pre.saturating_sub(1);
            }
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.paragraph(),
            "tr" | "li" => self.break_line(),
            name if is_block(name) => self.break_line(),
            _ => {}
        }
    }

    /// Ends the line, empty or not.
    fn end_line(&mut self) {
        let text = std::mem::take(&mut self.line);
        self.lines.push(Line { depth: self.depth, text: text.trim_end().to_owned() });
        self.blank = false;
        // A link that goes on has its text on the new line.
        if let Some((_, at)) = &mut self.link {
            *at = 0;
        }
    }

    /// Ends the line if there is anything on it.
    fn break_line(&mut self) {
        if !self.line.trim().is_empty() {
            self.end_line();
        }
        self.line.clear();
        self.blank = false;
    }

    /// Ends the line and leaves an empty one, once.
    fn paragraph(&mut self) {
        self.break_line();
        if self.lines.last().is_some_and(|l| !l.text.is_empty() && l.depth == self.depth) && self.lists.is_empty() {
            self.end_line();
        }
    }

    fn finish(mut self) -> Vec<Line> {
        self.break_line();
        while self.lines.last().is_some_and(|line| line.text.is_empty()) {
            self.lines.pop();
        }
        self.lines
    }
}

fn is_block(name: &str) -> bool {
    use super::elements::{Kind, element};
    matches!(element(name), Some((_, Kind::Block | Kind::Term | Kind::List | Kind::Table | Kind::Aside)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(html: &str) -> String {
        let lines = to_lines(html);
        lines.iter().map(|l| format!("{}{}", ">".repeat(l.depth), l.text)).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn html_reads_as_text() {
        for (html, text) in [
            ("<p>a  b</p><p>c</p>", "a b||c"),
            ("<div>a<br>b</div><div>c</div>", "a|b|c"),
            ("<blockquote>q<blockquote>r</blockquote></blockquote>s", ">q|>>r|s"),
            ("<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>", "- a|- b|  1. c"),
            ("<a href=\"https://x.test/y\">here</a>.", "here <https://x.test/y>."),
            ("<a href=\"https://x.test/\">x.test</a>", "x.test"),
            ("<pre>a\n  b</pre>", "a|  b"),
            ("a<img alt=\"Logo\">b<hr>c", "a[Logo]b|----|c"),
            ("<table><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>", "a b|c"),
            ("<div style=\"display:none\">x<br><b>y</b></div>z", "z"),
            ("1 &lt; 2 &amp;amp;", "1 < 2 &amp;"),
        ] {
            assert_eq!(show(html), text, "{html}");
        }
    }
}
