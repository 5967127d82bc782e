//! Lines of plain text with their quote depth, and format=flowed both ways (RFC 3676).

/// How a text part breaks its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wrapping {
    /// As they are written.
    #[default]
    Fixed,
    /// `format=flowed`: a blank at the end joins a line with the next; with `DelSp=yes` the blank itself goes.
    Flowed { delsp: bool },
}

/// A line, or a paragraph that was flowed, without its quote marks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    pub depth: usize,
    pub text: String,
}

/// What stands alone on the line above a signature (§4.3).
pub const SIGNATURE: &str = "-- ";
/// Characters of a line before it is wrapped, with the blank that wraps it (§4.2: 78 at most).
const WIDTH: usize = 76;

/// Reads text; line ends of every kind.
pub fn read(text: &str, wrapping: Wrapping) -> Vec<Line> {
    let Wrapping::Flowed { delsp } = wrapping else {
        return lines(text).map(|line| unquote(&line)).collect();
    };
    let mut out: Vec<Line> = Vec::new();
    let mut flows = false;
    for line in lines(text) {
        let depth = line.bytes().take_while(|b| *b == b'>').count();
        let rest = &line[depth..];
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let soft = rest.ends_with(' ') && rest != SIGNATURE;
        let kept = if soft && delsp { &rest[..rest.len() - 1] } else { rest };
        match out.last_mut().filter(|last| flows && last.depth == depth && rest != SIGNATURE) {
            Some(last) => last.text.push_str(kept),
            None => out.push(Line { depth, text: kept.to_owned() }),
        }
        flows = soft;
    }
    out
}

/// A line as people quote: `> > text`, `>>text`.
fn unquote(line: &str) -> Line {
    let (mut depth, mut rest) = (0, line);
    loop {
        let next = if depth > 0 { rest.strip_prefix(" >") } else { None };
        let Some(after) = next.or_else(|| rest.strip_prefix('>')) else { break };
        (depth, rest) = (depth + 1, after);
    }
    let text = if depth > 0 { rest.strip_prefix(' ').unwrap_or(rest) } else { rest };
    Line { depth, text: text.to_owned() }
}

/// Lines without their ends; the last may lack one.
fn lines(text: &str) -> impl Iterator<Item = String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_suffix('\n').map(str::to_owned).unwrap_or(text);
    text.split('\n').map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// Lines as text to edit, quote marks in front.
pub fn join(lines: &[Line]) -> String {
    let mut out = String::new();
    for (n, line) in lines.iter().enumerate() {
        if n > 0 {
            out.push('\n');
        }
        out.extend(std::iter::repeat_n('>', line.depth));
        if line.depth > 0 && !line.text.is_empty() {
            out.push(' ');
        }
        out.push_str(&line.text);
    }
    out
}

/// The form in which text survives being written and read: quote marks alike, no controls, no blanks at line ends
/// and no empty lines at the end.
pub fn tidy(text: &str) -> String {
    join(&tidy_lines(text))
}

fn tidy_lines(text: &str) -> Vec<Line> {
    let mut out: Vec<Line> = lines(text).map(|line| unquote(&line)).collect();
    for line in &mut out {
        line.text.retain(|c| !c.is_control() || c == '\t');
        if line.text != SIGNATURE {
            line.text.truncate(line.text.trim_end().len());
        }
    }
    while out.len() > 1 && out.last() == Some(&Line::default()) {
        out.pop();
    }
    out
}

/// Writes text as `format=flowed` without DelSp, CRLF at every end.
///
/// Quotes keep their depth; words longer than a line stay whole.
pub fn write(text: &str) -> String {
    let mut out = String::new();
    for line in tidy_lines(text) {
        let room = WIDTH.saturating_sub(line.depth + 1).max(20);
        let mut rest = line.text.as_str();
        loop {
            let (piece, after) = rest.split_at(wrap_at(rest, room));
            out.extend(std::iter::repeat_n('>', line.depth));
            // §4.4: space-stuffing of what would read as a quote, a blank, or an mbox line.
            let stuffed = line.depth > 0 && !piece.is_empty();
            if stuffed || piece.starts_with([' ', '>']) || piece.starts_with("From ") {
                out.push(' ');
            }
            out.push_str(piece);
            out.push_str("\r\n");
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
    }
    out
}

/// Octets of the first piece of a line: up to the last blank that fits, else up to the first there is.
fn wrap_at(line: &str, room: usize) -> usize {
    if line == SIGNATURE || line.chars().count() <= room {
        return line.len();
    }
    let mut best = None;
    for (count, (at, c)) in line.char_indices().enumerate() {
        if count >= room && best.is_some() {
            break;
        }
        // A piece must not read as the mark above a signature.
        if c == ' ' && &line[..=at] != SIGNATURE {
            best = Some(at + 1);
        }
    }
    best.unwrap_or(line.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(text: &str, wrapping: Wrapping) -> Vec<String> {
        read(text, wrapping).iter().map(|l| format!("{}{}", l.depth, l.text)).collect()
    }

    #[test]
    fn flowed_lines_are_joined() {
        let flowed = Wrapping::Flowed { delsp: false };
        for (text, lines) in [
            ("a \r\nb\r\nc", &["0a b", "0c"][..]),
            (">> Take some \r\n>> more tea.\r\n> I've had", &["2Take some more tea.", "1I've had"]),
            (" >x\r\n  y", &["0>x", "0 y"]),
            ("bye \r\n-- \r\nAnn \r\nLee", &["0bye ", "0-- ", "0Ann Lee"]),
            ("a \r\n> b", &["0a ", "1b"]),
        ] {
            assert_eq!(show(text, flowed), lines, "{text}");
        }
        assert_eq!(show("日 \r\n本", Wrapping::Flowed { delsp: true }), ["0日本"]);
        assert_eq!(show("> > a\n>>b\n>\nc ", Wrapping::Fixed), ["2a", "2b", "1", "0c "]);
    }

    #[test]
    fn long_lines_are_wrapped_softly() {
        let text = format!("{}\n> {}\n-- \nAnn", "word ".repeat(40).trim_end(), "quoted ".repeat(20).trim_end());
        let written = write(&text);
        assert!(written.lines().all(|line| line.chars().count() <= WIDTH), "{written}");
        assert!(written.ends_with("\r\n-- \r\nAnn\r\n"));
        assert_eq!(write("From x\n  y"), " From x\r\n   y\r\n");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "(a|bcd|>|>>| |  |-- |From |\n|\r\n|ü|wwwwwwwwwwwwwwwwwwwww|\t){0,60}") {
            let read = join(&read(&write(&text), Wrapping::Flowed { delsp: false }));
            prop_assert_eq!(&read, &tidy(&text));
            prop_assert_eq!(tidy(&read), read);
        }

        #[test]
        fn any_text_is_survived(text: String, delsp: bool) {
            read(&text, Wrapping::Flowed { delsp });
            write(&text);
        }
    }
}
