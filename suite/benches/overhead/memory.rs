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

/// What the C library's allocator has given out and not got back, in KiB; nothing for another one. Resident
/// memory says less of a leak: each thread has an arena of the allocator, a call over a socket that waits is made
/// by a thread of its own, and which thread gets which arena, to leave free memory in, is chance.
pub(crate) fn in_use() -> Option<u64> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: no precondition.
        let told = unsafe { libc::mallinfo2() };
        u64::try_from((told.uordblks + told.hblkhd) >> 10).ok()
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    None
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
