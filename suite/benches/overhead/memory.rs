//! The memory of this process, as the system reports it.

#![allow(unsafe_code)] // One function of the allocator.

/// Resident memory of this process, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// Now.
    pub(crate) now: u64,
    /// The highest so far.
    pub(crate) peak: u64,
}

/// Memory that the C library's allocator has handed out and not got back, in KiB; `None` for
/// another allocator. Resident memory is a worse measure of leaks: each thread has an arena of the
/// allocator, a call over a blocking socket runs in a thread of its own, and which thread leaves
/// free memory in which arena varies.
pub(crate) fn in_use() -> Option<u64> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: no precondition.
        let info = unsafe { libc::mallinfo2() };
        u64::try_from((info.uordblks + info.hblkhd) >> 10).ok()
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    None
}

/// The memory that the system reports; `None` where it does not.
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
