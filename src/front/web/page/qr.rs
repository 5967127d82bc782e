//! Pictures for a camera (ISO/IEC 18004).

use qrcode::QrCode;
use qrcode::render::svg::Color;

/// The text as SVG to stand in a page; empty where it is too long for a picture.
pub(super) fn svg(text: &str) -> String {
    let Ok(code) = QrCode::new(text) else { return String::new() };
    let drawn = code.render::<Color<'_>>().min_dimensions(200, 200).build();
    // The prolog belongs to files.
    drawn.find("<svg").map_or(String::new(), |at| drawn[at..].to_owned())
}
