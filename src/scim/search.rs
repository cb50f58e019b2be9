//! Queries (RFC 7644 sections 3.4.2 and 3.4.3, RFC 9865): what is asked, and the `ListResponse` that answers.

use serde_json::{Map, Value};

use super::error::{ErrorKind, ScimError};
use super::json;
use super::limits;
use super::parameters;
use super::project::Projection;
use super::reply::Reply;
use super::sort::SortRequest;
use super::urn;

/// A query, from the parameters of a GET or the body of a `.search`.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// The filter as written.
    pub filter: Option<String>,
    /// What to sort by.
    pub sort: Option<SortRequest>,
    /// The attributes to return.
    pub projection: Projection,
    /// Which page.
    pub paging: Paging,
    /// Results on the page at most, where the client says so.
    pub count: Option<usize>,
}

/// How a client walks from page to page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paging {
    /// By the position of the first result, counted from 1 (RFC 7644 section 3.4.2.4).
    Index(usize),
    /// By a cursor, which is empty for the first page (RFC 9865 section 2).
    Cursor(String),
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self { filter: None, sort: None, projection: Projection::Default, paging: Paging::Index(1), count: None }
    }
}

impl SearchRequest {
    /// Reads URL parameters, already percent-decoded. Names are taken in any case; unknown ones are ignored.
    ///
    /// # Errors
    /// `invalidValue` for a number or an order that is none, for both attribute lists at once, or for both ways of paging at once.
    pub fn from_parameters(parameters: &[(String, String)]) -> Result<Self, ScimError> {
        let find = |name| parameters::find(parameters, name);
        Ok(Self {
            filter: find("filter").map(str::to_owned),
            sort: SortRequest::parse(find("sortBy"), find("sortOrder"))?,
            projection: Projection::from_parameters(parameters)?,
            paging: Paging::new(find("cursor"), number_in(find("startIndex"), "startIndex")?)?,
            count: number_in(find("count"), "count")?.map(count),
        })
    }

    /// Reads the body of a `.search`.
    ///
    /// # Errors
    /// `invalidSyntax` when it is no object or a member has the wrong type, `invalidValue` as in
    /// [`SearchRequest::from_parameters`].
    pub fn from_json(body: &Value) -> Result<Self, ScimError> {
        let Value::Object(body) = body else {
            return Err(ScimError::invalid_syntax("a search request must be a JSON object"));
        };
        Ok(Self {
            filter: text(body, "filter")?.map(str::to_owned),
            sort: SortRequest::parse(text(body, "sortBy")?, text(body, "sortOrder")?)?,
            projection: Projection::from_lists(names(body, "attributes")?, names(body, "excludedAttributes")?)?,
            paging: Paging::new(text(body, "cursor")?, number(body, "startIndex")?)?,
            count: number(body, "count")?.map(count),
        })
    }

    /// Results on the page at most (R7644-3.4.2.4-5).
    #[must_use]
    pub fn page_size(&self) -> usize {
        self.count.unwrap_or(limits::DEFAULT_PAGE_SIZE)
    }
}

impl Paging {
    /// A cursor and a position exclude each other (R9865-2-5). `startIndex` below 1 is 1 (R7644-3.4.2.4-1).
    fn new(cursor: Option<&str>, start_index: Option<i64>) -> Result<Self, ScimError> {
        match (cursor, start_index) {
            (Some(_), Some(_)) => {
                Err(ScimError::new(ErrorKind::InvalidValue, "'cursor' and 'startIndex' exclude each other"))
            }
            (Some(cursor), None) => Ok(Self::Cursor(cursor.to_owned())),
            (None, start) => Ok(Self::Index(usize::try_from(start.unwrap_or(1).max(1)).unwrap_or(usize::MAX))),
        }
    }
}

/// A negative `count` is 0, a large one the maximum (R7644-3.4.2.4-2, -5).
fn count(asked: i64) -> usize {
    usize::try_from(asked.max(0)).unwrap_or(usize::MAX).min(limits::MAX_PAGE_SIZE)
}

/// A whole number, where the parameter has a value.
fn number_in(parameter: Option<&str>, name: &str) -> Result<Option<i64>, ScimError> {
    parameter.filter(|text| !text.is_empty()).map(|text| integer(name, text)).transpose()
}

/// A whole number; one too large for 64 bits saturates (R7644-3.4.2.4-4).
fn integer(name: &str, text: &str) -> Result<i64, ScimError> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::new(ErrorKind::InvalidValue, format!("'{name}' must be a whole number")));
    }
    let limit = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Ok(text.parse().unwrap_or(limit))
}

