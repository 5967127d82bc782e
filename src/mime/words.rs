//! Encoded words (RFC 2047) and charsets to UTF-8.

use base64::Engine as _;

/// Decodes bytes of a charset by its MIME name; unknown charsets are read as UTF-8, then as Windows-1252.
pub fn decode_charset(charset: &str, bytes: &[u8]) -> String {
    let label = charset.split('*').next().unwrap_or_default().trim();
    match encoding_rs::Encoding::for_label(label.as_bytes()) {
        Some(encoding) => encoding.decode(bytes).0.into_owned(),
        None => guess(bytes),
    }
}

/// Text whose charset nobody told: UTF-8 if it is that, else Windows-1252.
pub fn guess(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned(),
    }
}

/// Decodes a header value: encoded words anywhere, blanks between two of them dropped (§6.2), raw bytes as UTF-8 or
/// Windows-1252. The answer has no control characters; a tab, at which fields are folded too, is a blank.
pub fn decode(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    // Neighbouring words of one charset are decoded together: some writers split a character between them.
    let mut open: Option<(String, Vec<u8>)> = None;
    while !rest.is_empty() {
        let Some(start) = memchr::memmem::find(rest, b"=?") else { break };
        let Some((charset, bytes, used)) = word(&rest[start..]) else {
            flush(&mut out, &mut open);
            out.push_str(&guess(&rest[..start + 2]));
            rest = &rest[start + 2..];
            continue;
        };
        let between = &rest[..start];
        if open.is_none() || !between.iter().all(u8::is_ascii_whitespace) {
            flush(&mut out, &mut open);
            out.push_str(&guess(between));
        }
        match &mut open {
            Some((same, gathered)) if same.eq_ignore_ascii_case(&charset) => gathered.extend(bytes),
            _ => {
                flush(&mut out, &mut open);
                open = Some((charset, bytes));
            }
        }
        rest = &rest[start + used..];
    }
    flush(&mut out, &mut open);
    out.push_str(&guess(rest));
    out.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect()
}

fn flush(out: &mut String, open: &mut Option<(String, Vec<u8>)>) {
    if let Some((charset, bytes)) = open.take() {
        out.push_str(&decode_charset(&charset, &bytes));
    }
}

/// The encoded word at the front: charset, its bytes, how long it is.
fn word(raw: &[u8]) -> Option<(String, Vec<u8>, usize)> {
    let inner = raw.strip_prefix(b"=?")?;
    let charset_end = memchr::memchr(b'?', &inner[..inner.len().min(80)])?;
    let charset = std::str::from_utf8(&inner[..charset_end]).ok().filter(|c| !c.is_empty())?.to_owned();
    let encoding = *inner.get(charset_end + 1)?;
    if inner.get(charset_end + 2) != Some(&b'?') {
        return None;
    }
    let text_start = charset_end + 3;
    let window = &inner[text_start..inner.len().min(text_start + 2000)];
    let text_len = memchr::memmem::find(window, b"?=")?;
    let text = &window[..text_len];
    let bytes = match encoding {
        b'B' | b'b' => base64_lenient(text),
        b'Q' | b'q' => q_decode(text),
        _ => return None,
    };
    Some((charset, bytes, 2 + text_start + text_len + 2))
}

fn q_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut n = 0;
    while n < text.len() {
        match (text[n], text.get(n + 1..n + 3).and_then(hex)) {
            (b'_', _) => out.push(b' '),
            (b'=', Some(byte)) => {
                out.push(byte);
                n += 2;
            }
            (other, _) => out.push(other),
        }
        n += 1;
    }
    out
}

/// Two hex digits.
pub(super) fn hex(pair: &[u8]) -> Option<u8> {
    let digit = |b: u8| (b as char).to_digit(16);
    Some((digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?) as u8)
}

/// Base64 as it is found in mail: foreign characters are passed over, padding may lack, what does not fit at the end is
/// dropped.
pub fn base64_lenient(text: &[u8]) -> Vec<u8> {
    let mut clean: Vec<u8> = Vec::with_capacity(text.len());
    clean.extend(
        text.iter()
            .copied()
            .take_while(|b| *b != b'=')
            .filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')),
    );
    if clean.len() % 4 == 1 {
        clean.pop();
    }
    let engine = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
    );
    engine.decode(&clean).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_of_rfc_2047_section_8() {
        for (raw, text) in [
            ("(=?ISO-8859-1?Q?a?=)", "(a)"),
            ("a\tb \u{7}c", "a b c"),
            ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
            ("=?utf-8?B?R3LDvMOfZQ==?= aus", "Grüße aus"),
            ("=?utf-8?B?w?= =?utf-8?Q?=C3=BC?=", "ü"),
            ("=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü"),
            ("=?x?Z?a?= =?", "=?x?Z?a?= =?"),
            ("plain", "plain"),
        ] {
            assert_eq!(decode(raw.as_bytes()), text, "{raw}");
        }
        assert_eq!(decode(b"caf\xe9"), "café");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw: Vec<u8>, inside: Vec<u8>) {
            decode(&raw);
            decode(&[b"=?utf-8?B?", &inside[..], b"?= =?"].concat());
            base64_lenient(&raw);
        }
    }
}
