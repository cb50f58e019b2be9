//! Group Push: groups with their members as Okta's catalogue apps (PATCH) and custom apps (PUT) push them, and one group that everything
//! is done to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::check::{self, Check};
use super::conversation::{Account, Conversation};
use super::people::{group, group_name};
use super::step::{self, Kind, PAGE};
use super::talk::{Exchange, shown};

/// Members of the group that everything is done to.
const CREW: usize = 10;

type Members = BTreeSet<String>;

impl Conversation<'_> {
    /// Pushes all groups: by PATCH, or by PUT, in turns.
    pub fn push_groups(&mut self) {
        let numbers: Vec<usize> = (0..self.plan.groups).collect();
        let groups = self.each(&numbers, |number| self.push(*number));
        self.groups = groups.into_iter().flatten().collect();
    }

    fn push(&self, number: usize) -> Option<String> {
        let groups = self.plan.groups;
        let numbered = self.accounts.iter().enumerate();
        let is_in = |position: usize| position % groups == number || position % (groups + 1) == number;
        let members: Vec<&Account> =
            numbered.filter(|(position, _)| is_in(*position)).map(|(_, account)| account).collect();
        let by_put = number % 2 == 1;
        let with = if by_put { &members[..members.len().min(PAGE)] } else { &[] };
        let name = group_name(&self.plan.run, number);
        let id = self.create_group(&name, with)?;
        if by_put {
            self.put_members(&id, &name, &members);
            return Some(id);
        }
        let mut taken = true;
        for some in members.chunks(PAGE) {
            let operations = [step::name_group(&id, &name), step::add_members(&as_members(some))];
            taken &= self.patch_group(&id, &operations);
        }
        if taken && let Some((exchange, now)) = self.read_group(&id) {
            self.added(&exchange, &now, &ids(&members));
        }
        Some(id)
    }

    /// Looks a group up, creates it and reads it back.
    fn create_group(&self, name: &str, members: &[&Account]) -> Option<String> {
        self.look_up_nobody(Kind::Group, name);
        let body = group(name, &as_members(members));
        let exchange = self.ask(&step::GROUP_CREATE, Kind::Group.endpoint().into(), Some(body))?;
        let id = self.keep(Kind::Group, &exchange)?;
        self.named(&check::GROUP_NAME, &exchange, name);
        if let Some((exchange, now)) = self.read_group(&id) {
            self.same(&check::GROUP_CREATE_MEMBERS, &exchange, &now, &ids(members));
        }
        Some(id)
    }

    /// Does with one group everything that happens to groups, and deletes it.
    pub fn change_a_group(&mut self) {
        self.change(&self.crew());
    }

    /// The members of that group.
    pub fn crew(&self) -> Vec<&Account> {
        self.accounts.iter().take(CREW).collect()
    }

    fn change(&self, crew: &[&Account]) -> Option<()> {
        let (first, second) = crew.split_at(crew.len() / 2);
        let gone = first.first()?;
        let name = group_name(&self.plan.run, self.plan.groups);
        let id = &self.create_group(&name, first)?;
        self.look_up_one(&check::LOOK_UP_FOUND, Kind::Group, &name, id);
        let (_, before) = self.read_group(id)?;

        // Members come and go in one PATCH, which is then repeated.
        let come_and_go =
            [step::name_group(id, &name), step::remove_member(&gone.id), step::add_members(&as_members(second))];
        if self.patch_group(id, &come_and_go) {
            let (exchange, now) = self.read_group(id)?;
            let named: Members = ids(second).into_iter().chain([gone.id.clone()]).collect();
            self.added(&exchange, &now, &ids(second));
            let is_gone = !now.contains(&gone.id);
            self.expect(&check::MEMBERS_REMOVED, &exchange, is_gone, || format!("{} is a member still", gone.id));
            let others = |members: &Members| members.difference(&named).cloned().collect();
            self.same(&check::MEMBERS_KEPT, &exchange, &others(&now), &others(&before));
            if self.patch_group(id, &come_and_go) {
                let (exchange, again) = self.read_group(id)?;
                self.same(&check::MEMBERS_KEPT, &exchange, &again, &now);
            }
        }

        let name = format!("{name} renamed");
        let (_, before) = self.read_group(id)?;
        if self.patch_group(id, &[step::name_group(id, &name)]) {
            let (exchange, now) = self.read_group(id)?;
            self.named(&check::GROUP_RENAME, &exchange, &name);
            self.same(&check::GROUP_RENAME_MEMBERS, &exchange, &now, &before);
        }

        // The whole group at once: by 'Push Now', as custom apps do it, and when it has become empty.
        let ends = [crew[0], crew[crew.len() - 1]];
        for (check, members) in [(&check::PUSH_NOW, &ends[..]), (&check::PUSH_NOW_EMPTY, &[])] {
            if self.patch_group(id, &[step::replace_members(&as_members(members))]) {
                let (exchange, now) = self.read_group(id)?;
                self.same(check, &exchange, &now, &ids(members));
            }
            if !members.is_empty() {
                self.put_members(id, &name, crew);
            }
        }

        let added = self.each(crew, |account| self.patch_group(id, &[step::add_members(&as_members(&[*account]))]));
        let taken: Vec<&Account> = crew.iter().zip(added).filter(|(_, taken)| *taken).map(|(one, _)| *one).collect();
        let (exchange, now) = self.read_group(id)?;
        let lost = ids(&taken).difference(&now).count();
        self.expect(&check::MEMBERS_TOGETHER, &exchange, lost == 0, || {
            format!("{lost} of {} are missing", taken.len())
        });

        let deleted = self.ask(&step::GROUP_DELETE, Kind::Group.path(id), None)?;
        if deleted.is_success() {
            self.ask(&step::GROUP_GONE, Kind::Group.path(id), None);
            let stays = crew.iter().rev().find(|account| account.person.active)?;
            self.ask(&step::GROUP_MEMBER, Kind::User.path(&stays.id), None);
        }
        Some(())
    }

    /// Replaces a group as custom apps do, and reads it back.
    fn put_members(&self, id: &str, name: &str, members: &[&Account]) {
        let mut body = group(name, &as_members(members));
        body["id"] = id.into();
        let put = self.ask(&step::GROUP_PUT, Kind::Group.path(id), Some(body));
        if put.is_some_and(|answer| answer.is_success())
            && let Some((exchange, now)) = self.read_group(id)
        {
            self.same(&check::GROUP_PUT_MEMBERS, &exchange, &now, &ids(members));
        }
    }

    fn patch_group(&self, id: &str, operations: &[Value]) -> bool {
        let answer = self.ask(&step::GROUP_PATCH, Kind::Group.path(id), Some(step::patch(operations)));
        answer.is_some_and(|answer| answer.is_success())
    }

    fn read_group(&self, id: &str) -> Option<(Exchange, Members)> {
        let exchange = self.ask(&step::GROUP_READ, Kind::Group.path(id), None).filter(Exchange::is_success)?;
        let members = exchange.body["members"].as_array().into_iter().flatten();
        let members = members.filter_map(|member| member["value"].as_str()).map(str::to_owned).collect();
        Some((exchange, members))
    }

    fn named(&self, check: &'static Check, exchange: &Exchange, name: &str) {
        let said = &exchange.body["displayName"];
        self.expect(check, exchange, *said == name, || format!("displayName: {}", shown(&said.to_string())));
    }

    fn added(&self, exchange: &Exchange, now: &Members, added: &Members) {
        let missing = added.difference(now).count();
        self.expect(&check::MEMBERS_ADDED, exchange, missing == 0, || {
            format!("{missing} of {} are missing", added.len())
        });
    }

    fn same(&self, check: &'static Check, exchange: &Exchange, now: &Members, wanted: &Members) {
        self.expect(check, exchange, now == wanted, || {
            let (missing, besides) = (wanted.difference(now).count(), now.difference(wanted).count());
            format!("{missing} of {} are missing, {besides} are there besides", wanted.len())
        });
    }
}

fn as_members(accounts: &[&Account]) -> Vec<Value> {
    accounts.iter().map(|account| json!({"value": account.id, "display": account.person.user_name})).collect()
}

fn ids(accounts: &[&Account]) -> Members {
    accounts.iter().map(|account| account.id.clone()).collect()
}
