//! What the operating system says of the process, under the names that all programs use. Where there is no `/proc`, only the start is told.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::unistd::{SysconfVar, sysconf};

use super::text::{Kind, Text};

pub(super) fn write(text: &mut Text, started: SystemTime) {
    let started = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    text.one("process_start_time_seconds", Kind::Gauge, "When the process started, since 1970.", started);
    if let Some(bytes) = resident_bytes() {
        text.one("process_resident_memory_bytes", Kind::Gauge, "Memory that the process has.", bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        text.one("process_open_fds", Kind::Gauge, "Files and connections that are open.", open.count());
    }
    if let Ok(Some(most)) = sysconf(SysconfVar::OPEN_MAX) {
        text.one("process_max_fds", Kind::Gauge, "Files and connections that may be open.", most);
    }
}

fn resident_bytes() -> Option<u64> {
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()?;
    let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
    Some(pages * page)
}
