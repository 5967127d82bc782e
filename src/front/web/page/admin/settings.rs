//! `/admin/settings`: every setting with its reason, changed in force at once.

use super::Problems;
use super::add::Choice;
use super::amount::Amount;
use crate::front::web::Web;
use crate::front::web::error::{Fault, redirect, refusal_words, show, show_again};
use crate::front::web::extract::{Fields, Member, Path, Query, must_be_proved};
use crate::front::web::router::{Access, Route, route};
use crate::front::web::ui::Ui;
use crate::front::web::visitor::{Flash, Visitor};
use crate::service::Refusal;
use crate::service::account::Actor;
use crate::service::settings::{
    Change, Definition, Group, Kind, Settings, Shown, definition, parse_duration, parse_size,
};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/admin/settings", "GET", Access::Owner, get(list)),
        route("/admin/settings/{name}", "GET POST", Access::Owner, get(page).post(change)),
    ]
}

#[derive(Template)]
#[template(path = "admin/settings.html")]
struct SettingsPage {
    ui: Ui,
    q: String,
    groups: Vec<(String, Vec<Item>)>,
}

#[derive(Template)]
#[template(path = "admin/setting.html")]
struct SettingPage {
    ui: Ui,
    item: Item,
    history: Vec<Past>,
    problems: Problems,
}

/// A setting as it is shown and asked for.
struct Item {
    /// Its name in keys, ids and fields.
    slug: String,
    href: String,
    title: String,
    reason: String,
    /// In words.
    value: String,
    default: String,
    changed: bool,
    /// The value takes effect at the next start.
    later: bool,
    /// Who changed it last and when; empty where it is the default.
    by: String,
    input: Input,
    hint: String,
    error: String,
}

/// What its form holds.
enum Input {
    Switch(bool),
    Amount(Amount),
    Line(String),
    Choice(Vec<Choice>),
}

/// A change in words.
struct Past {
    when: String,
    stamp: String,
    by: String,
    before: String,
    after: String,
}

fn slug(definition: &Definition) -> String {
    definition.name.replace(['.', '_'], "-")
}

/// Its name for people.
pub(super) fn name(ui: &Ui, definition: &Definition) -> String {
    ui.say(&format!("setting-{}-name", slug(definition)))
}

/// A value in words, from how settings are written.
pub(super) fn words(ui: &Ui, definition: &Definition, raw: &str) -> String {
    match definition.kind {
        Kind::Switch => ui.say(if raw == "true" { "setting-on" } else { "setting-off" }),
        Kind::Size { .. } => match parse_size(raw).unwrap_or(0) {
            0 => ui.say("setting-none"),
            octets => ui.binary(octets),
        },
        Kind::Duration { .. } => match parse_duration(raw).unwrap_or(0) {
            0 => ui.say("setting-none"),
            seconds => ui.span(seconds),
        },
        Kind::Word(_) => ui.say(&format!("setting-word-{raw}")),
        Kind::Text(_) if raw.is_empty() => ui.say("setting-of-machine"),
        Kind::Count { .. } | Kind::Text(_) => raw.to_owned(),
    }
}

/// The limits, said beforehand and when they were passed.
fn hint(ui: &Ui, kind: Kind) -> String {
    match kind {
        Kind::Size { least, most } => ui.say2("setting-limits", "least", ui.binary(least), "most", ui.binary(most)),
        Kind::Duration { least, most } => ui.say2("setting-limits", "least", ui.span(least), "most", ui.span(most)),
        Kind::Count { least, most } => ui.say2("setting-limits", "least", least, "most", most),
        Kind::Text(_) => ui.say("setting-hint-host"),
        Kind::Switch | Kind::Word(_) => String::new(),
    }
}