fn text<'v>(body: &'v Map<String, Value>, name: &str) -> Result<Option<&'v str>, ScimError> {
    match json::member(body, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ScimError::invalid_syntax(format!("'{name}' must be text"))),
    }
}

fn number(body: &Map<String, Value>, name: &str) -> Result<Option<i64>, ScimError> {
    match json::member(body, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) if number.is_u64() && !number.is_i64() => Ok(Some(i64::MAX)),
        Some(Value::Number(number)) if number.is_i64() => Ok(number.as_i64()),
        Some(_) => Err(ScimError::new(ErrorKind::InvalidValue, format!("'{name}' must be a whole number"))),
    }
}

fn names(body: &Map<String, Value>, name: &str) -> Result<Vec<String>, ScimError> {
    let wrong = || ScimError::invalid_syntax(format!("'{name}' must be an array of attribute names"));
    match json::member(body, name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(names)) => {
            names.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// Writes a `ListResponse` (RFC 7644 section 3.4.2) around resources.
#[derive(Debug)]
pub struct ListResponse {
    reply: Reply,
    empty: bool,
}

impl ListResponse {
    /// The beginning of a list of `items` resources, the first of which is number `start_index` of `total_results`.
    #[must_use]
    pub fn new(total_results: usize, start_index: usize, items: usize) -> Self {
        Self::with_head(total_results, &format!("\"startIndex\":{start_index},"), items)
    }

    /// The beginning of a list that is read by cursor (RFC 9865 section 2.2): `next_cursor` leads to the next page, and the last
    /// page has none.
    #[must_use]
    pub fn by_cursor(total_results: usize, next_cursor: Option<&str>, items: usize) -> Self {
        // Base64url needs no escapes.
        let next = next_cursor.map(|cursor| format!("\"nextCursor\":\"{cursor}\",")).unwrap_or_default();
        Self::with_head(total_results, &next, items)
    }

    fn with_head(total_results: usize, place: &str, items: usize) -> Self {
        let mut reply = Reply::default();
        *reply.text() = format!(
            "{{\"schemas\":[\"{}\"],\"totalResults\":{total_results},{place}\"itemsPerPage\":{items},\"Resources\":[",
            urn::LIST_RESPONSE
        );
        Self { reply, empty: true }
    }

    /// Makes room for so many bytes more.
    pub fn reserve(&mut self, bytes: usize) {
        self.reply.text().reserve(bytes);
    }

    /// Where the next resource is to be appended.
    pub fn item(&mut self) -> &mut Reply {
        if !std::mem::take(&mut self.empty) {
            self.reply.text().push(',');
        }
        &mut self.reply
    }

    /// The complete message.
    #[must_use]
    pub fn finish(mut self) -> Reply {
        self.reply.text().push_str("]}");
        self.reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<SearchRequest, ScimError> {
        let parameters: Vec<_> = parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        SearchRequest::from_parameters(&parameters)
    }

    #[test]
    fn paging_parameters_are_brought_into_range() {
        let page = |start, count| {
            let request = read(&[("startIndex", start), ("count", count)]).unwrap();
            (request.paging.clone(), request.page_size())
        };
        assert_eq!(page("0", "0"), (Paging::Index(1), 0));
        assert_eq!(page("-5", "-1"), (Paging::Index(1), 0));
        assert_eq!(page("7", "99999999999999999999999"), (Paging::Index(7), limits::MAX_PAGE_SIZE));
        assert!(matches!(page("99999999999999999999999", "1").0, Paging::Index(start) if start > 1_000_000));
        assert!(read(&[("startIndex", "abc")]).is_err());
        assert!(read(&[("count", "1.5")]).is_err());
        assert_eq!(read(&[("aadOptscim062020", "")]).unwrap(), SearchRequest::default());
        assert_eq!(SearchRequest::default().page_size(), limits::DEFAULT_PAGE_SIZE);
    }

    #[test]
    fn a_cursor_and_a_position_exclude_each_other() {
        assert_eq!(read(&[("Cursor", "")]).unwrap().paging, Paging::Cursor(String::new()));
        assert_eq!(read(&[("cursor", "x"), ("startIndex", "")]).unwrap().paging, Paging::Cursor("x".into()));
        assert_eq!(read(&[("cursor", ""), ("startIndex", "1")]).unwrap_err().kind(), ErrorKind::InvalidValue);
        let search = |body| SearchRequest::from_json(&body);
        assert_eq!(search(serde_json::json!({"cursor": null})).unwrap().paging, Paging::Index(1));
        assert_eq!(search(serde_json::json!({"cursor": ""})).unwrap().paging, Paging::Cursor(String::new()));
        assert_eq!(search(serde_json::json!({"cursor": 1})).unwrap_err().kind(), ErrorKind::InvalidSyntax);
    }
}
