//! A browser in words: what it calls itself (RFC 9110 §10.1.5) made into "Firefox on Linux". It may call itself anything,
//! so this serves to recognize one's own and proves nothing.

use super::ui::Ui;

/// Marks of browsers; an earlier one wins, since most also claim to be the later ones.
const BROWSERS: [(&str, &str); 11] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

/// Marks of systems, likewise.
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("FreeBSD", "FreeBSD"),
    ("Linux", "Linux"),
];

fn find(marks: &[(&str, &'static str)], agent: &str) -> Option<&'static str> {
    marks.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
}

/// The browser and its system, as far as they can be told.
pub(super) fn in_words(ui: &Ui, agent: &str) -> String {
    match (find(&BROWSERS, agent), find(&SYSTEMS, agent)) {
        (Some(browser), Some(system)) => ui.say2("agent-both", "browser", browser, "system", system),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => ui.say1("agent-system", "system", system),
        (None, None) => ui.say("agent-unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_apart_though_each_claims_to_be_others() {
        let mozilla = "Mozilla/5.0";
        let engine = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, wanted) in [
            (
                format!("{mozilla} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
                (Some("Firefox"), Some("Linux")),
            ),
            (
                format!("{mozilla} (Windows NT 10.0; Win64; x64) {engine} Chrome/150.0 Safari/537.36 Edg/150.0"),
                (Some("Edge"), Some("Windows")),
            ),
            (
                format!("{mozilla} (Linux; Android 15) {engine} Chrome/150.0 Mobile Safari/537.36"),
                (Some("Chrome"), Some("Android")),
            ),
            (
                format!(
                    "{mozilla} (iPhone; CPU iPhone OS 19_0 like Mac OS X) {engine} Version/19.0 Mobile Safari/604.1"
                ),
                (Some("Safari"), Some("iPhone")),
            ),
            (
                format!("{mozilla} (Macintosh; Intel Mac OS X 10_15_7) {engine} Version/19.0 Safari/605.1"),
                (Some("Safari"), Some("macOS")),
            ),
            ("curl/8.14".into(), (Some("curl"), None)),
            ("Browser 1.0".into(), (None, None)),
            (String::new(), (None, None)),
        ] {
            assert_eq!((find(&BROWSERS, &agent), find(&SYSTEMS, &agent)), wanted, "{agent}");
        }
    }
}
