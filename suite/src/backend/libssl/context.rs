//! Contexts of a libssl: one for each setup, with a version, a cipher, a certificate and its key,
//! made with the functions that the library has for that.

use std::ffi::{CStr, c_long};
use std::fmt;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use super::pre_shared;
use super::symbols::{Functions, SslCtx, SslMethod};
use super::{length, number};
use crate::backend::{Setup, Unsupported};
use crate::identity::IDENTITY;
use crate::scenario::{Cipher, KeyExchange, Role, RoleState, SessionTickets, Version};

/// A context of the library, shared by connections of all threads.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) pointer: *mut SslCtx,
    /// Why it may offer more than the version and cipher of its setup, if it may.
    pub(super) unrestricted: Option<Arc<str>>,
}

// SAFETY: the libraries count references to a context atomically and lock the parts that
// connections change (SSL_CTX_new(3), openssl-threads(7)); the suite does not change it once it is
// made.
unsafe impl Send for Context {}

type MethodFunction = unsafe extern "C" fn() -> *const SslMethod;

/// How a context is restricted to one version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Versions {
    /// By setting the version.
    Set,
    /// By a method that has no other.
    OfMethod,
}

/// A function that failed to restrict a context.
#[derive(Clone, Copy)]
enum Missed {
    /// The library has no such function.
    Missing(&'static str),
    /// The function returned an error.
    Error(&'static str),
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(function) => write!(f, "the library has no {function}"),
            Self::Error(function) => write!(f, "{function} returned an error"),
        }
    }
}

/// The restrictions that a context lacks. This is no obstacle by itself, because the peer offers
/// only one version and one cipher.
#[derive(Default)]
struct Unrestricted {
    version: Option<Missed>,
    cipher: Option<Missed>,
}

impl Unrestricted {
    fn has_error(&self) -> bool {
        let mut missed = [self.version, self.cipher].into_iter().flatten();
        missed.any(|missed| matches!(missed, Missed::Error(_)))
    }

    fn words(&self) -> Option<Arc<str>> {
        let missed = [self.version, self.cipher].into_iter().flatten();
        let words: Vec<String> = missed.map(|missed| missed.to_string()).collect();
        (!words.is_empty()).then(|| words.join(", ").into())
    }
}

/// A new context, and the restrictions that it lacks.
struct NewContext {
    context: *mut SslCtx,
    unrestricted: Unrestricted,
}

impl Context {
    /// Makes the context for `setup`. If the library cannot be restricted to the one version and
    /// cipher, the context also offers others.
    pub(super) fn new(api: &Functions, setup: &Setup) -> Result<Self, Unsupported> {
        let general = general_method(api, setup)
            .ok_or_else(|| Unsupported::new("TLS_method, or a function that sets the role"));
        let made = general.and_then(|method| Self::with(api, method, setup, Versions::Set));
        let made = match (made, version_method(api, setup)) {
            (Ok(made), Some(method)) if made.unrestricted.version.is_some() => {
                match Self::with(api, method, setup, Versions::OfMethod) {
                    Ok(better) => {
                        free(api, made.context);
                        better
                    }
                    Err(_) => made,
                }
            }
            (Ok(made), _) => made,
            (Err(_), Some(method)) => Self::with(api, method, setup, Versions::OfMethod)?,
            (Err(unsupported), None) => return Err(unsupported),
        };
        Ok(Self {
            pointer: made.context,
            unrestricted: made.unrestricted.words(),
        })
    }

    fn with(
        api: &Functions,
        method: MethodFunction,
        setup: &Setup,
        versions: Versions,
    ) -> Result<NewContext, Unsupported> {
        let made = Self::once(api, method, setup, versions, Unrestricted::default())?;
        if !made.unrestricted.has_error() {
            return Ok(made);
        }
        // A setter that returns an error may have changed the context anyway:
        // SSL_CTX_set_cipher_list leaves an empty list. So a second context is made without calling
        // it.
        free(api, made.context);
        Self::once(api, method, setup, versions, made.unrestricted)
    }

