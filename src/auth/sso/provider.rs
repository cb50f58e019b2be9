//! The identity provider of the installation, as its operators set it up.

use chrono::Utc;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::discovery;
use super::terms::{ROLES, Terms};
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::principal::Caller;
use crate::auth::role::Role;
use crate::auth::seal::{Reseal, SealKey};
use crate::id::TenantId;
use crate::store::{self, SsoProviderRow, Store};

/// Characters of a line of text at most.
const TEXT_LENGTH: usize = 500;
/// Values of the role claim, and domains, at most.
const ENTRIES: usize = 100;
/// What the client secret is encrypted for, together with the issuer: a row with another issuer must not have it sent there.
const SECRET: &[u8] = b"sso client secret ";

/// The provider, ready to be asked.
pub struct Provider {
    /// Whether people may sign in by it; if not, it may be tried out.
    pub enabled: bool,
    /// Its name, a URL.
    pub issuer: String,
    /// What it knows us by.
    pub client_id: String,
    /// What we authenticate with.
    pub client_secret: Zeroizing<Vec<u8>>,
    /// Whom we let in, and as what.
    pub terms: Terms,
    /// The tenant whose people sign in by it, and of the accounts that are made; [`TenantId::NONE`] for those of all tenants, and
    /// operators.
    pub people: TenantId,
}

impl Provider {
    /// Whether what it says counts for the accounts of a tenant, [`TenantId::NONE`] for operators. That of one tenant must not decide
    /// who the people of another are, or what operators may do.
    #[must_use]
    pub fn answers_for(&self, tenant: TenantId) -> bool {
        self.people == TenantId::NONE || self.people == tenant
    }
}

/// Why there is no provider to be asked.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The client secret does not open.
    #[error("the client secret was sealed under another master key; enter it anew")]
    Sealed,
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What an operator enters.
#[derive(Debug, Clone, Copy)]
pub struct Entered<'a> {
    /// Whether people may sign in by it.
    pub enabled: bool,
    /// The issuer.
    pub issuer: &'a str,
    /// The client id.
    pub client_id: &'a str,
    /// The client secret; empty for the present one.
    pub client_secret: &'a str,
    /// The claim that holds roles; empty for none.
    pub role_claim: &'a str,
    /// Which value stands for which role: `value = role`, one a line.
    pub roles: &'a str,
    /// The role of whoever has none by the claim; empty for none.
    pub default_role: &'a str,
    /// Whether it is for the people of one tenant, and not for those of all and for operators.
    pub is_for_tenant: bool,
    /// The name of that tenant.
    pub tenant: &'a str,
    /// Domains, with commas or blanks between them.
    pub email_domains: &'a str,
    /// Whether addresses count as verified of which the provider does not say whether they are.
    pub assumes_verified_email: bool,
}

/// Why settings were not taken.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// What is wrong, by the names of the fields.
    #[error("something entered cannot be taken")]
    Entered(Vec<(&'static str, String)>),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Why sign-in with passwords was not switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordsError {
    /// Nobody could sign in any more.
    #[error("single sign-on is not enabled")]
    NotEnabled,
    /// It is not proven to work for whoever has to look after the installation.
    #[error("no owner over all tenants has signed in by the identity provider yet")]
    NoOwner,
    /// Operators cannot sign in by it.
    #[error("the identity provider is for the people of one tenant, and operators need their passwords")]
    ForTenant,
}

/// The provider, if there is one.
///
/// # Errors
/// [`ProviderError`].
pub fn load(store: &Store, seal: &SealKey) -> Result<Option<Provider>, ProviderError> {
    let Some(row) = store.gate(|gate| gate.sso_provider())? else {
        return Ok(None);
    };
    let terms = terms_of(&row);
    let client_secret = seal.open(&context(&row.issuer), &row.sealed_client_secret).ok_or(ProviderError::Sealed)?;
    Ok(Some(Provider {
        enabled: row.enabled,
        issuer: row.issuer,
        client_id: row.client_id,
        client_secret,
        terms,
        people: TenantId(row.people_tenant_id),
    }))
}

/// The client secret of a row, encrypted anew. `None` where it does not open under the former key.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn resealed(row: &SsoProviderRow, reseal: &Reseal) -> Result<Option<Vec<u8>>, getrandom::Error> {
    reseal.apply(&context(&row.issuer), &row.sealed_client_secret)
}

/// The rules in a row.
#[must_use]
pub fn terms_of(row: &SsoProviderRow) -> Terms {
    let role = |entry: &Value| Some((entry["value"].as_str()?.to_owned(), Role::parse(entry["role"].as_str()?)?));
    Terms {
        role_claim: row.role_claim.clone(),
        roles: row.roles.as_array().into_iter().flatten().filter_map(role).collect(),
        default_role: row.default_role.as_deref().and_then(Role::parse),
        email_domains: row.email_domains.clone(),
        assumes_verified_email: row.assumes_verified_email,
    }
}

