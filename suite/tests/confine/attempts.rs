//! Attempts that a confined process must not, or must, succeed in. They use the standard library or
//! `rustix` where these have the call, so that the real callers are tested.

#![allow(unsafe_code)] // System calls that no library makes for us.

use std::ffi::{CString, c_long};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use rustix::process::{Pid, Resource, Signal, getpid, getppid, getrlimit};
use tempfile::TempDir;
use writeproof::internal::backend::libssl::Libssl;
use writeproof::internal::runner;
use writeproof::internal::scenario::{Corpus, Variant};
use writeproof::internal::worker::confine::limit_cpu;

/// An action that a worker may try.
pub(super) struct Attempt {
    /// The rule that it checks; the test's name.
    pub(super) rule: &'static str,
    pub(super) attempt: fn() -> io::Result<()>,
    /// The error number that a confined process gets; `None` if it succeeds.
    pub(super) confined: Option<i32>,
    pub(super) alone: Alone,
}

/// The result of the same attempt in a process that is not confined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alone {
    /// Another result.
    Different,
    /// Any result: the attempt may work everywhere, or this system may forbid it to every process.
    Any,
}

/// A file and a folder in the folder where attempts are made.
const FILE: &str = "file";
const FOLDER: &str = "inner";
const NEW: &str = "new";

pub(super) fn folder() -> io::Result<TempDir> {
    let folder = TempDir::new()?;
    fs::write(folder.path().join(FILE), "contents")?;
    fs::create_dir(folder.path().join(FOLDER))?;
    Ok(folder)
}

