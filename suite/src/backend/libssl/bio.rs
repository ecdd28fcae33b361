//! The transport as a custom BIO: a BIO type made with the library's `BIO_meth_*` functions, whose
//! callbacks pass every request to the transport.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr::NonNull;

use super::adapter;
use super::symbols::{Bio, BioInterface, BioMethod, Ssl};
use crate::backend::Unsupported;
use crate::transport::{Errno, Refusal, Transfer, Transport};

/// Numbers of `openssl/bio.h`, the same in all libraries of the kind.
mod number {
    use std::ffi::{c_int, c_long};

    pub(super) const TYPE_SOURCE_SINK: c_int = 0x0400;
    /// For a library without `BIO_get_new_index`, or out of types: the last value of a byte.
    pub(super) const TYPE_OF_OURS: c_int = 0xff;
    pub(super) const FLAGS_SHOULD_RETRY: c_int = 0x08;
    pub(super) const CTRL_EOF: c_int = 2;
    pub(super) const CTRL_FLUSH: c_int = 11;
    pub(super) const DONE: c_long = 1;
    pub(super) const NOT_KNOWN: c_long = 0;
}

/// The flags with which a BIO asks for a retry, and for which operation.
#[derive(Clone, Copy)]
struct Flags {
    read: c_int,
    write: c_int,
    retry: c_int,
    all: c_int,
}

impl Flags {
    /// `BIO_FLAGS_READ`, `_WRITE`, `_IO_SPECIAL` and `_SHOULD_RETRY` are four bits in this order,
    /// the last of which is 0x08 in OpenSSL and BoringSSL, and 0x10 in wolfSSL.
    const fn up_to(retry: c_int) -> Self {
        let (read, write) = (retry >> 3, retry >> 2);
        Self {
            read,
            write,
            retry,
            all: retry | retry >> 1 | write | read,
        }
    }
}

/// The library's description of our BIO type.
pub(super) struct BioType {
    api: BioInterface,
    method: *mut BioMethod,
    flags: Flags,
}

/// The transport of one connection, and the two functions that set and clear the library's retry
/// flags.
pub(super) struct BioTransport {
    transport: Transport,
    flags: Flags,
    set_flags: unsafe extern "C" fn(*mut Bio, c_int),
    clear_flags: unsafe extern "C" fn(*mut Bio, c_int),
}

thread_local! {
    /// The BIO transport of the connection whose library runs on this thread.
    static CURRENT: Cell<Option<NonNull<BioTransport>>> = const { Cell::new(None) };
}

impl BioType {
    /// Makes the method; it lives as long as the library, which is never unloaded. `None` if the
    /// library refuses.
    pub(super) fn new(api: BioInterface) -> Option<Self> {
        // SAFETY: the functions are those of one library, called as bio(3) says, and the callbacks
        // follow its BIO_meth_new(3).
        let method = unsafe {
            let index = api.new_index.map_or(-1, |next| next());
            let index = if index < 0 {
                number::TYPE_OF_OURS
            } else {
                index
            };
            let kind = index | number::TYPE_SOURCE_SINK;
            let method = (api.meth_new)(kind, c"writeproof link".as_ptr());
            if method.is_null() {
                return None;
            }
            let made = (api.meth_set_write)(method, write) == 1
                && (api.meth_set_read)(method, read) == 1
                && (api.meth_set_ctrl)(method, ctrl) == 1;
            made.then_some(method)?
        };
        let mut made = Self {
            api,
            method,
            flags: Flags::up_to(number::FLAGS_SHOULD_RETRY),
        };
        if let Some(retry) = made.retry_bit() {
            made.flags = Flags::up_to(retry);
        }
        Some(made)
    }

    /// The retry flag that the library itself uses, if it has a function to test it.
    fn retry_bit(&self) -> Option<c_int> {
        let should_retry = self.api.should_retry?;
        let bio = self.bio()?;
        let bits = (number::FLAGS_SHOULD_RETRY.trailing_zeros()..16).map(|bit| 1 << bit);
        // SAFETY: the BIO is live until it is freed here, once.
        unsafe {
            let found = bits.into_iter().find(|&bit| {
                (self.api.set_flags)(bio, bit);
                let it = should_retry(bio) != 0;
                (self.api.clear_flags)(bio, bit);
                it
            });
            if let Some(free) = self.api.free {
                free(bio);
            }
            found
        }
    }

    /// Gives a connection a BIO of this type for both directions; returns whether it got one.
    ///
    /// # Safety
    ///
    /// `ssl` is a live connection of the same library.
    pub(super) unsafe fn give(&self, ssl: *mut Ssl) -> bool {
        let Some(bio) = self.bio() else {
            return false;
        };
        // SAFETY: SSL_set_bio takes over the one reference to the BIO for both directions.
        unsafe { (self.api.set_bio)(ssl, bio, bio) };
        true
    }

