//! How much memory this process needs, as the system tells it.

/// Resident memory of this process, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// Now.
    pub(crate) now: u64,
    /// The most so far.
    pub(crate) peak: u64,
}

/// What the system says; nothing where it does not.
pub(crate) fn resident() -> Option<Resident> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some(Resident {
        now: kib("VmRSS:")?,
        peak: kib("VmHWM:")?,
    })
}
