//! A pair of connected sockets that do not wait, as a transport: the library has one end by its number,
//! with a small send buffer, and writes to it as to any socket. Between its calls the other end is read
//! into the transport, and gets what the transport hands over.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use rustix::net::sockopt;

use super::adapter::{TransportAdapter, no_sockets};
use crate::backend::Unsupported;
use crate::transport::{Budget, Outbound, Refusal, Transfer, Transport};

/// How much the send buffer of the library's end is asked to hold, in bytes; every system gives what it
/// likes, but nowhere as much as a write of some megabytes.
pub(super) const SMALL_BUFFER: usize = 4096;

/// How much our end may have on its way to the library, in bytes: what every system allows (`wmem_max`,
/// socket(7)).
const OUR_BUFFER: usize = 212_992;

/// How many bytes are read or written at a time.
pub(super) const PORTION: usize = 16 << 10;

/// The two ends of a transport of sockets.
pub(super) struct Ends {
    pub(super) transport: Transport,
    pub(super) library: UnixStream,
    /// Nothing once the far end has vanished.
    pub(super) ours: Option<UnixStream>,
}

impl Ends {
    /// Ends whose library's side waits.
    pub(super) fn new(transport: &Transport) -> io::Result<Self> {
        let (library, ours) = pair()?;
        transport.stand_behind_another();
        Ok(Self {
            transport: transport.clone(),
            library,
            ours: Some(ours),
        })
    }

    /// The number by which the library knows its end.
    pub(super) fn number(&self) -> RawFd {
        self.library.as_raw_fd()
    }
}

/// The transport of one connection.
pub(super) struct Socket(Ends);

impl Socket {
    pub(super) fn new(transport: &Transport) -> io::Result<Self> {
        let ends = Ends::new(transport)?;
        ends.library.set_nonblocking(true)?;
        Ok(Self(ends))
    }

    /// The number by which the library knows its end.
    pub(super) fn number(&self) -> RawFd {
        self.0.number()
    }
}

impl TransportAdapter for Socket {
    fn before(&mut self) -> Result<(), Unsupported> {
        let Some(ours) = &self.0.ours else {
            return Ok(());
        };
        deliver(&self.0.transport, ours).map_err(|error| no_sockets(&error))?;
        if has_vanished(&self.0.transport.outbound()) {
            vanish(self.0.ours.take()).map_err(|error| no_sockets(&error))?;
        }
        Ok(())
    }

    fn sync_transport(&mut self) -> Result<(), Unsupported> {
        let waiting = waiting(&self.0.library).map_err(|error| no_sockets(&error))?;
        self.0.transport.are_waiting(waiting);
        let takes = self.0.transport.outbound().accept != Budget::Bytes(0);
        match &self.0.ours {
            Some(ours) if takes => collect(&self.0.transport, ours)
                .map(|_| ())
                .map_err(|error| no_sockets(&error)),
            _ => Ok(()),
        }
    }
}

/// Two connected sockets: the first with a small send buffer, the second one that never waits.
fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (library, ours) = UnixStream::pair()?;
    sockopt::set_socket_send_buffer_size(&library, SMALL_BUFFER)?;
    sockopt::set_socket_send_buffer_size(&ours, OUR_BUFFER)?;
    ours.set_nonblocking(true)?;
    Ok((library, ours))
}

/// How many bytes the library has not read yet.
pub(super) fn waiting(library: &UnixStream) -> io::Result<usize> {
    let bytes = rustix::io::ioctl_fionread(library)?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Whether nobody is at the far end any more.
pub(super) fn has_vanished(outbound: &Outbound) -> bool {
    matches!(outbound.then, Refusal::Fail(_))
}

/// Closes the end of a far end that vanishes. What it has not read is read first: a system would tell of
/// its loss, and the library is to find nothing but a closed connection.
pub(super) fn vanish(ours: Option<UnixStream>) -> io::Result<()> {
    let Some(mut ours) = ours else {
        return Ok(());
    };
    ours.shutdown(Shutdown::Read)?;
    let mut space = [0; PORTION];
    while ours.read(&mut space)? > 0 {}
    Ok(())
}

/// Sends to the library what the transport hands over, as far as there is room.
pub(super) fn deliver(transport: &Transport, mut ours: &UnixStream) -> io::Result<()> {
    if transport.inbound().deliver == Budget::Bytes(0) {
        return Ok(());
    }
    let mut space = [0; PORTION];
    loop {
        let readable = transport.readable();
        let portion = &readable[..readable.len().min(PORTION)];
        if portion.is_empty() {
            return Ok(());
        }
        match ours.write(portion) {
            // What has gone is read from the transport.
            Ok(sent) => {
                transport.read(&mut space[..sent]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether somebody still reads what the library sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Somebody does.
    GoesOn,
    /// Nobody does: sending fails from now on.
    Over,
}

/// Hands to the transport all that has come from the library.
pub(super) fn collect(transport: &Transport, mut ours: &UnixStream) -> io::Result<Reading> {
    let mut space = [0; PORTION];
    loop {
        match ours.read(&mut space) {
            Ok(0) => return Ok(Reading::Over),
            Ok(read) => {
                if let Transfer::Refused(_) = transport.write(&space[..read]) {
                    ours.shutdown(Shutdown::Read)?;
                    return Ok(Reading::Over);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Reading::GoesOn),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