/// Takes what was entered.
///
/// # Errors
/// [`SettingsError::Entered`] with one sentence for each field that is wrong.
pub fn save(store: &Store, seal: &SealKey, caller: &Caller, entered: &Entered<'_>) -> Result<(), SettingsError> {
    let (before, allows_passwords, tenant) = store.gate(|gate| {
        let name = Some(entered.tenant.trim()).filter(|name| entered.is_for_tenant && is_text(name));
        let tenant = match name {
            // What a deleted one is called then is no name that anybody gives.
            Some(name) => gate.tenant(name)?.filter(|tenant| tenant.delete_after.is_none()),
            None => None,
        };
        Ok((gate.sso_provider()?, gate.installation()?.allows_passwords, tenant))
    })?;
    let mut problems = Vec::new();
    let (issuer, client_id, secret) = (entered.issuer.trim(), entered.client_id.trim(), entered.client_secret);
    if let Err(problem) = discovery::check_issuer(issuer) {
        problems.push(("issuer", problem.to_owned()));
    }
    if !is_text(client_id) {
        problems.push(("client_id", "Enter the client id that the provider shows.".into()));
    }
    let same_issuer = before.as_ref().filter(|before| before.issuer == issuer);
    if secret.is_empty() && same_issuer.is_none() {
        let sentence = match before {
            Some(_) => "Enter the secret of the new issuer: the present one is not sent anywhere else.",
            None => "Enter the client secret that the provider shows.",
        };
        problems.push(("client_secret", sentence.into()));
    } else if !secret.is_empty() && !is_text(secret) {
        problems.push(("client_secret", "The client secret has at most 500 characters on one line.".into()));
    }
    let terms = read_terms(entered, &mut problems);
    if entered.is_for_tenant && tenant.is_none() {
        problems.push(("tenant", "There is no tenant of this name.".into()));
    }
    if !allows_passwords && entered.is_for_tenant {
        problems.push(("reach", "Operators sign in by it alone at the moment. Allow passwords first.".into()));
    }
    if !allows_passwords && !entered.enabled {
        problems.push(("enabled", "People sign in by it alone at the moment. Allow passwords first.".into()));
    }
    if !allows_passwords && before.is_some() && same_issuer.is_none() {
        problems.push(("issuer", "People sign in by the present issuer alone. Allow passwords first.".into()));
    }
    if !problems.is_empty() {
        return Err(SettingsError::Entered(problems));
    }
    let (sealed_client_secret, key_version) = match same_issuer {
        Some(before) if secret.is_empty() => (before.sealed_client_secret.clone(), before.key_version),
        _ => (seal.seal(&context(issuer), secret.as_bytes())?, SealKey::VERSION),
    };
    let roles = terms.roles.iter().map(|(value, role)| json!({"value": value, "role": role.name()}));
    let row = SsoProviderRow {
        id: true,
        enabled: entered.enabled,
        issuer: issuer.to_owned(),
        client_id: client_id.to_owned(),
        sealed_client_secret,
        key_version,
        roles: roles.collect(),
        role_claim: terms.role_claim,
        default_role: terms.default_role.map(|role| role.name().to_owned()),
        people_tenant_id: tenant.map_or(TenantId::NONE.0, |tenant| tenant.id),
        email_domains: terms.email_domains,
        assumes_verified_email: terms.assumes_verified_email,
        changed_at: Utc::now(),
    };
    let mut after = recorded(&row);
    if !secret.is_empty() {
        after["clientSecret"] = "(changed)".into();
    }
    let event = AuditEvent { before: before.as_ref().map(recorded), ..event(&row.issuer).after(after) };
    store.run(caller, |tenant| tenant.set_sso_provider(&row, &event))?;
    Ok(())
}

/// Switches sign-in with passwords on or off. Doing so twice changes nothing.
///
/// # Errors
/// The inner error when it must stay on; the outer one from the database.
pub fn set_allows_passwords(
    store: &Store,
    caller: &Caller,
    on: bool,
) -> Result<Result<(), PasswordsError>, store::Error> {
    if !on && let Err(error) = may_do_without_passwords(store)? {
        return Ok(Err(error));
    }
    let event = event("passwords").after(json!({"allowsPasswords": on}));
    store.run(caller, |tenant| tenant.set_allows_passwords(on, &event)).map(|_| Ok(()))
}

/// Whether people could still sign in without passwords.
///
/// # Errors
/// The inner error when they could not; the outer one from the database.
pub fn may_do_without_passwords(store: &Store) -> Result<Result<(), PasswordsError>, store::Error> {
    store.gate(|gate| {
        let Some(provider) = gate.sso_provider()?.filter(|provider| provider.enabled) else {
            return Ok(Err(PasswordsError::NotEnabled));
        };
        if TenantId(provider.people_tenant_id) != TenantId::NONE {
            return Ok(Err(PasswordsError::ForTenant));
        }
        Ok(if gate.has_owner_of_issuer(&provider.issuer)? { Ok(()) } else { Err(PasswordsError::NoOwner) })
    })
}