fn input(ui: &Ui, kind: Kind, raw: &str) -> Input {
    match kind {
        Kind::Switch => Input::Switch(raw == "true"),
        Kind::Size { .. } => Input::Amount(Amount::size(parse_size(raw))),
        Kind::Duration { most, .. } => Input::Amount(Amount::time(parse_duration(raw).unwrap_or(0), most)),
        Kind::Count { .. } | Kind::Text(_) => Input::Line(raw.to_owned()),
        Kind::Word(all) => {
            let choice = |word: &&str| Choice {
                value: (*word).to_owned(),
                label: ui.say(&format!("setting-word-{word}")),
                text: String::new(),
                chosen: *word == raw,
            };
            Input::Choice(all.iter().map(choice).collect())
        }
    }
}

/// What was typed, as settings are written, and as it is shown again.
fn typed(ui: &Ui, definition: &Definition, form: &Fields) -> (String, Input) {
    let field = slug(definition);
    match definition.kind {
        Kind::Switch => {
            let on = form.has(&field);
            (on.to_string(), Input::Switch(on))
        }
        Kind::Size { .. } => {
            let amount = Amount::typed_size(form, &field);
            (amount.written(), Input::Amount(amount))
        }
        Kind::Duration { .. } => {
            let amount = Amount::typed_time(form, &field);
            (amount.written(), Input::Amount(amount))
        }
        kind @ (Kind::Count { .. } | Kind::Word(_) | Kind::Text(_)) => {
            let raw = form.line(&field).to_owned();
            let input = input(ui, kind, &raw);
            (raw, input)
        }
    }
}

impl Item {
    fn new(ui: &Ui, shown: &Shown, last: Option<&Change>) -> Self {
        let definition = shown.definition;
        let changed = shown.changed && shown.value != definition.default;
        let slug = slug(definition);
        let by = last.filter(|_| changed);
        Self {
            href: format!("/admin/settings/{}", definition.name),
            title: name(ui, definition),
            reason: ui.say(&format!("setting-{slug}-reason")),
            value: words(ui, definition, &shown.value),
            default: words(ui, definition, definition.default),
            changed,
            later: shown.waits,
            by: by.map_or_else(String::new, |last| ui.say2("setting-by", "who", &last.by, "when", ui.brief(&last.at))),
            input: input(ui, definition.kind, &shown.value),
            hint: hint(ui, definition.kind),
            error: String::new(),
            slug,
        }
    }

