//! Clients that say nothing, and clients that read nothing: how long a connection waits for them.

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Octets that an answer hands over at once: HTTP/2 takes any number, whether the client has room for them or not, and
/// asks for more when it has.
const PIECE: usize = 64 << 10;

/// How long a connection waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// For the first request.
    pub first: Duration,
    /// Between requests, while none is answered.
    pub idle: Duration,
    /// For somebody to read what is written, and what waits to be written.
    pub unread: Duration,
    /// For answers under way, when all the rest is over.
    pub last: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { first: seconds(60), idle: seconds(120), unread: seconds(60), last: seconds(15) }
    }
}

/// A stream whose writes fail when they have come no further for a time.
pub(super) struct Patient<S> {
    stream: S,
    limit: Duration,
    waits: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, waits: None }
    }

    fn bounded<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waits = None;
            return written;
        }
        let limit = self.limit;
        ready!(self.waits.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.bounded(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_flush(cx);
        self.bounded(cx, written)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bounded(cx, written)
    }
}

/// What is under way on a connection. Clones share it.
#[derive(Clone)]
pub(super) struct Traffic(Arc<Mutex<Under>>);

struct Under {
    answers: usize,
    next: u64,
    quiet_since: Instant,
    asked: bool,
    /// Answers that have handed a piece over and were not asked for the next one, and since when.
    unread: HashMap<u64, Instant>,
}

impl Traffic {
    pub fn new() -> Self {
        let under =
            Under { answers: 0, next: 0, quiet_since: Instant::now(), asked: false, unread: HashMap::default() };
        Self(Arc::new(Mutex::new(under)))
    }

    /// A request came; it is under way until its answer is dropped.
    pub fn begin(&self) -> Answering {
        self.with(|under| {
            under.asked = true;
            under.answers += 1;
            under.next += 1;
            Answering { traffic: self.clone(), number: under.next }
        })
    }

    /// When to look again; `None`: the client is gone, or behaves as if it were.
    pub fn look(&self, now: Instant, times: &Times) -> Option<Instant> {
        self.with(|under| {
            let end = match (under.answers, under.unread.values().min()) {
                (0, _) => under.quiet_since + if under.asked { times.idle } else { times.first },
                (_, Some(oldest)) => *oldest + times.unread,
                (_, None) => now + times.unread,
            };
            // It may become quiet, or unread, before that.
            (end > now).then(|| end.min(now + times.unread))
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Under) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request that is being answered.
pub(super) struct Answering {
    traffic: Traffic,
    number: u64,
}

impl Answering {
    /// The body of the answer, which ends this when it is dropped.
    pub fn with(self, body: Body) -> Body {
        Body::new(Watched { body, rest: Bytes::new(), answering: self })
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.traffic.with(|under| {
            under.answers -= 1;
            under.quiet_since = Instant::now();
            under.unread.remove(&self.number);
        });
    }
}

/// A body in pieces, which says when nobody asks for the next one. One that waits for its own source is not unread.
struct Watched {
    body: Body,
    rest: Bytes,
    answering: Answering,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let number = self.answering.number;
        self.answering.traffic.with(|under| under.unread.remove(&number));
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(octets))) => self.rest = octets,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let size = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(size);
        self.answering.traffic.with(|under| under.unread.insert(number, Instant::now()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, left) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(left.lower() + rest);
        if let Some(upper) = left.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_nobody_reads_is_not_written_for_ever() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut ours = Patient::new(ours, Duration::from_millis(50));
        let error = ours.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut read = [0; 116];
        let (ours, _) = tokio::join!(ours.write_all(&[0; 100]), theirs.read_exact(&mut read));
        ours.expect("who reads on is written to");
    }

    #[tokio::test]
    async fn a_connection_lasts_while_somebody_asks_and_reads() {
        let (times, traffic, start) = (Times::default(), Traffic::new(), Instant::now());
        let is_over = |after: Duration| traffic.look(start + after, &times).is_none();
        let (first, idle) = (times.first + times.last, times.idle + times.last);
        assert!(is_over(first), "it asked for nothing");
        let waiting = traffic.begin();
        assert!(!is_over(idle * 100), "the answer takes as long as it takes");
        let pieces = futures_util::stream::iter(["x", "y"].map(Ok::<_, io::Error>));
        let mut body = waiting.with(Body::from_stream(pieces));
        assert!(!is_over(idle));
        body.frame().await.unwrap().unwrap();
        assert!(is_over(times.unread + times.last), "nobody wants the next piece");
        while body.frame().await.is_some() {}
        assert!(!is_over(idle * 100), "not ours to know when the client has read the end");
        drop(body);
        assert!(!is_over(first) && is_over(idle));
    }

    #[tokio::test]
    async fn events_that_do_not_come_are_not_unread() {
        let (times, traffic) = (Times::default(), Traffic::new());
        let events = futures_util::stream::once(async { Ok::<_, io::Error>("x") });
        let events = futures_util::StreamExt::chain(events, futures_util::stream::pending());
        let mut body = traffic.begin().with(Body::from_stream(events));
        body.frame().await.unwrap().unwrap();
        assert!(futures_util::FutureExt::now_or_never(body.frame()).is_none());
        assert!(traffic.look(Instant::now() + times.idle * 100, &times).is_some());
    }

    #[tokio::test]
    async fn large_answers_come_in_pieces_and_say_how_large_they_are() {
        let mut body = Traffic::new().begin().with(Body::from(vec![7; 3 * PIECE + 1]));
        let mut left = 3 * PIECE as u64 + 1;
        while left > 0 {
            assert_eq!(body.size_hint().exact(), Some(left));
            let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE);
            left -= piece.len() as u64;
        }
        assert!(body.is_end_stream() && body.frame().await.is_none());
    }
}
