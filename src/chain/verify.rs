//! Verifying a chain: each link with its entry, each entry with its link, and each checkpoint.

use uuid::Uuid;

use super::checkpoint::{is_ours, key_name};
use super::link::link;
use crate::auth::stamp::StampKey;
use crate::store::{self, AuditRow, BreakRow, ChainEnd, SealRow, Store};

/// Links with their entries that are read at a time, at most.
const LINKS: i64 = 1_000;
/// Other rows, which are small.
const ROWS: i64 = 5_000;
/// Breaks that are told at most. Whoever has more has another problem than their number.
const TOLD: usize = 1_000;

/// What is wrong at a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The entry is not as it was sealed.
    Edited,
    /// The entry is gone, and its seal is there.
    Deleted,
    /// The entry was not written by the server: it has no seal and does not wait for one.
    Inserted,
    /// The entry went while it waited for its seal.
    DeletedUnsealed,
    /// The seal is not as it was made; its entry is.
    SealEdited,
    /// The seal is gone.
    SealDeleted,
    /// The chain does not end where the server left it.
    Head,
    /// The chain is not the one of which a checkpoint was made: it was made anew, at this number or before.
    Rewritten,
    /// The checkpoint is not signed by this installation.
    Forged,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 9] = [
        Self::Edited,
        Self::Deleted,
        Self::Inserted,
        Self::DeletedUnsealed,
        Self::SealEdited,
        Self::SealDeleted,
        Self::Head,
        Self::Rewritten,
        Self::Forged,
    ];

    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Edited => ("edited", "the entry is not as it was sealed"),
            Self::Deleted => ("deleted", "the entry was deleted"),
            Self::Inserted => ("inserted", "the entry was slipped in: it has no seal"),
            Self::DeletedUnsealed => ("deleted_unsealed", "the entry was deleted before it was sealed"),
            Self::SealEdited => ("seal_edited", "the seal is not as it was made"),
            Self::SealDeleted => ("seal_deleted", "the seal was deleted"),
            Self::Head => ("head", "the chain does not end where the server left it"),
            Self::Rewritten => ("rewritten", "a checkpoint says otherwise: the chain was made anew, here or before"),
            Self::Forged => ("forged", "the checkpoint here was not signed by this installation"),
        }
    }

    /// Its stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().0
    }

    /// What it means.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        self.row().1
    }

    /// The fault of this code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.code() == code)
    }
}

/// A place at which a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Break {
    /// The number of the link, where there is one.
    pub seq: Option<i64>,
    /// The entry, where it is known.
    pub event: Option<Uuid>,
    /// What is wrong.
    pub fault: Fault,
}

impl From<&Break> for BreakRow {
    fn from(found: &Break) -> Self {
        Self { seq: found.seq, event: found.event, how: found.fault.code().to_owned() }
    }
}

/// What verifying a chain came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Links that were verified.
    pub links: i64,
    /// The last link and its hash.
    pub head: Option<(i64, Vec<u8>)>,
    /// Entries that wait for their seal.
    pub waiting: u64,
    /// Checkpoints that were verified.
    pub checkpoints: u64,
    /// Breaks in the order in which they were found, the first thousand.
    pub breaks: Vec<Break>,
}

/// A way along a chain, from one link to the next.
#[derive(Debug)]
pub(super) struct Walk {
    seq: i64,
    /// The hash of that link; `None` where it is not known, behind seals that are gone.
    hash: Option<Vec<u8>>,
    is_first: bool,
    /// The last link, where its hash is another than its entry makes. The next link tells whether the entry was changed or the seal.
    doubt: Option<Doubt>,
}

#[derive(Debug)]
struct Doubt {
    seal: SealRow,
    made: Vec<u8>,
}

impl Walk {
    /// From the beginning, or behind a link.
    pub(super) fn behind(seq: i64, hash: Option<Vec<u8>>) -> Self {
        Self { seq, hash, is_first: seq == 0, doubt: None }
    }

    pub(super) fn seq(&self) -> i64 {
        self.seq
    }

    pub(super) fn hash(&self) -> Option<&[u8]> {
        self.hash.as_deref()
    }

