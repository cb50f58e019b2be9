//! A client of the token endpoint.

use reqwest::blocking::{Client, RequestBuilder, Response};

use super::common::server::Server;

/// An OAuth client that acts for itself.
#[derive(Clone)]
pub struct OAuthClient {
    pub id: String,
    pub secret: String,
}

impl OAuthClient {
    /// Makes one, at the command line.
    pub fn create(server: &Server, name: &str) -> Self {
        let made = server.json(&["client", "create", name]);
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { id: text("id"), secret: text("secret") }
    }

    /// A form to one of the endpoints, with the client's credentials.
    pub fn form(&self, http: &Client, server: &Server, path: &str, body: String) -> RequestBuilder {
        let request = http.post(server.url(path)).basic_auth(&self.id, Some(&self.secret));
        request.header("Content-Type", "application/x-www-form-urlencoded").body(body)
    }

    /// Asks for an access token.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn ask(&self, http: &Client, server: &Server) -> reqwest::Result<Response> {
        self.form(http, server, "/oauth/token", "grant_type=client_credentials".into()).send()
    }

    /// An access token.
    pub fn token(&self, http: &Client, server: &Server) -> String {
        let answer: serde_json::Value = self.ask(http, server).unwrap().json().unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}
