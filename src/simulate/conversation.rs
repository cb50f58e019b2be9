//! The conversation: its stages in Okta's order, and what they share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::check;
use super::ledger::Sent;
use super::people::Person;
use super::report::{Outcome, Report};
use super::step::{self, Kind, Method};
use super::talk::{Exchange, Request, Talk, Transport, Unanswered, shown};
use super::{CannotRun, Plan, Watcher};

/// A part of the conversation.
struct Stage {
    title: &'static str,
    /// How many steps it has, for whoever watches.
    steps: fn(&Conversation) -> usize,
    run: fn(&mut Conversation),
}

/// The stages behind the test of the connection.
const STAGES: &[Stage] = &[
    Stage { title: "assigning users", steps: |talk| talk.plan.users, run: |talk| talk.assign() },
    Stage {
        title: "renewing the access token",
        steps: |talk| usize::from(talk.talk.transport.has_access_tokens()),
        run: |talk| talk.renew(),
    },
    Stage { title: "reading users back", steps: |talk| talk.accounts.len(), run: |talk| talk.read_back() },
    Stage { title: "asking for what must be refused", steps: |_| 1, run: |talk| talk.provoke() },
    Stage { title: "updating profiles", steps: |talk| talk.accounts.len(), run: |talk| talk.update() },
    Stage { title: "deactivating and reactivating", steps: |talk| talk.accounts.len(), run: |talk| talk.deactivate() },
    Stage { title: "importing users", steps: |_| 1, run: |talk| talk.import_users() },
    Stage { title: "pushing groups", steps: |talk| talk.plan.groups, run: |talk| talk.push_groups() },
    Stage {
        title: "changing a group",
        steps: |talk| talk.plan.groups.min(1) * talk.crew().len(),
        run: |talk| talk.change_a_group(),
    },
    Stage { title: "importing groups", steps: |talk| talk.plan.groups.min(1), run: |talk| talk.import_groups() },
];

/// Somebody with an account on the server.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub person: Person,
    pub id: String,
}

/// The conversation, and what has come of it so far.
pub(super) struct Conversation<'a> {
    pub talk: Talk<'a>,
    pub plan: &'a Plan,
    pub accounts: Vec<Account>,
    /// The ids of groups that were pushed.
    pub groups: Vec<String>,
    made: Mutex<Vec<(Kind, String)>>,
}

/// Holds the conversation, and reports on it.
///
/// # Errors
/// [`CannotRun`] when the server does not answer at all, or not to this credential.
pub fn run(plan: &Plan, transport: &dyn Transport, watcher: &dyn Watcher) -> Result<Report, CannotRun> {
    let started = Instant::now();
    let talk = Talk::new(transport, watcher);
    let made = Mutex::default();
    let mut conversation = Conversation { talk, plan, accounts: Vec::new(), groups: Vec::new(), made };
    watcher.begin("testing the connection", 1);
    let connected = conversation.connect();
    watcher.end();
    let mut outcome = Outcome { connected: connected?, ..Outcome::default() };
    if outcome.connected {
        for stage in STAGES {
            let steps = (stage.steps)(&conversation);
            if steps > 0 && !conversation.talk.is_lost() {
                watcher.begin(stage.title, steps);
                (stage.run)(&mut conversation);
                watcher.end();
            }
        }
    }
    if plan.clean_up {
        outcome.left = conversation.clean_up();
    }
    outcome.lost = conversation.talk.is_lost();
    outcome.users = conversation.accounts.len();
    outcome.groups = conversation.groups.len();
    outcome.took = started.elapsed();
    Ok(Report::new(plan, &outcome, &conversation.talk.ledger))
}