    /// Goes on to the next link that there is.
    pub(super) fn step(&mut self, seal: &SealRow, entry: Option<&AuditRow>, found: &mut Vec<Break>) {
        let next = self.seq.saturating_add(1);
        if seal.seq > next {
            self.settle(None, found);
            for missing in (next..seal.seq).take(TOLD) {
                found.push(Break { seq: Some(missing), event: None, fault: Fault::SealDeleted });
            }
            (self.hash, self.is_first) = (None, false);
        }
        let doubt = self.doubt.take();
        match entry {
            None => {
                self.doubt = doubt;
                self.settle(None, found);
                found.push(Break { seq: Some(seal.seq), event: Some(seal.event_id), fault: Fault::Deleted });
            }
            Some(entry) if self.is_first || self.hash.is_some() => {
                let made = link(self.hash.as_deref(), entry);
                let fits = made == seal.hash;
                if let Some(doubt) = doubt {
                    let fits_made = !fits && link(Some(&doubt.made), entry) == seal.hash;
                    found.push(doubt.told(fits_made));
                    if !fits && !fits_made {
                        self.doubt = Some(Doubt { seal: seal.clone(), made });
                    }
                } else if !fits {
                    self.doubt = Some(Doubt { seal: seal.clone(), made });
                }
            }
            // What the hash before was is not known; the seal counts from here on.
            Some(_) => {}
        }
        (self.seq, self.hash, self.is_first) = (seal.seq, Some(seal.hash.clone()), false);
    }

    /// Tells of the last link, with what the sealer noted as its hash.
    pub(super) fn settle(&mut self, head: Option<&[u8]>, found: &mut Vec<Break>) {
        if let Some(doubt) = self.doubt.take() {
            let is_seal = head == Some(doubt.made.as_slice());
            found.push(doubt.told(is_seal));
        }
    }
}

impl Doubt {
    fn told(&self, is_seal: bool) -> Break {
        let fault = if is_seal { Fault::SealEdited } else { Fault::Edited };
        Break { seq: Some(self.seal.seq), event: Some(self.seal.event_id), fault }
    }
}

/// What is verified next.
#[derive(Debug)]
enum Phase {
    Links,
    Entries(Uuid),
    Checkpoints(i64),
    Done,
}

/// The verification of a whole chain, a stretch at a time, so that it can be told how far it is and other work comes between.
#[derive(Debug)]
pub struct Verification {
    tenant: Uuid,
    walk: Walk,
    phase: Phase,
    report: Report,
}

impl Verification {
    /// Begins.
    #[must_use]
    pub fn of(tenant: Uuid) -> Self {
        Self { tenant, walk: Walk::behind(0, None), phase: Phase::Links, report: Report::default() }
    }

    /// The tenant whose chain it is.
    #[must_use]
    pub fn tenant(&self) -> Uuid {
        self.tenant
    }

    /// How many links are verified.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.walk.seq
    }

    /// Verifies the whole.
    ///
    /// # Errors
    /// [`store::Error`] from the database.
    pub fn run(mut self, store: &Store, key: &StampKey) -> Result<Report, store::Error> {
        while !self.advance(store, key)? {}
        Ok(self.report)
    }

    /// What has come of it.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Verifies the next stretch, and says whether all is done.
    ///
    /// # Errors
    /// [`store::Error`] from the database. The same stretch may be tried again.
    pub fn advance(&mut self, store: &Store, key: &StampKey) -> Result<bool, store::Error> {
        let tenant = self.tenant;
        match self.phase {
            Phase::Links => {
                let links = store.gate(|gate| gate.links(tenant, self.walk.seq, LINKS))?;
                let end = if links.is_last { Some(store.gate(|gate| gate.chain_end(tenant))?) } else { None };
                for (seal, entry) in &links.rows {
                    self.walk.step(seal, entry.as_ref(), &mut self.report.breaks);
                    self.report.links += 1;
                }
                if let Some(end) = end {
                    self.end(&end);
                    self.phase = Phase::Entries(Uuid::nil());
                }
            }
            Phase::Entries(after) => {
                let rows = store.gate(|gate| gate.coverage(tenant, after, ROWS))?;
                for row in &rows {
                    if !row.sealed && !row.waits {
                        self.report.breaks.push(Break { seq: None, event: Some(row.event), fault: Fault::Inserted });
                    }
                    self.report.waiting += u64::from(row.waits && !row.sealed);
                }
                match rows.last() {
                    Some(last) if !is_last(rows.len()) => self.phase = Phase::Entries(last.event),
                    _ => {
                        let lost = store.gate(|gate| gate.lost_entries(tenant, ROWS))?;
                        self.report.breaks.extend(lost.into_iter().map(|event| Break {
                            seq: None,
                            event: Some(event),
                            fault: Fault::DeletedUnsealed,
                        }));
                        self.phase = Phase::Checkpoints(0);
                    }
                }
            }
            Phase::Checkpoints(after) => {
                let name = key_name(key);
                let rows = store.gate(|gate| gate.checkpoints(tenant, after, &name, ROWS))?;
                for (signed, hash) in &rows {
                    let row = &signed.checkpoint;
                    let broken = match hash {
                        _ if !is_ours(key, signed) => Some(Fault::Forged),
                        Some(hash) if *hash == row.hash => None,
                        Some(_) => Some(Fault::Rewritten),
                        None => Some(Fault::SealDeleted),
                    };
                    let breaks = &mut self.report.breaks;
                    // What the links have told already is not told again.
                    if let Some(fault) = broken
                        && breaks.iter().all(|known| known.seq != Some(row.seq))
                    {
                        breaks.push(Break { seq: Some(row.seq), event: None, fault });
                    }
                    self.report.checkpoints += 1;
                }
                self.phase = match rows.last() {
                    Some((last, _)) if !is_last(rows.len()) => Phase::Checkpoints(last.checkpoint.seq),
                    _ => Phase::Done,
                };
            }
            Phase::Done => {}
        }
        self.report.breaks.truncate(TOLD);
        Ok(matches!(self.phase, Phase::Done))
    }

    /// Compares the end of the links with where the sealer left them.
    fn end(&mut self, end: &ChainEnd) {
        let breaks = &mut self.report.breaks;
        let (head, last) = (end.head.as_ref(), end.last.as_ref());
        let at_head = head.filter(|(seq, _)| *seq == self.walk.seq).map(|(_, hash)| hash.as_slice());
        self.walk.settle(at_head, breaks);
        if head != last {
            match (head.map_or(0, |head| head.0), last.map_or(0, |last| last.0)) {
                (head, last) if last < head => {
                    let missing = (last + 1..=head).take(TOLD);
                    breaks.extend(missing.map(|seq| Break { seq: Some(seq), event: None, fault: Fault::SealDeleted }));
                }
                (_, last) if breaks.iter().all(|known| known.seq != Some(last)) => {
                    breaks.push(Break { seq: Some(last), event: None, fault: Fault::Head });
                }
                _ => {}
            }
        }
        self.report.head = last.cloned();
    }
}

