//! Pages over TLS, as a browser asks for them: compressed, signed in, one connection each.

use super::client::dial;
use super::house::{Bench, PASSWORD};
use super::letters::body;
use super::{NUMBER, ROUNDS, median, put_bytes, report, sign_in};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use mailstead::app::House;
use mailstead::model::address::Address;
use mailstead::model::secret::Secret;
use mailstead::net::client::ClientTls;
use mailstead::service::account::{Actor, Role};
use mailstead::service::login::{Origin, Protocol};
use mailstead::service::session::Stage;
use regex::Regex;
use sqlx::Connection;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Browsers that ask at once.
const BROWSERS: usize = 16;

struct Browser {
    sender: SendRequest<Full<Bytes>>,
    cookies: BTreeMap<String, String>,
}

/// A page as it came.
struct Page {
    status: u16,
    location: String,
    /// Octets of the body on the wire.
    sent: usize,
    text: String,
}

impl Browser {
    async fn open(place: &str, tls: &ClientTls) -> Self {
        let stream = TokioIo::new(dial(place, Some(tls)).await);
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await.expect("HTTP");
        tokio::spawn(connection);
        Self { sender, cookies: BTreeMap::new() }
    }

    async fn ask(&mut self, method: Method, path: &str, form: Option<String>) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "mail.example.test")
            .header(header::ACCEPT, "text/html")
            .header(header::ACCEPT_ENCODING, "gzip")
            .header("sec-fetch-site", "same-origin");
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if form.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Full::new(Bytes::from(form.unwrap_or_default()))).expect("request");
        self.sender.ready().await.expect("connection");
        let answer = self.sender.send_request(request).await.expect("answer");
        self.read(answer).await
    }

    async fn read(&mut self, answer: Response<hyper::body::Incoming>) -> Page {
        let (parts, body) = answer.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("cookie").split(';').next().unwrap_or_default();
            let (name, value) = cookie.split_once('=').expect("cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let octets = body.collect().await.expect("body").to_bytes();
        let header =
            |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let mut text = String::new();
        if header(header::CONTENT_ENCODING) == "gzip" {
            flate2::read::GzDecoder::new(&octets[..]).read_to_string(&mut text).expect("gzip");
        } else {
            text = String::from_utf8_lossy(&octets).into_owned();
        }
        Page { status: parts.status.as_u16(), location: header(header::LOCATION), sent: octets.len(), text }
    }

    async fn get(&mut self, path: &str) -> Page {
        let page = self.ask(Method::GET, path, None).await;
        if page.status == 303 { Box::pin(self.get(&page.location.clone())).await } else { page }
    }

    async fn sign_in(&mut self, name: &str) {
        let page = self.get("/sign-in").await;
        let token = Regex::new(r#"name="csrf" value="([^"]+)""#).expect("pattern");
        let token = token.captures(&page.text).expect("token")[1].to_owned();
        let fields = [("csrf", token.as_str()), ("name", name), ("password", PASSWORD), ("next", "/mail")];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        assert_eq!(self.ask(Method::POST, "/sign-in", Some(form)).await.status, 303, "sign-in");
    }

    /// Octets on the wire of a page and all that it loads, and of its scripts alone.
    async fn weigh(&mut self, path: &str) -> (usize, usize) {
        let page = self.get(path).await;
        let assets = Regex::new(r##"/static/[^"#]+"##).expect("pattern");
        let mut names: Vec<String> = assets.find_iter(&page.text).map(|found| found.as_str().to_owned()).collect();
        names.sort();
        names.dedup();
        let (mut all, mut scripts) = (page.sent, 0);
        for name in names {
            let sent = self.get(&name).await.sent;
            all += sent;
            scripts += if name.ends_with(".js") { sent } else { 0 };
        }
        (all, scripts)
    }
}

fn percentile(times: &mut [f64], part: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * part) as usize]
}

/// Milliseconds of each request when so many browsers ask for a page without a pause.
async fn load(bench: &Bench, tls: &ClientTls, who: &Browser, path: &str) -> Vec<f64> {
    let end = Instant::now() + Duration::from_secs(4);
    let mut tasks = Vec::new();
    for _ in 0..BROWSERS {
        let (place, tls, cookies, path) = (bench.place("https"), tls.clone(), who.cookies.clone(), path.to_owned());
        tasks.push(tokio::spawn(async move {
            let mut browser = Browser { cookies, ..Browser::open(&place, &tls).await };
            let mut times = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                let page = browser.get(&path).await;
                assert_eq!(page.status, 200, "{path}");
                times.push(began.elapsed().as_secs_f64() * 1000.0);
            }
            times
        }));
    }
    let mut out = Vec::new();
    for task in tasks {
        // The first ones wait for the others' handshakes.
        out.extend(task.await.expect("browser").into_iter().skip(3));
    }
    out
}

