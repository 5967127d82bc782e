//! The corpus of hostile messages, and any text at all: what comes out is looked at by another reader.

use super::checker::{Allowed, faults};
use super::*;
use crate::mime::compose::{self, Copy, Enclosure, Letter};
use crate::mime::header::{end_of_header, fields};
use crate::mime::people::Person;
use crate::mime::quote::{self, Start, Whom};
use crate::mime::view::{Form, View};
use crate::mime::{flowed, head, plain};
use crate::model::shown;
use proptest::prelude::*;

const COMPOSE: &str = "/mail/compose?mailto=";

fn options(remote: Remote) -> Options<'static> {
    Options { remote, compose: Some(COMPOSE) }
}

fn made_safe(html: &str, remote: Remote) -> Safe {
    sanitise(html, &options(remote), &mut Pictures::new(&|_, _| None))
}

fn clean(html: &str) -> String {
    made_safe(html, Remote::Blocked).html
}

#[test]
fn ordinary_mail_keeps_its_looks() {
    for (html, kept) in [
        ("<p>Hello <b>you</b></p>", "<p>Hello <b>you</b></p>"),
        (
            "<a href='https://example.org/?a=1&b=2'>here</a>",
            "<a href=\"https://example.org/?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">here</a>",
        ),
        (
            "<table width=600 bgcolor=#FFF cellpadding=4><tr><td style='color: red; position: fixed'>x</table>",
            "<table width=\"600\" bgcolor=\"#fff\" cellpadding=\"4\"><tbody><tr><td style=\"color:red\">x</td></tr></tbody></table>",
        ),
        ("<img src='http://canary.example.test/1.gif' width=10 alt='A logo'>", "<img width=\"10\" alt=\"A logo\">"),
        ("<h1 id=x class=y>T</h1><ol start=3><li>a<li>b</ol>", "<h1>T</h1><ol start=\"3\"><li>a</li><li>b</li></ol>"),
        ("<font face=Arial size=2 color=navy>x</font>", "<font face=\"Arial\" size=\"2\" color=\"navy\">x</font>"),
        ("<title>t</title><style>p{}</style>a &lt; b &amp; c", "a &lt; b &amp; c"),
    ] {
        assert_eq!(clean(html), kept, "{html}");
    }
}

#[test]
fn links_say_where_they_lead() {
    let html = clean("<a href=\"https://evil.test/\">www.<b>bank</b>.test</a>");
    assert!(html.contains("href=\"https://evil.test/\""), "{html}");
    assert!(html.contains("title=\"evil.test\"") && html.contains(".test [evil.test]</a>"), "{html}");
    let mail = clean("<a href=\"mailto:ann@example.org?subject=x\">Ann</a>");
    assert!(mail.contains("href=\"/mail/compose?mailto=mailto%3Aann%40example.org%3Fsubject%3Dx\""), "{mail}");
}

#[test]
fn no_picture_is_fetched_from_the_readers_own_network() {
    let near = "127.0.0.1 192.168.0.1 10.1.2.3 172.16.0.9 169.254.1.1 100.64.0.1 0.0.0.0 [::1] [fd00::1] [fe80::1] \
        [::ffff:10.0.0.1] localhost a.localhost router printer.local nas.home.arpa. 2130706433 0x7f.1";
    for host in near.split_whitespace() {
        let made = made_safe(&format!("<img src='https://{host}/set?dns=1'>x"), Remote::Allowed);
        assert_eq!((made.html.as_str(), made.remote), ("<img>x", 0), "{host}");
    }
    for host in ["192.0.2.1", "172.32.0.1", "100.128.0.1", "[2001:db8::1]", "localhost.example.test", "notlocal.test"] {
        let made = made_safe(&format!("<img src='https://{host}/a.png'>x"), Remote::Allowed);
        assert!(made.html.contains("src=\"https://"), "{host}: {}", made.html);
    }
}

#[test]
fn remote_images_wait_for_the_reader() {
    let html = "<img src=//canary.example.test/a.gif><img src=https://canary.example.test/b.gif srcset='c 2x'>";
    assert_eq!(made_safe(html, Remote::Blocked).remote, 2);
    let shown = made_safe(html, Remote::Allowed);
    assert_eq!(shown.remote, 0);
    assert_eq!(
        shown.html,
        "<img src=\"https://canary.example.test/a.gif\"><img src=\"https://canary.example.test/b.gif\">"
    );
}

#[test]
fn pictures_inside_the_html_survive_whatever_their_size() {
    for size in [10, 200_000] {
        let bytes = [b"GIF89a".to_vec(), vec![0; size]].concat();
        let html = format!("<img src=\"{}\">", Pictures::new(&|_, _| None).data_of(&bytes).unwrap());
        assert_eq!(clean(&html), html, "{size}");
    }
    assert_eq!(clean(&format!("<img src=\"data:image/png;base64,{}\">", "PHN2Zz4".repeat(9000))), "<img>");
}

