//! Contexts of a libssl: one for each setup, with a version, a cipher, a certificate and its key, through
//! whichever functions the library has for that.

use std::ffi::{CStr, c_long};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use super::pre_shared;
use super::symbols::{Interface, SslCtx, SslMethod};
use super::{length, number};
use crate::backend::{Setup, Unsupported};
use crate::identity::IDENTITY;
use crate::scenario::{Cipher, KeyExchange, Role, RoleState, SessionTickets, Version};

/// A context of the library; connections of all threads share it.
#[derive(Clone, Copy)]
pub(super) struct Context(pub(super) *mut SslCtx);

// SAFETY: the libraries count references of a context atomically and lock what connections change
// in it (SSL_CTX_new(3), openssl-threads(7)); nothing changes it once it is made.
unsafe impl Send for Context {}

type Method = unsafe extern "C" fn() -> *const SslMethod;

/// How a context comes to offer one version only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Versions {
    /// It is told.
    Set,
    /// Its method has no other.
    OfMethod,
    /// Nothing can be set: the library offers what it has, and the peer has only the one.
    Own,
}

impl Context {
    /// A context as `setup` asks for.
    pub(super) fn new(api: &Interface, setup: &Setup) -> Result<Self, Unsupported> {
        let can_set = api.SSL_CTX_ctrl.is_some()
            || (api.SSL_CTX_set_min_proto_version.is_some()
                && api.SSL_CTX_set_max_proto_version.is_some());
        let of_version = version_method(api, setup);
        let general = general_method(api, setup)
            .ok_or_else(|| Unsupported::new("TLS_method, or a way to tell the role"));
        if can_set {
            let context = general
                .clone()
                .and_then(|method| Self::with(api, method, setup, Versions::Set));
            return match (context, of_version) {
                (Err(_), Some(method)) => Self::with(api, method, setup, Versions::OfMethod),
                (context, _) => context,
            };
        }
        match (of_version, setup.version) {
            (Some(method), _) => Self::with(api, method, setup, Versions::OfMethod),
            // Every library of today begins with it.
            (None, Version::Tls12) => Self::with(api, general?, setup, Versions::Own),
            (None, Version::Tls13) => Err(Unsupported::new("SSL_CTX_set_min_proto_version")),
        }
    }

    fn with(
        api: &Interface,
        method: Method,
        setup: &Setup,
        versions: Versions,
    ) -> Result<Self, Unsupported> {
        // SAFETY: a method function has no precondition, and its result is what SSL_CTX_new takes.
        let context = unsafe { (api.SSL_CTX_new)(method()) };
        if context.is_null() {
            return Err(refused(api, "SSL_CTX_new"));
        }
        let setting = Setting { api, context };
        match setting.all(setup, versions) {
            Ok(()) => Ok(Self(context)),
            Err(unsupported) => {
                setting.free();
                Err(unsupported)
            }
        }
    }
}

/// A context that has no connections, for a call that is to fail: made once, and one thread at a time has it.
#[derive(Clone, Default)]
pub(super) struct Spare(Arc<Mutex<Option<Context>>>);

impl Spare {
    /// Leaves an entry in this thread's error queue, by asking for a cipher that nobody knows; answers whether
    /// the library refused it.
    pub(super) fn leave_error(&self, api: &Interface, setup: &Setup) -> bool {
        let (Some(set), Some(method)) = (api.SSL_CTX_set_cipher_list, general_method(api, setup))
        else {
            return false;
        };
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let context = spare.get_or_insert_with(|| {
            // SAFETY: no precondition; the result is checked below.
            Context(unsafe { (api.SSL_CTX_new)(method()) })
        });
        // SAFETY: if it is not null the context is live, and nobody else has it meanwhile.
        !context.0.is_null() && unsafe { set(context.0, c"NO-SUCH-CIPHER".as_ptr()) } != 1
    }
}