    /// Makes a context without calling the setters in `left_out`.
    fn once(
        api: &Functions,
        method: MethodFunction,
        setup: &Setup,
        versions: Versions,
        left_out: Unrestricted,
    ) -> Result<NewContext, Unsupported> {
        // SAFETY: a method function has no precondition, and its result is what SSL_CTX_new takes.
        let context = unsafe { (api.SSL_CTX_new)(method()) };
        if context.is_null() {
            return Err(refused(api, "SSL_CTX_new"));
        }
        match (ContextBuilder { api, context }).all(setup, versions, left_out) {
            Ok(unrestricted) => Ok(NewContext {
                context,
                unrestricted,
            }),
            Err(unsupported) => {
                free(api, context);
                Err(unsupported)
            }
        }
    }
}

fn free(api: &Functions, context: *mut SslCtx) {
    if let Some(free) = api.SSL_CTX_free {
        // SAFETY: `context` is live, has no connections, and is not used again.
        unsafe { free(context) };
    }
}

/// A context without connections for a call that is meant to fail: made once, and used by one
/// thread at a time.
#[derive(Clone, Default)]
pub(super) struct Spare(Arc<Mutex<Option<Context>>>);

impl Spare {
    /// Leaves an entry in this thread's error queue, by setting an unknown cipher; returns whether
    /// the library refused it.
    pub(super) fn leave_error(&self, api: &Functions, setup: &Setup) -> bool {
        let (Some(set), Some(method)) = (api.SSL_CTX_set_cipher_list, general_method(api, setup))
        else {
            return false;
        };
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let context = spare.get_or_insert_with(|| {
            Context {
                // SAFETY: no precondition; the result is checked below.
                pointer: unsafe { (api.SSL_CTX_new)(method()) },
                unrestricted: None,
            }
        });
        // SAFETY: if it is not null, the context is live, and no other thread uses it.
        !context.pointer.is_null()
            && unsafe { set(context.pointer, c"NO-SUCH-CIPHER".as_ptr()) } != 1
    }
}

/// A context during its configuration.
struct ContextBuilder<'a> {
    api: &'a Functions,
    context: *mut SslCtx,
}

