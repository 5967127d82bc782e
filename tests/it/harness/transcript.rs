//! Plays a transcript that anyone can read and type: `C:` is sent with CRLF, `S:` must come, `<any>` stands for
//! anything within a line, `#` is a comment. `C+:` is sent without CRLF, with `\r`, `\n`, `\0` and `\\` as escapes.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Plays the lines of `text` on the client's end of a connection.
///
/// # Panics
/// At the first line that the server does not answer as written; the message has the line's number.
pub async fn play<S: AsyncRead + AsyncWrite + Unpin>(name: &str, text: &str, stream: &mut S) {
    for (number, line) in text.lines().enumerate() {
        let at = format!("{name}:{}", number + 1);
        if let Some(sent) = line.strip_prefix("C:") {
            let sent = sent.strip_prefix(' ').unwrap_or(sent);
            stream.write_all(format!("{sent}\r\n").as_bytes()).await.unwrap_or_else(|e| panic!("{at}: {e}"));
        } else if let Some(sent) = line.strip_prefix("C+: ") {
            stream.write_all(&unescape(sent)).await.unwrap_or_else(|e| panic!("{at}: {e}"));
        } else if let Some(wanted) = line.strip_prefix("S:") {
            let wanted = wanted.strip_prefix(' ').unwrap_or(wanted);
            let got = read_line(stream).await;
            assert!(matches(wanted, &got), "{at}\n wanted: {wanted}\n    got: {got}");
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{at}: no such line: {line}");
        }
    }
}

/// One line without its CRLF; `<closed>` at the end of the connection.
pub async fn read_line<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut out = Vec::new();
    while !out.ends_with(b"\r\n") {
        let read = tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_u8()).await;
        match read {
            Ok(Ok(byte)) => out.push(byte),
            Ok(Err(_)) => return "<closed>".into(),
            Err(_) => return format!("<nothing more within 20 s> {}", String::from_utf8_lossy(&out)),
        }
    }
    String::from_utf8_lossy(&out[..out.len() - 2]).into_owned()
}

fn unescape(text: &str) -> Vec<u8> {
    text.replace("\\\\", "\u{1}")
        .replace("\\r", "\r")
        .replace("\\n", "\n")
        .replace("\\0", "\0")
        .replace('\u{1}', "\\")
        .into_bytes()
}

fn matches(wanted: &str, got: &str) -> bool {
    let mut parts = wanted.split("<any>");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = got.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[test]
fn any_matches_within_a_line() {
    assert!(matches("220 <any> ESMTP<any>", "220 mx.test ESMTP x") && matches("a", "a") && matches("<any>", ""));
    assert!(!matches("220 <any> ESMTP", "220 mx LMTP") && !matches("a", "ab"));
}
