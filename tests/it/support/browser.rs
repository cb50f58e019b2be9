//! A tiny browser: it keeps cookies, follows redirects on its own site, and fills in forms.

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::blocking::RequestBuilder;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;

use super::front::http;

/// A browser with one site and one page open.
pub struct Browser {
    http: reqwest::blocking::Client,
    /// The origin of the site.
    pub url: String,
    /// Cookies as the site set them, by name.
    pub cookies: BTreeMap<String, String>,
    /// Headers that it sends with every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Every URL that it asked for, and every `Location` it was sent to.
    pub history: Vec<String>,
    /// The page that is open.
    pub page: Page,
}

/// What a site answered.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// Where it came from.
    pub url: String,
}

/// A form on a page.
#[derive(Debug, Clone)]
pub struct Form {
    pub action: String,
    /// Its hidden fields.
    pub fields: Vec<(String, String)>,
}

impl Page {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Where it sends the browser.
    pub fn location(&self) -> Option<&str> {
        self.header("location")
    }

    /// The form that goes to this path.
    pub fn form(&self, path: &str) -> Form {
        let forms = self.text.split("<form").skip(1).map(|form| form.split("</form>").next().unwrap());
        let mut forms = forms.map(|form| Form {
            action: attribute(form, "action").unwrap_or_default(),
            fields: form
                .split("<input")
                .skip(1)
                .map(|input| &input[..input.find('>').unwrap()])
                .filter(|input| attribute(input, "type").as_deref() == Some("hidden") || input.ends_with(" hidden"))
                .map(|input| (attribute(input, "name").unwrap(), attribute(input, "value").unwrap_or_default()))
                .collect(),
        });
        forms.find(|form| form.action.ends_with(path)).unwrap_or_else(|| panic!("no form to {path}: {}", self.text))
    }

    /// The heading of the page.
    pub fn heading(&self) -> String {
        assert_eq!(self.text.matches("<h1").count(), 1, "{}", self.text);
        let start = self.text.find("<h1>").unwrap() + 4;
        unescaped(&self.text[start..start + self.text[start..].find('<').unwrap()])
    }

    pub fn says(&self, text: &str) -> bool {
        unescaped(&self.text).contains(text)
    }
}

/// What an attribute of a tag says.
pub fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    Some(unescaped(&tag[start..start + tag[start..].find('"')?]))
}

fn unescaped(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&#x2F;", "/"),
        ("&amp;", "&"),
    ];
    entities.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

impl Form {
    /// The form with this field filled in, or changed.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The form without a field.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self
    }

    pub fn field(&self, name: &str) -> &str {
        &self.fields.iter().find(|(field, _)| field == name).unwrap_or_else(|| panic!("no field {name}")).1
    }
}

impl Browser {
    pub fn new(url: &str) -> Self {
        Self {
            http: http().redirect(Policy::none()).build().unwrap(),
            url: url.to_owned(),
            cookies: BTreeMap::new(),
            headers: Vec::new(),
            history: Vec::new(),
            page: Page::default(),
        }
    }

    /// The same browser, which sends this header with every request.
    #[must_use]
    pub fn sending(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        self
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { format!("{}{path}", self.url) } else { path.to_owned() }
    }

    fn send(&mut self, request: RequestBuilder, url: &str) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = if cookies.is_empty() { request } else { request.header("Cookie", cookies.join("; ")) };
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        self.history.push(url.to_owned());
        let response = request.send().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        self.history.extend(headers.get("location").map(|location| location.to_str().unwrap().to_owned()));
        self.page = Page { status, headers, text: response.text().unwrap(), url: url.to_owned() };
        self.page.clone()
    }

    /// Sends one request, and follows nothing.
    pub fn request(&mut self, method: Method, path: &str) -> Page {
        let url = self.absolute(path);
        self.send(self.http.request(method, &url), &url)
    }

    /// Posts a form, and follows nothing.
    pub fn post(&mut self, form: &Form) -> Page {
        let url = self.absolute(&form.action);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        let request = self.http.post(&url).header("Content-Type", "application/x-www-form-urlencoded").body(body);
        self.send(request, &url)
    }

    /// Follows redirects as long as they stay on the site.
    pub fn follow(&mut self) -> Page {
        for _ in 0..10 {
            match self.page.location().map(|location| self.absolute(location)) {
                Some(location) if location.starts_with(&format!("{}/", self.url)) => {
                    self.request(Method::GET, &location);
                }
                _ => return self.page.clone(),
            }
        }
        panic!("the site sends the browser in circles: {:?}", self.history);
    }

    /// Opens a page.
    pub fn open(&mut self, path: &str) -> Page {
        self.request(Method::GET, path);
        self.follow()
    }

    /// Fills in the form for signing in on the open page, and follows where it leads.
    pub fn enter(&mut self, email: &str, password: &str) -> Page {
        let form = self.page.form("/admin/login").with("email", email).with("password", password);
        self.post(&form);
        self.follow()
    }

    /// Signs in.
    pub fn sign_in(&mut self, email: &str, password: &str) -> Page {
        self.open("/admin/login");
        self.enter(email, password)
    }

    /// Goes where a client sends somebody for authorization.
    pub fn open_authorize(&mut self, url: &str) -> Page {
        self.open(url)
    }

    /// Decides on the open page, and gives the URL of the client to which the browser is sent.
    pub fn consent(&mut self, allow: bool) -> String {
        let decision = if allow { "allow" } else { "deny" };
        let page = self.post(&self.page.form("/oauth/consent").with("decision", decision));
        assert_eq!(page.status, 303, "{}", page.text);
        page.location().unwrap().to_owned()
    }
}

/// A parameter in the query of a URL.
pub fn parameter(location: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
