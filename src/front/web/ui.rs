//! What every page knows: who reads it, in which language, and the token of its forms.

use super::text::{Arg, Text};
use super::visitor::{Flash, Visitor};
use super::{Web, asset, extract};
use crate::service::account::Role;
use crate::service::session::Stage;
use chrono::{DateTime, Datelike, Local, Utc};
use fluent_bundle::FluentArgs;

/// Handed to every template as `ui`.
pub(super) struct Ui {
    text: Text,
    csrf: String,
    viewer: Option<Viewer>,
    theme: &'static str,
    path: String,
    flash: Option<Flash>,
    hostname: String,
    now: DateTime<Utc>,
    /// Seconds until a count of failed tries starts anew.
    window: u64,
    wants_page: bool,
    only_reads: bool,
}

struct Viewer {
    address: String,
    name: String,
    role: Role,
    open: bool,
}

impl Ui {
    pub fn new(web: &Web, visitor: &Visitor) -> Self {
        let look = visitor.look();
        let viewer = visitor.session().map(|session| Viewer {
            address: session.who.address().to_string(),
            name: session.who.name().to_owned(),
            role: session.role,
            open: session.stage == Stage::Open,
        });
        Self {
            text: web.0.text.choose(look.language.as_deref(), visitor.accept_language()),
            csrf: extract::token(visitor, web),
            viewer,
            theme: look.theme.name(),
            path: visitor.path().to_owned(),
            flash: visitor.flash().cloned(),
            hostname: web.options().hostname.clone(),
            now: web.services().clock.now(),
            window: web.services().settings.number("login.window"),
            wants_page: visitor.wants_page(),
            only_reads: visitor.only_reads(),
        }
    }

    /// Whether a page is wanted; a script needs a status.
    pub fn wants_page(&self) -> bool {
        self.wants_page
    }

    /// What the catalogue says.
    pub fn say(&self, key: &str) -> String {
        self.text.say(key, &FluentArgs::new())
    }

    /// The same with an argument: `{ $name }`.
    pub fn say1(&self, key: &str, name: &'static str, value: impl Arg) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value.arg());
        self.text.say(key, &args)
    }

