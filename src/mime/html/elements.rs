//! What HTML of a mail may have: the one table of elements and attributes, and what tree building asks of each.

/// How an element behaves where others stand open (HTML §13.2.6.4.7 "in body").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Has no content and no end tag.
    Void,
    /// Reopened by browsers where it was left open: a few in a row multiply what follows.
    Formatting,
    Link,
    Inline,
    /// Ends an open paragraph.
    Block,
    Item,
    Term,
    List,
    Table,
    /// caption and colgroup.
    Aside,
    Section,
    Row,
    Cell,
}

use Kind::*;

/// Every element that stays.
pub(super) const ELEMENTS: &[(&str, Kind)] = &[
    ("a", Link),
    ("abbr", Inline),
    ("acronym", Inline),
    ("address", Block),
    ("article", Block),
    ("aside", Block),
    ("b", Formatting),
    ("bdi", Inline),
    ("big", Formatting),
    ("blockquote", Block),
    ("br", Void),
    ("caption", Aside),
    ("center", Block),
    ("cite", Inline),
    ("code", Formatting),
    ("col", Void),
    ("colgroup", Aside),
    ("dd", Term),
    ("del", Inline),
    ("dfn", Inline),
    ("div", Block),
    ("dl", List),
    ("dt", Term),
    ("em", Formatting),
    ("figcaption", Block),
    ("figure", Block),
    ("font", Formatting),
    ("footer", Block),
    ("h1", Block),
    ("h2", Block),
    ("h3", Block),
    ("h4", Block),
    ("h5", Block),
    ("h6", Block),
    ("header", Block),
    ("hr", Void),
    ("i", Formatting),
    ("img", Void),
    ("ins", Inline),
    ("kbd", Inline),
    ("li", Item),
    ("main", Block),
    ("mark", Inline),
    ("nav", Block),
    ("ol", List),
    ("p", Block),
    ("pre", Block),
    ("q", Inline),
    ("s", Formatting),
    ("samp", Inline),
    ("section", Block),
    ("small", Formatting),
    ("span", Inline),
    ("strike", Formatting),
    ("strong", Formatting),
    ("sub", Inline),
    ("sup", Inline),
    ("table", Table),
    ("tbody", Section),
    ("td", Cell),
    ("tfoot", Section),
    ("th", Cell),
    ("thead", Section),
    ("tr", Row),
    ("tt", Formatting),
    ("u", Formatting),
    ("ul", List),
    ("var", Inline),
    ("wbr", Void),
];

/// What a value must be to stay.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// One of these, in any case.
    Word(&'static [&'static str]),
    /// A whole number up to this.
    Number(u32),
    /// Pixels up to this, or up to 100 %.
    Length(u32),
    Colour,
    /// Font names.
    Face,
    /// Words for people, of at most so many characters.
    Text(usize),
    Language,
    Style,
    Href,
    Source,
}

/// Every attribute that stays, and the element it belongs to where it is one alone.
pub(super) const ATTRIBUTES: &[(&str, Option<&str>, Rule)] = &[
    ("align", None, Rule::Word(&["left", "right", "center", "justify", "top", "middle", "bottom"])),
    ("alt", Some("img"), Rule::Text(1000)),
    ("bgcolor", None, Rule::Colour),
    ("border", None, Rule::Number(20)),
    ("cellpadding", None, Rule::Number(60)),
    ("cellspacing", None, Rule::Number(60)),
    ("color", Some("font"), Rule::Colour),
    ("colspan", None, Rule::Number(100)),
    ("dir", None, Rule::Word(&["ltr", "rtl", "auto"])),
    ("face", Some("font"), Rule::Face),
    ("height", None, Rule::Length(2000)),
    ("href", Some("a"), Rule::Href),
    ("lang", None, Rule::Language),
    ("noshade", Some("hr"), Rule::Word(&["", "noshade"])),
    ("nowrap", None, Rule::Word(&["", "nowrap"])),
    ("reversed", Some("ol"), Rule::Word(&["", "reversed"])),
    // Tables for looks say so to screen readers.
    ("role", Some("table"), Rule::Word(&["presentation", "none"])),
    ("rowspan", None, Rule::Number(200)),
    ("scope", None, Rule::Word(&["row", "col", "rowgroup", "colgroup"])),
    ("size", None, Rule::Word(&["1", "2", "3", "4", "5", "6", "7", "+1", "+2", "+3", "-1", "-2", "-3"])),
    ("span", None, Rule::Number(100)),
    ("src", Some("img"), Rule::Source),
    ("start", Some("ol"), Rule::Number(1_000_000)),
    ("style", None, Rule::Style),
    ("title", None, Rule::Text(500)),
    ("type", None, Rule::Word(&["1", "a", "i", "disc", "circle", "square"])),
    ("valign", None, Rule::Word(&["top", "middle", "bottom", "baseline"])),
    ("value", Some("li"), Rule::Number(1_000_000)),
    ("width", None, Rule::Length(2000)),
];

/// Elements whose content is no part of the text: it goes with them. Browsers read them without looking for tags.
pub(super) const SILENT: &[&str] = &["iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"];

/// An element's name as it stands in the table, and its kind.
pub(super) fn element(name: &str) -> Option<(&'static str, Kind)> {
    ELEMENTS.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|at| ELEMENTS[at])
}

/// The rule for an attribute of an element.
pub(super) fn rule(element: &str, name: &str) -> Option<Rule> {
    let at = ATTRIBUTES.binary_search_by(|(known, _, _)| (*known).cmp(name)).ok()?;
    let (_, only, rule) = ATTRIBUTES[at];
    only.is_none_or(|only| only == element).then_some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_for_their_search() {
        assert!(ELEMENTS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(ATTRIBUTES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(SILENT.iter().all(|name| element(name).is_none()));
    }
}
