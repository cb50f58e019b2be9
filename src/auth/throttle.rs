//! Makes guessing slow. Failed attempts are counted in the database, for what is guessed at and for where the guesses come from, so
//! that the count holds over all servers and restarts. After some free attempts each failure doubles the time until the next
//! attempt is looked at; nobody is ever locked out for longer than a quarter of an hour.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::device::Device;
use crate::id::TenantId;
use crate::network;
use crate::store::{self, Store, ThrottleRow};

/// The longest wait.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);
/// Failures are forgotten when none has come for so long.
pub const MEMORY: TimeDelta = TimeDelta::hours(1);
/// Failures without a wait, for an account, and for it in a browser that is known.
const FREE_FOR_ACCOUNT: i32 = 5;
/// The same, for an address from which people sign in: many people may share one.
const FREE_FOR_ADDRESS: i32 = 20;
/// The same, for an OAuth client at one address. Secrets are too long to be guessed, and others may know the client's id: so only
/// who sends from the same address is held up.
const FREE_FOR_CLIENT: i32 = 10;
/// The same, for what the server does to itself in a tenant when somebody asks for it.
const FREE_FOR_SELF_TEST: i32 = 3;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    key: String,
    free: i32,
}

impl Subject {
    /// Attempts at somebody's password from an address; there is no folded e-mail where nobody can have an account of that name. A
    /// browser in which that person has signed in before is counted by itself alone, so that strangers who fail on and on in
    /// somebody's name, or from the same network, do not hold up the owner.
    #[must_use]
    pub fn password(folded_email: Option<&str>, device: Option<Device>, address: Option<&str>) -> Vec<Self> {
        match device {
            Some(device) => vec![Self::device(device)],
            None => vec![folded_email.map_or_else(Self::nobody, Self::account), Self::address(address)],
        }
    }

    /// Attempts in a browser that is known for the account.
    fn device(device: Device) -> Self {
        Self { key: format!("device {}", device.name().simple()), free: FREE_FOR_ACCOUNT }
    }

    /// Attempts to sign in as somebody, whether there is such an account or not.
    fn account(folded_email: &str) -> Self {
        Self { key: format!("account {folded_email}"), free: FREE_FOR_ACCOUNT }
    }

    /// Attempts to sign in as somebody who cannot have an account: such names are as long and as many as anybody likes.
    fn nobody() -> Self {
        Self { key: "account".into(), free: FREE_FOR_ACCOUNT }
    }

    /// Attempts to sign in from an address.
    fn address(address: Option<&str>) -> Self {
        Self { key: format!("address {}", network(address)), free: FREE_FOR_ADDRESS }
    }

    /// Attempts at the code of somebody whose password was right. A browser in which that person has signed in before is counted by
    /// itself, so that whoever has stolen the password does not hold up the owner.
    #[must_use]
    pub fn code(person: Uuid, device: Option<Device>) -> Self {
        let key = match device {
            Some(device) => format!("code device {}", device.name().simple()),
            None => format!("code {}", person.simple()),
        };
        Self { key, free: FREE_FOR_ACCOUNT }
    }

    /// Attempts to authenticate as an OAuth client from an address, whether there is such a client or not.
    #[must_use]
    pub fn client(id: &str, address: Option<&str>) -> Self {
        Self { key: format!("client {id} {}", network(address)), free: FREE_FOR_CLIENT }
    }

    /// Attempts to authenticate from an address as whatever client.
    #[must_use]
    pub fn clients(address: Option<&str>) -> Self {
        Self { key: format!("clients {}", network(address)), free: FREE_FOR_ADDRESS }
    }

    /// Attempts to open a setup link from an address.
    #[must_use]
    pub fn links(address: Option<&str>) -> Self {
        Self { key: format!("links {}", network(address)), free: FREE_FOR_ADDRESS }
    }

    /// Ways from an address to the identity provider. Nobody guesses by them, but they may have the server ask the provider.
    #[must_use]
    pub fn departures(address: Option<&str>) -> Self {
        Self { key: format!("departures {}", network(address)), free: FREE_FOR_ADDRESS }
    }

    /// Ways back from there. They are counted by themselves, so that whoever was let go is let in again.
    #[must_use]
    pub fn arrivals(address: Option<&str>) -> Self {
        Self { key: format!("arrivals {}", network(address)), free: FREE_FOR_ADDRESS }
    }

    /// Self-tests in a tenant. Nobody guesses by them, but each costs the server several calls and leaves a revoked token behind.
    #[must_use]
    pub fn self_test(tenant: TenantId) -> Self {
        Self { key: format!("self-test {}", tenant.0.simple()), free: FREE_FOR_SELF_TEST }
    }

    /// How long is left to wait at `now`; never longer than from the failure on, also where the clock has been set back since.
    fn wait(&self, row: &ThrottleRow, now: DateTime<Utc>) -> TimeDelta {
        let Some(doublings) = row.failures.checked_sub(self.free).filter(|over| *over >= 0) else {
            return TimeDelta::zero();
        };
        let doublings = u32::try_from(doublings).unwrap_or(0).min(16);
        let wait = TimeDelta::seconds(1_i64 << doublings).min(LONGEST_WAIT);
        (row.last_failed_at + wait - now).clamp(TimeDelta::zero(), wait)
    }
}

/// An attempt that is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttled {
    /// Seconds after which the next one is.
    pub retry_after_seconds: u32,
}

