//! Imports: the whole list, page by page, and the pages at its edges.

use std::collections::BTreeSet;

use serde_json::Value;

use super::check;
use super::conversation::Conversation;
use super::step::{self, Kind, PAGE};
use super::talk::{Exchange, shown};

/// In so many pages a short list is read once more, because one page shows nothing of the order.
const PAGES: usize = 3;

impl Conversation<'_> {
    /// Imports users.
    pub fn import_users(&mut self) {
        let ours: BTreeSet<&str> = self.accounts.iter().map(|account| account.id.as_str()).collect();
        self.import(Kind::User, &ours);
    }

    /// Imports groups.
    pub fn import_groups(&mut self) {
        let ours: BTreeSet<&str> = self.groups.iter().map(String::as_str).collect();
        self.import(Kind::Group, &ours);
    }

    fn import(&self, kind: Kind, ours: &BTreeSet<&str>) {
        if let Some(total) = self.walk(kind, ours, PAGE) {
            if (2..=PAGE).contains(&total) {
                self.walk(kind, ours, total.div_ceil(PAGES));
            }
            for (step, path, check) in [
                (&step::BEYOND, kind.page(total + 1, PAGE), &check::PAGE_BEYOND),
                (&step::ZERO, kind.page(1, 0), &check::PAGE_ZERO),
            ] {
                let Some(exchange) = self.ask(step, path, None).filter(Exchange::is_success) else { continue };
                let came = exchange.resources().len();
                let same = exchange.body["totalResults"].as_u64().is_none_or(|said| said == total as u64);
                self.expect(check, &exchange, came == 0 && same, || {
                    format!("{came} resources, totalResults: {}", exchange.body["totalResults"])
                });
            }
        }
        self.talk.watcher.step();
    }

    /// Reads the list to its end in pages of this size. How many the server says there are.
    fn walk(&self, kind: Kind, ours: &BTreeSet<&str>, count: usize) -> Option<usize> {
        let mut seen = BTreeSet::new();
        let mut came = 0;
        let (mut first_total, mut all_full) = (None, true);
        let mut start = 1;
        let last = loop {
            let exchange = self.ask(&step::IMPORT, kind.page(start, count), None).filter(Exchange::is_success)?;
            // Without a number, of which fault has been found, Okta cannot page.
            let total = exchange.body["totalResults"].as_u64().and_then(|total| usize::try_from(total).ok())?;
            let first = *first_total.get_or_insert(total);
            self.expect(&check::IMPORT_TOTAL, &exchange, total == first, || {
                format!("totalResults: {total}, where the first page had {first}")
            });
            let resources = exchange.resources();
            for resource in resources {
                let id = resource["id"].as_str().unwrap_or_default();
                let is_new = seen.insert(id.to_owned());
                self.expect(&check::IMPORT_ONCE, &exchange, is_new, || format!("{} once more", shown(id)));
                if ours.contains(id) {
                    let missing = missing(kind, resource);
                    self.expect(&check::IMPORT_USER, &exchange, missing.is_none(), || {
                        format!("a resource without {}", missing.unwrap_or_default())
                    });
                }
            }
            came += resources.len();
            let is_last = start + count > total;
            if !is_last {
                let full = resources.len() == count;
                all_full &=
                    self.expect(&check::IMPORT_FULL, &exchange, full, || format!("{} of {count}", resources.len()));
            }
            start += count;
            if is_last || resources.is_empty() {
                break exchange;
            }
        };
        let total = first_total?;
        if all_full {
            self.expect(&check::IMPORT_TOTAL, &last, came == total, || format!("{came} came, totalResults: {total}"));
        }
        let left_out: Vec<&&str> = ours.iter().filter(|id| !seen.contains(**id)).collect();
        self.expect(&check::IMPORT_ALL, &last, left_out.is_empty(), || {
            format!("{} did not come, among them {}", left_out.len(), left_out[0])
        });
        Some(total)
    }
}

/// What a resource lacks without which Okta cannot import it.
fn missing(kind: Kind, resource: &Value) -> Option<&'static str> {
    let has = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let texts: &[&'static str] = match kind {
        Kind::User => &["/userName", "/name/givenName", "/name/familyName", "/emails/0/value"],
        Kind::Group => &["/displayName"],
    };
    let text = texts.iter().copied().find(|pointer| !has(pointer));
    text.or_else(|| (kind == Kind::User && !resource["active"].is_boolean()).then_some("/active"))
}
