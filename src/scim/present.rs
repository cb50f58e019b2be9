//! How resources of one type are shown to a client: a projection (RFC 7644 section 3.9) resolved once and applied to each.

use std::sync::Arc;

use serde_json::Value;

use super::membership::MembersView;
use super::project::{Projection, Selection};
use super::reply::Reply;
use super::resource::Representation;
use super::resource_type::ResourceType;

/// About what `meta` takes in a reply.
const META_BYTES: usize = 300;

/// A projection of resources of one type.
#[derive(Debug)]
pub struct Presentation<'s> {
    selection: Selection<'s>,
    /// Whether stored documents are shown as they are.
    whole: bool,
    selected: bool,
    groups: bool,
    members: Option<Arc<MembersView>>,
}

impl<'s> Presentation<'s> {
    /// The presentation of resources of this type; `locations` is what the URIs of members start with.
    #[must_use]
    pub fn new(projection: &Projection, resource_type: &'s ResourceType, locations: Vec<String>) -> Self {
        let selection = Selection::new(projection, resource_type);
        let members = resource_type.members().and_then(|attribute| {
            let shown = selection.show(None, attribute, MembersView::sample())?;
            Some(Arc::new(MembersView::of(&shown, locations)))
        });
        let shows = |attribute| selection.show(None, attribute, Value::Bool(true)).is_some();
        let groups = resource_type.groups().is_some_and(shows);
        let selected = *projection != Projection::Default;
        Self { whole: projection.is_default(resource_type), selected, selection, groups, members }
    }

    /// The presentation in the reply to a write with this body: also what is returned on request, where the write names it.
    #[must_use]
    pub fn of_write(self, body: &Value) -> Self {
        if self.whole { self } else { Self { selection: self.selection.of_write(body), ..self } }
    }

    /// Whether the client has chosen what is shown.
    #[must_use]
    pub fn is_selected(&self) -> bool {
        self.selected
    }

    /// Whether the members of groups have to be read.
    #[must_use]
    pub fn shows_members(&self) -> bool {
        self.members.is_some()
    }

    /// Whether the groups of users have to be read.
    #[must_use]
    pub fn shows_groups(&self) -> bool {
        self.groups
    }

    /// About how many bytes a resource with this document takes, where it is shown as it is; else nothing is known.
    #[must_use]
    pub fn bytes(&self, document: &str) -> usize {
        if self.whole { document.len() + META_BYTES } else { 0 }
    }

    /// Appends a resource.
    ///
    /// # Errors
    /// When the stored document is not JSON.
    pub fn push(&self, resource: Representation, reply: &mut Reply) -> Result<(), serde_json::Error> {
        let text = reply.text();
        if self.whole {
            text.reserve(self.bytes(&resource.document));
            resource.push_open(text);
        } else {
            let shown = Value::Object(self.selection.apply(resource.to_json()?)).to_string();
            text.push_str(shown.strip_suffix('}').unwrap_or(&shown));
        }
        // Every resource has an `id`, so there is something before the comma.
        if let (Some(view), Some(members)) = (&self.members, resource.members) {
            reply.text().push_str(",\"members\":[");
            reply.push_members(members, view);
            reply.text().push(']');
        }
        reply.text().push('}');
        Ok(())
    }
}
