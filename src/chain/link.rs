//! What the hash of a link is made of. It must never change: hashes that were made before are made again to verify them.

use std::fmt::Write;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::store::AuditRow;

/// Names the canonical form of entries.
const DOMAIN: &[u8] = b"provisor-audit-1";
/// What stands before the first link.
const FIRST: [u8; 32] = [0; 32];

/// The hash of an entry behind the hash before: SHA-256 over that hash, the name of the form, and the columns of the entry in the
/// order of the table.
///
/// Each column is one byte, 0 for null and 1 otherwise, and then the number of its bytes, in eight, and the bytes: those of a UUID,
/// a text in UTF-8, a time as microseconds since 1970 in eight bytes, JSON as text without white space and with its names sorted by
/// their bytes. Numbers are big-endian.
#[must_use]
pub fn link(previous: Option<&[u8]>, row: &AuditRow) -> Vec<u8> {
    let mut hash = Sha256::new();
    let mut column = |bytes: Option<&[u8]>| match bytes {
        None => hash.update([0]),
        Some(bytes) => {
            hash.update([1]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
    };
    let json = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    column(Some(previous.unwrap_or(&FIRST)));
    column(Some(DOMAIN));
    column(Some(row.tenant_id.as_bytes()));
    column(Some(row.id.as_bytes()));
    column(Some(&row.occurred_at.timestamp_micros().to_be_bytes()));
    for text in [&row.action, &row.actor_kind, &row.actor_id, &row.actor_name, &row.target_type, &row.target_id] {
        column(Some(text.as_bytes()));
    }
    for text in
        [json(&row.before), json(&row.after), row.detail.clone(), Some(row.request_id.clone()), row.address.clone()]
    {
        column(text.as_deref().map(str::as_bytes));
    }
    hash.finalize().to_vec()
}

/// Bytes as people compare them.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a text cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::DateTime;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    pub fn row(number: u128) -> AuditRow {
        AuditRow {
            tenant_id: Uuid::from_u128(7),
            id: Uuid::from_u128(number),
            occurred_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            action: "resource.modify".into(),
            actor_kind: "header_token".into(),
            actor_id: "a".into(),
            actor_name: "okta".into(),
            target_type: "User".into(),
            target_id: "t".into(),
            before: Some(json!({"b": 1, "a": "é"})),
            after: None,
            detail: None,
            request_id: "r".into(),
            address: Some("192.0.2.1".into()),
        }
    }

    #[test]
    fn the_hash_of_an_entry_stays_what_it_was() {
        let first = link(None, &row(1));
        assert_eq!(to_hex(&first), "456f50d4772f31c793eab9dd307392d9b05b63ead350ac724e98049ddda6db33");
        assert_ne!(link(Some(&first), &row(1)), first);
    }

    #[test]
    fn every_column_counts_and_none_runs_into_the_next() {
        let base = link(None, &row(1));
        let changes: [fn(&mut AuditRow); 16] = [
            |row| row.tenant_id = Uuid::from_u128(8),
            |row| row.id = Uuid::from_u128(8),
            |row| row.occurred_at += chrono::TimeDelta::microseconds(1),
            |row| row.action.push('x'),
            |row| row.actor_kind.push('x'),
            |row| row.actor_id.push('x'),
            |row| row.actor_name.push('x'),
            |row| row.target_type.push('x'),
            |row| row.target_id.push('x'),
            |row| row.before = None,
            |row| row.before = Some(json!({"b": 1.0, "a": "é"})),
            |row| row.after = Some(Value::Null),
            |row| row.detail = Some(String::new()),
            |row| row.request_id.push('x'),
            |row| row.address = None,
            |row| (row.actor_id, row.actor_name) = ("aokta".into(), String::new()),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = row(1);
            change(&mut changed);
            assert_ne!(link(None, &changed), base, "{number}");
        }
    }
}
