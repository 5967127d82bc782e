//! Responses, written into one growing buffer (RFC 9051 §7, §9).

use super::command::{Section, SectionText, StatusItem};
use super::mutf7;
use crate::model::flags::{Keyword, SystemFlags};
use crate::model::ids::ModSeq;
pub use crate::model::imap_string::{Form, nstring, string};
use crate::model::uidset::UidSet;
use chrono::{DateTime, Utc};
use std::fmt::{Display, Write as _};

/// Writes formatted text; a buffer takes everything.
pub fn put(out: &mut Vec<u8>, text: impl Display) {
    struct Buffer<'a>(&'a mut Vec<u8>);
    impl std::fmt::Write for Buffer<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    let _ = write!(Buffer(out), "{text}");
}

/// A number, without the machinery of formatting: FETCH writes many.
pub fn number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Untagged: the server ends the conversation.
    Bye,
    Ok,
    No,
    Bad,
}

/// Response codes (RFC 9051 §7.1, RFC 5530, RFC 4315, RFC 7162).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    AlreadyExists,
    AppendUid {
        uidvalidity: u32,
        uids: UidSet,
    },
    AuthenticationFailed,
    BadCharset,
    Cannot,
    Capability(String),
    Closed,
    CopyUid {
        uidvalidity: u32,
        from: UidSet,
        to: UidSet,
    },
    ExpungeIssued,
    HighestModSeq(ModSeq),
    InUse,
    Limit,
    Modified(UidSet),
    NonExistent,
    NoPermission,
    OverQuota,
    PermanentFlags(Vec<u8>),
    PrivacyRequired,
    ReadOnly,
    ReadWrite,
    ServerBug,
    TooBig,
    TryCreate,
    UidNext(u32),
    UidValidity(u32),
    Unavailable,
    UnknownCte,
    /// Of the first unseen message, to clients that have not enabled rev2.
    Unseen(u32),
    UseAttr,
}

fn code(out: &mut Vec<u8>, code: &Code) {
    let word = match code {
        Code::AlreadyExists => "ALREADYEXISTS",
        Code::AuthenticationFailed => "AUTHENTICATIONFAILED",
        Code::BadCharset => "BADCHARSET (US-ASCII UTF-8)",
        Code::Cannot => "CANNOT",
        Code::Closed => "CLOSED",
        Code::ExpungeIssued => "EXPUNGEISSUED",
        Code::InUse => "INUSE",
        Code::Limit => "LIMIT",
        Code::NonExistent => "NONEXISTENT",
        Code::NoPermission => "NOPERM",
        Code::OverQuota => "OVERQUOTA",
        Code::PrivacyRequired => "PRIVACYREQUIRED",
        Code::ReadOnly => "READ-ONLY",
        Code::ReadWrite => "READ-WRITE",
        Code::ServerBug => "SERVERBUG",
        Code::TooBig => "TOOBIG",
        Code::TryCreate => "TRYCREATE",
        Code::Unavailable => "UNAVAILABLE",
        Code::UnknownCte => "UNKNOWN-CTE",
        Code::UseAttr => "USEATTR",
        Code::AppendUid { uidvalidity, uids } => return put(out, format_args!("[APPENDUID {uidvalidity} {uids}] ")),
        Code::CopyUid { uidvalidity, from, to } => {
            return put(out, format_args!("[COPYUID {uidvalidity} {from} {to}] "));
        }
        Code::Capability(list) => return put(out, format_args!("[CAPABILITY {list}] ")),
        Code::HighestModSeq(modseq) => return put(out, format_args!("[HIGHESTMODSEQ {modseq}] ")),
        Code::Modified(set) => return put(out, format_args!("[MODIFIED {set}] ")),
        Code::UidNext(uid) => return put(out, format_args!("[UIDNEXT {uid}] ")),
        Code::UidValidity(value) => return put(out, format_args!("[UIDVALIDITY {value}] ")),
        Code::Unseen(number) => return put(out, format_args!("[UNSEEN {number}] ")),
        Code::PermanentFlags(list) => {
            out.extend_from_slice(b"[PERMANENTFLAGS ");
            out.extend_from_slice(list);
            return out.extend_from_slice(b"] ");
        }
    };
    put(out, format_args!("[{word}] "));
}

