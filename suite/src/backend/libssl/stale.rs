//! Entries that a caller puts into the error queue of a libssl by itself: by `ERR_put_error`, or by the two functions
//! which that is a macro over since 3.0. In flow a library's functions; out flows an entry at the queue's end.

#![allow(unsafe_code)] // The foreign boundary.

use std::ffi::c_int;
use std::ptr;

use super::symbols::Functions;

/// `ERR_LIB_SYS` of openssl/err.h, the same in all libraries of the kind; its reasons are numbers of errno.
const SYSTEM_LIBRARY: c_int = 2;

/// `ERR_LIB_PEM` of openssl/err.h, the same in all libraries of the kind.
const PEM: c_int = 9;

/// `PEM_R_NO_START_LINE`: in openssl/pemerr.h, and in BoringSSL's openssl/pem.h.
const NO_START_LINE: c_int = 108;
const NO_START_LINE_OF_BORINGSSL: c_int = 110;

/// Whether the library has what it takes.
pub(super) fn can_put(api: &Functions) -> bool {
    api.ERR_put_error.is_some() || (api.ERR_new.is_some() && api.ERR_vset_error.is_some())
}

/// What is left when a file is not found; answers whether it is.
pub(super) fn system_library(api: &Functions) -> bool {
    put(api, SYSTEM_LIBRARY, libc::ENOENT)
}

/// What is left when a PEM file has no more certificates; answers whether it is.
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
            // SAFETY: numbers, and the name of a file that is never freed.
            unsafe { put(library, 0, reason, c"writeproof".as_ptr(), 0) };
            true
        }
        (None, Some(new), Some(set)) => {
            // SAFETY: without a format the arguments to it are not looked at (ERR_vset_error(3)).
            unsafe {
                new();
                set(library, reason, ptr::null(), ptr::null_mut());
            }
            true
        }
        _ => false,
    }
}
