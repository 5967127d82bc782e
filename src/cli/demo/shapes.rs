//! Messages of every shape that real mail has: charsets, encodings, attachments, and things that are simply wrong.

use super::content::{DemoMessage, crlf, mailbox};
use super::people::{DOMAIN, PEOPLE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use encoding_rs::Encoding;

/// A PNG of one pixel, in base64.
pub(super) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/// Charset, subject and text: each is written in that charset, in header and body.
const CHARSETS: [(&str, &str, &str); 14] = [
    ("iso-8859-1", "Grüße aus Köln", "Schöne Grüße vom Rhein, es regnet nicht."),
    ("iso-8859-15", "Prix: 12 €", "Le marché coûte 12 € la journée."),
    ("windows-1252", "“Smart” quotes", "He said “it is fine” — and it was… for 5 €."),
    ("iso-8859-2", "Zażółć gęślą jaźń", "Pozdrowienia z Łodzi i Gdańska."),
    ("koi8-r", "Привет из Казани", "Погода хорошая, чай горячий."),
    ("windows-1251", "Рецепт борща", "Свёкла, капуста, терпение."),
    ("iso-8859-7", "Καλημέρα", "Καλημέρα από το χωριό."),
    ("windows-1255", "שלום", "שלום וברכה מהכפר."),
    ("windows-1256", "تحية طيبة", "تحية طيبة من القرية."),
    ("shift_jis", "お元気ですか", "こちらは元気です。桜が咲きました。"),
    ("iso-2022-jp", "会議のお知らせ", "次の会議は水曜日の七時半です。"),
    ("gb18030", "你好", "村里一切都好，茶已经泡好了。"),
    ("big5", "新年快樂", "祝大家新年快樂，身體健康。"),
    ("euc-kr", "안녕하세요", "마을에서 인사드립니다."),
];

fn bytes_in(charset: &str, text: &str) -> Vec<u8> {
    Encoding::for_label(charset.as_bytes()).map_or_else(|| text.as_bytes().to_vec(), |e| e.encode(text).0.into_owned())
}

fn quoted_printable(octets: &[u8]) -> String {
    let mut out = String::new();
    let mut column = 0;
    for octet in octets {
        let plain = octet.is_ascii_graphic() && *octet != b'=';
        let piece = if plain || *octet == b' ' { char::from(*octet).to_string() } else { format!("={octet:02X}") };
        if column + piece.len() > 72 {
            out.push_str("=\r\n");
            column = 0;
        }
        column += piece.len();
        out.push_str(&piece);
    }
    out
}

fn in_charset(charset: &str, subject: &str, text: &str, n: usize) -> String {
    let subject = STANDARD.encode(bytes_in(charset, subject));
    let body = bytes_in(charset, text);
    let (encoding, body) = match n % 2 {
        0 => ("base64", STANDARD.encode(body)),
        _ => ("quoted-printable", quoted_printable(&body)),
    };
    format!(
        "Subject: =?{charset}?B?{subject}?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=\"{charset}\"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n"
    )
}

/// Whole sections after Date, From, To and Message-ID: the rest of a header, the empty line, a body.
fn sections() -> Vec<String> {
    let mut out: Vec<String> = CHARSETS
        .iter()
        .enumerate()
        .map(|(n, (charset, subject, text))| in_charset(charset, subject, text, n))
        .collect();
    out.extend(attachments());
    out.extend(odd());
    out.extend(broken().into_iter().map(str::to_owned));
    out
}

fn attachment(subject: &str, kind: &str, name: &str, octets: &[u8]) -> String {
    let coded = STANDARD.encode(octets);
    let lines: Vec<&str> = coded.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!(
        "Subject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_part\"\r\n\r\nThis is a message in MIME format.\r\n\
         --=_part\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nPlease find it attached. Grüße!\r\n\
         --=_part\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; {name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--=_part--\r\n",
        lines.join("\r\n")
    )
}

fn attachments() -> Vec<String> {
    let pdf = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";
    let zip: Vec<u8> = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let log: String = (1..=2000).map(|n| format!("{n:05} pond level {} cm\n", 80 + n * 7 % 23)).collect();
    let invitation = crlf(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//village//demo//EN\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:choir-1@example.test\nDTSTAMP:20260901T120000Z\nDTSTART:20260930T193000Z\nDTEND:20260930T210000Z\nSUMMARY:Choir rehearsal\nORGANIZER:mailto:katerina@example.test\nATTENDEE:mailto:jonas@example.test\nEND:VEVENT\nEND:VCALENDAR\n",
    );
    let card = crlf("BEGIN:VCARD\nVERSION:4.0\nFN:Inês Araújo\nEMAIL:ines@example.test\nEND:VCARD\n");
    vec![
        attachment("The plan of the footbridge", "application/pdf", "filename=\"footbridge.pdf\"", pdf),
        attachment("Photos", "application/zip", "filename*=UTF-8''S%C3%B6mmer%20%26%20Fest.zip", &zip),
        attachment("Pond levels", "text/csv; name=\"pond.csv\"", "filename=\"pond.csv\"", log.as_bytes()),
        attachment("My card", "text/vcard; charset=utf-8", "filename=\"ines.vcf\"", card.as_bytes()),
        attachment(
            "A picture",
            "image/png",
            "filename*0=\"a very long name of \"; filename*1=\"a picture.png\"",
            &STANDARD.decode(PIXEL).unwrap_or_default(),
        ),
        format!(
            "Subject: Invitation: choir rehearsal\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=cal\r\n\r\n--cal\r\n\r\nRehearsal on Wednesday.\r\n--cal\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n{invitation}--cal--\r\n"
        ),
    ]
}

fn odd() -> Vec<String> {
    let references: Vec<String> = (0..60).map(|n| format!("<ref-{n}@{DOMAIN}>")).collect();
    let forwarded = format!(
        "From: {}\r\nSubject: the inner one\r\nDate: Thu, 1 Jan 2026 10:00:00 +0000\r\n\r\nInside.\r\n",
        mailbox("lars")
    );
    let bounce = format!(
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=dsn\r\n\r\n--dsn\r\n\r\nYour message could not be delivered.\r\n--dsn\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.{DOMAIN}\r\n\r\nFinal-Recipient: rfc822; gone@elsewhere.test\r\nAction: failed\r\nStatus: 5.1.1\r\n--dsn\r\nContent-Type: message/rfc822\r\n\r\n{forwarded}--dsn--\r\n"
    );
    vec![
        bounce,
        format!("Subject: Fwd: look\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=fwd\r\n\r\n--fwd\r\n\r\nSee below.\r\n--fwd\r\nContent-Type: message/rfc822\r\n\r\n{forwarded}--fwd--\r\n"),
        format!("Subject: A long thread\r\nReferences: {}\r\n\r\nStill here.\r\n", references.join("\r\n ")),
        "Subject: flowed\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\nThis paragraph flows over \r\nseveral lines, as the reader's \r\nwindow wants it.\r\n".into(),
        "Subject: signed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; micalg=pgp-sha256; protocol=\"application/pgp-signature\"; boundary=sig\r\n\r\n--sig\r\nContent-Type: text/plain\r\n\r\nI mean it.\r\n--sig\r\nContent-Type: application/pgp-signature; name=signature.asc\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\niHUEARYIAB0WIQ==\r\n-----END PGP SIGNATURE-----\r\n--sig--\r\n".into(),
        format!("Subject: =?UTF-8?B?{}?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n👩‍🌾🥕 from the field. עברית and English and العربية in one line.\r\n", STANDARD.encode("🥕🥕🥕 carrots! 🥕🥕🥕")),
        "Subject: only html\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>No <b>text</b> beside it. <script>alert(1)</script></p>\r\n".into(),
        "Subject: empty\r\n\r\n".into(),
        "Subject: header only\r\n".into(),
        "Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\nFrom here on\r\n".into(),
        "Subject: dashes\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=\"utf-7\"\r\n\r\nHi Mom +Jjo--!\r\n".into(),
        "Subject: folded\r\n very\r\n\tmuch\r\n indeed\r\n\r\nYes.\r\n".into(),
        format!("Subject: long lines\r\n\r\n{}\r\n", "All work and no rain. ".repeat(45)),
        "Subject: no line end at the end\r\n\r\nThe last line has none.".into(),
        "Subject: grüße ohne Kodierung\r\n\r\nA header in raw UTF-8 (RFC 6532).\r\n".into(),
        format!("Subject: one very long line\r\n\r\n{}\r\n", "No device that writes such lines has read RFC 5322. ".repeat(200)),
    ]
}

/// What no standard allows and every mailbox has.
fn broken() -> Vec<&'static str> {
    vec![
        "Subject: bad base64\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8*gd29ybGQ=?=\r\n!!\r\n",
        "Subject: no boundary\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n\r\n--x\r\n\r\nlost\r\n--x--\r\n",
        "Subject: boundary never ends\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=open\r\n\r\n--open\r\n\r\nand then\r\n",
        "Subject: unknown charset\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=x-klingon\r\n\r\nnuqneH\r\n",
        "Subject: =?utf-8?Q?never_ends\r\n\r\nThe encoded word has no end.\r\n",
        "Subject: =?x-unknown?B?AAA=?= =?utf-8?X?abc?=\r\n\r\nNo such charset, no such encoding.\r\n",
        "Subject: one\r\nSubject: two\r\nFrom: second@elsewhere.test\r\n\r\nTwo subjects.\r\n",
        "Subject: a line without a colon\r\nthis is no field\r\nX-After: it\r\n\r\nBody.\r\n",
        "Subject: strange type\r\nMIME-Version: 1.0\r\nContent-Type: ;;;=\"\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\nend\r\n",
        "Subject: empty names\r\nCc: undisclosed-recipients:;\r\nReply-To: <>, \"\" <@>, broken@\r\n\r\nWho?\r\n",
        "Subject: quoted-printable gone wrong\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n100=% =ZZ =C3 caf=C3=A9=\r\n",
        "Content-Type: text/plain\r\n\r\nNo subject at all.\r\n",
    ]
}

pub(super) fn messages(now: DateTime<Utc>) -> Vec<DemoMessage> {
    let mut out = Vec::new();
    for (n, section) in sections().into_iter().enumerate() {
        let owner = PEOPLE[n % PEOPLE.len()].local;
        let from = PEOPLE[(n + 5) % PEOPLE.len()].local;
        let at = now - TimeDelta::hours(9 * n as i64 + 3);
        // Every seventh has no Date, as mail of small devices often has none.
        let date = if n % 7 == 6 { String::new() } else { format!("Date: {}\r\n", at.to_rfc2822()) };
        let head =
            format!("{date}From: {}\r\nTo: {}\r\nMessage-ID: <shape-{n}@{DOMAIN}>\r\n", mailbox(from), mailbox(owner));
        let flags = if n % 3 == 0 { vec![] } else { vec!["\\Seen"] };
        out.push(DemoMessage { owner, folder: "INBOX".into(), flags, at, bytes: (head + &section).into_bytes() });
    }
    out
}
