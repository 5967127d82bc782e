//! The connection's buffers: what was read and not yet used, what is to be written.

use crate::net::stream::{Stream, TlsInfo};
use crate::net::tls::ServerTls;
use crate::wire::imap::framer::{Event, Framer, Literal};
use std::io;
use std::ops::Range;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// Output beyond this is sent before more is made.
const ENOUGH: usize = 64 << 10;
/// Room for a read between commands; a literal gets more.
const SMALL: usize = 2 << 10;
const LARGE: usize = 64 << 10;

/// A stream with its buffers and its framer.
pub(super) struct Io {
    stream: Option<Stream>,
    input: Vec<u8>,
    /// How much of `input` was used.
    used: usize,
    pub out: Vec<u8>,
    /// How much of `out` was sent.
    sent: usize,
    /// Octets sent before those in `out`.
    gone: u64,
    framer: Framer,
    shutdown: CancellationToken,
}

/// What the client said.
#[derive(Debug)]
pub(super) enum Heard {
    /// With a literal, call `accept`, `refuse` or `drain` before reading on.
    Line {
        text: Vec<u8>,
        literal: Option<Literal>,
    },
    /// Octets of a literal; [`Io::octets`] has them until the next read.
    Octets(Range<usize>),
    TooLong {
        head: Vec<u8>,
    },
    /// A drained or too long command has ended.
    Dropped,
    Closed,
    Shutdown,
    TimedOut,
}

impl Io {
    pub(super) fn new(stream: Stream, shutdown: CancellationToken) -> Self {
        let framer = Framer::default();
        Self { stream: Some(stream), input: Vec::new(), used: 0, out: Vec::new(), sent: 0, gone: 0, framer, shutdown }
    }

    /// The next piece, read within `limit`; what is to be written goes out before a wait. Dropping it half-way loses
    /// nothing.
    pub(super) async fn next(&mut self, limit: Duration) -> io::Result<Heard> {
        loop {
            let start = self.used;
            let (used, event) = self.framer.next(&self.input[start..]);
            self.used += used;
            match event {
                Some(Event::Line { text, literal }) => return Ok(Heard::Line { text, literal }),
                Some(Event::Bytes(_)) => return Ok(Heard::Octets(start..start + used)),
                Some(Event::TooLong { head }) => return Ok(Heard::TooLong { head }),
                Some(Event::Dropped) => return Ok(Heard::Dropped),
                None if used > 0 => {}
                None => {
                    if let Some(ended) = self.read(limit).await? {
                        return Ok(ended);
                    }
                }
            }
        }
    }

    /// Octets told by [`Heard::Octets`].
    pub(super) fn octets(&self, range: Range<usize>) -> &[u8] {
        &self.input[range]
    }

    async fn read(&mut self, limit: Duration) -> io::Result<Option<Heard>> {
        self.flush(limit).await?;
        let room = if self.framer.in_literal() { LARGE } else { SMALL };
        self.input.drain(..self.used);
        self.used = 0;
        if self.input.is_empty() && self.input.capacity() > room {
            self.input = Vec::new();
        }
        self.input.reserve(room);
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Ok(Some(Heard::Shutdown)),
            read = tokio::time::timeout(limit, stream.read_buf(&mut self.input)) => match read {
                Err(_) => Ok(Some(Heard::TimedOut)),
                Ok(read) => Ok(if read? == 0 { Some(Heard::Closed) } else { None }),
            },
        }
    }

    /// Takes the literal that was announced; one that is waited for is asked for.
    pub(super) fn accept(&mut self, literal: Literal) {
        self.framer.accept();
        if literal.sync {
            self.out.extend_from_slice(b"+ Ready\r\n");
        }
    }

    /// Ends the command at its literal; `true`: its rest is on its way and [`Heard::Dropped`] will follow.
    pub(super) fn refuse(&mut self, literal: Literal) -> bool {
        self.framer.refuse();
        !literal.sync
    }

    /// Whether enough is gathered to be sent.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() - self.sent >= ENOUGH
    }

    /// Where the output stands, for [`Io::take_back`].
    pub(super) fn mark(&self) -> u64 {
        self.gone + self.out.len() as u64
    }

    /// Drops what was written since `mark`; `false`: some of it was sent already.
    pub(super) fn take_back(&mut self, mark: u64) -> bool {
        let kept = mark.checked_sub(self.gone).map(|kept| kept as usize).filter(|kept| *kept >= self.sent);
        if let Some(kept) = kept {
            self.out.truncate(kept);
        }
        kept.is_some()
    }

    /// Sends what is gathered; the client may take `limit` for each piece it reads. Dropping it half-way loses nothing.
    pub(super) async fn flush(&mut self, limit: Duration) -> io::Result<()> {
        if self.sent == self.out.len() {
            return Ok(());
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        while self.sent < self.out.len() {
            let wrote = tokio::time::timeout(limit, stream.write(&self.out[self.sent..])).await.map_err(late)??;
            if wrote == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.sent += wrote;
        }
        tokio::time::timeout(limit, stream.flush()).await.map_err(late)??;
        self.gone += self.sent as u64;
        self.sent = 0;
        if self.out.capacity() > 2 * ENOUGH {
            self.out = Vec::new();
        }
        self.out.clear();
        Ok(())
    }

    /// Gives memory back before a long wait.
    pub(super) fn rest(&mut self) {
        if self.sent == self.out.len() {
            self.out = Vec::new();
            self.gone += self.sent as u64;
            self.sent = 0;
        }
    }

    /// Goes over to TLS. What the client sent before the handshake is dropped: it came in the clear (RFC 9051 §6.2.1).
    pub(super) async fn start_tls(&mut self, tls: &ServerTls) -> io::Result<()> {
        self.input.clear();
        self.used = 0;
        self.framer = Framer::default();
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        self.stream = Some(stream.start_tls(tls, Duration::from_secs(30)).await?);
        Ok(())
    }

    pub(super) fn tls(&self) -> Option<TlsInfo> {
        self.stream.as_ref().and_then(Stream::tls)
    }

    pub(super) fn can_start_tls(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::can_start_tls)
    }

    /// Says goodbye to TLS and TCP.
    pub(super) async fn close(mut self) {
        if let Some(mut stream) = self.stream.take() {
            let _ = tokio::time::timeout(Duration::from_secs(5), stream.shutdown()).await;
        }
    }
}