    /// Whether a search finds it, by what is read of it or by its name in files and commands.
    fn has(&self, q: &str) -> bool {
        let name = self.href.rsplit('/').next().unwrap_or_default();
        [&self.title, &self.reason, name].iter().any(|text| text.to_lowercase().contains(q))
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

async fn list(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Query(Asked { q }): Query<Asked>,
) -> Result<Response, Fault> {
    let actor = member.acting(&web, &visitor).await?;
    let settings = &web.services().settings;
    let q = q.trim().to_owned();
    let wanted = q.to_lowercase();
    let mut groups = Vec::new();
    for group in Group::ALL {
        let mut items = Vec::new();
        for shown in settings.list().into_iter().filter(|shown| shown.definition.group == group) {
            // Few differ from their defaults.
            let last = if shown.changed { last(settings, &actor, shown.definition).await? } else { None };
            items.push(Item::new(&ui, &shown, last.as_ref()));
        }
        items.retain(|item| wanted.is_empty() || item.has(&wanted));
        if !items.is_empty() {
            groups.push((ui.say(&format!("settings-group-{}", group.name())), items));
        }
    }
    Ok(show(&SettingsPage { ui, q, groups }))
}

async fn last(settings: &Settings, actor: &Actor, definition: &Definition) -> Result<Option<Change>, Fault> {
    Ok(settings.history(actor, definition.name).await?.into_iter().next())
}

async fn found(web: &Web, ui: Ui, actor: &Actor, definition: &'static Definition) -> Result<SettingPage, Fault> {
    let settings = &web.services().settings;
    let history = settings.history(actor, definition.name).await?;
    let shown = settings.list().into_iter().find(|shown| shown.definition.name == definition.name);
    let item = Item::new(&ui, &shown.ok_or(Refusal::NotFound)?, history.first());
    let value = |raw: &Option<String>| words(&ui, definition, raw.as_deref().unwrap_or(definition.default));
    let past = |change: &Change| Past {
        when: ui.moment(&change.at),
        stamp: ui.stamp(&change.at),
        by: change.by.clone(),
        before: value(&change.before),
        after: value(&change.after),
    };
    let history = history.iter().map(past).collect();
    Ok(SettingPage { item, history, problems: Vec::new(), ui })
}

async fn page(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Path(name): Path<String>,
) -> Result<Response, Fault> {
    let definition = definition(&name).ok_or(Fault::NoPage)?;
    let actor = member.acting(&web, &visitor).await?;
    Ok(show(&found(&web, ui, &actor, definition).await?))
}

async fn change(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Path(name): Path<String>,
    form: Fields,
) -> Result<Response, Fault> {
    let definition = definition(&name).ok_or(Fault::NoPage)?;
    let actor = member.acting(&web, &visitor).await?;
    if definition.is_grave() {
        must_be_proved(&web, &member.0, &form)?;
    }
    let settings = &web.services().settings;
    let (raw, input) = typed(&ui, definition, &form);
    let before = last(settings, &actor, definition).await?;
    let done = if form.has("undo") {
        // An undo is for the change it was offered with: sent twice, it takes nothing else back.
        match &before {
            Some(last) if stamp(last) == form.line("undo") => settings.undo(&actor, definition.name).await,
            _ => Ok(()),
        }
    } else if form.has("reset") {
        settings.reset(&actor, definition.name).await
    } else {
        settings.set(&actor, definition.name, &raw).await
    };
    match done {
        Ok(()) => {
            let now = last(settings, &actor, definition).await?;
            tell(&visitor, &ui, definition, now.filter(|now| before.as_ref() != Some(now)));
            Ok(redirect(&format!("/admin/settings#at-{}", slug(definition))))
        }
        Err(refusal @ Refusal::Invalid(_)) => {
            let mut page = found(&web, ui, &actor, definition).await?;
            page.item.error = problem(&page.ui, definition, &refusal);
            page.item.input = input;
            page.problems = vec![(page.item.slug.clone(), page.item.error.clone())];
            Ok(show_again(&page))
        }
        Err(other) => Err(other.into()),
    }
}

fn stamp(change: &Change) -> String {
    change.at.timestamp_micros().to_string()
}

fn problem(ui: &Ui, definition: &Definition, refusal: &Refusal) -> String {
    let limits = hint(ui, definition.kind);
    match definition.kind {
        Kind::Size { .. } | Kind::Duration { .. } | Kind::Count { .. } => {
            ui.say1("setting-problem-number", "limits", limits)
        }
        Kind::Text(_) => ui.say("setting-problem-host"),
        Kind::Switch | Kind::Word(_) => refusal_words(ui, refusal),
    }
}

/// What was changed, if anything was, and how it is taken back.
fn tell(visitor: &Visitor, ui: &Ui, definition: &Definition, change: Option<Change>) {
    if let Some(change) = change {
        let thing = name(ui, definition);
        let undo_at = format!("/admin/settings/{}", definition.name);
        let key = if definition.is_read_at_start() { "setting-later" } else { "setting" };
        visitor.tell(&Flash { key: key.into(), thing, undo_at, undo: stamp(&change) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::settings::DEFINITIONS;

    #[test]
    fn every_setting_has_its_name_and_reason_in_the_catalogue() {
        let said = include_str!("../../../../../templates/text/en/setting.ftl");
        let has = |key: String| said.lines().any(|line| line.starts_with(&format!("{key} = ")));
        let mut missing = Vec::new();
        for definition in DEFINITIONS {
            let slug = slug(definition);
            let mut keys = vec![format!("setting-{slug}-name"), format!("setting-{slug}-reason")];
            keys.push(format!("settings-group-{}", definition.group.name()));
            if let Kind::Word(words) = definition.kind {
                keys.extend(words.iter().map(|word| format!("setting-word-{word}")));
            }
            missing.extend(keys.into_iter().filter(|key| !has(key.clone())));
        }
        assert_eq!(missing, Vec::<String>::new());
    }
}
