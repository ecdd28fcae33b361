//! The transport of a library that supports no custom BIO: a pair of connected sockets. The library
//! uses one end as a file descriptor, and the adapter synchronises it with the transport between
//! calls.
//!
//! Before a call, our end has sent the bytes that the transport delivers; after it, the bytes that
//! the library sent go to the transport, and those that it did not read are taken back. No bytes
//! move during a call, so that the result is the same every time. If the sockets behaved as the
//! transport's script says, the trace is the same as with a custom BIO; if they cannot, or did not,
//! the call is not applicable.

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

/// The requested size of each buffer, in bytes: every system allows it (`wmem_max`, socket(7)), so
/// that the same cases are applicable everywhere.
const BUFFER: usize = 212_992;

/// The bytes with which a buffer is filled, at a time.
const FILLER: [u8; 16 << 10] = [0; 16 << 10];

/// The transport of one connection.
pub(super) struct SocketPair {
    transport: Transport,
    /// The library's end, whose file descriptor number stays the same.
    library: OwnedFd,
    ours: UnixStream,
    /// A direction was shut down, which cannot be undone: the next call gets another pair.
    spent: bool,
    /// The preparations for the current call.
    staged: Option<Staged>,
}

/// The script's state at the beginning of a call, and the preparations for it.
struct Staged {
    outbound: Outbound,
    inbound: Inbound,
    /// The number of bytes that the library can read, and whether the transport had more than the
    /// buffer holds.
    delivered: usize,
    more: bool,
    sending: Sending,
}

/// What happens when the library sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// The buffer accepts the bytes.
    Taken,
    /// The buffer is full with this many bytes of ours, so that sending would block.
    Blocked(usize),
    /// The other end is not read, so that sending fails with `EPIPE`.
    Broken,
}

impl SocketPair {
    pub(super) fn new(transport: &Transport) -> io::Result<Self> {
        let (library, ours) = pair()?;
        transport.mark_as_indirect();
        Ok(Self {
            transport: transport.clone(),
            library: library.into(),
            ours,
            spent: false,
            staged: None,
        })
    }

    /// The file descriptor of the library's end.
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
    /// Prepares the sockets for a call of the library, according to the transport's script.
    fn before(&mut self) -> Result<(), Unsupported> {
        let staged = self.stage().map_err(|error| failed(&error))?;
        self.staged = Some(staged);
        Ok(())
    }

    /// Moves the results of a call of the library to the transport.
    ///
    /// # Errors
    ///
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
            // The byte with which `is_full` tested.
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
    /// Whether a scripted transport would have accepted what the library sent, without refusing
    /// anything.
    fn outbound_is_kept(&self, sent: usize, full: bool) -> Result<(), Unsupported> {
        let at_once = self.outbound.at_most.map_or(usize::MAX, |most| most.get());
        // Up to here the script neither refused bytes nor accepted only a part of them.
        if sent > self.outbound.accept.bytes().min(at_once) {
            return Err(Unsupported::new(format!(
                "link {}, over a socket pair",
                self.outbound
            )));
        }
        if full {
            Err(Unsupported::new("as many bytes, over a socket pair"))
        } else {
            Ok(())
        }
    }

    /// Whether a scripted transport would have delivered what the library read, without refusing
    /// anything.
    fn inbound_is_kept(&self, read: usize, unread: usize) -> Result<(), Unsupported> {
        if unread == 0 && self.more {
            return Err(Unsupported::new("as many bytes, over a socket pair"));
        }
        let at_once = self.inbound.at_most.map_or(usize::MAX, |most| most.get());
        let sockets_can = matches!(self.inbound.then, Refusal::WouldBlock | Refusal::Zero);
        // A library that left bytes unread never reached the end.
        if read <= at_once && (sockets_can || unread > 0) {
            Ok(())
        } else {
            Err(Unsupported::new(format!(
                "inbound {}, over a socket pair",
                self.inbound
            )))
        }
    }
}

fn failed(error: &io::Error) -> Unsupported {
    Unsupported::new(format!("a socket pair ({error})"))
}

/// Two connected non-blocking sockets.
fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (library, ours) = UnixStream::pair()?;
    for end in [&library, &ours] {
        end.set_nonblocking(true)?;
        sockopt::set_socket_send_buffer_size(end, BUFFER)?;
    }
    Ok((library, ours))
}

/// Writes as many of `bytes` as there is room for; returns how many.
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

/// Sends until no more bytes are accepted; returns how many were.
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

/// Whether the buffer accepts no more bytes. The system accepts any write while the buffer is not
/// full, and no bytes leave it during a call: if it is not full now, nothing was refused before.
fn is_full(socket: &impl AsFd) -> io::Result<bool> {
    match send(socket, &FILLER[..1], SendFlags::NOSIGNAL) {
        Ok(_) => Ok(false),
        Err(rustix::io::Errno::AGAIN) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// All received bytes.
fn take(mut socket: &UnixStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match socket.read_to_end(&mut bytes) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(bytes),
    }
}

/// Takes the bytes that the library has not read; returns how many.
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
