//! One connection: HTTP/1.1 or HTTP/2, as TLS agreed (RFC 7301), until it ends or the house shuts down.

use super::Site;
use crate::net::listener::Accepted;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// For a request's head, and between requests of HTTP/1.1.
const HEAD: Duration = Duration::from_secs(60);
/// For requests under way when the house shuts down.
const LAST: Duration = Duration::from_secs(15);
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
    let asked = Arc::new(AtomicBool::new(false));
    let (seen, closing) = (asked.clone(), shutdown.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        seen.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(Direct(peer.ip()));
        request.extensions_mut().insert(Closing(closing.clone()));
        let router = site.router.clone();
        async move { router.oneshot(request.map(Body::new)).await }
    });
    let builder = builder(http2);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // HTTP/2 has no time limit of its own for a client that says nothing.
    let silence = tokio::time::sleep(HEAD);
    tokio::pin!(silence);
    let mut quiet = true;
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let ended = tokio::time::timeout(LAST, connection.as_mut()).await;
                break ended.unwrap_or(Ok(()));
            }
            () = silence.as_mut(), if quiet => {
                if !asked.load(Ordering::Relaxed) {
                    return;
                }
                quiet = false;
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

/// Serves the plain door: everything is at the configured URL.
pub async fn serve_plain(accepted: Accepted, site: Site) {
    let Accepted { stream, shutdown, .. } = accepted;
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = redirect(&site.url, request.method(), request.uri());
        async move { Ok::<_, Infallible>(answer) }
    });
    let builder = builder(false);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(LAST, connection).await;
        }
    }
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
