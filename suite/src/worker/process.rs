//! One worker as the program that started it sees it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{MemfdFlags, OFlags};
use rustix::io::FdFlags;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Limits;
use super::child::status;
use super::protocol::{Reply, Request, receive, send};
use super::whereabouts::{Place, Whereabouts};
use crate::subject::Printed;

/// How much of what a library printed is kept, in bytes.
const KEPT: u64 = 4 << 10;

/// A running worker. It is killed when it is dropped: there is nothing in it to lose.
pub(super) struct Process {
    child: Child,
    socket: UnixStream,
    whereabouts: Whereabouts,
    stdout: File,
    stderr: File,
    limits: Limits,
}

/// How a worker came to its end instead of replying.
#[derive(Debug)]
pub(super) struct Death {
    /// What the library was last called for.
    pub(super) place: Place,
    /// What happened.
    pub(super) end: End,
    /// What it printed since the last reply.
    pub(super) printed: Printed,
}

impl Death {
    /// The library could be loaded once, but not again.
    pub(super) fn at_loading(again: &super::StartError) -> Self {
        Self {
            place: Place {
                step: 0,
                action: "load again".to_owned(),
            },
            end: End::Crashed(again.to_string()),
            printed: Printed::default(),
        }
    }
}

/// What happened to a worker, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It ended.
    Crashed(String),
    /// It had to be stopped.
    Hung(String),
}

/// A descriptor can only be handed over by letting every process inherit it that is started meanwhile.
static STARTING: Mutex<()> = Mutex::new(());

impl Process {
    /// Starts a worker; nothing is loaded yet.
    pub(super) fn start(program: &Path, limits: Limits) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let [stdout, stderr] = [memory_file("stdout")?, memory_file("stderr")?];
        for file in [&stdout, &stderr] {
            rustix::fs::fcntl_setfl(file, OFlags::APPEND)?;
        }
        let place = memory_file("whereabouts")?;
        let mut command = Command::new(program);
        command
            .args(["worker", &place.as_raw_fd().to_string()])
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::from(stdout.try_clone()?))
            .stderr(Stdio::from(stderr.try_clone()?))
            // What is typed on the terminal is for us.
            .process_group(0)
            // Libraries may write keys there.
            .env_remove("SSLKEYLOGFILE")
            .current_dir("/");
        let child = {
            let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
            rustix::io::fcntl_setfd(&place, FdFlags::empty())?;
            let child = command.spawn();
            rustix::io::fcntl_setfd(&place, FdFlags::CLOEXEC)?;
            child?
        };
        // The command holds our copies of what the worker was given.
        drop(command);
        Ok(Self {
            child,
            socket: ours,
            whereabouts: Whereabouts::new(place),
            stdout,
            stderr,
            limits,
        })
    }

    /// Asks, and waits for the reply.
    pub(super) fn ask(&mut self, request: &Request<'_>) -> Result<(Reply, Printed), Death> {
        let deadline = Instant::now() + self.limits.time;
        let reply = send(&mut self.socket, request).and_then(|()| {
            receive(&mut Until {
                socket: &self.socket,
                deadline,
            })
        });
        match reply {
            Ok(reply) => Ok((reply, self.printed())),
            Err(error) => Err(self.death(&error, deadline)),
        }
    }

    /// What the library printed since it was last asked for.
    fn printed(&mut self) -> Printed {
        Printed {
            stdout: take(&mut self.stdout),
            stderr: take(&mut self.stderr),
        }
    }

    /// Finds out why no reply came.
    fn death(&mut self, error: &io::Error, deadline: Instant) -> Death {
        let place = self.whereabouts.read().unwrap_or_default();
        let end = match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.stop(),
            io::ErrorKind::InvalidData => End::Crashed("replied without sense".to_owned()),
            // The socket is closed, by the end of the process or by the library.
            _ => match self.ended_by(deadline) {
                Some(status) => told(status, self.limits),
                None => match self.stop() {
                    End::Hung(how) => End::Hung(format!("closed its descriptors, then {how}")),
                    other => other,
                },
            },
        };
        Death {
            place,
            end,
            printed: self.printed(),
        }
    }

    /// Waits for the end of the process; answers nothing if it does not come in time.
    fn ended_by(&mut self, deadline: Instant) -> Option<ExitStatus> {
        let pid = Pid::from_child(&self.child);
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok();
        if let Some(pidfd) = &pidfd {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = left.try_into().ok()?;
            let mut polled = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
            poll(&mut polled, Some(&timeout)).ok()?;
        }
        self.child.try_wait().ok().flatten()
    }

    /// Stops a library that does not come back, and says what it was doing.
    fn stop(&mut self) -> End {
        let doing = match state(&self.child) {
            Some('R') => ", busy",
            Some('S' | 'D') => ", waiting",
            Some('T') => ", stopped",
            _ => "",
        };
        if let Ok(Some(status)) = self.child.try_wait() {
            return told(status, self.limits);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        End::Hung(format!(
            "not back after {}{doing}",
            seconds(self.limits.time)
        ))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads from a socket until a moment.
struct Until<'s> {
    socket: &'s UnixStream,
    deadline: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        self.socket.read(space)
    }
}

/// What the end of a worker means.
fn told(status: ExitStatus, limits: Limits) -> End {
    match (status.signal(), status.code()) {
        (Some(libc::SIGXCPU), _) => End::Hung(format!(
            "stopped after {} of processor time",
            seconds(limits.time)
        )),
        (Some(number), _) => End::Crashed(match Signal::try_from(number) {
            Ok(signal) => signal.as_str().to_owned(),
            Err(_) => format!("signal {number}"),
        }),
        (None, Some(status::SPINNING)) => End::Hung(
            "spins on the transport, and goes on although every call of it fails".to_owned(),
        ),
        (None, Some(status::SOCKET_GONE)) => {
            End::Crashed("closed the descriptors of its process".to_owned())
        }
        (None, Some(status::NO_SENSE)) => {
            End::Crashed("changed what its process was told".to_owned())
        }
        (None, code) => End::Crashed(format!(
            "ended its process with exit code {}",
            code.unwrap_or_default()
        )),
    }
}

/// `10 s`, `0.5 s`.
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// The letter with which the system tells what a process is doing (proc(5)); nothing where it does not.
fn state(child: &Child) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn memory_file(name: &str) -> io::Result<File> {
    Ok(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

/// Takes the beginning of what a file holds, and empties it.
fn take(file: &mut File) -> String {
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    if length == 0 {
        return String::new();
    }
    let mut bytes = Vec::new();
    let _ = file.seek(SeekFrom::Start(0));
    let _ = Read::by_ref(file).take(KEPT).read_to_end(&mut bytes);
    let _ = file.set_len(0);
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if length > KEPT {
        text.push_str(&format!("… ({length} bytes in all)"));
    }
    text
}
