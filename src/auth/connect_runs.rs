//! Walks through the wizard that connects an identity provider. What is made on the way is a header token or an OAuth client like any
//! other; this remembers which, so that the walk can be gone on with.

use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::administrators::Person;
use super::principal::Caller;
use super::role::Right;
use super::throttle::{self, Subject, Throttled};
use crate::audit::{Action, AuditEvent, Target};
use crate::store::{self, ConnectRunRow, Store};

/// Whose walks somebody sees and goes on with: those that the person started, for a contact, and all for whoever may change credentials.
/// So a contact never gets hold of a credential that somebody else made.
#[must_use]
pub fn starter(person: &Person) -> Option<Uuid> {
    (!person.has(Right::Write)).then_some(person.id)
}

/// Starts a walk of a person. Starting one of the same id again changes nothing.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn start(
    store: &Store,
    caller: &Caller,
    person: &Person,
    id: Uuid,
    provider: &str,
    method: &str,
) -> Result<(), store::Error> {
    let row = ConnectRunRow {
        tenant_id: caller.principal.tenant().0,
        id,
        provider: provider.to_owned(),
        method: method.to_owned(),
        started_at: Utc::now(),
        started_by: person.email.clone(),
        version: 0,
        credential_id: None,
        made_at: None,
        self_test: None,
        starter_id: Some(person.id),
    };
    let event = event(Action::ConnectStart, id).after(json!({"provider": provider, "method": method}));
    store.run(caller, |tenant| tenant.insert_connect_run(&row, &event)).map(drop)
}

/// Makes a credential or a secret of a walk by `make`, which gives its id, unless one was made since whoever asks has seen this
/// `version`: then there is none, so that a form sent twice makes one.
///
/// # Errors
/// Those of `make`, and of the database.
pub fn issue<T, E: From<store::Error>>(
    store: &Store,
    caller: &Caller,
    run: Uuid,
    version: i32,
    make: impl FnOnce() -> Result<(String, T), E>,
) -> Result<Option<T>, E> {
    if !store.run(caller, |tenant| tenant.claim_connect_run(run, version))? {
        return Ok(None);
    }
    let made_at = Utc::now();
    let (credential, made) = make()?;
    let event = event(Action::ConnectCredential, run).after(json!({"credential": credential}));
    store.run(caller, |tenant| tenant.set_connect_credential(run, &credential, made_at, &event))?;
    Ok(Some(made))
}

/// Counts that the server is about to call itself in the caller's tenant.
///
/// # Errors
/// The inner error when it has done so often of late; the outer one from the database.
pub fn begin_self_test(store: &Store, caller: &Caller) -> Result<Result<(), Throttled>, store::Error> {
    throttle::charge(store, &[Subject::self_test(caller.principal.tenant())], Utc::now())
}

/// Records what the server found when it called itself.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn record_self_test(store: &Store, caller: &Caller, run: Uuid, found: &Value) -> Result<(), store::Error> {
    let event = event(Action::ConnectSelfTest, run).after(found.clone());
    store.run(caller, |tenant| tenant.set_connect_self_test(run, found, &event))
}

fn event(action: Action, run: Uuid) -> AuditEvent {
    AuditEvent::new(action, Target::new("ConnectRun", run))
}
