//! `POST /Bulk` (RFC 7644 section 3.7): many operations, each by its own use case, in a transaction of its own and with an audit
//! entry of its own. What fails does not undo what was done before; only creations in a circle stand or fall together.
//!
//! A request holds one blocking thread for all its operations, and a connection for each only while it runs. Postgres bounds each
//! statement, which bounds nothing for a thousand of them, so no operation is begun after [`TIME`]: the client hears of each
//! operation whether it was carried out, also when the database hardly answers. A server that stops waits for longer than that.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::{Context, Modified, create, delete, modify, replace};
use crate::scim::bulk::{Action, BulkRequest, Done, Entry, Head, Operation, Outcome, Step};
use crate::scim::error::{ErrorKind, ScimError, excerpt};
use crate::scim::project::Projection;

/// How long operations are begun.
const TIME: Duration = Duration::from_secs(15);
/// How long after that creations of a circle are still undone.
const TIME_TO_UNDO: Duration = Duration::from_secs(5);

/// Carries out the operations and replies to each, in the order of the request. Where `failOnErrors` ends it, those that were not
/// carried out have no reply.
#[must_use]
pub fn bulk(context: &Context<'_>, request: BulkRequest) -> Vec<Outcome> {
    let fail_on_errors = request.fail_on_errors;
    let mut run = Run { context, started: Instant::now(), outcomes: Vec::new(), ids: HashMap::new(), failed: 0 };
    for step in request.into_steps() {
        if fail_on_errors.is_some_and(|most| run.failed >= most) {
            break;
        }
        match step {
            Step::One(entry) => run.one(entry),
            Step::Circle(entries) => run.circle(entries),
        }
    }
    run.outcomes.sort_by_key(|outcome| outcome.head.position);
    run.outcomes
}

struct Run<'c> {
    context: &'c Context<'c>,
    started: Instant,
    outcomes: Vec<Outcome>,
    /// The ids behind the names of creations; none for one that failed.
    ids: HashMap<String, Option<String>>,
    failed: usize,
}

/// A creation in a circle.
struct Member {
    head: Head,
    made: Option<Made>,
    error: Option<ScimError>,
}

/// What it has made.
struct Made {
    done: Done,
    /// Adds what refers to resources that were not there yet.
    rest: Option<Operation>,
    /// Deletes it.
    undo: Operation,
}

