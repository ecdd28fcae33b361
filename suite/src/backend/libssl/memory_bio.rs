//! The library's memory BIOs as a transport, one for each direction. A write into one always
//! succeeds, and the adapter moves the bytes to and from the transport.

use std::ffi::c_long;

use super::adapter::TransportAdapter;
use super::context::refused;
use super::own_bio::{OwnBio, command};
use super::symbols::{Functions, Ssl};
use crate::backend::Unsupported;
use crate::transport::{Refusal, Transport};

/// The result of reading an empty memory BIO, for "retry" and "end of file" (BIO_s_mem(3)).
const COME_AGAIN: c_long = -1;
const END_OF_FILE: c_long = 0;

/// The transport of one connection.
pub(super) struct MemoryBio {
    transport: Transport,
    incoming: OwnBio,
    outgoing: OwnBio,
}

impl MemoryBio {
    /// Gives the connection two memory BIOs.
    ///
    /// # Safety
    ///
    /// `ssl` is a live connection of the library of `api`, and outlives every call of the adapter.
    pub(super) unsafe fn give(
        api: &Functions,
        transport: &Transport,
        ssl: *mut Ssl,
    ) -> Result<Self, Unsupported> {
        let functions = OwnBio::none(api)?;
        let lacking = |name| move || Unsupported::new(name);
        let kind = api.BIO_s_mem.ok_or_else(lacking("BIO_s_mem"))?;
        let new = api.BIO_new.ok_or_else(lacking("BIO_new"))?;
        let free = api.BIO_free.ok_or_else(lacking("BIO_free"))?;
        let set_bio = api.SSL_set_bio.ok_or_else(lacking("SSL_set_bio"))?;
        // SAFETY: the functions belong to one library; SSL_set_bio takes over both BIOs, which then
        // live as long as the connection.
        unsafe {
            let bios = [new(kind()), new(kind())];
            if bios.iter().any(|bio| bio.is_null()) {
                bios.into_iter()
                    .filter(|bio| !bio.is_null())
                    .for_each(|bio| {
                        free(bio);
                    });
                return Err(refused(api, "BIO_s_mem"));
            }
            set_bio(ssl, bios[0], bios[1]);
            transport.mark_as_indirect();
            Ok(Self {
                transport: transport.clone(),
                incoming: functions.of(bios[0]),
                outgoing: functions.of(bios[1]),
            })
        }
    }
}

impl TransportAdapter for MemoryBio {
    fn before(&mut self) -> Result<(), Unsupported> {
        self.incoming.fill(&self.transport, usize::MAX);
        let when_empty = match self.transport.inbound().then {
            Refusal::Zero => END_OF_FILE,
            _ => COME_AGAIN,
        };
        self.incoming
            .ctrl(command::SET_BUF_MEM_EOF_RETURN, when_empty);
        Ok(())
    }

    fn sync_transport(&mut self) -> Result<(), Unsupported> {
        self.transport
            .are_waiting(self.incoming.bytes(command::PENDING));
        self.outgoing.drain(&self.transport);
        Ok(())
    }
}
