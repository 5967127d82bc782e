use super::*;

#[tokio::test]
async fn a_unix_socket_is_bound_once_and_a_stale_one_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp");
    let first = bind_unix(&path, None).unwrap();
    assert_eq!(bind_unix(&path, None).err().unwrap().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(first.place().unwrap(), path.display().to_string());
    drop(first);
    assert!(!path.exists());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let gate = Gate::new(Limits { per_address: 0, ..Limits::default() }, Vec::new());
    let (serving, listener) = (gate.clone(), bind_unix(&path, None).unwrap());
    tokio::spawn(async move {
        let door = Door { implicit_tls: None, turned_away: b"busy" };
        let handle = |mut accepted: Accepted| async move { accepted.stream.write_all(b"hi").await.unwrap() };
        serving.serve(listener, door, handle).await;
    });
    let mut client = UnixStream::connect(&path).await.unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "hi");
    std::fs::write(folder.path().join("file"), "x").unwrap();
    assert!(bind_unix(&folder.path().join("file"), None).is_err());
}

async fn echo_gate(limits: Limits, proxies: &[&str]) -> (Gate, SocketAddr) {
    let gate = Gate::new(limits, proxies.iter().filter_map(|raw| Network::parse(raw)).collect());
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = gate.clone();
    tokio::spawn(async move {
        let door = Door { implicit_tls: None, turned_away: b"busy\r\n" };
        let handle = |mut accepted: Accepted| async move {
            let greeting = format!("hello {}\r\n", accepted.peer.ip());
            accepted.stream.write_all(greeting.as_bytes()).await.ok();
            let mut one = [0];
            tokio::select! {
                () = accepted.shutdown.cancelled() => {}
                read = accepted.stream.read(&mut one) => { read.ok(); }
            }
        };
        serving.serve(listener, door, handle).await;
    });
    (gate, address)
}