/// A browser of somebody who owns the server, with twenty thousand people to look through.
async fn owner(bench: &Bench, tls: &ClientTls, house: &House) -> Browser {
    let mut sql = sqlx::PgConnection::connect_with(&bench.database("mailstead")).await.expect("database");
    let people = include_str!("../../tests/corpus/people.sql");
    sqlx::raw_sql(people).execute(&mut sql).await.expect("people");
    let address = Address::parse("o@example.test").expect("address");
    let (actor, password) = (Actor::command_line(), Secret::new(PASSWORD.to_owned()));
    house.services.accounts.add(&actor, &address, "", Role::Owner, None, password).await.expect("owner");
    let origin = Origin { peer: [127, 0, 0, 1].into(), protocol: Protocol::Web, domain_hint: None };
    let password = Secret::new(PASSWORD.to_owned());
    let who = house.services.login.web(&origin, "", "o@example.test", &password).await.expect("sign-in").who;
    let token = house.services.sessions.begin(&who, Stage::Open, &origin, "").await.expect("session");
    let mut browser = Browser::open(&bench.place("https"), tls).await;
    browser.cookies.insert("__Host-ms".into(), token.expose().clone());
    browser
}

/// A message whose HTML has so many octets, of tables and styled text as newsletters are.
fn newsletter(octets: usize) -> Vec<u8> {
    let mut html = String::from("<html><body><table width=\"600\">");
    let words = String::from_utf8_lossy(&body(1, 400)).replace("\r\n", " ");
    while html.len() < octets {
        html.push_str(&format!(
            "<tr><td style=\"padding:4px;color:#334455;font-size:14px\"><a href=\"https://news.elsewhere.test/{}\">{words}</a><img src=\"https://news.elsewhere.test/p.png\" width=\"1\" height=\"1\"></td></tr>\r\n",
            html.len()
        ));
    }
    html.push_str("</table></body></html>");
    format!(
        "From: News <news@elsewhere.test>\r\nTo: b100@example.test\r\nSubject: News\r\nMessage-ID: <{}@elsewhere.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{html}\r\n",
        NUMBER.fetch_add(1, Ordering::Relaxed)
    )
    .into_bytes()
}

/// The member with 100,000 messages reads them.
pub async fn web(bench: &Bench, tls: &ClientTls) {
    println!("\nPages over TLS, compressed; {BROWSERS} browsers without a pause on the same cores");
    let house = bench.services().await;
    // Before there is an owner nobody signs in.
    let owner = owner(bench, tls, &house).await;
    let mut browser = Browser::open(&bench.place("https"), tls).await;
    let (all, scripts) = browser.weigh("/sign-in").await;
    report(
        "sign-in page with all it loads",
        format!("{:.1} kB, scripts {scripts} B", all as f64 / 1e3),
        "≤ 30 kB, no script",
    );
    browser.sign_in("b100").await;
    let (all, scripts) = browser.weigh("/mail").await;
    let (all, scripts) = (all as f64 / 1e3, scripts as f64 / 1e3);
    report("first inbox page with all it loads", format!("{all:.1} kB, of it scripts {scripts:.1} kB"), "≤ 80 kB");
    let spread = |mut times: Vec<f64>| {
        let (p50, p95) = (percentile(&mut times, 0.5), percentile(&mut times, 0.95));
        format!("p50 {p50:.1} ms, p95 {p95:.1} ms, {:.0}/s", times.len() as f64 / 4.0)
    };
    report("inbox of 100,000 messages", spread(load(bench, tls, &browser, "/mail").await), "p95 < 100 ms");
    for (path, what) in
        [("/admin/people", "first page of 20,000 people"), ("/admin/people?q=user777", "people found among 20,000")]
    {
        report(what, spread(load(bench, tls, &owner, path).await), "p95 < 150 ms");
    }
    let who = sign_in(&house.services, "b100").await;
    put_bytes(&house.services, &who, "Archive", newsletter(1 << 20)).await;
    let folders = Regex::new(r#"href="(/mail/[^"/?]+)""#).expect("pattern");
    let page = browser.get("/mail").await;
    let messages = Regex::new(r#"href="(/mail/[^"/?]+/\d+)"#).expect("pattern");
    let mut place = None;
    for folder in folders.captures_iter(&page.text).map(|found| found[1].to_owned()) {
        let page = browser.get(&folder).await;
        let first = messages.captures(&page.text).map(|found| found[1].to_owned());
        place = place.or(first.filter(|_| page.text.contains("News")));
    }
    let place = place.expect("the newsletter is in a folder");
    let mut times = Vec::new();
    for _ in 0..ROUNDS * 4 {
        let began = Instant::now();
        assert_eq!(browser.get(&place).await.status, 200);
        assert_eq!(browser.get(&format!("{place}/body")).await.status, 200);
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    report("message page of 1 MiB of HTML, with its frame", format!("{:.0} ms", median(times)), "< 150 ms");
    house.close().await;
}
