//! How much of its memory a cgroup (version 2) uses, or the machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where cgroups are.
#[derive(Clone, Debug)]
pub(crate) struct Cgroups {
    /// Where the kernel lists the group of this process.
    pub(crate) own: PathBuf,
    pub(crate) root: PathBuf,
}

// ===== impl Cgroups =====

impl Cgroups {
    /// Returns which part of a limit is used: of the group, or of one around it, whichever is nearer to
    /// its limit. `None` where no group has one. Blocks.
    pub(crate) fn used(&self) -> Option<f64> {
        let own = fs::read_to_string(&self.own).ok()?;
        let own = self.root.join(group(&own)?);
        let groups = own
            .ancestors()
            .take_while(|group| group.starts_with(&self.root));
        groups.filter_map(used_of).reduce(f64::max)
    }
}

impl Default for Cgroups {
    fn default() -> Self {
        Self {
            own: "/proc/self/cgroup".into(),
            root: "/sys/fs/cgroup".into(),
        }
    }
}

/// Returns which part of the machine's memory is used. `None` where the kernel does not tell. Blocks.
pub(crate) fn used_of_machine() -> Option<f64> {
    machine(&fs::read_to_string("/proc/meminfo").ok()?)
}

/// Returns which part is used, of `/proc/meminfo`: what is not available without swapping.
pub(crate) fn machine(text: &str) -> Option<f64> {
    let field = |name| {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        number(value.trim().strip_suffix("kB")?)
    };
    let total = field("MemTotal").filter(|total| *total > 0)?;
    let available = field("MemAvailable")?;
    Some(total.saturating_sub(available) as f64 / total as f64)
}

fn used_of(group: &Path) -> Option<f64> {
    let read = |file| fs::read_to_string(group.join(file)).ok();
    let (max, current) = (read("memory.max")?, read("memory.current")?);
    used(&max, &current, &read("memory.stat").unwrap_or_default())
}

/// Returns the group of version 2 in `/proc/self/cgroup`, without its slash at the begin.
pub(crate) fn group(text: &str) -> Option<&str> {
    let mut lines = text.lines();
    let group = lines.find_map(|line| line.strip_prefix("0::/"))?;
    let is_plain = group.split('/').all(|part| part != "..");
    is_plain.then_some(group)
}

/// Returns which part of the limit is used. Cached files that the kernel would drop first are not: a
/// server of files uses all its memory for them.
pub(crate) fn used(max: &str, current: &str, stat: &str) -> Option<f64> {
    let max = number(max).filter(|max| *max > 0)?;
    let current = number(current)?;
    let mut fields = stat.lines().filter_map(|line| line.split_once(' '));
    let inactive = fields.find(|(name, _)| *name == "inactive_file");
    let inactive = inactive.and_then(|(_, bytes)| number(bytes)).unwrap_or(0);
    Some(current.saturating_sub(inactive) as f64 / max as f64)
}

/// Returns a number of bytes; `None` for `max`, which is no limit.
fn number(text: &str) -> Option<u64> {
    let text = text.trim_ascii();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}