/// A context that is being set up.
struct Setting<'a> {
    api: &'a Interface,
    context: *mut SslCtx,
}

impl Setting<'_> {
    fn all(&self, setup: &Setup, versions: Versions) -> Result<(), Unsupported> {
        if versions == Versions::Set {
            self.version(setup.version)?;
        }
        self.cipher(setup)?;
        self.identity(setup.role)?;
        if setup.key_exchange == KeyExchange::PreShared {
            pre_shared::give_key(self.api, self.context, setup.role);
        }
        self.no_sessions();
        if setup.session_tickets == SessionTickets::None {
            self.no_tickets();
        }
        Ok(())
    }

    fn free(self) {
        if let Some(free) = self.api.SSL_CTX_free {
            // SAFETY: `context` is live, and used no more.
            unsafe { free(self.context) };
        }
    }

    fn version(&self, version: Version) -> Result<(), Unsupported> {
        let (api, context) = (self.api, self.context);
        let number = version.number();
        // SAFETY: `context` is live; the numbers are protocol versions.
        let set = unsafe {
            match (
                api.SSL_CTX_set_min_proto_version,
                api.SSL_CTX_set_max_proto_version,
                api.SSL_CTX_ctrl,
            ) {
                (Some(min), Some(max), _) => min(context, number) == 1 && max(context, number) == 1,
                (_, _, Some(ctrl)) => [
                    number::CTRL_MIN_PROTO_VERSION,
                    number::CTRL_MAX_PROTO_VERSION,
                ]
                .iter()
                .all(|&which| ctrl(context, which, c_long::from(number), ptr::null_mut()) == 1),
                _ => false,
            }
        };
        match set {
            true => Ok(()),
            false => Err(refused(api, version.word())),
        }
    }

    fn cipher(&self, setup: &Setup) -> Result<(), Unsupported> {
        let (api, context) = (self.api, self.context);
        // Without a function for it the library offers what it has, and the peer has only the one.
        let names = CipherNames::of(setup.cipher);
        let tls12 = match setup.key_exchange {
            KeyExchange::Ephemeral => names.ephemeral,
            // A library that has no such suite takes no notice of its name.
            KeyExchange::PreShared => names.pre_shared,
        };
        // SAFETY: `context` is live and the strings end with a zero byte.
        let set = unsafe {
            match (setup.version, names.tls13) {
                (Version::Tls12, _) => api
                    .SSL_CTX_set_cipher_list
                    .is_none_or(|set| set(context, tls12.as_ptr()) == 1),
                (Version::Tls13, Some(name)) => api
                    .SSL_CTX_set_ciphersuites
                    .is_none_or(|set| set(context, name.as_ptr()) == 1),
                (Version::Tls13, None) => false,
            }
        };
        match set {
            true => Ok(()),
            false => Err(refused(api, setup.cipher.word())),
        }
    }

    fn identity(&self, role: Role) -> Result<(), Unsupported> {
        let (api, context) = (self.api, self.context);
        let (certificate, key) = (&IDENTITY.certificate, &IDENTITY.key);
        let (Some(use_certificate), Some(use_key)) = (
            api.SSL_CTX_use_certificate_ASN1,
            api.SSL_CTX_use_PrivateKey_ASN1,
        ) else {
            // A client is not asked for one.
            return match role {
                Role::Client => Ok(()),
                Role::Server => Err(Unsupported::new("SSL_CTX_use_certificate_ASN1")),
            };
        };
        // SAFETY: `context` is live, pointers and lengths belong to the same slices, and the library
        // copies both.
        let identified = unsafe {
            use_certificate(context, certificate.len(), certificate.as_ptr()) == 1
                && use_key(
                    number::EVP_PKEY_EC,
                    context,
                    key.as_ptr(),
                    c_long::from(length(key)),
                ) == 1
        };
        match identified {
            true => Ok(()),
            false => Err(refused(api, "the certificate or its key")),
        }
    }

    /// A session that is kept would make the second case shorter than the first.
    fn no_sessions(&self) {
        // SAFETY: `context` is live; the number is a cache mode.
        unsafe {
            if let Some(set) = self.api.SSL_CTX_set_session_cache_mode {
                set(self.context, 0);
            } else if let Some(ctrl) = self.api.SSL_CTX_ctrl {
                ctrl(
                    self.context,
                    number::CTRL_SESS_CACHE_MODE,
                    number::SESS_CACHE_OFF,
                    ptr::null_mut(),
                );
            }
        }
    }

    fn no_tickets(&self) {
        if let Some(set) = self.api.SSL_CTX_set_num_tickets {
            // SAFETY: `context` is live.
            unsafe { set(self.context, 0) };
        }
    }
}