    /// A new BIO of our type, owned by the caller; `None` if the library makes none.
    pub(super) fn bio(&self) -> Option<*mut Bio> {
        // SAFETY: the method belongs to the same library, and the result is checked.
        unsafe {
            let bio = (self.api.new)(self.method);
            if bio.is_null() {
                return None;
            }
            (self.api.set_init)(bio, 1);
            Some(bio)
        }
    }

    /// The transport of one connection.
    pub(super) fn port(&self, transport: &Transport) -> BioTransport {
        BioTransport {
            transport: transport.clone(),
            flags: self.flags,
            set_flags: self.api.set_flags,
            clear_flags: self.api.clear_flags,
        }
    }
}

impl adapter::TransportAdapter for BioTransport {
    /// Runs a call of the library whose BIO callbacks use this transport.
    fn during(&self, call: &mut dyn FnMut()) -> Result<(), Unsupported> {
        /// Restores the previous value, whether the call returns or panics.
        struct Restore(Option<NonNull<BioTransport>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _restore = Restore(CURRENT.replace(Some(NonNull::from(self))));
        call();
        Ok(())
    }

    fn free(&self, free: &mut dyn FnMut()) {
        // Freeing a BIO calls its callbacks too.
        let _ = adapter::TransportAdapter::during(self, free);
    }
}

/// # Safety
///
/// Only to be used while `TransportAdapter::during` runs, which keeps the transport borrowed.
unsafe fn current<'a>() -> Option<&'a BioTransport> {
    // SAFETY: the pointer was made from a reference that outlives the current call.
    CURRENT.get().map(|port| unsafe { port.as_ref() })
}

unsafe extern "C" fn write(bio: *mut Bio, bytes: *const c_char, length: c_int) -> c_int {
    // SAFETY: the library calls this for a BIO of our type, with `length` readable bytes.
    unsafe {
        let Some(port) = current() else { return -1 };
        let length = usize::try_from(length).unwrap_or(0);
        let bytes = match length {
            0 => &[],
            _ => std::slice::from_raw_parts(bytes.cast(), length),
        };
        answer(port, bio, port.transport.write(bytes), port.flags.write)
    }
}

unsafe extern "C" fn read(bio: *mut Bio, space: *mut c_char, length: c_int) -> c_int {
    // SAFETY: the library calls this for a BIO of our type, with `length` writable bytes.
    unsafe {
        let Some(port) = current() else { return -1 };
        let length = usize::try_from(length).unwrap_or(0);
        let space = match length {
            0 => &mut [],
            _ => std::slice::from_raw_parts_mut(space.cast(), length),
        };
        answer(port, bio, port.transport.read(space), port.flags.read)
    }
}

unsafe extern "C" fn ctrl(_: *mut Bio, command: c_int, _: c_long, _: *mut c_void) -> c_long {
    match command {
        number::CTRL_FLUSH => number::DONE,
        // SAFETY: the library calls this during a call, if at all for a BIO of our type.
        number::CTRL_EOF => match unsafe { current() } {
            Some(port) => c_long::from(port.transport.has_ended()),
            None => number::NOT_KNOWN,
        },
        _ => number::NOT_KNOWN,
    }
}

/// Returns the result of a transfer to the library, as bio(3) requires: a count, or -1 or 0 with or
/// without the retry flag, and errno as a socket would leave it.
///
/// # Safety
///
/// `bio` belongs to `port`.
unsafe fn answer(
    port: &BioTransport,
    bio: *mut Bio,
    transfer: Transfer,
    direction: c_int,
) -> c_int {
    let retry = direction | port.flags.retry;
    // SAFETY: `bio` is live and the functions are its library's.
    unsafe {
        (port.clear_flags)(bio, port.flags.all);
        match transfer {
            Transfer::Done(bytes) => c_int::try_from(bytes).unwrap_or(c_int::MAX),
            Transfer::Refused(Refusal::WouldBlock) => {
                (port.set_flags)(bio, retry);
                nix::errno::Errno::set_raw(Errno::AGAIN.raw());
                -1
            }
            Transfer::Refused(Refusal::ZeroRetry) => {
                (port.set_flags)(bio, retry);
                0
            }
            Transfer::Refused(Refusal::Fail(number)) => {
                nix::errno::Errno::set_raw(number.raw());
                -1
            }
            Transfer::Refused(Refusal::Zero) => 0,
        }
    }
}
