//! Queries (RFC 7644 sections 3.4.2 and 3.4.3): what is asked, and the `ListResponse` that answers.

use serde_json::{Map, Value};

use super::error::{ErrorKind, ScimError};
use super::json;
use super::limits;
use super::parameters;
use super::project::Projection;
use super::reply::Reply;
use super::urn;

/// A query, from the parameters of a GET or the body of a `.search`.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// The filter as written.
    pub filter: Option<String>,
    /// The attributes to return.
    pub projection: Projection,
    /// Position of the first result, counted from 1.
    pub start_index: usize,
    /// Results on the page at most.
    pub count: usize,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self { filter: None, projection: Projection::Default, start_index: 1, count: limits::DEFAULT_PAGE_SIZE }
    }
}

impl SearchRequest {
    /// Reads URL parameters, already percent-decoded. Names are taken in any case; unknown ones are ignored.
    ///
    /// # Errors
    /// `invalidValue` for a number that is none, or for both attribute lists at once.
    pub fn from_parameters(parameters: &[(String, String)]) -> Result<Self, ScimError> {
        let find = |name| parameters::find(parameters, name);
        Ok(Self {
            filter: find("filter").map(str::to_owned),
            projection: Projection::from_parameters(parameters)?,
            start_index: start_index(number_in(find("startIndex"), "startIndex")?),
            count: count(number_in(find("count"), "count")?),
        })
    }

    /// Reads the body of a `.search`.
    ///
    /// # Errors
    /// `invalidSyntax` when it is no object or a member has the wrong type.
    pub fn from_json(body: &Value) -> Result<Self, ScimError> {
        let Value::Object(body) = body else {
            return Err(ScimError::invalid_syntax("a search request must be a JSON object"));
        };
        Ok(Self {
            filter: match json::member(body, "filter") {
                None | Some(Value::Null) => None,
                Some(Value::String(filter)) => Some(filter.clone()),
                Some(_) => return Err(ScimError::invalid_syntax("'filter' must be text")),
            },
            projection: Projection::from_lists(names(body, "attributes")?, names(body, "excludedAttributes")?)?,
            start_index: start_index(number(body, "startIndex")?),
            count: count(number(body, "count")?),
        })
    }
}

/// `startIndex` below 1 is 1 (R7644-3.4.2.4-1).
fn start_index(asked: Option<i64>) -> usize {
    usize::try_from(asked.unwrap_or(1).max(1)).unwrap_or(usize::MAX)
}

/// A negative `count` is 0, a large one the maximum (R7644-3.4.2.4-2, -5).
fn count(asked: Option<i64>) -> usize {
    asked.map_or(limits::DEFAULT_PAGE_SIZE, |asked| {
        usize::try_from(asked.max(0)).unwrap_or(usize::MAX).min(limits::MAX_PAGE_SIZE)
    })
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
        let mut reply = Reply::default();
        *reply.text() = format!(
            "{{\"schemas\":[\"{}\"],\"totalResults\":{total_results},\"startIndex\":{start_index},\
             \"itemsPerPage\":{items},\"Resources\":[",
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
            (request.start_index, request.count)
        };
        assert_eq!(page("0", "0"), (1, 0));
        assert_eq!(page("-5", "-1"), (1, 0));
        assert_eq!(page("7", "99999999999999999999999"), (7, limits::MAX_PAGE_SIZE));
        assert!(page("99999999999999999999999", "1").0 > 1_000_000);
        assert!(read(&[("startIndex", "abc")]).is_err());
        assert!(read(&[("count", "1.5")]).is_err());
        assert_eq!(read(&[("aadOptscim062020", "")]).unwrap(), SearchRequest::default());
    }
}
