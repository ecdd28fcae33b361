//! The bare loop that the suite is measured against: the same library calls between the same kinds
//! of endpoints, over a transport in memory of its own. It has no tap, reads no records and makes
//! no trace.

#![allow(unsafe_code)] // The C functions as they are, as the suite calls them.

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr;
use std::slice;

use foreign_types_shared::ForeignType as _;
use openssl::pkey::PKey;
use openssl::ssl::{SslContext, SslContextBuilder, SslMethod, SslSessionCacheMode, SslVersion};
use openssl::x509::X509;
use openssl_sys as ffi;

use writeproof::internal::identity::IDENTITY;
use writeproof::internal::scenario::{Role, Variant, Version};
use writeproof::internal::trace::BytePattern;

use crate::{ACCEPT, WRITE};

/// The size of the peer's reads in bytes, as in the suite.
const READ: usize = 16_384;

/// Two contexts and a BIO method, created once and used by every case.
pub(crate) struct Bare {
    library: SslContext,
    peer: SslContext,
    method: *mut ffi::BIO_METHOD,
    role: Role,
    payload: Vec<u8>,
    space: Vec<u8>,
}

/// The bytes in transit, by sender.
#[derive(Default)]
struct Wire {
    from_library: Queue,
    from_peer: Queue,
    /// Bytes that the transport takes from the library before it would block; `None` for no limit.
    accept: Option<usize>,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    read: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Library,
    Peer,
}

/// The data of a BIO.
struct BareTransport<'w> {
    wire: &'w RefCell<Wire>,
    side: Side,
}

/// One end of a connection.
struct End(*mut ffi::SSL);

impl Bare {
    pub(crate) fn new(variant: Variant) -> Self {
        Self {
            library: library_context(variant.version).build(),
            peer: peer_context(variant.version).build(),
            method: method(),
            role: variant.role,
            payload: BytePattern::Library.bytes(0, WRITE),
            space: vec![0; READ],
        }
    }

    /// Handshake; a write that blocks; its retry; the peer reads.
    pub(crate) fn case(&mut self) {
        let wire = RefCell::new(Wire::default());
        let far_role = match self.role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        let mut near = BareTransport {
            wire: &wire,
            side: Side::Library,
        };
        let mut far = BareTransport {
            wire: &wire,
            side: Side::Peer,
        };
        let library = End::new(&self.library, self.method, &mut near, self.role);
        let peer = End::new(&self.peer, self.method, &mut far, far_role);
        let (mut library_done, mut peer_done) = (false, false);
        while !(library_done && peer_done) {
            library_done = library.handshake();
            peer_done = peer_done || peer.handshake();
        }
        wire.borrow_mut().accept = Some(ACCEPT);
        assert_eq!(library.write(&self.payload), Err(ffi::SSL_ERROR_WANT_WRITE));
        wire.borrow_mut().accept = None;
        assert_eq!(library.write(&self.payload), Ok(WRITE));
        let mut load_report = 0;
        let end = loop {
            match peer.read(&mut self.space) {
                Ok(bytes) => load_report += bytes,
                Err(error) => break error,
            }
        };
        assert_eq!((load_report, end), (WRITE, ffi::SSL_ERROR_WANT_READ));
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // SAFETY: created by `BIO_meth_new`, and every BIO with this method is freed with its
        // connection.
        unsafe { ffi::BIO_meth_free(self.method) };
    }
}

impl End {
    fn new(
        context: &SslContext,
        method: *mut ffi::BIO_METHOD,
        port: &mut BareTransport<'_>,
        role: Role,
    ) -> Self {
        // SAFETY: context and method are live; SSL_set_bio takes over the BIO for both directions;
        // the transport does not move in `Bare::case` until the connection is dropped there.
        unsafe {
            let ssl = ffi::SSL_new(context.as_ptr());
            let bio = ffi::BIO_new(method);
            assert!(!ssl.is_null() && !bio.is_null(), "no memory");
            ffi::BIO_set_data(bio, ptr::from_mut(port).cast());
            ffi::BIO_set_init(bio, 1);
            ffi::SSL_set_bio(ssl, bio, bio);
            match role {
                Role::Client => ffi::SSL_set_connect_state(ssl),
                Role::Server => ffi::SSL_set_accept_state(ssl),
            }
            Self(ssl)
        }
    }