impl Run<'_> {
    fn one(&mut self, Entry { mut head, operation }: Entry) {
        let result = operation.and_then(|operation| self.carry_out(&mut head, operation));
        self.conclude(head, result);
    }

    /// Creates each resource without what refers to those that are not there yet, then adds that. Each of them leads to all, so
    /// when one fails none may stay.
    fn circle(&mut self, entries: Vec<Entry>) {
        let mut members = self.create_all(entries);
        if failed(&members).is_none() {
            self.complete_all(&mut members);
        }
        let failed = failed(&members).map(|member| member.head.bulk_id.clone().unwrap_or_default());
        for Member { head, made, error } in members {
            let result = match (&failed, made) {
                (None, Some(made)) => Ok(made.done),
                (_, made) => Err(made
                    .and_then(|made| self.undo(made).err())
                    .or(error)
                    .unwrap_or_else(|| refers_to_failed(failed.as_deref().unwrap_or_default()))),
            };
            self.conclude(head, result);
        }
    }

    /// Creates the resources in order, up to the first that fails.
    fn create_all(&mut self, entries: Vec<Entry>) -> Vec<Member> {
        let names = entries.iter().filter_map(|entry| entry.head.created_name());
        let mut missing: HashSet<String> = names.map(str::to_owned).collect();
        let mut members = Vec::new();
        for Entry { mut head, operation } in entries {
            let made = match failed(&members) {
                Some(_) => Ok(None),
                None => operation.and_then(|operation| self.create_partly(&mut head, operation, &missing)).map(Some),
            };
            missing.remove(head.bulk_id.as_deref().unwrap_or_default());
            let (made, error) = match made {
                Ok(made) => (made, None),
                Err(error) => (None, Some(error)),
            };
            members.push(Member { head, made, error });
        }
        members
    }

    fn create_partly(
        &mut self,
        head: &mut Head,
        mut operation: Operation,
        missing: &HashSet<String>,
    ) -> Result<Made, ScimError> {
        let name = head.bulk_id.clone().unwrap_or_default();
        let undo = operation.undo(&name);
        let rest = operation.split_off(&name, |referred| missing.contains(referred));
        let done = self.carry_out(head, operation)?;
        Ok(Made { done, rest, undo })
    }

    /// Completes the resources in order, up to the first that fails.
    fn complete_all(&self, members: &mut [Member]) {
        for member in members {
            let Some(made) = &mut member.made else { continue };
            let Some(rest) = made.rest.take() else { continue };
            match self.within(TIME).and_then(|()| self.perform(self.resolved(rest)?)) {
                Ok(done) => made.done.version = done.version,
                Err(error) => {
                    member.error = Some(error);
                    return;
                }
            }
        }
    }

    /// # Errors
    /// When the resource stays although incomplete.
    fn undo(&self, made: Made) -> Result<(), ScimError> {
        let deleted = self.within(TIME + TIME_TO_UNDO).and_then(|()| self.perform(self.resolved(made.undo)?));
        match deleted {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let detail = format!("{} is incomplete and could not be deleted: {error}", made.done.location);
                Err(ScimError::new(error.kind(), detail).caused_by(error))
            }
            _ => Ok(()),
        }
    }

    /// Carries out an operation; what it creates is known from then on.
    fn carry_out(&mut self, head: &mut Head, operation: Operation) -> Result<Done, ScimError> {
        self.within(TIME)?;
        let operation = self.resolved(operation)?;
        head.path = Some(operation.path());
        let done = self.perform(operation)?;
        if let Some(name) = head.created_name() {
            self.ids.insert(name.to_owned(), Some(done.id().to_owned()));
        }
        Ok(done)
    }

    /// The operation with ids in the place of references.
    fn resolved(&self, mut operation: Operation) -> Result<Operation, ScimError> {
        operation.resolve(|name| match self.ids.get(name) {
            Some(Some(id)) => Ok(id.clone()),
            Some(None) => Err(refers_to_failed(name)),
            None => Err(ScimError::new(
                ErrorKind::InvalidValue,
                format!("no POST in this request has the bulkId '{}'", excerpt(name)),
            )),
        })?;
        Ok(operation)
    }

    /// Hands an operation to the use case of its method.
    fn perform(&self, operation: Operation) -> Result<Done, ScimError> {
        let (context, service) = (self.context, self.context.service);
        let endpoint = service.endpoint(&operation.endpoint).ok_or_else(ScimError::no_such_endpoint)?;
        let location = format!("{}/{}", service.base_url, operation.path());
        let preconditions = operation.preconditions;
        // Replies to operations show no resources, so nothing is read for them.
        let view = context.presentation(&endpoint, &Projection::Only(Vec::new()));
        let (status, meta) = match operation.action {
            Action::Create(data) => (201, create(context, &endpoint, &view, data)?.meta),
            Action::Replace(id, data) => (200, replace(context, &endpoint, &id, &preconditions, &view, data)?.meta),
            Action::Modify(id, data) => match modify(context, &endpoint, &id, &preconditions, &view, data)? {
                Modified::Shown(resource) => (200, resource.meta),
                Modified::TooLarge(meta) => (200, meta),
            },
            Action::Delete(id) => {
                delete(context, &endpoint, &id, &preconditions)?;
                return Ok(Done { status: 204, location, version: None });
            }
        };
        Ok(Done { status, version: Some(meta.entity_tag()), location: meta.location })
    }

    fn within(&self, time: Duration) -> Result<(), ScimError> {
        if self.started.elapsed() < time {
            return Ok(());
        }
        let detail = format!("not begun, because those before took {} seconds; send it again", time.as_secs());
        Err(ScimError::new(ErrorKind::Unavailable, detail))
    }

    fn conclude(&mut self, head: Head, result: Result<Done, ScimError>) {
        if result.is_err() {
            self.failed += 1;
            if let Some(name) = head.created_name() {
                self.ids.insert(name.to_owned(), None);
            }
        }
        self.outcomes.push(Outcome { head, result });
    }
}

/// The first that failed.
fn failed(members: &[Member]) -> Option<&Member> {
    members.iter().find(|member| member.error.is_some())
}

fn refers_to_failed(name: &str) -> ScimError {
    ScimError::new(
        ErrorKind::Conflict,
        format!("refers to the operation with bulkId '{}', which failed", excerpt(name)),
    )
}
