//! How a libssl connection reaches the transport: each kind of transport has its own
//! [`TransportAdapter`], which is made for a new connection and synchronised with the transport
//! before and after each call.

use crate::backend::Unsupported;

/// Connects one libssl connection to the transport.
pub(super) trait TransportAdapter {
    /// Prepares for a call of the library.
    fn before(&mut self) -> Result<(), Unsupported> {
        Ok(())
    }

    /// Runs a call of the library, once.
    fn during(&self, call: &mut dyn FnMut()) -> Result<(), Unsupported> {
        call();
        Ok(())
    }

    /// Completes a call of the library.
    fn after(&mut self) -> Result<(), Unsupported> {
        self.sync_transport()
    }

    /// Moves to the transport what the library has sent so far, as much as the transport accepts.
    fn sync_transport(&mut self) -> Result<(), Unsupported> {
        Ok(())
    }

    /// Frees the connection.
    fn free(&self, free: &mut dyn FnMut()) {
        free();
    }
}

/// The error for a system that refused to create sockets.
pub(super) fn no_sockets(error: &std::io::Error) -> Unsupported {
    Unsupported::new(format!("a socket pair ({error})"))
}
