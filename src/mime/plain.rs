//! Plain text as HTML: escaped, links followed, quotes nested, the signature set apart.

use super::flowed::{Line, SIGNATURE};
use super::html::{LONGEST_LINK, Target, escape};
use crate::model::shown;

/// Deepest quotes that are told apart.
const DEPTH: usize = 16;
/// Most octets of the outcome.
const SIZE: usize = 4 << 20;
/// Links beyond this many stay text.
const LINKS: usize = 5000;

/// A text part in HTML, and whether its end was left out for its size.
///
/// `compose` as in [`super::html::Options`]. Characters that reorder or hide text are shown as U+FFFD.
pub fn to_html(lines: &[Line], compose: Option<&str>) -> (String, bool) {
    let mut writer = Writer { out: String::from("<div class=\"plain\">"), depth: 0, links: 0, compose };
    let signature = lines.iter().rposition(|line| line.depth == 0 && line.text == SIGNATURE);
    let mut cut = false;
    for (n, line) in lines.iter().enumerate() {
        if writer.out.len() > SIZE {
            cut = true;
            break;
        }
        let moved = writer.go_to(line.depth.min(DEPTH));
        // A quote is a block of its own: it needs no line end beside it.
        if n > 0 && !moved {
            writer.out.push('\n');
        }
        if signature == Some(n) {
            writer.out.push_str("<span class=\"signature\">");
        }
        writer.text(&line.text, SIZE);
    }
    writer.go_to(0);
    if signature.is_some() && writer.out.contains("<span class=\"signature\">") {
        writer.out.push_str("</span>");
    }
    writer.out.push_str("</div>");
    (writer.out, cut)
}

struct Writer<'a> {
    out: String,
    depth: usize,
    links: usize,
    compose: Option<&'a str>,
}

impl Writer<'_> {
    fn go_to(&mut self, depth: usize) -> bool {
        let moved = depth != self.depth;
        while self.depth < depth {
            self.out.push_str("<blockquote>");
            self.depth += 1;
        }
        while self.depth > depth {
            self.out.push_str("</blockquote>");
            self.depth -= 1;
        }
        moved
    }

    fn text(&mut self, text: &str, most: usize) {
        let mut rest = &text[..text.floor_char_boundary(most)];
        while let Some((at, length)) = find_link(rest).filter(|_| self.links < LINKS) {
            self.plain(&rest[..at]);
            let link = &rest[at..at + length];
            match Target::parse(link) {
                Some(target) => {
                    self.links += 1;
                    self.out.push_str("<a href=\"");
                    escape(&mut self.out, &target.href(self.compose));
                    self.out.push_str("\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">");
                    self.plain(link);
                    if let Some(place) = target.unlike(link) {
                        self.plain(&format!(" [{place}]"));
                    }
                    self.out.push_str("</a>");
                }
                None => self.plain(link),
            }
            rest = &rest[at + length..];
        }
        self.plain(rest);
    }

    fn plain(&mut self, text: &str) {
        let shown: String = text
            .chars()
            .map(|c| if (c.is_control() && c != '\t') || shown::is_bidi_control(c) { shown::MARK } else { c })
            .collect();
        escape(&mut self.out, &shown);
    }
}

/// The first address that may be a link: where it begins and its octets, without what ends the sentence around it.
fn find_link(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(colon) = memchr::memchr(b':', &bytes[from..]).map(|n| from + n) {
        from = colon + 1;
        let scheme = ["https", "http", "mailto"].iter().find(|scheme| {
            let front = colon.checked_sub(scheme.len()).map(|at| &bytes[at..colon]);
            front.is_some_and(|front| front.eq_ignore_ascii_case(scheme.as_bytes()))
        });
        let Some(scheme) = scheme else { continue };
        let start = colon - scheme.len();
        let inside_word = start > 0 && bytes[start - 1].is_ascii_alphanumeric();
        let web = *scheme != "mailto";
        if inside_word || (web && !bytes[from..].starts_with(b"//")) {
            continue;
        }
        let stops = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '`');
        let length = text[start..].find(|c| stops(c) || shown::is_bidi_control(c)).unwrap_or(text.len() - start);
        if length > LONGEST_LINK {
            from = start + length;
            continue;
        }
        let length = without_trailer(&text[start..start + length]);
        if length > scheme.len() + if web { 3 } else { 1 } {
            return Some((start, length));
        }
    }
    None
}

