//! The connection's buffers: what was read and not yet used, what is to be written.

use crate::net::stream::{Stream, TlsInfo};
use crate::net::tls::ServerTls;
use crate::wire::smtp::reply::Reply;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// A stream with its buffers.
pub(super) struct Io {
    stream: Option<Stream>,
    input: Vec<u8>,
    output: Vec<u8>,
    shutdown: CancellationToken,
}

/// What ended a wait for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Octets,
    Closed,
    Shutdown,
    TimedOut,
}

impl Io {
    pub(super) fn new(stream: Stream, shutdown: CancellationToken) -> Self {
        Self { stream: Some(stream), input: Vec::new(), output: Vec::new(), shutdown }
    }

    /// What was read and not used.
    pub(super) fn input(&self) -> &[u8] {
        &self.input
    }

    /// Drops octets that were used.
    pub(super) fn consume(&mut self, used: usize) {
        self.input.drain(..used);
    }

    /// Writes into the buffer; [`Io::flush`] sends it.
    pub(super) fn reply(&mut self, reply: &Reply) {
        reply.encode(&mut self.output);
    }

    /// Sends what is buffered, however slow the client reads, within `limit`.
    pub(super) async fn flush(&mut self, limit: Duration) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let sending = async {
            stream.write_all(&self.output).await?;
            stream.flush().await
        };
        tokio::time::timeout(limit, sending).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        self.output.clear();
        Ok(())
    }

    /// Waits for more; replies are sent first.
    pub(super) async fn read(&mut self, limit: Duration) -> io::Result<Heard> {
        self.flush(limit).await?;
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        self.input.reserve(16 << 10);
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Ok(Heard::Shutdown),
            read = tokio::time::timeout(limit, stream.read_buf(&mut self.input)) => match read {
                Err(_) => Ok(Heard::TimedOut),
                Ok(read) => Ok(if read? == 0 { Heard::Closed } else { Heard::Octets }),
            },
        }
    }

    /// Goes over to TLS. What the client sent before the handshake is dropped: it came in the clear (RFC 3207 §4.2).
    pub(super) async fn start_tls(&mut self, tls: &ServerTls) -> io::Result<()> {
        self.input.clear();
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
