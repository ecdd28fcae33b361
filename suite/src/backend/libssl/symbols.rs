//! The functions of the libssl interface that the suite can use, and how they are found: linked
//! into this program, or looked up by name in a shared object.
//!
//! Declarations follow `openssl/ssl.h`, `openssl/bio.h` and `openssl/err.h`. Three of them differ
//! between OpenSSL and BoringSSL, in a way that the calling conventions of 64-bit systems permit:
//! the length for `SSL_CTX_use_certificate_ASN1` is an `int` in the former and a `size_t` in the
//! latter, so the wider one is passed; options are 64 bits wide in current OpenSSL and narrower in
//! others, so the widest is passed and the result is ignored; `ERR_get_error` returns an
//! `unsigned long` in the former and a `uint32_t` in the latter, so only the lower 32 bits, which
//! hold every code, are used.
//!
//! Few functions are required: without an optional function, the steps that need it are not
//! applicable.

#![allow(unsafe_code)] // The foreign boundary.

use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};

// C types of which only the address is used.
pub(super) use openssl_sys::{
    BIO as Bio, BIO_METHOD as BioMethod, SSL as Ssl, SSL_CTX as SslCtx, SSL_METHOD as SslMethod,
};

pub(super) type BioWrite = unsafe extern "C" fn(*mut Bio, *const c_char, c_int) -> c_int;
pub(super) type BioRead = unsafe extern "C" fn(*mut Bio, *mut c_char, c_int) -> c_int;
/// `SSL_psk_client_cb_func` of `openssl/ssl.h`: the hint of the server, then room for the identity
/// and for the key; returns the key's length.
pub(super) type PskClient = unsafe extern "C" fn(
    *mut Ssl,
    *const c_char,
    *mut c_char,
    c_uint,
    *mut c_uchar,
    c_uint,
) -> c_uint;
/// `SSL_psk_server_cb_func` of `openssl/ssl.h`: the identity, then room for the key; returns the
/// key's length.
pub(super) type PskServer =
    unsafe extern "C" fn(*mut Ssl, *const c_char, *mut c_uchar, c_uint) -> c_uint;

/// A function of the connection alone that returns a number, makes no transport call and changes nothing.
pub(super) type NumberFunction = unsafe extern "C" fn(*const Ssl) -> c_int;

pub(super) type BioCtrl = unsafe extern "C" fn(*mut Bio, c_int, c_long, *mut c_void) -> c_long;

