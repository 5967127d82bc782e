//! The base subject (RFC 5256 §2.1): what threads and sorts compare.

/// Extracts the base subject of a decoded subject.
pub fn base(subject: &str) -> String {
    let mut text = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    loop {
        let before = text.len();
        strip_trailer(&mut text);
        strip_leaders(&mut text);
        // (6): the whole wrapped in [Fwd: ...]
        let inner = text.get(..5).filter(|t| t.eq_ignore_ascii_case("[fwd:")).is_some() && text.ends_with(']');
        if inner {
            text = text[5..text.len() - 1].trim().to_owned();
        }
        if text.len() == before {
            return text;
        }
    }
}

/// (2): `(fwd)` and blanks at the end.
fn strip_trailer(text: &mut String) {
    loop {
        let trimmed = text.trim_end();
        let end = trimmed.len();
        let cut = end
            .checked_sub(5)
            .and_then(|at| trimmed.get(at..))
            .filter(|t| t.eq_ignore_ascii_case("(fwd)"))
            .map(|_| end - 5);
        match cut {
            Some(at) => text.truncate(at),
            None => {
                text.truncate(end);
                return;
            }
        }
    }
}

/// (3) to (5): `re:`, `fw:`, `fwd:` with blobs, then a blob in front while something is left.
fn strip_leaders(text: &mut String) {
    loop {
        let rest = text.trim_start();
        let after_blobs = skip_blobs(rest);
        if let Some(after) = refwd(after_blobs) {
            *text = after.to_owned();
            continue;
        }
        match blob(rest) {
            Some(after) if !after.trim().is_empty() => *text = after.to_owned(),
            _ => {
                *text = rest.to_owned();
                return;
            }
        }
    }
}

fn skip_blobs(mut text: &str) -> &str {
    while let Some(after) = blob(text) {
        text = after;
    }
    text
}

/// `[anything but brackets]` and blanks.
fn blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    inner[end..].strip_prefix(']').map(str::trim_start)
}

/// `re`, `fw` or `fwd`, a blob, a colon.
fn refwd(text: &str) -> Option<&str> {
    let word = ["fwd", "re", "fw"].iter().find(|w| text.get(..w.len()).is_some_and(|t| t.eq_ignore_ascii_case(w)))?;
    let rest = text[word.len()..].trim_start();
    let rest = blob(rest).unwrap_or(rest);
    rest.strip_prefix(':')
}

/// What other programs write for `Re:` and `Fwd:`, in lower case.
const REPLIES: [&str; 8] = ["re", "aw", "antw", "sv", "vs", "rif", "ynt", "odp"];
const FORWARDS: [&str; 5] = ["fwd", "fw", "wg", "tr", "doorst"];

/// The subject of a reply: `Re:` once, whatever stood there.
pub fn reply(subject: &str) -> String {
    prefixed("Re: ", subject, &REPLIES)
}

/// The subject of a forwarded message: `Fwd:` once.
pub fn forward(subject: &str) -> String {
    prefixed("Fwd: ", subject, &FORWARDS)
}

fn prefixed(prefix: &str, subject: &str, alike: &[&str]) -> String {
    let mut rest = subject.trim();
    // `Re[2]:` and `Re :` are written too.
    while let Some(after) = rest.split_once(':').and_then(|(front, after)| {
        let word = front.split('[').next().unwrap_or_default().trim_end();
        alike.iter().any(|a| word.eq_ignore_ascii_case(a)).then_some(after)
    }) {
        rest = after.trim_start();
    }
    format!("{prefix}{rest}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bases() {
        for (subject, wanted) in [
            ("Re: Hello", "Hello"),
            ("RE: Fw: [list] re[2]: Hello (fwd) (FWD)", "Hello"),
            ("[Fwd: Re: Hello]", "Hello"),
            ("[list]", "[list]"),
            ("[a] [b] c", "c"),
            ("Rewrite: it", "Rewrite: it"),
            ("  many   blanks ", "many blanks"),
            ("Re:", ""),
            ("Größe", "Größe"),
        ] {
            assert_eq!(base(subject), wanted, "{subject}");
        }
    }

    #[test]
    fn prefixes_stand_once() {
        for (subject, replied, forwarded) in [
            ("Tea", "Re: Tea", "Fwd: Tea"),
            ("RE: Aw: re[2]: [x] Tea", "Re: [x] Tea", "Fwd: RE: Aw: re[2]: [x] Tea"),
            ("Fw: WG: Tea", "Re: Fw: WG: Tea", "Fwd: Tea"),
            ("", "Re:", "Fwd:"),
            ("Regarding: x", "Re: Regarding: x", "Fwd: Regarding: x"),
        ] {
            assert_eq!((reply(subject), forward(subject)), (replied.to_owned(), forwarded.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn it_ends_and_is_a_fixed_point(subject in "(re|fwd|fw|\\[|\\]|:|\\(fwd\\)| |x|ü){0,20}") {
            let once = base(&subject);
            prop_assert_eq!(base(&once), once);
        }
    }
}
