//! `provisor token`.

use chrono::{TimeDelta, Utc};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Error, check_name, duration, find_tenant, operator, output};
use crate::auth::{self, Caller, IssuedToken, NewToken, Scope, TokenError};
use crate::backend::Backend;
use crate::id::{ResourceId, TenantId};
use crate::scim::fold;
use crate::store::TokenRow;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a token. It is shown once.
    Create {
        /// A name that says who holds it.
        name: String,
        /// The tenant whose users it provisions.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// What it may do; may be given several times [default: scim.read and scim.write].
        #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
        scopes: Vec<Scope>,
        /// The userName of the user that it stands for, who is then /Me. It is refused once that user is inactive.
        #[arg(long, value_name = "USERNAME")]
        user: Option<String>,
        /// How long it is valid, like 365d or 24h.
        #[arg(long, value_name = "TIME", default_value = "365d", value_parser = duration::parse_lifetime)]
        expires: TimeDelta,
        /// Print JSON: one object with id and token.
        #[arg(long)]
        json: bool,
    },
    /// List the tokens of a tenant.
    List {
        /// The tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a successor of a token, with the same scopes and length of life; the old one ends after the overlap.
    Rotate {
        /// The id of the old token.
        id: String,
        /// How long the old one still works.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration::parse)]
        overlap: TimeDelta,
        /// Print JSON: one object with id and token.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token. Running servers refuse it within a second.
    Revoke {
        /// Its id.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| format!("wants one of {}", Scope::ALL.map(Scope::name).join(", ")))
}

pub(super) fn run(command: &Command, backend: &Backend) -> Result<(), Error> {
    match command {
        Command::Create { name, tenant, scopes, user, expires, json } => {
            check_name(name)?;
            let caller = operator(TenantId(find_tenant(backend, tenant)?.id));
            let scopes = if scopes.is_empty() { &Scope::ALL[..] } else { scopes };
            let new = NewToken {
                name: name.clone(),
                scopes: scopes.iter().copied().collect(),
                expires_at: Some(Utc::now() + *expires),
                allowed_networks: Vec::new(),
                user: user.as_ref().map(|name| find_user(backend, &caller, name)).transpose()?,
            };
            issued(&auth::tokens::create(&backend.store, &caller, &backend.token_key, &new)?, *json)
        }
        Command::List { tenant, json } => {
            let caller = operator(TenantId(find_tenant(backend, tenant)?.id));
            list(auth::tokens::list(&backend.store, &caller)?, *json)
        }
        Command::Rotate { id, overlap, json } => {
            let caller = owner(backend, id)?;
            issued(&auth::tokens::rotate(&backend.store, &caller, &backend.token_key, id, *overlap)?, *json)
        }
        Command::Revoke { id, json } => {
            auth::tokens::revoke(&backend.store, &owner(backend, id)?, id)?;
            if *json {
                output::json(&json!({"id": id, "revoked": true}))?;
            } else {
                output::line(&format!("revoked token {id}"))?;
            }
            Ok(())
        }
    }
}

/// The operator, acting for the tenant that the token belongs to.
fn owner(backend: &Backend, id: &str) -> Result<Caller, Error> {
    let tenant = backend.store.gate(|gate| gate.tenant_of_token(id))?;
    tenant.map(operator).ok_or_else(|| Error::Token(TokenError::Unknown(id.to_owned())))
}

/// The user of this name in the caller's tenant.
fn find_user(backend: &Backend, caller: &Caller, name: &str) -> Result<ResourceId, Error> {
    let found = backend.store.run(caller, |tenant| tenant.user_named(&fold::case(name)))?;
    found.ok_or_else(|| Error::UnknownUser(name.to_owned()))
}

fn issued(token: &IssuedToken, json: bool) -> Result<(), Error> {
    if json {
        let mut shown = to_json(&token.row);
        shown["token"] = token.secret.reveal().into();
        output::json(&shown)?;
        return Ok(());
    }
    output::line(token.secret.reveal())?;
    // Not to standard output, so that TOKEN=$(provisor token create NAME) has the token alone.
    eprintln!(
        "\nid      {}\nscopes  {}\nexpires {}\n\nThe token is shown this once. Keep it where secrets are kept.",
        token.row.id,
        token.row.scopes.join(" "),
        output::optional_time(token.row.expires_at, "never"),
    );
    Ok(())
}

fn list(rows: Vec<TokenRow>, json: bool) -> Result<(), Error> {
    if json {
        output::json(&rows.iter().map(to_json).collect())?;
        return Ok(());
    }
    let rows: Vec<[String; 6]> = rows
        .into_iter()
        .map(|row| {
            let state = row.state(Utc::now()).name();
            [
                row.id,
                row.name,
                row.scopes.join(" "),
                state.into(),
                output::optional_time(row.expires_at, "never"),
                output::optional_time(row.last_used_at, "never"),
            ]
        })
        .collect();
    output::table(["ID", "NAME", "SCOPES", "STATE", "EXPIRES", "LAST USED"], &rows)?;
    Ok(())
}

fn to_json(row: &TokenRow) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "scopes": row.scopes,
        "state": row.state(Utc::now()).name(),
        "createdAt": row.created_at,
        "expiresAt": row.expires_at,
        "revokedAt": row.revoked_at,
        "lastUsedAt": row.last_used_at,
        "lastUsedAddress": row.last_used_address,
        "allowedNetworks": row.allowed_networks,
        "createdBy": row.created_by,
        "rotatedTo": row.rotated_to,
        "userId": row.user_id,
    })
}
