//! Acts on messages that were picked in a list or are on show, and their undoing. Each ends where it was begun.

use super::super::super::Web;
use super::super::super::error::{Fault, redirect};
use super::super::super::extract::{Fields, Member};
use super::super::super::router::{Access, Route, route};
use super::super::super::visitor::{Flash, Visitor};
use super::super::sign_in::local;
use super::{Spot, asked, link, query};
use crate::model::ids::MailboxId;
use crate::model::mailbox::SpecialUse;
use crate::model::uidset::UidSet;
use crate::service::Refusal;
use crate::service::act::{Done, Mark, Selection};
use crate::service::undo::Undo;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use std::collections::BTreeMap;

/// Longest undoing that a cookie carries.
const UNDO: usize = 2000;

pub(super) fn routes() -> Vec<Route> {
    vec![route("/mail/act", "POST", Access::Member, post(act)), route("/mail/undo", "POST", Access::Member, post(undo))]
}

/// Where an act goes back to: a page of mail.
fn back(raw: &str) -> &str {
    let place = local(raw);
    if place == "/mail" || place.starts_with("/mail/") || place.starts_with("/mail?") { place } else { "/mail" }
}

/// What was picked, by folder.
fn chosen(form: &Fields) -> Vec<Selection> {
    let mut all: BTreeMap<MailboxId, Vec<u32>> = BTreeMap::new();
    for spot in form.all("pick").filter_map(Spot::read) {
        all.entry(spot.mailbox).or_default().push(spot.uid);
    }
    let selection = |(mailbox, uids): (MailboxId, Vec<u32>)| Selection { mailbox, uids: UidSet::from_iter(uids) };
    all.into_iter().map(selection).collect()
}

async fn act(State(web): State<Web>, visitor: Visitor, member: Member, form: Fields) -> Result<Response, Fault> {
    let chosen = chosen(&form);
    let act = form.text("act");
    // A star changes nothing about what is on show; after the other acts its list is.
    let stays = matches!(act, "star" | "unstar") && form.has("here");
    let to = back(form.text(if stays { "here" } else { "back" })).to_owned();
    if chosen.is_empty() {
        visitor.tell(&Flash { key: "mail-nothing-picked".into(), ..Flash::default() });
        return Ok(redirect(&to));
    }
    let (acts, who) = (&web.services().acts, member.who());
    let (key, done) = match act {
        "seen" => ("mail-seen", acts.mark(who, &chosen, Mark::Seen).await?),
        "unseen" => ("mail-unseen", acts.mark(who, &chosen, Mark::Unseen).await?),
        "star" => ("mail-starred", acts.mark(who, &chosen, Mark::Flagged).await?),
        "unstar" => ("mail-unstarred", acts.mark(who, &chosen, Mark::Unflagged).await?),
        "archive" => ("mail-archived", acts.move_to_special(who, &chosen, SpecialUse::Archive).await?),
        "junk" => ("mail-junked", acts.move_to_special(who, &chosen, SpecialUse::Junk).await?),
        "not-junk" => ("mail-not-junk", acts.not_junk(who, &chosen).await?),
        "delete" => ("mail-deleted", acts.delete(who, &chosen).await?),
        _ => {
            let target = act.strip_prefix("move.").and_then(|id| id.parse().ok()).ok_or(Fault::Unreadable)?;
            ("mail-moved", acts.move_to(who, &chosen, MailboxId(target)).await?)
        }
    };
    tell(&visitor, key, &done, &to);
    Ok(redirect(&to))
}

/// Tells what an act did, with its undoing. An act that found nothing to do says so, unless it is the second press of a
/// button whose first did it.
pub(super) fn tell(visitor: &Visitor, key: &str, done: &Done, back: &str) {
    if done.count == 0 {
        if visitor.flash().is_none() {
            visitor.tell(&Flash { key: "mail-nothing-done".into(), ..Flash::default() });
        }
        return;
    }
    let mut flash = Flash { key: key.into(), thing: done.count.to_string(), ..Flash::default() };
    let undo = done.undo.to_string();
    if !done.undo.is_empty() && undo.len() <= UNDO {
        flash.undo_at = link("/mail/undo", [("back", back)]);
        flash.undo = undo;
    }
    visitor.tell(&flash);
}

async fn undo(State(web): State<Web>, visitor: Visitor, member: Member, form: Fields) -> Result<Response, Fault> {
    let to = back(&asked(&query(&visitor), "back").unwrap_or_default()).to_owned();
    let undo: Undo = form.text("undo").parse()?;
    let count = match web.services().acts.undo(member.who(), &undo).await {
        Ok(count) => count,
        // The folder went meanwhile.
        Err(Refusal::NotFound) => 0,
        Err(other) => return Err(other.into()),
    };
    let key = if count == 0 { "mail-undone-none" } else { "mail-undone" };
    visitor.tell(&Flash { key: key.into(), thing: count.to_string(), ..Flash::default() });
    Ok(redirect(&to))
}

#[cfg(test)]
mod tests {
    use super::back;

    #[test]
    fn acts_go_back_to_mail_alone() {
        for fine in ["/mail", "/mail/4?before=1.2", "/mail/search?q=x"] {
            assert_eq!(back(fine), fine);
        }
        for bad in ["", "/", "/settings", "/mailx", "//evil.example/mail/"] {
            assert_eq!(back(bad), "/mail", "{bad}");
        }
    }
}
