//! The library's BIO pair as a transport. Bytes that the connection writes into its half stay in a
//! small buffer until they are read from the other half; until then the connection cannot go on
//! (BIO_s_bio(3)).

use std::ptr;

use super::adapter::TransportAdapter;
use super::context::refused;
use super::own_bio::{OwnBio, command};
use super::symbols::{Bio, Functions, Ssl};
use crate::backend::Unsupported;
use crate::transport::{Refusal, Transport};

/// The buffer size of each half, in bytes: less than a full record, more than a flight of a
/// handshake.
const BUFFER: usize = 4096;

/// The transport of one connection.
pub(super) struct BioPair {
    transport: Transport,
    network: OwnBio,
    /// Our half, and how to free it.
    half: *mut Bio,
    free: unsafe extern "C" fn(*mut Bio) -> i32,
    /// End of file has been signalled to the connection's half.
    ended: bool,
}

impl BioPair {
    /// Gives the connection one half of a pair.
    ///
    /// # Safety
    ///
    /// `ssl` is a live connection of the library of `api`.
    pub(super) unsafe fn give(
        api: &Functions,
        transport: &Transport,
        ssl: *mut Ssl,
    ) -> Result<Self, Unsupported> {
        let functions = OwnBio::none(api)?;
        let lacking = |name| move || Unsupported::new(name);
        let new = api
            .BIO_new_bio_pair
            .ok_or_else(lacking("BIO_new_bio_pair"))?;
        let free = api.BIO_free.ok_or_else(lacking("BIO_free"))?;
        let set_bio = api.SSL_set_bio.ok_or_else(lacking("SSL_set_bio"))?;
        let (mut internal, mut half) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the functions belong to one library. SSL_set_bio takes over the one reference to
        // the internal half for both directions; the other half is freed when the adapter is
        // dropped.
        unsafe {
            if new(&raw mut internal, BUFFER, &raw mut half, BUFFER) != 1 {
                return Err(refused(api, "BIO_new_bio_pair"));
            }
            set_bio(ssl, internal, internal);
            transport.mark_as_indirect();
            Ok(Self {
                transport: transport.clone(),
                network: functions.of(half),
                half,
                free,
                ended: false,
            })
        }
    }
}

impl TransportAdapter for BioPair {
    fn before(&mut self) -> Result<(), Unsupported> {
        let room = self.network.bytes(command::GET_WRITE_GUARANTEE);
        self.network.fill(&self.transport, room);
        let ends =
            self.transport.inbound().then == Refusal::Zero && self.transport.readable().is_empty();
        if ends && !std::mem::replace(&mut self.ended, true) {
            self.network.ctrl(command::SHUTDOWN_WR, 0);
        }
        Ok(())
    }

    fn sync_transport(&mut self) -> Result<(), Unsupported> {
        self.transport
            .are_waiting(self.network.bytes(command::WPENDING));
        self.network.drain(&self.transport);
        Ok(())
    }
}

impl Drop for BioPair {
    fn drop(&mut self) {
        // SAFETY: freed once; a half outlives the other, which the connection may have freed by
        // now.
        unsafe { (self.free)(self.half) };
    }
}
