//! `make bench`: what we claim to be fast, beside what the same disk and PostgreSQL do in the same run.

mod client;
mod house;
mod letters;
mod web;

use client::{Imap, Smtp};
use house::{Bench, people};
use letters::message;
use mailstead::model::flags::{Flags, SystemFlags};
use mailstead::model::mailbox::MailboxPath;
use mailstead::model::secret::Secret;
use mailstead::net::client::ClientTls;
use mailstead::service::Services;
use mailstead::service::login::{Identity, Origin, Protocol};
use mailstead::service::message::Append;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Rounds of each figure; the median counts.
const ROUNDS: usize = 5;

fn median(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    list[list.len() / 2]
}

fn report(name: &str, value: String, target: &str) {
    println!("{name:<58} {value:<44} {target}");
}

/// Runs `work` on each of `connections` for `time`; calls per second.
async fn rate<F, Fut>(connections: usize, time: Duration, work: F) -> f64
where
    F: Fn(usize, Instant, Arc<AtomicU64>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let count = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let tasks: Vec<_> = (0..connections).map(|n| tokio::spawn(work(n, began + time, count.clone()))).collect();
    for task in tasks {
        task.await.expect("client");
    }
    count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

/// One-statement inserts of the same size, durable, into the same PostgreSQL.
async fn inserts(bench: &Bench, connections: usize, octets: usize, time: Duration) -> f64 {
    let options = bench.database("bench");
    let mut conn = PgConnection::connect_with(&options).await.expect("PostgreSQL");
    conn.execute(
        "CREATE TABLE IF NOT EXISTS bench (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n bigint, bytes bytea)",
    )
    .await
    .expect("table");
    conn.execute("ALTER TABLE bench ALTER bytes SET STORAGE EXTERNAL").await.expect("table");
    let out = rate(connections, time, |n, end, count| {
        let options = options.clone();
        async move {
            let mut conn = PgConnection::connect_with(&options).await.expect("PostgreSQL");
            let bytes = message(n as u64, octets);
            while Instant::now() < end {
                sqlx::query("INSERT INTO bench (n, bytes) VALUES ($1, $2)")
                    .bind(n as i64)
                    .bind(&bytes)
                    .execute(&mut conn)
                    .await
                    .expect("insert");
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await;
    conn.execute(AssertSqlSafe("TRUNCATE bench".to_owned())).await.expect("truncate");
    out
}

/// Bare flushes of 8 KiB on the same disk.
fn flushes(bench: &Bench) -> f64 {
    use std::io::Write;
    let mut file = std::fs::File::create(bench.folder().join("flush")).expect("file");
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(1) {
        file.write_all(&[7; 8192]).expect("write");
        file.sync_data().expect("flush");
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

async fn deliveries(
    place: &str,
    tls: Option<&ClientTls>,
    connections: usize,
    octets: usize,
    boxes: usize,
    time: Duration,
) -> f64 {
    rate(connections, time, |n, end, count| {
        let (place, tls) = (place.to_owned(), tls.cloned());
        async move {
            let mut client = Smtp::open(&place, tls.as_ref()).await;
            let mut turn = n;
            while Instant::now() < end {
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let mut body = message(number, octets);
                body.extend_from_slice(b".\r\n");
                client.send(&format!("m{}", turn % boxes), &body).await;
                turn += connections;
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await
}

async fn smtp(bench: &Bench, tls: &ClientTls) {
    let mut conn = PgConnection::connect_with(&bench.database("postgres")).await.expect("PostgreSQL");
    // A database of its own: the appliance answers for every table of its own one.
    conn.execute("CREATE DATABASE bench").await.expect("database");
    let place = bench.place("smtp");
    let time = Duration::from_millis(1500);
    println!("\nDurable deliveries by SMTP, visible in IMAP; beside them one-statement inserts and bare flushes");
    report("bare flushes of 8 KiB", format!("{:.0}/s", flushes(bench)), "");
    let mut single = 0.0;
    for (connections, octets, boxes) in [
        (1, 4 << 10, 100),
        (8, 4 << 10, 100),
        (32, 4 << 10, 100),
        (1, 4 << 10, 1),
        (32, 4 << 10, 1),
        (8, 64 << 10, 100),
        (8, 1 << 20, 100),
    ] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.push(inserts(bench, connections, octets, time).await);
            ours.push(deliveries(&place, None, connections, octets, boxes, time).await);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        let name = format!("{} KiB, {connections} connections, {boxes} mailboxes", octets >> 10);
        let mut target = "at least 0.4".to_owned();
        let mut value = format!("{ours:.0}/s, inserts {theirs:.0}/s: {:.2}", ours / theirs);
        if boxes == 1 && connections == 1 {
            single = ours;
            target = String::new();
        } else if boxes == 1 {
            value.push_str(&format!("; {:.1} x one connection", ours / single));
            target = "at least 4 x one connection".into();
        }
        report(&name, value, &target);
    }
    for (name, tls) in [("no TLS", None), ("with TLS", Some(tls))] {
        let (mut all, mut split) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let before = bench.cpu();
            let rate = deliveries(&place, tls, 8, 4 << 10, 100, time).await;
            let after = bench.cpu();
            let thousands = rate * time.as_secs_f64() / 1000.0;
            let (own, postgres) = ((after.0 - before.0) / thousands, (after.1 - before.1) / thousands);
            all.push(own + postgres);
            split.push(own);
        }
        let (all, own) = (median(all), median(split));
        report(
            &format!("CPU seconds per 1,000 deliveries of 4 KiB, {name}"),
            format!("{all:.2} (appliance {own:.2})"),
            "at most 1.0 without TLS",
        );
    }
}

async fn idle(bench: &Bench, tls: &ClientTls) {
    println!("\nFrom 250 to an idling client");
    let mut client = Imap::open(&bench.place("imaps"), tls, "m7").await;
    client.ask("SELECT INBOX").await;
    client.line.write(b"i IDLE\r\n").await;
    assert!(client.line.line().await.starts_with('+'));
    let mut sender = Smtp::open(&bench.place("smtp"), None).await;
    let mut waits = Vec::new();
    for _ in 0..500 {
        let mut body = message(NUMBER.fetch_add(1, Ordering::Relaxed), 4 << 10);
        body.extend_from_slice(b".\r\n");
        let sent = async {
            sender.send("m7", &body).await;
            Instant::now()
        };
        let told = async {
            while !client.line.line().await.ends_with("EXISTS") {}
            Instant::now()
        };
        let (sent, told) = tokio::join!(sent, told);
        waits.push(told.saturating_duration_since(sent).as_secs_f64() * 1000.0);
    }
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| waits[(waits.len() as f64 * share) as usize];
    report(
        "visible after",
        format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99)),
        "p50 under 1 ms, p99 under 20 ms",
    );
}

async fn sign_in(services: &Services, name: &str) -> Identity {
    let origin = Origin { peer: [127, 0, 0, 1].into(), protocol: Protocol::Imap, domain_hint: None };
    let password = Secret::new(house::PASSWORD.to_owned());
    services.login.password(&origin, "", name, &password).await.expect("sign-in")
}

async fn put(services: &Services, who: &Identity, count: usize, octets: usize) {
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        let mut spool = services.spool.begin(octets as u64).await.expect("spool");
        spool.push(&message(NUMBER.fetch_add(1, Ordering::Relaxed), octets)).await.expect("spool");
        items.push(Append { message: spool.finish(), flags: Flags::default(), internal_date: None });
    }
    services.messages.append(who, &MailboxPath::parse("INBOX").expect("path"), items).await.expect("append");
}

/// Puts one message into a mailbox.
async fn put_bytes(services: &Services, who: &Identity, mailbox: &str, octets: Vec<u8>) {
    let mut spool = services.spool.begin(octets.len() as u64).await.expect("spool");
    spool.push(&octets).await.expect("spool");
    let item = Append { message: spool.finish(), flags: Flags::default(), internal_date: None };
    let path = MailboxPath::parse(mailbox).expect("path");
    services.messages.append(who, &path, vec![item]).await.expect("append");
}

/// Three boxes of 1k, 10k and 100k messages among 197 others, their rows all over the heap, and flags changed.
async fn fill(bench: &Bench) {
    let house = bench.services().await;
    let services = &house.services;
    let mut who = Vec::new();
    for name in ["b1", "b10", "b100"] {
        who.push(sign_in(services, name).await);
    }
    let mut others = Vec::new();
    for n in 0..100 {
        others.push(sign_in(services, &format!("m{n}")).await);
    }
    let began = Instant::now();
    for turn in 0..1000usize {
        let one = put(services, &who[0], 1, 2 << 10);
        let ten = put(services, &who[1], 10, 2 << 10);
        let hundred = put(services, &who[2], 100, 2 << 10);
        let other = put(services, &others[turn % 100], 2, 2 << 10);
        tokio::join!(one, ten, hundred, other);
    }
    for person in &who {
        let path = MailboxPath::parse("INBOX").expect("path");
        let view = services
            .mailboxes
            .open(person, &path, mailstead::service::mailbox::OpenMode::ReadWrite)
            .await
            .expect("open");
        let odd = view.entries().map(|(_, entry)| entry.uid).filter(|uid| uid % 3 == 0).collect();
        let seen = Flags::system(SystemFlags::SEEN);
        services
            .messages
            .store(person, &view, &odd, mailstead::model::flags::FlagChange::Add, &seen, None)
            .await
            .expect("flags");
    }
    report(
        "filled 113,000 messages of 2 KiB into 103 mailboxes",
        format!("{:.0} s", began.elapsed().as_secs_f64()),
        "",
    );
    house.close().await;
}

async fn imap(bench: &mut Bench, tls: &ClientTls) {
    println!("\nIMAP, mailboxes filled in turns, flags changed; cold is after a restart of PostgreSQL");
    fill(bench).await;
    for (name, count) in [("b1", 1_000u32), ("b10", 10_000), ("b100", 100_000)] {
        bench.restart();
        for temperature in ["cold", "warm"] {
            let commands = ["SELECT INBOX", "FETCH 1:* (UID FLAGS)", "FETCH 1:* (ENVELOPE BODYSTRUCTURE)"];
            let rounds = if temperature == "cold" { 1 } else { ROUNDS };
            let mut times = vec![Vec::new(); commands.len()];
            for _ in 0..rounds {
                let mut client = Imap::open(&bench.place("imaps"), tls, name).await;
                for (n, command) in commands.iter().enumerate() {
                    let began = Instant::now();
                    client.ask(command).await;
                    times[n].push(began.elapsed().as_secs_f64() * 1000.0);
                }
            }
            let [select, flags, envelope] = [0, 1, 2].map(|n| median(times[n].clone()));
            let each = |ms: f64| ms * 1000.0 / f64::from(count);
            report(
                &format!("{count} messages, {temperature}"),
                format!("SELECT {select:.1} ms, FLAGS {flags:.1} ms, ENVELOPE {envelope:.1} ms"),
                &format!("a message: {:.2}, {:.2}, {:.2} µs", each(select), each(flags), each(envelope)),
            );
        }
    }
    let mut client = Imap::open(&bench.place("imaps"), tls, "b10").await;
    client.ask("SELECT INBOX").await;
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let octets = client.ask("FETCH 1:* (BODY.PEEK[])").await;
        rates.push(octets as f64 / 1e6 / began.elapsed().as_secs_f64());
    }
    report("body FETCH of 10,000 messages of 2 KiB", format!("{:.0} MB/s", median(rates)), "");
    client.append("Archive", &message(1, 20 << 20)).await;
    client.ask("SELECT Archive").await;
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let octets = client.ask("FETCH 1 (BODY.PEEK[])").await;
        rates.push(octets as f64 / 1e6 / began.elapsed().as_secs_f64());
    }
    report("body FETCH of one message of 20 MiB", format!("{:.0} MB/s", median(rates)), "");
    for connections in [1, 8] {
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            let place = bench.place("imaps");
            rates.push(
                rate(connections, Duration::from_millis(1500), |n, end, count| {
                    let (place, tls) = (place.clone(), tls.clone());
                    async move {
                        let mut client = Imap::open(&place, &tls, &format!("m{n}")).await;
                        while Instant::now() < end {
                            let body = message(NUMBER.fetch_add(1, Ordering::Relaxed), 4 << 10);
                            client.append("Archive", &body).await;
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                })
                .await,
            );
        }
        report(&format!("APPEND of 4 KiB, {connections} connections"), format!("{:.0}/s", median(rates)), "");
    }
}

async fn memory(bench: &mut Bench, tls: &ClientTls) {
    println!("\nMemory and start");
    bench.restart();
    report("start to ready on an existing database", format!("{:.2} s", bench.started.as_secs_f64()), "under 2 s");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = bench.resident();
    report("appliance idle", format!("{:.1} MiB", idle as f64 / 1048576.0), "at most 80 MiB");
    // The first sign-in of each member costs an argon2; one connection of each first.
    let mut clients = Vec::new();
    let place = bench.place("imaps");
    for n in 0..100 {
        clients.push(Imap::open(&place, tls, &format!("m{n}")).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = bench.resident();
    for n in 0..1000 {
        let mut client = Imap::open(&place, tls, &format!("m{}", n % 100)).await;
        client.ask("SELECT Drafts").await;
        client.line.write(b"i IDLE\r\n").await;
        client.line.line().await;
        clients.push(client);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = bench.resident();
    let each = (after.saturating_sub(before)) as f64 / 1000.0 / 1024.0;
    report(
        "an idle TLS IMAP connection, of 1,000",
        format!("{each:.1} KiB (process {:.0} MiB)", after as f64 / 1048576.0),
        "at most 32 KiB",
    );
}

async fn stored(bench: &Bench) {
    println!("\nOctets stored for an octet of mail: tables, TOAST and indexes after VACUUM");
    let options = bench.database("mailstead");
    let mut conn = PgConnection::connect_with(&options).await.expect("PostgreSQL");
    let house = bench.services().await;
    let who = sign_in(&house.services, "m99").await;
    for (octets, count, target) in
        [(2 << 10, 4000, "at most 1.3, reported"), (16 << 10, 1000, "at most 0.8"), (256 << 10, 100, "at most 0.8")]
    {
        let size = "SELECT pg_database_size('mailstead')";
        let before: (i64,) = vacuumed(&mut conn, size).await;
        for _ in 0..count / 50 {
            put(&house.services, &who, 50, octets).await;
        }
        let after: (i64,) = vacuumed(&mut conn, size).await;
        let mail = (octets * count) as f64;
        let packed = zstd::bulk::compress(&message(5, octets), 1).expect("zstd").len() as f64 / octets as f64;
        report(
            &format!("{} KiB", octets >> 10),
            format!("{:.2} (zstd -1 alone {packed:.2})", (after.0 - before.0) as f64 / mail),
            target,
        );
    }
    house.close().await;
}

async fn vacuumed(conn: &mut PgConnection, query: &'static str) -> (i64,) {
    conn.execute("VACUUM").await.expect("vacuum");
    sqlx::query_as(query).fetch_one(conn).await.expect("size")
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let tls = ClientTls::system().expect("TLS");
    let mut bench = Bench::start();
    let mut names: Vec<String> = (0..100).map(|n| format!("m{n}")).collect();
    names.extend(["b1", "b10", "b100"].map(str::to_owned));
    let house = bench.services().await;
    people(&house.services, &names).await;
    house.close().await;
    println!(
        "Medians of {ROUNDS} rounds; clients and servers share {} cores",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    // Only what is named, or all: cargo bench -- smtp idle
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|word| word == name);
    if wanted("smtp") {
        smtp(&bench, &tls).await;
    }
    if wanted("idle") {
        idle(&bench, &tls).await;
    }
    if wanted("imap") {
        imap(&mut bench, &tls).await;
    }
    if wanted("web") {
        if !wanted("imap") {
            fill(&bench).await;
        }
        web::web(&bench, &tls).await;
    }
    if wanted("stored") {
        stored(&bench).await;
    }
    if wanted("memory") {
        memory(&mut bench, &tls).await;
    }
    bench.stop();
}
