//! The link as the peer sees it: the other way round, and always open.

use std::io;

use crate::link::Link;

/// The peer's end of the link.
#[derive(Debug)]
pub(super) struct FarEnd(Link);

impl FarEnd {
    pub(super) fn new(link: &Link) -> Self {
        Self(link.clone())
    }
}

impl io::Read for FarEnd {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self.0.peer_read(space) {
            0 if !space.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            bytes => Ok(bytes),
        }
    }
}

impl io::Write for FarEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.peer_write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