impl ContextBuilder<'_> {
    fn all(
        &self,
        setup: &Setup,
        versions: Versions,
        left_out: Unrestricted,
    ) -> Result<Unrestricted, Unsupported> {
        let unrestricted = Unrestricted {
            version: match (left_out.version, versions) {
                (Some(missed), _) => Some(missed),
                (None, Versions::Set) => self.version(setup.version).err(),
                (None, Versions::OfMethod) => None,
            },
            cipher: match left_out.cipher {
                Some(missed) => Some(missed),
                None => self.cipher(setup)?.err(),
            },
        };
        // Errors of a refusal must not stay in the queue.
        super::clear_errors(self.api);
        self.identity(setup.role)?;
        if setup.key_exchange == KeyExchange::PreShared {
            pre_shared::give_key(self.api, self.context, setup.role);
        }
        self.no_sessions();
        if setup.session_tickets == SessionTickets::None {
            self.no_tickets();
        }
        Ok(unrestricted)
    }

    fn version(&self, version: Version) -> Result<(), Missed> {
        const SETTERS: [&str; 2] = [
            "SSL_CTX_set_min_proto_version",
            "SSL_CTX_set_max_proto_version",
        ];
        let (api, context) = (self.api, self.context);
        let number = version.number();
        // SAFETY: `context` is live; the numbers are protocol versions.
        let set = unsafe {
            match (
                api.SSL_CTX_set_min_proto_version,
                api.SSL_CTX_set_max_proto_version,
                api.SSL_CTX_ctrl,
            ) {
                (Some(min), Some(max), _) => {
                    [min(context, number), max(context, number)].map(|answer| answer == 1)
                }
                // In OpenSSL they are macros.
                (_, _, Some(ctrl)) => [
                    number::CTRL_MIN_PROTO_VERSION,
                    number::CTRL_MAX_PROTO_VERSION,
                ]
                .map(|which| ctrl(context, which, c_long::from(number), ptr::null_mut()) == 1),
                _ => return Err(Missed::Missing(SETTERS[0])),
            }
        };
        match SETTERS.iter().zip(set).find(|(_, set)| !set) {
            None => Ok(()),
            Some((setter, _)) => Err(Missed::Error(setter)),
        }
    }

    /// The outer error: this version of TLS has no such cipher, in any library.
    fn cipher(&self, setup: &Setup) -> Result<Result<(), Missed>, Unsupported> {
        let names = CipherNames::of(setup.cipher);
        let tls12 = match setup.key_exchange {
            KeyExchange::Ephemeral => names.ephemeral,
            // A library without such a suite ignores its name.
            KeyExchange::PreShared => names.pre_shared,
        };
        let (setter, list, function) = match (setup.version, names.tls13) {
            (Version::Tls12, _) => (
                self.api.SSL_CTX_set_cipher_list,
                tls12,
                "SSL_CTX_set_cipher_list",
            ),
            (Version::Tls13, Some(name)) => (
                self.api.SSL_CTX_set_ciphersuites,
                name,
                "SSL_CTX_set_ciphersuites",
            ),
            (Version::Tls13, None) => {
                let word = setup.cipher.as_str();
                return Err(Unsupported::new(format!(
                    "{word} in {}",
                    setup.version.as_str()
                )));
            }
        };
        Ok(match setter {
            None => Err(Missed::Missing(function)),
            // SAFETY: the context is live and the string ends with a zero byte.
            Some(set) if unsafe { set(self.context, list.as_ptr()) } == 1 => Ok(()),
            Some(_) => Err(Missed::Error(function)),
        })
    }

    fn identity(&self, role: Role) -> Result<(), Unsupported> {
        let (api, context) = (self.api, self.context);
        let (certificate, key) = (&IDENTITY.certificate, &IDENTITY.key);
        let (Some(use_certificate), Some(use_key)) = (
            api.SSL_CTX_use_certificate_ASN1,
            api.SSL_CTX_use_PrivateKey_ASN1,
        ) else {
            // A client needs no certificate.
            return match role {
                Role::Client => Ok(()),
                Role::Server => Err(Unsupported::new("SSL_CTX_use_certificate_ASN1")),
            };
        };
        // SAFETY: `context` is live, pointers and lengths belong to the same slices, and the
        // library copies both.
        let (certified, keyed) = unsafe {
            (
                use_certificate(context, certificate.len(), certificate.as_ptr()) == 1,
                use_key(
                    number::EVP_PKEY_EC,
                    context,
                    key.as_ptr(),
                    c_long::from(length(key)),
                ) == 1,
            )
        };
        let refusing = match (certified, keyed) {
            (false, _) => Some("SSL_CTX_use_certificate_ASN1"),
            (true, false) => Some("SSL_CTX_use_PrivateKey_ASN1"),
            (true, true) => None,
        };
        match (refusing, role) {
            (None, _) => Ok(()),
            (Some(_), Role::Client) => {
                super::clear_errors(api);
                Ok(())
            }
            (Some(function), Role::Server) => Err(refused(api, function)),
        }
    }

    /// Disables session caching: a resumed session would make the second case shorter than the
    /// first.
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

/// The method for any version. It is for both roles, unless only the method can set the role.
pub(super) fn general_method(api: &Functions, setup: &Setup) -> Option<MethodFunction> {
    let both = api.TLS_method.or(api.SSLv23_method);
    let one = match setup.role {
        Role::Client => api.TLS_client_method.or(api.SSLv23_client_method),
        Role::Server => api.TLS_server_method.or(api.SSLv23_server_method),
    };
    method_for(api, setup, both, one)
}

/// The method for only the version of `setup`.
fn version_method(api: &Functions, setup: &Setup) -> Option<MethodFunction> {
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
    api: &Functions,
    setup: &Setup,
    both: Option<MethodFunction>,
    one: Option<MethodFunction>,
) -> Option<MethodFunction> {
    let sets_role = match setup.role {
        Role::Client => api.SSL_set_connect_state.is_some(),
        Role::Server => api.SSL_set_accept_state.is_some(),
    };
    match setup.role_state {
        RoleState::Unset => both,
        RoleState::Set if sets_role => both.or(one),
        RoleState::Set => one,
    }
}

/// The library has the function, but it returned an error.
pub(super) fn refused(api: &Functions, what: &str) -> Unsupported {
    // Errors of the attempt must not stay in the queue.
    super::clear_errors(api);
    Unsupported::new(format!("{what} (it returned an error)"))
}

/// The names of a cipher in a library's lists.
struct CipherNames {
    /// In TLS 1.2, with ephemeral keys and a certificate.
    ephemeral: &'static CStr,
    /// In TLS 1.2, with a pre-shared key, and as a fallback as above.
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