async fn first_line(stream: &mut TcpStream) -> String {
    let mut out = Vec::new();
    while !out.ends_with(b"\n") {
        match stream.read_u8().await {
            Ok(byte) => out.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn limits_turn_away_and_places_come_back() {
    let (gate, address) = echo_gate(Limits { per_address: 2, ..Limits::default() }, &[]).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(first_line(&mut stream).await, "hello 127.0.0.1\r\n");
        open.push(stream);
    }
    assert_eq!(first_line(&mut TcpStream::connect(address).await.unwrap()).await, "busy\r\n");
    open.pop();
    while gate.open() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(first_line(&mut TcpStream::connect(address).await.unwrap()).await, "hello 127.0.0.1\r\n");
}

#[tokio::test]
async fn a_listed_balancer_speaks_for_its_clients_and_must() {
    let (gate, address) = echo_gate(Limits::default(), &["127.0.0.0/8"]).await;
    assert_eq!(said(address, &proxied([192, 0, 2, 9])).await, "hello 192.0.2.9\r\n");
    // A health check of the balancer's own, then what is no header.
    assert_eq!(said(address, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await, "hello 127.0.0.1\r\n");
    for bad in [&b"EHLO x\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04abcd"] {
        assert_eq!(said(address, bad).await, "");
    }
    while gate.open() > 0 {
        tokio::task::yield_now().await;
    }
}

/// The header that says where a client is.
fn proxied(client: [u8; 4]) -> Vec<u8> {
    let rest = [192, 0, 2, 1, 1, 1, 0, 25];
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &client, &rest].concat()
}

/// The first line that answers `octets`.
async fn said(address: SocketAddr, octets: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(octets).await.unwrap();
    first_line(&mut stream).await
}

#[tokio::test]
async fn nobody_else_speaks_for_others() {
    let (_gate, address) = echo_gate(Limits::default(), &["192.0.2.0/24"]).await;
    assert_eq!(said(address, &proxied([192, 0, 2, 9])).await, "hello 127.0.0.1\r\n");
}

#[tokio::test]
async fn limits_count_the_client_behind_the_balancer_and_never_spare_the_balancer() {
    let exempt = vec![Network::parse("127.0.0.0/8").unwrap()];
    let limits = Limits { per_address: 1, exempt, ..Limits::default() };
    let (_gate, address) = echo_gate(limits, &["127.0.0.0/8"]).await;
    let mut open = Vec::new();
    for (header, wanted) in [
        (proxied([192, 0, 2, 9]), "hello 192.0.2.9\r\n"),
        (proxied([192, 0, 2, 9]), "busy\r\n"),
        (proxied([192, 0, 2, 8]), "hello 192.0.2.8\r\n"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(), "hello 127.0.0.1\r\n"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(), "busy\r\n"),
        // Behind the balancer the exempt network counts again.
        (proxied([127, 0, 0, 5]), "hello 127.0.0.5\r\n"),
        (proxied([127, 0, 0, 5]), "hello 127.0.0.5\r\n"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&header).await.unwrap();
        assert_eq!(first_line(&mut stream).await, wanted);
        open.push(stream);
    }
}

#[tokio::test]
async fn totals_and_networks_are_limited_too() {
    let limits = Limits { total: 5, per_network: 2, ..Limits::default() };
    let (gate, _) = echo_gate(limits, &[]).await;
    let door = Taken::default();
    let take = |raw: &str| gate.take_place(door.clone(), Some(raw.parse().unwrap()), false);
    let held = (take("192.0.2.1").unwrap(), take("192.0.2.2").unwrap());
    assert!(take("192.0.2.3").is_none() && take("192.0.3.3").is_some(), "a place that is dropped comes back");
    let third = take("2001:db8:1:2::1").unwrap();
    assert!(take("198.51.100.1").is_none(), "no place at all is left at this door");
    drop((held, third));
    let gate = Gate::new(Limits { per_address: 1, ..Limits::default() }, Vec::new());
    let take = |raw: &str| gate.take_place(Taken::default(), Some(raw.parse().unwrap()), false);
    let _held = take("2001:db8:1:2::1").unwrap();
    assert!(take("2001:db8:1:2:3::1").is_none() && take("2001:db8:1:3::1").is_some());
}

#[tokio::test]
async fn doors_that_are_full_leave_places_for_the_others() {
    let gate = Gate::new(Limits { total: 100, ..Limits::default() }, Vec::new());
    let mut held = Vec::new();
    let mut fill = |door: &Taken| {
        let before = held.len();
        held.extend(std::iter::from_fn(|| gate.take_place(door.clone(), None, false)));
        held.len() - before
    };
    let (web, imap, smtp) = (Taken::default(), Taken::default(), Taken::default());
    assert_eq!((fill(&web), fill(&imap), fill(&smtp)), (50, 25, 13));
    drop(held);
    assert_eq!((gate.open(), web.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test]
async fn a_slow_header_ends() {
    let limits = Limits { handshake: Duration::from_millis(200), ..Limits::default() };
    let (gate, address) = echo_gate(limits, &["127.0.0.0/8"]).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"\r\n\r\n").await.unwrap();
    assert_eq!(said(address, &proxied([192, 0, 2, 9])).await, "hello 192.0.2.9\r\n", "others are served meanwhile");
    assert_eq!(first_line(&mut slow).await, "");
    assert_eq!(gate.0.sessions.len(), 0);
}

/// Clients that connect and say nothing, or stop in the middle of the handshake, hold up nobody and are dropped.
#[tokio::test]
async fn a_stalled_handshake_holds_up_nobody() {
    use crate::net::client::{Check, ClientTls};
    let folder = tempfile::tempdir().unwrap();
    let source =
        crate::net::tls::Source::SelfMade { directory: folder.path().into(), hostname: "mail.example.test".into() };
    let tls = ServerTls::open(source).unwrap();
    let gate = Gate::new(Limits { handshake: Duration::from_secs(2), ..Limits::default() }, Vec::new());
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = gate.clone();
    tokio::spawn(async move {
        let door = Door { implicit_tls: Some(tls), turned_away: b"" };
        let handle = |mut accepted: Accepted| async move {
            accepted.stream.write_all(b"hello\r\n").await.unwrap();
            accepted.stream.flush().await.unwrap();
        };
        serving.serve(listener, door, handle).await;
    });
    let mut stalled = Vec::new();
    for begun in [&b""[..], b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01"].repeat(10) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        stalled.push(stream);
    }
    let client = ClientTls::trusting(rustls::RootCertStore::empty()).unwrap();
    let stream = Stream::tcp(TcpStream::connect(address).await.unwrap());
    let limit = Duration::from_secs(20);
    let mut stream = stream.start_client_tls(&client, Check::Nothing, "mail.example.test", limit).await.unwrap();
    let mut greeting = [0; 7];
    stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"hello\r\n");
    for mut stream in stalled {
        assert_eq!(first_line(&mut stream).await, "", "dropped");
    }
    while gate.open() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_drain_ends_sessions_and_takes_no_more() {
    let (gate, address) = echo_gate(Limits::default(), &[]).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    first_line(&mut stream).await;
    assert!(gate.drain(Duration::from_secs(5)).await);
    assert_eq!(first_line(&mut stream).await, "");
    assert_eq!(gate.open(), 0);
}
