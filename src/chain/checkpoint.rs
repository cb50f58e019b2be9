//! Signed heads of chains. The key is derived from the master key, which whoever holds only the database does not have.

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

use super::link::to_hex;
use crate::auth::keys::{KeyError, KeyRing};
use crate::auth::stamp::StampKey;
use crate::store::{CheckpointRow, CheckpointSignatureRow, Signed, Store};

/// Checkpoints written by one statement.
const ROWS: i64 = 1_000;
/// What the name of a key is made of, which is no checkpoint.
const KEY_NAME: &[u8] = b"key";

/// Signs the heads of all chains that have grown since they were last signed, and tells the log, where whoever holds the database
/// cannot take it back.
///
/// # Errors
/// [`KeyError::Sealed`] where the database goes by another master key by now than the one behind `keys` and `key`: what is signed under
/// that counts as forged. Else [`KeyError::Store`].
pub fn checkpoint(store: &Store, keys: &KeyRing, key: &StampKey) -> Result<(), KeyError> {
    loop {
        let heads = store.gate(|gate| gate.heads_without_checkpoint(ROWS))?;
        let count = heads.len();
        if count == 0 {
            return Ok(());
        }
        let at = Utc::now().trunc_subsecs(3);
        let rows: Vec<CheckpointRow> =
            heads.into_iter().map(|(tenant, seq, hash)| signed(key, tenant, seq, hash, at)).collect();
        // On one connection: while that lives, nobody replaces the master key.
        store.gate(|gate| match keys.fits(&gate.signing_keys()?) {
            Ok(_) => gate.insert_checkpoints(&rows).map(Ok),
            Err(error) => Ok(Err(error)),
        })??;
        for row in &rows {
            log::info!(
                "audit checkpoint: tenant {} has {} entries, head {}",
                row.tenant_id,
                row.seq,
                to_hex(&row.hash)
            );
        }
        if i64::try_from(count).is_ok_and(|count| count < ROWS) {
            return Ok(());
        }
    }
}

fn signed(key: &StampKey, tenant: Uuid, seq: i64, hash: Vec<u8>, at: DateTime<Utc>) -> CheckpointRow {
    let mut row = CheckpointRow { tenant_id: tenant, seq, hash, at, signature: String::new() };
    row.signature = sign(key, &row);
    row
}

fn sign(key: &StampKey, row: &CheckpointRow) -> String {
    key.stamp(&purpose(row).each_ref().map(Vec::as_slice), &[])
}

/// By which the later signatures under a key are found. The key does not follow from it.
#[must_use]
pub fn key_name(key: &StampKey) -> String {
    key.stamp(&[KEY_NAME], &[])
}

/// Whether a checkpoint was signed under this key as it is, when it was written or later.
pub(super) fn is_ours(key: &StampKey, signed: &Signed) -> bool {
    let row = &signed.checkpoint;
    let purpose = purpose(row);
    std::iter::once(&row.signature).chain(&signed.later).any(|signature| {
        key.read(&purpose.each_ref().map(Vec::as_slice), signature).is_some_and(|content| content.is_empty())
    })
}

/// The signature under a new key of a checkpoint that was signed under the former one. `None` where it was not: what is forged stays so.
#[must_use]
pub fn sign_anew(former: &StampKey, new: &StampKey, signed: &Signed) -> Option<CheckpointSignatureRow> {
    let row = &signed.checkpoint;
    is_ours(former, signed).then(|| CheckpointSignatureRow {
        tenant_id: row.tenant_id,
        seq: row.seq,
        key: key_name(new),
        signature: sign(new, row),
    })
}

fn purpose(row: &CheckpointRow) -> [Vec<u8>; 4] {
    [
        row.tenant_id.as_bytes().to_vec(),
        row.seq.to_be_bytes().to_vec(),
        row.hash.clone(),
        row.at.timestamp_micros().to_be_bytes().to_vec(),
    ]
}
