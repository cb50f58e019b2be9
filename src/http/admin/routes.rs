//! The table of pages. Each part of the UI brings its own rows.

use actix_web::Resource;
use actix_web::http::Method;
use actix_web::middleware::from_fn;

use super::admit::admit;
use super::{
    account, address, administrators, audit, clients, connect, directory, keys, log, overview, schemas, settings, sso,
    tenant, tenants, tokens,
};
use crate::http::pages::{BASE, PageRoute, code, invitation, only, setup, setup_link, sign_in};

/// The rows of all parts.
const PARTS: [&[PageRoute]; 23] = [
    sign_in::ROUTES,
    setup::ROUTES,
    overview::ROUTES,
    connect::ROUTES,
    audit::ROUTES,
    tenant::ROUTES,
    account::ROUTES,
    code::ROUTES,
    address::ROUTES,
    account::SECOND_FACTOR_ROUTES,
    invitation::ROUTES,
    tenants::ROUTES,
    administrators::ROUTES,
    settings::ROUTES,
    schemas::ROUTES,
    tokens::ROUTES,
    clients::ROUTES,
    keys::ROUTES,
    directory::ROUTES,
    setup_link::ROUTES,
    connect::LINKS,
    log::ROUTES,
    sso::ROUTES,
];

/// All pages.
pub fn all() -> impl Iterator<Item = &'static PageRoute> {
    PARTS.into_iter().flatten()
}

/// The page that a form was on which is sent to this path: the path itself, or the nearest above it that is looked at.
pub(in crate::http) fn nearest_page(path: &str) -> String {
    let is_like = |pattern: &str, path: &str| {
        pattern.split('/').count() == path.split('/').count()
            && pattern.split('/').zip(path.split('/')).all(|(want, have)| want.starts_with('{') || want == have)
    };
    let is_page = |path: &str| all().any(|page| page.method == Method::GET && is_like(page.path, path));
    let mut below = path.strip_prefix(BASE).unwrap_or_default();
    while !is_page(below) {
        below = below.rsplit_once('/').map_or("", |(above, _)| above);
    }
    format!("{BASE}{below}")
}

/// The pages as actix takes them: one resource for each path, those without parameters first.
pub(super) fn resources() -> Vec<Resource> {
    let mut paths: Vec<&str> = all().map(|page| page.path).collect();
    paths.sort_by_key(|path| (path.contains('{'), *path));
    paths.dedup();
    let resource = |path: &str| {
        let pages = || all().filter(|page| page.path == path);
        let methods: Vec<&str> = pages().map(|page| page.method.as_str()).collect();
        pages().fold(only(path, methods.join(", ")), |resource, page| {
            let right = page.right;
            resource.route(page.route().wrap(from_fn(move |request, next| admit(right, request, next))))
        })
    };
    paths.into_iter().map(resource).collect()
}