/// `tag OK [CODE] text`; `*` as the tag makes it untagged.
pub fn status_response(out: &mut Vec<u8>, tag: &str, condition: Condition, with: Option<&Code>, text: &str) {
    let condition = match condition {
        Condition::Bye => "BYE",
        Condition::Ok => "OK",
        Condition::No => "NO",
        Condition::Bad => "BAD",
    };
    put(out, format_args!("{tag} {condition} "));
    if let Some(with) = with {
        code(out, with);
    }
    put(out, format_args!("{text}\r\n"));
}

/// `{n}` CRLF; the octets follow. `binary`: `~{n}`, NUL may be among them (RFC 3516).
pub fn literal_head(out: &mut Vec<u8>, length: u64, binary: bool) {
    if binary {
        out.push(b'~');
    }
    out.push(b'{');
    number(out, length);
    out.extend_from_slice(b"}\r\n");
}

/// A mailbox name, in UTF-8 once the client has ENABLEd it, else in modified UTF-7.
pub fn mailbox(out: &mut Vec<u8>, name: &str, form: Form) {
    match form {
        Form::Utf8 => string(out, name.as_bytes(), form),
        Form::Ascii => string(out, mutf7::encode(name).as_bytes(), form),
    }
}

/// `(\Seen $Forwarded)`.
pub fn flags(out: &mut Vec<u8>, system: SystemFlags, keywords: &[Keyword], recent: bool) {
    out.push(b'(');
    let mut first = true;
    let mut word = |out: &mut Vec<u8>, text: &str| {
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        out.extend_from_slice(text.as_bytes());
    };
    for (bit, name) in SystemFlags::NAMES {
        if system.contains(bit) {
            word(out, name);
        }
    }
    if recent {
        word(out, "\\Recent");
    }
    for keyword in keywords {
        word(out, keyword.as_str());
    }
    out.push(b')');
}

/// `"17-Jul-1996 02:44:25 +0000"`.
pub fn date_time(out: &mut Vec<u8>, at: DateTime<Utc>) {
    put(out, at.format("\"%d-%b-%Y %H:%M:%S +0000\""));
}

/// A line of LIST or LSUB.
#[derive(Debug, Clone, Default)]
pub struct ListLine<'a> {
    pub attributes: Vec<&'static str>,
    pub name: &'a str,
    /// `("CHILDINFO" ("SUBSCRIBED"))`, the selection options that mailboxes below meet (RFC 5258 §4).
    pub child_info: &'a [&'static str],
    /// `("OLDNAME" ("…"))`, the name as the client wrote it or knew it (RFC 9051 §6.3.9.7).
    pub old_name: Option<&'a str>,
}

pub fn list(out: &mut Vec<u8>, response: &str, line: &ListLine<'_>, form: Form) {
    put(out, format_args!("* {response} ({}) \"/\" ", line.attributes.join(" ")));
    mailbox(out, line.name, form);
    if !line.child_info.is_empty() {
        put(out, format_args!(" (\"CHILDINFO\" (\"{}\"))", line.child_info.join("\" \"")));
    }
    if let Some(old) = line.old_name {
        out.extend_from_slice(b" (\"OLDNAME\" (");
        mailbox(out, old, form);
        out.extend_from_slice(b"))");
    }
    out.extend_from_slice(b"\r\n");
}

/// A line of STATUS.
pub fn status(out: &mut Vec<u8>, name: &str, items: &[(StatusItem, u64)], form: Form) {
    out.extend_from_slice(b"* STATUS ");
    mailbox(out, name, form);
    out.extend_from_slice(b" (");
    for (n, (item, value)) in items.iter().enumerate() {
        let space = if n > 0 { " " } else { "" };
        put(out, format_args!("{space}{} {value}", item.name()));
    }
    out.extend_from_slice(b")\r\n");
}

