//! Libraries with the C interface of OpenSSL's `libssl`: the one that is linked into this program
//! and any shared object that is loaded by path. They share everything but how symbols are found.
//!
//! Calls go to the C functions as they are: a wrapper would hide zero lengths, null pointers and
//! error codes, which are what the suite is about. Before each call the error queue is empty (but
//! for a stale entry that a scenario asked for) and errno is 0; after it both are read at once.

#![allow(unsafe_code)] // The foreign boundary.

mod bio;
mod endpoint;
mod symbols;

use std::collections::HashMap;
use std::ffi::{CStr, c_int, c_long, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, PoisonError};

use self::bio::Method;
use self::endpoint::LibsslEndpoint;
use self::symbols::{Interface, SslCtx};
use super::{About, Backend, Endpoint, Setup, Unsupported};
use crate::identity::IDENTITY;
use crate::link::Link;
use crate::scenario::{Cipher, Version};

/// Numbers of `openssl/ssl.h` and `openssl/crypto.h`, the same since OpenSSL 1.1.0.
mod number {
    use std::ffi::{c_int, c_long};

    pub(super) const OPENSSL_VERSION: c_int = 0;
    pub(super) const INIT_LOAD_CRYPTO_STRINGS: u64 = 0x2;
    pub(super) const INIT_NO_LOAD_CONFIG: u64 = 0x80;
    pub(super) const INIT_NO_ATEXIT: u64 = 0x0008_0000;
    pub(super) const INIT_LOAD_SSL_STRINGS: u64 = 0x0020_0000;
    pub(super) const CTRL_MODE: c_int = 33;
    pub(super) const CTRL_SESS_CACHE_MODE: c_int = 44;
    pub(super) const CTRL_MAX_SEND_FRAGMENT: c_int = 52;
    pub(super) const CTRL_CLEAR_MODE: c_int = 78;
    pub(super) const CTRL_MIN_PROTO_VERSION: c_int = 123;
    pub(super) const CTRL_MAX_PROTO_VERSION: c_int = 124;
    pub(super) const SESS_CACHE_OFF: c_long = 0;
    pub(super) const EVP_PKEY_EC: c_int = 408;
}

/// A library with the interface of `libssl`.
pub struct Libssl {
    about: About,
    api: Interface,
    bio: Method,
    /// Contexts are made once for each setup and live as long as the library, which is never
    /// unloaded.
    contexts: Mutex<HashMap<Setup, Result<Context, Unsupported>>>,
}

/// A context of the library; connections of all threads share it.
#[derive(Clone, Copy)]
struct Context(*mut SslCtx);

// SAFETY: the libraries count references of a context atomically and lock what connections change
// in it (SSL_CTX_new(3), openssl-threads(7)); nothing changes it once it stands in the map.
unsafe impl Send for Context {}

// SAFETY: the interface is a table of functions, the BIO method is only read once it is made, and
// contexts are behind a lock.
unsafe impl Send for Libssl {}
// SAFETY: as above.
unsafe impl Sync for Libssl {}

/// STUB
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Source {
    pub id: String,
    pub path: PathBuf,
    pub libcrypto: Option<PathBuf>,
    pub prefix: Option<String>,
}
impl Source {
    pub fn new(id: &str, path: PathBuf) -> Self {
        Self {
            id: id.to_owned(),
            path,
            libcrypto: None,
            prefix: None,
        }
    }
}
/// STUB
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Loaded {
    pub path: PathBuf,
    pub version: String,
    pub libcrypto: String,
    pub transport: String,
    pub prefix: Option<String>,
    pub has: Vec<String>,
    pub lacks: Vec<String>,
}
impl Libssl {
    pub fn open(source: &Source) -> Result<Self, LoadError> {
        Self::load(&source.id, &source.path)
    }
    pub fn loaded(&self) -> &Loaded {
        Box::leak(Box::new(Loaded {
            path: PathBuf::new(),
            version: String::new(),
            libcrypto: String::new(),
            transport: String::new(),
            prefix: None,
            has: vec![],
            lacks: vec![],
        }))
    }
}

/// Why a file could not be loaded as a `libssl`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The dynamic loader refused the file: it is missing, no shared object, for another machine,
    /// or needs a library that is not there.
    #[error("{} could not be loaded: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the dynamic loader said.
        reason: String,
    },
    /// The file was loaded, but lacks functions without which no connection is possible.
    #[error(
        "{} lacks {}: is it a libssl (and not, say, a libcrypto)?",
        path.display(),
        missing.join(", ")
    )]
    Lacks {
        /// The file.
        path: PathBuf,
        /// The functions that it lacks, by their C names.
        missing: Vec<&'static str>,
    },
    /// The library did not make a BIO method.
    #[error("{} has BIO_meth_new, but it failed", path.display())]
    Bio {
        /// The file.
        path: PathBuf,
    },
}