pub(super) fn all() -> Vec<Attempt> {
    let denied = |rule, attempt| Attempt {
        rule,
        attempt,
        confined: Some(libc::EPERM),
        alone: Alone::Different,
    };
    let absent = |rule, attempt| Attempt {
        confined: Some(libc::ENOSYS),
        alone: Alone::Any,
        ..denied(rule, attempt)
    };
    // An attempt that a container's own rules may deny too.
    let privileged = |rule, attempt| Attempt {
        alone: Alone::Any,
        ..denied(rule, attempt)
    };
    let works = |rule, attempt| Attempt {
        confined: None,
        alone: Alone::Any,
        ..denied(rule, attempt)
    };
    vec![
        // The network.
        denied("internet socket is denied", || {
            UdpSocket::bind("127.0.0.1:0").map(drop)
        }),
        denied("unix socket is denied", || {
            UnixDatagram::unbound().map(drop)
        }),
        denied("pair of datagram sockets is denied", || {
            UnixDatagram::pair().map(drop)
        }),
        denied("connecting a socket is denied", || {
            on_pair(libc::SYS_connect)
        }),
        denied("binding a socket is denied", || on_pair(libc::SYS_bind)),
        denied("listening on a socket is denied", || {
            on_pair(libc::SYS_listen)
        }),
        denied("accepting a connection is denied", || {
            on_pair(libc::SYS_accept)
        }),
        denied("sending to an address is denied", send_to_an_address),
        // Programs and processes.
        denied("starting a program is denied", || {
            Command::new("true").status().map(drop)
        }),
        denied("exec is denied", || Err(Command::new("true").exec())),
        denied("process by clone is denied", || {
            fork(libc::SYS_clone, libc::SIGCHLD)
        }),
        #[cfg(target_arch = "x86_64")]
        denied("process by fork is denied", || fork(libc::SYS_fork, 0)),
        absent("clone3 is absent", || call(libc::SYS_clone3, [0; 6])),
        denied("signal to another process is denied", || {
            Ok(rustix::process::test_kill_process(parent())?)
        }),
        denied("signal to a group is denied", || {
            call(libc::SYS_kill, [0, 0, 0, 0, 0, 0])
        }),
        denied("signal to another process's thread is denied", || {
            let parent = parent().as_raw_nonzero().get().into();
            call(libc::SYS_tgkill, [parent, parent, 0, 0, 0, 0])
        }),
        denied("signal to a thread of any process is denied", || {
            let parent = parent().as_raw_nonzero().get().into();
            call(libc::SYS_tkill, [parent, 0, 0, 0, 0, 0])
        }),
        denied("new session is denied", || {
            Ok(rustix::process::setsid().map(drop)?)
        }),
        denied("new process group is denied", || {
            Ok(rustix::process::setpgid(None, None)?)
        }),
        denied("outliving the parent is denied", || {
            Ok(rustix::process::set_parent_process_death_signal(None)?)
        }),
        denied("changing the memory limit is denied", || {
            let limit = getrlimit(Resource::As);
            Ok(rustix::process::setrlimit(Resource::As, limit)?)
        }),
        denied("changing the limits of another process is denied", || {
            let limit = getrlimit(Resource::Core);
            Ok(rustix::process::prlimit(Some(parent()), Resource::Core, limit).map(drop)?)
        }),
        privileged("tracing is denied", || call(libc::SYS_ptrace, [0; 6])),
        privileged("writing into another process is denied", || {
            call(libc::SYS_process_vm_writev, [0; 6])
        }),
        privileged("handle of a process is denied", || {
            call(libc::SYS_pidfd_open, [0; 6])
        }),
        // Files.
        denied("opening a file to write is denied", || {
            OpenOptions::new().write(true).open(FILE).map(drop)
        }),
        denied("opening a file to write and read is denied", || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(FILE)
                .map(drop)
        }),
        denied("opening a file to append is denied", || {
            OpenOptions::new().append(true).open(FILE).map(drop)
        }),
        denied("creating a file is denied", || File::create(NEW).map(drop)),
        denied("creating a file to read is denied", || {
            open(libc::O_RDONLY | libc::O_CREAT, NEW)
        }),
        denied("truncating a file by opening it to read is denied", || {
            open(libc::O_RDONLY | libc::O_TRUNC, FILE)
        }),
        denied("unnamed file is denied", || {
            open(libc::O_RDWR | libc::O_TMPFILE, ".")
        }),
        denied("opening a device to write is denied", || {
            File::create("/dev/null").map(drop)
        }),
        #[cfg(target_arch = "x86_64")]
        denied("opening a file to write by open(2) is denied", || {
            with_path(FILE, |path| {
                let write = libc::O_WRONLY.into();
                call(libc::SYS_open, [path, write, 0, 0, 0, 0])
            })
        }),
        #[cfg(target_arch = "x86_64")]
        denied("creating a file by creat(2) is denied", || {
            with_path(NEW, |path| call(libc::SYS_creat, [path, 0, 0, 0, 0, 0]))
        }),
        absent("openat2 is absent", || call(libc::SYS_openat2, [0; 6])),
        absent("io_uring is absent", || {
            call(libc::SYS_io_uring_setup, [0; 6])
        }),
        denied("removing a file is denied", || fs::remove_file(FILE)),
        denied("renaming a file is denied", || fs::rename(FILE, NEW)),
        denied("linking a file is denied", || fs::hard_link(FILE, NEW)),
        denied("symbolic link is denied", || symlink(FILE, NEW)),
        denied("truncating a file is denied", || {
            with_path(FILE, |path| call(libc::SYS_truncate, [path, 0, 0, 0, 0, 0]))
        }),
        denied("creating a folder is denied", || fs::create_dir(NEW)),
        denied("removing a folder is denied", || fs::remove_dir(FOLDER)),
        denied("changing permissions is denied", || {
            fs::set_permissions(FILE, Permissions::from_mode(0o600))
        }),
        denied(
            "changing permissions through a descriptor is denied",
            || File::open(FILE)?.set_permissions(Permissions::from_mode(0o600)),
        ),
        denied("changing the owner is denied", || chown(FILE, None, None)),
        denied("changing times is denied", || {
            File::open(FILE)?.set_modified(SystemTime::UNIX_EPOCH)
        }),
        denied("changing an attribute is denied", || {
            with_path(FILE, |path| {
                call(libc::SYS_removexattr, [path, path, 0, 0, 0, 0])
            })
        }),
        // The machine.
        denied("terminal input injection is denied", || {
            let (pipe, _other) = io::pipe()?;
            let type_in = libc::TIOCSTI as c_long;
            call(
                libc::SYS_ioctl,
                [pipe.as_raw_fd().into(), type_in, 0, 0, 0, 0],
            )
        }),
        privileged("mounting is denied", || call(libc::SYS_mount, [0; 6])),
        privileged("chroot is denied", || call(libc::SYS_chroot, [0; 6])),
        privileged("new namespace is denied", || {
            call(libc::SYS_unshare, [0; 6])
        }),
        privileged("bpf is denied", || call(libc::SYS_bpf, [0; 6])),
        privileged("performance events are denied", || {
            call(libc::SYS_perf_event_open, [0; 6])
        }),
        privileged("userfaultfd is denied", || {
            call(libc::SYS_userfaultfd, [0; 6])
        }),
        privileged("kernel keys are denied", || call(libc::SYS_keyctl, [0; 6])),
        privileged("shared memory that outlives the process is denied", || {
            call(libc::SYS_shmget, [0; 6])
        }),
        absent("system call of a later kernel is absent", || {
            call(SETXATTRAT, [0; 6])
        }),
        #[cfg(target_arch = "x86_64")]
        absent("system call of x32 is absent", || {
            call(X32 + libc::SYS_getpid, [0; 6])
        }),
        // Memory.
        Attempt {
            confined: Some(libc::ENOMEM),
            ..denied("memory over the limit is denied", || {
                allocate(2 * super::MEMORY)
            })
        },
        // Actions that must work.
        works("files are readable", || {
            read(Path::new(FILE))?;
            fs::read_dir(".")?.try_for_each(|entry| entry.map(drop))
        }),
        works("/proc of the process is readable", || {
            read(Path::new("/proc/self/maps"))
        }),
        works("memory within the limit is allocated", || {
            allocate(super::MEMORY / 2)
        }),
        works("threads start other threads", || {
            let outer = std::thread::Builder::new().spawn(|| {
                let inner = std::thread::Builder::new().spawn(|| 1 + 1)?;
                joined(inner)
            })?;
            joined(outer)?.map(drop)
        }),
        works("pipe carries data", || {
            let (mut from, mut to) = io::pipe()?;
            to.write_all(b"!")?;
            from.read_exact(&mut [0])
        }),
        works("socket pair carries data", || {
            let (mut from, mut to) = UnixStream::pair()?;
            to.write_all(b"!")?; // `send`, without an address.
            from.read_exact(&mut [0])
        }),
        works("memory file is writable", || {
            let name = c"here".as_ptr() as c_long;
            let descriptor = number(libc::SYS_memfd_create, [name, 0, 0, 0, 0, 0])?;
            // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
            let mut file = unsafe { File::from_raw_fd(descriptor as i32) };
            file.write_all(b"contents")
        }),
        works("signal to itself is allowed", || {
            rustix::process::kill_process(getpid(), Signal::CONT)?;
            // SAFETY: SIGCONT is ignored.
            match unsafe { libc::raise(libc::SIGCONT) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        }),
        works("random bytes are available", || {
            let mut space = [0_u8; 16];
            let address = space.as_mut_ptr() as c_long;
            call(libc::SYS_getrandom, [address, 16, 0, 0, 0, 0])
        }),
        works("changing the working directory is allowed", || {
            std::env::set_current_dir(FOLDER)
        }),
        works("raising the processor time limit is allowed", || {
            limit_cpu(1)?;
            limit_cpu(1000)?;
            match getrlimit(Resource::Cpu).current {
                Some(1000..=1010) => Ok(()),
                other => Err(io::Error::other(format!("{other:?}"))),
            }
        }),
        works("library loads and runs a scenario", run_a_scenario),
    ]
}

