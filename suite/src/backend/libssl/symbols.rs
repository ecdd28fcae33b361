//! The functions of the libssl interface that the suite can use, and how they are found: linked
//! into this program, or looked up by name in a shared object.
//!
//! Declarations follow `openssl/ssl.h`, `openssl/bio.h` and `openssl/err.h`. Two of them differ between
//! OpenSSL and BoringSSL, in a way that the calling conventions of 64-bit systems allow for: the
//! length for `SSL_CTX_use_certificate_ASN1` is an `int` in the former and a `size_t` in the latter,
//! so that the wider one is passed; `ERR_get_error` returns an `unsigned long` in the former and a
//! `uint32_t` in the latter, so that only the lower 32 bits, which hold every code, are looked at.

#![allow(unsafe_code)] // The foreign boundary.

use std::ffi::{c_char, c_int, c_long, c_uchar, c_ulong, c_void};

// C types of which nothing but the address is used.
pub(super) use openssl_sys::{
    BIO as Bio, BIO_METHOD as BioMethod, SSL as Ssl, SSL_CTX as SslCtx, SSL_METHOD as SslMethod,
};

pub(super) type BioWrite = unsafe extern "C" fn(*mut Bio, *const c_char, c_int) -> c_int;
pub(super) type BioRead = unsafe extern "C" fn(*mut Bio, *mut c_char, c_int) -> c_int;
pub(super) type BioCtrl = unsafe extern "C" fn(*mut Bio, c_int, c_long, *mut c_void) -> c_long;

/// Declares the interface once: a field for each function, how a field is filled by name, and the
/// names of what is missing. `required` functions must be there, `optional` ones may be missing, and
/// `elsewhere` ones are macros in the OpenSSL that is linked in, but functions in other libraries.
macro_rules! interface {
    (
        required { $($rname:ident($($rarg:ty),*) $(-> $rret:ty)?;)* }
        optional { $($oname:ident($($oarg:ty),*) $(-> $oret:ty)?;)* }
        elsewhere { $($ename:ident($($earg:ty),*) $(-> $eret:ty)?;)* }
    ) => {
        /// The functions of one library.
        #[allow(non_snake_case)]
        #[derive(Clone, Copy)]
        pub(super) struct Interface {
            $(pub(super) $rname: unsafe extern "C" fn($($rarg),*) $(-> $rret)?,)*
            $(pub(super) $oname: Option<unsafe extern "C" fn($($oarg),*) $(-> $oret)?>,)*
            $(pub(super) $ename: Option<unsafe extern "C" fn($($earg),*) $(-> $eret)?>,)*
        }

        mod linked {
            #[allow(clippy::wildcard_imports)]
            use super::*;
            unsafe extern "C" {
                $(pub(super) fn $rname($(_: $rarg),*) $(-> $rret)?;)*
                $(pub(super) fn $oname($(_: $oarg),*) $(-> $oret)?;)*
            }
        }

        impl Interface {
            /// The functions of the OpenSSL that is linked into this program.
            pub(super) fn linked() -> Self {
                Self {
                    $($rname: linked::$rname,)*
                    $($oname: Some(linked::$oname),)*
                    $($ename: None,)*
                }
            }

            /// The functions that `find` finds by name.
            ///
            /// # Errors
            /// The names of all required functions that it does not find.
            ///
            /// # Safety
            /// What `find` answers is the function of that name in a library that follows the
            /// headers named above, and stays loaded for the rest of the process.
            pub(super) unsafe fn find(
                find: &dyn Fn(&'static str) -> Option<*mut c_void>,
            ) -> Result<Self, Vec<&'static str>> {
                let missing: Vec<&'static str> = [$(stringify!($rname)),*]
                    .into_iter()
                    .filter(|name| find(name).is_none())
                    .collect();
                if !missing.is_empty() {
                    return Err(missing);
                }
                Ok(Self {
                    $($rname: {
                        let address = find(stringify!($rname)).ok_or_else(|| vec![stringify!($rname)])?;
                        // SAFETY: the caller vouches that this is the function of that name, and the
                        // declared type is that of the headers.
                        unsafe {
                            std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($rarg),*) $(-> $rret)?>(address)
                        }
                    },)*
                    $($oname: find(stringify!($oname)).map(|address| {
                        // SAFETY: as above.
                        unsafe {
                            std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($oarg),*) $(-> $oret)?>(address)
                        }
                    }),)*
                    $($ename: find(stringify!($ename)).map(|address| {
                        // SAFETY: as above.
                        unsafe {
                            std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($earg),*) $(-> $eret)?>(address)
                        }
                    }),)*
                })
            }
        }
    };
}

