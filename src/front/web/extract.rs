//! What handlers ask of a request: who is signed in, and a form that nobody else can have sent.

use super::Web;
use super::error::Fault;
use super::ui::Ui;
use super::visitor::Visitor;
use crate::model::secret::Secret;
use crate::service::account::Actor;
use crate::service::session::{Session, Stage};
use axum::body::{Body, to_bytes};
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A form that is no upload.
pub(super) const MOST: usize = 2 << 20;
/// A form of somebody whom nobody knows yet.
pub(super) const SMALL: usize = 16 << 10;
pub(super) const ARRIVES: Duration = Duration::from_secs(30);
/// Fields of a form.
const FIELDS: usize = 2000;

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts.extensions.get::<Self>().cloned().ok_or(Fault::NoPage)
    }
}

impl FromRequestParts<Web> for Ui {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Fault> {
        let visitor = Visitor::from_request_parts(parts, web).await?;
        Ok(Self::new(web, &visitor))
    }
}

/// The variables of a path; what they can't be is no page of ours.
pub(super) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Web> for Path<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Fault> {
        let read = extract::Path::from_request_parts(parts, web).await;
        read.map(|extract::Path(value)| Self(value)).map_err(|_| Fault::NoPage)
    }
}

/// The query of a URL.
pub(super) struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Web> for Query<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Fault> {
        // No text that is searched for has a NUL, and the database takes none.
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Fault::Unreadable);
        }
        let read = extract::Query::from_request_parts(parts, web).await;
        read.map(|extract::Query(value)| Self(value)).map_err(|_| Fault::NoPage)
    }
}

/// Somebody who is signed in, second factor and all.
pub(super) struct Member(pub Session);

impl Member {
    pub fn who(&self) -> &crate::service::login::Identity {
        &self.0.who
    }

    /// With the reach that their role has now.
    ///
    /// # Errors
    /// [`Refusal::Stale`](crate::service::Refusal::Stale) if the session has ended meanwhile.
    pub async fn acting(&self, web: &Web, visitor: &Visitor) -> Result<Actor, Fault> {
        Ok(web.services().accounts.acting(&self.0.who, &visitor.origin()).await?)
    }
}

impl<S: Sync> FromRequestParts<S> for Member {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        let Some(session) = visitor.session() else { return Err(Fault::SignIn) };
        match session.stage {
            Stage::Open => Ok(Self(session.clone())),
            Stage::SecondFactor => Err(Fault::Unfinished("/sign-in/code")),
            Stage::Enrol => Err(Fault::Unfinished("/settings/second-factor")),
        }
    }
}

/// Octets that a form of this page may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most(pub usize);

/// A form's fields, checked to come from a page of ours that was made for this browser.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The field's value; empty where there is none. Line ends are as they were typed.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// The value without space around it.
    pub fn line(&self, name: &str) -> &str {
        self.text(name).trim()
    }

    /// A field that must not be shown again.
    pub fn secret(&self, name: &str) -> Secret<String> {
        Secret::new(self.text(name).to_owned())
    }

    /// Whether a checkbox is ticked or a button was the one pressed.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// All values of a field that may come more than once.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The fields whose names begin so, without that beginning.
    pub fn under(&self, start: &str) -> Vec<(String, String)> {
        let named = |(name, value): &(String, String)| Some((name.strip_prefix(start)?.to_owned(), value.clone()));
        self.0.iter().filter_map(named).collect()
    }

    /// What may go into hidden fields of a page that carries the form on: no token, and nothing secret.
    pub fn carried(self) -> Vec<(String, String)> {
        self.0.into_iter().filter(|(name, _)| name != "csrf" && !is_secret(name)).collect()
    }

    /// Whether it says the same when it is sent again without what must not be shown.
    pub fn is_whole_when_carried(&self) -> bool {
        !self.0.iter().any(|(name, value)| is_secret(name) && !value.is_empty())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a field that came in another way.
    ///
    /// # Errors
    /// [`Fault::TooMuch`] beyond what a form has.
    pub fn push(&mut self, name: String, value: String) -> Result<(), Fault> {
        let octets: usize = self.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        if self.0.len() >= FIELDS || octets + name.len() + value.len() > MOST {
            return Err(Fault::TooMuch);
        }
        self.0.push((name, value));
        Ok(())
    }

    /// The other fields.
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(field, _)| field != name);
        self
    }

    /// Reads and checks a form that is sent as `application/x-www-form-urlencoded`.
    async fn read(request: Request, web: &Web) -> Result<Self, Fault> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, web).await?;
        check_site(&parts, web)?;
        let most = parts.extensions.get::<Most>().map_or(SMALL, |most| most.0);
        let fields = Self::parse(body, most).await?;
        // Scripts say it in a header.
        let header = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if is_ours(fields.text("csrf"), &visitor, web) || is_ours(header, &visitor, web) {
            visitor.keep(&fields);
            return Ok(fields);
        }
        if visitor.has_ended() { Err(Fault::SignedOut(fields)) } else { Err(Fault::OldForm(fields)) }
    }

    /// Reads the body, whoever sent it.
    pub(super) async fn parse(body: Body, most: usize) -> Result<Self, Fault> {
        let octets = tokio::time::timeout(ARRIVES, to_bytes(body, most)).await.map_err(|_| Fault::Slow)?;
        let octets = octets.map_err(|_| Fault::TooMuch)?;
        let fields: Vec<_> = form_urlencoded::parse(&octets).into_owned().take(FIELDS + 1).collect();
        if fields.len() > FIELDS {
            return Err(Fault::TooMuch);
        }
        Ok(Self(fields))
    }
}