#[test]
fn a_page_is_whole_and_escaped() {
    let page = document("<p>x</p>", &Frame { title: "</title><script>", lang: "de", dir: "ltr" });
    assert!(page.starts_with("<!doctype html>") && page.contains("&lt;/title&gt;&lt;script&gt;</title>"));
    assert!(!page.contains("<script") && page.contains("<p>x</p>"));
}

/// Shapes that keep a tree builder or a serializer busy, each about 1 MB.
fn shapes() -> Vec<(&'static str, String)> {
    let fonts = |n: usize| (0..n).map(|n| format!("<font color=#{n:06x}>")).collect::<String>();
    vec![
        ("div", "<div>".repeat(200_000)),
        ("table", "<table><tr><td>".repeat(70_000)),
        ("b", "<b>".repeat(340_000)),
        ("fonts then paragraphs", fonts(20_000) + &"<p>x".repeat(140_000)),
        ("paragraph, fonts, paragraphs", format!("<p>{}{}", fonts(16), "<p>x</p>".repeat(130_000))),
        ("attributes", format!("<p {}>", "a=1 b=2 ".repeat(130_000))),
        ("attributes apart", format!("<p {}>", (0..150_000).map(|n| format!("a{n}/")).collect::<String>())),
        ("a", "<a href=http://x.test>".repeat(45_000)),
        ("links that lie", "<a href=http://x.test>bank.test</a>".repeat(28_000)),
        ("li", "<ul><li>".repeat(125_000)),
        ("open comments", "<!--".repeat(250_000)),
        ("open tags", "<a title=\"".repeat(100_000)),
        ("end tags", "<i>".repeat(1000) + &"</b>".repeat(250_000)),
        ("styles", format!("<p style=\"{}\">", "color:red;".repeat(100_000)) + &"<p style=color:red>".repeat(50_000)),
        ("svg", "<svg><style><math><title>".repeat(40_000)),
        ("select", "<select><option>".repeat(62_000)),
        ("less-than", "<".repeat(1_000_000)),
        ("references", "&amp".repeat(120_000) + &"&x;&nbsp;".repeat(60_000) + &"&".repeat(100_000)),
        ("references in values", "<p title='&amp;&x&nbsp;&#38'>".repeat(34_000)),
        ("long values", format!("<p title='{}'>", "&".repeat(16_000)).repeat(60)),
        ("signs", "\u{b0}".repeat(500_000)),
        ("wide", "<br>x".repeat(200_000)),
    ]
}

/// Processor time of this thread, which other work on the machine does not lengthen.
fn busy() -> std::time::Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    std::time::Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn no_megabyte_takes_long() {
    let most = std::time::Duration::from_millis(if cfg!(debug_assertions) { 3000 } else { 400 });
    for (name, html) in shapes() {
        let started = busy();
        let safe = clean(&html);
        let took = busy() - started;
        eprintln!("{name}: {took:?}");
        assert!(took < most, "{name}: {took:?}");
        assert_eq!(faults(&safe, Allowed::html(false)), Vec::<String>::new(), "{name}");
        to_lines(&safe);
    }
    assert!(clean(&("<div>".repeat(100_000) + "deep")).contains("deep"));
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/html");
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let mut out: Vec<_> = files
        .map(|file| (file.file_name().to_string_lossy().into_owned(), std::fs::read(file.path()).unwrap()))
        .collect();
    out.sort();
    assert!(out.len() >= 70, "{}", out.len());
    out
}

#[test]
fn what_shows_nothing_is_blank() {
    for blank in ["", " \n", "<div>\n<p>&nbsp;<br></p><hr>\u{a0}</div>", "<p title=\"x\"></p>"] {
        assert!(is_blank(blank), "{blank}");
    }
    for shown in ["x", "<p>x</p>", "<p>&lt;</p>", "<div><img src=\"data:image/gif;base64,\"></div>"] {
        assert!(!is_blank(shown), "{shown}");
    }
}

/// Nothing that a page of ours shows as text may turn round or end a line.
fn assert_shown(name: &str, text: &str) {
    assert!(!text.chars().any(|c| c.is_control() || shown::is_bidi_control(c)), "{name}: {text:?}");
}