/// Whether an attempt may be made now; it is not counted.
///
/// # Errors
/// The inner error when it may not; the outer one from the database.
pub fn check(store: &Store, subjects: &[Subject], now: DateTime<Utc>) -> Result<Result<(), Throttled>, store::Error> {
    let rows = store.gate(|gate| gate.throttles(&keys(subjects)))?;
    Ok(judge(subjects, &rows, now))
}

/// Counts an attempt as failed before it is looked at, so that attempts side by side do not pass unseen. What did not fail is given
/// back by [`forgive`].
///
/// # Errors
/// The inner error when it may not be made; the outer one from the database.
pub fn charge(store: &Store, subjects: &[Subject], now: DateTime<Utc>) -> Result<Result<(), Throttled>, store::Error> {
    // Whoever goes on all the same writes nothing.
    if let Err(throttled) = check(store, subjects, now)? {
        return Ok(Err(throttled));
    }
    store.gate(|gate| {
        gate.change_throttles(&keys(subjects), now, |rows| {
            for row in rows.iter_mut().filter(|row| row.last_failed_at + MEMORY <= now) {
                row.failures = 0;
            }
            judge(subjects, rows, now)?;
            for row in rows {
                row.failures = row.failures.saturating_add(1);
                row.last_failed_at = now;
            }
            Ok(())
        })
    })
}

/// Takes back a failure that [`charge`] counted: all failures of the first subject, which is whoever proved to be right, and one of
/// each other.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn forgive(store: &Store, subjects: &[Subject], now: DateTime<Utc>) -> Result<(), store::Error> {
    let is_first = |row: &ThrottleRow| subjects.first().is_some_and(|subject| row.key_is(subject));
    let changed = store.gate(|gate| {
        gate.change_throttles::<()>(&keys(subjects), now, |rows| {
            for row in rows {
                row.failures = if is_first(row) { 0 } else { (row.failures - 1).max(0) };
            }
            Ok(())
        })
    });
    changed.map(|_| ())
}

impl ThrottleRow {
    fn key_is(&self, subject: &Subject) -> bool {
        self.subject == subject.key
    }
}

fn keys(subjects: &[Subject]) -> Vec<&str> {
    subjects.iter().map(|subject| subject.key.as_str()).collect()
}

fn judge(subjects: &[Subject], rows: &[ThrottleRow], now: DateTime<Utc>) -> Result<(), Throttled> {
    let wait = |row: &ThrottleRow| {
        subjects.iter().find(|subject| row.key_is(subject)).map_or(TimeDelta::zero(), |subject| subject.wait(row, now))
    };
    let longest = rows.iter().map(wait).max().unwrap_or_default();
    if longest <= TimeDelta::zero() {
        return Ok(());
    }
    // Rounded up: an earlier attempt would come in vain.
    let seconds = longest.num_seconds() + i64::from(longest.subsec_nanos() > 0);
    Err(Throttled { retry_after_seconds: u32::try_from(seconds).unwrap_or(u32::MAX) })
}

/// The address, or for IPv6 the network of it that one customer has.
fn network(address: Option<&str>) -> String {
    let address = address.and_then(|address| address.parse().ok());
    address.map_or_else(|| "unknown".into(), |address: IpAddr| network::subscriber(address).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_after_the_free_attempts_up_to_a_quarter_of_an_hour() {
        let now = Utc::now();
        let subject = Subject::account("ada@example.com");
        let wait = |failures| {
            let row = ThrottleRow { subject: subject.key.clone(), failures, last_failed_at: now };
            judge(std::slice::from_ref(&subject), &[row], now).map_err(|throttled| throttled.retry_after_seconds)
        };
        assert_eq!(
            [0, 4, 5, 6, 10, 14, 15, 1_000].map(wait),
            [Ok(()), Ok(()), Err(1), Err(2), Err(32), Err(512), Err(900), Err(900)]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_longer() {
        let now = Utc::now();
        let subject = Subject::account("ada@example.com");
        let row = ThrottleRow { subject: subject.key.clone(), failures: 6, last_failed_at: now + TimeDelta::hours(1) };
        assert_eq!(judge(&[subject], &[row], now), Err(Throttled { retry_after_seconds: 2 }));
    }

    #[test]
    fn an_account_can_be_tried_thirty_times_in_any_hour_at_most() {
        let subject = Subject::account("ada@example.com");
        let start = Utc::now();
        let mut row = ThrottleRow { subject: subject.key.clone(), failures: 0, last_failed_at: start };
        let mut tries = Vec::new();
        // The guesser tries each second, for a day.
        for second in 0..86_400 {
            let now = start + TimeDelta::seconds(second);
            if judge(std::slice::from_ref(&subject), std::slice::from_ref(&row), now).is_ok() {
                row = ThrottleRow { failures: row.failures + 1, last_failed_at: now, ..row };
                tries.push(second);
            }
        }
        let most = tries.iter().map(|from| tries.iter().filter(|at| (*from..from + 3_600).contains(at)).count()).max();
        assert!(most <= Some(30), "{most:?}");
    }

    #[test]
    fn addresses_of_one_customer_are_one_subject() {
        assert_eq!(network(Some("2001:db8:1:2:3:4:5:6")), network(Some("2001:db8:1:2::9")));
        assert_ne!(network(Some("2001:db8:1:2::1")), network(Some("2001:db8:1:3::1")));
        assert_eq!(network(Some("::ffff:192.0.2.1")), network(Some("192.0.2.1")));
    }
}