fn is_secret(name: &str) -> bool {
    name.contains("password") || name.contains("code")
}

impl FromRequest<Web> for Fields {
    type Rejection = Fault;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Fault> {
        Self::read(request, web).await
    }
}

/// A form for an act that needs a fresh proof of who it is.
pub(super) struct Proved(pub Fields);

impl FromRequest<Web> for Proved {
    type Rejection = Fault;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Fault> {
        let visitor = request.extensions().get::<Visitor>().cloned().ok_or(Fault::NoPage)?;
        let fields = Fields::read(request, web).await?;
        let session = visitor.session().ok_or(Fault::SignIn)?;
        must_be_proved(web, session, &fields)?;
        Ok(Self(fields))
    }
}

/// For forms that need a fresh proof only for some of what they may say.
///
/// # Errors
/// [`Fault::Unproved`], with the form: it goes on after the proof.
pub(super) fn must_be_proved(web: &Web, session: &Session, form: &Fields) -> Result<(), Fault> {
    let proved = session.is_proved(web.services().clock.now());
    if proved { Ok(()) } else { Err(Fault::Unproved(Some(form.clone()))) }
}

/// The same for a page that is shown to somebody with a fresh proof alone.
pub(super) struct Fresh;

impl FromRequestParts<Web> for Fresh {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Fault> {
        let member = Member::from_request_parts(parts, web).await?;
        if member.0.is_proved(web.services().clock.now()) { Ok(Self) } else { Err(Fault::Unproved(None)) }
    }
}

/// Whether a form comes from a page of this site: by `Sec-Fetch-Site`, in browsers without it by `Origin`.
///
/// # Errors
/// [`Fault::Foreign`].
pub(super) fn check_site(parts: &Parts, web: &Web) -> Result<(), Fault> {
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let fine = match (header("sec-fetch-site"), header("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = header(header::HOST.as_str()).or_else(|| parts.uri.authority().map(|host| host.as_str()));
            origin == web.options().url || host.is_some_and(|host| origin == format!("https://{host}"))
        }
        // No browser of this age: the token decides.
        (None, None) => true,
    };
    if fine { Ok(()) } else { Err(Fault::Foreign) }
}

/// Whether a form's token was made for this browser.
pub(super) fn is_ours(token: &str, visitor: &Visitor, web: &Web) -> bool {
    let Ok(octets) = URL_SAFE_NO_PAD.decode(token) else { return false };
    let Ok(octets) = <[u8; 32]>::try_from(octets) else { return false };
    let (pad, masked) = octets.split_at(16);
    let given: Vec<u8> = pad.iter().zip(masked).map(|(a, b)| a ^ b).collect();
    let wanted = web.services().sessions.form_token(&visitor.binding(web));
    subtle::ConstantTimeEq::ct_eq(&given[..], &wanted[..]).into()
}

/// The token for a page's forms, under another mask each time: what is compressed beside it tells nothing of it.
pub(super) fn token(visitor: &Visitor, web: &Web) -> String {
    let mut octets = [0u8; 32];
    let _ = aws_lc_rs::rand::fill(&mut octets[..16]);
    let wanted = web.services().sessions.form_token(&visitor.binding(web));
    for (at, octet) in wanted.iter().enumerate() {
        octets[16 + at] = octets[at] ^ octet;
    }
    URL_SAFE_NO_PAD.encode(octets)
}
