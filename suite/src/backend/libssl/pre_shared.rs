//! The pre-shared key, which callbacks give to the library (RFC 4279; in TLS 1.3 an external one,
//! RFC 8446, section 4.2.11).

use std::ffi::{CStr, c_char, c_uchar, c_uint};
use std::ptr;

use super::number;
use super::symbols::{Functions, Ssl, SslCtx};
use crate::identity::{PRE_SHARED_IDENTITY, PRE_SHARED_KEY};
use crate::scenario::Role;

/// `SSL_OP_ALLOW_NO_DHE_KEX` of openssl/ssl.h, since 1.1.1: a pre-shared key may be used without a
/// (EC)DHE exchange (RFC 8446, section 4.2.9). In BoringSSL the number has no meaning.
const ALLOW_NO_DHE_KEX: u64 = 1 << 10;

/// `SSL_OP_PREFER_NO_DHE_KEX` of openssl/ssl.h, since 3.3: a server omits the exchange if it may.
const PREFER_NO_DHE_KEX: u64 = 1 << 35;

/// Lets the library use the key; returns whether it has a function for that.
pub(super) fn give_key(api: &Functions, context: *mut SslCtx, role: Role) -> bool {
    let given = match role {
        Role::Client => api.SSL_CTX_set_psk_client_callback.map(|give| {
            // SAFETY: `context` is live, and the callback has the required type.
            unsafe { give(context, client_key) };
        }),
        Role::Server => api.SSL_CTX_set_psk_server_callback.map(|give| {
            // SAFETY: as above.
            unsafe { give(context, server_key) };
        }),
    };
    if given.is_some() {
        select_cheap_group(api, context);
    }
    if let (Some(()), Some(set), false) = (given, api.SSL_CTX_set_options, api.is_boringssl()) {
        // SAFETY: `context` is live.
        unsafe { set(context, ALLOW_NO_DHE_KEX | PREFER_NO_DHE_KEX) };
    }
    given.is_some()
}

/// Selects a cheap group: a client of TLS 1.3 sends a key share even without an exchange, for its
/// first group, which may be a costly one.
fn select_cheap_group(api: &Functions, context: *mut SslCtx) {
    if let (Some(ctrl), false) = (api.SSL_CTX_ctrl, api.is_boringssl()) {
        let groups = c"P-256".as_ptr().cast_mut().cast();
        // SAFETY: `context` is live; the command takes a string, and does not write to it. A
        // library that does not know the command returns 0.
        unsafe { ctrl(context, number::CTRL_SET_GROUPS_LIST, 0, groups) };
    }
}

/// The client's callback: returns the identity and the key.
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
    // SAFETY: there is room for the name, which was checked, and for `key_room` bytes of a key, as
    // the library guarantees.
    unsafe {
        ptr::copy_nonoverlapping(name.as_ptr().cast(), identity, name.len());
        copy_key(key, key_room)
    }
}

/// The server's callback: returns the key for an identity.
unsafe extern "C" fn server_key(
    _ssl: *mut Ssl,
    identity: *const c_char,
    key: *mut c_uchar,
    key_room: c_uint,
) -> c_uint {
    // SAFETY: null, or a string that lives as long as the call; there is room for `key_room` bytes
    // of a key, as the library guarantees.
    unsafe {
        if !identity.is_null() && CStr::from_ptr(identity) == PRE_SHARED_IDENTITY {
            copy_key(key, key_room)
        } else {
            0
        }
    }
}

/// Copies the key; returns its length, or 0 (no key) if there is too little room.
///
/// # Safety
///
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
