//! Addresses and forms that no page makes, and those of what has gone: each is answered in words, none makes a page fail.

use super::{Desk, href};
use crate::harness::browser::Answer;
use mailstead::model::flags::Flags;

/// Numbers, and what is none, in the place of one.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "x",
    "%00",
    "%FF",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
];

/// Places in a list, as far as time and UIDs go, and beyond what a database holds.
const CURSORS: &[&str] = &[
    "",
    "0.0",
    "1.4294967295",
    "1.4294967296",
    "-1.1",
    "-62135596800000000.1",
    "-211810204800000001.1",
    "-8334601228800000000.1",
    "8210266876799999999.1",
    "9223372036854775807.1",
    "-9223372036854775808.1",
    "x.1",
    "1.%00",
];

/// Searches with dates, ages and sizes without end, and characters that no text has.
const SEARCHES: &[&str] = &[
    "%00",
    "a%00b",
    "from%3A%00",
    "subject%3A%22%00%22",
    "body%3A%EF%BF%BF",
    "in%3A%00",
    "in%3Anowhere",
    "before%3A%2B262142-12-31",
    "before%3A-262143-01-01",
    "after%3A-4800-01-01",
    "on%3A%2B262142-12-31",
    "on%3A0000-01-01",
    "older%3A95000000d",
    "older%3A1000000d",
    "newer%3A5000y",
    "larger%3A18446744073709551615",
    "smaller%3A9223372036854775808",
    "%25%5C_%27%22%3B--",
    "%5C",
    "%E2%80%AE",
];

/// What is no answer, all of them at once.
#[derive(Default)]
struct Failed(Vec<String>);

impl Failed {
    fn note(&mut self, answer: &Answer, what: &str) {
        if !(200..500).contains(&answer.status) {
            self.0.push(format!("{what}: {}", answer.status));
        }
    }
}

impl Drop for Failed {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || self.0.is_empty(), "{:#?}", self.0);
    }
}

#[tokio::test]
async fn no_address_makes_a_page_fail() {
    let mut desk = Desk::new().await;
    let value = desk.mail("INBOX", "one").await;
    let inbox = desk.id("INBOX").await;
    let mut paths = Vec::new();
    for number in NUMBERS {
        for rest in ["", "/body", "/print", "/headers", "/source", "/source.eml", "/seen", "/part/1", "/part/1/preview"]
        {
            paths.push(format!("/mail/{inbox}/{number}{rest}"));
            paths.push(format!("/mail/{number}/1{rest}"));
        }
        for rest in ["", "/empty"] {
            paths.push(format!("/mail/{number}{rest}"));
        }
        for kind in ["reply", "reply-all", "forward", "draft"] {
            paths.push(format!("/mail/compose?{kind}={inbox}.{number}"));
            paths.push(format!("/mail/compose?{kind}={number}.1"));
        }
        paths.push(format!("{}/part/{number}", href(&value)));
        paths.push(format!("/mail/folders/{number}"));
        paths.push(format!("/mail/compose/{number}"));
        paths.push(format!("/mail/search?q=one&page={number}"));
        paths.push(format!("{}?q=one&page={number}", href(&value)));
    }
    for cursor in CURSORS {
        for way in ["before", "after"] {
            paths.push(format!("/mail?{way}={cursor}"));
            paths.push(format!("/mail/{inbox}?{way}={cursor}"));
            paths.push(format!("{}?{way}={cursor}", href(&value)));
        }
    }
    for search in SEARCHES {
        paths.push(format!("/mail/search?q={search}"));
        paths.push(format!("{}?q={search}", href(&value)));
        paths.push(format!("/mail/compose?to={search}&mailto=mailto%3A{search}"));
    }
    let mut failed = Failed::default();
    for path in paths {
        let answer = desk.browser.get(&path).await;
        failed.note(&answer, &path);
    }
    for number in NUMBERS {
        for path in [format!("/mail/live?box={inbox}&since={number}"), format!("/mail/live?box={number}&since=1")] {
            let status = desk.browser.listen(&path).await.status;
            assert!((200..500).contains(&status), "{path}: {status}");
        }
    }
}