/// Whether a stretch of so many rows is the last.
fn is_last(rows: usize) -> bool {
    i64::try_from(rows).is_ok_and(|rows| rows < ROWS)
}

#[cfg(test)]
mod tests {
    use super::super::link::tests::row;
    use super::*;

    fn chain(length: u8) -> Vec<(SealRow, Option<AuditRow>)> {
        let mut hash: Option<Vec<u8>> = None;
        let sealed = |number: u8| {
            let entry = row(u128::from(number));
            let made = link(hash.as_deref(), &entry);
            hash = Some(made.clone());
            let seal = SealRow { tenant_id: entry.tenant_id, seq: i64::from(number), event_id: entry.id, hash: made };
            (seal, Some(entry))
        };
        (1..=length).map(sealed).collect()
    }

    fn breaks(rows: &[(SealRow, Option<AuditRow>)]) -> Vec<(i64, Fault)> {
        let (mut walk, mut found) = (Walk::behind(0, None), Vec::new());
        for (seal, entry) in rows {
            walk.step(seal, entry.as_ref(), &mut found);
        }
        walk.settle(None, &mut found);
        found.iter().map(|found| (found.seq.unwrap(), found.fault)).collect()
    }

    #[test]
    fn each_break_is_told_at_its_link_and_no_other() {
        assert_eq!(breaks(&chain(9)), []);
        for at in 0..9_usize {
            let seq = i64::try_from(at).unwrap() + 1;
            let mut edited = chain(9);
            edited[at].1.as_mut().unwrap().target_id.push('x');
            assert_eq!(breaks(&edited), [(seq, Fault::Edited)]);
            let mut deleted = chain(9);
            deleted[at].1 = None;
            assert_eq!(breaks(&deleted), [(seq, Fault::Deleted)]);
            if at < 8 {
                let mut sealed = chain(9);
                sealed[at].0.hash[0] ^= 1;
                assert_eq!(breaks(&sealed), [(seq, Fault::SealEdited)]);
                let mut gap = chain(9);
                gap.remove(at);
                assert_eq!(breaks(&gap), [(seq, Fault::SealDeleted)]);
                let mut swapped = chain(9);
                let other = swapped[at + 1].1.take();
                swapped[at + 1].1 = std::mem::replace(&mut swapped[at].1, other);
                assert_eq!(breaks(&swapped), [(seq, Fault::Edited), (seq + 1, Fault::Edited)]);
            }
        }
    }
}
