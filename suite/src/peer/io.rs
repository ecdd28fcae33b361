//! The peer's end of the transport as an `io::Read + io::Write` stream. Its direction is the
//! reverse of the library's, and it accepts and delivers without limits.

use std::io;

use crate::transport::Transport;

/// The peer's end of the transport.
#[derive(Debug)]
pub(super) struct PeerIo(Transport);

impl PeerIo {
    pub(super) fn new(transport: &Transport) -> Self {
        Self(transport.clone())
    }
}

impl io::Read for PeerIo {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self.0.peer_read(space) {
            0 if !space.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            bytes => Ok(bytes),
        }
    }
}

impl io::Write for PeerIo {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.peer_write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
