//! Messages that tests read: those of the corpus, and real ones where there are some.

use std::path::Path;

/// Files of a folder beside the sources by name, with CRLF at the end of every line; `None`: there is no such folder.
pub fn folder(path: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()?;
    let mut out: Vec<_> = entries
        .map(|entry| entry.expect("a file").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, crlf(&std::fs::read(&path).expect("a file")))
        })
        .collect();
    out.sort();
    Some(out)
}

/// The real messages, `../shared/mail`; none, and told, where there is no such folder.
pub fn real() -> Vec<(String, Vec<u8>)> {
    folder("../shared/mail").unwrap_or_else(|| {
        eprintln!("SKIPPED: the real messages, as ../shared/mail is not there");
        Vec::new()
    })
}

/// Lone LF becomes CRLF, as any mail client does it; a lone CR stays.
fn crlf(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 100);
    for (n, byte) in raw.iter().enumerate() {
        if *byte == b'\n' && (n == 0 || raw[n - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}
