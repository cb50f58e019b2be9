//! What a copy says of itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::auth::master_key::MasterKey;
use crate::auth::stamp::StampKey;

/// What the values under the key are made of, so that none serves as the other.
const KEY_CHECK: &[u8] = b"key";
const SIGNATURE: &[u8] = b"manifest";

/// What is copied, and by what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The version of provisor.
    pub provisor: String,
    /// The last migration.
    pub schema: String,
    /// The version of Postgres.
    pub postgres: String,
    /// The major version of `pg_dump`; `pg_restore` must not be older.
    pub tools: u32,
    /// The moment whose state it is.
    pub taken_at: DateTime<Utc>,
    /// The same for all copies under one master key, from which that key does not follow.
    pub key_check: String,
    /// Rows of what matters most.
    pub rows: BTreeMap<String, i64>,
    /// Bytes of what `pg_dump` wrote.
    pub bytes: u64,
    /// SHA-256 of that, in hexadecimal.
    pub sha256: String,
    /// The master key, where somebody asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key: Option<String>,
}

/// The value by which a master key is known again.
pub(super) fn key_check(key: &MasterKey) -> String {
    StampKey::for_backups(key).stamp(&[KEY_CHECK], &[])
}

/// The signature of a manifest as it is written.
pub(super) fn sign(key: &MasterKey, text: &str) -> String {
    StampKey::for_backups(key).stamp(&[SIGNATURE, text.as_bytes()], &[])
}

/// Whether it is.
pub(super) fn is_signed(key: &MasterKey, text: &str, signature: &str) -> bool {
    StampKey::for_backups(key).read(&[SIGNATURE, text.as_bytes()], signature).is_some_and(|content| content.is_empty())
}
