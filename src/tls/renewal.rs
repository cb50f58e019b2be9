//! What is done about the certificate while the server runs: its files are looked at, and its end is told of in time.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::{Certificate, ENDS_SOON};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it is said that the certificate ends soon.
const REMIND_EVERY: TimeDelta = TimeDelta::days(1);

/// The thread that looks whether the files have changed.
#[derive(Debug)]
pub struct Renewal {
    /// Nothing is sent; that it is gone says that the end has come.
    end: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Renewal {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(certificate: Arc<Certificate>) -> std::io::Result<Self> {
        let (end, ended) = sync_channel(0);
        let thread = std::thread::Builder::new().name("certificate".into()).spawn(move || {
            let mut taken = certificate.state;
            let mut seen = taken;
            let mut reminder = Reminder::default();
            let mut told = None;
            loop {
                reminder.look(&certificate);
                if ended.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let now = certificate.files.state();
                // Two files do not change at once, so both are read when they have stayed as they are for one look more. What cannot
                // be used is tried again at each look, and told of when there is something new to tell.
                if now != taken && now == seen {
                    match certificate.renew() {
                        Ok(()) => (taken, told) = (now, None),
                        Err(error) => {
                            let failure = Some((now, error.to_string()));
                            if failure != told {
                                log::error!(
                                    "the certificate has changed and cannot be used, so the one before is kept: {error}"
                                );
                                told = failure;
                            }
                        }
                    }
                }
                seen = now;
            }
        })?;
        Ok(Self { end, thread })
    }

    /// Ends the thread.
    pub fn stop(self) {
        drop(self.end);
        if self.thread.join().is_err() {
            log::error!("the thread that looks after the certificate failed");
        }
    }
}

/// Of which end it was last said that it is near, and when.
#[derive(Debug, Default)]
struct Reminder(Option<(DateTime<Utc>, DateTime<Utc>)>);

impl Reminder {
    /// Says that the certificate ends soon, or has ended, where it is time to.
    fn look(&mut self, certificate: &Certificate) {
        let now = Utc::now();
        let Some(until) = certificate.valid_until().filter(|until| self.is_due(*until, now)) else {
            return;
        };
        let (file, day) = (certificate.files.certificate.display(), until.to_rfc3339_opts(SecondsFormat::Secs, true));
        if until <= now {
            log::error!("the certificate in {file} ended on {day}, and no client takes it: put a new one in its place");
        } else {
            log::warn!(
                "the certificate in {file} ends on {day}, and no client takes it from then on: put a new one in its place"
            );
        }
    }

    /// Whether it is time to: at once for an end that was not told of yet, then once in a day.
    fn is_due(&mut self, until: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let is_new = self.0.is_none_or(|(end, told)| end != until || now - told >= REMIND_EVERY);
        let is_due = is_new && until - now < ENDS_SOON;
        if is_due {
            self.0 = Some((until, now));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_of_in_time_and_once_in_a_day() {
        let start = DateTime::UNIX_EPOCH;
        let (hour, day) = (TimeDelta::hours(1), TimeDelta::days(1));
        let (first, second) = (start + ENDS_SOON, start + ENDS_SOON + day * 3);
        let mut reminder = Reminder::default();
        for (until, now, is_due) in [
            (first, start, false),
            (first, start + hour, true),
            (first, start + hour * 2, false),
            (first, start + hour * 24, false),
            (first, start + hour * 25, true),
            // Another certificate, which is to end in two weeks and two days, and one that ends sooner.
            (second, start + hour * 26, false),
            (first - day, start + hour * 27, true),
            // It has ended, and the clock is set back.
            (first - day, first, true),
            (first - day, first - day, false),
        ] {
            assert_eq!(reminder.is_due(until, now), is_due, "{until} at {now}");
        }
    }
}