fn event(id: &str) -> AuditEvent {
    AuditEvent::new(Action::SsoUpdate, Target::new("SingleSignOn", id))
}

/// The settings as they are recorded: without the secret.
fn recorded(row: &SsoProviderRow) -> Value {
    json!({
        "enabled": row.enabled,
        "issuer": row.issuer,
        "clientId": row.client_id,
        "roleClaim": row.role_claim,
        "roles": row.roles,
        "defaultRole": row.default_role,
        "tenant": TenantId(row.people_tenant_id).to_string(),
        "emailDomains": row.email_domains,
        "assumesVerifiedEmail": row.assumes_verified_email,
    })
}

fn context(issuer: &str) -> Vec<u8> {
    [SECRET, issuer.as_bytes()].concat()
}

fn read_terms(entered: &Entered<'_>, problems: &mut Vec<(&'static str, String)>) -> Terms {
    let role_claim = Some(entered.role_claim.trim()).filter(|claim| !claim.is_empty());
    if role_claim.is_some_and(|claim| !is_text(claim)) {
        problems.push(("role_claim", "The name of a claim has at most 500 characters on one line.".into()));
    }
    let roles = read_roles(entered.roles).unwrap_or_else(|problem| {
        problems.push(("roles", problem));
        Vec::new()
    });
    match (role_claim, entered.roles.trim().is_empty()) {
        (Some(_), true) => problems.push(("roles", "Say which value of the claim stands for which role.".into())),
        (None, false) => problems.push(("role_claim", "Name the claim that these values are from.".into())),
        _ => {}
    }
    let default_role = Role::parse(entered.default_role).filter(|role| ROLES.contains(role));
    if !entered.default_role.is_empty() && default_role.is_none() {
        problems.push(("default_role", "Choose one of the roles.".into()));
    }
    let domains = entered.email_domains.split([',', ' ', '\t', '\r', '\n']).filter(|domain| !domain.is_empty());
    let email_domains: Vec<String> =
        domains.map(|domain| domain.trim_start_matches('@').to_lowercase()).take(ENTRIES + 1).collect();
    if let Some(wrong) = email_domains.iter().find(|domain| !is_domain(domain)) {
        let shown: String = wrong.chars().take(50).collect();
        problems.push(("email_domains", format!("“{shown}” is no domain; one looks like example.com.")));
    } else if email_domains.len() > ENTRIES {
        problems.push(("email_domains", format!("There can be {ENTRIES} domains at most.")));
    }
    Terms {
        role_claim: role_claim.map(str::to_owned),
        roles,
        default_role,
        email_domains,
        assumes_verified_email: entered.assumes_verified_email,
    }
}

/// Reads which value stands for which role.
fn read_roles(text: &str) -> Result<Vec<(String, Role)>, String> {
    let mut roles: Vec<(String, Role)> = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        // The last one: a value may be a distinguished name.
        let pair = line.rsplit_once('=').map(|(value, role)| (value.trim(), role.trim()));
        let role = pair.and_then(|(_, role)| Role::parse(role)).filter(|role| ROLES.contains(role));
        let value = pair.map(|(value, _)| value).filter(|value| is_text(value));
        let (Some(value), Some(role)) = (value, role) else {
            let names = ROLES.map(Role::name).join(", ");
            return Err(format!("Line {} is not “value = role” with one of the roles {names}.", number + 1));
        };
        if roles.iter().any(|(known, _)| known == value) {
            return Err(format!("Line {} names a value for the second time.", number + 1));
        }
        roles.push((value.to_owned(), role));
    }
    if roles.len() > ENTRIES { Err(format!("There can be {ENTRIES} values at most.")) } else { Ok(roles) }
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= TEXT_LENGTH && !text.chars().any(char::is_control)
}

fn is_domain(domain: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || c == '-';
    domain.len() <= 253 && domain.split('.').all(|label| !label.is_empty() && label.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_from_lines() {
        let read = read_roles("chiefs = owner\n\n CN=staff,O=Acme = admin \nreaders=auditor").unwrap();
        let expected = [("chiefs", Role::Owner), ("CN=staff,O=Acme", Role::Admin), ("readers", Role::Auditor)];
        assert_eq!(read, expected.map(|(value, role)| (value.to_owned(), role)));
        for wrong in ["chiefs", "chiefs = boss", "= owner", "x = contact", "a = owner\na = admin", "a\u{0} = owner"] {
            assert!(read_roles(wrong).is_err(), "{wrong}");
        }
        let many: Vec<String> = (0..=ENTRIES).map(|number| format!("{number} = admin")).collect();
        assert!(read_roles(&many.join("\n")).is_err());
    }

    #[test]
    fn domains_have_labels() {
        for domain in ["example.com", "localhost", "b\u{fc}cher.example", "a-b.example"] {
            assert!(is_domain(domain), "{domain}");
        }
        for wrong in ["", ".", "example..com", ".example.com", "ada@example.com", "a b", "*.example.com", "a\u{0}"] {
            assert!(!is_domain(wrong), "{wrong}");
        }
    }
}
