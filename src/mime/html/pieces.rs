//! Reads HTML that a serializer wrote (HTML §13.3): every value in double quotes, every `<` a tag, five references.

use std::borrow::Cow;

/// What stands next.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// With its references.
    Text(&'a str),
    Start(&'a str, Vec<(&'a str, Cow<'a, str>)>),
    End(&'a str),
}

/// The pieces of serialized HTML, in order. A tag that no serializer wrote ends them.
pub(super) fn pieces(html: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(tag) = rest.strip_prefix('<') else {
            let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            rest = after;
            return Some(Piece::Text(text));
        };
        if let Some(end) = tag.strip_prefix('/') {
            let (name, after) = end.split_once('>')?;
            rest = after;
            return Some(Piece::End(name));
        }
        let (name, mut after) = tag.split_at(tag.find([' ', '>'])?);
        let mut attributes = Vec::new();
        while let Some(attribute) = after.strip_prefix(' ') {
            let (name, value) = attribute.split_once("=\"")?;
            let (value, next) = value.split_once('"')?;
            attributes.push((name, unescape(value)));
            after = next;
        }
        rest = after.strip_prefix('>')?;
        Some(Piece::Start(name, attributes))
    })
}

/// Undoes the references that a serializer writes.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&nbsp;", "\u{a0}");
    Cow::Owned(text.replace("&amp;", "&"))
}

/// Writes text so that it is text in an element or a value in double quotes.
pub fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_read_back() {
        let nasty = "a<b>&amp;\"'\u{a0}&lt;";
        let mut html = String::from("<p title=\"");
        escape(&mut html, nasty);
        html.push_str("\">");
        escape(&mut html, nasty);
        html.push_str("</p>");
        let list: Vec<_> = pieces(&html).collect();
        let [Piece::Start("p", attributes), Piece::Text(text), Piece::End("p")] = &list[..] else { panic!("{list:?}") };
        assert_eq!((attributes[0].0, &*attributes[0].1, &*unescape(text)), ("title", nasty, nasty));
    }
}
