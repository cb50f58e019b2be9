//! What each tenant is served, made once for each state of its definitions and then shared by all requests.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::Service;
use crate::auth::{Caller, Principal};
use crate::id::TenantId;
use crate::scim::error::{ErrorKind, ScimError};
use crate::store::Store;

/// Tenants with something of their own that are remembered at most.
const CAPACITY: usize = 1_000;

/// The standard, and what is known of tenants that have more.
///
/// A server goes by the revision that it saw with the credential, so for a second it may still serve the former definitions. That
/// breaks nothing: what it writes then is valid by them; a value that the new ones do not know is shown until a client replaces it,
/// and no comparison stumbles over it (`store/condition.rs`); a name that has become unique, or no longer is, is seen to by
/// `definitions::settle_unique_names` when the second is over.
#[derive(Debug)]
pub struct Services {
    standard: Service,
    own: RwLock<HashMap<TenantId, (i64, Service)>>,
}

impl Services {
    /// Services of which this one is the standard.
    #[must_use]
    pub fn new(standard: Service) -> Self {
        Self { standard, own: RwLock::default() }
    }

    /// What callers without a credential are shown, and tenants without anything of their own are served.
    #[must_use]
    pub fn standard(&self) -> &Service {
        &self.standard
    }

    /// What the caller is served, if that is known. Needs no database.
    #[must_use]
    pub fn find(&self, principal: &Principal) -> Option<Service> {
        if principal.schema_revision() == 0 {
            return Some(self.standard.clone());
        }
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        let (revision, service) = own.get(&principal.tenant())?;
        (*revision == principal.schema_revision()).then(|| service.clone())
    }

    /// Reads what the caller's tenant is served, and remembers it under the caller's revision.
    ///
    /// # Errors
    /// 503 without the database, 500 for definitions that this version does not take.
    pub fn load(&self, store: &Store, caller: &Caller) -> Result<Service, ScimError> {
        let stored = store.read(caller, |tenant| tenant.definitions().map_err(ScimError::from))?;
        let service = if stored.unique_group_names && stored.definitions.is_empty() {
            self.standard.clone()
        } else {
            let standard = &self.standard.registry;
            let registry = standard.extended(&stored.definitions, stored.unique_group_names).map_err(|error| {
                ScimError::new(ErrorKind::Internal, "the schemas of this tenant cannot be served").caused_by(error)
            })?;
            Service { registry: Arc::new(registry), base_url: Arc::clone(&self.standard.base_url) }
        };
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        if own.len() >= CAPACITY
            && !own.contains_key(&caller.principal.tenant())
            && let Some(any) = own.keys().next().copied()
        {
            own.remove(&any);
        }
        own.insert(caller.principal.tenant(), (caller.principal.schema_revision(), service.clone()));
        Ok(service)
    }
}
