//! The transport of a library that makes no BIO of another's kind: a pair of connected sockets, of which
//! it is given one end by number, and which is kept in step with the transport between its calls.
//!
//! Before a call, the end of ours holds what the transport hands over; after it, what the library sent goes to
//! the transport, and what it did not read is taken back. Nobody moves a byte meanwhile, so that the outcome is
//! the same every time. Where the sockets behaved as the transport's script says, the trace is the one that
//! a BIO of ours would have given; where they cannot, or did not, the call is not applicable.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use rustix::io::{DupFlags, dup3};
use rustix::net::{SendFlags, send, sockopt};

use super::adapter::TransportAdapter;
use crate::backend::Unsupported;
use crate::transport::{Errno, Inbound, Outbound, Refusal, Transport};

/// How much each end's buffer is to hold, in bytes: what every system allows (`wmem_max`, socket(7)), so
/// that the same cases are applicable everywhere.
const BUFFER: usize = 212_992;

/// How many bytes fill a buffer at a time.
const FILLER: [u8; 16 << 10] = [0; 16 << 10];

/// The transport of one connection.
pub(super) struct SocketPair {
    transport: Transport,
    /// The end that the library uses, by its number, which stays the same.
    library: OwnedFd,
    ours: UnixStream,
    /// A direction was shut, which cannot be undone: the next call gets another pair.
    spent: bool,
    /// What was done for the call that runs.
    staged: Option<Staged>,
}

/// What the script said when a call began, and what was done for it.
struct Staged {
    outbound: Outbound,
    inbound: Inbound,
    /// Bytes that the library can read, and whether the transport had more than the buffer holds.
    delivered: usize,
    more: bool,
    sending: Sending,
}

/// What becomes of what the library sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// The buffer takes it.
    Taken,
    /// The buffer is full of so many bytes of ours, so that sending would block.
    Blocked(usize),
    /// Nobody reads, so that sending fails with `EPIPE`.
    Broken,
}

impl SocketPair {
    pub(super) fn new(transport: &Transport) -> io::Result<Self> {
        let (library, ours) = pair()?;
        transport.stand_behind_another();
        Ok(Self {
            transport: transport.clone(),
            library: library.into(),
            ours,
            spent: false,
            staged: None,
        })
    }

    /// The number by which the library knows its end.
    pub(super) fn number(&self) -> RawFd {
        self.library.as_raw_fd()
    }

    fn stage(&mut self) -> io::Result<Staged> {
        if std::mem::take(&mut self.spent) {
            let (library, ours) = pair()?;
            dup3(&library, &mut self.library, DupFlags::CLOEXEC)?;
            self.ours = ours;
        }
        let (outbound, inbound) = (self.transport.outbound(), self.transport.inbound());
        let readable = self.transport.readable();
        let delivered = put(&self.ours, &readable)?;
        if inbound.then == Refusal::Zero {
            self.ours.shutdown(Shutdown::Write)?;
            self.spent = true;
        }
        let sending = match (outbound.accept.bytes(), outbound.then) {
            (0, Refusal::WouldBlock) => Sending::Blocked(fill(&self.library)?),
            (0, Refusal::Fail(errno)) if errno == Errno::PIPE => {
                self.ours.shutdown(Shutdown::Read)?;
                self.spent = true;
                Sending::Broken
            }
            _ => Sending::Taken,
        };
        Ok(Staged {
            outbound,
            inbound,
            delivered,
            more: delivered < readable.len(),
            sending,
        })
    }

    fn hand_over(&self, mut sent: &[u8], read: usize) {
        use crate::transport::Transfer::Done;

        let mut space = vec![0; read];
        let mut space = &mut space[..];
        while !space.is_empty()
            && let Done(bytes) = self.transport.read(space)
        {
            space = &mut space[bytes..];
        }
        while !sent.is_empty()
            && let Done(bytes) = self.transport.write(sent)
        {
            sent = &sent[bytes..];
        }
    }
}

impl TransportAdapter for SocketPair {
    /// Does what the transport's script says before a call of the library begins.
    fn before(&mut self) -> Result<(), Unsupported> {
        let staged = self.stage().map_err(|error| failed(&error))?;
        self.staged = Some(staged);
        Ok(())
    }

