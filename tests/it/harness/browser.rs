//! A browser without a screen: cookies, forms with their tokens, one request a connection.

use super::house::House;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use mailstead::front::web::{self, Options, Site};
use mailstead::model::address::Address;
use mailstead::model::secret::Secret;
use mailstead::net::listener::Accepted;
use mailstead::net::stream::Stream;
use mailstead::service::Services;
use mailstead::service::account::{Actor, Role};
use mailstead::service::login::Identity;
use regex::Regex;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The URL that the site under test is configured with.
pub const URL: &str = "https://mail.example.test";

/// A browser and the site it looks at. A copy is another window of the same one.
#[derive(Clone)]
pub struct Browser {
    site: Site,
    pub cookies: BTreeMap<String, String>,
    /// Sent with each request, beside what every browser sends.
    pub headers: Vec<(&'static str, String)>,
    pub peer: [u8; 4],
    /// The last token seen in a page.
    token: String,
    /// A house that may still have to be claimed before there is anything to see.
    unclaimed: Option<Services>,
}

/// A form on its way.
struct Sent {
    kind: &'static str,
    octets: Bytes,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What a person would read of it, more or less.
    pub fn text(&self) -> String {
        let text = Regex::new(r"(?s)<(script|style).*?</(script|style)>|<[^>]*>").unwrap().replace_all(&self.body, " ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The value of a field that the page shows again.
    pub fn value(&self, name: &str) -> Option<String> {
        let field = Regex::new(&format!(r#"<input[^>]*name="{name}"[^>]*>"#)).unwrap().find(&self.body)?.as_str();
        let value = Regex::new(r#"value="([^"]*)""#).unwrap();
        Some(value.captures(field).map_or(String::new(), |found| found[1].to_owned()))
    }
}

pub fn site(services: &Services) -> Site {
    let doors = [("imaps", vec!["0.0.0.0:993".into()]), ("submission", vec!["0.0.0.0:587".into()])];
    let options =
        Options { url: URL.into(), hostname: "mail.example.test".into(), doors: doors.into(), ..Options::default() };
    Site::new(options, services.clone())
}

impl Browser {
    /// In a house that has an owner: `owner@example.test` where the test made none.
    pub fn new(house: &House) -> Self {
        Self { unclaimed: Some(house.services.clone()), ..Self::at(site(&house.services)) }
    }

    /// At a site as it is.
    pub fn at(site: Site) -> Self {
        let (cookies, headers) = (BTreeMap::new(), Vec::new());
        Self { site, cookies, headers, peer: [192, 0, 2, 7], token: String::new(), unclaimed: None }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Sends a form with the token of the last page.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token.clone();
        let body =
            form_urlencoded::Serializer::new(String::new()).append_pair("csrf", &token).extend_pairs(fields).finish();
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sends a form that may bring files: name of each and its octets.
    pub async fn post_files(&mut self, path: &str, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
        let mut body = Vec::new();
        let token = self.token.clone();
        for (name, value) in [("csrf", token.as_str())].iter().chain(fields) {
            body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
        }
        for (name, octets) in files {
            let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
            body.extend(format!("--b\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n").bytes());
            body.extend_from_slice(octets);
            body.extend(b"\r\n");
        }
        body.extend(b"--b--\r\n");
        let body = Sent { kind: "multipart/form-data; boundary=b", octets: Bytes::from(body) };
        Box::pin(self.exchange(Method::POST, path, Some(body))).await
    }

    /// Goes on as long as it is sent on.
    pub async fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..5 {
            if answer.status != 303 {
                return answer;
            }
            let to = answer.header("location").to_owned();
            answer = self.get(to.strip_prefix(URL).unwrap_or(&to)).await;
        }
        panic!("sent on and on")
    }

    /// One in which somebody has signed in, and who it is to the services.
    pub async fn of(house: &House, name: &str, password: &str) -> (Self, Identity) {
        let who = house.web(name, password).await;
        let mut browser = Self::new(house);
        assert_eq!(browser.sign_in(name, password).await.status, 303);
        (browser, who)
    }

    pub async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.get("/sign-in").await;
        self.post("/sign-in", &[("name", name), ("password", password), ("next", "/")]).await
    }

    /// Opens a stream of events.
    pub async fn listen(&mut self, path: &str) -> Listening {
        self.headers.push(("accept", "text/event-stream".into()));
        let (answer, house) = self.ask(Method::GET, path, None).await;
        self.headers.pop();
        let (parts, body) = answer.into_parts();
        Listening { status: parts.status.as_u16(), headers: parts.headers, seen: String::new(), body, house }
    }

    /// On the heap: a test holds many of these, and its thread has a small stack.
    pub fn send(&mut self, method: Method, path: &str, body: Option<String>) -> impl Future<Output = Answer> {
        let body = body.map(|body| Sent { kind: "application/x-www-form-urlencoded", octets: Bytes::from(body) });
        Box::pin(self.exchange(method, path, body))
    }

    async fn exchange(&mut self, method: Method, path: &str, body: Option<Sent>) -> Answer {
        if let Some(services) = self.unclaimed.take() {
            claim(&services).await;
        }
        let (answer, _house) = self.ask(method, path, body).await;
        let (parts, body) = answer.into_parts();
        let body = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
        for cookie in parts.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match cookie.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        if let Some(token) = answer.value("csrf") {
            self.token = token;
        }
        answer
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Sent>,
    ) -> (hyper::Response<Incoming>, CancellationToken) {
        let house = CancellationToken::new();
        let (ours, theirs) = Stream::memory();
        let accepted = Accepted {
            stream: ours,
            peer: (self.peer, 40_000).into(),
            local: ([127, 0, 0, 1], 443).into(),
            shutdown: house.clone(),
        };
        tokio::spawn(web::serve(accepted, self.site.clone()));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(theirs)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "mail.example.test");
        if !self.cookies.is_empty() {
            let all: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", all.join("; "));
        }
        if let Some(body) = &body {
            request = request.header("content-type", body.kind);
            if !self.headers.iter().any(|(name, _)| *name == "sec-fetch-site" || *name == "origin") {
                request = request.header("sec-fetch-site", "same-origin");
            }
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body.map(|body| body.octets).unwrap_or_default())).unwrap();
        (sender.send_request(request).await.unwrap(), house)
    }
}

/// Longest wait for an event.
const EVENT: Duration = Duration::from_secs(10);

/// A stream of events; dropping it hangs up.
pub struct Listening {
    pub status: u16,
    headers: hyper::HeaderMap,
    seen: String,
    body: Incoming,
    house: CancellationToken,
}

impl Listening {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Reads on until something new has come that contains `words`; what came.
    pub async fn until(&mut self, words: &str) -> String {
        let read = async {
            while !self.seen.contains(words) {
                let frame = self.body.frame().await.expect("more").expect("a frame");
                self.seen.push_str(&String::from_utf8_lossy(frame.data_ref().expect("octets")));
            }
        };
        tokio::time::timeout(EVENT, read).await.unwrap_or_else(|_| panic!("waited for {words}"));
        std::mem::take(&mut self.seen)
    }

    /// Waits for its end.
    pub async fn end(&mut self) {
        let read = async { while self.body.frame().await.is_some_and(|frame| frame.is_ok()) {} };
        tokio::time::timeout(EVENT, read).await.expect("the stream goes on");
    }

    /// The house it comes from shuts down.
    pub fn close_house(&self) {
        self.house.cancel();
    }
}

async fn claim(services: &Services) {
    if services.setup.is_claimed().await.unwrap() {
        return;
    }
    let owner = Address::parse("owner@example.test").unwrap();
    let (actor, password) = (Actor::command_line(), Secret::new("the owner of it all".to_owned()));
    services.accounts.add(&actor, &owner, "", Role::Owner, None, password).await.unwrap();
}
