//! What hangs on a message: names, types, sizes, and whether opening it is dangerous.

use super::structure::{Kind, Part};
use super::{head, text};
use crate::model::shown;

/// Octets looked at to tell a type.
const SNIFFED: usize = 8 << 10;

/// A part that can be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its section, as in IMAP: `2`, `1.3`.
    pub path: String,
    /// Safe as a file name and in a page; empty: it has none.
    pub name: String,
    /// `type/subtype` as the message says.
    pub claimed: String,
    /// What its bytes are, where they tell.
    pub sniffed: Option<&'static str>,
    /// Octets once decoded.
    pub size: usize,
    /// Content-ID without its angle brackets.
    pub id: Option<String>,
    /// The text shows it in its place.
    pub inline: bool,
    pub risk: Option<Risk>,
}

/// Why opening a file may harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// A program or something that installs one.
    Program,
    /// Runs by a double click all the same.
    Script,
    /// An office file that may have macros.
    Macros,
    /// HTML, SVG: a page that the sender wrote, opened on the reader's machine.
    Page,
    /// `invoice.pdf.exe`.
    TwoExtensions,
    /// The bytes are a program or a page, the name or type says otherwise.
    Disguised,
}

impl Attachment {
    /// Reads a part of a message.
    pub fn of(raw: &[u8], part: &Part, path: String) -> Self {
        let body = &raw[part.body.clone()];
        let start = text::decode_transfer(&part.encoding, &body[..body.len().min(2 * SNIFFED)]);
        let name = match &part.kind {
            Kind::Message(inner) => part.filename().unwrap_or_else(|| subject_name(&raw[inner.header.clone()])),
            _ => part.filename().unwrap_or_default(),
        };
        let claimed = shown::line(&part.content_type.value, 100);
        let sniffed = sniff(&start);
        let risk = risk(&name, &claimed, sniffed);
        Self {
            path,
            name: shown::file_name(&name),
            claimed,
            sniffed,
            size: size(&part.encoding, body),
            id: part.id.as_deref().map(id_text).filter(|id| !id.is_empty()),
            inline: false,
            risk,
        }
    }
}

fn subject_name(header: &[u8]) -> String {
    let subject = head::Head::of(header).subject;
    if subject.is_empty() { String::new() } else { format!("{subject}.eml") }
}

/// A Content-ID without its angle brackets.
pub(super) fn id_text(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    text.trim().trim_start_matches('<').trim_end_matches('>').trim().to_owned()
}

fn size(encoding: &str, body: &[u8]) -> usize {
    match encoding {
        "base64" => body.iter().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).count() * 3 / 4,
        "quoted-printable" => text::decode_transfer(encoding, body).len(),
        _ => body.len(),
    }
}

/// The media type that bytes show; text that is neither page nor known is `text/plain`.
pub fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let bytes = &bytes[..bytes.len().min(SNIFFED)];
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let low = text[..text.len().min(1024)].to_ascii_lowercase();
    let page = [&b"<!doctype html"[..], b"<html", b"<head", b"<body", b"<script", b"<iframe", b"<meta", b"<style"];
    if page.iter().any(|start| low.starts_with(start)) {
        return Some("text/html");
    }
    let xml = low.starts_with(b"<?xml") || low.starts_with(b"<!--") || low.starts_with(b"<!doctype svg");
    if low.starts_with(b"<svg") || (xml && memchr::memmem::find(&low, b"<svg").is_some()) {
        return Some("image/svg+xml");
    }
    if let Some(kind) = infer::get(bytes) {
        return Some(kind.mime_type());
    }
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    // A character may be cut at the end.
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    (!valid.is_empty() && valid.chars().all(is_text)).then_some("text/plain")
}

const PROGRAMS: &[&str] = &[
    "apk",
    "app",
    "appimage",
    "appx",
    "appxbundle",
    "bin",
    "cab",
    "com",
    "cpl",
    "crx",
    "deb",
    "dll",
    "dmg",
    "drv",
    "elf",
    "exe",
    "gadget",
    "img",
    "ipa",
    "iso",
    "jar",
    "jnlp",
    "msi",
    "msix",
    "msixbundle",
    "msp",
    "mst",
    "ocx",
    "pif",
    "pkg",
    "rpm",
    "run",
    "scr",
    "sys",
    "vhd",
    "vhdx",
    "xpi",
];
const SCRIPTS: &[&str] = &[
    "application",
    "applescript",
    "bash",
    "bat",
    "chm",
    "cmd",
    "command",
    "csh",
    "desktop",
    "hta",
    "inf",
    "js",
    "jse",
    "ksh",
    "library-ms",
    "lnk",
    "mjs",
    "msc",
    "one",
    "php",
    "pl",
    "ps1",
    "ps1xml",
    "psd1",
    "psm1",
    "py",
    "pyw",
    "rb",
    "reg",
    "scf",
    "scpt",
    "sct",
    "search-ms",
    "settingcontent-ms",
    "sh",
    "theme",
    "url",
    "vb",
    "vbe",
    "vbs",
    "webloc",
    "workflow",
    "ws",
    "wsc",
    "wsf",
    "wsh",
    "xll",
    "zsh",
];
const MACROS: &[&str] = &[
    "accdb", "accde", "docm", "dotm", "iqy", "mdb", "mde", "odb", "potm", "ppam", "ppsm", "pptm", "sldm", "slk",
    "xlam", "xlm", "xlsb", "xlsm", "xltm",
];
const PAGES: &[&str] = &["htm", "html", "mht", "mhtml", "shtml", "svg", "svgz", "swf", "xht", "xhtml", "xml", "xsl"];
/// What a dangerous name pretends to be.
const HARMLESS: &[&str] = &[
    "avi", "bmp", "csv", "doc", "docx", "eml", "gif", "jpeg", "jpg", "mov", "mp3", "mp4", "odt", "pdf", "png", "ppt",
    "pptx", "rtf", "txt", "wav", "webp", "xls", "xlsx", "zip",
];

