//! A pair of connected non-blocking sockets as a transport: the library uses one end, with a small
//! send buffer, as a file descriptor. Between its calls the bytes at the other end are moved to the
//! transport, and bytes from the transport are sent to it.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use rustix::net::sockopt;

use super::adapter::{TransportAdapter, no_sockets};
use crate::backend::Unsupported;
use crate::transport::{Budget, Outbound, Refusal, Transfer, Transport};

/// The requested size of the send buffer of the library's end, in bytes. Systems round it
/// differently, but nowhere up to a write of some megabytes.
pub(super) const SMALL_BUFFER: usize = 4096;

/// The send buffer of our end, in bytes: a size that every system allows (`wmem_max`, socket(7)).
const OUR_BUFFER: usize = 212_992;

/// How many bytes are read or written at a time.
pub(super) const PORTION: usize = 16 << 10;

/// The two ends of a transport of sockets.
pub(super) struct SocketEnds {
    pub(super) transport: Transport,
    pub(super) library: UnixStream,
    /// `None` once the peer has disconnected.
    pub(super) ours: Option<UnixStream>,
}

impl SocketEnds {
    /// Ends of which the library's blocks.
    pub(super) fn new(transport: &Transport) -> io::Result<Self> {
        let (library, ours) = pair()?;
        transport.mark_as_indirect();
        Ok(Self {
            transport: transport.clone(),
            library,
            ours: Some(ours),
        })
    }

    /// The file descriptor of the library's end.
    pub(super) fn number(&self) -> RawFd {
        self.library.as_raw_fd()
    }
}

/// The transport of one connection.
pub(super) struct Socket(SocketEnds);

impl Socket {
    pub(super) fn new(transport: &Transport) -> io::Result<Self> {
        let ends = SocketEnds::new(transport)?;
        ends.library.set_nonblocking(true)?;
        Ok(Self(ends))
    }

    /// The file descriptor of the library's end.
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
        if has_disconnected(&self.0.transport.outbound()) {
            disconnect(self.0.ours.take()).map_err(|error| no_sockets(&error))?;
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

/// Two connected sockets: the first with a small send buffer, the second non-blocking.
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

/// Whether the peer has disconnected.
pub(super) fn has_disconnected(outbound: &Outbound) -> bool {
    matches!(outbound.then, Refusal::Fail(_))
}

/// Closes the end of a peer that disconnects. Unread bytes are read first: otherwise a system would
/// report a reset, and the library has to find an ordinarily closed connection.
pub(super) fn disconnect(ours: Option<UnixStream>) -> io::Result<()> {
    let Some(mut ours) = ours else {
        return Ok(());
    };
    ours.shutdown(Shutdown::Read)?;
    let mut space = [0; PORTION];
    while ours.read(&mut space)? > 0 {}
    Ok(())
}

/// Sends bytes from the transport to the library, as far as there is room.
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
            // The sent bytes are then read from the transport.
            Ok(sent) => {
                transport.read(&mut space[..sent]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether the peer still reads what the library sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerReading {
    /// It does.
    GoesOn,
    /// It does not: sending fails from now on.
    Over,
}

/// Moves all bytes from the library to the transport.
pub(super) fn collect(transport: &Transport, mut ours: &UnixStream) -> io::Result<PeerReading> {
    let mut space = [0; PORTION];
    loop {
        match ours.read(&mut space) {
            Ok(0) => return Ok(PeerReading::Over),
            Ok(read) => {
                if let Transfer::Refused(_) = transport.write(&space[..read]) {
                    ours.shutdown(Shutdown::Read)?;
                    return Ok(PeerReading::Over);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(PeerReading::GoesOn);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