/// The method for any version: for both roles, unless only that for a role can tell it.
pub(super) fn general_method(api: &Interface, setup: &Setup) -> Option<Method> {
    let both = api.TLS_method.or(api.SSLv23_method);
    let one = match setup.role {
        Role::Client => api.TLS_client_method.or(api.SSLv23_client_method),
        Role::Server => api.TLS_server_method.or(api.SSLv23_server_method),
    };
    method_for(api, setup, both, one)
}

/// The method for the version of `setup` alone.
fn version_method(api: &Interface, setup: &Setup) -> Option<Method> {
    let (both, client, server) = match setup.version {
        Version::Tls12 => (
            api.TLSv1_2_method,
            api.TLSv1_2_client_method,
            api.TLSv1_2_server_method,
        ),
        Version::Tls13 => (
            api.TLSv1_3_method,
            api.TLSv1_3_client_method,
            api.TLSv1_3_server_method,
        ),
    };
    let one = match setup.role {
        Role::Client => client,
        Role::Server => server,
    };
    method_for(api, setup, both, one)
}

fn method_for(
    api: &Interface,
    setup: &Setup,
    both: Option<Method>,
    one: Option<Method>,
) -> Option<Method> {
    let tells_role = match setup.role {
        Role::Client => api.SSL_set_connect_state.is_some(),
        Role::Server => api.SSL_set_accept_state.is_some(),
    };
    match setup.role_state {
        RoleState::Unset => both,
        RoleState::Set if tells_role => both.or(one),
        RoleState::Set => one,
    }
}

/// The library has the function, which failed.
pub(super) fn refused(api: &Interface, what: &str) -> Unsupported {
    // What the attempt left behind must not stand in the next queue.
    super::clear_errors(api);
    Unsupported::new(format!("{what} (the library refused it)"))
}

/// What a cipher is called in the lists of a library.
struct CipherNames {
    /// In TLS 1.2, with ephemeral keys and a certificate.
    ephemeral: &'static CStr,
    /// In TLS 1.2, with a key that both have beforehand, and if that cannot be, as above.
    pre_shared: &'static CStr,
    /// In TLS 1.3, where it exists there.
    tls13: Option<&'static CStr>,
}

impl CipherNames {
    fn of(cipher: Cipher) -> Self {
        match cipher {
            Cipher::Aes128Gcm => Self {
                ephemeral: c"ECDHE-ECDSA-AES128-GCM-SHA256",
                pre_shared: c"PSK-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
                tls13: Some(c"TLS_AES_128_GCM_SHA256"),
            },
            Cipher::ChaCha20 => Self {
                ephemeral: c"ECDHE-ECDSA-CHACHA20-POLY1305",
                pre_shared: c"PSK-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305",
                tls13: Some(c"TLS_CHACHA20_POLY1305_SHA256"),
            },
            Cipher::Aes128Cbc | Cipher::Aes128CbcMacThenEncrypt => Self {
                ephemeral: c"ECDHE-ECDSA-AES128-SHA",
                pre_shared: c"PSK-AES128-CBC-SHA:ECDHE-ECDSA-AES128-SHA",
                tls13: None,
            },
        }
    }
}