interface! {
    required {
        TLS_method() -> *const SslMethod;
        SSL_CTX_new(*const SslMethod) -> *mut SslCtx;
        SSL_CTX_free(*mut SslCtx);
        SSL_new(*mut SslCtx) -> *mut Ssl;
        SSL_free(*mut Ssl);
        SSL_set_bio(*mut Ssl, *mut Bio, *mut Bio);
        SSL_set_connect_state(*mut Ssl);
        SSL_set_accept_state(*mut Ssl);
        SSL_do_handshake(*mut Ssl) -> c_int;
        SSL_read(*mut Ssl, *mut c_void, c_int) -> c_int;
        SSL_write(*mut Ssl, *const c_void, c_int) -> c_int;
        SSL_get_error(*const Ssl, c_int) -> c_int;
        SSL_CTX_use_certificate_ASN1(*mut SslCtx, usize, *const c_uchar) -> c_int;
        SSL_CTX_use_PrivateKey_ASN1(c_int, *mut SslCtx, *const c_uchar, c_long) -> c_int;
        SSL_CTX_set_cipher_list(*mut SslCtx, *const c_char) -> c_int;
        ERR_get_error() -> c_ulong;
        ERR_clear_error();
        BIO_meth_new(c_int, *const c_char) -> *mut BioMethod;
        BIO_meth_set_write(*mut BioMethod, BioWrite) -> c_int;
        BIO_meth_set_read(*mut BioMethod, BioRead) -> c_int;
        BIO_meth_set_ctrl(*mut BioMethod, BioCtrl) -> c_int;
        BIO_new(*const BioMethod) -> *mut Bio;
        BIO_set_init(*mut Bio, c_int);
        BIO_set_flags(*mut Bio, c_int);
        BIO_clear_flags(*mut Bio, c_int);
    }
    optional {
        OPENSSL_init_ssl(u64, *const c_void) -> c_int;
        OpenSSL_version(c_int) -> *const c_char;
        SSL_write_ex(*mut Ssl, *const c_void, usize, *mut usize) -> c_int;
        SSL_want(*const Ssl) -> c_int;
        SSL_shutdown(*mut Ssl) -> c_int;
        SSL_key_update(*mut Ssl, c_int) -> c_int;
        SSL_renegotiate(*mut Ssl) -> c_int;
        SSL_ctrl(*mut Ssl, c_int, c_long, *mut c_void) -> c_long;
        SSL_CTX_ctrl(*mut SslCtx, c_int, c_long, *mut c_void) -> c_long;
        SSL_CTX_set_ciphersuites(*mut SslCtx, *const c_char) -> c_int;
        BIO_get_new_index() -> c_int;
        ERR_lib_error_string(c_ulong) -> *const c_char;
        ERR_reason_error_string(c_ulong) -> *const c_char;
    }
    elsewhere {
        SSL_set_mode(*mut Ssl, u32) -> u32;
        SSL_clear_mode(*mut Ssl, u32) -> u32;
        SSL_set_max_send_fragment(*mut Ssl, usize) -> c_int;
        SSL_CTX_set_min_proto_version(*mut SslCtx, u16) -> c_int;
        SSL_CTX_set_max_proto_version(*mut SslCtx, u16) -> c_int;
        SSL_CTX_set_session_cache_mode(*mut SslCtx, c_int) -> c_int;
    }
}

/// Functions without which a step of a scenario cannot be done, and the operation in words.
impl Interface {
    pub(super) fn lacks(&self) -> Vec<String> {
        let can = |present: bool, what: &str| (!present).then(|| what.to_owned());
        let ctrl = self.SSL_ctrl.is_some();
        [
            can(self.SSL_write_ex.is_some(), "SSL_write_ex"),
            can(self.SSL_shutdown.is_some(), "SSL_shutdown"),
            can(self.SSL_key_update.is_some(), "SSL_key_update"),
            can(self.SSL_renegotiate.is_some(), "SSL_renegotiate"),
            can(ctrl || self.SSL_set_mode.is_some(), "SSL_set_mode"),
            can(
                ctrl || self.SSL_set_max_send_fragment.is_some(),
                "SSL_set_max_send_fragment",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
