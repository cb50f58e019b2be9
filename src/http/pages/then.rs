//! What is left to do once somebody is signed in: to go on with an authorization, or to a page of ours.

use actix_web::HttpResponse;
use url::form_urlencoded::Serializer;

use super::page::Page;
use super::{BASE, see_other};
use crate::http::AppState;
use crate::http::oauth::pending;
use crate::oauth::authorization_request::AuthorizationRequest;

/// Where somebody goes on.
pub(in crate::http) struct Then<'a> {
    /// The stamped request, where it is one of ours and not too old.
    pending: Option<(&'a str, AuthorizationRequest)>,
    return_to: &'a str,
}

impl<'a> Then<'a> {
    /// Reads what a form or query carries; who comes from nowhere goes to the start.
    pub(in crate::http) fn new(app: &AppState, request: &'a str, return_to: &'a str) -> Self {
        let pending = pending::read(app, request).ok().map(|authorization| (request, authorization));
        Self { pending, return_to: own_path(return_to).unwrap_or(BASE) }
    }

    /// The stamped request, if an authorization goes on.
    pub(super) fn request(&self) -> Option<&'a str> {
        self.pending.as_ref().map(|(request, _)| *request)
    }

    /// Where it is.
    pub(in crate::http) fn location(&self, app: &AppState) -> String {
        match self.request() {
            Some(request) => pending::consent_url(app, request),
            None => format!("{}{}", app.site.base, self.return_to),
        }
    }

    /// Where the client is to which all of this leads, if there is one.
    pub(in crate::http) fn redirect_uri(&self) -> Option<&str> {
        self.pending.as_ref().map(|(_, authorization)| authorization.redirect_uri.as_str())
    }

    /// The same as the query of a page on the way.
    pub(in crate::http) fn query(&self) -> String {
        let (name, value) = self.carried();
        Serializer::new(String::new()).append_pair(name, value).finish()
    }

    /// A page that stands on the way, with what its form has to carry.
    pub(in crate::http) fn carried_by(&self, page: Page) -> Page {
        page.with("request", self.request()).with("return_to", self.return_to).toward(self.redirect_uri())
    }

    /// What is carried along, by name.
    fn carried(&self) -> (&'static str, &str) {
        self.request().map_or(("return_to", self.return_to), |request| ("request", request))
    }

    /// Sends the browser to a page of ours that stands on the way, with these pairs in its query besides.
    pub(in crate::http) fn by(&self, app: &AppState, path: &str, pairs: &[(&str, &str)]) -> HttpResponse {
        let (name, value) = self.carried();
        let query = Serializer::new(String::new()).extend_pairs(pairs).append_pair(name, value).finish();
        see_other(&format!("{}{path}?{query}", app.site.base))
    }
}

/// A path that leads to a page of ours and nowhere else, whatever a browser makes of it.
fn own_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(BASE)?;
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    ((rest.is_empty() || rest.starts_with(['/', '?'])) && rest.bytes().all(plain)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_gone_back_to() {
        for path in ["/admin", "/admin?x=1", "/admin/clients/1?page=//2"] {
            assert_eq!(own_path(path), Some(path));
        }
        for path in [
            "",
            "/",
            "//evil.example",
            "/\\evil.example",
            "/admin\\@evil.example",
            "https://evil.example/admin",
            "https://good@evil.example",
            "/administrator",
            "/admin@evil.example",
            "/admin/\u{e9}",
            "/admin/ x",
            "/admin/\r\nSet-Cookie: a=b",
            "admin",
            "/scim/v2/Users",
        ] {
            assert_eq!(own_path(path), None, "{path}");
        }
    }
}
