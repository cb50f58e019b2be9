//! A walk through the wizard.

use actix_web::web;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::PAGE;
use super::provider::{Method, Provider};
use crate::auth::connect_runs;
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{PageError, Problem, show};
use crate::http::{AppState, blocking};
use crate::store::{ConnectRunRow, CredentialState};

/// A walk through the wizard.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub row: ConnectRunRow,
    pub credential: CredentialState,
    pub provider: Provider,
    pub method: Method,
}

impl Run {
    /// The walk of this id in the tenant at hand, if it is one of those that the person goes on with.
    ///
    /// # Errors
    /// That there is none.
    pub(super) async fn find(
        app: &web::Data<AppState>,
        administrator: &Administrator,
        id: &str,
    ) -> Result<Self, PageError> {
        let missing = || PageError::new(Problem::NotFound).saying("Nothing of this kind was begun in this tenant.");
        let id = Uuid::try_parse(id).map_err(|_| missing())?;
        let (caller, starter) = (administrator.caller(), connect_runs::starter(administrator.person()));
        let found = blocking::run(app, move |app| {
            app.store.read(&caller, |tenant| tenant.connect_run(starter, id)).map_err(PageError::from)
        });
        found.await?.and_then(|(row, credential)| Self::of(row, credential)).ok_or_else(missing)
    }

    /// A walk as stored, unless it is for a provider or by a way that this version does not know.
    pub(super) fn of(row: ConnectRunRow, credential: CredentialState) -> Option<Self> {
        let (provider, method) = (Provider::parse(&row.provider)?, Method::parse(&row.method)?);
        Some(Self { row, credential, provider, method })
    }

    /// The path of its page.
    pub(super) fn page(&self) -> String {
        format!("{PAGE}/{}", self.row.id)
    }

    /// What keeps its credential from working, if anything does.
    pub(super) fn trouble(&self, now: DateTime<Utc>) -> Option<&'static str> {
        let credential = &self.credential;
        self.row.credential_id.as_ref()?;
        if credential.token_name.is_none() && credential.client_name.is_none() {
            Some("The credential is not there any more.")
        } else if credential.revoked_at.is_some() {
            Some("The token is revoked.")
        } else if credential.disabled_at.is_some() {
            Some("The client is disabled. Enable it, or make a new one.")
        } else if credential.rotated_to.is_some() {
            Some("The token was rotated elsewhere; its successor was shown there.")
        } else if credential.expires_at.is_some_and(|end| end <= now) {
            Some("The token has expired.")
        } else {
            None
        }
    }

    /// Whether a credential can be made.
    pub(super) fn wants_credential(&self, now: DateTime<Utc>) -> bool {
        self.row.credential_id.is_none() || self.trouble(now).is_some()
    }

    /// What pages show of it.
    pub(super) fn shown(&self, now: DateTime<Utc>) -> Value {
        let credential = &self.credential;
        json!({
            "id": self.row.id,
            "provider": self.provider.label(),
            "subject": self.provider.subject(),
            "method": self.method.label(),
            "is_oauth": self.method.is_oauth(),
            "version": self.row.version,
            "started": show::time(self.row.started_at, now),
            "by": self.row.started_by,
            "credential": self.row.credential_id,
            "name": credential.token_name.as_ref().or(credential.client_name.as_ref()),
            "made": show::time_or_none(self.row.made_at, now),
            "trouble": self.trouble(now),
            "expires": show::time_or_none(credential.expires_at, now),
            "redirect_uris": credential.redirect_uris.as_deref().unwrap_or_default(),
        })
    }
}
