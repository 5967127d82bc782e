//! HTML of a mail made safe to stand in a page.
//!
//! Three steps, each of which may only take away: [`tame`] bounds depth and number of elements, so that no input is
//! expensive; [ammonia] parses what is left as browsers do and keeps the elements and attributes of one table
//! ([`elements`]); [`values`] reads its output and keeps the values that load nothing, run nothing and move nothing.
//! What comes out has no script, form, frame, plugin, SVG, MathML, style sheet, id or class.

mod elements;
mod image;
mod lex;
mod link;
mod pieces;
mod style;
mod tame;
mod text;
mod values;

#[cfg(test)]
pub(in crate::mime) mod checker;
#[cfg(test)]
mod tests;

pub use image::{Pictures, raster};
pub use link::{LONGEST as LONGEST_LINK, Target, content_id};
pub use pieces::escape;
pub use text::to_lines;

use ammonia::{Builder, UrlRelative};
use std::collections::{HashMap, HashSet};

/// Most octets of source that are read, inline images in it counted.
const SOURCE: usize = 24 << 20;

/// What becomes of images that stand elsewhere in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote {
    /// They are left out and counted: fetching one tells its owner who read the message, and when.
    Blocked,
    Allowed,
}

/// How a message is shown.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    pub remote: Remote,
    /// What stands before a percent-encoded `mailto:` address to open it here; `None` leaves such links as they are.
    pub compose: Option<&'a str>,
}

/// HTML that may stand in a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Safe {
    pub html: String,
    /// Remote images that were left out and that [`Remote::Allowed`] would show.
    pub remote: usize,
    /// The source was too much; its end is missing.
    pub cut: bool,
}

/// Whether there is nothing to see in HTML that was made safe: neither words nor pictures.
pub fn is_blank(html: &str) -> bool {
    let blank = |text: &str| text.replace("&nbsp;", " ").trim().is_empty();
    let mut pieces = html.split('<');
    pieces.next().is_none_or(blank)
        && pieces.all(|piece| {
            let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
            !tag.starts_with("img") && blank(text)
        })
}

/// Makes HTML safe. The cost is bounded, whatever stands in it; what `pictures` costs is shared by all texts of a message.
pub fn sanitise(html: &str, options: &Options<'_>, pictures: &mut Pictures<'_>) -> Safe {
    let short = &html[..html.floor_char_boundary(SOURCE)];
    let tame = tame::tame(short);
    let clean = cleaner().clean(&tame.html).to_string();
    let mut writer = values::Writer::new(options, &tame.lifted, pictures);
    writer.write(&clean);
    Safe { html: writer.out, remote: writer.remote, cut: tame.cut || short.len() < html.len() }
}

/// The parser with the table as its list of what may stay.
fn cleaner() -> Builder<'static> {
    let mut generic = HashSet::new();
    let mut own: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (name, element, _) in elements::ATTRIBUTES {
        match element {
            Some(element) => own.entry(element).or_default().insert(name),
            None => generic.insert(*name),
        };
    }
    let mut builder = Builder::empty();
    builder
        .tags(elements::ELEMENTS.iter().map(|(name, _)| *name).collect())
        .clean_content_tags(elements::SILENT.iter().copied().collect())
        .tag_attributes(own)
        .generic_attributes(generic)
        .url_schemes(["http", "https", "mailto", "cid", "data"].into())
        // `//host/x` is judged with the other values.
        .url_relative(UrlRelative::PassThrough)
        .filter_style_properties(style::names().collect())
        .link_rel(Some("noopener noreferrer nofollow"))
        .set_tag_attribute_value("a", "target", "_blank");
    builder
}

/// What a page around a message says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub title: &'a str,
    /// Language and direction where the message says nothing: the reader's.
    pub lang: &'a str,
    pub dir: &'a str,
}

/// A whole page for the message's own frame, around what [`sanitise`] or [`super::plain::to_html`] gave.
///
/// Its policy has to permit inline styles (the sheet here, and `style` attributes) and should permit nothing else.
pub fn document(fragment: &str, frame: &Frame<'_>) -> String {
    let mut out = String::with_capacity(fragment.len() + 2000);
    out.push_str("<!doctype html>\n<html lang=\"");
    escape(&mut out, frame.lang);
    out.push_str("\" dir=\"");
    escape(&mut out, frame.dir);
    out.push_str("\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>");
    escape(&mut out, frame.title);
    out.push_str("</title><style>");
    out.push_str(include_str!("sheet.css"));
    out.push_str("</style></head><body dir=\"auto\">\n");
    out.push_str(fragment);
    out.push_str("\n</body></html>\n");
    out
}