/// Octets without punctuation at the end; a bracket stays where its partner is inside.
fn without_trailer(link: &str) -> usize {
    // Closing brackets without a partner, of each kind; nothing that opens one is ever taken off.
    let mut alone = [('(', ')'), ('[', ']'), ('{', '}')].map(|(open, close)| {
        let (opened, closed) = (link.matches(open).count(), link.matches(close).count());
        (close, closed.saturating_sub(opened))
    });
    let mut end = link.len();
    for last in link.chars().rev() {
        match alone.iter_mut().find(|(close, _)| *close == last) {
            Some((_, 0)) => break,
            Some((_, count)) => *count -= 1,
            None if ".,;:!?'*_…”“’»".contains(last) => {}
            None => break,
        }
        end -= last.len_utf8();
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::flowed::{Wrapping, read};
    use crate::mime::html::checker;
    use proptest::prelude::*;

    fn html(text: &str) -> String {
        let html = to_html(&read(text, Wrapping::Fixed), Some("/c?m=")).0;
        html.strip_prefix("<div class=\"plain\">").unwrap().strip_suffix("</div>").unwrap().to_owned()
    }

    #[test]
    fn text_is_escaped_and_quotes_nest() {
        assert_eq!(html("a <b> & \"c\""), "a &lt;b&gt; &amp; &quot;c&quot;");
        assert_eq!(html("a\n> b\n> > c\nd"), "a<blockquote>b<blockquote>c</blockquote></blockquote>d");
        assert_eq!(html("a\n\nb"), "a\n\nb");
        assert_eq!(html("a\n-- \nAnn"), "a\n<span class=\"signature\">-- \nAnn</span>");
        assert_eq!(html("x\u{202E}y\u{7}"), "x\u{FFFD}y\u{FFFD}");
    }

    #[test]
    fn links_end_where_the_sentence_goes_on() {
        let link = |text: &str| find_link(text).map(|(at, length)| text[at..at + length].to_owned());
        for (text, wanted) in [
            ("see https://x.test/a.", Some("https://x.test/a")),
            ("(http://x.test/a_(b))", Some("http://x.test/a_(b)")),
            ("<HTTPS://x.test?a=b&c>", Some("HTTPS://x.test?a=b&c")),
            ("mailto:ann@x.test, or", Some("mailto:ann@x.test")),
            ("xhttp://y.test", None),
            ("javascript:alert(1)", None),
            ("http: //x", None),
            ("https://", None),
        ] {
            assert_eq!(link(text).as_deref(), wanted, "{text}");
        }
        assert_eq!(
            html("https://x.test/\"onclick=alert(1)"),
            "<a href=\"https://x.test/\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">https://x.test/</a>&quot;onclick=alert(1)"
        );
        assert!(html("mailto:a@x.test").starts_with("<a href=\"/c?m=mailto%3Aa%40x.test\""));
        assert!(html("https://bank.test@evil.test/").contains("evil.test"));
    }

    #[test]
    fn brackets_at_the_end_are_counted_once() {
        let (open, close) = ("(".repeat(3000), ")".repeat(4000));
        assert_eq!(without_trailer(&format!("http://x/{open}{close}")), 9 + 6000);
        // As much work as the square of their number would be hours.
        assert_eq!(without_trailer(&format!("http://x{}", ")".repeat(8 << 20))), 8);
    }

    #[test]
    fn a_word_longer_than_any_link_is_none() {
        let link = format!("http://x/{}", "a".repeat(LONGEST_LINK));
        assert_eq!(find_link(&link), None);
        assert_eq!(find_link(&format!("{link} http://y/z.")), Some((link.len() + 1, 10)));
    }

    /// Work that grows with the square would take longer than a test may.
    #[test]
    fn one_line_of_many_links_is_read_once() {
        let text = "http://a.test/ ".repeat(70_000) + &"https:".repeat(100_000) + &"http://((((".repeat(50_000);
        assert!(html(&text).len() > 70_000);
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text: String, more in "(<|>|\"|'|&|http://x|https://|mailto:a@b|\\)|javascript:|\n|> ){0,30}") {
            for text in [text.clone(), more.clone(), more + &text] {
                let (html, _) = to_html(&read(&text, Wrapping::Fixed), None);
                prop_assert_eq!(checker::faults(&html, checker::Allowed::plain()), Vec::<String>::new());
            }
        }
    }
}
