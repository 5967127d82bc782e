//! Looks for what must not be in a page, with a list of its own: the sanitiser's tables are no proof of themselves.

/// What this page may have.
#[derive(Debug, Clone, Copy)]
pub(in crate::mime) struct Allowed {
    pub remote: bool,
    /// `class` of the sheet, which only the plain-text writer uses.
    pub class: bool,
    /// In front of links to the composer.
    pub compose: &'static str,
}

impl Allowed {
    pub fn html(remote: bool) -> Self {
        Self { remote, class: false, compose: "/mail/compose?mailto=" }
    }

    pub fn plain() -> Self {
        Self { remote: false, class: true, compose: "/mail/compose?mailto=" }
    }
}

const ELEMENTS: &str = " a abbr acronym address article aside b bdi big blockquote br caption center cite code col colgroup \
    dd del dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p \
    pre q s samp section small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var wbr ";

const ATTRIBUTES: &str = " align alt bgcolor border cellpadding cellspacing color colspan dir face height href lang \
    noshade nowrap rel reversed role rowspan scope size span src start style target title type valign value width ";

/// What is wrong with a fragment, by a reader that takes every `<` for a tag, as the strictest browser might.
pub(in crate::mime) fn faults(html: &str, allowed: Allowed) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        if rest[..open].contains('\0') {
            out.push("NUL".to_owned());
        }
        let tag = &rest[open + 1..];
        let Some(close) = end_of_tag(tag) else {
            out.push(format!("no end: <{tag}"));
            return out;
        };
        rest = &tag[close + 1..];
        let inner = &tag[..close];
        let (is_end, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
        let name_end = inner.find(' ').unwrap_or(inner.len());
        let (name, attributes) = inner.split_at(name_end);
        if name.is_empty() || !ELEMENTS.contains(&format!(" {name} ")) {
            out.push(format!("element <{inner}>"));
        }
        if is_end && !attributes.is_empty() {
            out.push(format!("attributes of an end tag <{inner}>"));
        }
        attribute_faults(&mut out, name, attributes, allowed);
    }
    out
}

/// Where a tag ends: the first `>` outside of double quotes, the only ones there may be.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, c) in tag.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn attribute_faults(out: &mut Vec<String>, element: &str, attributes: &str, allowed: Allowed) {
    let mut rest = attributes;
    while !rest.is_empty() {
        let parts = rest.strip_prefix(' ').and_then(|r| r.split_once("=\"")).and_then(|(name, r)| {
            let (value, after) = r.split_once('"')?;
            Some((name, value, after))
        });
        let Some((name, value, after)) = parts else {
            out.push(format!("attribute {rest}"));
            return;
        };
        rest = after;
        let known = ATTRIBUTES.contains(&format!(" {name} ")) || (allowed.class && name == "class");
        if name.is_empty() || name.contains(' ') || !known {
            out.push(format!("attribute {name} of {element}"));
        }
        if value.contains(['<', '>']) {
            out.push(format!("value {value}"));
        }
        let value = decoded(value);
        let fine = match name {
            "href" => element == "a" && is_link(&value, allowed),
            "src" => element == "img" && is_image(&value, allowed),
            "style" => is_style(&value),
            "target" => value == "_blank",
            "rel" => value == "noopener noreferrer nofollow",
            "class" => matches!(value.as_str(), "plain" | "signature"),
            // Shown to people as they stand; everything else is short words and numbers.
            "title" | "alt" => true,
            _ => !value.to_lowercase().contains("script") && !value.contains(['(', ':']),
        };
        if !fine {
            out.push(format!("{name}={value} of {element}"));
        }
    }
    if element == "a"
        && !(attributes.contains(" rel=\"noopener") && attributes.contains(" target=\"_blank\""))
        && !attributes.is_empty()
    {
        out.push(format!("a link without rel and target: {attributes}"));
    }
}

fn decoded(value: &str) -> String {
    let value = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}");
    value.replace("&amp;", "&")
}

fn is_link(value: &str, allowed: Allowed) -> bool {
    let composed = value.strip_prefix(allowed.compose).is_some_and(|rest| {
        rest.starts_with("mailto%3A") && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b))
    });
    let plain = !value.contains(|c: char| c.is_control() || c == ' ');
    composed || (plain && ["http://", "https://", "mailto:"].iter().any(|scheme| value.starts_with(scheme)))
}

fn is_image(value: &str, allowed: Allowed) -> bool {
    let inline = ["png", "jpeg", "gif", "webp"].iter().any(|kind| {
        value
            .strip_prefix(&format!("data:image/{kind};base64,"))
            .is_some_and(|data| data.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)))
    });
    inline || (allowed.remote && (value.starts_with("http://") || value.starts_with("https://")))
}

fn is_style(value: &str) -> bool {
    let low = value.to_lowercase();
    let functions =
        low.match_indices('(').all(|(at, _)| ["rgb", "rgba", "hsl", "hsla"].iter().any(|f| low[..at].ends_with(f)));
    let words = [
        "url",
        "var",
        "expression",
        "import",
        "position",
        "fixed;",
        "behavior",
        "binding",
        "script",
        "float",
        "z-index",
    ];
    let names = low.split(';').map(|d| d.split(':').next().unwrap_or_default().trim());
    let named = names
        .filter(|n| !n.is_empty())
        .all(|n| !words.contains(&n) && n.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    let face = |d: &str| d.trim_start().starts_with("font-family:");
    let worded = low
        .split(';')
        .filter(|d| !face(d))
        .all(|d| !words.iter().any(|w| d.contains(w)) || d.starts_with("list-style-position"));
    functions && named && worded && !low.contains(['\\', '@', '{', '}', '<', '>', '&', '"', '/', '*'])
}

#[test]
fn the_checker_sees_what_is_wrong() {
    for bad in [
        "<script>x</script>",
        "<p onclick=\"x\">",
        "<a href=\"javascript:x\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">",
        "<a href=\"https://x\">",
        "<img src=\"http://x\">",
        "<img src=\"data:image/svg+xml;base64,AA\">",
        "<p style=\"position:fixed\">",
        "<p style=\"color:var(--x)\">",
        "<p id=\"x\">",
        "<p class=\"plain\">",
        "<img src=x>",
        "< p>",
        "<!-- x -->",
        "<p title=\"a>b\">",
        "<p",
    ] {
        assert!(!faults(bad, Allowed::html(false)).is_empty(), "{bad}");
    }
    assert!(faults("<p style=\"color:rgb(1,2,3)\">x</p>", Allowed::html(false)).is_empty());
}