    /// The same with two.
    pub fn say2(&self, key: &str, name: &'static str, value: impl Arg, other: &'static str, its: impl Arg) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value.arg());
        args.set(other, its.arg());
        self.text.say(key, &args)
    }

    /// The same with a number: `{ $count }`.
    pub fn count(&self, key: &str, count: impl Arg) -> String {
        self.say1(key, "count", count)
    }

    /// Whether the catalogue has a key.
    pub fn knows(&self, key: &str) -> bool {
        self.text.has(key)
    }

    pub fn asset(&self, name: &str) -> String {
        asset::url(name)
    }

    /// What a file of `static/vendor` must be, as its manifest says.
    pub fn integrity(&self, file: &str) -> String {
        asset::integrity(file)
    }

    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// BCP 47 tag.
    pub fn lang(&self) -> &str {
        self.text.tag()
    }

    pub fn dir(&self) -> &'static str {
        self.text.dir()
    }

    /// `system`, `light` or `dark`.
    pub fn theme(&self) -> &'static str {
        self.theme
    }

    pub fn signed_in(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.open)
    }

    pub fn name(&self) -> &str {
        self.viewer.as_ref().map_or("", |viewer| if viewer.name.is_empty() { &viewer.address } else { &viewer.name })
    }

    pub fn address(&self) -> &str {
        self.viewer.as_ref().map_or("", |viewer| &viewer.address)
    }

    /// Two letters that stand for the person.
    pub fn initials(&self) -> String {
        initials(self.name())
    }

    /// One of eight colours, the same for a person for good.
    pub fn tone(&self) -> u8 {
        tone(self.address())
    }

    /// Whether there is anything for them to administer.
    pub fn may_admin(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.open && matches!(viewer.role, Role::DomainAdmin | Role::Owner))
    }

    pub fn is_owner(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.open && viewer.role == Role::Owner)
    }

    /// Path and query of this page.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether this page lies at or below a path.
    pub fn at(&self, path: &str) -> bool {
        let here = self.path.split('?').next().unwrap_or_default();
        here.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Where one signs in to come back here; after a form that is lost, to the start.
    pub fn sign_in_url(&self) -> String {
        let next = if self.only_reads { &self.path } else { "/" };
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        format!("/sign-in?next={next}")
    }

    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// What the act before this page did: its sentence.
    pub fn done(&self) -> Option<String> {
        let flash = self.flash.as_ref()?;
        let key = format!("done-{}", flash.key);
        if !self.text.has(&key) {
            return None;
        }
        let mut args = FluentArgs::new();
        args.set("thing", flash.thing.arg());
        if let Ok(count) = flash.thing.parse::<u32>() {
            args.set("count", count.arg());
        }
        Some(self.text.say(&key, &args))
    }

    /// The key of that sentence, without its prefix.
    pub fn about(&self) -> &str {
        self.flash.as_ref().map_or("", |flash| &flash.key)
    }

    /// Where and with which value a form takes that act back; empty: it can't be.
    pub fn undo(&self) -> (&str, &str) {
        self.flash.as_ref().map_or(("", ""), |flash| (&flash.undo_at, &flash.undo))
    }

    /// How long one waits after too many failed tries.
    pub fn wait(&self) -> String {
        self.span(self.window)
    }

    /// A duration for people, in the largest unit in which it is whole: 90 seconds, 5 days.
    pub fn span(&self, seconds: u64) -> String {
        const UNITS: [(u64, &str); 3] = [(86_400, "time-d"), (3600, "time-h"), (60, "time-m")];
        let whole = UNITS.into_iter().find(|(size, _)| seconds > 0 && seconds.is_multiple_of(*size));
        let (size, key) = whole.unwrap_or((1, "time-s"));
        self.count(key, seconds / size)
    }

    /// A size for people: 900 B, 12 KB, 3.4 MB.
    pub fn octets(&self, octets: u64) -> String {
        let (value, key) = match octets {
            0..1_000 => (octets as f64, "size-b"),
            1_000..1_000_000 => (octets as f64 / 1e3, "size-kb"),
            1_000_000..1_000_000_000 => (octets as f64 / 1e6, "size-mb"),
            _ => (octets as f64 / 1e9, "size-gb"),
        };
        let digits = if value < 10.0 && octets >= 1_000 { format!("{value:.1}") } else { format!("{value:.0}") };
        self.say1(key, "n", digits)
    }

    /// The same by powers of two, which limits are set in: 50 MiB, 2 GiB.
    pub fn binary(&self, octets: u64) -> String {
        const UNITS: [(u64, &str); 4] =
            [(1 << 40, "size-tib"), (1 << 30, "size-gib"), (1 << 20, "size-mib"), (1 << 10, "size-kib")];
        let (size, key) = UNITS.into_iter().find(|(size, _)| octets >= *size).unwrap_or((1, "size-b"));
        let value = octets as f64 / size as f64;
        let digits =
            if value < 10.0 && !octets.is_multiple_of(size) { format!("{value:.1}") } else { format!("{value:.0}") };
        self.say1(key, "n", digits.trim_end_matches(".0"))
    }

    /// For `datetime` of a `<time>`: a script then shows it in the reader's own zone.
    pub fn stamp(&self, at: &DateTime<Utc>) -> String {
        at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// For lists: the time today, the day this year, else the date; in the zone of this machine.
    pub fn brief(&self, at: &DateTime<Utc>) -> String {
        let (at, now) = (at.with_timezone(&Local), self.now.with_timezone(&Local));
        if at.date_naive() == now.date_naive() {
            return at.format("%H:%M").to_string();
        }
        if at.year() == now.year() && at < now {
            let month = self.say(&format!("month-{}", at.month()));
            return self.say2("date-day", "day", at.day(), "month", month);
        }
        at.format("%Y-%m-%d").to_string()
    }

    /// Date and time in full, with the zone: where no script puts the reader's own in its place, it tells whose it is.
    pub fn moment(&self, at: &DateTime<Utc>) -> String {
        let at = at.with_timezone(&Local);
        let month = self.say(&format!("month-{}", at.month()));
        let day = self.say2("date-day", "day", at.day(), "month", month);
        let date = self.say2("date-full", "day", day, "year", at.year().to_string());
        let zone = if at.offset().local_minus_utc() == 0 { "%H:%M UTC" } else { "%H:%M UTC%:z" };
        self.say2("date-time", "date", date, "time", at.format(zone).to_string())
    }
}

/// The first letters of the first and the last word of a name.
pub(super) fn initials(name: &str) -> String {
    let mut letters = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = letters.next();
    first.into_iter().chain(letters.next_back()).flat_map(char::to_uppercase).collect()
}

/// One of eight colours, made of an address.
pub(super) fn tone(address: &str) -> u8 {
    (address.bytes().fold(7u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(u32::from(octet))) % 8) as u8
}
