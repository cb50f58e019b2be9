//! What is done in the background: when it last succeeded, and how often it did not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::text::{Kind, Text};

/// What is done in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Signing keys are exchanged.
    SigningKeys,
    /// The data of tenants is deleted that were deleted.
    TenantErasure,
    /// The provisioning log is cut to its length.
    ProvisioningLog,
    /// Users are counted.
    UserCounts,
    /// What has expired is deleted.
    ExpiredRows,
    /// The audit log is sealed.
    AuditSeals,
    /// The seals are read again.
    AuditChecks,
    /// Heads of chains are signed.
    AuditCheckpoints,
    /// Whole chains are verified.
    AuditVerification,
}

impl Job {
    const ALL: [Self; 9] = [
        Self::SigningKeys,
        Self::TenantErasure,
        Self::ProvisioningLog,
        Self::UserCounts,
        Self::ExpiredRows,
        Self::AuditSeals,
        Self::AuditChecks,
        Self::AuditCheckpoints,
        Self::AuditVerification,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::SigningKeys => "signing_keys",
            Self::TenantErasure => "tenant_erasure",
            Self::ProvisioningLog => "provisioning_log",
            Self::UserCounts => "user_counts",
            Self::ExpiredRows => "expired_rows",
            Self::AuditSeals => "audit_seals",
            Self::AuditChecks => "audit_checks",
            Self::AuditCheckpoints => "audit_checkpoints",
            Self::AuditVerification => "audit_verification",
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// Seconds since 1970; 0 for never.
    succeeded_at: AtomicU64,
    failures: AtomicU64,
}

/// How the jobs of this process are doing.
#[derive(Debug, Default)]
pub struct Jobs([State; Job::ALL.len()]);

impl Jobs {
    /// Notes how a job ended.
    pub fn note<T, E>(&self, job: Job, result: &Result<T, E>) {
        let state = &self.0[job as usize];
        if result.is_ok() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            state.succeeded_at.store(now, Ordering::Relaxed);
        } else {
            state.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn write(&self, text: &mut Text) {
        const SUCCESS: &str = "provisor_job_last_success_timestamp_seconds";
        const FAILURES: &str = "provisor_job_failures_total";
        let jobs = || Job::ALL.iter().zip(&self.0);
        text.family(SUCCESS, Kind::Gauge, "When a background job last succeeded here; 0 for never.");
        for (job, state) in jobs() {
            text.sample(SUCCESS, &[("job", job.name())], state.succeeded_at.load(Ordering::Relaxed));
        }
        text.family(FAILURES, Kind::Counter, "How often a background job failed here.");
        for (job, state) in jobs() {
            text.sample(FAILURES, &[("job", job.name())], state.failures.load(Ordering::Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_is_noted_by_itself() {
        assert!(Job::ALL.iter().enumerate().all(|(position, job)| *job as usize == position));
        let jobs = Jobs::default();
        jobs.note(Job::AuditSeals, &Err::<(), _>(()));
        jobs.note(Job::AuditSeals, &Err::<(), _>(()));
        jobs.note(Job::UserCounts, &Ok::<_, ()>(()));
        let mut text = Text::default();
        jobs.write(&mut text);
        let text = text.into_string();
        assert!(
            text.contains("failures_total{job=\"audit_seals\"} 2\n")
                && text.contains("failures_total{job=\"user_counts\"} 0\n")
        );
        assert!(
            text.contains("seconds{job=\"audit_seals\"} 0\n") && !text.contains("seconds{job=\"user_counts\"} 0\n")
        );
    }
}
