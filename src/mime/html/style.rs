//! The `style` attribute: properties that change how text looks where it stands, and nothing of where or what it is.
//!
//! A value is kept if each of its words is a colour, a bounded length or a listed word; escapes, comments, quotes outside
//! of font names and every function but the colour ones make it nothing.

/// What the words of a property may be.
#[derive(Debug, Clone, Copy)]
struct Shape {
    colour: bool,
    /// Longest length in pixels; 0: none may stand there.
    pixels: f32,
    percent: f32,
    /// A number without a unit up to this, as `line-height` has.
    bare: f32,
    words: &'static [&'static str],
}

const NOTHING: Shape = Shape { colour: false, pixels: 0.0, percent: 0.0, bare: 0.0, words: &[] };
const COLOUR: Shape = Shape { colour: true, words: &["transparent", "currentcolor", "initial", "inherit"], ..NOTHING };
const SIZE: Shape = Shape { pixels: 2000.0, percent: 100.0, words: &["auto", "none"], ..NOTHING };
const SPACE: Shape = Shape { pixels: 200.0, percent: 50.0, ..NOTHING };
const MARGIN: Shape = Shape { words: &["auto"], ..SPACE };
const EDGES: &[&str] = &[
    "none", "hidden", "solid", "dashed", "dotted", "double", "groove", "ridge", "inset", "outset", "thin", "medium",
    "thick",
];
const BORDER: Shape = Shape { colour: true, pixels: 20.0, words: EDGES, ..NOTHING };
const RADIUS: Shape = Shape { pixels: 200.0, percent: 50.0, ..NOTHING };

const fn words(words: &'static [&'static str]) -> Shape {
    Shape { words, ..NOTHING }
}

/// Properties that stay, sorted; `font-family` stands apart.
const PROPERTIES: &[(&str, Shape)] = &[
    ("background", COLOUR),
    ("background-color", COLOUR),
    ("border", BORDER),
    ("border-bottom", BORDER),
    ("border-bottom-color", BORDER),
    ("border-bottom-style", BORDER),
    ("border-bottom-width", BORDER),
    ("border-collapse", words(&["collapse", "separate"])),
    ("border-color", BORDER),
    ("border-left", BORDER),
    ("border-left-color", BORDER),
    ("border-left-style", BORDER),
    ("border-left-width", BORDER),
    ("border-radius", RADIUS),
    ("border-right", BORDER),
    ("border-right-color", BORDER),
    ("border-right-style", BORDER),
    ("border-right-width", BORDER),
    ("border-spacing", SPACE),
    ("border-style", BORDER),
    ("border-top", BORDER),
    ("border-top-color", BORDER),
    ("border-top-style", BORDER),
    ("border-top-width", BORDER),
    ("border-width", BORDER),
    ("box-sizing", words(&["border-box", "content-box"])),
    ("caption-side", words(&["top", "bottom"])),
    ("color", COLOUR),
    ("direction", words(&["ltr", "rtl"])),
    ("display", words(&["block", "inline", "inline-block", "list-item", "none", "table", "table-cell", "table-row"])),
    (
        "font-size",
        Shape {
            pixels: 96.0,
            percent: 400.0,
            words: &["xx-small", "x-small", "small", "medium", "large", "x-large", "xx-large", "smaller", "larger"],
            ..NOTHING
        },
    ),
    ("font-style", words(&["normal", "italic", "oblique"])),
    ("font-variant", words(&["normal", "small-caps"])),
    (
        "font-weight",
        words(&["normal", "bold", "bolder", "lighter", "100", "200", "300", "400", "500", "600", "700", "800", "900"]),
    ),
    ("height", SIZE),
    ("letter-spacing", Shape { pixels: 20.0, words: &["normal"], ..NOTHING }),
    ("line-height", Shape { pixels: 150.0, percent: 400.0, bare: 4.0, words: &["normal"], ..NOTHING }),
    ("list-style-position", words(&["inside", "outside"])),
    (
        "list-style-type",
        words(&[
            "none",
            "disc",
            "circle",
            "square",
            "decimal",
            "lower-alpha",
            "lower-latin",
            "lower-roman",
            "upper-alpha",
            "upper-latin",
            "upper-roman",
        ]),
    ),
    ("margin", MARGIN),
    ("margin-bottom", MARGIN),
    ("margin-left", MARGIN),
    ("margin-right", MARGIN),
    ("margin-top", MARGIN),
    ("max-height", SIZE),
    ("max-width", SIZE),
    ("min-height", SIZE),
    ("min-width", SIZE),
    ("overflow-wrap", words(&["normal", "break-word", "anywhere"])),
    ("padding", SPACE),
    ("padding-bottom", SPACE),
    ("padding-left", SPACE),
    ("padding-right", SPACE),
    ("padding-top", SPACE),
    ("table-layout", words(&["auto", "fixed"])),
    ("text-align", words(&["left", "right", "center", "justify", "start", "end"])),
    ("text-decoration", Shape { colour: true, words: &["none", "underline", "overline", "line-through"], ..NOTHING }),
    ("text-indent", SPACE),
    ("text-transform", words(&["none", "capitalize", "uppercase", "lowercase"])),
    ("vertical-align", words(&["baseline", "top", "middle", "bottom", "sub", "super", "text-top", "text-bottom"])),
    ("white-space", words(&["normal", "nowrap", "pre", "pre-line", "pre-wrap"])),
    ("width", SIZE),
    ("word-break", words(&["normal", "break-all", "break-word", "keep-all"])),
    ("word-wrap", words(&["normal", "break-word"])),
];

/// Declarations beyond this many are dropped.
const MOST: usize = 100;

