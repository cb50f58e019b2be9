//! `provisor admin`.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Error, find_tenant, operator, output};
use crate::auth::administrators::{self, NewAdministrator};
use crate::auth::role::Role;
use crate::auth::second_factor;
use crate::auth::sso::provider;
use crate::backend::Backend;
use crate::config::{first_line, unreadable};
use crate::id::TenantId;
use crate::store::{AdministratorRow, TenantRow};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create an administrator: somebody who signs in with a browser.
    Create {
        /// The e-mail address.
        email: String,
        /// The tenant whose administrator it is [default: an operator over all tenants].
        #[arg(long)]
        tenant: Option<String>,
        /// What the person may do: owner, admin or auditor.
        #[arg(long, default_value = "owner", value_parser = role)]
        role: Role,
        /// File whose first line is the password [default: one line from standard input].
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the administrators of all tenants.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give an administrator a new password. All sessions of the person end.
    SetPassword {
        /// The e-mail address.
        email: String,
        /// File whose first line is the password [default: one line from standard input].
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Disable an administrator, whose sessions end at once. What the person consented to goes on.
    Disable {
        /// The e-mail address.
        email: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take the second factor away from an administrator who has lost the phone. All sessions of the person end.
    ResetTotp {
        /// The e-mail address.
        email: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let people sign in with their passwords again, for when single sign-on does not work and nothing else was allowed.
    AllowPasswords {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Enable an administrator again.
    Enable {
        /// The e-mail address.
        email: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

fn role(text: &str) -> Result<Role, String> {
    // Contacts come by set-up links alone.
    let roles = Role::ALL.into_iter().filter(|role| *role != Role::Contact);
    let wanted = || format!("wants one of {}", roles.clone().map(Role::name).collect::<Vec<_>>().join(", "));
    roles.clone().find(|role| role.name() == text).ok_or_else(wanted)
}

pub(super) fn run(command: &Command, backend: &Backend) -> Result<(), Error> {
    match command {
        Command::Create { email, tenant, role, password_file, json } => {
            let tenant = match tenant {
                Some(name) => TenantId(find_tenant(backend, name)?.id),
                None => TenantId::NONE,
            };
            let password = read_password(password_file.as_deref())?;
            let new = NewAdministrator { email, role: *role, password: &password };
            let row = administrators::create(&backend.store, &operator(tenant), &new)?;
            show(backend, &row.email, *json, "created")
        }
        Command::List { json } => list(backend, *json),
        Command::SetPassword { email, password_file, json } => {
            let row = administrators::find(&backend.store, email)?;
            let password = read_password(password_file.as_deref())?;
            let caller = operator(TenantId(row.tenant_id));
            administrators::set_password(&backend.store, &caller, row.id, &row.email, &password, None)?;
            show(backend, email, *json, "changed the password of")
        }
        Command::Disable { email, json } => {
            set_enabled(backend, email, false)?;
            show(backend, email, *json, "disabled")
        }
        Command::ResetTotp { email, json } => {
            let row = administrators::find(&backend.store, email)?;
            let had_one = second_factor::reset(&backend.store, &operator(TenantId(row.tenant_id)), row.id)?;
            show(backend, email, *json, if had_one { "removed the second factor of" } else { "no second factor:" })
        }
        Command::AllowPasswords { json } => {
            // It refuses only to switch them off.
            let _ = provider::set_allows_passwords(&backend.store, &operator(TenantId::NONE), true)?;
            if *json {
                output::json(&json!({"allowsPasswords": true}))?;
            } else {
                output::line("people may sign in with their passwords")?;
            }
            Ok(())
        }
        Command::Enable { email, json } => {
            set_enabled(backend, email, true)?;
            show(backend, email, *json, "enabled")
        }
    }
}

fn set_enabled(backend: &Backend, email: &str, enabled: bool) -> Result<(), Error> {
    let row = administrators::find(&backend.store, email)?;
    administrators::set_enabled(&backend.store, &operator(TenantId(row.tenant_id)), row.id, enabled)?;
    Ok(())
}

/// The first line of a file, or of standard input. Passwords are not taken as arguments, which others see.
fn read_password(file: Option<&Path>) -> Result<String, Error> {
    let name = file.unwrap_or(Path::new("standard input"));
    let refuse = |problem: String| Error::File { file: name.to_owned(), problem };
    let Some(file) = file else {
        if io::stdin().is_terminal() {
            eprintln!("Type the password and press Enter. It is shown; --password-file takes it from a file.");
        }
        return first_line(io::stdin().lock()).map_err(refuse);
    };
    let opened = File::open(file).map_err(|error| refuse(unreadable(&error)))?;
    first_line(opened).map_err(refuse)
}

fn show(backend: &Backend, email: &str, json: bool, done: &str) -> Result<(), Error> {
    let row = administrators::find(&backend.store, email)?;
    if json {
        output::json(&to_json(&row, &backend.store.gate(|gate| gate.tenants(i64::MAX))?))?;
    } else {
        output::line(&format!("{done} administrator {} ({})", row.email, row.id))?;
    }
    Ok(())
}

fn list(backend: &Backend, json: bool) -> Result<(), Error> {
    let rows = administrators::list(&backend.store)?;
    let tenants = backend.store.gate(|gate| gate.tenants(i64::MAX))?;
    if json {
        output::json(&rows.iter().map(|row| to_json(row, &tenants)).collect())?;
        return Ok(());
    }
    let rows: Vec<[String; 5]> = rows
        .into_iter()
        .map(|row| {
            let tenant = tenant_name(&row, &tenants).unwrap_or("(all)").to_owned();
            let state = if row.disabled_at.is_some() { "disabled" } else { "enabled" };
            [row.email, tenant, row.role, state.into(), output::optional_time(row.last_sign_in_at, "never")]
        })
        .collect();
    output::table(["E-MAIL", "TENANT", "ROLE", "STATE", "LAST SIGN-IN"], &rows)?;
    Ok(())
}

fn tenant_name<'t>(row: &AdministratorRow, tenants: &'t [TenantRow]) -> Option<&'t str> {
    tenants.iter().find(|tenant| tenant.id == row.tenant_id).map(|tenant| tenant.name.as_str())
}

fn to_json(row: &AdministratorRow, tenants: &[TenantRow]) -> Value {
    json!({
        "id": row.id,
        "email": row.email,
        "tenant": tenant_name(row, tenants),
        "role": row.role,
        "createdAt": row.created_at,
        "disabledAt": row.disabled_at,
        "lastSignInAt": row.last_sign_in_at,
    })
}
