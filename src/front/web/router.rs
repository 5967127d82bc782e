//! Every route in one table, and what is done to each request before and after its handler.

use super::error::Fault;
use super::extract::{MOST, Most, SMALL};
use super::{Web, asset, page, upload, visitor};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Response, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// Who may see a page; the service behind it decides what they may do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Anybody.
    Public,
    /// Whoever has given the right password.
    Half,
    Member,
    /// Domain admins and owners.
    Admin,
    Owner,
}

/// One path and its handlers.
pub(super) struct Route {
    path: &'static str,
    /// GET answers a page, POST takes a form, or both.
    methods: &'static str,
    access: Access,
    handler: MethodRouter<Web>,
}

pub(super) fn route(path: &'static str, methods: &'static str, access: Access, handler: MethodRouter<Web>) -> Route {
    Route { path, methods, access, handler }
}

/// The routes for a test to walk: path, methods, access.
pub fn table() -> Value {
    let row = |route: Route| json!({ "path": route.path, "methods": route.methods, "access": format!("{:?}", route.access).to_lowercase() });
    page::routes().into_iter().map(row).collect()
}

/// No `unsafe-*`; nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("strict-transport-security", "max-age=63072000"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

pub(super) fn build(web: Web) -> Router {
    let mut pages = Router::new();
    for Route { path, handler, access, .. } in page::routes() {
        let handler = handler.route_layer(from_fn_with_state(web.clone(), move |State(web), request, next| {
            admit(access, web, request, next)
        }));
        pages = pages.route(path, handler);
    }
    let pages = pages
        .fallback(async || Fault::NoPage)
        .method_not_allowed_fallback(async || Fault::Method)
        .layer(CatchPanicLayer::custom(|_| {
            Fault::from(crate::service::Refusal::Internal(anyhow::anyhow!("a handler panicked"))).into_response()
        }))
        .layer(from_fn_with_state(web.clone(), visitor::receive));
    let small = SizeAbove::new(512).and(NotForContentType::IMAGES).and(NotForContentType::SSE);
    Router::new()
        .route("/static/{hash}/{*name}", get(asset::serve))
        .route("/alive", get(async || "alive\n"))
        .merge(pages)
        .layer(CompressionLayer::new().compress_when(small.and(NotForContentType::const_new("application/gzip"))))
        .layer(from_fn(with_headers))
        .with_state(web)
}

/// Turns away who may not see a page at all, before its handler reads anything.
async fn admit(access: Access, web: Web, mut request: Request, next: Next) -> Response<axum::body::Body> {
    use crate::service::account::Role;
    use crate::service::session::Stage;
    let session = request.extensions().get::<visitor::Visitor>().and_then(|visitor| visitor.session());
    let may = match (access, session) {
        (Access::Public, _) => Ok(()),
        (_, None) => Err(Fault::SignIn),
        (Access::Half, Some(_)) => Ok(()),
        (_, Some(session)) if session.stage == Stage::SecondFactor => Err(Fault::Unfinished("/sign-in/code")),
        (_, Some(session)) if session.stage == Stage::Enrol => Err(Fault::Unfinished("/settings/second-factor")),
        (Access::Member, Some(_)) => Ok(()),
        (Access::Admin, Some(session)) if matches!(session.role, Role::DomainAdmin | Role::Owner) => Ok(()),
        (Access::Owner, Some(session)) if session.role == Role::Owner => Ok(()),
        (Access::Admin | Access::Owner, Some(_)) => Err(Fault::from(crate::service::Refusal::Denied)),
    };
    let most = if matches!(access, Access::Public | Access::Half) { SMALL } else { MOST };
    request.extensions_mut().insert(Most(most));
    match may {
        Ok(()) => next.run(request).await,
        Err(fault) => {
            if matches!(fault, Fault::SignIn) {
                upload::salvage(request, &web).await;
            }
            fault.into_response()
        }
    }
}

async fn with_headers(request: Request, next: Next) -> Response<axum::body::Body> {
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    // What is signed in, and what comes of a form, is nobody's to keep.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_nothing_unsafe() {
        assert!(!POLICY.contains("unsafe") && !POLICY.contains('*') && POLICY.starts_with("default-src 'none'"));
    }
}
