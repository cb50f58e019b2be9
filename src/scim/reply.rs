//! JSON text of a reply in pieces, so that a group of 100,000 members is never one text: its members stay compact until they are sent.

use std::sync::Arc;

use super::membership::{Members, MembersView};

/// Members in one chunk.
const MEMBERS_PER_CHUNK: usize = 1_000;
/// About what a member takes.
const MEMBER_BYTES: usize = 192;

/// A JSON text.
#[derive(Debug, Default)]
pub struct Reply {
    /// Text, and the members behind it.
    parts: Vec<(String, Members, Arc<MembersView>)>,
    tail: String,
}

impl Reply {
    /// The end of the text, to be appended to.
    pub fn text(&mut self) -> &mut String {
        &mut self.tail
    }

    /// Appends members with commas between them.
    pub fn push_members(&mut self, members: Members, view: &Arc<MembersView>) {
        if members.len() <= MEMBERS_PER_CHUNK {
            members.push_json(0..members.len(), view, &mut true, &mut self.tail);
        } else {
            self.parts.push((std::mem::take(&mut self.tail), members, Arc::clone(view)));
        }
    }

    /// What is sent.
    #[must_use]
    pub fn finish(self) -> Body {
        if self.parts.is_empty() {
            return Body::Whole(self.tail);
        }
        Body::Chunks(Chunks { parts: self.parts.into_iter(), members: None, first: true, tail: Some(self.tail) })
    }
}

/// A reply that is complete.
#[derive(Debug)]
pub enum Body {
    /// One text.
    Whole(String),
    /// Texts to be sent one after the other.
    Chunks(Chunks),
}

/// The chunks of a long reply, each made when it is asked for.
#[derive(Debug)]
pub struct Chunks {
    parts: std::vec::IntoIter<(String, Members, Arc<MembersView>)>,
    /// Those under way, and how many of them have been sent.
    members: Option<(Members, Arc<MembersView>, usize)>,
    /// Whether none of those has been shown.
    first: bool,
    tail: Option<String>,
}

impl Iterator for Chunks {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            let text = self.next_text()?;
            // An empty chunk would end the transfer.
            if !text.is_empty() {
                return Some(text);
            }
        }
    }
}

impl Chunks {
    fn next_text(&mut self) -> Option<String> {
        let Some((members, view, sent)) = &mut self.members else {
            let Some((text, members, view)) = self.parts.next() else {
                return self.tail.take();
            };
            self.members = Some((members, view, 0));
            self.first = true;
            return Some(text);
        };
        let end = members.len().min(*sent + MEMBERS_PER_CHUNK);
        let mut text = String::with_capacity((end - *sent) * MEMBER_BYTES);
        members.push_json(*sent..end, view, &mut self.first, &mut text);
        *sent = end;
        if end == members.len() {
            self.members = None;
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn long_members_come_in_chunks_that_make_one_text() {
        let mut members = Members::default();
        (0..2_500).for_each(|id| members.push(Uuid::from_u128(id), "User", None));
        let view = Arc::new(MembersView::of(&MembersView::sample(), vec!["b/".into(), "g/".into()]));
        let mut reply = Reply::default();
        reply.text().push('[');
        reply.push_members(members, &view);
        reply.text().push(']');
        let Body::Chunks(chunks) = reply.finish() else { panic!("one text") };
        let chunks: Vec<String> = chunks.collect();
        assert_eq!(chunks.len(), 5);
        let Value::Array(shown) = serde_json::from_str(&chunks.concat()).unwrap() else { panic!("no array") };
        assert_eq!(shown.len(), 2_500);
        assert_eq!(shown[2_499]["value"], Uuid::from_u128(2_499).to_string());
    }
}
