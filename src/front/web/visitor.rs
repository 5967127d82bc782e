//! Who asks: found once a request, before any handler.

use super::Web;
use super::connection::Direct;
use super::error::Fault;
use super::extract::Fields;
use super::upload;
use crate::model::address::Domain;
use crate::model::network::Network;
use crate::service::login::{Origin, Protocol};
use crate::service::preference::Theme;
use crate::service::session::{Session, Token};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use axum::middleware::Next;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The session's token.
const SESSION: &str = "__Host-ms";
/// What a browser without a session binds its forms to.
const STRANGER: &str = "__Host-ms-pre";
/// How pages look: chosen by the reader, known before anybody signs in.
const LOOK: &str = "__Host-ms-look";
/// What the next page tells: an act was done.
const FLASH: &str = "__Host-ms-flash";

/// The browser and the person at it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Visitor(Arc<Inner>);

struct Inner {
    session: Option<Session>,
    /// It had the cookie of a session that is no more.
    ended: bool,
    stranger: Option<String>,
    fresh_stranger: OnceLock<String>,
    peer: IpAddr,
    agent: String,
    host: Option<Domain>,
    accept_language: String,
    look: Look,
    flash: Option<Flash>,
    path: String,
    only_reads: bool,
    wants_page: bool,
    wants_stream: bool,
    cookies: Mutex<Vec<Cookie<'static>>>,
    kept: Mutex<Option<Fields>>,
}

/// The reader's choices for pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Look {
    pub theme: Theme,
    /// A language tag; `None`: what the browser asks for.
    pub language: Option<String>,
}

/// Words for the next page: a key of the catalogue, its argument, and what takes the act back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Flash {
    /// Without its prefix `done-`.
    pub key: String,
    /// `$thing`, or `$count` where it is a number.
    pub thing: String,
    /// Where a form with `undo` takes it back, and the value; both empty: it can't be.
    pub undo_at: String,
    pub undo: String,
}

impl Flash {
    fn encode(&self) -> String {
        let parts = [&self.key, &self.thing, &self.undo_at, &self.undo];
        parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
    }

    fn decode(raw: &str) -> Option<Self> {
        let part = |raw: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(raw).ok()?).ok();
        let mut parts = raw.split('.').map(part);
        let mut next = || parts.next().flatten();
        Some(Self { key: next()?, thing: next()?, undo_at: next()?, undo: next()? })
    }
}