#[tokio::test]
async fn no_form_makes_a_page_fail() {
    let mut desk = Desk::new().await;
    let value = desk.mail("INBOX", "one").await;
    let inbox = desk.id("INBOX").await;
    let mut failed = Failed::default();
    desk.get("/mail").await;
    for number in NUMBERS.iter().map(|number| number.replace("%00", "\0").replace("%FF", "\u{ffff}")) {
        for pick in [format!("{inbox}.{number}"), format!("{number}.1")] {
            for act in ["seen", "star", "archive", "junk", "not-junk", "delete", &format!("move.{number}"), &number] {
                let answer = desk.browser.post("/mail/act", &[("pick", &pick), ("act", act), ("back", &number)]).await;
                failed.note(&answer, &format!("{act:?} of {pick:?}"));
            }
        }
        for undo in [
            format!("f{inbox}.{number}.1+"),
            format!("f{number}.1.1-"),
            format!("m{inbox}.{number}.1-2"),
            format!("m{number}.{inbox}.1-2"),
            format!("m{inbox}.{inbox}.{number}-1"),
            format!("m{inbox}.{inbox}.1-{number}"),
            format!("x{inbox}.{number}"),
            format!("x{number}.1"),
        ] {
            let answer = desk.browser.post("/mail/undo?back=%00", &[("undo", &undo)]).await;
            failed.note(&answer, &format!("undo {undo:?}"));
        }
        for (path, field) in [
            ("/mail/folders".to_owned(), "name"),
            (format!("/mail/folders/{inbox}"), "name"),
            (format!("{}/remote", href(&value)), "remote"),
            (format!("{}/seen", href(&value)), "seen"),
            ("/mail/compose".to_owned(), "to"),
            ("/mail/compose".to_owned(), "source"),
            (format!("/mail/compose/{inbox}"), "revision"),
            ("/mail/undo-send".to_owned(), "undo"),
        ] {
            let fields = [(field, number.as_str()), ("inside", number.as_str()), ("kind", "forward"), ("act", "save")];
            let answer = desk.browser.post(&path, &fields).await;
            failed.note(&answer, &format!("{path} {field}={number:?}"));
        }
    }
}

#[tokio::test]
async fn a_page_of_what_has_just_gone_says_so() {
    let mut desk = Desk::new().await;
    let raw = b"Subject: going\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: text/csv; name=a.csv\r\n\r\n1\r\n--b--\r\n";
    let value = desk.put("INBOX", raw, Flags::default(), 0).await;
    let path = href(&value);
    let rests = ["", "/body", "/print", "/headers", "/source", "/source.eml", "/part/2"];
    for rest in rests {
        desk.get(&format!("{path}{rest}")).await;
    }
    let gone = desk.act(&[&value], "delete", "/mail").await;
    for rest in rests {
        assert_eq!(desk.browser.get(&format!("{path}{rest}")).await.status, 404, "{rest}");
    }
    for kind in ["reply", "reply-all", "forward", "draft"] {
        assert_eq!(desk.browser.get(&format!("/mail/compose?{kind}={value}")).await.status, 404, "{kind}");
    }
    // Its list and its act are still on some page, whose buttons are pressed.
    assert_eq!(desk.browser.post(&format!("{path}/remote"), &[("remote", "once")]).await.status, 404);
    desk.act(&[&value], "star", "/mail").await;
    desk.undo(&gone).await;
    // Its second press finds nothing to do.
    let again = desk.undo(&gone).await;
    assert!(again.text().contains("nothing") || again.text().contains("Nothing"), "{}", again.text());
    let back = desk.get("/mail").await;
    assert_eq!(super::rows(&back).len(), 1, "it came back once");
}
