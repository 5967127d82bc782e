//! A wire between a store and its database that can be cut at a chosen moment.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// What a client sends between two answers that is longer than this has a message in it; our longest statement is shorter.
const LONG: usize = 20_000;

/// Takes TCP connections and hands them on to a PostgreSQL socket.
pub struct Proxy {
    pub port: u16,
    cuts: Arc<Cuts>,
}

#[derive(Default)]
struct Cuts {
    unasked: AtomicU32,
    unanswered: AtomicU32,
    commits_unasked: AtomicU32,
    commits_unanswered: AtomicU32,
}

fn one_of(count: &AtomicU32) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

impl Proxy {
    pub async fn before(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(Cuts::default());
        let shared = cuts.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.unwrap();
                tokio::spawn(carry(client, server, shared.clone()));
            }
        });
        Self { port, cuts }
    }

    /// The next `n` messages are committed, and the connection ends instead of the answer.
    pub fn lose_answers(&self, n: u32) {
        self.cuts.unanswered.store(n, Ordering::SeqCst);
    }

    /// The next `n` transactions are committed, and the connection ends instead of the answer.
    pub fn lose_commit_answers(&self, n: u32) {
        self.cuts.commits_unanswered.store(n, Ordering::SeqCst);
    }

    /// The next `n` commits never reach the database: the connection ends.
    pub fn lose_commits(&self, n: u32) {
        self.cuts.commits_unasked.store(n, Ordering::SeqCst);
    }

    /// The next `n` messages never reach the database: the connection ends.
    pub fn lose_questions(&self, n: u32) {
        self.cuts.unasked.store(n, Ordering::SeqCst);
    }
}

async fn carry(mut client: TcpStream, mut server: UnixStream, cuts: Arc<Cuts>) {
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    // Octets since the last answer, and what has come of an answer that is kept back.
    let (mut asked, mut kept): (usize, Option<Vec<u8>>) = (0, None);
    loop {
        tokio::select! {
            n = client.read(&mut from_client) => {
                let Some(n) = n.ok().filter(|n| *n > 0) else { return };
                asked += n;
                let commit = memchr::memmem::find(&from_client[..n], b"COMMIT\0").is_some();
                if commit && kept.is_none() {
                    if one_of(&cuts.commits_unasked) {
                        return;
                    }
                    kept = one_of(&cuts.commits_unanswered).then(Vec::new);
                }
                if asked >= LONG && kept.is_none() {
                    if one_of(&cuts.unasked) {
                        return;
                    }
                    kept = one_of(&cuts.unanswered).then(Vec::new);
                }
                server.write_all(&from_client[..n]).await.unwrap();
            }
            n = server.read(&mut from_server) => {
                let Some(n) = n.ok().filter(|n| *n > 0) else { return };
                match &mut kept {
                    Some(answer) => {
                        answer.extend_from_slice(&from_server[..n]);
                        // ReadyForQuery, idle: committed.
                        if answer.ends_with(b"Z\0\0\0\x05I") {
                            return;
                        }
                    }
                    None => {
                        asked = 0;
                        if client.write_all(&from_server[..n]).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    }
}