fn cookie(name: &'static str, value: String) -> Cookie<'static> {
    Cookie::build((name, value)).path("/").secure(true).http_only(true).same_site(SameSite::Lax).build()
}

fn gone(name: &'static str) -> Cookie<'static> {
    let mut cookie = cookie(name, String::new());
    cookie.make_removal();
    cookie
}

impl Visitor {
    pub fn session(&self) -> Option<&Session> {
        self.0.session.as_ref()
    }

    /// Whether it was signed in and no longer is.
    pub fn has_ended(&self) -> bool {
        self.0.ended
    }

    pub fn agent(&self) -> &str {
        &self.0.agent
    }

    pub fn accept_language(&self) -> &str {
        &self.0.accept_language
    }

    pub fn look(&self) -> &Look {
        &self.0.look
    }

    pub fn flash(&self) -> Option<&Flash> {
        self.0.flash.as_ref()
    }

    /// The path and query that were asked for.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Whether it changes nothing (RFC 9110 §9.2.1), so that it can be asked once more.
    pub fn only_reads(&self) -> bool {
        self.0.only_reads
    }

    /// Whether a page is wanted; a script needs a status.
    pub fn wants_page(&self) -> bool {
        self.0.wants_page
    }

    /// Whether it asks for events.
    pub fn wants_stream(&self) -> bool {
        self.0.wants_stream
    }

    /// As sign-ins and the audit know it.
    pub fn origin(&self) -> Origin {
        Origin { peer: self.0.peer, protocol: Protocol::Web, domain_hint: self.0.host.clone() }
    }

    /// What its forms are bound to: the session, or a cookie of their own before there is one, so that nobody can be
    /// signed in as somebody else by a form from elsewhere.
    pub fn binding(&self, web: &Web) -> String {
        match &self.0.session {
            Some(session) => session.binding(),
            None => format!("stranger {}", self.stranger(web)),
        }
    }

    /// What binds things to this browser before it signs in: made now, where it has no such cookie yet.
    pub fn stranger(&self, web: &Web) -> &str {
        let fresh = || {
            let made = web.services().sessions.stranger().map(|token| token.expose().clone()).unwrap_or_default();
            self.put(cookie(STRANGER, made.clone()));
            made
        };
        self.0.stranger.as_ref().unwrap_or_else(|| self.0.fresh_stranger.get_or_init(fresh))
    }

    /// Gives the browser a session's token. What it was bound to before is forgotten.
    pub fn sign_in(&self, token: &Token) {
        let mut made = cookie(SESSION, token.expose().clone());
        made.set_max_age(cookie::time::Duration::days(90));
        self.put(made);
        self.put(gone(STRANGER));
    }

    /// Takes the session's token away, and what the next page would have told: it is for nobody else at this browser.
    pub fn sign_out(&self) {
        self.put(gone(SESSION));
        self.told();
    }

    /// Tells something on the next page.
    pub fn tell(&self, flash: &Flash) {
        self.put(cookie(FLASH, flash.encode()));
    }

    /// The flash was shown.
    pub fn told(&self) {
        if self.0.flash.is_some() {
            self.put(gone(FLASH));
        }
    }

    /// Keeps the reader's choices for a year.
    pub fn choose(&self, look: &Look) {
        let value = format!("{}.{}", look.theme.name(), look.language.as_deref().unwrap_or_default());
        let mut made = cookie(LOOK, value);
        made.set_max_age(cookie::time::Duration::days(365));
        self.put(made);
    }

    /// Remembers the form that was sent, for as long as the request takes: where nothing can be done with it now, it is
    /// shown again. One with something secret in it is not.
    pub fn keep(&self, fields: &Fields) {
        if !fields.is_empty() && fields.is_whole_when_carried() {
            *self.0.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(fields.clone());
        }
    }

    pub fn take_kept(&self) -> Option<Fields> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, cookie: Cookie<'static>) {
        let mut all = self.0.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.name() != cookie.name());
        all.push(cookie);
    }

    fn take_cookies(&self) -> Vec<Cookie<'static>> {
        std::mem::take(&mut *self.0.cookies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Finds out who asks, lets the handler work, and makes a page in words of a fault.
pub(super) async fn receive(State(web): State<Web>, mut request: Request, next: Next) -> Response<axum::body::Body> {
    let direct = request.extensions().get::<Direct>().map_or(IpAddr::from(Ipv4Addr::LOCALHOST), |direct| direct.0);
    let headers = request.headers();
    let cookies: Vec<Cookie<'_>> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .collect();
    let value =
        |name: &str| cookies.iter().find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned());
    let token = value(SESSION);
    let (session, fault) = match &token {
        None => (None, None),
        Some(token) => match web.services().sessions.resume(token).await {
            Ok(session) => (session, None),
            Err(refusal) => (None, Some(Fault::from(refusal))),
        },
    };
    let inner = Inner {
        ended: token.is_some() && session.is_none() && fault.is_none(),
        session,
        stranger: value(STRANGER).filter(|value| value.len() == 43),
        fresh_stranger: OnceLock::new(),
        peer: peer(headers, direct, &web.options().proxies),
        agent: text_of(headers, header::USER_AGENT).to_owned(),
        host: host(headers),
        accept_language: text_of(headers, header::ACCEPT_LANGUAGE).to_owned(),
        look: value(LOOK).map(|raw| look(&raw)).unwrap_or_default(),
        flash: value(FLASH).and_then(|raw| Flash::decode(&raw)),
        path: request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        only_reads: request.method().is_safe(),
        wants_page: wants_page(headers),
        wants_stream: text_of(headers, header::ACCEPT).starts_with("text/event-stream"),
        cookies: Mutex::default(),
        kept: Mutex::default(),
    };
    let visitor = Visitor(Arc::new(inner));
    // A form that is sent twice comes the second time with a token that the first answer has replaced: it must not take
    // the new one away.
    if visitor.has_ended() && request.method().is_safe() {
        visitor.sign_out();
    }
    let fault = match fault {
        None => unclaimed(&web, visitor.path()).await,
        some => some,
    };
    request.extensions_mut().insert(visitor.clone());
    let mut answer = match fault {
        // The database is away: nobody can be told from a stranger now.
        Some(fault) => {
            upload::salvage(request, &web).await;
            super::error::page(&web, &visitor, fault).await
        }
        None => {
            let mut answer = next.run(request).await;
            match answer.extensions_mut().remove::<Fault>() {
                Some(fault) => super::error::page(&web, &visitor, fault).await,
                None => answer,
            }
        }
    };
    let is_html = text_of(answer.headers(), header::CONTENT_TYPE).starts_with("text/html");
    if is_html && answer.status() == 200 {
        visitor.told();
    }
    // What has no form needs nothing to bind one to: it would take the place of what the page to sign in was bound to
    // while both were on their way.
    let is_wanted = |cookie: &Cookie<'_>| {
        (is_html && visitor.wants_page()) || cookie.name() != STRANGER || cookie.value().is_empty()
    };
    for cookie in visitor.take_cookies().into_iter().filter(is_wanted) {
        if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
            answer.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    answer
}

/// Until somebody has claimed the server there is nothing but the setup, and the source for everybody.
async fn unclaimed(web: &Web, path: &str) -> Option<Fault> {
    if path.starts_with("/setup/") || path.starts_with("/source") {
        return None;
    }
    match web.services().setup.is_claimed().await {
        Ok(true) => None,
        Ok(false) => Some(Fault::Unclaimed),
        Err(refusal) => Some(refusal.into()),
    }
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    !headers.contains_key("x-script")
        && accept.is_none_or(|accept| accept.to_str().is_ok_and(|a| a.contains("html") || a == "*/*"))
}

fn look(raw: &str) -> Look {
    let (theme, language) = raw.split_once('.').unwrap_or((raw, ""));
    let fine = !language.is_empty() && language.len() < 20;
    Look { theme: Theme::parse(theme).unwrap_or_default(), language: fine.then(|| language.to_owned()) }
}

/// The host asked for completes a bare name at sign-in, and is good for nothing else.
fn host(headers: &HeaderMap) -> Option<Domain> {
    let raw = text_of(headers, header::HOST);
    Domain::parse(raw.rsplit_once(':').map_or(raw, |(host, _)| host)).ok()
}

/// The last address in the forwarding header that is no listed proxy's, where a listed proxy speaks.
fn peer(headers: &HeaderMap, direct: IpAddr, proxies: &[Network]) -> IpAddr {
    let listed = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    if !listed(direct) {
        return direct;
    }
    let all: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let mut said = direct;
    for hop in all.iter().flat_map(|line| line.split(',')).rev() {
        let Some(address) = hop_address(hop.trim()) else { break };
        said = address.to_canonical();
        if !listed(said) {
            break;
        }
    }
    said
}

/// An address, or one with a port, as some proxies write it; IPv6 may stand in brackets.
fn hop_address(raw: &str) -> Option<IpAddr> {
    let bare = raw.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(raw);
    bare.parse().ok().or_else(|| raw.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarding_header_counts_from_listed_proxies_alone() {
        let address = |raw: &str| raw.parse::<IpAddr>().unwrap();
        let proxies = [Network::parse("10.0.0.0/8").unwrap()];
        let said = |direct: &str, header: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", header.parse().unwrap());
            peer(&headers, address(direct), &proxies)
        };
        assert_eq!(said("192.0.2.1", "203.0.113.9"), address("192.0.2.1"), "a stranger says what he likes");
        assert_eq!(said("10.0.0.1", "203.0.113.9"), address("203.0.113.9"));
        assert_eq!(
            said("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2"),
            address("203.0.113.9"),
            "the last one that is no proxy"
        );
        for hop in ["203.0.113.9:55000", "[2001:db8::1]:55000", "[2001:db8::1]", "2001:db8::1"] {
            let wanted = if hop.contains("2001") { "2001:db8::1" } else { "203.0.113.9" };
            assert_eq!(said("10.0.0.1", hop), address(wanted), "{hop}");
        }
        for hop in ["rubbish", "", "203.0.113.9:", "[203.0.113.9", "unknown"] {
            assert_eq!(said("10.0.0.1", hop), address("10.0.0.1"), "the proxy for itself: {hop}");
        }
    }

    #[test]
    fn a_flash_comes_back_as_it_was() {
        let flash =
            Flash { key: "moved".into(), thing: "Zürich.\"; x".into(), undo_at: "/u".into(), undo: "1:2".into() };
        assert_eq!(Flash::decode(&flash.encode()), Some(flash));
        assert_eq!(Flash::decode("a.b"), None);
    }
}
