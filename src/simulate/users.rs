//! Users: assigned, read back, updated, deactivated and reactivated, and what must be refused.

use serde_json::{Value, json};

use super::check::{self, Check};
use super::conversation::{Account, Conversation};
use super::people::Person;
use super::step::{self, Kind};
use super::talk::{Exchange, shown};

/// Of so many users one is updated by PUT, one by PATCH, and one leaves and comes back in each way.
const ONE_IN: usize = 4;
/// Of so many users one leaves for good.
const ONE_LEAVES_IN: usize = 10;
/// An id that is no UUID, as Okta's test suite asks for it.
const NO_UUID: &str = "010101001010101011001010101011";

impl Conversation<'_> {
    /// Assigns everybody: a look-up, then a creation.
    pub fn assign(&mut self) {
        let people: Vec<Person> = (0..self.plan.users).map(|number| Person::invent(&self.plan.run, number)).collect();
        let accounts = self.each(&people, |person| {
            self.look_up_nobody(Kind::User, &person.user_name);
            let exchange = self.ask(&step::CREATE, Kind::User.endpoint().into(), Some(person.created()))?;
            let id = self.keep(Kind::User, &exchange)?;
            self.same_person(&exchange, person);
            Some(Account { person: person.clone(), id })
        });
        self.accounts = accounts.into_iter().flatten().collect();
    }

    /// Reads everybody back by id and by name, some by a name in capitals.
    pub fn read_back(&mut self) {
        let numbered: Vec<(usize, &Account)> = self.accounts.iter().enumerate().collect();
        self.each(&numbered, |(number, account)| {
            if let Some(exchange) = self.read(&step::READ, account) {
                self.same_person(&exchange, &account.person);
            }
            let name = &account.person.user_name;
            self.look_up_one(&check::LOOK_UP_FOUND, Kind::User, name, &account.id);
            if number % ONE_IN == 0 {
                self.look_up_one(&check::LOOK_UP_CASE, Kind::User, &name.to_uppercase(), &account.id);
            }
        });
    }

    /// Asks for what must be refused: a name that is taken, and ids that nobody has.
    pub fn provoke(&mut self) {
        if let Some(Account { person, .. }) = self.accounts.first() {
            let mut capitals = person.created();
            capitals["userName"] = person.user_name.to_uppercase().into();
            for (step, body) in [(&step::DUPLICATE, person.created()), (&step::DUPLICATE_CASE, capitals)] {
                let Some(exchange) = self.ask(step, Kind::User.endpoint().into(), Some(body)) else { continue };
                if exchange.status == 409 {
                    let scim_type = &exchange.body["scimType"];
                    self.expect(&check::DUPLICATE_TYPE, &exchange, *scim_type == "uniqueness", || {
                        format!("scimType: {}", shown(&scim_type.to_string()))
                    });
                } else {
                    let known = self.accounts.iter().any(|account| exchange.id() == Some(&account.id));
                    if !known {
                        self.keep(Kind::User, &exchange);
                    }
                }
            }
        }
        let uuid = format!("00000000-0000-4000-8000-{:0>12.12}", self.plan.run);
        for id in [NO_UUID, &uuid] {
            self.ask(&step::UNKNOWN, Kind::User.path(id), None);
        }
        if let Some(exchange) = self.ask(&step::SUITE_LIST, Kind::User.page(1, 1), None).filter(Exchange::is_success) {
            let came = exchange.resources().len();
            let is_one = came == 1 || came == 0 && exchange.body["totalResults"] == 0;
            self.expect(&check::PAGE_ONE, &exchange, is_one, || format!("{came} resources"));
        }
        self.talk.watcher.step();
    }

    /// Updates profiles: by PUT of what was read, by PATCH, and one userName.
    pub fn update(&mut self) {
        let numbered: Vec<(usize, Account)> = self.accounts.iter().cloned().enumerate().collect();
        let last = numbered.len().saturating_sub(1);
        self.accounts = self.each(&numbered, |(number, account)| {
            let mut account = account.clone();
            match number % ONE_IN {
                0 => self.update_by_put(&mut account),
                1 => self.update_by_patch(&account),
                _ => {}
            }
            if *number == last {
                self.rename(&mut account);
            }
            account
        });
    }

    fn update_by_put(&self, account: &mut Account) {
        let corrected = account.person.corrected();
        let changes = json!({"name": {"givenName": corrected.given}, "displayName": corrected.display_name()});
        if !self.put(account, &changes) {
            return;
        }
        let Some(exchange) = self.read(&step::READ, account) else { return };
        let given = &exchange.body["name"]["givenName"];
        let came = || format!("name.givenName: {}", shown(&given.to_string()));
        if self.expect(&check::PUT_STORED, &exchange, *given == corrected.given, came) {
            account.person = corrected;
            self.same_person(&exchange, &account.person);
        }
    }

    fn update_by_patch(&self, account: &Account) {
        let name = format!("{} ({})", account.person.display_name(), account.person.family);
        let operation = step::replace(&json!({"displayName": name}));
        let Some(answer) = self.patch(&step::PATCH, account, &operation) else { return };
        if !answer.is_success() {
            return;
        }
        let Some(exchange) = self.read(&step::READ, account) else { return };
        let shown_name = &exchange.body["displayName"];
        let came = || format!("displayName: {}", shown(&shown_name.to_string()));
        if self.expect(&check::PATCH_STORED, &exchange, *shown_name == name, came) {
            self.same_person(&exchange, &account.person);
        }
    }

    fn rename(&self, account: &mut Account) {
        let old = account.person.user_name.clone();
        let new = format!("Renamed.{old}");
        if !self.put(account, &json!({"userName": new})) {
            return;
        }
        let Some(read) = self.read(&step::READ, account) else { return };
        let name = &read.body["userName"];
        let is_new = name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(&new));
        if !self.expect(&check::RENAME_STORED, &read, is_new, || format!("userName: {}", shown(&name.to_string()))) {
            return;
        }
        account.person.user_name.clone_from(&new);
        if let (Some(by_new), Some(by_old)) = (self.look_up(Kind::User, &new), self.look_up(Kind::User, &old)) {
            let (found, left) = (by_new.resources(), by_old.resources());
            let is_moved = found.len() == 1 && found[0]["id"] == account.id.as_str() && left.is_empty();
            self.expect(&check::RENAME_STORED, &by_new, is_moved, || {
                format!("{} found by the new name, {} by the old one", found.len(), left.len())
            });
        }
    }

    /// Deactivates: some by PATCH, some by PUT, who come back; and some for good.
    pub fn deactivate(&mut self) {
        let numbered: Vec<(usize, Account)> = self.accounts.iter().cloned().enumerate().collect();
        self.accounts = self.each(&numbered, |(number, account)| {
            let mut account = account.clone();
            if number % ONE_LEAVES_IN == ONE_LEAVES_IN - 1 {
                self.switch(&mut account, false, &check::DEACTIVATE_PATCH_STORED, Self::switch_by_patch);
            } else if number % ONE_IN == 0 {
                self.leave_and_return(&mut account, &check::DEACTIVATE_PATCH_STORED, Self::switch_by_patch);
            } else if number % ONE_IN == 1 {
                self.leave_and_return(&mut account, &check::DEACTIVATE_PUT_STORED, Self::switch_by_put);
            }
            account
        });
    }

    fn leave_and_return(&self, account: &mut Account, stored: &'static Check, by: fn(&Self, &Account, bool) -> bool) {
        if !self.switch(account, false, stored, by) {
            return;
        }
        self.look_up_one(&check::DEACTIVATED_FOUND, Kind::User, &account.person.user_name, &account.id);
        // Once more, as Okta repeats what it is not sure of.
        by(self, account, false);
        self.switch(account, true, stored, by);
    }

    /// Sets 'active' and reads it back. Whether it is so.
    fn switch(
        &self,
        account: &mut Account,
        active: bool,
        stored: &'static Check,
        by: fn(&Self, &Account, bool) -> bool,
    ) -> bool {
        if !by(self, account, active) {
            return false;
        }
        // As Okta believes from now on.
        account.person.active = active;
        let step = if active { &step::READ } else { &step::READ_INACTIVE };
        let Some(exchange) = self.read(step, account) else { return false };
        let came = || format!("active: {}", shown(&exchange.body["active"].to_string()));
        let is_stored = self.expect(stored, &exchange, exchange.body["active"] == active, came);
        if is_stored {
            self.same_person(&exchange, &account.person);
        }
        is_stored
    }

    fn switch_by_patch(&self, account: &Account, active: bool) -> bool {
        let operation = step::replace(&json!({"active": active}));
        self.patch(&step::ACTIVATE, account, &operation).is_some_and(|answer| answer.is_success())
    }

    fn switch_by_put(&self, account: &Account, active: bool) -> bool {
        self.put(account, &json!({"active": active}))
    }

    /// Reads somebody by id.
    fn read(&self, step: &'static step::Step, account: &Account) -> Option<Exchange> {
        let exchange = self.ask(step, Kind::User.path(&account.id), None).filter(Exchange::is_success)?;
        let same = exchange.id().is_none_or(|id| id == account.id);
        self.expect(&check::READ_ID, &exchange, same, || format!("id: {}", exchange.body["id"]));
        Some(exchange)
    }

    fn patch(&self, step: &'static step::Step, account: &Account, operation: &Value) -> Option<Exchange> {
        let body = step::patch(std::slice::from_ref(operation));
        self.ask(step, Kind::User.path(&account.id), Some(body))
    }

    /// Reads somebody, lays what Okta knows and changes over it, and sends all of it back. Whether that was taken.
    fn put(&self, account: &Account, changes: &Value) -> bool {
        let step = if account.person.active { &step::READ } else { &step::READ_INACTIVE };
        let Some(mut body) = self.read(step, account).map(|exchange| exchange.body) else { return false };
        overlay(&mut body, &account.person.profile());
        overlay(&mut body, changes);
        let put = self.ask(&step::PUT, Kind::User.path(&account.id), Some(body));
        put.is_some_and(|answer| answer.is_success())
    }

    /// Holds a user that came against the person that was sent.
    fn same_person(&self, exchange: &Exchange, person: &Person) {
        let user = &exchange.body;
        let expect = |check: &'static Check, held: bool, name: &str| {
            self.expect(check, exchange, held, || {
                format!("{name}: {}", shown(&user.get(name).map_or("nothing".into(), Value::to_string)))
            });
        };
        expect(&check::USER_NAME, user["userName"] == person.user_name.as_str(), "userName");
        let name = &user["name"];
        expect(&check::USER_NAMES, name["givenName"] == person.given && name["familyName"] == person.family, "name");
        let is_there = user["emails"].as_array().is_some_and(|emails| {
            let is_it = |email: &Value| {
                let value = email["value"].as_str().is_some_and(|value| value.eq_ignore_ascii_case(&person.email));
                value && email["type"] == "work" && email["primary"] == true
            };
            emails.iter().any(is_it)
        });
        expect(&check::USER_EMAILS, is_there, "emails");
        expect(&check::USER_ACTIVE, user["active"] == person.active, "active");
        expect(&check::USER_EXTERNAL_ID, person.is_known_by(user), "externalId");
        // What came instead would be the password.
        self.expect(&check::USER_PASSWORD, exchange, user.get("password").is_none(), || "a password".into());
    }
}

/// Lays changes over a resource: objects go into objects, anything else takes its place.
fn overlay(resource: &mut Value, changes: &Value) {
    match (resource, changes) {
        (Value::Object(members), Value::Object(changes)) => {
            for (name, change) in changes {
                overlay(members.entry(name).or_insert(Value::Null), change);
            }
        }
        (resource, change) => *resource = change.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_laid_over_what_was_read() {
        let mut user = json!({"id": "1", "name": {"givenName": "A", "familyName": "B"}, "custom": [1]});
        overlay(&mut user, &json!({"name": {"givenName": "C"}, "active": false}));
        let both = json!({"id": "1", "name": {"givenName": "C", "familyName": "B"}, "custom": [1], "active": false});
        assert_eq!(user, both);
    }
}
