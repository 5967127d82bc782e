//! Foreign text as it may stand in a page: names, subjects, file names. One place, so that no page forgets a trick.

use unicode_normalization::UnicodeNormalization;

/// Stands for a character that is not shown.
pub const MARK: char = '\u{FFFD}';

/// Most characters of a file name, and octets: more is no name on most systems.
const NAME: usize = 120;
const OCTETS: usize = 255;

/// Reorders what stands beside it (Unicode Bidirectional Algorithm, UAX #9): embeddings, overrides, isolates.
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Takes no room, so that two texts which differ look alike.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// One line of at most `most` characters, NFC: blanks of every kind are spaces, other controls [`MARK`]s, what is
/// invisible or reorders its neighbours is gone. What was cut ends in `…`.
///
/// Joiners stay between letters that are not ASCII: Persian and emoji are written with them.
pub fn line(text: &str, most: usize) -> String {
    let is_joiner = |c: char| matches!(c, '\u{200C}' | '\u{200D}');
    let joins =
        |c: Option<char>| c.is_some_and(|c| !(c.is_ascii() || c.is_whitespace() || c.is_control() || is_joiner(c)));
    let is_seen = |c: &char| !is_bidi_control(*c) && !is_invisible(*c);
    let (mut out, mut count) = (String::new(), 0);
    // Composed characters are made of few: what lies far beyond the bound needs no work.
    let mut rest = text.chars().take(most.saturating_mul(8)).filter(is_seen).nfc().peekable();
    while let Some(c) = rest.next() {
        let c = match c {
            c if is_joiner(c) && joins(out.chars().next_back()) && joins(rest.peek().copied()) => c,
            c if is_joiner(c) => continue,
            '\u{2028}' | '\u{2029}' => ' ',
            c if c.is_whitespace() => ' ',
            c if c.is_control() => MARK,
            c => c,
        };
        if c == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        if count == most {
            out.pop();
            out.push('…');
            break;
        }
        out.push(c);
        count += 1;
    }
    out.truncate(out.trim_end().len());
    // What was left out may have stood between a letter and its accent.
    if out.is_ascii() { out } else { out.nfc().collect() }
}

/// Whether a reader may take a word of it for an address.
pub fn passes_for_address(text: &str) -> bool {
    let is_address = |word: &str| {
        let mut sides = word.splitn(2, ['@', '＠', '﹫']).map(|side| side.contains(char::is_alphanumeric));
        sides.next() == Some(true) && sides.next() == Some(true)
    };
    text.split_whitespace().any(is_address)
}

/// Whether nothing in it is invisible, a control or reorders its neighbours; joiners may be in it.
pub fn is_seen(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || is_bidi_control(c) || is_invisible(c))
}

/// Whether it is shown as it is, and no other text looks the same by its form alone: NFKC, nothing invisible, nothing that
/// reorders, no blank (RFC 8265 §3.3.1).
pub fn is_plain(text: &str) -> bool {
    text.nfkc().eq(text.chars()) && line(text, usize::MAX) == text && !text.contains(char::is_whitespace)
}

/// A file name that is nothing but a name on every system: no path, no control, no reserved word. Empty: there was none.
///
/// The extension survives the bound: it is what tells a person what a file is.
pub fn file_name(text: &str) -> String {
    let name: String = line(text, 2000)
        .chars()
        .map(|c| if matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | MARK) { '_' } else { c })
        .collect();
    let name = name.trim_matches(|c: char| c == '.' || c == ' ');
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered =
        |word: &str| stem.strip_prefix(word).is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()));
    let reserved = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt");
    let name = if reserved { format!("_{name}") } else { name.to_owned() };
    if name.chars().count() <= NAME && name.len() <= OCTETS {
        return name;
    }
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    let end = if matches!(extension.chars().count(), 1..=16) { format!("….{extension}") } else { String::new() };
    let stem: String = name.chars().take(NAME - end.chars().count()).collect();
    let stem = &stem[..stem.floor_char_boundary(OCTETS - end.len())];
    format!("{}{end}", stem.trim_end_matches([' ', '.', '\u{200C}', '\u{200D}']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_have_nothing_that_deceives() {
        for (text, shown) in [
            ("plain", "plain"),
            (" a\tb\r\n c ", "a b c"),
            ("a\0b\u{1b}[31m", "a\u{FFFD}b\u{FFFD}[31m"),
            ("gpj.\u{202E}exe", "gpj.exe"),
            ("pay\u{200B}pal\u{FEFF}", "paypal"),
            ("pay\u{200D}pal", "paypal"),
            ("👩\u{200D}💻", "👩\u{200D}💻"),
            ("e\u{301}", "é"),
            ("x\u{2028}y", "x y"),
        ] {
            assert_eq!(line(text, 100), shown, "{text:?}");
        }
        assert_eq!(line("abcdef", 4), "abc…");
        assert_eq!(line("abcd", 4), "abcd");
    }

    #[test]
    fn what_passes_for_an_address() {
        for text in ["boss@bank.test", "Your boss <boss@bank.test>", "boss＠bank.test", "boss@bank"] {
            assert!(passes_for_address(text), "{text}");
        }
        for text in ["Ann", "Lunch @ Noon", "@ann", "ann@", ""] {
            assert!(!passes_for_address(text), "{text}");
        }
    }

    #[test]
    fn what_is_seen() {
        for text in ["Lists", "100 %", "ä b", "👩\u{200D}💻", "نامه\u{200C}ها"] {
            assert!(is_seen(text), "{text:?}");
        }
        for text in ["Inb\u{200B}ox", "a\u{202E}b", "\u{FEFF}", "a\tb"] {
            assert!(!is_seen(text), "{text:?}");
        }
    }

    #[test]
    fn file_names_are_names() {
        for (text, shown) in [
            ("../../etc/passwd", "_.._etc_passwd"),
            ("C:\\x\\y.doc", "C__x_y.doc"),
            ("a\u{202E}gpj.exe", "agpj.exe"),
            ("NUL.txt", "_NUL.txt"),
            ("com1", "_com1"),
            ("...", ""),
            ("Straße 1.pdf", "Straße 1.pdf"),
        ] {
            assert_eq!(file_name(text), shown, "{text:?}");
        }
        let long = file_name(&format!("{}.pdf", "x".repeat(500)));
        assert!(long.ends_with("….pdf") && long.chars().count() <= NAME, "{long}");
        let wide = file_name(&format!("{}.pdf", "日".repeat(100)));
        assert!(wide.ends_with("日….pdf") && wide.len() <= OCTETS, "{wide}");
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_bounded_line(text: String, most in 1usize..50) {
            let shown = line(&text, most);
            prop_assert!(shown.chars().count() <= most);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_bidi_control(c)));
            let name = file_name(&text);
            prop_assert!(name.chars().count() <= NAME && name.len() <= OCTETS && !name.contains(['/', '\\', '\0']));
            prop_assert_eq!(file_name(&name), name);
        }

        #[test]
        fn a_name_that_was_cut_stays_as_it_is(text in "[a ./日\u{200D}\u{301}é👩]{100,300}") {
            let name = file_name(&text);
            prop_assert!(name.chars().count() <= NAME && name.len() <= OCTETS);
            prop_assert_eq!(file_name(&name), name);
        }
    }
}
