//! `provisor client`.

use std::path::PathBuf;

use chrono::{TimeDelta, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Error, check_name, duration, find_tenant, operator, output, read_definition};
use crate::auth::{Caller, Scope};
use crate::backend::Backend;
use crate::config::Settings;
use crate::id::TenantId;
use crate::oauth::authenticate_client::KeySource;
use crate::oauth::clients::{self, ClientError, Former, IssuedClient, NewClient};
use crate::oauth::grant_type::GrantType;
use crate::oauth::metadata::{AUTHORIZE, TOKEN};
use crate::oauth::redirect_uri;
use crate::store::{ClientRow, ClientSecretRow};

/// What is said of endpoints at an address that nobody gave: it may be another than the server's.
const ASSUMED_URL: &str =
    "\nThe endpoints are those of a server on this machine. Clients elsewhere need its outside address: --public-url.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a client. Its secret is shown once.
    Create {
        #[command(flatten)]
        new: Box<New>,
        /// Print JSON: one object with id, secret and the endpoints.
        #[arg(long)]
        json: bool,
    },
    /// List the clients of a tenant.
    List {
        #[command(flatten)]
        owner: Owner,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a client and its secrets, as far as they are kept.
    Show {
        /// Its id.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give a client a new secret; the old one ends after the overlap.
    RotateSecret {
        /// Its id.
        id: String,
        /// How long the old secret still works.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration::parse)]
        overlap: TimeDelta,
        /// Print JSON: one object with id and secret.
        #[arg(long)]
        json: bool,
    },
    /// Revoke all that a client has: what people consented to, refresh tokens and access tokens. It can get new ones.
    RevokeGrants {
        /// Its id.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Disable a client. Running servers refuse it and its tokens within a second.
    Disable {
        /// Its id.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Enable a client that was disabled.
    Enable {
        /// Its id.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Owner {
    /// The tenant that is provisioned.
    #[arg(long, default_value = "default", conflicts_with = "catalogue")]
    tenant: String,
    /// No tenant of its own: the client of a catalogue app that many customers use. The tenant comes from the person who consents.
    #[arg(long)]
    catalogue: bool,
}

impl Owner {
    fn caller(&self, backend: &Backend) -> Result<Caller, Error> {
        let catalogue = self.catalogue.then_some(TenantId::NONE);
        Ok(operator(match catalogue {
            Some(none) => none,
            None => TenantId(find_tenant(backend, &self.tenant)?.id),
        }))
    }
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// A name that says who it is; people see it when they consent.
    name: String,
    #[command(flatten)]
    owner: Owner,
    /// By what it gets tokens; may be given several times [default: codes and refresh tokens with redirect URIs, else the client's
    /// own authentication].
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant_type)]
    grants: Vec<GrantType>,
    /// What it may do; may be given several times [default: scim.read and scim.write].
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<Scope>,
    /// Where people are sent back to after they consented, exactly; may be given several times.
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// The name of an Okta app, or the URL of its page in the admin console: adds the redirect URIs of Okta.
    #[arg(long, value_name = "NAME_OR_URL")]
    okta_app: Option<String>,
    /// Add the redirect URI of Okta's own developers, which is not encrypted. Only for tests together with Okta.
    #[arg(long, requires = "okta_app")]
    okta_internal: bool,
    /// The client cannot keep a secret: an app on people's own machines.
    #[arg(long, conflicts_with_all = ["jwks", "jwks_uri"])]
    public: bool,
    /// Insist on PKCE. Public clients always need it.
    #[arg(long)]
    require_pkce: bool,
    /// File with the public keys (a JSON Web Key Set) that verify the client's assertions; it then has no secret.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks: Option<PathBuf>,
    /// URL where the client publishes those keys.
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// How long its access tokens are valid.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration::parse_lifetime)]
    access_token_life: TimeDelta,
    /// How long its refresh tokens are valid unless they are used.
    #[arg(long, value_name = "TIME", default_value = "365d", value_parser = duration::parse_lifetime)]
    refresh_idle: TimeDelta,
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| format!("wants one of {}", Scope::ALL.map(Scope::name).join(", ")))
}

fn grant_type(text: &str) -> Result<GrantType, String> {
    GrantType::parse(text).ok_or_else(|| format!("wants one of {}", GrantType::ALL.map(GrantType::name).join(", ")))
}

pub(super) fn run(command: &Command, backend: &Backend, settings: &Settings) -> Result<(), Error> {
    let store = &backend.store;
    match command {
        Command::Create { new, json } => {
            check_name(&new.name)?;
            let caller = new.owner.caller(backend)?;
            let new = new_client(new)?;
            let client = clients::create(store, &caller, &backend.token_key, &new)?;
            let public_url = settings.public_url(settings.listen);
            created(&client, &public_url, *json)?;
            if settings.public_url.is_none() && !*json {
                output::line(ASSUMED_URL)?;
            }
            Ok(())
        }
        Command::List { owner, json } => list(clients::list(store, &owner.caller(backend)?)?, *json),
        Command::Show { id, json } => show(&clients::show(store, id)?, *json),
        Command::RotateSecret { id, overlap, json } => {
            let (row, _) = clients::show(store, id)?;
            let caller = operator(TenantId(row.tenant_id));
            rotated(
                &clients::rotate_secret(store, &caller, &backend.token_key, &row, Former::EndsAfter(*overlap), None)?,
                *json,
            )
        }
        Command::RevokeGrants { id, json } => {
            let revoked = clients::revoke_grants(store, &owner(backend, id)?, id)?;
            let sentence = format!("revoked all access tokens of client {id}, and {revoked} grants");
            done(&sentence, &json!({"id": id, "grants": revoked}), *json)
        }
        Command::Disable { id, json } => {
            clients::set_disabled(store, &owner(backend, id)?, id, true)?;
            done(&format!("disabled client {id}"), &json!({"id": id, "disabled": true}), *json)
        }
        Command::Enable { id, json } => {
            clients::set_disabled(store, &owner(backend, id)?, id, false)?;
            done(&format!("enabled client {id}"), &json!({"id": id, "disabled": false}), *json)
        }
    }
}

fn new_client(create: &New) -> Result<NewClient, Error> {
    let okta = |internal| match &create.okta_app {
        Some(app) => redirect_uri::okta(app, internal).map_err(ClientError::OktaApp),
        None => Ok(Vec::new()),
    };
    let encrypted = okta(false)?;
    let unchecked = okta(create.okta_internal)?.into_iter().filter(|uri| !encrypted.contains(uri)).collect();
    let redirect_uris = [&create.redirect_uris[..], &encrypted].concat();
    let grant_types = match (create.grants.is_empty(), redirect_uris.is_empty()) {
        (false, _) => create.grants.clone(),
        (true, false) => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        (true, true) => vec![GrantType::ClientCredentials],
    };
    let scopes = if create.scopes.is_empty() { &Scope::ALL[..] } else { &create.scopes };
    let given = create.jwks.as_deref().map(read_definition).transpose()?.map(KeySource::Given);
    Ok(NewClient {
        name: create.name.clone(),
        grant_types,
        scopes: scopes.iter().copied().collect(),
        redirect_uris,
        unchecked_redirect_uris: unchecked,
        confidential: !create.public,
        pkce_required: create.require_pkce,
        keys: given.or_else(|| create.jwks_uri.clone().map(KeySource::Published)),
        access_token_life: create.access_token_life,
        refresh_idle: create.refresh_idle,
    })
}

/// The operator, acting for the tenant that the client belongs to.
fn owner(backend: &Backend, id: &str) -> Result<Caller, Error> {
    let (row, _) = clients::show(&backend.store, id)?;
    Ok(operator(TenantId(row.tenant_id)))
}

fn done(sentence: &str, value: &Value, json: bool) -> Result<(), Error> {
    if json {
        output::json(value)?;
    } else {
        output::line(sentence)?;
    }
    Ok(())
}

fn created(client: &IssuedClient, public_url: &str, json: bool) -> Result<(), Error> {
    let row = &client.row;
    let has_code = row.grant_types.iter().any(|name| name == GrantType::AuthorizationCode.name());
    let authorize = has_code.then(|| format!("{public_url}{AUTHORIZE}"));
    let token = format!("{public_url}{TOKEN}");
    let secret = client.secret.as_ref().map(|secret| secret.reveal());
    if json {
        let mut shown = to_json(row);
        shown["authorizationEndpoint"] = authorize.into();
        shown["tokenEndpoint"] = token.into();
        shown["secret"] = secret.into();
        output::json(&shown)?;
        return Ok(());
    }
    let mut lines = vec![format!("client '{}'\n", row.name)];
    lines.extend(authorize.map(|url| format!("authorization endpoint  {url}")));
    lines.push(format!("token endpoint          {token}"));
    lines.push(format!("client id               {}", row.id));
    lines.extend(secret.map(|secret| format!("client secret           {secret}")));
    lines.push(format!("scopes                  {}", row.scopes.join(" ")));
    lines.extend(row.redirect_uris.iter().map(|uri| format!("redirect URI            {uri}")));
    if secret.is_some() {
        lines.push("\nThe secret is shown this once. Keep it where secrets are kept.".into());
    }
    output::line(&lines.join("\n"))?;
    Ok(())
}

fn rotated(client: &IssuedClient, json: bool) -> Result<(), Error> {
    let secret = client.secret.as_ref().map_or("", |secret| secret.reveal());
    if json {
        output::json(&json!({"id": client.row.id, "secret": secret, "formerEndsAt": client.former_ends_at}))?;
        return Ok(());
    }
    output::line(&format!(
        "client secret {secret}\n\nclient id          {}\nformer secret ends {}\n\n\
         The secret is shown this once. Keep it where secrets are kept.",
        client.row.id,
        output::optional_time(client.former_ends_at, "at no time: there was none"),
    ))?;
    Ok(())
}

fn list(rows: Vec<ClientRow>, json: bool) -> Result<(), Error> {
    if json {
        output::json(&rows.iter().map(to_json).collect())?;
        return Ok(());
    }
    let rows: Vec<[String; 6]> = rows
        .into_iter()
        .map(|row| {
            let state = state(&row).to_owned();
            let last_used = output::optional_time(row.last_used_at, "never");
            [row.id, row.name, row.grant_types.join(" "), row.scopes.join(" "), state, last_used]
        })
        .collect();
    output::table(["ID", "NAME", "GRANTS", "SCOPES", "STATE", "LAST USED"], &rows)?;
    Ok(())
}

fn show((row, secrets): &(ClientRow, Vec<ClientSecretRow>), json: bool) -> Result<(), Error> {
    let now = Utc::now();
    let live = || secrets.iter().filter(|secret| secret.is_live(now));
    let mut shown = to_json(row);
    shown["secrets"] = live()
        .map(|secret| {
            json!({
                "id": secret.id,
                "createdAt": secret.created_at,
                "expiresAt": secret.expires_at,
                "lastUsedAt": secret.last_used_at,
            })
        })
        .collect();
    if json {
        output::json(&shown)?;
        return Ok(());
    }
    let row_of = |name: &str, value: String| [name.to_owned(), value];
    let keys = match (&row.jwks, &row.jwks_uri) {
        (Some(_), _) => "given",
        (None, Some(uri)) => uri,
        (None, None) => "none",
    };
    let mut rows = vec![
        row_of("client id", row.id.clone()),
        row_of("name", row.name.clone()),
        row_of("state", state(row).into()),
        row_of("kind", if row.confidential { "confidential" } else { "public" }.into()),
        row_of("grants", row.grant_types.join(" ")),
        row_of("scopes", row.scopes.join(" ")),
        row_of("PKCE", if row.pkce_required { "required" } else { "optional" }.into()),
        row_of("keys", keys.to_owned()),
        row_of("access tokens", format!("live {} s", row.access_token_seconds)),
        row_of("refresh tokens", format!("live {} s without use", row.refresh_idle_seconds)),
        row_of("created", output::time(row.created_at)),
        row_of("last used", output::optional_time(row.last_used_at, "never")),
    ];
    rows.extend(row.redirect_uris.iter().map(|uri| row_of("redirect URI", uri.clone())));
    rows.extend(live().map(|secret| {
        let ends = output::optional_time(secret.expires_at, "never");
        let used = output::optional_time(secret.last_used_at, "never");
        row_of(
            "secret",
            format!("{}, created {}, ends {ends}, last used {used}", secret.id, output::time(secret.created_at)),
        )
    }));
    output::table(["PROPERTY", "VALUE"], &rows)?;
    Ok(())
}

fn state(row: &ClientRow) -> &'static str {
    if row.disabled_at.is_some() { "disabled" } else { "enabled" }
}

fn to_json(row: &ClientRow) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "tenantId": (row.tenant_id != TenantId::NONE.0).then_some(row.tenant_id),
        "state": state(row),
        "public": !row.confidential,
        "grants": row.grant_types,
        "scopes": row.scopes,
        "redirectUris": row.redirect_uris,
        "pkceRequired": row.pkce_required,
        "jwks": row.jwks,
        "jwksUri": row.jwks_uri,
        "accessTokenSeconds": row.access_token_seconds,
        "refreshIdleSeconds": row.refresh_idle_seconds,
        "createdAt": row.created_at,
        "disabledAt": row.disabled_at,
        "tokensNotBefore": row.tokens_not_before,
        "lastUsedAt": row.last_used_at,
    })
}
