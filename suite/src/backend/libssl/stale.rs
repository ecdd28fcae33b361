//! Puts entries of the caller into the error queue of a libssl: with `ERR_put_error`, or with the
//! two functions that replace it since 3.0. The entry goes to the end of the queue.

#![allow(unsafe_code)] // The foreign boundary.

use std::ffi::c_int;
use std::ptr;

use super::symbols::Functions;

/// `ERR_LIB_SYS` of openssl/err.h, the same in all libraries of the kind; its reasons are errno
/// numbers.
const SYSTEM_LIBRARY: c_int = 2;

/// `ERR_LIB_PEM` of openssl/err.h, the same in all libraries of the kind.
const PEM: c_int = 9;

/// `PEM_R_NO_START_LINE`: in openssl/pemerr.h, and in BoringSSL's openssl/pem.h.
const NO_START_LINE: c_int = 108;
const NO_START_LINE_OF_BORINGSSL: c_int = 110;

/// Whether the library has the functions for it.
pub(super) fn can_put(api: &Functions) -> bool {
    api.ERR_put_error.is_some() || (api.ERR_new.is_some() && api.ERR_vset_error.is_some())
}

/// Leaves the entry of a file that was not found; returns whether that worked.
pub(super) fn system_library(api: &Functions) -> bool {
    put(api, SYSTEM_LIBRARY, libc::ENOENT)
}

/// Leaves the entry of a PEM file without further certificates; returns whether that worked.
pub(super) fn another_library(api: &Functions) -> bool {
    let reason = if api.is_boringssl() {
        NO_START_LINE_OF_BORINGSSL
    } else {
        NO_START_LINE
    };
    put(api, PEM, reason)
}

fn put(api: &Functions, library: c_int, reason: c_int) -> bool {
    match (api.ERR_put_error, api.ERR_new, api.ERR_vset_error) {
        (Some(put), ..) => {
            // SAFETY: numbers, and a static string as the file name.
            unsafe { put(library, 0, reason, c"writeproof".as_ptr(), 0) };
            true
        }
        (None, Some(new), Some(set)) => {
            // SAFETY: without a format the arguments for it are not read (ERR_vset_error(3)).
            unsafe {
                new();
                set(library, reason, ptr::null(), ptr::null_mut());
            }
            true
        }
        _ => false,
    }
}