#[test]
fn hostile_messages_are_shown_harmless() {
    for (name, raw) in corpus() {
        assert!(fields(&raw).any(|f| f.is("X-Vector")), "{name}");
        let view = View::of(&raw);
        for remote in [Remote::Blocked, Remote::Allowed] {
            for form in [Form::Rich, Form::Plain] {
                let safe = view.page(form, remote, Some(COMPOSE));
                let allowed = Allowed { class: true, ..Allowed::html(remote == Remote::Allowed) };
                assert_eq!(faults(&safe.html, allowed), Vec::<String>::new(), "{name}: {}", safe.html);
            }
        }
        for attachment in &view.attachments {
            assert_shown(&name, &attachment.name);
            assert_shown(&name, &attachment.claimed);
            assert!(!attachment.name.contains(['/', '\\', '<', '>', '"']), "{name}: {}", attachment.name);
        }
        assert_shown(&name, &view.head.subject);
        for person in view.head.from.iter().chain(&view.head.to).chain(&view.head.reply_to) {
            assert_shown(&name, &person.name);
            assert_shown(&name, &person.address);
        }
        for (field, value) in head::fields(&raw) {
            assert_shown(&name, &field);
            assert_shown(&name, &value);
        }
    }
}

#[test]
fn hostile_messages_are_answered_harmless() {
    for (name, raw) in corpus() {
        let view = View::of(&raw);
        let reply = quote::reply(&view, Whom::Everyone, &|_| false, "Eve wrote:");
        let forward = quote::forward(&view, "Forwarded message");
        let whole = Enclosure { name: "message.eml".into(), media: "message/rfc822".into(), bytes: raw.clone().into() };
        for (start, enclosures) in [(reply, vec![]), (forward, vec![whole])] {
            let Start { to, cc, subject, in_reply_to, references, text } = start;
            assert!(!text.contains("hidden alert"), "{name}: what is not shown is not quoted");
            let (shown, _) = plain::to_html(&flowed::read(&text, flowed::Wrapping::Fixed), Some(COMPOSE));
            assert_eq!(faults(&shown, Allowed::plain()), Vec::<String>::new(), "{name}");
            let letter = Letter {
                from: Person { name: "Ann".into(), address: "ann@example.test".into() },
                message_id: "1@example.test".into(),
                bcc: Vec::new(),
                date: None,
                to,
                cc,
                subject,
                in_reply_to,
                references,
                text,
                enclosures,
            };
            let bytes = compose::build(&letter, Copy::Sent);
            let header = String::from_utf8_lossy(&bytes[..end_of_header(&bytes)]).to_ascii_lowercase();
            assert!(!header.contains("\nbcc:") && !header.contains("canary@example.test\r\n\r\n"), "{name}: {header}");
            assert_eq!(compose::reopen(&bytes).letter.text, flowed::tidy(&letter.text), "{name}");
        }
    }
}

#[test]
fn remote_images_of_the_corpus_are_counted() {
    let counted: usize =
        corpus().iter().map(|(_, raw)| View::of(raw).page(Form::Rich, Remote::Blocked, None).remote).sum();
    assert!(counted > 10, "{counted}");
}

/// What sanitisers stumble over.
const PIECES: &[&str] = &[
    "<",
    ">",
    "\"",
    "'",
    "`",
    "=",
    "/",
    " ",
    "\n",
    "\0",
    "&",
    ";",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "</",
    "<svg>",
    "</svg>",
    "<math>",
    "<mtext>",
    "<mglyph>",
    "<style>",
    "</style>",
    "<title>",
    "<noscript>",
    "<template>",
    "<select>",
    "<table>",
    "<tr>",
    "<td>",
    "</table>",
    "<p",
    "<a href=",
    "<img src=",
    " style=",
    " onerror=alert(1)",
    "javascript:",
    "data:",
    "cid:",
    "http://x.test/",
    "//x.test",
    "url(",
    "position:fixed",
    "color:red",
    "&lt;",
    "&#60;",
    "&quot",
    "&#x6A",
    "</p>",
    "<b>",
    "</b>",
    "<form>",
    "<foreignObject>",
    "<annotation-xml>",
    "<iframe>",
    "<plaintext>",
    "<a",
    "<div style='",
    "x",
    "ü",
    "bank.test",
    "</a>",
];

/// Text made of it.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![prop::sample::select(PIECES).prop_map(str::to_owned), any::<String>(),];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_becomes_safe_and_stays_so(html in nasty()) {
        for remote in [Remote::Blocked, Remote::Allowed] {
            let allowed = Allowed::html(remote == Remote::Allowed);
            let once = made_safe(&html, remote).html;
            prop_assert_eq!(faults(&once, allowed), Vec::<String>::new(), "{} -> {}", html, once);
            let twice = made_safe(&once, remote).html;
            prop_assert_eq!(faults(&twice, allowed), Vec::<String>::new(), "{} -> {}", once, twice);
            to_lines(&once);
        }
    }
}
