//! The key that a library shares with the peer beforehand, as its callbacks hand it out (RFC 4279; in TLS 1.3
//! an external one, RFC 8446, section 4.2.11).

use std::ffi::{CStr, c_char, c_uchar, c_uint};
use std::ptr;

use super::number;
use super::symbols::{Functions, Ssl, SslCtx};
use crate::identity::{PRE_SHARED_IDENTITY, PRE_SHARED_KEY};
use crate::scenario::Role;

/// `SSL_OP_ALLOW_NO_DHE_KEX` of openssl/ssl.h, since 1.1.1: with a key that is known beforehand, no other has to
/// be agreed on (RFC 8446, section 4.2.9). In BoringSSL the number has no meaning.
const ALLOW_NO_DHE_KEX: u64 = 1 << 10;

/// `SSL_OP_PREFER_NO_DHE_KEX` of openssl/ssl.h, since 3.3: a server does without if it may.
const PREFER_NO_DHE_KEX: u64 = 1 << 35;

/// Lets the library use the key; answers whether it has a function for that.
pub(super) fn give_key(api: &Functions, context: *mut SslCtx, role: Role) -> bool {
    let given = match role {
        Role::Client => api.SSL_CTX_set_psk_client_callback.map(|give| {
            // SAFETY: `context` is live, and the callback is of the type that it wants.
            unsafe { give(context, client_key) };
        }),
        Role::Server => api.SSL_CTX_set_psk_server_callback.map(|give| {
            // SAFETY: as above.
            unsafe { give(context, server_key) };
        }),
    };
    if given.is_some() {
        take_the_cheapest_group(api, context);
    }
    if let (Some(()), Some(set), false) = (given, api.SSL_CTX_set_options, api.is_boringssl()) {
        // SAFETY: `context` is live.
        unsafe { set(context, ALLOW_NO_DHE_KEX | PREFER_NO_DHE_KEX) };
    }
    given.is_some()
}

/// A client of TLS 1.3 sends a key even where none is agreed on: of the first group that it knows, which may be
/// a costly one.
fn take_the_cheapest_group(api: &Functions, context: *mut SslCtx) {
    if let (Some(ctrl), false) = (api.SSL_CTX_ctrl, api.is_boringssl()) {
        let groups = c"P-256".as_ptr().cast_mut().cast();
        // SAFETY: `context` is live; the command takes a string, and does not write to it. One who does not
        // know the number answers 0.
        unsafe { ctrl(context, number::CTRL_SET_GROUPS_LIST, 0, groups) };
    }
}

/// The client's callback: the identity and the key.
unsafe extern "C" fn client_key(
    _ssl: *mut Ssl,
    _hint: *const c_char,
    identity: *mut c_char,
    identity_room: c_uint,
    key: *mut c_uchar,
    key_room: c_uint,
) -> c_uint {
    let name = PRE_SHARED_IDENTITY.to_bytes_with_nul();
    if name.len() > identity_room as usize {
        return 0;
    }
    // SAFETY: there is room for the name, as was seen, and for so many bytes of a key as the caller says.
    unsafe {
        ptr::copy_nonoverlapping(name.as_ptr().cast(), identity, name.len());
        copy_key(key, key_room)
    }
}

/// The server's callback: the key that goes with an identity.
unsafe extern "C" fn server_key(
    _ssl: *mut Ssl,
    identity: *const c_char,
    key: *mut c_uchar,
    key_room: c_uint,
) -> c_uint {
    // SAFETY: null, or a string that lives as long as the call; there is room for so many bytes of a key as the
    // caller says.
    unsafe {
        match !identity.is_null() && CStr::from_ptr(identity) == PRE_SHARED_IDENTITY {
            true => copy_key(key, key_room),
            false => 0,
        }
    }
}

/// Answers the key's length, or 0 without room for it: there is no key then.
///
/// # Safety
/// There is room for `room` bytes at `place`.
unsafe fn copy_key(place: *mut c_uchar, room: c_uint) -> c_uint {
    let length = PRE_SHARED_KEY.len();
    if length > room as usize {
        return 0;
    }
    // SAFETY: there is room for it.
    unsafe { ptr::copy_nonoverlapping(PRE_SHARED_KEY.as_ptr(), place, length) };
    c_uint::try_from(length).unwrap_or(0)
}