    /// Hands to the transport what the call of the library did.
    ///
    /// # Errors
    /// [`Unsupported`], if sockets cannot do what the script says and the call depended on it.
    fn after(&mut self) -> Result<(), Unsupported> {
        let Some(staged) = self.staged.take() else {
            return Ok(());
        };
        let full = staged.sending == Sending::Taken
            && is_full(&self.library).map_err(|error| failed(&error))?;
        let mut sent = take(&self.ours).map_err(|error| failed(&error))?;
        match staged.sending {
            Sending::Blocked(filler) => drop(sent.drain(..filler.min(sent.len()))),
            // The byte by which `is_full` tried.
            Sending::Taken if !full => drop(sent.pop()),
            _ => {}
        }
        let unread = take_back(&self.library).map_err(|error| failed(&error))?;
        let read = staged.delivered.saturating_sub(unread);
        staged.outbound_is_kept(sent.len(), full)?;
        staged.inbound_is_kept(read, unread)?;
        self.hand_over(&sent, read);
        Ok(())
    }
}

impl Staged {
    /// Whether a scripted link would have taken what the library sent, and done no more.
    fn outbound_is_kept(&self, sent: usize, full: bool) -> Result<(), Unsupported> {
        let at_once = self.outbound.at_most.map_or(usize::MAX, |most| most.get());
        // Up to here the script never came to refuse anything, nor to take a part of what was offered.
        if sent > self.outbound.accept.bytes().min(at_once) {
            return Err(Unsupported::new(format!(
                "link {}, over a socket pair",
                self.outbound
            )));
        }
        match full {
            true => Err(Unsupported::new("as many bytes, over a socket pair")),
            false => Ok(()),
        }
    }

    /// Whether a scripted link would have handed over what the library read, and done no more.
    fn inbound_is_kept(&self, read: usize, unread: usize) -> Result<(), Unsupported> {
        if unread == 0 && self.more {
            return Err(Unsupported::new("as many bytes, over a socket pair"));
        }
        let at_once = self.inbound.at_most.map_or(usize::MAX, |most| most.get());
        let sockets_can = matches!(self.inbound.then, Refusal::WouldBlock | Refusal::Zero);
        // A library that left bytes unread never came to the end.
        match read <= at_once && (sockets_can || unread > 0) {
            true => Ok(()),
            false => Err(Unsupported::new(format!(
                "inbound {}, over a socket pair",
                self.inbound
            ))),
        }
    }
}

fn failed(error: &io::Error) -> Unsupported {
    Unsupported::new(format!("a socket pair ({error})"))
}

/// Two connected sockets that never wait.
fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (library, ours) = UnixStream::pair()?;
    for end in [&library, &ours] {
        end.set_nonblocking(true)?;
        sockopt::set_socket_send_buffer_size(end, BUFFER)?;
    }
    Ok((library, ours))
}

/// Writes as many of `bytes` as there is room for; answers how many.
fn put(mut socket: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match socket.write(&bytes[done..]) {
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Sends until not a byte more is taken; answers how many were.
fn fill(socket: &impl AsFd) -> io::Result<usize> {
    let mut filled = 0;
    for chunk in [&FILLER[..], &FILLER[..1]] {
        loop {
            match send(socket, chunk, SendFlags::NOSIGNAL) {
                Ok(sent) => filled += sent,
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(filled)
}

/// Whether the buffer takes not a byte more. The system takes anything while the buffer is not full, and
/// nothing goes out of it during a call: if it is not full now, nothing was refused before.
fn is_full(socket: &impl AsFd) -> io::Result<bool> {
    match send(socket, &FILLER[..1], SendFlags::NOSIGNAL) {
        Ok(_) => Ok(false),
        Err(rustix::io::Errno::AGAIN) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// All bytes that have come.
fn take(mut socket: &UnixStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match socket.read_to_end(&mut bytes) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(bytes),
    }
}

/// Takes what the library has not read; answers how many bytes that is.
fn take_back(library: &OwnedFd) -> io::Result<usize> {
    let (mut space, mut unread) = ([0; 4096], 0);
    loop {
        match rustix::io::read(library, &mut space) {
            Ok(0) | Err(rustix::io::Errno::AGAIN) => return Ok(unread),
            Ok(read) => unread += read,
            Err(error) => return Err(error.into()),
        }
    }
}
