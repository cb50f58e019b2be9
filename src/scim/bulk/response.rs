//! The `BulkResponse` message (RFC 7644 section 3.7).

use serde_json::{Map, Value, json};

use super::Head;
use crate::scim::error::ScimError;
use crate::scim::urn;

/// What became of an operation.
#[derive(Debug)]
pub struct Outcome {
    /// What it repeats, with ids in the place of references in the path where they are known.
    pub head: Head,
    /// What was done, or why it was not.
    pub result: Result<Done, ScimError>,
}

/// An operation that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The HTTP status that it would have been answered with by itself.
    pub status: u16,
    /// The URI of the resource.
    pub location: String,
    /// The entity tag of the state that it left; none after a deletion.
    pub version: Option<String>,
}

impl Done {
    /// The id with which the location ends.
    #[must_use]
    pub fn id(&self) -> &str {
        self.location.rsplit('/').next().unwrap_or_default()
    }
}

impl Outcome {
    /// The status is text (erratum 7916). A location stands in all but the replies to failed creations.
    fn to_json(&self, base_url: &str) -> Value {
        let (status, location, version, error) = match &self.result {
            Ok(done) => (done.status, Some(done.location.clone()), done.version.clone(), None),
            Err(error) => {
                let path = self.head.path.as_ref().filter(|_| !self.head.creates());
                let location = path.map(|path| format!("{base_url}/{}", percent_encoded(path)));
                (error.kind().status(), location, None, Some(error.to_json()))
            }
        };
        let texts = [
            ("method", self.head.method.clone()),
            ("bulkId", self.head.bulk_id.clone()),
            ("version", version),
            ("location", location),
            ("status", Some(status.to_string())),
        ];
        let mut reply: Map<String, Value> =
            texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))).collect();
        reply.extend(error.map(|error| ("response".to_owned(), error)));
        Value::Object(reply)
    }
}

/// A path that a client made up, as a part of a URI: what stands for itself there does, and `/` (RFC 3986 section 2.3).
fn percent_encoded(path: &str) -> String {
    let stands_for_itself = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte);
    let encoded =
        path.bytes().map(|byte| if stands_for_itself(byte) { char::from(byte).into() } else { format!("%{byte:02X}") });
    encoded.collect()
}

/// The message with a reply to each, in the order given.
#[must_use]
pub fn to_json(outcomes: &[Outcome], base_url: &str) -> Value {
    let replies: Vec<Value> = outcomes.iter().map(|outcome| outcome.to_json(base_url)).collect();
    json!({"schemas": [urn::BULK_RESPONSE], "Operations": replies})
}
