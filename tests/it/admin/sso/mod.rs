//! Single sign-on, against a small OpenID provider. It is set up for a whole installation, so that these tests have a server of their
//! own, which one at a time uses.

mod accounts;
mod passwords;
mod refusals;
mod settings;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use provisor::audit::{Action, AuditEvent, Target};
use provisor::auth::administrators::{self, NewAdministrator};
use provisor::auth::role::Role as Power;
use provisor::auth::sso::provider::{self, Entered};
use provisor::backend::Backend;
use provisor::id::TenantId;
use provisor::private_postgres::Role;
use provisor::store::{AuditRow, NewTenant};
use reqwest::Method;
use uuid::Uuid;

use crate::support::browser::Page;
use crate::support::openid::{CLIENT_ID, CLIENT_SECRET, Provider, Somebody};
use crate::support::people::PASSWORD;
use crate::support::{Browser, database, eventually, operator, process, settings as settings_of, temporary_directory};

/// The server, its database, and the provider.
struct Installation {
    url: String,
    data_dir: PathBuf,
    backend: Backend,
    provider: Provider,
}

/// The installation, which nobody else uses meanwhile.
fn installation() -> MutexGuard<'static, Installation> {
    static INSTALLATION: OnceLock<Mutex<Installation>> = OnceLock::new();
    let installation = INSTALLATION.get_or_init(|| {
        let data_dir = temporary_directory("sso");
        let url = process::start_watched_with(&data_dir, &["--allow-private-addresses"]);
        let backend = Backend::open(&settings_of(&data_dir), Role::Command).unwrap();
        Mutex::new(Installation { url, data_dir, backend, provider: Provider::start() })
    });
    let installation = installation.lock().unwrap_or_else(PoisonError::into_inner);
    // Nobody is held up by what tests before have tried in vain.
    installation.execute("DELETE FROM throttles");
    installation.allow_passwords(true);
    installation.set_up(installation.entered());
    // There is somebody, so that nobody is sent to the set-up.
    if administrators::list(&installation.backend.store).unwrap().is_empty() {
        installation.administrator(TenantId::NONE, Power::Owner);
    }
    installation
}

/// An address that nobody has yet.
fn address() -> String {
    format!("ada.{}@example.com", Uuid::now_v7().simple())
}

impl Installation {
    /// Settings by which everybody is let in: as the claim `groups` says, else as an auditor, for the tenant `default`.
    fn entered(&self) -> Entered<'_> {
        Entered {
            enabled: true,
            issuer: &self.provider.issuer,
            client_id: CLIENT_ID,
            client_secret: CLIENT_SECRET,
            role_claim: "groups",
            roles: "chiefs = owner\nstaff = admin",
            default_role: "auditor",
            is_for_tenant: true,
            tenant: "default",
            email_domains: "",
            assumes_verified_email: false,
        }
    }

    fn set_up(&self, entered: Entered<'_>) {
        let caller = operator(TenantId::NONE);
        provider::save(&self.backend.store, &self.backend.sso_key, &caller, &entered).unwrap();
    }

    fn allow_passwords(&self, on: bool) {
        provider::set_allows_passwords(&self.backend.store, &operator(TenantId::NONE), on).unwrap().unwrap();
    }

    fn tenant_id(&self, name: &str) -> TenantId {
        TenantId(self.backend.store.gate(|gate| gate.tenant(name)).unwrap().unwrap().id)
    }

    fn new_tenant(&self) -> TenantId {
        let id = TenantId::generate();
        let name = id.to_string();
        let event = AuditEvent::new(Action::TenantCreate, Target::new("Tenant", id));
        let new = NewTenant { name: &name, stores_passwords: false, unique_group_names: true };
        self.backend.store.run(&operator(id), |tenant| tenant.insert_tenant(&new, &event)).unwrap();
        id
    }

    /// Somebody with a password; gives the address.
    fn administrator(&self, tenant: TenantId, role: Power) -> String {
        let email = address();
        let new = NewAdministrator { email: &email, role, password: PASSWORD };
        administrators::create(&self.backend.store, &operator(tenant), &new).unwrap();
        email
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.url)
    }

    /// The browser of an operator who has signed in with a password.
    fn operator(&self) -> Browser {
        let email = self.administrator(TenantId::NONE, Power::Owner);
        let mut browser = self.browser();
        assert_eq!(browser.sign_in(&email, PASSWORD).heading(), "Overview");
        browser
    }

    /// Goes to the provider from this page, and gives the URL that the provider sends the browser back to.
    fn come_back(&self, browser: &mut Browser, from: &str, somebody: &Somebody) -> String {
        let page = browser.request(Method::GET, from);
        assert_eq!(page.status, 303, "{}", page.text);
        self.provider.sign_in(page.location().unwrap(), somebody)
    }

    /// Signs somebody in, and gives the page that follows.
    fn sign_in(&self, browser: &mut Browser, somebody: &Somebody) -> Page {
        let back = self.come_back(browser, "/admin/login/sso", somebody);
        browser.open(&back)
    }

    /// The role, the tenant and whether there is a password, of the account with this address.
    fn account(&self, email: &str) -> (String, TenantId, bool) {
        let row = administrators::find(&self.backend.store, email).unwrap();
        (row.role, TenantId(row.tenant_id), row.password_hash.is_some())
    }

    fn audit(&self, tenant: TenantId) -> Vec<AuditRow> {
        self.backend.store.run(&operator(tenant), |tenant| tenant.audit_events(1_000)).unwrap()
    }

    /// What was recorded of the account with this address, the oldest first.
    fn history(&self, email: &str) -> Vec<String> {
        let row = administrators::find(&self.backend.store, email).unwrap();
        let mut rows = self.audit(TenantId(row.tenant_id));
        rows.retain(|entry| entry.target_id == row.id.to_string());
        rows.reverse();
        rows.into_iter().map(|entry| entry.action).collect()
    }

    /// Waits until this reason is in the audit log.
    fn assert_recorded(&self, reason: &str) {
        eventually(reason, || {
            let found = |row: &AuditRow| {
                row.action == "session.refused" && row.detail.as_deref().is_some_and(|detail| detail.contains(reason))
            };
            self.audit(TenantId::NONE).iter().any(found).then_some(())
        });
    }

    fn execute(&self, statement: &str) {
        database::execute(&mut database::connect(&self.data_dir, "provisor"), statement);
    }

    fn query(&self, query: &str) -> Vec<String> {
        database::texts(&mut database::connect(&self.data_dir, "provisor"), query)
    }
}

/// Asserts that a page says that nobody was signed in, and that nobody was.
fn assert_refused(browser: &mut Browser, page: &Page, status: u16) {
    assert_eq!((page.status, &*page.heading()), (status, "You were not signed in"), "{}", page.text);
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    assert_eq!(browser.request(Method::GET, "/admin").status, 303);
}
