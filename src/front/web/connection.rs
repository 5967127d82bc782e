//! One connection: HTTP/1.1 or HTTP/2, as TLS agreed (RFC 7301), until it ends or the house shuts down.

use super::Site;
use super::patience::{Patient, Times, Traffic};
use crate::net::listener::Accepted;
use crate::net::stream::Stream;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// For a request's head, and between requests of HTTP/1.1.
const HEAD: Duration = Duration::from_secs(60);
const STREAMS: u32 = 64;
const HEADERS: u32 = 32 << 10;

/// Where a connection comes from, before forwarding headers are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direct(pub IpAddr);

/// Cancelled when the house shuts down: answers that go on for ever end.
#[derive(Debug, Clone)]
pub(super) struct Closing(pub CancellationToken);

fn builder(http2: bool) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS);
    if http2 { builder.http2_only() } else { builder.http1_only() }
}

/// Serves the pages on one connection.
pub async fn serve(accepted: Accepted, site: Site) {
    let Accepted { stream, peer, shutdown, .. } = accepted;
    let http2 = stream.tls().is_some_and(|tls| tls.alpn.as_deref() == Some(b"h2"));
    let closing = shutdown.clone();
    let answer = move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Direct(peer.ip()));
        request.extensions_mut().insert(Closing(closing.clone()));
        let router = site.router.clone();
        async move { router.oneshot(request.map(Body::new)).await }
    };
    converse(stream, builder(http2), answer, &shutdown, Times::default()).await;
}

/// Answers what is asked until the client has done with it, is gone, or the house shuts down.
async fn converse<F, Fut>(
    stream: Stream,
    builder: auto::Builder<TokioExecutor>,
    answer: F,
    shutdown: &CancellationToken,
    times: Times,
) where
    F: Fn(Request<Incoming>) -> Fut,
    Fut: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let traffic = Traffic::new();
    let service = service_fn(|request| {
        let (answering, answer) = (traffic.begin(), answer(request));
        async move { answer.await.map(|answer| answer.map(|body| answering.with(body))) }
    });
    let connection = builder.serve_connection(TokioIo::new(Patient::new(stream, times.unread)), service);
    tokio::pin!(connection);
    let look = tokio::time::sleep(times.unread);
    tokio::pin!(look);
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = shutdown.cancelled() => {}
            () = look.as_mut() => {
                if let Some(next) = traffic.look(Instant::now(), &times) {
                    look.as_mut().reset(next);
                    continue;
                }
            }
        }
        connection.as_mut().graceful_shutdown();
        let ended = tokio::time::timeout(times.last, connection.as_mut()).await;
        break ended.unwrap_or(Ok(()));
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

/// Serves the plain door: everything is at the configured URL.
pub async fn serve_plain(accepted: Accepted, site: Site) {
    let Accepted { stream, shutdown, .. } = accepted;
    let answer =
        move |request: Request<Incoming>| std::future::ready(Ok(redirect(&site.url, request.method(), request.uri())));
    converse(stream, builder(false), answer, &shutdown, Times::default()).await;
}

/// Never by the Host that was asked for: it is a stranger's word.
fn redirect(url: &str, method: &Method, uri: &axum::http::Uri) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    if !(method == Method::GET || method == Method::HEAD) {
        *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    // A path that begins with // would be another host's.
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('/') && !path.starts_with("//") { path } else { "/" };
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let place = HeaderValue::from_str(&format!("{url}{path}"));
    answer.headers_mut().insert(header::LOCATION, place.unwrap_or_else(|_| HeaderValue::from_static("/")));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Empty};

    /// A connection of HTTP/2 on which one request was answered and nothing follows, or its answer is never read.
    async fn left_alone(read: bool) {
        let (ours, theirs) = Stream::memory();
        let short = Duration::from_millis(100);
        let times = Times { first: HEAD, idle: short, unread: short, stalled: short, last: short };
        // A client that reads may be slow to on a busy machine: it gets what needs no patience.
        let size = if read { 1 } else { 8 << 20 };
        let answer = move |_| std::future::ready(Ok(Response::new(Body::from(vec![0; size]))));
        let shutdown = CancellationToken::new();
        let served = converse(ours, builder(true), answer, &shutdown, times);
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(theirs)).await.unwrap();
        tokio::spawn(connection);
        let asks = async {
            let request = Request::get("https://mail.example.test/").body(Empty::<bytes::Bytes>::new()).unwrap();
            let answer = client.send_request(request).await.unwrap();
            if read {
                assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), size);
                None
            } else {
                Some(answer)
            }
        };
        // The client stays, and what it may still read.
        let (_answer, ()) = tokio::time::timeout(HEAD, async { tokio::join!(asks, served) }).await.expect("it ends");
    }

    #[tokio::test]
    async fn connections_nobody_uses_are_closed() {
        left_alone(true).await;
    }

    #[tokio::test]
    async fn connections_nobody_reads_are_closed() {
        left_alone(false).await;
    }

    #[test]
    fn the_plain_door_knows_one_place() {
        let to = |method: Method, uri: &str| {
            let answer = redirect("https://mail.example.test", &method, &uri.parse().unwrap());
            let place = answer.headers().get(header::LOCATION).map(|v| v.to_str().unwrap().to_owned());
            (answer.status().as_u16(), place)
        };
        let at = |path: &str| Some(format!("https://mail.example.test{path}"));
        assert_eq!(to(Method::GET, "/mail?x=1"), (308, at("/mail?x=1")));
        assert_eq!(to(Method::GET, "http://evil.example/mail"), (308, at("/mail")));
        assert_eq!(to(Method::GET, "//evil.example/"), (308, at("/")));
        assert_eq!(to(Method::POST, "/sign-in"), (405, None));
    }
}
