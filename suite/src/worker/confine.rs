//! What a worker gives up before it loads a foreign library: all that neither a library nor the
//! suite needs to run a case. A library that tries is told so by an error, as by any system that
//! forbids it; only what it may use of memory, of processor time and of a file that it prints into
//! ends it. This holds a library's mistakes in; it is no prison for one that means harm.

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod calls;

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What a worker may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimits {
    /// Memory that it may allocate, in bytes; what it had when it was confined counts. More is
    /// refused: `malloc` answers null.
    pub memory: Option<u64>,
    /// How long a file may become by what it writes, in bytes: one that its output goes into, or one
    /// in memory. SIGXFSZ ends a process that writes on. Pipes have no such limit.
    pub file_size: u64,
}

/// Less than any core file needs, so that none is written. Not 0: of a machine that pipes core files
/// into a program, Linux asks nothing less than this one number (`coredump_pipe` in its
/// `fs/coredump.c`), and a crash would take as long as that program reads.
const NO_CORE: u64 = 1;

/// Gives up, for the rest of this process's life: new privileges, the network, writing files,
/// starting programs and processes, signals to other processes, core dumps, and whatever else
/// reaches outside. Answers what could not be given up, in words; empty: all of it.
///
/// What stays: reading files, loading code, memory, threads, pipes and connected pairs of sockets,
/// descriptors that are open already, signals to itself, time and randomness.
///
/// To be called while this process has one thread only: Landlock knows no others.
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
    // RLIMIT_AS would count what is reserved and never used: 64 MiB for each thread that allocates
    // (malloc(3), arenas), terabytes under a sanitizer.
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
        // Where the filter works it denies these too.
        note("writing files and starting programs", files);
    }
    kept
}

/// Ends this process, by SIGXCPU, when it has used this many seconds of processor time more, within
/// a second; waiting does not count. A later call replaces an earlier one. A library that blocks or
/// handles the signal goes on.
///
/// # Errors
/// If the limit that this process was born with is lower.
pub fn limit_cpu(seconds: u64) -> io::Result<()> {
    let used_rounded_up = used_processor_time().as_secs() + 1;
    let limit = Rlimit {
        current: Some(used_rounded_up + seconds),
        // Stays, so that the next call can raise the limit.
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

/// Lowers a limit for good.
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

/// Denies what Landlock knows, but for reading. On machines whose system calls are not filtered it is
/// all there is, and it sees files where the filter sees flags only.
#[cfg(target_os = "linux")]
fn landlock() -> Result<(), String> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
        RulesetError, Scope,
    };

    /// The first that can deny `truncate`, of Linux 6.2: less would not do.
    const NEEDED: ABI = ABI::V3;
    /// The last that the crate knows.
    const WISHED_FOR: ABI = ABI::V10;

    let restrict = || -> Result<(), RulesetError> {
        Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_write(NEEDED) | AccessFs::Execute)?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_write(WISHED_FOR))?
            .handle_access(AccessNet::from_all(WISHED_FOR))?
            .scope(Scope::from_all(WISHED_FOR))?
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
