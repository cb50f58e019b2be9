//! What is set for the whole installation, as its operators change it.

use serde_json::{Value, json};

use super::principal::Caller;
use crate::audit::{Action, AuditEvent, Target};
use crate::store::{self, InstallationRow, Store};

/// Days for which the provisioning log may be kept.
pub const REQUEST_DAYS: std::ops::RangeInclusive<i32> = 1..=400;
/// Days for which the bodies in it may be kept; 0 for not at all.
pub const BODY_DAYS: std::ops::RangeInclusive<i32> = 0..=90;

/// Why the settings did not change.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The days of the provisioning log.
    #[error("the provisioning log is kept for {} to {} days", REQUEST_DAYS.start(), REQUEST_DAYS.end())]
    RequestDays,
    /// The days of the bodies in it.
    #[error("bodies are kept for {} to {} days, and no longer than the log", BODY_DAYS.start(), BODY_DAYS.end())]
    BodyDays,
    /// Somebody else changed them since the caller saw them.
    #[error("somebody else has changed the settings since you opened them")]
    Changed,
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Changes the settings from what the caller `saw`.
///
/// # Errors
/// [`SettingsError`]; nothing has changed then.
pub fn change(
    store: &Store,
    caller: &Caller,
    saw: &InstallationRow,
    new: &InstallationRow,
) -> Result<(), SettingsError> {
    if !REQUEST_DAYS.contains(&new.request_days) {
        return Err(SettingsError::RequestDays);
    }
    if !BODY_DAYS.contains(&new.body_days) || new.body_days > new.request_days {
        return Err(SettingsError::BodyDays);
    }
    if new == saw {
        return Ok(());
    }
    let mut event = AuditEvent::new(Action::SettingsUpdate, Target::new("Installation", "settings"));
    event.before = Some(shown(saw));
    let event = event.after(shown(new));
    let changed = store.run(caller, |tenant| tenant.change_installation(saw, new, &event))?;
    if changed { Ok(()) } else { Err(SettingsError::Changed) }
}

fn shown(row: &InstallationRow) -> Value {
    json!({"requestDays": row.request_days, "bodyDays": row.body_days, "requiresTotp": row.requires_totp})
}