impl Libssl {
    /// The OpenSSL that is linked into this program.
    ///
    /// # Panics
    /// If it has no memory left for a BIO method.
    pub fn linked(id: &str) -> Self {
        let api = Interface::linked();
        let path = PathBuf::from("the linked OpenSSL");
        Self::new(id, "static, through openssl-sys", api, path)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The library in the shared object `path`. It is loaded with its symbols to itself, so that
    /// several libraries with the same symbols can stand side by side, and it is never unloaded:
    /// a libssl registers handlers that run when the process exits.
    ///
    /// # Errors
    /// [`LoadError`], if the file is no libssl.
    pub fn load(id: &str, path: &Path) -> Result<Self, LoadError> {
        use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

        let refused = |reason: String| LoadError::Open {
            path: path.to_owned(),
            reason,
        };
        if !path.exists() {
            return Err(refused("there is no such file".to_owned()));
        }
        // A bare file name would be looked for in the system's folders.
        let file = path.canonicalize().map_err(|e| refused(e.to_string()))?;
        // SAFETY: code of the library runs when it is loaded; that is what the user asked for.
        let library = unsafe { Library::open(Some(&file), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|error| refused(error_with_cause(&error)))?;
        let library: &'static Library = Box::leak(Box::new(library));
        let find = |name: &'static str| {
            // SAFETY: only the address is taken here; its type is given where it is used.
            let symbol = unsafe { library.get::<*mut c_void>(name.as_bytes()) }.ok()?;
            Some(symbol.into_raw()).filter(|address| !address.is_null())
        };
        // SAFETY: the user says that the file is a libssl, and it stays loaded.
        let api = unsafe { Interface::find(&find) }.map_err(|missing| LoadError::Lacks {
            path: path.to_owned(),
            missing,
        })?;
        Self::new(
            id,
            "shared object, loaded at run time",
            api,
            path.to_owned(),
        )
    }

    fn new(id: &str, how: &str, api: Interface, path: PathBuf) -> Result<Self, LoadError> {
        if let Some(init) = api.OPENSSL_init_ssl {
            // No configuration file: what the machine's owner wrote there must not change results.
            // No cleaning up at exit: other threads may still be inside the library then.
            let options = number::INIT_NO_LOAD_CONFIG
                | number::INIT_NO_ATEXIT
                | number::INIT_LOAD_SSL_STRINGS
                | number::INIT_LOAD_CRYPTO_STRINGS;
            // SAFETY: documented to be callable at any time, with no settings.
            unsafe { init(options, ptr::null()) };
        }
        let bio = Method::new(&api).ok_or(LoadError::Bio { path })?;
        let (library, version) = name_and_version(&api);
        Ok(Self {
            about: About {
                id: id.to_owned(),
                library,
                version,
                how: how.to_owned(),
                lacks: api.lacks(),
            },
            api,
            bio,
            contexts: Mutex::default(),
        })
    }

    fn context(&self, setup: &Setup) -> Result<Context, Unsupported> {
        let mut contexts = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = contexts.entry(*setup);
        known.or_insert_with(|| self.new_context(setup)).clone()
    }

    fn new_context(&self, setup: &Setup) -> Result<Context, Unsupported> {
        let api = &self.api;
        // SAFETY: TLS_method has no precondition, and its result is what SSL_CTX_new takes.
        let context = unsafe { (api.SSL_CTX_new)((api.TLS_method)()) };
        if context.is_null() {
            return Err(self.refused("SSL_CTX_new"));
        }
        self.set_up(context, setup)
            // SAFETY: `context` is live, and used no more.
            .inspect_err(|_| unsafe { (api.SSL_CTX_free)(context) })
            .map(|()| Context(context))
    }

    fn set_up(&self, context: *mut SslCtx, setup: &Setup) -> Result<(), Unsupported> {
        let api = &self.api;
        self.set_version(context, setup.version)?;
        self.set_cipher(context, setup)?;
        let (certificate, key) = (&IDENTITY.certificate, &IDENTITY.key);
        // SAFETY: `context` is live, pointers and lengths belong to the same slices, and the library
        // copies both.
        let identified = unsafe {
            (api.SSL_CTX_use_certificate_ASN1)(context, certificate.len(), certificate.as_ptr())
                == 1
                && (api.SSL_CTX_use_PrivateKey_ASN1)(
                    number::EVP_PKEY_EC,
                    context,
                    key.as_ptr(),
                    c_long::from(length(key)),
                ) == 1
        };
        if !identified {
            return Err(self.refused("the certificate or its key"));
        }
        // A session that is kept would make the second case shorter than the first.
        // SAFETY: `context` is live; the number is a cache mode.
        unsafe {
            if let Some(set) = api.SSL_CTX_set_session_cache_mode {
                set(context, 0);
            } else if let Some(ctrl) = api.SSL_CTX_ctrl {
                ctrl(
                    context,
                    number::CTRL_SESS_CACHE_MODE,
                    number::SESS_CACHE_OFF,
                    ptr::null_mut(),
                );
            }
        }
        Ok(())
    }

    fn set_version(&self, context: *mut SslCtx, version: Version) -> Result<(), Unsupported> {
        let api = &self.api;
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
            false => Err(self.refused(version.word())),
        }
    }

