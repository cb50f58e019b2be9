//! The steps of Okta's conversation: what each sends, with which status it is to be answered, and with what.

use serde_json::{Value, json};

use super::check::{self, Check};

pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(super) const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
pub(super) const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Resources on a page of an import. Okta never asks for another number.
pub(super) const PAGE: usize = 100;

/// A method of HTTP that Okta uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// As it stands in a request.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Okta, with its credential.
    Okta,
    /// Okta's test suite, with its headers and the same credential.
    Suite,
    /// Somebody whose credential is wrong.
    Stranger,
}

/// What an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A list of users or groups.
    List,
    /// A user.
    User,
    /// A group.
    Group,
    /// An error.
    Error,
    /// Nothing, or nothing of interest.
    Nothing,
}

/// A step: one kind of request.
#[derive(Debug)]
pub struct Step {
    /// What it does, in reports.
    pub name: &'static str,
    /// How it is sent.
    pub method: Method,
    /// Who sends it.
    pub sender: Sender,
    /// The statuses that are right.
    pub(super) statuses: &'static [u16],
    /// The expectation that it has one of them.
    pub(super) status: &'static Check,
    /// What the answer is made of, where it has a body.
    pub(super) form: Form,
}

macro_rules! steps {
    ($($name:ident $what:literal $method:ident $sender:ident $statuses:expr, $check:ident $form:ident)*) => {
        $(pub(super) static $name: Step = Step {
            name: $what,
            method: Method::$method,
            sender: Sender::$sender,
            statuses: &$statuses,
            status: &check::$check,
            form: Form::$form,
        };)*
    };
}

steps! {
    CONNECT_USERS     "test the connection"    Get    Okta     [200],      CONNECT_USERS    List
    CONNECT_GROUPS    "test the connection"    Get    Okta     [200],      CONNECT_GROUPS   List
    WRONG_CREDENTIAL  "use a wrong credential" Get    Stranger [401],      CONNECT_REFUSED  Error
    LOOK_UP           "look up"                Get    Okta     [200],      LOOK_UP          List
    CREATE            "create a user"          Post   Okta     [201],      CREATE           User
    READ              "read a user"            Get    Okta     [200],      READ             User
    DUPLICATE         "create a user again"    Post   Okta     [409],      DUPLICATE        Error
    DUPLICATE_CASE    "create a user again"    Post   Okta     [409],      DUPLICATE_CASE   Error
    UNKNOWN           "read who is unknown"    Get    Okta     [404],      UNKNOWN          Error
    SUITE_LIST        "list as the test suite" Get    Suite    [200],      SUITE_LIST       List
    PUT               "replace a user"         Put    Okta     [200],      PUT              User
    PATCH             "change a user"          Patch  Okta     [200, 204], PATCH            User
    ACTIVATE          "(de)activate a user"    Patch  Okta     [200, 204], DEACTIVATE_PATCH User
    READ_INACTIVE     "read a user"            Get    Okta     [200],      DEACTIVATED_READ User
    IMPORT            "import a page"          Get    Okta     [200],      IMPORT           List
    BEYOND            "import a page"          Get    Okta     [200],      PAGE_BEYOND      List
    ZERO              "import a page"          Get    Okta     [200],      PAGE_ZERO        List
    GROUP_CREATE      "create a group"         Post   Okta     [201],      GROUP_CREATE     Group
    GROUP_READ        "read a group"           Get    Okta     [200],      GROUP_READ       Group
    GROUP_PATCH       "change a group"         Patch  Okta     [200, 204], GROUP_PATCH      Group
    GROUP_PUT         "replace a group"        Put    Okta     [200],      GROUP_PUT        Group
    GROUP_DELETE      "delete a group"         Delete Okta     [204],      GROUP_DELETE     Nothing
    GROUP_GONE        "read a deleted group"   Get    Okta     [404],      GROUP_DELETE_GONE Error
    CLEAN_UP          "clean up"               Delete Okta     [204, 404], GROUP_DELETE     Nothing
    GROUP_MEMBER      "read a user"            Get    Okta     [200],      GROUP_DELETE_USERS User
}

/// The kinds of resource that Okta pushes and imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
}

impl Kind {
    /// The endpoint.
    pub(super) fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// `meta.resourceType`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The schema that its resources name.
    pub(super) fn schema(self) -> &'static str {
        match self {
            Self::User => USER,
            Self::Group => GROUP,
        }
    }

    /// By what Okta looks it up.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::User => "userName",
            Self::Group => "displayName",
        }
    }

    /// The resource of this id.
    pub(super) fn path(self, id: &str) -> String {
        format!("{}/{}", self.endpoint(), encode(id))
    }

    /// A page of them.
    pub(super) fn page(self, start: usize, count: usize) -> String {
        format!("{}?startIndex={start}&count={count}", self.endpoint())
    }

    /// The look-up of one, as Okta encodes it.
    pub(super) fn look_up(self, name: &str) -> String {
        let literal = name.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = encode(&format!("{} eq \"{literal}\"", self.key()));
        format!("{}?filter={filter}&startIndex=1&count={PAGE}", self.endpoint())
    }
}

/// Percent-encoding as Okta does it: everything but letters, digits and `-._`, blanks as well.
fn encode(text: &str) -> String {
    let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    form.replace('+', "%20").replace('*', "%2A")
}

/// A PATCH message with these operations.
pub(super) fn patch(operations: &[Value]) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

/// The operation that changes attributes without a path.
pub(super) fn replace(value: &Value) -> Value {
    json!({"op": "replace", "value": value})
}

/// The operation that says the name of a group; it has the id in its value.
pub(super) fn name_group(id: &str, name: &str) -> Value {
    replace(&json!({"id": id, "displayName": name}))
}

/// The operation that adds members.
pub(super) fn add_members(members: &[Value]) -> Value {
    json!({"op": "add", "path": "members", "value": members})
}

/// The operation that removes one member.
pub(super) fn remove_member(id: &str) -> Value {
    json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")})
}

/// The operation of 'Push Now'.
pub(super) fn replace_members(members: &[Value]) -> Value {
    json!({"op": "replace", "path": "members", "value": members})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_ups_are_encoded_as_okta_does() {
        assert_eq!(
            Kind::User.look_up("test.user@okta.local"),
            "/Users?filter=userName%20eq%20%22test.user%40okta.local%22&startIndex=1&count=100"
        );
        assert_eq!(Kind::Group.path("a b/é"), "/Groups/a%20b%2F%C3%A9");
    }
}
