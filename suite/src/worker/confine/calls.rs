//! The system calls that a confined worker is denied, by number and arguments, as a seccomp(2)
//! filter. All other calls stay allowed, so that a library finds its usual system; a call that is
//! newer than this list fails as nonexistent.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter_all_threads, sock_filter,
};

/// Calls that fail with ENOSYS, as on an older kernel. Each has an alternative, but takes its
/// arguments in memory, where a filter cannot read them. The C library falls back to the
/// alternative.
const ABSENT: [c_long; 5] = [
    libc::SYS_clone3,
    libc::SYS_openat2,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// The number after the newest call that this list covers (`mseal`, Linux 6.10). Numbers from here
/// on fail with ENOSYS; so do those of x32, which are at least 2^30.
const FIRST_UNKNOWN: u32 = 463;

/// Missing in the crate `libc` for aarch64; new calls have the same number on all architectures.
const FCHMODAT2: c_long = 452;

/// From `asm-generic/ioctls.h`; the type of these constants in the crate `libc` depends on the C
/// library.
const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541c;

const NETWORK: &[c_long] = &[
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
];

const PROGRAMS_AND_PROCESSES: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    // The suite kills a worker by its process group.
    libc::SYS_setsid,
    libc::SYS_setpgid,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_setrlimit,
    // These outlive the process.
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// Calls that change files by name, or their metadata. Contents are written through descriptors:
/// see `opening_to_write`.
const FILES: &[c_long] = &[
    libc::SYS_open_by_handle_at,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

/// The same by names that newer architectures never had.
#[cfg(target_arch = "x86_64")]
const OLD_NAMES: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_creat,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_mknod,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_ioperm,
    libc::SYS_iopl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_NAMES: &[c_long] = &[];

/// Calls that change the machine; most of them need privileges, which a test in a container may
/// have.
const MACHINE: &[c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_reboot,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_syslog,
    libc::SYS_vhangup,
];

/// Filters the calls of all threads of this process, for the rest of its life.
pub(super) fn filter() -> Result<(), seccompiler::Error> {
    apply_filter_all_threads(&denying(denied()?, libc::EPERM)?)?;
    let absent = ABSENT.map(|call| (call, Vec::new())).into();
    apply_filter_all_threads(&denying(absent, libc::ENOSYS)?)?;
    apply_filter_all_threads(&denying_unknown())
}

/// Denies the calls for which one of the rules matches; without rules, always.
fn denying(
    rules: BTreeMap<c_long, Vec<SeccompRule>>,
    errno: i32,
) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno.unsigned_abs()),
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}

/// Denies all numbers from the first unknown one on, which rules cannot express.
fn denying_unknown() -> BpfProgram {
    let instruction = |code: u32, to: (u8, u8), k: u32| sock_filter {
        code: code as u16,
        jt: to.0,
        jf: to.1,
        k,
    };
    let next = (0, 0);
    let absent = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    // The number of the call is the first word of the filter's input.
    vec![
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, next, 0),
        instruction(
            libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K,
            (0, 1),
            FIRST_UNKNOWN,
        ),
        instruction(libc::BPF_RET | libc::BPF_K, next, absent),
        instruction(libc::BPF_RET | libc::BPF_K, next, libc::SECCOMP_RET_ALLOW),
    ]
}

fn denied() -> Result<BTreeMap<c_long, Vec<SeccompRule>>, BackendError> {
    let whole = [NETWORK, PROGRAMS_AND_PROCESSES, FILES, OLD_NAMES, MACHINE];
    let whole = whole.concat().into_iter().map(|call| (call, Vec::new()));
    let mut rules: BTreeMap<_, _> = whole.collect();
    rules.extend(by_arguments()?);
    Ok(rules)
}

fn by_arguments() -> Result<Vec<(c_long, Vec<SeccompRule>)>, BackendError> {
    let this_process = u64::from(std::process::id());
    let another_process = || one(unless(0, this_process));
    Ok(vec![
        // A clone that is not a thread of this process is a new process.
        (libc::SYS_clone, one(bits(0, libc::CLONE_THREAD as u64, 0))?),
        (libc::SYS_kill, another_process()?),
        (libc::SYS_tgkill, another_process()?),
        // Names only a thread; the id of the first thread is that of the process.
        (libc::SYS_tkill, another_process()?),
        (libc::SYS_rt_sigqueueinfo, another_process()?),
        (libc::SYS_rt_tgsigqueueinfo, another_process()?),
        (
            libc::SYS_prctl,
            one(equal(0, libc::PR_SET_PDEATHSIG as u64))?,
        ),
        (libc::SYS_prlimit64, limits(this_process)?),
        (libc::SYS_socketpair, pairs()?),
        // Only with an address; without one it is the same as `write`.
        (libc::SYS_sendto, one(some_address(4))?),
        // Inserts input into the terminal, where a shell would read it after the suite has ended.
        (
            libc::SYS_ioctl,
            any([equal(1, TIOCSTI), equal(1, TIOCLINUX)])?,
        ),
        (libc::SYS_openat, opening_to_write(2)?),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, opening_to_write(1)?),
    ])
}

/// Allows a process to change only its own limit of processor time: see `limit_cpu`.
fn limits(this_process: u64) -> Result<Vec<SeccompRule>, BackendError> {
    let new_limits = || some_address(2);
    Ok(vec![
        SeccompRule::new(vec![unless(0, 0)?, unless(0, this_process)?])?,
        SeccompRule::new(vec![new_limits()?, unless(1, libc::RLIMIT_CPU as u64)?])?,
    ])
}

/// Allows only connected pairs: a datagram socket could send to any name.
fn pairs() -> Result<Vec<SeccompRule>, BackendError> {
    const KIND: u64 = 0xf; // The bits of SOCK_TYPE_MASK in Linux's `net.h`.
    any([
        unless(0, libc::AF_UNIX as u64),
        bits(1, KIND, libc::SOCK_DGRAM as u64),
        bits(1, KIND, libc::SOCK_RAW as u64),
    ])
}

fn opening_to_write(flags: u8) -> Result<Vec<SeccompRule>, BackendError> {
    let access = |mode: i32| bits(flags, libc::O_ACCMODE as u64, mode as u64);
    let flag = |flag: i32| bits(flags, flag as u64, flag as u64);
    any([
        access(libc::O_WRONLY),
        access(libc::O_RDWR),
        // Undefined in POSIX; Linux opens some devices with this mode.
        access(libc::O_ACCMODE),
        flag(libc::O_CREAT),
        flag(libc::O_TRUNC),
    ])
}

/// Combines alternative rules.
fn any<const N: usize>(
    conditions: [Result<SeccompCondition, BackendError>; N],
) -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |condition| SeccompRule::new(vec![condition?]);
    conditions.into_iter().map(rule).collect()
}

fn one(
    condition: Result<SeccompCondition, BackendError>,
) -> Result<Vec<SeccompRule>, BackendError> {
    any([condition])
}

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    word(argument, SeccompCmpOp::Eq, value)
}

fn unless(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    word(argument, SeccompCmpOp::Ne, value)
}

fn bits(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    word(argument, SeccompCmpOp::MaskedEq(mask), value)
}

/// Compares the lower 32 bits: the kernel reads these numbers as 32 bits and ignores the upper
/// ones.
fn word(argument: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value)
}

fn some_address(argument: u8) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)
}
