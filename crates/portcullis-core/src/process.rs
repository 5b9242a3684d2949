use std::time::Duration;

/// What the operating system knows of this process: on Linux, from `/proc`. What can't be read is
/// not there.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ProcessStats {
    /// Time on a processor in user mode.
    pub cpu_user: Option<Duration>,
    /// Time on a processor in the kernel.
    pub cpu_system: Option<Duration>,
    /// Memory in RAM, in bytes.
    pub resident_bytes: Option<u64>,
    /// Memory that is mapped, in bytes.
    pub virtual_bytes: Option<u64>,
    /// File descriptors that are open.
    pub open_fds: Option<u64>,
    /// How many file descriptors may be open.
    pub max_fds: Option<u64>,
    /// When the process started, from the epoch of Unix on.
    pub started: Option<Duration>,
}

// ===== impl ProcessStats =====

impl ProcessStats {
    /// Reads them: six small files, no memory of which grows with the process. On an old kernel (before
    /// Linux 6.2) open descriptors are counted one by one.
    #[must_use]
    #[cfg(target_os = "linux")]
    pub fn read() -> Self {
        linux::read()
    }

    /// Reads nothing: only Linux has `/proc`.
    #[must_use]
    #[cfg(not(target_os = "linux"))]
    pub fn read() -> Self {
        Self::default()
    }

    /// Returns the time on a processor, in both modes.
    #[must_use]
    pub fn cpu(&self) -> Option<Duration> {
        Some(self.cpu_user? + self.cpu_system?)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{fs, time::Duration};

    use super::ProcessStats;

    pub(super) fn read() -> ProcessStats {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        let (stat, status) = (text("/proc/self/stat"), text("/proc/self/status"));
        let boot = boot_time(&text("/proc/stat"));
        ProcessStats {
            cpu_user: ticks(&stat, 14),
            cpu_system: ticks(&stat, 15),
            resident_bytes: kilobytes(&status, "VmRSS:"),
            virtual_bytes: kilobytes(&status, "VmSize:"),
            open_fds: open_fds(),
            max_fds: max_fds(&text("/proc/self/limits")),
            started: ticks(&stat, 22).zip(boot).map(|(after, boot)| boot + after),
        }
    }

    /// Reads a field of `/proc/self/stat`, which proc(5) counts from 1, as a time. The second, the
    /// program's name in parentheses, may have spaces and parentheses itself.
    pub(super) fn ticks(stat: &str, field: usize) -> Option<Duration> {
        let (_, after_name) = stat.rsplit_once(')')?;
        let text = after_name.split_ascii_whitespace().nth(field - 3)?;
        let ticks: u64 = text.parse().ok()?;
        Some(Duration::from_millis(ticks * MILLIS_OF_TICK))
    }

    pub(super) fn kilobytes(status: &str, name: &str) -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let number = line.split_ascii_whitespace().next()?;
        Some(number.parse::<u64>().ok()? * 1024)
    }

    /// Reads the soft limit. There may be none.
    pub(super) fn max_fds(limits: &str) -> Option<u64> {
        let mut lines = limits.lines();
        let line = lines.find_map(|line| line.strip_prefix("Max open files"))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    }

    fn boot_time(stat: &str) -> Option<Duration> {
        let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        Some(Duration::from_secs(line.trim().parse().ok()?))
    }

    fn open_fds() -> Option<u64> {
        let path = "/proc/self/fd";
        match fs::metadata(path).ok()?.len() {
            // The one that reads the folder is not counted.
            0 => Some(fs::read_dir(path).ok()?.count().saturating_sub(1) as u64),
            count => Some(count),
        }
    }

    /// `USER_HZ` is 100 in the interface of Linux to programs, whatever the kernel's own clock does.
    const MILLIS_OF_TICK: u64 = 10;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() {
        let stats = ProcessStats::read();

        assert!(stats.resident_bytes.unwrap() > 100_000);
        assert!(stats.virtual_bytes >= stats.resident_bytes);
        assert!(stats.open_fds.unwrap() >= 3);
        assert!(stats.max_fds.unwrap() >= stats.open_fds.unwrap());
        assert!(stats.cpu().unwrap() < Duration::from_secs(3600));
        let age = std::time::UNIX_EPOCH.elapsed().unwrap() - stats.started.unwrap();
        assert!(age < Duration::from_secs(3600));
    }

    #[test]
    fn a_hostile_name_of_a_program_moves_no_field() {
        let stat = "7 (a) R 1 (b) ) S 1 7 7 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 300 0";

        assert_eq!(linux::ticks(stat, 14), Some(Duration::from_millis(2500)));
        assert_eq!(linux::ticks(stat, 15), Some(Duration::from_millis(500)));
        assert_eq!(linux::ticks(stat, 22), Some(Duration::from_secs(3)));
    }

    #[test]
    fn what_can_not_be_read_is_not_there() {
        assert_eq!(linux::ticks("", 14), None);
        assert_eq!(linux::kilobytes("VmRSS:\t x kB", "VmRSS:"), None);
        let unlimited = "Max open files            unlimited            unlimited            files";
        assert_eq!(linux::max_fds(unlimited), None);
    }
}
