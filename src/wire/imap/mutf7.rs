//! Modified UTF-7, the mailbox names of IMAP4rev1 (RFC 3501 §5.1.3).

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};

const BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// A name in UTF-8 as a rev1 client reads it; printable ASCII stays, `&` becomes `&-`.
pub fn encode(name: &str) -> String {
    let (mut out, mut wide) = (String::with_capacity(name.len()), Vec::new());
    for c in name.chars() {
        if !matches!(c, ' '..='~') {
            let mut units = [0; 2];
            wide.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
            continue;
        }
        flush(&mut out, &mut wide);
        out.push(c);
        if c == '&' {
            out.push('-');
        }
    }
    flush(&mut out, &mut wide);
    out
}

fn flush(out: &mut String, wide: &mut Vec<u8>) {
    if !wide.is_empty() {
        out.push('&');
        BASE64.encode_string(&wide, out);
        out.push('-');
        wide.clear();
    }
}

/// The name in UTF-8; `None` unless it is exactly what [`encode`] would write, so that each name has one spelling.
pub fn decode(raw: &str) -> Option<String> {
    let (mut out, mut rest) = (String::with_capacity(raw.len()), raw);
    while let Some((plain, shifted)) = rest.split_once('&') {
        out.push_str(plain);
        let (coded, after) = shifted.split_once('-')?;
        if coded.is_empty() {
            out.push('&');
        } else {
            let bytes = BASE64.decode(coded).ok()?;
            let (pairs, odd) = bytes.as_chunks::<2>();
            if !odd.is_empty() {
                return None;
            }
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            out.push_str(&String::from_utf16(&units).ok()?);
        }
        rest = after;
    }
    out.push_str(rest);
    (encode(&out) == raw).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc_examples() {
        assert_eq!(encode("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(decode("~peter/mail/&U,BTFw-/&ZeVnLIqe-").as_deref(), Some("~peter/mail/台北/日本語"));
        assert_eq!(decode("&Jjo-!").as_deref(), Some("☺!"));
        assert_eq!(decode("A&-B").as_deref(), Some("A&B"));
    }

    #[test]
    fn refuses_other_spellings() {
        for raw in ["&Jjo!", "&U,BTFw-&ZeVnLIqe-", "&AGE-", "&2D0-", "é", "&"] {
            assert_eq!(decode(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn there_and_back(name in any::<String>()) {
            prop_assert_eq!(decode(&encode(&name)), Some(name));
        }

        #[test]
        fn survives_anything(raw in "[&A-Za-z,+/é-]{0,30}") {
            if let Some(name) = decode(&raw) {
                prop_assert_eq!(encode(&name), raw);
            }
        }
    }
}
