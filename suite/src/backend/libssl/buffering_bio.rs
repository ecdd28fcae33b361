//! The library's buffering BIO in front of the scripted one, as a transport. A write goes into a
//! buffer of 4096 bytes first (BIO_f_buffer(3)), so it succeeds before the transport has seen any
//! of it. The buffer is flushed after each call of the connection, as an application would do.

use super::adapter::TransportAdapter;
use super::bio::{self, BioType};
use super::context::refused;
use super::own_bio::{OwnBio, command};
use super::symbols::{Functions, Ssl};
use crate::backend::Unsupported;
use crate::transport::Transport;

/// The transport of one connection.
pub(super) struct BufferingBio {
    transport: Transport,
    scripted: bio::BioTransport,
    buffer: OwnBio,
}

impl BufferingBio {
    /// Gives the connection a buffering BIO in front of one of our type, for both directions.
    ///
    /// # Safety
    ///
    /// `ssl` is a live connection of the library of `api` and `method`, and outlives every call of
    /// the adapter.
    pub(super) unsafe fn give(
        api: &Functions,
        method: &BioType,
        transport: &Transport,
        ssl: *mut Ssl,
    ) -> Result<Self, Unsupported> {
        let functions = OwnBio::none(api)?;
        let lacking = |name| move || Unsupported::new(name);
        let kind = api.BIO_f_buffer.ok_or_else(lacking("BIO_f_buffer"))?;
        let new = api.BIO_new.ok_or_else(lacking("BIO_new"))?;
        let push = api.BIO_push.ok_or_else(lacking("BIO_push"))?;
        let free = api.BIO_free.ok_or_else(lacking("BIO_free"))?;
        let set_bio = api.SSL_set_bio.ok_or_else(lacking("SSL_set_bio"))?;
        // SAFETY: the functions belong to one library; SSL_set_bio takes over the one reference to
        // the chain for both directions, and the chain lives as long as the connection.
        unsafe {
            let buffer = new(kind());
            if buffer.is_null() {
                return Err(refused(api, "BIO_f_buffer"));
            }
            let Some(ours) = method.bio() else {
                free(buffer);
                return Err(refused(api, "a transport of the suite"));
            };
            push(buffer, ours);
            set_bio(ssl, buffer, buffer);
            transport.mark_as_indirect();
            Ok(Self {
                transport: transport.clone(),
                scripted: method.port(transport),
                buffer: functions.of(buffer),
            })
        }
    }
}

impl TransportAdapter for BufferingBio {
    fn during(&self, call: &mut dyn FnMut()) -> Result<(), Unsupported> {
        self.scripted.during(call)
    }

    fn sync_transport(&mut self) -> Result<(), Unsupported> {
        // Bytes that the transport does not accept stay in the buffer for the next flush.
        self.scripted.during(&mut || {
            self.buffer.ctrl(command::FLUSH, 0);
            self.transport
                .are_waiting(self.buffer.bytes(command::PENDING));
        })
    }

    fn free(&self, free: &mut dyn FnMut()) {
        self.scripted.free(free);
    }
}