/// Ends this process in the named way, if the name is known.
pub(super) fn end(how: &str) {
    match how {
        "abort" => std::process::abort(),
        // SAFETY: the write is not sound; the fault is the purpose. The standard library's handler
        // does not take it for a stack overflow, since the address is elsewhere.
        "fault" => unsafe { std::ptr::null_mut::<u8>().write_volatile(1) },
        "spin" => {
            limit_cpu(0).expect("no lower limit is set");
            loop {
                std::hint::spin_loop();
            }
        }
        "flood" => loop {
            println!("{}", "and on ".repeat(1000));
        },
        _ => {}
    }
}

/// A system call newer than those that the filter knows: Linux 6.13.
const SETXATTRAT: c_long = 463;

/// The bit that marks system calls of the x32 ABI, `__X32_SYSCALL_BIT` in `asm/unistd.h`.
#[cfg(target_arch = "x86_64")]
const X32: c_long = 0x4000_0000;

fn number(call: c_long, arguments: [c_long; 6]) -> io::Result<c_long> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: every caller passes numbers, null, or the address of memory that outlives the call.
    match unsafe { libc::syscall(call, a, b, c, d, e, f) } {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}

fn call(call: c_long, arguments: [c_long; 6]) -> io::Result<()> {
    number(call, arguments).map(drop)
}

