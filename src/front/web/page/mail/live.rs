//! `/mail/live?box=…&since=…`: tells a page that is open of mail that came, as server-sent events; who asks for no stream
//! gets the same once, or 204. The page shows a bar; it never moves a line.

use super::super::super::Web;
use super::super::super::connection::Closing;
use super::super::super::error::{Fault, data};
use super::super::super::extract::Member;
use super::super::super::router::{Access, Route, route};
use super::super::super::ui::Ui;
use super::super::super::visitor::Visitor;
use super::{asked, list, number, query};
use crate::model::ids::{MailboxId, Uid};
use crate::service::session::Session;
use crate::service::watch::Watch;
use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::unfold;
use serde_json::json;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between signs of life, which keep proxies from hanging up, and looks whether the session still lasts.
const BEAT: Duration = Duration::from_secs(25);
/// Pages of a session that may listen at once.
const MOST: usize = 5;

pub(super) fn routes() -> Vec<Route> {
    vec![route("/mail/live", "GET", Access::Member, get(live))]
}

/// How many pages of each session listen.
#[derive(Clone, Default)]
pub(in super::super::super) struct Streams(Arc<Mutex<HashMap<i64, usize>>>);

/// One of a session's places; dropping it makes room for another.
struct Place(Streams, i64);

impl Streams {
    fn take(&self, session: i64) -> Option<Place> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(session).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(Place(self.clone(), session))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(&self.1) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(all.remove(&self.1)),
        }
    }
}

/// A page that listens.
struct Listener {
    web: Web,
    ui: Ui,
    session: Session,
    mailbox: MailboxId,
    since: Uid,
    /// The page is called after a message.
    beside: bool,
    watch: Watch,
    closing: CancellationToken,
    /// Messages it was told of.
    told: u32,
    /// What there was when it began.
    first: Option<u32>,
    _place: Place,
}

async fn live(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    Member(session): Member,
    Extension(Closing(closing)): Extension<Closing>,
) -> Result<Response, Fault> {
    let query = query(&visitor);
    let mailbox = MailboxId(number(&asked(&query, "box").unwrap_or_default())?);
    let since: Uid = number(&asked(&query, "since").unwrap_or_default())?;
    let news = web.services().lists.news(&session.who, mailbox, since).await?;
    let beside = query.iter().any(|(name, _)| name == "beside");
    if !visitor.wants_stream() {
        let news = words(&web, &ui, &session, mailbox, news.count, beside).await;
        return Ok(news.map_or_else(|| StatusCode::NO_CONTENT.into_response(), |news| data(&news)));
    }
    // A browser does not come back after this answer: it asks each minute.
    let Some(place) = web.0.streams.take(session.id) else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let watch = web.services().watchers.watch(&session.who, Some((mailbox, news.modseq)));
    let first = Some(news.count);
    let listener = Listener { web, ui, session, mailbox, since, beside, watch, closing, told: 0, first, _place: place };
    let events = unfold(listener, async |mut listener| {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Sse::new(events)).into_response())
}

impl Listener {
    /// The next event; `None` ends the stream: the session or the folder is over, or the house shuts down.
    async fn next(&mut self) -> Option<Event> {
        if let Some(count) = self.first.take() {
            let event = self.event(count).await;
            return Some(event.unwrap_or_else(|| Event::default().comment("listening")));
        }
        loop {
            let changed = tokio::select! {
                () = self.watch.changed() => true,
                () = tokio::time::sleep(BEAT) => false,
                () = self.closing.cancelled() => return None,
            };
            // Where the database is away this ends too: the browser asks again by itself.
            if !matches!(self.web.services().sessions.lasts(&self.session).await, Ok(true)) {
                return None;
            }
            if !changed {
                return Some(Event::default().comment("alive"));
            }
            let news = self.web.services().lists.news(&self.session.who, self.mailbox, self.since).await.ok()?;
            if news.count != self.told
                && let Some(event) = self.event(news.count).await
            {
                return Some(event);
            }
        }
    }

    async fn event(&mut self, count: u32) -> Option<Event> {
        self.told = count;
        let words = words(&self.web, &self.ui, &self.session, self.mailbox, count, self.beside).await?;
        Some(Event::default().event("new").data(words.to_string()))
    }
}

/// What the bar says of so many new messages, and the page's title unless it is called after a message.
async fn words(
    web: &Web,
    ui: &Ui,
    session: &Session,
    mailbox: MailboxId,
    count: u32,
    beside: bool,
) -> Option<serde_json::Value> {
    if count == 0 {
        return None;
    }
    let folders = web.services().lists.folders(&session.who).await.ok()?;
    let folder = folders.iter().find(|folder| folder.id == mailbox)?;
    let title = format!("{} – {}", list::title(ui, folder), ui.say("base-product"));
    Some(json!({ "words": ui.count("mail-new", count), "title": (!beside).then_some(title) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_so_many_places_and_gets_them_back() {
        let streams = Streams::default();
        let mut places: Vec<_> = (0..MOST).map(|_| streams.take(1).unwrap()).collect();
        assert!(streams.take(1).is_none() && streams.take(2).is_some());
        places.pop();
        assert!(streams.take(1).is_some());
        drop(places);
        assert!(streams.0.lock().unwrap().is_empty());
    }
}
