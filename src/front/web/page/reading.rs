//! `/settings/reading`: when mail counts as read, whose pictures are loaded, keys, how close lines stand.

use super::super::Web;
use super::super::error::{Fault, redirect, show};
use super::super::extract::{Fields, Member};
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::{Flash, Visitor};
use crate::model::address::Address;
use crate::service::preference::{Density, Preference, Remote};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

/// Waits that are offered, in seconds.
const WAITS: &[u16] = &[0, 2, 5, 30];

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/settings/reading", "GET POST", Access::Member, get(ask).post(save)),
        route("/settings/reading/senders", "POST", Access::Member, post(forget)),
    ]
}

#[derive(Template)]
#[template(path = "reading/choose.html")]
struct ReadingPage {
    ui: Ui,
    wishes: Preference,
    /// Value, label, whether it is the one.
    waits: Vec<(String, String, bool)>,
    senders: Vec<Address>,
}

async fn ask(State(web): State<Web>, ui: Ui, member: Member) -> Result<Response, Fault> {
    let preferences = &web.services().preferences;
    let wishes = preferences.get(member.who()).await?;
    let senders = preferences.remote_senders(member.who()).await?;
    let mut offered = WAITS.to_vec();
    // Chosen in another way, it is not lost by saving.
    offered.extend(wishes.seen_after.filter(|seconds| !WAITS.contains(seconds)));
    let wait = |seconds: u16| {
        (seconds.to_string(), ui.count("reading-after", u32::from(seconds)), wishes.seen_after == Some(seconds))
    };
    let mut waits: Vec<_> = offered.into_iter().map(wait).collect();
    waits.push(("never".into(), ui.say("reading-never"), wishes.seen_after.is_none()));
    Ok(show(&ReadingPage { ui, wishes, waits, senders }))
}

async fn save(State(web): State<Web>, visitor: Visitor, member: Member, form: Fields) -> Result<Response, Fault> {
    let preferences = &web.services().preferences;
    let seen_after = match form.line("seen-after") {
        "never" => None,
        seconds => Some(seconds.parse().map_err(|_| Fault::Unreadable)?),
    };
    let remote = match form.line("remote") {
        "ask" => Remote::Ask,
        "always" => Remote::Always,
        "never" => Remote::Never,
        _ => return Err(Fault::Unreadable),
    };
    let density = if form.has("compact") { Density::Compact } else { Density::Comfortable };
    let shortcuts = form.has("shortcuts");
    let before = preferences.get(member.who()).await?;
    preferences.set(member.who(), &Preference { seen_after, remote, shortcuts, density, ..before }).await?;
    visitor.tell(&Flash { key: "reading".into(), ..Flash::default() });
    Ok(redirect("/settings/reading"))
}

/// Takes a sender off the list, or puts one back.
async fn forget(State(web): State<Web>, visitor: Visitor, member: Member, form: Fields) -> Result<Response, Fault> {
    let back = form.has("undo");
    let raw = form.line(if back { "undo" } else { "sender" });
    let sender = Address::parse(raw).map_err(|_| Fault::Unreadable)?;
    web.services().preferences.allow_remote(member.who(), &sender, back).await?;
    let mut flash = Flash { key: "reading-sender".into(), thing: sender.to_string(), ..Flash::default() };
    if back {
        flash.key = "mail-remote-sender".into();
    } else {
        (flash.undo_at, flash.undo) = ("/settings/reading/senders".into(), sender.to_string());
    }
    visitor.tell(&flash);
    Ok(redirect("/settings/reading"))
}
