//! The pages, one subject a file: structs of its templates, handlers, routes.

mod admin;
mod app_password;
mod compose;
mod gallery;
mod home;
mod look;
mod mail;
mod password;
mod qr;
mod reading;
mod record;
mod second_factor;
mod sessions;
mod settings;
mod setup;
mod sign_in;
mod source;
pub(super) mod sudo;
mod welcome;

pub(super) use mail::Streams;

use super::router::Route;

/// Every page of the house.
pub(super) fn routes() -> Vec<Route> {
    let subjects = [
        gallery::routes(),
        home::routes(),
        sign_in::routes(),
        sudo::routes(),
        setup::routes(),
        welcome::routes(),
        settings::routes(),
        password::routes(),
        second_factor::routes(),
        app_password::routes(),
        sessions::routes(),
        record::routes(),
        look::routes(),
        reading::routes(),
        mail::routes(),
        compose::routes(),
        source::routes(),
        admin::routes(),
    ];
    subjects.into_iter().flatten().collect()
}