    fn set_cipher(&self, context: *mut SslCtx, setup: &Setup) -> Result<(), Unsupported> {
        let api = &self.api;
        // SAFETY: `context` is live and the strings end with a zero byte.
        let set = unsafe {
            match (setup.version, cipher_names(setup.cipher)) {
                (Version::Tls12, (name, _)) => {
                    (api.SSL_CTX_set_cipher_list)(context, name.as_ptr()) == 1
                }
                // Without SSL_CTX_set_ciphersuites the library chooses for itself.
                (Version::Tls13, (_, Some(name))) => api
                    .SSL_CTX_set_ciphersuites
                    .is_none_or(|set| set(context, name.as_ptr()) == 1),
                (Version::Tls13, (_, None)) => false,
            }
        };
        match set {
            true => Ok(()),
            false => Err(self.refused(setup.cipher.word())),
        }
    }

    fn refused(&self, what: &str) -> Unsupported {
        // SAFETY: no precondition; what the attempt left behind must not stand in the next queue.
        unsafe { (self.api.ERR_clear_error)() };
        Unsupported::new(format!("{what} (the library refused it)"))
    }
}

impl Backend for Libssl {
    fn about(&self) -> &About {
        &self.about
    }

    fn open(&self, setup: &Setup, link: &Link) -> Result<Box<dyn Endpoint>, Unsupported> {
        let context = self.context(setup)?;
        LibsslEndpoint::new(&self.api, &self.bio, context.0, setup, link)
            .map(|endpoint| Box::new(endpoint) as Box<dyn Endpoint>)
            .ok_or_else(|| self.refused("SSL_new"))
    }
}

/// The names of a cipher for TLS 1.2 and, where it exists there, for TLS 1.3.
fn cipher_names(cipher: Cipher) -> (&'static CStr, Option<&'static CStr>) {
    match cipher {
        Cipher::Aes128Gcm => (
            c"ECDHE-ECDSA-AES128-GCM-SHA256",
            Some(c"TLS_AES_128_GCM_SHA256"),
        ),
        Cipher::ChaCha20 => (
            c"ECDHE-ECDSA-CHACHA20-POLY1305",
            Some(c"TLS_CHACHA20_POLY1305_SHA256"),
        ),
        Cipher::Aes128Cbc => (c"ECDHE-ECDSA-AES128-SHA", None),
    }
}

/// `OpenSSL 1.1.1w  11 Sep 2023` is a name and a version.
fn name_and_version(api: &Interface) -> (String, String) {
    let Some(version) = api.OpenSSL_version else {
        return ("libssl".to_owned(), "unknown version".to_owned());
    };
    // SAFETY: answers null or a string that lives as long as the library.
    let text = unsafe { version(number::OPENSSL_VERSION) };
    let text = match text.is_null() {
        true => c"",
        // SAFETY: as above.
        false => unsafe { CStr::from_ptr(text) },
    };
    let text = text.to_string_lossy();
    let mut words = text.split_whitespace();
    let mut next = |default: &str| words.next().unwrap_or(default).to_owned();
    (next("libssl"), next("unknown version"))
}

/// The dynamic loader's own words stand in the source of the error.
fn error_with_cause(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

fn length(bytes: &[u8]) -> c_int {
    c_int::try_from(bytes.len()).unwrap_or(c_int::MAX)
}
