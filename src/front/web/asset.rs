//! Files of `static/`: served under a hash of their content, so that browsers keep them for good and an upgrade is seen at
//! once.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use rust_embed::RustEmbed;
use std::collections::HashMap;
use std::io::Write;
use std::sync::OnceLock;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

struct Asset {
    hash: String,
    kind: &'static str,
    plain: Bytes,
    gzip: Option<Bytes>,
}

impl Asset {
    fn read(name: &str) -> Option<Self> {
        let kind = match name.rsplit('.').next()? {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "ico" => "image/x-icon",
            "txt" => "text/plain; charset=utf-8",
            _ => return None,
        };
        let file = Files::get(name)?;
        let hash = URL_SAFE_NO_PAD.encode(&file.metadata.sha256_hash()[..9]);
        let plain = Bytes::from(file.data.into_owned());
        let gzip = (kind != "image/png").then(|| compress(&plain));
        Some(Self { hash, kind, plain, gzip })
    }
}

fn compress(plain: &[u8]) -> Bytes {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Into memory: nothing can fail.
    let _ = out.write_all(plain);
    out.finish().unwrap_or_default().into()
}

/// All of them, read once; in a debug build each is read when it is asked for, so that a change shows without a build.
fn find<T>(name: &str, use_it: impl FnOnce(&Asset) -> T) -> Option<T> {
    static ALL: OnceLock<HashMap<String, Asset>> = OnceLock::new();
    if cfg!(debug_assertions) {
        return Asset::read(name).as_ref().map(use_it);
    }
    let all = ALL.get_or_init(|| {
        Files::iter().filter_map(|name| Some((name.to_string(), Asset::read(&name)?))).collect::<HashMap<_, _>>()
    });
    all.get(name).map(use_it)
}

/// The URL of a file of `static/`.
pub(super) fn url(name: &str) -> String {
    let hash = find(name, |asset| asset.hash.clone()).unwrap_or_else(|| "none".to_owned());
    format!("/static/{hash}/{name}")
}

/// What a foreign script must be for a browser to run it (W3C Subresource Integrity §3.5).
pub(super) fn integrity(file: &str) -> String {
    let hash = |manifest: &Asset| {
        let rows = std::str::from_utf8(&manifest.plain).unwrap_or_default().lines();
        let row = rows.filter(|line| !line.starts_with('#')).find(|line| line.split('\t').nth(4) == Some(file));
        row.and_then(|row| row.split('\t').next_back()).map(|hash| format!("sha384-{hash}"))
    };
    find("vendor/MANIFEST.txt", hash).flatten().unwrap_or_default()
}

/// `GET /static/{hash}/{*name}`.
pub(super) async fn serve(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Response<Body> {
    let takes_gzip = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|coding| coding.trim().starts_with("gzip")));
    let made = find(&name, |asset| {
        let gzip = asset.gzip.as_ref().filter(|_| takes_gzip);
        let mut answer = Response::new(Body::from(gzip.unwrap_or(&asset.plain).clone()));
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if gzip.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        // A page of another version may ask for an older hash: it gets what there is, and asks again next time.
        let keep = if asset.hash == hash { "public, max-age=31536000, immutable" } else { "no-cache" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        answer
    });
    made.unwrap_or_else(|| {
        let mut none = Response::new(Body::empty());
        *none.status_mut() = StatusCode::NOT_FOUND;
        none
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use regex::Regex;
    use std::path::Path;

    fn text(name: &str) -> String {
        String::from_utf8(Files::get(name).unwrap().data.into_owned()).unwrap()
    }

    /// All templates, one after the other.
    fn templates(folder: &Path) -> String {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: std::path::PathBuf| {
            if path.is_dir() { templates(&path) } else { std::fs::read_to_string(path).unwrap() }
        };
        entries.map(read).collect()
    }

    #[test]
    fn foreign_scripts_are_those_of_the_manifest() {
        let manifest = text("vendor/MANIFEST.txt");
        let rows: Vec<Vec<&str>> =
            manifest.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect();
        for row in &rows {
            let [_, _, _, licence, file, hash] = row[..] else { panic!("{row:?}") };
            let script = Files::get(&format!("vendor/{file}")).unwrap().data;
            let found = STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, &script));
            assert_eq!(found, hash, "{file}");
            assert_eq!(integrity(file), format!("sha384-{hash}"));
            assert!(text(&format!("vendor/{licence}")).contains("Permission to use"));
        }
        let mut scripts = Files::iter().filter(|name| name.starts_with("vendor/") && name.ends_with(".js"));
        assert!(scripts.all(|name| rows.iter().any(|row| name.ends_with(row[4]))));
    }

    #[test]
    fn the_look_stays_light() {
        assert!(text("app.css").len() <= 32 << 10);
        let packed = |name: &str| compress(text(name).as_bytes()).len();
        assert!(packed("app.js") <= 3 << 10);
        assert!(packed("mail.js") <= 12 << 10);
        // What a sign-in page loads beside itself.
        assert!(packed("app.css") + packed("icons.svg") + packed("mark.svg") <= 20 << 10);
    }

    #[test]
    fn every_file_and_icon_that_a_template_names_is_there() {
        let all = templates(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"));
        for found in Regex::new(r#"ui\.asset\("([^"]+)"\)"#).unwrap().captures_iter(&all) {
            assert!(Files::get(&found[1]).is_some(), "{}", &found[1]);
        }
        let drawn = text("icons.svg");
        let named = Regex::new(r#"(?:\bi::icon\(|\bicon=)"([a-z-]+)""#).unwrap();
        let mut count = 0;
        for found in named.captures_iter(&all) {
            assert!(drawn.contains(&format!("id=\"{}\"", &found[1])), "{}", &found[1]);
            count += 1;
        }
        assert!(count > 30, "{count}");
    }
}