/// The names of all properties that stay.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROPERTIES.iter().map(|(name, _)| *name).chain(["font-family"])
}

/// The declarations that stay, written anew; empty: none.
pub(super) fn filter(style: &str) -> String {
    let mut out = String::new();
    for declaration in style.split(';').take(MOST) {
        let Some((name, value)) = declaration.split_once(':') else { continue };
        let name = name.trim().to_ascii_lowercase();
        let value = value.trim();
        let value = match value.to_ascii_lowercase().strip_suffix("!important") {
            Some(rest) => value[..rest.len()].trim_end(),
            None => value,
        };
        let kept = match name.as_str() {
            "font-family" => face(value),
            name => PROPERTIES
                .binary_search_by(|(known, _)| (*known).cmp(name))
                .ok()
                .and_then(|at| shaped(&PROPERTIES[at].1, &value.to_ascii_lowercase())),
        };
        if let Some(value) = kept {
            if !out.is_empty() {
                out.push(';');
            }
            out.push_str(&name);
            out.push(':');
            out.push_str(&value);
        }
    }
    out
}

/// Names of fonts: letters, digits, blanks, commas, quotes in pairs.
pub(super) fn face(value: &str) -> Option<String> {
    let letters = |c: char| c.is_alphanumeric() || matches!(c, ' ' | ',' | '-' | '_' | '.' | '\'' | '"');
    let paired = ['\'', '"'].iter().all(|quote| value.matches(*quote).count() % 2 == 0);
    (!value.is_empty() && value.len() <= 300 && paired && value.chars().all(letters)).then(|| value.replace('"', "'"))
}

/// The words of a value if all of them are of the shape; at most six, as many as any property has.
fn shaped(shape: &Shape, value: &str) -> Option<String> {
    let mut out = String::new();
    let (mut rest, mut count) = (value.trim(), 0);
    while !rest.is_empty() {
        let end = match rest.find([' ', '\t', '\n', '\r', '(']) {
            Some(at) if rest[at..].starts_with('(') => rest.find(')')? + 1,
            Some(at) => at,
            None => rest.len(),
        };
        let word = &rest[..end];
        let fits = shape.words.contains(&word) || (shape.colour && is_colour(word)) || is_length(shape, word);
        if !fits || count == 6 {
            return None;
        }
        if count > 0 {
            out.push(' ');
        }
        out.push_str(word);
        count += 1;
        rest = rest[end..].trim_start();
    }
    (count > 0).then_some(out)
}

/// `#fff`, a name, `rgb(…)` and its like; lower case.
pub(super) fn is_colour(word: &str) -> bool {
    if let Some(hex) = word.strip_prefix('#') {
        return matches!(hex.len(), 3 | 4 | 6 | 8) && hex.bytes().all(|b| b.is_ascii_hexdigit());
    }
    let Some((function, values)) = word.split_once('(') else {
        return (3..=24).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase());
    };
    let values = values.strip_suffix(')').unwrap_or("(");
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b',' | b' ' | b'%');
    matches!(function, "rgb" | "rgba" | "hsl" | "hsla") && values.len() <= 60 && values.bytes().all(plain)
}

fn is_length(shape: &Shape, word: &str) -> bool {
    let digits = word.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, unit) = word.split_at(digits);
    let Some(number) = number.parse::<f32>().ok().filter(|n| n.is_finite()) else { return false };
    let pixels = match unit {
        "px" => 1.0,
        "pt" => 1.34,
        "em" | "rem" | "pc" => 16.0,
        "ex" | "ch" => 8.0,
        "in" => 96.0,
        "cm" => 38.0,
        "mm" => 3.8,
        "%" => return number <= shape.percent,
        "" => return number <= shape.bare || (number == 0.0 && shape.pixels > 0.0),
        _ => return false,
    };
    number * pixels <= shape.pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_stays() {
        assert!(PROPERTIES.is_sorted_by(|a, b| a.0 < b.0));
        for (style, kept) in [
            ("color: RED; font-size:12pt", "color:red;font-size:12pt"),
            ("COLOR:#aBc!important;", "color:#abc"),
            ("background: rgb(1, 2, 3)", "background:rgb(1, 2, 3)"),
            ("border:1px solid rgba(0,0,0,.5)", "border:1px solid rgba(0,0,0,.5)"),
            ("font-family:\"Segoe UI\",Arial", "font-family:'Segoe UI',Arial"),
            ("margin: 0 auto; padding:1em 2em; line-height: 1.5", "margin:0 auto;padding:1em 2em;line-height:1.5"),
            ("width:100%;text-align:center", "width:100%;text-align:center"),
        ] {
            assert_eq!(filter(style), kept, "{style}");
        }
    }

    #[test]
    fn what_moves_loads_or_hides_behind_escapes_is_nothing() {
        for style in [
            "position:fixed",
            "position : FIXED !important",
            "background:url(http://canary.example.test/)",
            "background:u\\72l(x)",
            "background:red url(x)",
            "background-image:image-set('x' 1x)",
            "color:var(--x)",
            "--x:url(y)",
            "width:expression(alert(1))",
            "width:calc(100% + 9px)",
            "width:9999px",
            "width:1e9px",
            "width:100vw",
            "margin:-50px",
            "margin-top:-1em",
            "color:/**/red",
            "color:red}*{x:y",
            "font-family:'a;b",
            "font-family:\\61",
            "behavior:url(x)",
            "-moz-binding:url(x)",
            "float:left",
            "transform:scale(9)",
            "z-index:9",
            "opacity:0",
            "border:21px solid",
            "color:rgb(1,2,3) url(x",
            "color:rgb(attr(x))",
            "co\\6cor:red",
        ] {
            assert_eq!(filter(style), "", "{style}");
        }
    }
}
