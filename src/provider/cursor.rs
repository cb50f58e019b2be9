//! Cursors (RFC 9865): where the next page starts, for which page size, and until when. They hold all that is needed, so that every
//! instance takes them, also after a restart; who may read on is decided anew on each page.

use chrono::{DateTime, TimeDelta, Utc};

use super::Context;
use crate::id::ResourceId;
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::limits;
use crate::store::Anchor;

/// A page that a cursor leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Resources on the page at most.
    pub count: usize,
    /// The resource behind which it starts.
    pub behind: Anchor,
}

/// What a cursor's text holds: the second from which it is too old, the count, and the anchor's type, id and key.
type Content = (i64, usize, String, String, Option<String>);

impl Cursor {
    /// The text of the cursor, which is good for this query of the caller's tenant.
    pub(super) fn seal(&self, context: &Context<'_>, query: &str, now: DateTime<Utc>) -> String {
        let expires = now + TimeDelta::seconds(limits::CURSOR_SECONDS.into());
        let Anchor { key, resource_type, id } = &self.behind;
        let content = serde_json::json!([expires.timestamp(), self.count, resource_type, id.to_string(), key]);
        let tenant = context.caller.principal.tenant();
        context.cursors.stamp(&[tenant.0.as_bytes(), query.as_bytes()], content.to_string().as_bytes())
    }

    /// Reads a cursor that a client sends, with the count that it sends along.
    ///
    /// # Errors
    /// `invalidCursor` when it was not given out for this query of this tenant, `expiredCursor` when it is too old, `invalidCount`
    /// when the page is to be of another size (RFC 9865 section 2.1).
    pub(super) fn open(
        context: &Context<'_>,
        query: &str,
        text: &str,
        count: Option<usize>,
        now: DateTime<Utc>,
    ) -> Result<Self, ScimError> {
        let refuse = |kind, detail: &str| Err(ScimError::new(kind, detail));
        let tenant = context.caller.principal.tenant();
        let content = context.cursors.read(&[tenant.0.as_bytes(), query.as_bytes()], text);
        let content = content.and_then(|content| serde_json::from_slice::<Content>(&content).ok());
        let content = content.and_then(|(expires, first, resource_type, id, key)| {
            Some((expires, first, Anchor { key, resource_type, id: ResourceId::parse(&id)? }))
        });
        let Some((expires, first, behind)) = content else {
            return refuse(ErrorKind::InvalidCursor, "the cursor was not given out for this query; start without one");
        };
        if now.timestamp() >= expires {
            return refuse(ErrorKind::ExpiredCursor, "the cursor is too old; start without one");
        }
        if count.is_some_and(|count| count != first) {
            return refuse(ErrorKind::InvalidCount, "'count' must be that of the first page");
        }
        Ok(Self { count: first, behind })
    }
}
