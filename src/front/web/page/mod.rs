//! The pages, one subject a file: structs of its templates, handlers, routes.

mod admin;
mod gallery;
mod home;
mod qr;
mod sign_in;
mod source;
pub(super) mod sudo;

use super::router::Route;

/// Every page of the house.
pub(super) fn routes() -> Vec<Route> {
    [admin::routes(), gallery::routes(), home::routes(), sign_in::routes(), sudo::routes(), source::routes()]
        .into_iter()
        .flatten()
        .collect()
}
