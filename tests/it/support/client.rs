//! A plain HTTP client that sends what an identity provider sends.

use reqwest::Method;
use reqwest::blocking::RequestBuilder;
use serde_json::Value;

use super::front::http;

/// A client with one `Authorization` header.
#[derive(Clone)]
pub struct Client {
    http: reqwest::blocking::Client,
    base: String,
    authorization: Option<String>,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Client {
    /// A client of the server at `url`; `authorization` is the whole header value.
    pub fn new(url: &str, authorization: &str) -> Self {
        Self { authorization: Some(authorization.to_owned()), ..Self::anonymous(url) }
    }

    /// A client without a credential.
    pub fn anonymous(url: &str) -> Self {
        Self { http: http().build().unwrap(), base: format!("{url}/scim/v2"), authorization: None }
    }

    /// The same client, which sends these headers with every request that does not name others.
    #[must_use]
    pub fn sending(self, headers: &[(&'static str, &'static str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| {
            (reqwest::header::HeaderName::from_static(name), reqwest::header::HeaderValue::from_static(value))
        });
        Self { http: http().default_headers(headers.collect()).build().unwrap(), ..self }
    }

    /// The base URL of the SCIM endpoints.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The value of the `Authorization` header.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// A request to be completed, below the base URL.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }

    pub fn send(request: RequestBuilder) -> Answer {
        let response = request.send().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().unwrap() }
    }

    fn with_body(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).header("Content-Type", "application/scim+json; charset=utf-8");
        Self::send(request.header("Accept", "application/scim+json").body(body.to_string()))
    }

    pub fn get(&self, path: &str) -> Answer {
        Self::send(self.request(Method::GET, path).header("Accept", "application/scim+json"))
    }

    /// A query with its parameters percent-encoded.
    pub fn query(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        Self::send(self.request(Method::GET, &format!("{path}?{encoded}")))
    }

    /// A query by filter.
    pub fn filter(&self, filter: &str) -> Answer {
        self.query("/Users", &[("filter", filter)])
    }

    /// The `userName`s that a filter finds.
    pub fn found(&self, filter: &str) -> Vec<String> {
        let answer = self.filter(filter);
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
        let body = answer.json();
        let resources = body["Resources"].as_array().unwrap();
        resources.iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.with_body(Method::POST, path, body)
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.with_body(Method::PUT, path, body)
    }

    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.with_body(Method::PATCH, path, body)
    }

    /// PATCH with these operations.
    pub fn modify(&self, path: &str, operations: &Value) -> Answer {
        self.patch(path, &super::patch(operations))
    }

    pub fn delete(&self, path: &str) -> Answer {
        Self::send(self.request(Method::DELETE, path))
    }
}
