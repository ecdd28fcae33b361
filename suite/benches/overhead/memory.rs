//! How much memory this process needs, as the system tells it.

#![allow(unsafe_code)] // One function of the allocator.

/// Resident memory of this process, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// Now.
    pub(crate) now: u64,
    /// The most so far.
    pub(crate) peak: u64,
}

/// What the system says when the allocator has given back what nobody uses; nothing where the system does
/// not say it. Each thread has an arena of the allocator, a call over a socket that waits is made by a thread of
/// its own, and which thread gets which arena is chance: what lies unused in them is no leak.
pub(crate) fn settled() -> Option<Resident> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no precondition; only free memory is given back.
    unsafe {
        libc::malloc_trim(0);
    }
    resident()
}

/// What the system says; nothing where it does not.
fn resident() -> Option<Resident> {
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
