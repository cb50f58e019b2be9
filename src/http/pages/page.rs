//! A page on its way: template, values, and what its form may lead to.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, RETRY_AFTER, SET_COOKIE};
use serde_json::Value;
use url::Url;

use super::error::PageError;
use super::frame::OPENER_POLICY;
use super::visitor::Visitor;
use crate::http::AppState;

/// A page to be rendered.
pub(in crate::http) struct Page {
    template: &'static str,
    status: StatusCode,
    context: tera::Context,
    destination: Option<String>,
    retry_after_seconds: Option<u32>,
}

impl Page {
    /// A page of this template.
    pub(in crate::http) fn new(template: &'static str) -> Self {
        let (status, context) = (StatusCode::OK, tera::Context::new());
        Self { template, status, context, destination: None, retry_after_seconds: None }
    }

    /// Gives the template a value. It is escaped where it is shown.
    #[must_use]
    pub(in crate::http) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.context.insert(name, &value.into());
        self
    }

    /// The status.
    #[must_use]
    pub(in crate::http) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The page is one step of an authorization, at whose end the browser goes to this URI. Its form may lead there, because
    /// browsers hold the whole chain of redirects behind a form to `form-action`. And the window that opened the page, as Okta does,
    /// keeps its hold on it: `same-origin` would make the page look closed to it.
    #[must_use]
    pub(in crate::http) fn toward(self, redirect_uri: Option<&str>) -> Self {
        Self { destination: redirect_uri.map(str::to_owned), ..self }
    }

    /// Says when to try again.
    #[must_use]
    pub(in crate::http) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// Renders it for a visitor, whose forms it then protects.
    ///
    /// # Errors
    /// When the template cannot be rendered.
    pub(in crate::http) fn respond(
        mut self,
        app: &AppState,
        visitor: Option<&Visitor>,
    ) -> Result<HttpResponse, PageError> {
        self.context.insert("version", env!("CARGO_PKG_VERSION"));
        self.context.insert("base", &app.site.base);
        if let Some(visitor) = visitor {
            self.context.insert("theme", &visitor.theme);
            self.context.insert("form_token", &visitor.form_token(app));
            self.context.insert("account", &visitor.session.as_ref().map(|session| &session.person.email));
        }
        let text = app.templates.render(self.template, &self.context).map_err(PageError::fault)?;
        let mut builder = HttpResponse::build(self.status);
        builder.content_type("text/html; charset=utf-8");
        if let Some(cookie) = visitor.and_then(|visitor| visitor.new_cookie(app)) {
            builder.insert_header((SET_COOKIE, cookie));
        }
        if let Some(uri) = &self.destination {
            builder.insert_header((CONTENT_SECURITY_POLICY, content_security_policy(Some(uri))));
            builder.insert_header((OPENER_POLICY, "unsafe-none"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            builder.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        Ok(builder.body(text))
    }
}

/// What a page may load and where its forms may lead: to us, and to the origin of this URI.
pub(super) fn content_security_policy(destination: Option<&str>) -> String {
    let destination = destination.and_then(source).map_or_else(String::new, |source| format!(" {source}"));
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'{destination}; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// The origin of a URI as the policy takes it. There is no way to write an IPv6 address in it (CSP 3 section 2.3.1).
fn source(uri: &str) -> Option<String> {
    let uri = Url::parse(uri).ok()?;
    match uri.host()? {
        url::Host::Ipv6(_) => Some(format!("{}:", uri.scheme())),
        _ => Some(uri.origin().ascii_serialization()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_to_us_and_to_one_origin() {
        let action = |destination| {
            let policy = content_security_policy(destination);
            policy.split("; ").find(|part| part.starts_with("form-action")).unwrap().to_owned()
        };
        assert_eq!(action(None), "form-action 'self'");
        assert_eq!(action(Some("https://a.example:443/x?y;z='")), "form-action 'self' https://a.example");
        assert_eq!(action(Some("http://127.0.0.1:4711/cb")), "form-action 'self' http://127.0.0.1:4711");
        assert_eq!(action(Some("http://[::1]:4711/cb")), "form-action 'self' http:");
    }
}
