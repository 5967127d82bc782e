//! Messages that are made up, the same in each run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Bodies made once of each size: making them costs the client more than sending them.
const BODIES: usize = 32;

/// A message with a head of its own over one of [`BODIES`] bodies.
pub fn message(n: u64, octets: usize) -> Vec<u8> {
    static MADE: Mutex<BTreeMap<usize, Vec<Arc<[u8]>>>> = Mutex::new(BTreeMap::new());
    let mut next = random(n);
    let mut out = format!(
        "Received: from relay{}.elsewhere.test ([192.0.2.{}]) by mx.elsewhere.test; Fri, 15 Jan 2027 08:00:00 +0000\r\nFrom: Sender {} <s{}@elsewhere.test>\r\nTo: Ann <ann@example.test>\r\nSubject: Report {n} about {:x}\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <{n}.{:x}@elsewhere.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
        next() % 99,
        next() % 250,
        next() % 5000,
        next() % 5000,
        next() % 100_000,
        next()
    )
    .into_bytes();
    let body = {
        let mut made = MADE.lock().expect("bodies");
        let bodies = made.entry(octets).or_insert_with(|| (0..BODIES as u64).map(|n| body(n, octets).into()).collect());
        bodies[n as usize % BODIES].clone()
    };
    let (head, rest) = (out.len(), octets.saturating_sub(out.len()));
    out.extend_from_slice(&body[body.len().saturating_sub(rest)..]);
    if out.get(head) == Some(&b'\n') {
        out[head] = b'x';
    }
    out
}

fn random(n: u64) -> impl FnMut() -> u64 {
    let mut seed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        seed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 20
    }
}

/// Words of a made-up language: compresses about as prose does (its ratio is printed with the stored size).
pub fn body(n: u64, octets: usize) -> Vec<u8> {
    let mut next = random(n + 1);
    let (mut out, mut column) = (String::new(), 0);
    while out.len() < octets.saturating_sub(2) {
        // Few words are frequent, many are rare.
        let rank = (1u64 << (next() % 14)) + next() % 50;
        let mut word = String::new();
        let mut left = rank.wrapping_mul(0x9E37_79B9) % 100_003 + 7;
        while left > 0 {
            word.push_str(
                ["ta", "re", "lo", "mi", "ses", "kan", "du", "ve", "ni", "por", "a", "ler"][(left % 12) as usize],
            );
            left /= 23;
        }
        column += word.len() + 1;
        out.push_str(&word);
        out.push_str(if column > 70 { " \n" } else { " " });
        column = if column > 70 { 0 } else { column };
    }
    out.truncate(octets.saturating_sub(2));
    let mut bytes = out.into_bytes();
    for n in 1..bytes.len() {
        if bytes[n] == b'\n' {
            bytes[n - 1] = b'\r';
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}
