//! Drops the privileges of a worker before it loads a foreign library: everything that neither a
//! library nor the suite needs to run a case. A denied operation fails with an error, as on any
//! restricted system; only exceeding the limits of memory, processor time or output ends the
//! process. This contains bugs, not attacks.

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod calls;

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The resources that a worker may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimits {
    /// Memory that it may allocate, in bytes, including what it had when it was confined. Beyond
    /// that, allocation fails: `malloc` returns null.
    pub memory: Option<u64>,
    /// The greatest length, in bytes, to which writing may extend a file, including files in memory
    /// and redirected output. SIGXFSZ ends a process that exceeds it. Pipes have no such limit.
    pub file_size: u64,
}

/// Less than any core file needs, so that none is written. Not 0: if the machine pipes core files
/// into a program, Linux skips the program only for the limit 1 (`coredump_pipe` in its
/// `fs/coredump.c`), and otherwise a crash takes as long as that program reads.
const NO_CORE: u64 = 1;

/// Drops the following for the rest of this process's life: new privileges, the network, writing
/// files, starting programs and processes, signals to other processes, core dumps, and other access
/// to the outside. Returns descriptions of what could not be dropped; empty for a full success.
///
/// Still allowed: reading files, loading code, memory, threads, pipes and connected pairs of
/// sockets, open descriptors, signals to itself, time and randomness.
///
/// Must be called while this process has only one thread, because Landlock restricts only the
/// calling one.
#[must_use]
pub fn confine(limits: &ResourceLimits) -> Vec<String> {
    let mut kept = Vec::new();
    let mut note = |what: &str, done: Result<(), String>| {
        if let Err(reason) = done {
            kept.push(format!("{what}: {reason}"));
        }
    };
    note("new privileges", no_new_privileges());
    note("core dumps", lower(Resource::Core, NO_CORE));
    // RLIMIT_AS would count memory that is reserved but never used: 64 MiB for each thread that
    // allocates (malloc(3), arenas), terabytes under a sanitizer.
    if let Some(memory) = limits.memory {
        note("memory without limit", lower(Resource::Data, memory));
    }
    note(
        "files of any size",
        lower(Resource::Fsize, limits.file_size),
    );
    let files = landlock();
    if let Err(reason) = filter() {
        note("processes, signals and the network", Err(reason));
        // If the filter works, it denies these too.
        note("writing files and starting programs", files);
    }
    kept
}

/// Limits this process to this many more seconds of processor time; waiting does not count. SIGXCPU
/// ends it within a second after that. A later call replaces an earlier one. The signal has no
/// effect on a library that blocks or handles it.
///
/// # Errors
///
/// If the limit that this process inherited is lower.
pub fn limit_cpu(seconds: u64) -> io::Result<()> {
    let used_rounded_up = used_processor_time().as_secs() + 1;
    let limit = Rlimit {
        current: Some(used_rounded_up + seconds),
        // Unchanged, so that the next call can raise the limit.
        maximum: getrlimit(Resource::Cpu).maximum,
    };
    Ok(setrlimit(Resource::Cpu, limit)?)
}

/// The processor time that this process has used.
pub(super) fn used_processor_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime)
        .try_into()
        .unwrap_or_default()
}

/// Lowers a limit permanently.
fn lower(resource: Resource, wanted: u64) -> Result<(), String> {
    let highest = getrlimit(resource).maximum;
    let limit = Some(highest.map_or(wanted, |highest| highest.min(wanted)));
    let limit = Rlimit {
        current: limit,
        maximum: limit,
    };
    setrlimit(resource, limit).map_err(|error| error.to_string())
}

#[cfg(target_os = "linux")]
fn no_new_privileges() -> Result<(), String> {
    rustix::thread::set_no_new_privs(true).map_err(|error| error.to_string())
}

/// Denies all access rights of Landlock except reading. On machines without system call filters
/// this is the only restriction; and it distinguishes files, while the filter sees only flags.
#[cfg(target_os = "linux")]
fn landlock() -> Result<(), String> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
        RulesetError, Scope,
    };

    /// The first version that can deny `truncate`, of Linux 6.2; an earlier one is not sufficient.
    const NEEDED: ABI = ABI::V3;
    /// The newest version that the crate supports.
    const NEWEST: ABI = ABI::V10;

    let restrict = || -> Result<(), RulesetError> {
        Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_write(NEEDED) | AccessFs::Execute)?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_write(NEWEST))?
            .handle_access(AccessNet::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .restrict_self()
            .map(drop)
    };
    restrict().map_err(|error| error.to_string())
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
fn filter() -> Result<(), String> {
    calls::filter().map_err(|error| error.to_string())
}

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
fn filter() -> Result<(), String> {
    Err("system calls are not filtered on this machine".to_owned())
}

#[cfg(not(target_os = "linux"))]
fn no_new_privileges() -> Result<(), String> {
    Err("only Linux can give them up".to_owned())
}

#[cfg(not(target_os = "linux"))]
fn landlock() -> Result<(), String> {
    Err("only Linux has Landlock".to_owned())
}
