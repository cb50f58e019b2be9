//! What one message may contain. Beyond a limit the request is refused; nothing is cut short silently.

/// Bytes of a request body; advertised as `bulk.maxPayloadSize`.
pub const BODY_BYTES: usize = 1 << 20;
/// Nesting of objects and arrays in a request body.
pub const JSON_DEPTH: usize = 32;
/// Object members and array elements in a request body, all levels together.
pub const JSON_NODES: usize = 20_000;
/// The same in the body of a request on a group, which may name 100,000 members.
pub const GROUP_JSON_NODES: usize = 1_000_000;
/// Bytes of a `filter`.
pub const FILTER_BYTES: usize = 4_096;
/// Nesting of groups, `not` and value paths in a filter.
pub const FILTER_DEPTH: usize = 16;
/// Comparisons and logical operators in a filter.
pub const FILTER_NODES: usize = 64;
/// Bytes of one attribute path.
pub const PATH_BYTES: usize = 512;
/// Names in `attributes` or `excludedAttributes`.
pub const PROJECTION_NAMES: usize = 200;
/// Bytes of the comparison form of a value that has an index of its own: `userName`, `externalId`.
pub const INDEXED_BYTES: usize = 1_024;
/// Bytes of a resource as stored.
pub const RESOURCE_BYTES: usize = 256 * 1_024;
/// Operations in one PATCH request.
pub const PATCH_OPERATIONS: usize = 1_000;
/// Operations in one bulk request; advertised as `bulk.maxOperations`.
pub const BULK_OPERATIONS: usize = 1_000;
/// Object members and array elements in the body of a bulk request: [`BULK_OPERATIONS`] resources of a hundred each.
pub const BULK_JSON_NODES: usize = 100_000;
/// Values of one multi-valued attribute.
pub const VALUES_PER_ATTRIBUTE: usize = 100;
/// Bytes of the name that a client gives a member of a group.
pub const MEMBER_DISPLAY_BYTES: usize = 256;
/// Removals of members by a filter in one PATCH.
pub const MEMBER_CONDITIONS: usize = 50;
/// Members added by a PATCH times filters behind that select among them.
pub const MEMBER_SELECTIONS: usize = 100_000;
/// Groups of all users on one page of a list, each counted once for each user.
pub const GROUPS_PER_PAGE: usize = 100_000;
/// Members of all groups on one page of a list.
pub const MEMBERS_PER_PAGE: usize = 1_000_000;
/// Members up to which a PATCH of a group is answered with the group; beyond, the answer is 204, so that the cost
/// of a change does not grow with the group.
pub const MEMBERS_IN_PATCH_REPLY: usize = 200;
/// Resources on a page when the client names no `count` (RFC 7644 section 3.4.2.4).
pub const DEFAULT_PAGE_SIZE: usize = 100;
/// Characters of a text that count when a list is sorted by it. Texts with an index of their own are never longer.
pub const SORT_CHARACTERS: usize = INDEXED_BYTES;
/// Seconds for which a cursor is taken; advertised as `pagination.cursorTimeout`. Each page brings a new one.
pub const CURSOR_SECONDS: u32 = 3_600;
/// Resources on a page at most; advertised as `filter.maxResults`.
pub const MAX_PAGE_SIZE: usize = 1_000;
/// Bytes of a file that defines a schema or a resource type.
pub const DEFINITION_BYTES: usize = 256 * 1_024;
/// Bytes of all that a tenant defines, as stored.
pub const DEFINITIONS_BYTES: usize = 1 << 20;
/// Schemas that a tenant defines.
pub const SCHEMAS_PER_TENANT: usize = 50;
/// Resource types that a tenant defines.
pub const RESOURCE_TYPES_PER_TENANT: usize = 50;
/// Extensions of one resource type.
pub const EXTENSIONS_PER_TYPE: usize = 20;
/// Bytes of a schema's URI. With two names behind it a path stays below [`PATH_BYTES`].
pub const SCHEMA_URI_BYTES: usize = 200;
/// Bytes of the name of an attribute, a resource type or an endpoint.
pub const NAME_BYTES: usize = 64;
/// Bytes of a name or description for people.
pub const DESCRIPTION_BYTES: usize = 1_024;
/// Attributes of a schema, and sub-attributes of an attribute.
pub const ATTRIBUTES_PER_LEVEL: usize = 200;
/// Canonical values, or reference types, of an attribute.
pub const CANONICAL_VALUES: usize = 200;