fn with_path<T>(path: &str, then: impl FnOnce(c_long) -> T) -> T {
    let path = CString::new(path).expect("a path without NUL");
    then(path.as_ptr() as c_long)
}

fn open(flags: i32, path: &str) -> io::Result<()> {
    let mode = 0o600;
    with_path(path, |path| {
        let here = libc::AT_FDCWD.into();
        call(libc::SYS_openat, [here, path, flags.into(), mode, 0, 0])
    })
}

fn read(path: &Path) -> io::Result<()> {
    fs::read(path).map(drop)
}

fn parent() -> Pid {
    getppid().expect("the parent is in this pid namespace")
}

/// Makes this call on one of two connected sockets, without an address.
fn on_pair(socket_call: c_long) -> io::Result<()> {
    let (one, _other) = UnixStream::pair()?;
    call(socket_call, [one.as_raw_fd().into(), 0, 0, 0, 0, 0])
}

fn send_to_an_address() -> io::Result<()> {
    let (one, _other) = UnixStream::pair()?;
    let address = [0_u8; 16];
    let (bytes, length) = (address.as_ptr() as c_long, address.len() as c_long);
    let descriptor = one.as_raw_fd().into();
    call(libc::SYS_sendto, [descriptor, bytes, 1, 0, bytes, length])
}

/// Creates a process that exits at once, if the system allows it.
fn fork(by: c_long, flags: i32) -> io::Result<()> {
    match number(by, [flags.into(), 0, 0, 0, 0, 0])? {
        // SAFETY: ends this copy of the process without running any handler.
        0 => unsafe { libc::_exit(0) },
        _ => Ok(()),
    }
}

fn allocate(bytes: u64) -> io::Result<()> {
    let mut memory: Vec<u8> = Vec::new();
    memory
        .try_reserve_exact(usize::try_from(bytes).expect("64 bits"))
        .map_err(|_| io::Error::from_raw_os_error(libc::ENOMEM))
}

fn joined<T>(thread: std::thread::JoinHandle<T>) -> io::Result<T> {
    thread.join().map_err(|_| io::Error::other("it panicked"))
}

fn run_a_scenario() -> io::Result<()> {
    let path = Path::new(writeproof_openssl_1_1_1::LIBSSL);
    let libssl = Libssl::load("confined", path).map_err(io::Error::other)?;
    let corpus = Corpus::built_in().map_err(io::Error::other)?;
    let scenario = corpus
        .get("retry/shorter-buffer")
        .ok_or(io::ErrorKind::NotFound)?;
    let variant = Variant::parse("tls1.3/client").ok_or(io::ErrorKind::NotFound)?;
    let trace = runner::run(&libssl, scenario, variant).map_err(io::Error::other)?;
    let trace = trace.to_string();
    if trace.contains("ssl:bad length") {
        Ok(())
    } else {
        Err(io::Error::other(trace))
    }
}
