//! A BIO of the library's own type, as an application uses it from the other side: bytes are
//! written and read between the calls of the connection.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;

use super::symbols::{Bio, Functions};
use crate::backend::Unsupported;
use crate::transport::{Transfer, Transport};

/// Numbers of `openssl/bio.h`, the same in OpenSSL and BoringSSL.
pub(super) mod command {
    use std::ffi::c_int;

    pub(in crate::backend::libssl) const PENDING: c_int = 10;
    pub(in crate::backend::libssl) const FLUSH: c_int = 11;
    pub(in crate::backend::libssl) const WPENDING: c_int = 13;
    pub(in crate::backend::libssl) const SET_BUF_MEM_EOF_RETURN: c_int = 130;
    pub(in crate::backend::libssl) const GET_WRITE_GUARANTEE: c_int = 140;
    pub(in crate::backend::libssl) const SHUTDOWN_WR: c_int = 142;
}

/// The number of bytes moved at a time.
const PORTION: usize = 16 << 10;

/// A BIO of the library, which its creator keeps alive.
pub(super) struct OwnBio {
    bio: *mut Bio,
    read: unsafe extern "C" fn(*mut Bio, *mut c_void, c_int) -> c_int,
    write: unsafe extern "C" fn(*mut Bio, *const c_void, c_int) -> c_int,
    ctrl: unsafe extern "C" fn(*mut Bio, c_int, c_long, *mut c_void) -> c_long,
}

impl OwnBio {
    /// The functions for using a BIO, without a BIO yet.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], if the library lacks one.
    pub(super) fn none(api: &Functions) -> Result<Self, Unsupported> {
        Ok(Self {
            bio: ptr::null_mut(),
            read: api.BIO_read.ok_or_else(|| Unsupported::new("BIO_read"))?,
            write: api.BIO_write.ok_or_else(|| Unsupported::new("BIO_write"))?,
            ctrl: api.BIO_ctrl.ok_or_else(|| Unsupported::new("BIO_ctrl"))?,
        })
    }

    /// The same functions, for this BIO.
    ///
    /// # Safety
    ///
    /// `bio` belongs to the same library, and outlives the returned value.
    pub(super) unsafe fn of(&self, bio: *mut Bio) -> Self {
        Self { bio, ..*self }
    }

    pub(super) fn ctrl(&self, command: c_int, argument: c_long) -> c_long {
        // SAFETY: the BIO is live, and the commands used here take no pointer.
        unsafe { (self.ctrl)(self.bio, command, argument, ptr::null_mut()) }
    }

    /// A number of bytes that the BIO reports.
    pub(super) fn bytes(&self, command: c_int) -> usize {
        usize::try_from(self.ctrl(command, 0)).unwrap_or(0)
    }

    /// Writes bytes from the transport into the BIO, at most `room`.
    pub(super) fn fill(&self, transport: &Transport, room: usize) {
        let mut left = room.min(transport.readable().len());
        let mut space = [0; PORTION];
        while left > 0 {
            let portion = left.min(PORTION);
            let Transfer::Done(bytes) = transport.read(&mut space[..portion]) else {
                return;
            };
            left -= bytes;
            // SAFETY: the BIO is live and has room for the bytes.
            unsafe { (self.write)(self.bio, space.as_ptr().cast(), bytes as c_int) };
        }
    }

    /// Moves bytes from the BIO to the transport, as many as it accepts. Never reads an empty BIO,
    /// which would set its retry flag.
    pub(super) fn drain(&self, transport: &Transport) {
        let mut space = [0; PORTION];
        loop {
            let room = transport.outbound().accept.bytes();
            let portion = self.bytes(command::PENDING).min(room).min(PORTION);
            if portion == 0 {
                return;
            }
            // SAFETY: the BIO is live, and `space` has room for the bytes.
            let read =
                unsafe { (self.read)(self.bio, space.as_mut_ptr().cast(), portion as c_int) };
            match usize::try_from(read) {
                Ok(read @ 1..) => transport.write(&space[..read.min(portion)]),
                _ => return,
            };
        }
    }
}
