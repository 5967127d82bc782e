//! `/_gallery`: every component in every state, for the eyes and for the accessibility test.

use super::super::error::show;
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use askama::Template;
use axum::response::Response;
use axum::routing::get;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/_gallery", "GET", Access::Owner, get(components)),
        route("/_gallery/public", "GET", Access::Owner, get(async |ui: Ui| show(&Public { ui }))),
        route("/_gallery/settings", "GET", Access::Owner, get(async |ui: Ui| show(&Settings { ui }))),
        route("/_gallery/admin", "GET", Access::Owner, get(async |ui: Ui| show(&Admin { ui }))),
        route("/_gallery/mail", "GET", Access::Owner, get(async |ui: Ui| show(&Mail { ui, reading: false }))),
        route("/_gallery/mail/2", "GET", Access::Owner, get(async |ui: Ui| show(&Mail { ui, reading: true }))),
        route("/_gallery/compose", "GET", Access::Owner, get(async |ui: Ui| show(&Compose { ui }))),
    ]
}

macro_rules! pages {
    ($($name:ident $path:literal { $($field:ident: $type:ty),* })+) => {$(
        #[derive(Template)]
        #[template(path = $path)]
        struct $name { ui: Ui $(, $field: $type)* }
    )+};
}

pages! {
    Components "gallery/index.html" { problems: Vec<(&'static str, String)>, qr: String }
    Public "gallery/public.html" {}
    Settings "gallery/settings.html" {}
    Admin "gallery/admin.html" {}
    Mail "gallery/mail.html" { reading: bool }
    Compose "gallery/compose.html" {}
}

async fn components(ui: Ui) -> Response {
    let problems = vec![("address", ui.say("gallery-address-error"))];
    let qr = super::qr::svg("https://example.org/");
    show(&Components { ui, problems, qr })
}
