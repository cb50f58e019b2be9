//! What is asked before something is done that others feel or that cannot be taken back.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::administrator::Administrator;
use crate::http::pages::Page;

/// A question with its two answers. Paths are below the public URL.
pub(super) struct Question<'a> {
    /// What the page belongs to: a label and its path.
    pub section: (&'a str, &'a str),
    /// The question.
    pub heading: String,
    /// What happens then, one paragraph each.
    pub sentences: Vec<String>,
    /// Where the answer is sent to.
    pub action: String,
    /// What the form carries.
    pub fields: Vec<(&'a str, &'a str)>,
    /// What is to be typed, to be sure.
    pub typed: Option<&'a str>,
    /// The verb.
    pub button: &'a str,
    /// Where "Cancel" leads to.
    pub back: String,
}

impl Question<'_> {
    /// The page.
    pub(super) fn page(self, administrator: &Administrator) -> Page {
        let fields: Vec<Value> =
            self.fields.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        administrator
            .page("question.html")
            .with("section", self.section.0)
            .with("section_path", self.section.1)
            .with("heading", self.heading)
            .with("sentences", self.sentences)
            .with("action", self.action)
            .with("fields", fields)
            .with("typed", self.typed)
            .with("button", self.button)
            .with("back", self.back)
            .with("problems", Value::Null)
    }

    /// The page again, because what stands against it has to be said.
    pub(super) fn refused(self, administrator: &Administrator, sentence: &str) -> Page {
        let field = if self.typed.is_some() { "typed" } else { "question" };
        let problems = json!({ field: sentence });
        self.page(administrator).status(StatusCode::UNPROCESSABLE_ENTITY).with("problems", problems)
    }
}