/// Declares the interface once: a field for each function, how a field is filled by name, and the
/// names of what is there. `required` functions must be there, `optional` ones may be missing, and
/// `numbers` are optional too, and all of one type: scenarios observe the numbers that they return.
/// `elsewhere` ones are not in the OpenSSL that is linked in (macros there, or gone), but in other
/// libraries.
macro_rules! interface {
    (
        required { $($rname:ident($($rarg:ty),*) $(-> $rret:ty)?;)* }
        optional { $($oname:ident($($oarg:ty),*) $(-> $oret:ty)?;)* }
        numbers { $($nname:ident;)* }
        elsewhere { $($ename:ident($($earg:ty),*) $(-> $eret:ty)?;)* }
    ) => {
        /// The functions of one library.
        #[allow(non_snake_case)]
        #[derive(Clone, Copy)]
        pub(super) struct Functions {
            $(pub(super) $rname: unsafe extern "C" fn($($rarg),*) $(-> $rret)?,)*
            $(pub(super) $oname: Option<unsafe extern "C" fn($($oarg),*) $(-> $oret)?>,)*
            $($nname: Option<NumberFunction>,)*
            $(pub(super) $ename: Option<unsafe extern "C" fn($($earg),*) $(-> $eret)?>,)*
        }

        mod linked {
            #[allow(clippy::wildcard_imports)]
            use super::*;
            unsafe extern "C" {
                $(pub(super) fn $rname($(_: $rarg),*) $(-> $rret)?;)*
                $(pub(super) fn $oname($(_: $oarg),*) $(-> $oret)?;)*
                $(pub(super) fn $nname(_: *const Ssl) -> c_int;)*
            }
        }

        impl Functions {
            /// The C names of all functions that the suite can use, in the order of the
            /// declarations.
            pub(super) const NAMES: &[&str] = &[
                $(stringify!($rname),)* $(stringify!($oname),)* $(stringify!($nname),)*
                $(stringify!($ename),)*
            ];

            /// The C names of the functions whose numbers scenarios observe.
            const NUMBERS: &[&str] = &[$(stringify!($nname)),*];

            const REQUIRED: &[&str] = &[$(stringify!($rname)),*];

            /// The functions of the OpenSSL that is linked into this program.
            pub(super) fn linked() -> Self {
                Self {
                    $($rname: linked::$rname,)*
                    $($oname: Some(linked::$oname),)*
                    $($nname: Some(linked::$nname),)*
                    $($ename: None,)*
                }
            }

            /// The names of the functions present.
            pub(super) fn has(&self) -> Vec<&'static str> {
                let names = [
                    $(Some(stringify!($rname)),)*
                    $(self.$oname.map(|_| stringify!($oname)),)*
                    $(self.$nname.map(|_| stringify!($nname)),)*
                    $(self.$ename.map(|_| stringify!($ename)),)*
                ];
                names.into_iter().flatten().collect()
            }

            /// The function of this C name whose number scenarios observe, if the library has it.
            pub(super) fn number(&self, name: &str) -> Option<NumberFunction> {
                $(if name == stringify!($nname) {
                    return self.$nname;
                })*
                None
            }

            /// The functions that `find` finds by name.
            ///
            /// # Errors
            ///
            /// The names of all functions that are missing and that every handshake needs.
            ///
            /// # Safety
            ///
            /// `find` returns the function of that name in a library that follows the headers named
            /// above, and that stays loaded for the rest of the process.
            pub(super) unsafe fn find(
                find: &dyn Fn(&str) -> Option<*mut c_void>,
            ) -> Result<Self, Vec<&'static str>> {
                let missing = missing(find);
                if !missing.is_empty() {
                    return Err(missing);
                }
                Ok(Self {
                    $($rname: {
                        let address = find(stringify!($rname)).ok_or_else(|| vec![stringify!($rname)])?;
                        // SAFETY: the caller guarantees that this is the function of that name, and
                        // the declared type is that of the headers.
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
                    $($nname: find(stringify!($nname)).map(|address| {
                        // SAFETY: as above.
                        unsafe { std::mem::transmute::<*mut c_void, NumberFunction>(address) }
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
        SSL_CTX_new(*const SslMethod) -> *mut SslCtx;
        SSL_new(*mut SslCtx) -> *mut Ssl;
        SSL_write(*mut Ssl, *const c_void, c_int) -> c_int;
        SSL_get_error(*const Ssl, c_int) -> c_int;
    }
    optional {
        OPENSSL_init_ssl(u64, *const c_void) -> c_int;
        OpenSSL_version(c_int) -> *const c_char;
        TLS_method() -> *const SslMethod;
        TLS_client_method() -> *const SslMethod;
        TLS_server_method() -> *const SslMethod;
        SSL_CTX_free(*mut SslCtx);
        SSL_CTX_use_certificate_ASN1(*mut SslCtx, usize, *const c_uchar) -> c_int;
        SSL_CTX_use_PrivateKey_ASN1(c_int, *mut SslCtx, *const c_uchar, c_long) -> c_int;
        SSL_CTX_set_cipher_list(*mut SslCtx, *const c_char) -> c_int;
        SSL_CTX_set_ciphersuites(*mut SslCtx, *const c_char) -> c_int;
        SSL_CTX_set_psk_client_callback(*mut SslCtx, PskClient);
        SSL_CTX_set_psk_server_callback(*mut SslCtx, PskServer);
        SSL_CTX_set_options(*mut SslCtx, u64) -> u64;
        SSL_CTX_ctrl(*mut SslCtx, c_int, c_long, *mut c_void) -> c_long;
        SSL_CTX_set_num_tickets(*mut SslCtx, usize) -> c_int;
        SSL_free(*mut Ssl);
        SSL_set_bio(*mut Ssl, *mut Bio, *mut Bio);
        SSL_set_fd(*mut Ssl, c_int) -> c_int;
        SSL_set_connect_state(*mut Ssl);
        SSL_set_accept_state(*mut Ssl);
        SSL_do_handshake(*mut Ssl) -> c_int;
        SSL_connect(*mut Ssl) -> c_int;
        SSL_accept(*mut Ssl) -> c_int;
        SSL_read(*mut Ssl, *mut c_void, c_int) -> c_int;
        SSL_write_ex(*mut Ssl, *const c_void, usize, *mut usize) -> c_int;
        SSL_want(*const Ssl) -> c_int;
        SSL_shutdown(*mut Ssl) -> c_int;
        SSL_key_update(*mut Ssl, c_int) -> c_int;
        SSL_renegotiate(*mut Ssl) -> c_int;
        SSL_ctrl(*mut Ssl, c_int, c_long, *mut c_void) -> c_long;
        BIO_get_new_index() -> c_int;
        BIO_meth_new(c_int, *const c_char) -> *mut BioMethod;
        BIO_meth_set_write(*mut BioMethod, BioWrite) -> c_int;
        BIO_meth_set_read(*mut BioMethod, BioRead) -> c_int;
        BIO_meth_set_ctrl(*mut BioMethod, BioCtrl) -> c_int;
        BIO_new(*const BioMethod) -> *mut Bio;
        BIO_free(*mut Bio) -> c_int;
        BIO_set_init(*mut Bio, c_int);
        BIO_set_flags(*mut Bio, c_int);
        BIO_clear_flags(*mut Bio, c_int);
        BIO_s_mem() -> *const BioMethod;
        BIO_f_buffer() -> *const BioMethod;
        BIO_new_bio_pair(*mut *mut Bio, usize, *mut *mut Bio, usize) -> c_int;
        BIO_push(*mut Bio, *mut Bio) -> *mut Bio;
        BIO_read(*mut Bio, *mut c_void, c_int) -> c_int;
        BIO_write(*mut Bio, *const c_void, c_int) -> c_int;
        BIO_ctrl(*mut Bio, c_int, c_long, *mut c_void) -> c_long;
        ERR_get_error() -> c_ulong;
        ERR_clear_error();
        ERR_new();
        ERR_vset_error(c_int, c_int, *const c_char, *mut c_void);
        ERR_lib_error_string(c_ulong) -> *const c_char;
        ERR_reason_error_string(c_ulong) -> *const c_char;
    }
    numbers {
        SSL_pending;
        SSL_has_pending;
    }
    elsewhere {
        ERR_put_error(c_int, c_int, c_int, *const c_char, c_int);
        SSL_set_mode(*mut Ssl, u32) -> u32;
        SSL_clear_mode(*mut Ssl, u32) -> u32;
        SSL_set_max_send_fragment(*mut Ssl, usize) -> c_int;
        SSL_CTX_set_min_proto_version(*mut SslCtx, u16) -> c_int;
        SSL_CTX_set_max_proto_version(*mut SslCtx, u16) -> c_int;
        SSL_CTX_set_session_cache_mode(*mut SslCtx, c_int) -> c_int;
        SSLv23_method() -> *const SslMethod;
        SSLv23_client_method() -> *const SslMethod;
        SSLv23_server_method() -> *const SslMethod;
        TLSv1_2_method() -> *const SslMethod;
        TLSv1_2_client_method() -> *const SslMethod;
        TLSv1_2_server_method() -> *const SslMethod;
        TLSv1_3_method() -> *const SslMethod;
        TLSv1_3_client_method() -> *const SslMethod;
        TLSv1_3_server_method() -> *const SslMethod;
        SSL_library_init() -> c_int;
        SSL_load_error_strings();
        SSLeay_version(c_int) -> *const c_char;
        BIO_should_retry(*const Bio) -> c_int;
        SSL_set_renegotiate_mode(*mut Ssl, c_int);
    }
}

/// Functions that replace others or make them unnecessary: the former do not count as missing if
/// one of the latter is present.
const STAND_INS: &[(&[&str], &[&str])] = &[
    (
        &[
            "SSL_set_mode",
            "SSL_clear_mode",
            "SSL_set_max_send_fragment",
        ],
        &["SSL_ctrl"],
    ),
    (&["SSL_ctrl"], &["SSL_set_mode"]),
    (
        &[
            "SSL_CTX_set_min_proto_version",
            "SSL_CTX_set_max_proto_version",
            "SSL_CTX_set_session_cache_mode",
        ],
        &["SSL_CTX_ctrl"],
    ),
    (&["SSL_CTX_ctrl"], &["SSL_CTX_set_max_proto_version"]),
    (&["TLS_method"], &["SSLv23_method"]),
    (
        &[
            "TLS_client_method",
            "TLS_server_method",
            "SSLv23_method",
            "SSLv23_client_method",
            "SSLv23_server_method",
            "TLSv1_2_method",
            "TLSv1_2_client_method",
            "TLSv1_2_server_method",
            "TLSv1_3_method",
            "TLSv1_3_client_method",
            "TLSv1_3_server_method",
        ],
        &["TLS_method", "SSLv23_method"],
    ),
    (&["SSL_connect", "SSL_accept"], &["SSL_do_handshake"]),
    (
        &["SSL_library_init", "SSL_load_error_strings"],
        &["OPENSSL_init_ssl"],
    ),
    (&["OPENSSL_init_ssl"], &["SSL_library_init"]),
    (&["SSLeay_version"], &["OpenSSL_version"]),
    (&["OpenSSL_version"], &["SSLeay_version"]),
    (&["SSL_set_fd"], &["BIO_meth_new"]),
    // A macro over the other two since 3.0.
    (&["ERR_put_error"], &["ERR_vset_error"]),
    (&["ERR_new", "ERR_vset_error"], &["ERR_put_error"]),
    // Only BoringSSL and its descendants have it; `is_boringssl` tests for it.
    (&["SSL_set_renegotiate_mode"], &["SSL_CTX_new"]),
    // Without them every handshake is a full one.
    (
        &[
            "SSL_CTX_set_psk_client_callback",
            "SSL_CTX_set_psk_server_callback",
            "SSL_CTX_set_options",
        ],
        &["SSL_CTX_new"],
    ),
    // A macro in OpenSSL.
    (&["BIO_should_retry"], &["BIO_set_flags"]),
];

/// The functions that a custom BIO needs.
const FOR_A_BIO: [&str; 9] = [
    "SSL_set_bio",
    "BIO_meth_new",
    "BIO_meth_set_write",
    "BIO_meth_set_read",
    "BIO_meth_set_ctrl",
    "BIO_new",
    "BIO_set_init",
    "BIO_set_flags",
    "BIO_clear_flags",
];

/// The names of the functions that `find` does not find, and that every handshake needs. Of several
/// alternatives, the usual one is named.
fn missing(find: &dyn Fn(&str) -> Option<*mut c_void>) -> Vec<&'static str> {
    let has = |name: &str| find(name).is_some();
    let all = |names: &[&str]| names.iter().all(|name| has(name));
    let method = has("TLS_method")
        || has("SSLv23_method")
        || all(&["TLS_client_method", "TLS_server_method"])
        || all(&["SSLv23_client_method", "SSLv23_server_method"]);
    let handshake = has("SSL_do_handshake") || all(&["SSL_connect", "SSL_accept"]);
    let transport = has("SSL_set_fd") || all(&FOR_A_BIO);
    let required = Functions::REQUIRED.iter().copied();
    let groups = [
        (method, "TLS_method"),
        (handshake, "SSL_do_handshake"),
        (transport, "SSL_set_fd"),
    ];
    required
        .filter(|name| !has(name))
        .chain(
            groups
                .into_iter()
                .filter(|(there, _)| !there)
                .map(|(_, name)| name),
        )
        .collect()
}

/// The possible spellings of a function in a library with this prefix, the likeliest first.
pub(super) fn spellings(prefix: Option<&str>, name: &str) -> Vec<String> {
    let with = prefix.map(|prefix| format!("{prefix}{name}"));
    // `wolfSSL_BIO_new`, but `wolfSSL_write` and `wolfTLS_client_method`.
    let without_end = prefix
        .and_then(|prefix| prefix.strip_suffix("SSL_"))
        .map(|prefix| format!("{prefix}{name}"));
    let plain = Some(name.to_owned());
    [with, without_end, plain].into_iter().flatten().collect()
}

/// The functions that make and drive a custom BIO.
#[derive(Clone, Copy)]
pub(super) struct BioInterface {
    pub(super) set_bio: unsafe extern "C" fn(*mut Ssl, *mut Bio, *mut Bio),
    pub(super) meth_new: unsafe extern "C" fn(c_int, *const c_char) -> *mut BioMethod,
    pub(super) meth_set_write: unsafe extern "C" fn(*mut BioMethod, BioWrite) -> c_int,
    pub(super) meth_set_read: unsafe extern "C" fn(*mut BioMethod, BioRead) -> c_int,
    pub(super) meth_set_ctrl: unsafe extern "C" fn(*mut BioMethod, BioCtrl) -> c_int,
    pub(super) new: unsafe extern "C" fn(*const BioMethod) -> *mut Bio,
    pub(super) set_init: unsafe extern "C" fn(*mut Bio, c_int),
    pub(super) set_flags: unsafe extern "C" fn(*mut Bio, c_int),
    pub(super) clear_flags: unsafe extern "C" fn(*mut Bio, c_int),
    pub(super) new_index: Option<unsafe extern "C" fn() -> c_int>,
    pub(super) should_retry: Option<unsafe extern "C" fn(*const Bio) -> c_int>,
    pub(super) free: Option<unsafe extern "C" fn(*mut Bio) -> c_int>,
}

impl Functions {
    /// Whether the library descends from BoringSSL, which has some other numbers.
    pub(super) fn is_boringssl(&self) -> bool {
        self.SSL_set_renegotiate_mode.is_some()
    }

    /// The functions for a custom BIO, if the library has them all.
    pub(super) fn bio(&self) -> Option<BioInterface> {
        Some(BioInterface {
            set_bio: self.SSL_set_bio?,
            meth_new: self.BIO_meth_new?,
            meth_set_write: self.BIO_meth_set_write?,
            meth_set_read: self.BIO_meth_set_read?,
            meth_set_ctrl: self.BIO_meth_set_ctrl?,
            new: self.BIO_new?,
            set_init: self.BIO_set_init?,
            set_flags: self.BIO_set_flags?,
            clear_flags: self.BIO_clear_flags?,
            new_index: self.BIO_get_new_index,
            should_retry: self.BIO_should_retry,
            free: self.BIO_free,
        })
    }

    /// The functions that a custom BIO needs and the library lacks.
    pub(super) fn lacks_for_a_bio(&self) -> Vec<&'static str> {
        let has = self.has();
        FOR_A_BIO
            .into_iter()
            .filter(|name| !has.contains(name))
            .collect()
    }

    /// The functions that the library lacks and that no other one replaces.
    pub(super) fn lacks(&self) -> Vec<&'static str> {
        let has = self.has();
        let stood_in = |name: &str| {
            STAND_INS.iter().any(|(names, by)| {
                names.contains(&name) && by.iter().any(|other| has.contains(other))
            })
        };
        let names = Self::NAMES.iter().copied();
        names
            .filter(|name| !has.contains(name) && !stood_in(name))
            .collect()
    }

    /// The operations of scenarios that cannot be performed or observed, by their C names.
    pub(super) fn cannot(&self) -> Vec<&'static str> {
        const OPERATIONS: [&str; 11] = [
            "SSL_write_ex",
            "SSL_read",
            "SSL_shutdown",
            "SSL_key_update",
            "SSL_renegotiate",
            "SSL_set_mode",
            "SSL_set_max_send_fragment",
            "SSL_want",
            "SSL_CTX_use_certificate_ASN1",
            "SSL_CTX_use_PrivateKey_ASN1",
            "ERR_get_error",
        ];
        let lacks = self.lacks();
        OPERATIONS
            .iter()
            .chain(Self::NUMBERS)
            .copied()
            .filter(|name| lacks.contains(name))
            .collect()
    }
}
