//! Bulk (RFC 7644 section 3.7): many changes in one message. The message becomes entries, each with its operation (`mod`); they
//! refer to one another by `bulkId` (`references`), which decides the order of work (`order`); and each has its place in the
//! answer (`response`).

mod order;
mod references;
mod response;

#[cfg(test)]
mod tests;

pub use order::Step;
pub use response::{Done, Outcome, to_json};

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::error::{ErrorKind, ScimError, excerpt};
use super::precondition::Preconditions;
use super::{json, leniency, limits};

/// The methods of operations, with what they are called.
pub const METHODS: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// A `BulkRequest` message.
#[derive(Debug)]
pub struct BulkRequest {
    /// After how many failed operations the rest is left undone; never, without.
    pub fail_on_errors: Option<usize>,
    /// The operations.
    pub entries: Vec<Entry>,
}

/// One of the operations.
#[derive(Debug)]
pub struct Entry {
    /// What the reply repeats of it.
    pub head: Head,
    /// The operation, or why there is none.
    pub operation: Result<Operation, ScimError>,
}

/// What the reply to an operation repeats, also of one that is not sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Where in the request it stands.
    pub position: usize,
    /// The method, where one was sent.
    pub method: Option<String>,
    /// The name that other operations know its resource by.
    pub bulk_id: Option<String>,
    /// The path below the base URL, where one was sent, without slashes around it.
    pub path: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The path segment of the endpoint (`Users`).
    pub endpoint: String,
    /// What is to be done there.
    pub action: Action,
    /// The state that the resource must be in: `version` stands for `If-Match` (RFC 7644 section 3.7).
    pub preconditions: Preconditions,
}

/// The four methods, with the id of the resource and the body.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// POST
    Create(Value),
    /// PUT
    Replace(String, Value),
    /// PATCH
    Modify(String, Value),
    /// DELETE
    Delete(String),
}

impl BulkRequest {
    /// Reads the message. Member names and methods are taken in any case, other members are ignored. What is wrong with one
    /// operation is the matter of its entry and keeps none of the others from being carried out.
    ///
    /// # Errors
    /// `invalidSyntax` for the structure of the whole, `invalidValue` for `failOnErrors`, 413 for too many operations.
    pub fn from_json(body: Value, base_url: &str) -> Result<Self, ScimError> {
        let Value::Object(mut body) = body else {
            return Err(ScimError::invalid_syntax("a bulk request must be a JSON object"));
        };
        let Some(Value::Array(operations)) = json::take(&mut body, "Operations") else {
            return Err(ScimError::invalid_syntax("a bulk request must have an array 'Operations'"));
        };
        if operations.len() > limits::BULK_OPERATIONS {
            return Err(ScimError::new(
                ErrorKind::PayloadTooLarge,
                format!("more than {} operations (maxOperations)", limits::BULK_OPERATIONS),
            ));
        }
        let fail_on_errors = json::take(&mut body, "failOnErrors").map(|given| fail_on_errors(&given)).transpose()?;
        let operations = operations.into_iter().enumerate();
        let entries = operations.map(|(position, given)| Entry::read(position, given, base_url));
        let entries = entries.collect::<Result<_, _>>()?;
        let mut request = Self { fail_on_errors, entries };
        request.refuse_repeated_names();
        Ok(request)
    }

    /// What has to be done one after the other, so that an operation comes after those that it refers to, and otherwise in the
    /// order of the request.
    #[must_use]
    pub fn into_steps(mut self) -> Vec<Step<Entry>> {
        let mut created = HashMap::new();
        for head in self.entries.iter().map(|entry| &entry.head) {
            if let Some(name) = head.created_name() {
                created.entry(name.to_owned()).or_insert(head.position);
            }
        }
        let references = self.entries.iter_mut().map(|entry| {
            let names = entry.operation.as_mut().map(Operation::references).unwrap_or_default();
            let mut positions: Vec<usize> = names.iter().filter_map(|name| created.get(name).copied()).collect();
            positions.sort_unstable();
            positions
        });
        let steps = order::steps(&references.collect::<Vec<_>>());
        let mut entries: Vec<Option<Entry>> = self.entries.into_iter().map(Some).collect();
        let with_entries = |step: Step<usize>| match step {
            Step::One(position) => entries[position].take().map(Step::One),
            Step::Circle(positions) => {
                Some(Step::Circle(positions.into_iter().filter_map(|position| entries[position].take()).collect()))
            }
        };
        steps.into_iter().filter_map(with_entries).collect()
    }

