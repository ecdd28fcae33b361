//! A library under test behind one small trait.
//!
//! In flow a [`Setup`] and one end of the link; out flow [`Call`]s: what each call returned and left
//! behind. An operation that a library does not have answers [`Unsupported`], which ends the case,
//! is reported, and never counts as a pass.
//!
//! To add a library: implement [`Backend`] (its name, and how a connection is opened) and
//! [`Endpoint`] (at least handshake, write and read), and name it in [`Backends::built_in`].
//! A library with the C interface of OpenSSL needs no code at all: [`libssl::Libssl::load`].

pub mod libssl;
mod memory;
mod rustls;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

pub use memory::Memory;
pub use rustls::Rustls;

use crate::link::Link;
use crate::scenario::{Cipher, Function, KeyUpdate, Mode, Role, RoleState, Version};
use crate::trace::Call;

/// What is said of a library in reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// The name in arguments, snapshots and reports: lower case, such as `openssl-3.6`.
    pub id: String,
    /// What the library calls itself, such as `OpenSSL`.
    pub library: String,
    /// Its version, as the library itself tells it.
    pub version: String,
    /// How the suite reaches it, such as `static` or `shared object`.
    pub how: String,
    /// Operations that it does not have, in words.
    pub lacks: Vec<String>,
}

/// A library under test.
pub trait Backend: Send + Sync {
    /// Its name, version, and how it is reached.
    fn about(&self) -> &About;

    /// Opens one end of a connection over `link`; the handshake has not begun.
    ///
    /// # Errors
    /// [`Unsupported`] if the library cannot do what `setup` asks for, for instance a cipher.
    fn open(&self, setup: &Setup, link: &Link) -> Result<Box<dyn Endpoint>, Unsupported>;
}

/// What a connection is to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Setup {
    /// The role of the library.
    pub role: Role,
    /// The only protocol version that it offers.
    pub version: Version,
    /// The only cipher that it offers.
    pub cipher: Cipher,
    /// Whether it is told its role.
    pub role_state: RoleState,
}

/// An operation that the library, or its interface, does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub String);

impl Unsupported {
    /// `what` says which operation, and why not if that is known.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

/// The bytes of a write. They end where their memory ends, so that a read past them is a crash.
#[derive(Debug, Clone, Copy)]
pub enum Bytes<'a> {
    /// These.
    Slice(&'a [u8]),
    /// A null pointer with length 0.
    Null,
    /// A valid pointer with a negative length.
    Negative(&'a [u8], i32),
}

/// One end of a connection, in the hands of the library under test.
///
/// Each call does what the C function of that name does. A library with another interface answers
/// what that function would: how is told in its module.
pub trait Endpoint {
    /// `SSL_do_handshake`.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn handshake(&mut self) -> Result<Call, Unsupported>;

    /// `SSL_write` or `SSL_write_ex`.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn write(&mut self, function: Function, bytes: Bytes<'_>) -> Result<Call, Unsupported>;

    /// Whether the library accepts bytes before it can send them, so that a write that succeeded may
    /// have to be flushed. The functions of `libssl` do not, and have no such function.
    fn holds_back(&self) -> bool {
        false
    }

    /// Sends what earlier calls accepted and the library still holds.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn flush(&mut self) -> Result<Call, Unsupported> {
        Err(Unsupported::new("flush"))
    }

    /// `SSL_read` into `space`; a positive return value says how much of it was filled.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn read(&mut self, space: &mut [u8]) -> Result<Call, Unsupported>;

    /// `SSL_shutdown`.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn shutdown(&mut self) -> Result<Call, Unsupported> {
        Err(Unsupported::new("shutdown"))
    }

    /// `SSL_key_update`: the KeyUpdate goes out with the next write or handshake call.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn key_update(&mut self, _request: KeyUpdate) -> Result<Call, Unsupported> {
        Err(Unsupported::new("key update"))
    }

    /// `SSL_renegotiate`: the handshake begins with the next write or handshake call.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn renegotiate(&mut self) -> Result<Call, Unsupported> {
        Err(Unsupported::new("renegotiation"))
    }

    /// `SSL_set_mode`, or `SSL_clear_mode`.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn switch(&mut self, modes: &[Mode], _to: Switch) -> Result<(), Unsupported> {
        let words: Vec<_> = modes.iter().map(|mode| mode.word()).collect();
        Err(Unsupported::new(format!("mode {}", words.join(", "))))
    }

    /// `SSL_set_max_send_fragment`: the longest plaintext of a record, in bytes.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn max_send_fragment(&mut self, _bytes: u16) -> Result<Call, Unsupported> {
        Err(Unsupported::new("max send fragment"))
    }

    /// Lets the next call find an unrelated entry in the error queue, as an earlier call may have left
    /// it.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn stale_error(&mut self) -> Result<(), Unsupported> {
        Err(Unsupported::new("error queue"))
    }

    /// The next call finds no such entry after all.
    fn forget_stale_error(&mut self) {}
}

/// Which way a mode is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// A backend that cannot be used on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("backend {id} cannot be used: {reason}")]
pub struct Unusable {
    /// The backend.
    pub id: String,
    /// What went wrong, and what would be right.
    pub reason: String,
}

/// The name of the backend that every other one is compared with.
pub const REFERENCE: &str = "openssl-3.6";

/// The backends that this build of the suite has.
pub struct Backends;

impl Backends {
    /// The names of the built-in backends, the reference first.
    pub const IDS: [&'static str; 3] = [REFERENCE, "openssl-1.1.1", "rustls"];

    /// Opens the built-in backend of this name; answers nothing for an unknown name.
    pub fn built_in(id: &str) -> Option<Result<Arc<dyn Backend>, Unusable>> {
        let shared = |libssl: libssl::Libssl| Arc::new(libssl) as Arc<dyn Backend>;
        let unusable = |error: libssl::LoadError| Unusable {
            id: id.to_owned(),
            reason: error.to_string(),
        };
        Some(match id {
            REFERENCE => Ok(shared(libssl::Libssl::linked(id))),
            "openssl-1.1.1" => libssl::Libssl::load(id, &openssl_1_1_1())
                .map(shared)
                .map_err(unusable),
            "rustls" => Ok(Arc::new(Rustls::new(id))),
            _ => return None,
        })
    }
}

/// Where the shared object of OpenSSL 1.1.1 stands: where it was built, unless the environment
/// variable `WRITEPROOF_OPENSSL_1_1_1` names another place.
fn openssl_1_1_1() -> PathBuf {
    match std::env::var_os("WRITEPROOF_OPENSSL_1_1_1") {
        Some(path) => path.into(),
        None => writeproof_openssl_1_1_1::LIBSSL.into(),
    }
}