/// `BODY[1.HEADER.FIELDS (a b)]`; the partial's start follows where there is one.
pub fn section(out: &mut Vec<u8>, section: &Section, start: Option<u64>) {
    out.extend_from_slice(b"BODY[");
    path(out, &section.path);
    let dot = if section.path.is_empty() || section.text == SectionText::Whole { "" } else { "." };
    put(out, dot);
    match &section.text {
        SectionText::Whole => {}
        SectionText::Header => put(out, "HEADER"),
        SectionText::Text => put(out, "TEXT"),
        SectionText::Mime => put(out, "MIME"),
        SectionText::Fields { names, not } => {
            put(out, if *not { "HEADER.FIELDS.NOT (" } else { "HEADER.FIELDS (" });
            for (n, name) in names.iter().enumerate() {
                if n > 0 {
                    out.push(b' ');
                }
                field_name(out, name);
            }
            out.push(b')');
        }
    }
    out.push(b']');
    origin(out, start);
}

/// An astring: an atom where it can be, as old clients expect.
fn field_name(out: &mut Vec<u8>, name: &[u8]) {
    let fine = |b: &u8| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(b);
    if !name.is_empty() && name.iter().all(fine) {
        out.extend_from_slice(name);
    } else {
        string(out, name, Form::Ascii);
    }
}

/// `1.2.3`.
pub fn path(out: &mut Vec<u8>, path: &[u32]) {
    for (n, part) in path.iter().enumerate() {
        if n > 0 {
            out.push(b'.');
        }
        number(out, u64::from(*part));
    }
}

/// `<start>` of a partial.
pub fn origin(out: &mut Vec<u8>, start: Option<u64>) {
    if let Some(start) = start {
        put(out, format_args!("<{start}>"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::imap::command::FetchItem;
    use crate::wire::imap::command::{Source, Verb, decode};

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn mailboxes_and_flags() {
        assert_eq!(written(|o| mailbox(o, "台北", Form::Ascii)), "\"&U,BTFw-\"");
        assert_eq!(written(|o| mailbox(o, "台北", Form::Utf8)), "\"台北\"");
        let keywords = [Keyword::parse("$Junk").unwrap()];
        let both = SystemFlags::SEEN | SystemFlags::ANSWERED;
        assert_eq!(written(|o| flags(o, both, &keywords, true)), "(\\Answered \\Seen \\Recent $Junk)");
        assert_eq!(written(|o| flags(o, SystemFlags::empty(), &[], false)), "()");
        assert_eq!(written(|o| number(o, u64::MAX)), u64::MAX.to_string());
        assert_eq!(written(|o| number(o, 0)), "0");
    }

    #[test]
    fn a_section_is_told_as_it_was_asked() {
        for spec in ["[]", "[HEADER]", "[1.2]", "[3.TEXT]", "[4.MIME]", "[1.HEADER.FIELDS (A \"b c\")]<5.9>"] {
            let source = Source { lines: vec![format!("a FETCH 1 BODY{spec}").into()], holes: Vec::new() };
            let Verb::Fetch { items, .. } = decode(&source).unwrap().0.verb else { panic!() };
            let FetchItem::Section { section: asked, partial, .. } = &items[0] else { panic!() };
            let told = written(|o| section(o, asked, partial.map(|p| p.start)));
            assert_eq!(told, format!("BODY{}", spec.replace("<5.9>", "<5>")));
        }
    }

    #[test]
    fn list_and_status_lines() {
        let line =
            ListLine { attributes: vec!["\\HasChildren"], name: "a b", child_info: &["SUBSCRIBED"], old_name: None };
        let wanted = "* LIST (\\HasChildren) \"/\" \"a b\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n";
        assert_eq!(written(|o| list(o, "LIST", &line, Form::Ascii)), wanted);
        let items = [(StatusItem::Messages, 3), (StatusItem::Size, 9)];
        assert_eq!(written(|o| status(o, "x", &items, Form::Ascii)), "* STATUS \"x\" (MESSAGES 3 SIZE 9)\r\n");
        let told = written(|o| {
            status_response(o, "a1", Condition::Ok, Some(&Code::Modified([3, 7].into_iter().collect())), "done")
        });
        assert_eq!(told, "a1 OK [MODIFIED 3,7] done\r\n");
    }
}