impl Conversation<'_> {
    /// Does the same with each of some things, several at a time. What came of it is in their order.
    pub fn each<T: Sync, R: Send>(&self, things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
        let next = AtomicUsize::new(0);
        let worker = || {
            let mut done = Vec::new();
            while let Some((position, thing)) = {
                let position = next.fetch_add(1, Ordering::Relaxed);
                things.get(position).map(|thing| (position, thing))
            } {
                done.push((position, work(thing)));
                self.talk.watcher.step();
            }
            done
        };
        let mut results: Vec<(usize, R)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.plan.concurrency.min(things.len())).map(|_| scope.spawn(worker)).collect();
            // A worker that panicked has taken its results along; the panic goes on.
            let join = |worker: thread::ScopedJoinHandle<'_, Vec<(usize, R)>>| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            workers.into_iter().flat_map(join).collect()
        });
        results.sort_unstable_by_key(|(position, _)| *position);
        results.into_iter().map(|(_, result)| result).collect()
    }

    pub fn ask(&self, step: &'static step::Step, path: String, body: Option<Value>) -> Option<Exchange> {
        self.talk.ask(step, path, body)
    }

    pub fn expect(
        &self,
        check: &'static check::Check,
        exchange: &Exchange,
        held: bool,
        came: impl FnOnce() -> String,
    ) -> bool {
        self.talk.expect(check, &exchange.sent, held, came)
    }

    /// Notes what was made, to be deleted at the end, and gives its id. That one is there has been judged with the answer.
    pub fn keep(&self, kind: Kind, exchange: &Exchange) -> Option<String> {
        let id = exchange.id()?.to_owned();
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push((kind, id.clone()));
        Some(id)
    }

    /// What 'Test Connector Configuration' does, then the same with a wrong credential. Whether it goes on.
    fn connect(&self) -> Result<bool, CannotRun> {
        let first = Request { step: &step::CONNECT_USERS, path: Kind::User.page(1, 2), body: None };
        let answer = match self.talk.send(&first) {
            Err(Unanswered(reason)) => return Err(CannotRun::Unanswered(reason)),
            Ok(answer) if matches!(answer.status, 401 | 403) => return Err(CannotRun::Refused(answer.status)),
            Ok(answer) => answer,
        };
        if !self.talk.judge(&first, Ok(answer)).is_some_and(|exchange| exchange.is_success()) {
            return Ok(false);
        }
        if self.plan.groups > 0 {
            self.ask(&step::CONNECT_GROUPS, Kind::Group.page(1, step::PAGE), None);
        }
        self.ask(&step::WRONG_CREDENTIAL, Kind::User.page(1, 2), None);
        Ok(true)
    }

    /// Renews the access token, as it will be after an hour.
    fn renew(&mut self) {
        let Some(renewed) = self.talk.transport.renew() else { return };
        let sent = Sent { method: Method::Post, path: "the token endpoint".into() };
        let expect = |check, held, came: &str| self.talk.expect(check, &sent, held, || shown(came));
        if let Some(refresh_token) = renewed.refresh_token {
            expect(&check::OAUTH_REFRESH_TOKEN, refresh_token, "no refresh_token");
        }
        expect(&check::OAUTH_EXPIRES_IN, renewed.expires_in, "no expires_in");
        expect(&check::OAUTH_RENEW, renewed.failed.is_none(), renewed.failed.as_deref().unwrap_or_default());
        self.talk.watcher.step();
    }

    /// Looks somebody or a group up. There is nothing when the answer is not to the question.
    pub fn look_up(&self, kind: Kind, name: &str) -> Option<Exchange> {
        let exchange = self.ask(&step::LOOK_UP, kind.look_up(name), None).filter(Exchange::is_success)?;
        let matches = |resource: &&Value| {
            resource[kind.key()].as_str().is_some_and(|key| key.to_lowercase() == name.to_lowercase())
        };
        let stranger = exchange.resources().iter().find(|resource| !matches(resource));
        let came = || {
            format!(
                "{}: {}",
                kind.key(),
                shown(&stranger.map_or(Value::Null, |one| one[kind.key()].clone()).to_string())
            )
        };
        self.expect(&check::LOOK_UP_FILTER, &exchange, stranger.is_none(), came).then_some(exchange)
    }

    /// Looks up what must not be there.
    pub fn look_up_nobody(&self, kind: Kind, name: &str) {
        if let Some(exchange) = self.look_up(kind, name) {
            let total = &exchange.body["totalResults"];
            // A number in quotes has been found fault with.
            let nobody = *total == 0 || *total == "0";
            self.expect(&check::LOOK_UP_NOBODY, &exchange, nobody, || format!("totalResults: {total}"));
        }
    }

    /// Looks up what must be there, once.
    pub fn look_up_one(&self, check: &'static check::Check, kind: Kind, name: &str, id: &str) {
        if let Some(exchange) = self.look_up(kind, name) {
            let found = exchange.resources();
            let once = found.len() == 1 && found[0]["id"] == id;
            self.expect(check, &exchange, once, || {
                let ids: Vec<String> = found.iter().map(|one| one["id"].to_string()).collect();
                format!("{} found: {}", ids.len(), shown(&ids.join(", ")))
            });
        }
    }

    /// Deletes what was made, groups first. How much is left.
    fn clean_up(&self) -> usize {
        let mut made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        made.sort_by_key(|(kind, _)| *kind == Kind::User);
        self.talk.watcher.begin("cleaning up", made.len());
        let gone = self.each(&made, |(kind, id)| {
            let request = Request { step: &step::CLEAN_UP, path: kind.path(id), body: None };
            // A server that is gone would be waited for each time.
            !self.talk.is_lost()
                && self.talk.send(&request).is_ok_and(|answer| step::CLEAN_UP.statuses.contains(&answer.status))
        });
        self.talk.watcher.end();
        gone.into_iter().filter(|gone| !gone).count()
    }
}