fn risk(name: &str, claimed: &str, sniffed: Option<&'static str>) -> Option<Risk> {
    // A trailing dot or blank is dropped by Windows, and hides an extension from us.
    let name = shown::line(name, 1000).to_lowercase();
    let name = name.trim_end_matches(['.', ' ']);
    let mut extensions = name.rsplit('.').map(str::trim);
    let last = extensions.next().filter(|last| last.len() < name.len()).unwrap_or_default();
    let before = extensions.next().unwrap_or_default();
    let by_name = match last {
        last if PROGRAMS.contains(&last) => Some(Risk::Program),
        last if SCRIPTS.contains(&last) => Some(Risk::Script),
        last if MACROS.contains(&last) => Some(Risk::Macros),
        last if PAGES.contains(&last) => Some(Risk::Page),
        _ => None,
    };
    if by_name.is_some() && HARMLESS.contains(&before) {
        return Some(Risk::TwoExtensions);
    }
    let by_bytes = sniffed.and_then(by_media);
    by_name
        .or(by_bytes.map(|_| Risk::Disguised).filter(|_| by_media(claimed) != by_bytes))
        .or_else(|| by_media(claimed))
}

fn by_media(media: &str) -> Option<Risk> {
    match media {
        "text/html" | "application/xhtml+xml" | "image/svg+xml" | "text/xml" | "application/xml" => Some(Risk::Page),
        "text/javascript"
        | "application/javascript"
        | "application/x-javascript"
        | "application/x-sh"
        | "application/hta"
        | "application/x-msdos-program"
        | "text/x-shellscript"
        | "text/vbscript" => Some(Risk::Script),
        "application/x-msdownload"
        | "application/vnd.microsoft.portable-executable"
        | "application/x-executable"
        | "application/x-mach-binary"
        | "application/java"
        | "application/java-archive"
        | "application/java-vm"
        | "application/wasm"
        | "application/vnd.android.package-archive"
        | "application/vnd.android.dex" => Some(Risk::Program),
        media if media.contains("macroenabled") => Some(Risk::Macros),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_bytes() {
        for (bytes, media) in [
            (&b"%PDF-1.7\n"[..], Some("application/pdf")),
            (b"\xef\xbb\xbf \n<!DOCTYPE HTML>", Some("text/html")),
            (b"<?xml version='1.0'?><svg xmlns=''>", Some("image/svg+xml")),
            (b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", Some("image/gif")),
            (b"hello \xc3", Some("text/plain")),
            (b"MZ\x90\x00", Some("application/vnd.microsoft.portable-executable")),
            (b"\x00\x01\x02", None),
            (b"", None),
        ] {
            assert_eq!(sniff(bytes), media, "{bytes:?}");
        }
    }

    #[test]
    fn what_may_harm_is_told() {
        let png = Some("image/png");
        for (name, claimed, sniffed, wanted) in [
            ("a.pdf", "application/pdf", Some("application/pdf"), None),
            ("Invoice.PDF.exe ", "application/pdf", None, Some(Risk::TwoExtensions)),
            ("x.exe", "image/png", png, Some(Risk::Program)),
            ("photo\u{202E}gpj.scr", "image/png", None, Some(Risk::Program)),
            ("run.vbs.", "text/plain", None, Some(Risk::Script)),
            ("y.docm", "application/msword", None, Some(Risk::Macros)),
            ("z.svg", "image/svg+xml", None, Some(Risk::Page)),
            ("pic.png", "image/png", Some("text/html"), Some(Risk::Disguised)),
            ("pic.png", "image/png", Some("application/vnd.microsoft.portable-executable"), Some(Risk::Disguised)),
            ("", "text/html", Some("text/html"), Some(Risk::Page)),
            ("exe", "application/octet-stream", None, None),
            ("v1.2.txt", "text/plain", Some("text/plain"), None),
        ] {
            assert_eq!(risk(name, claimed, sniffed), wanted, "{name}");
        }
    }
}
