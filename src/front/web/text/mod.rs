//! Everything a page says, from the Fluent catalogues in `templates/text/<language>/*.ftl`.

use crate::model::shown::is_bidi_control;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use rust_embed::RustEmbed;
use std::borrow::Cow;
use std::sync::Arc;
use unic_langid::LanguageIdentifier;

#[derive(RustEmbed)]
#[folder = "templates/text/"]
#[include = "*.ftl"]
struct Files;

/// Complete languages, the first is everybody's fallback. [`PSEUDO`] is made from it.
pub(super) const LANGUAGES: &[&str] = &["en"];

/// A language that nobody speaks: English with accents between `[!!` and `!!]`, so that a text that is not in a catalogue
/// shows.
const PSEUDO: &str = "en-XA";

type Bundle = FluentBundle<FluentResource>;

/// The catalogues, read once.
pub(super) struct Catalogues(Vec<(String, Arc<Bundle>)>);

/// One language. Cheap to clone.
#[derive(Clone)]
pub(super) struct Text {
    tag: Arc<str>,
    bundle: Arc<Bundle>,
    fallback: Arc<Bundle>,
}

impl Catalogues {
    pub fn load() -> Self {
        let mut out: Vec<_> = LANGUAGES.iter().map(|tag| ((*tag).to_owned(), Arc::new(bundle(tag, None)))).collect();
        out.push((PSEUDO.to_owned(), Arc::new(bundle(LANGUAGES[0], Some(accents)))));
        Self(out)
    }

    /// The language for a reader: their own choice, else what the browser asks for (RFC 9110 §12.5.4).
    pub fn choose(&self, chosen: Option<&str>, accepted: &str) -> Text {
        let mut asked: Vec<(&str, f32)> = accepted
            .split(',')
            .take(20)
            .filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let tag = parts.next()?;
                let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
                Some((tag, weight?))
            })
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        asked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let ranges = chosen.into_iter().chain(asked.into_iter().map(|(tag, _)| tag));
        let exact = |range: &str| self.0.iter().position(|(tag, _)| tag.eq_ignore_ascii_case(range));
        // `de-AT` is served by `de`.
        let found = ranges.filter_map(|range| exact(range).or_else(|| exact(range.split('-').next()?))).next();
        let (tag, bundle) = &self.0[found.unwrap_or(0)];
        Text { tag: tag.as_str().into(), bundle: bundle.clone(), fallback: self.0[0].1.clone() }
    }
}

fn bundle(tag: &str, transform: Option<fn(&str) -> Cow<str>>) -> Bundle {
    let language: LanguageIdentifier = tag.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // What a reader gave is isolated where it stands: see `isolate`.
    bundle.set_use_isolating(false);
    bundle.set_transform(transform);
    for name in Files::iter().filter(|name| name.starts_with(&format!("{tag}/"))) {
        let Some(file) = Files::get(&name) else { continue };
        let source = String::from_utf8_lossy(&file.data).into_owned();
        let resource = FluentResource::try_new(source).unwrap_or_else(|(resource, errors)| {
            tracing::error!(%name, ?errors, "a catalogue has faults");
            resource
        });
        if let Err(errors) = bundle.add_resource(resource) {
            tracing::error!(%name, ?errors, "a catalogue says something twice");
        }
    }
    bundle
}

fn accents(text: &str) -> Cow<'_, str> {
    const FROM: &str = "aeioucnszyAEIOUCNSZY";
    const TO: &str = "àéîõüçñšžýÀÉÎÕÜÇÑŠŽÝ";
    text.chars().map(|c| FROM.chars().position(|f| f == c).and_then(|at| TO.chars().nth(at)).unwrap_or(c)).collect()
}

/// A text of a reader's between directional isolates (UAX #9) where it could turn the sentence around it; what would break
/// out of them is gone.
fn isolate(text: &str) -> Cow<'_, str> {
    if text.contains(is_bidi_control) {
        return isolate(&text.replace(is_bidi_control, "")).into_owned().into();
    }
    let turns = |c: char| matches!(c, '\u{590}'..='\u{8ff}' | '\u{200f}' | '\u{fb1d}'..='\u{fefc}');
    if text.contains(turns) { format!("\u{2068}{text}\u{2069}").into() } else { text.into() }
}

impl Text {
    pub fn tag(&self) -> &str {
        &self.tag
    }

    pub fn dir(&self) -> &'static str {
        if matches!(self.tag.split('-').next(), Some("ar" | "he" | "fa" | "ur")) { "rtl" } else { "ltr" }
    }

    fn is_pseudo(&self) -> bool {
        &*self.tag == PSEUDO
    }

    /// What the catalogue says under `key`; a key that is nowhere shows as itself, and a test sees to it that none is.
    pub fn say(&self, key: &str, args: &FluentArgs<'_>) -> String {
        for bundle in [&self.bundle, &self.fallback] {
            let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else { continue };
            let mut errors = Vec::new();
            let said = bundle.format_pattern(pattern, Some(args), &mut errors);
            if !errors.is_empty() {
                tracing::error!(key, ?errors, "a text could not be said");
            }
            return if self.is_pseudo() { format!("[!! {said} !!]") } else { said.into_owned() };
        }
        tracing::error!(key, "a text is in no catalogue");
        key.to_owned()
    }

    /// Whether the catalogue has it.
    pub fn has(&self, key: &str) -> bool {
        self.fallback.get_message(key).is_some_and(|message| message.value().is_some())
    }
}

/// An argument: numbers as numbers, so that plurals work; texts isolated.
pub(super) trait Arg {
    fn arg(&self) -> FluentValue<'static>;
}

impl<T: Arg + ?Sized> Arg for &T {
    fn arg(&self) -> FluentValue<'static> {
        (**self).arg()
    }
}

impl Arg for str {
    fn arg(&self) -> FluentValue<'static> {
        FluentValue::from(isolate(self).into_owned())
    }
}

impl Arg for String {
    fn arg(&self) -> FluentValue<'static> {
        self.as_str().arg()
    }
}

macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl Arg for $type {
            fn arg(&self) -> FluentValue<'static> {
                FluentValue::from(*self as f64)
            }
        }
    )+};
}
numbers!(u32, u64, i64, i32, usize);

/// The key under which a catalogue has words that a service says in English, `Refusal::Invalid` say.
pub(super) fn key_of(prefix: &str, words: &str) -> String {
    let mut out = prefix.to_owned();
    for word in words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).take(12) {
        out.push('-');
        out.push_str(&word.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests;