    /// Whether the handshake is done.
    fn handshake(&self) -> bool {
        // SAFETY: the connection is live.
        let ret = unsafe { ffi::SSL_do_handshake(self.0) };
        match self.answer(ret) {
            Ok(_) => true,
            Err(ffi::SSL_ERROR_WANT_READ) => false,
            Err(error) => panic!("the handshake failed with error {error}"),
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<usize, c_int> {
        // SAFETY: the connection is live, and pointer and length are those of one slice.
        let ret = unsafe { ffi::SSL_write(self.0, bytes.as_ptr().cast(), length(bytes)) };
        self.answer(ret)
    }

    fn read(&self, space: &mut [u8]) -> Result<usize, c_int> {
        let length = length(space);
        // SAFETY: as for `write`, with a mutable slice.
        let ret = unsafe { ffi::SSL_read(self.0, space.as_mut_ptr().cast(), length) };
        self.answer(ret)
    }

    fn answer(&self, ret: c_int) -> Result<usize, c_int> {
        // SAFETY: directly after the call, on the same thread, as SSL_get_error(3) asks.
        match unsafe { ffi::SSL_get_error(self.0, ret) } {
            ffi::SSL_ERROR_NONE => Ok(usize::try_from(ret).unwrap_or(0)),
            error => Err(error),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // SAFETY: freed once, together with its BIO.
        unsafe { ffi::SSL_free(self.0) };
    }
}

impl Wire {
    fn write(&mut self, side: Side, bytes: &[u8]) -> Option<usize> {
        let accept = match side {
            Side::Library => self.accept.unwrap_or(usize::MAX),
            Side::Peer => usize::MAX,
        };
        let fits = bytes.len().min(accept);
        if fits == 0 {
            return None;
        }
        if let (Side::Library, Some(left)) = (side, &mut self.accept) {
            *left -= fits;
        }
        let queue = match side {
            Side::Library => &mut self.from_library,
            Side::Peer => &mut self.from_peer,
        };
        queue.bytes.extend_from_slice(&bytes[..fits]);
        Some(fits)
    }

    fn read(&mut self, side: Side, space: &mut [u8]) -> Option<usize> {
        let queue = match side {
            Side::Library => &mut self.from_peer,
            Side::Peer => &mut self.from_library,
        };
        let there = &queue.bytes[queue.read..];
        let fits = there.len().min(space.len());
        space[..fits].copy_from_slice(&there[..fits]);
        queue.read += fits;
        (fits > 0).then_some(fits)
    }
}

fn method() -> *mut ffi::BIO_METHOD {
    // SAFETY: called as BIO_meth_new(3) requires; the callbacks have the declared types.
    unsafe {
        let method = ffi::BIO_meth_new(ffi::BIO_TYPE_NONE, c"bare".as_ptr());
        let made = !method.is_null()
            && ffi::BIO_meth_set_write__fixed_rust(method, Some(bio_write)) == 1
            && ffi::BIO_meth_set_read__fixed_rust(method, Some(bio_read)) == 1
            && ffi::BIO_meth_set_ctrl__fixed_rust(method, Some(bio_ctrl)) == 1;
        assert!(made, "no memory");
        method
    }
}

unsafe extern "C" fn bio_write(bio: *mut ffi::BIO, bytes: *const c_char, length: c_int) -> c_int {
    // SAFETY: a BIO of `End::new`, whose transport is live, with `length` readable bytes.
    unsafe {
        let port = &*ffi::BIO_get_data(bio).cast::<BareTransport<'_>>();
        let bytes = slice::from_raw_parts(bytes.cast(), usize::try_from(length).unwrap_or(0));
        ffi::BIO_clear_retry_flags(bio);
        let written = port.wire.borrow_mut().write(port.side, bytes);
        written.map_or_else(
            || {
                ffi::BIO_set_retry_write(bio);
                -1
            },
            count,
        )
    }
}

unsafe extern "C" fn bio_read(bio: *mut ffi::BIO, space: *mut c_char, length: c_int) -> c_int {
    // SAFETY: as for `bio_write`, with `length` writable bytes.
    unsafe {
        let port = &*ffi::BIO_get_data(bio).cast::<BareTransport<'_>>();
        let space = slice::from_raw_parts_mut(space.cast(), usize::try_from(length).unwrap_or(0));
        ffi::BIO_clear_retry_flags(bio);
        let read = port.wire.borrow_mut().read(port.side, space);
        read.map_or_else(
            || {
                ffi::BIO_set_retry_read(bio);
                -1
            },
            count,
        )
    }
}

unsafe extern "C" fn bio_ctrl(
    _: *mut ffi::BIO,
    command: c_int,
    _: c_long,
    _: *mut c_void,
) -> c_long {
    c_long::from(command == ffi::BIO_CTRL_FLUSH)
}

/// A context as in the suite's library under test for the default cipher; with two tickets in TLS
/// 1.3, the library's default.
fn library_context(version: Version) -> SslContextBuilder {
    context(version).expect("a context")
}

/// A context as in the suite's peer: no tickets.
fn peer_context(version: Version) -> SslContextBuilder {
    let mut context = context(version).expect("a context");
    context.set_num_tickets(0).expect("a number of tickets");
    context
}

fn context(version: Version) -> Result<SslContextBuilder, openssl::error::ErrorStack> {
    let mut context = SslContextBuilder::new(SslMethod::tls())?;
    let only = match version {
        Version::Tls12 => SslVersion::TLS1_2,
        Version::Tls13 => SslVersion::TLS1_3,
    };
    context.set_min_proto_version(Some(only))?;
    context.set_max_proto_version(Some(only))?;
    match version {
        Version::Tls12 => context.set_cipher_list("ECDHE-ECDSA-AES128-GCM-SHA256")?,
        Version::Tls13 => context.set_ciphersuites("TLS_AES_128_GCM_SHA256")?,
    }
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context.set_certificate(X509::from_der(&IDENTITY.certificate)?.as_ref())?;
    context.set_private_key(PKey::private_key_from_der(&IDENTITY.key)?.as_ref())?;
    Ok(context)
}

fn length(bytes: &[u8]) -> c_int {
    count(bytes.len())
}

fn count(bytes: usize) -> c_int {
    c_int::try_from(bytes).unwrap_or(c_int::MAX)
}
