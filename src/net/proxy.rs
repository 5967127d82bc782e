//! The PROXY protocol v2: a load balancer's word about who connected, believed from listed networks only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The real peer, and the address it connected to.
    Proxied { peer: SocketAddr, local: SocketAddr },
    /// A health check of the balancer itself: the connection's own addresses hold.
    Local,
}

/// Outcome of reading at the front of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    More,
    Done {
        header: Header,
        used: usize,
    },
    /// No header: the connection is closed, since a listed balancer always sends one.
    Bad,
}

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The fixed part.
const FIXED: usize = 16;
/// Addresses and type-length-values beyond this are no header.
const LONGEST: usize = 2048;

/// Reads the header at the front of `input`.
pub fn read(input: &[u8]) -> Read {
    let known = input.len().min(SIGNATURE.len());
    if input[..known] != SIGNATURE[..known] {
        return Read::Bad;
    }
    let Some(fixed) = input.get(..FIXED) else { return Read::More };
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if fixed[12] >> 4 != 2 || length > LONGEST {
        return Read::Bad;
    }
    let Some(body) = input.get(FIXED..FIXED + length) else { return Read::More };
    let used = FIXED + length;
    match (fixed[12] & 15, fixed[13]) {
        (0, _) => Read::Done { header: Header::Local, used },
        (1, 0x11) => addresses::<4>(body).map_or(Read::Bad, |(peer, local)| {
            done(Ipv4Addr::from(peer.0).into(), peer.1, Ipv4Addr::from(local.0).into(), local.1, used)
        }),
        (1, 0x21) => addresses::<16>(body).map_or(Read::Bad, |(peer, local)| {
            done(Ipv6Addr::from(peer.0).into(), peer.1, Ipv6Addr::from(local.0).into(), local.1, used)
        }),
        _ => Read::Bad,
    }
}

fn done(peer: IpAddr, peer_port: u16, local: IpAddr, local_port: u16, used: usize) -> Read {
    Read::Done {
        header: Header::Proxied { peer: SocketAddr::new(peer, peer_port), local: SocketAddr::new(local, local_port) },
        used,
    }
}

type End<const N: usize> = ([u8; N], u16);

fn addresses<const N: usize>(body: &[u8]) -> Option<(End<N>, End<N>)> {
    let address = |at: usize| body.get(at..at + N)?.try_into().ok();
    let port = |at: usize| Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?));
    Some(((address(0)?, port(2 * N)?), (address(N)?, port(2 * N + 2)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        out.extend([0x20 | command, family]);
        out.extend((body.len() as u16).to_be_bytes());
        out.extend_from_slice(body);
        out
    }

    #[test]
    fn both_families_and_health_checks() {
        let v4 = header(1, 0x11, &[192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 0, 25, 9, 9]);
        let wanted =
            Header::Proxied { peer: "192.0.2.1:4660".parse().unwrap(), local: "198.51.100.2:25".parse().unwrap() };
        assert_eq!(read(&v4), Read::Done { header: wanted, used: 30 });
        let mut body = [0; 36];
        (body[15], body[31], body[33], body[35]) = (1, 2, 7, 25);
        let wanted = Header::Proxied { peer: "[::1]:7".parse().unwrap(), local: "[::2]:25".parse().unwrap() };
        assert_eq!(read(&header(1, 0x21, &body)), Read::Done { header: wanted, used: 52 });
        assert_eq!(read(&header(0, 0, &[])), Read::Done { header: Header::Local, used: 16 });
        for n in 0..v4.len() {
            assert_eq!(read(&v4[..n]), Read::More, "{n}");
        }
    }

    #[test]
    fn anything_else_is_bad() {
        for bad in [
            b"EHLO x\r\n".to_vec(),
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n".to_vec(),
            header(1, 0x11, &[1, 2]),
            header(1, 0x31, &[0; 216]),
            header(2, 0x11, &[0; 12]),
        ] {
            assert_eq!(read(&bad), Read::Bad, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(rest: Vec<u8>) {
            read(&rest);
            read(&[&SIGNATURE[..], &rest].concat());
        }
    }
}