    /// A name that two creations share means neither: who refers to it must not get one of the two by chance.
    fn refuse_repeated_names(&mut self) {
        let mut times: HashMap<String, usize> = HashMap::new();
        for name in self.entries.iter().filter_map(|entry| entry.head.created_name()) {
            *times.entry(name.to_owned()).or_default() += 1;
        }
        for entry in &mut self.entries {
            if let Some(name) =
                entry.head.created_name().filter(|name| times.get(*name).is_some_and(|times| *times > 1))
            {
                let detail = format!("bulkId '{}' stands for more than one operation", excerpt(name));
                entry.operation = Err(ScimError::invalid_syntax(detail));
            }
        }
    }
}

fn fail_on_errors(given: &Value) -> Result<usize, ScimError> {
    let wrong = || ScimError::new(ErrorKind::InvalidValue, "'failOnErrors' must be a whole number from 1");
    let number = given.as_u64().filter(|number| *number > 0).ok_or_else(wrong)?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

impl Entry {
    /// # Errors
    /// `invalidSyntax` for what is not even an object.
    fn read(position: usize, given: Value, base_url: &str) -> Result<Self, ScimError> {
        let Value::Object(given) = given else {
            return Err(ScimError::invalid_syntax("each operation must be a JSON object"));
        };
        let sent = |name| json::member(&given, name).and_then(Value::as_str);
        let path = sent("path").filter(|path| path.len() <= limits::PATH_BYTES);
        let head = Head {
            position,
            method: sent("method").map(|sent| method(sent).map_or_else(|| excerpt(sent), str::to_owned)),
            bulk_id: sent("bulkId").map(str::to_owned),
            path: path.map(|path| leniency::path_below(base_url, path).to_owned()),
        };
        Ok(Self { head, operation: Operation::read(given, base_url) })
    }
}

impl Head {
    /// The `bulkId` of an operation that creates.
    #[must_use]
    pub fn created_name(&self) -> Option<&str> {
        self.bulk_id.as_deref().filter(|_| self.creates())
    }

    /// Whether it is an operation that creates, or would be if it were sound.
    #[must_use]
    pub fn creates(&self) -> bool {
        self.method.as_deref() == Some("POST")
    }
}

impl Operation {
    fn read(mut given: Map<String, Value>, base_url: &str) -> Result<Self, ScimError> {
        let sent = text(&mut given, "method")?.unwrap_or_default();
        let method = method(&sent).ok_or_else(|| {
            ScimError::invalid_syntax(format!("method '{}' is none of {}", excerpt(&sent), METHODS.join(", ")))
        })?;
        let name = text(&mut given, "bulkId")?.filter(|name| !name.is_empty());
        let version = text(&mut given, "version")?;
        let path = text(&mut given, "path")?.filter(|path| path.len() <= limits::PATH_BYTES);
        let path = path.ok_or_else(|| {
            ScimError::invalid_syntax(format!("an operation needs a 'path' of at most {} bytes", limits::PATH_BYTES))
        })?;
        let path = leniency::path_below(base_url, &path);
        let (endpoint, id) =
            path.split_once('/').map_or((path, None), |(endpoint, id)| (endpoint, Some(id.to_owned())));
        let data = json::take(&mut given, "data");
        let action = match (method, id, data) {
            ("POST", None, Some(_)) if name.is_none() => Err("POST needs a 'bulkId'".to_owned()),
            ("POST", None, Some(data)) => Ok(Action::Create(data)),
            ("POST", Some(_), _) => Err("POST takes the path of an endpoint, such as /Users".into()),
            ("PUT", Some(id), Some(data)) => Ok(Action::Replace(id, data)),
            ("PATCH", Some(id), Some(data)) => Ok(Action::Modify(id, data)),
            ("DELETE", Some(id), _) => Ok(Action::Delete(id)),
            (_, Some(_), None) | ("POST", None, None) => Err(format!("{method} needs 'data'")),
            _ => Err(format!("{method} takes the path of a resource, such as /Users/id")),
        };
        let action = action.map_err(ScimError::invalid_syntax)?;
        let preconditions = Preconditions { if_match: version, if_none_match: None };
        Ok(Self { endpoint: endpoint.to_owned(), action, preconditions })
    }

    /// The path below the base URL.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.action {
            Action::Create(_) => self.endpoint.clone(),
            Action::Replace(id, _) | Action::Modify(id, _) | Action::Delete(id) => format!("{}/{id}", self.endpoint),
        }
    }
}

/// The method of this name, in any case.
fn method(name: &str) -> Option<&'static str> {
    METHODS.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

fn text(given: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ScimError> {
    match json::take(given, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ScimError::invalid_syntax(format!("'{name}' must be text"))),
    }
}
