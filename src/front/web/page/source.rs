//! `/source`: which version runs here, under which licence, and all of its source (AGPL-3.0 §13). Open to anybody.

use super::super::error::show;
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use axum::routing::get;
use bytes::Bytes;
use rust_embed::RustEmbed;
use std::io::Write;
use std::sync::OnceLock;

/// What it takes to build this program; `Cargo.lock` names the libraries by version and checksum.
#[derive(RustEmbed)]
#[folder = "."]
#[include = "Cargo.*"]
#[include = "Makefile"]
#[include = "LICENSE"]
#[include = "README.md"]
#[include = ".ci/*"]
#[include = ".config/*"]
#[include = "rustfmt.toml"]
#[include = "src/**"]
#[include = "migrations/**"]
#[include = "templates/**"]
#[include = "static/**"]
#[include = "docker/**"]
#[include = "benches/**"]
#[include = "tests/**"]
#[exclude = "tests/browser/node_modules/**"]
struct Sources;

const LIBRARIES: &str = include_str!("../../../../static/licences.txt");
const LICENCE: &str = include_str!("../../../../LICENSE");

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/source", "GET", Access::Public, get(page)),
        route("/source/mailstead.tar.gz", "GET", Access::Public, get(archive)),
        route("/source/licence.txt", "GET", Access::Public, get(async || text(LICENCE))),
        route("/source/libraries.txt", "GET", Access::Public, get(async || text(LIBRARIES))),
    ]
}

#[derive(Template)]
#[template(path = "source/index.html")]
struct SourcePage {
    ui: Ui,
    octets: u64,
}

async fn page(ui: Ui) -> axum::response::Response {
    show(&SourcePage { ui, octets: packed().len() as u64 })
}

fn text(words: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::from(words));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

async fn archive() -> Response<Body> {
    let mut answer = Response::new(Body::from(packed()));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    let name = concat!("attachment; filename=\"mailstead-", env!("CARGO_PKG_VERSION"), ".tar.gz\"");
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    answer
}

/// Packed once, at the first visit.
fn packed() -> Bytes {
    static PACKED: OnceLock<Bytes> = OnceLock::new();
    let pack = || {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default()));
        let mut names: Vec<_> = Sources::iter().collect();
        names.sort();
        for name in names {
            let Some(file) = Sources::get(&name) else { continue };
            let mut head = tar::Header::new_gnu();
            head.set_size(file.data.len() as u64);
            let runs = name.starts_with(".ci/") || name.ends_with(".sh");
            head.set_mode(if runs { 0o755 } else { 0o644 });
            let place = concat!("mailstead-", env!("CARGO_PKG_VERSION"), "/");
            // Into memory: a name that a header can't hold is all that could fail.
            if let Err(error) = tar.append_data(&mut head, format!("{place}{name}"), &*file.data) {
                tracing::error!(%name, %error, "left out of the source");
            }
        }
        let packed = tar.into_inner().and_then(|mut gzip| gzip.flush().and_then(|()| gzip.finish()));
        Bytes::from(packed.unwrap_or_default())
    };
    PACKED.get_or_init(pack).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_archive_has_what_it_takes_to_build() {
        let packed = packed();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&packed[..]));
        let mut found = std::collections::BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut data = Vec::new();
            entry.read_to_end(&mut data).unwrap();
            found.insert(name.split_once('/').unwrap().1.to_owned(), data);
        }
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        // All that a checkout has, and nothing that a build leaves behind.
        for needed in [
            "Cargo.toml",
            "Cargo.lock",
            "Makefile",
            "LICENSE",
            ".ci/run",
            "src/main.rs",
            "migrations/0001_accounts.sql",
            "static/app.css",
            "tests/it/main.rs",
            "docker/Dockerfile",
        ] {
            assert_eq!(found.get(needed), std::fs::read(root.join(needed)).ok().as_ref(), "{needed}");
        }
        assert!(found.keys().all(|name| !name.contains("node_modules") && !name.starts_with("target")));
    }

    #[test]
    fn every_library_is_named_with_its_version() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
        let lock: toml::Table = read("Cargo.lock").parse().unwrap();
        let mut locked: Vec<String> = lock["package"]
            .as_array()
            .unwrap()
            .iter()
            .map(|package| format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap()))
            .collect();
        let foreign = read("static/vendor/MANIFEST.txt");
        for row in foreign.lines().filter(|line| !line.starts_with('#')) {
            let mut row = row.split('\t');
            let name = format!("{} {}", row.next().unwrap(), row.next().unwrap());
            assert!(LIBRARIES.contains(&format!("\n{name}: ")), "{name} is missing: run .ci/licences");
            locked.push(name);
        }
        let list = LIBRARIES.split("\n\n").nth(1).unwrap();
        let named: Vec<&str> = list.lines().map(|line| line.split_once(':').unwrap().0).collect();
        for name in &named {
            assert!(locked.iter().any(|locked| locked == name), "{name} is not in Cargo.lock: run .ci/licences");
        }
        let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
        for name in manifest["dependencies"].as_table().unwrap().keys() {
            let mut all = named.iter().map(|named| named.split(' ').next().unwrap());
            assert!(all.any(|named| named == name), "{name} is missing: run .ci/licences");
        }
    }
}
