//! Libraries with the C interface of OpenSSL's `libssl`: the one linked into this program, and any
//! shared object loaded by path. They differ only in how symbols are found.
//!
//! The C functions are called directly: a wrapper would hide zero lengths, null pointers and error
//! codes, which the suite tests. Before each call the error queue is empty (except for a stale
//! entry that a scenario requests) and errno is 0; after it both are read at once.

#![allow(unsafe_code)] // The foreign boundary.

mod adapter;
mod attach;
mod bio;
mod bio_pair;
mod blocking_socket;
mod buffering_bio;
mod context;
mod elf;
mod endpoint;
mod family;
mod load;
mod memory_bio;
mod own_bio;
mod pre_shared;
mod socket;
mod socket_pair;
mod source;
mod stale;
mod symbols;

use std::collections::HashMap;
use std::ffi::{CStr, c_int, c_ulong};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, PoisonError};

pub use self::elf::NoLibrary;
pub use self::family::Family;
pub use self::source::{Attachment, LibcryptoOrigin, LibrarySource, Loaded};
pub(crate) use self::source::{Libcrypto, Recognised};

use self::bio::BioType;
use self::context::{Context, Spare};
use self::endpoint::LibsslEndpoint;
use self::load::Opened;
use self::symbols::{Functions, spellings};
use super::{About, Backend, Endpoint, Setup, Unsupported};
use crate::limits::{FOREIGN_TEXT, QUEUE_ENTRIES, shortened};
use crate::transport::Transport;
use crate::{scenario, trace};

/// Numbers of `openssl/ssl.h` and `openssl/crypto.h`, the same since OpenSSL 1.1.0.
mod number {
    use std::ffi::{c_int, c_long};

    pub(super) const OPENSSL_VERSION: c_int = 0;
    pub(super) const TONGSUO_VERSION: c_int = 11;
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
    pub(super) const CTRL_SET_GROUPS_LIST: c_int = 92;
    pub(super) const SESS_CACHE_OFF: c_long = 0;
    pub(super) const EVP_PKEY_EC: c_int = 408;
}

/// The bits of an error code; see the declaration of `ERR_get_error`.
const CODE_BITS: c_ulong = 0xffff_ffff;

/// The greatest number of entries taken from an error queue: one more than a case may have, so that
/// an excess is visible.
const QUEUE_LIMIT: usize = QUEUE_ENTRIES + 1;

/// A library with the interface of `libssl`.
pub struct Libssl {
    about: About,
    loaded: Loaded,
    api: Functions,
    way: Way,
    /// Contexts are made once for each setup and live as long as the library, which is never
    /// unloaded.
    contexts: Mutex<HashMap<Setup, Result<Context, Unsupported>>>,
    spare: Spare,
}

/// How connections reach the scripted transport.
enum Way {
    /// Through a BIO of this kind.
    Bio(BioType),
    /// Through a pair of sockets.
    SocketPair,
}

// SAFETY: the interface is a table of functions, the BIO method is not changed once it is made, and
// a lock guards the contexts.
unsafe impl Send for Libssl {}
// SAFETY: as above.
unsafe impl Sync for Libssl {}

/// Why a file could not be loaded as a `libssl`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file, or the libcrypto that was named for it, is no shared object for this machine.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: NoLibrary,
    },
    /// The dynamic loader refused the file.
    #[error("{}: the dynamic loader refused it: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The dynamic loader's message.
        reason: String,
    },
    /// The file needs another library, which was not found.
    #[error(
        "{} needs {missing}, which is neither in its run path, nor in its folder, nor in the system's library \
         folders ({reason}); {}",
        path.display(),
        remedy(missing)
    )]
    NoDependency {
        /// The file.
        path: PathBuf,
        /// The name of the library that it needs.
        missing: String,
        /// The dynamic loader's message.
        reason: String,
    },
    /// The file needs functions of a libcrypto, but does not declare which one.
    #[error(
        "{} uses functions of libcrypto, but does not name its libcrypto ({reason}); give it with \
         --libcrypto PATH",
        path.display()
    )]
    NoLibcrypto {
        /// The file.
        path: PathBuf,
        /// The dynamic loader's message.
        reason: String,
    },
    /// The named libcrypto has another name than the one that the file needs.
    #[error(
        "{} needs {needed}, but the given libcrypto {} is {name} (its DT_SONAME)",
        path.display(),
        libcrypto.display()
    )]
    LibcryptoName {
        /// The file.
        path: PathBuf,
        /// The named libcrypto.
        libcrypto: PathBuf,
        /// The name of the libcrypto that the file needs.
        needed: String,
        /// The name of the named libcrypto.
        name: String,
    },
    /// The named libcrypto is not the one that the file uses.
    #[error(
        "{} was given as the libcrypto of {}, which uses the one in {} instead: leave --libcrypto out if the \
         libssl includes its libcrypto; if another library of the same name is already loaded, use a separate \
         process for each",
        named.display(),
        path.display(),
        used.display()
    )]
    LibcryptoUnused {
        /// The file.
        path: PathBuf,
        /// The named libcrypto.
        named: PathBuf,
        /// The file whose functions it uses.
        used: PathBuf,
    },
    /// Another libcrypto of the same name was loaded earlier, and the dynamic loader reused it.
    #[error(
        "{} got {} as its libcrypto, which this process had already loaded under the same name, instead of \
         {}: use a separate process for each library",
        path.display(),
        taken.display(),
        meant.as_ref().map_or_else(|| "the system's".into(), |path| path.display().to_string())
    )]
    NameTaken {
        /// The file.
        path: PathBuf,
        /// The libcrypto that it would get in a process of its own; `None` for the system's.
        meant: Option<PathBuf>,
        /// The one that it got.
        taken: PathBuf,
    },
    /// Another file of the same name was loaded earlier, and the dynamic loader reused it.
    #[error(
        "the dynamic loader returned {} instead of {}: use a separate process for each library",
        answers.display(),
        path.display()
    )]
    OtherFile {
        /// The file.
        path: PathBuf,
        /// The file in which the functions were found.
        answers: PathBuf,
    },
    /// The file was loaded, but lacks functions that every connection needs.
    #[error(
        "{} lacks {}: {}",
        path.display(),
        missing.join(", "),
        is_it_a_libssl(prefix.as_deref())
    )]
    Lacks {
        /// The file.
        path: PathBuf,
        /// The missing functions, by their C names; of several alternatives, the usual one.
        missing: Vec<&'static str>,
        /// The likely prefix of its functions.
        prefix: Option<String>,
    },
    /// None of its functions has the requested prefix.
    #[error(
        "{} has no function with the prefix {prefix}: {}",
        path.display(),
        right_prefix(likely.as_deref())
    )]
    Prefix {
        /// The file.
        path: PathBuf,
        /// The requested prefix.
        prefix: String,
        /// The likely prefix of its functions; empty for none.
        likely: Option<String>,
    },
    /// The library did not make a BIO method.
    #[error("BIO_meth_new of {} failed", path.display())]
    Bio {
        /// The file.
        path: PathBuf,
    },
}

fn remedy(missing: &str) -> &'static str {
    if missing.contains("crypto") {
        "give it with --libcrypto PATH"
    } else {
        "put it into the same folder, or add its folder to LD_LIBRARY_PATH"
    }
}

fn is_it_a_libssl(prefix: Option<&str>) -> String {
    match prefix {
        Some(prefix) => {
            format!("its functions seem to have the prefix {prefix}: use --symbol-prefix {prefix}")
        }
        None => "is it a libssl, or perhaps a libcrypto?".to_owned(),
    }
}

fn right_prefix(likely: Option<&str>) -> String {
    match likely {
        Some("") => "leave --symbol-prefix out, as its functions have no prefix".to_owned(),
        Some(prefix) => {
            format!("its functions seem to have another one: use --symbol-prefix {prefix}")
        }
        None => "leave --symbol-prefix out if its functions have no prefix".to_owned(),
    }
}

impl Libssl {
    /// The OpenSSL that is linked into this program.
    ///
    /// # Panics
    ///
    /// If it has no memory left for a BIO method.
    pub(crate) fn linked(id: &str) -> Self {
        let path = std::env::current_exe().unwrap_or_default();
        let libcrypto = Libcrypto {
            path: Some(path.clone()),
            found: LibcryptoOrigin::Inside,
        };
        Self::new(
            LibrarySource::new(id, path.clone()),
            Functions::linked(),
            path,
            libcrypto,
            Some(Family::OpenSsl),
            "static, through openssl-sys",
        )
        .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The library in the shared object `path`: [`Libssl::open`] without further settings.
    ///
    /// # Errors
    ///
    /// [`LoadError`], if the file is not a libssl.
    pub fn load(id: &str, path: &Path) -> Result<Self, LoadError> {
        Self::open(&LibrarySource::new(id, path))
    }

    /// Opens the library that `source` names. Its symbols are local, so that several libraries with
    /// the same symbols can be loaded together, and it is never unloaded, because a libssl
    /// registers handlers that run when the process exits.
    ///
    /// Two libraries that need different files of one name (`libcrypto.so.3`) cannot be loaded
    /// together: the second is an error, and needs a process of its own.
    ///
    /// # Errors
    ///
    /// [`LoadError`], if the file is not a libssl, or a dependency is missing.
    pub fn open(source: &LibrarySource) -> Result<Self, LoadError> {
        let opened = Opened::open(source)?;
        let spelled = |name: &str| {
            spellings(source.prefix.as_deref(), name)
                .into_iter()
                .find_map(|spelling| Some((opened.address(&spelling)?, spelling)))
        };
        let find = |name: &str| spelled(name).map(|(address, _)| address);
        if let Some(prefix) = &source.prefix
            && !has_prefix(prefix, &opened)
        {
            return Err(LoadError::Prefix {
                path: source.path.clone(),
                prefix: prefix.clone(),
                likely: likely_prefix(&["SSL_write"], &opened),
            });
        }
        // SAFETY: the user states that the file is a libssl, and it stays loaded.
        let api = unsafe { Functions::find(&find) }.map_err(|missing| LoadError::Lacks {
            path: source.path.clone(),
            prefix: likely_prefix(&missing, &opened),
            missing,
        })?;
        if let Some((address, spelling)) = spelled("SSL_write") {
            opened.check(&spelling, address)?;
        }
        let libcrypto = opened.libcrypto(&find)?;
        let family = opened.family(source.prefix.as_deref());
        let linkage = "shared object, loaded at run time";
        Self::new(source.clone(), api, opened.path, libcrypto, family, linkage)
    }

    /// The information about the loaded library.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    fn new(
        source: LibrarySource,
        api: Functions,
        path: PathBuf,
        libcrypto: Libcrypto,
        family: Option<Family>,
        linkage: &str,
    ) -> Result<Self, LoadError> {
        initialise(&api);
        let (way, transport, linkage) = match api.bio().map(BioType::new) {
            Some(Some(method)) => (Way::Bio(method), Attachment::Bio, linkage.to_owned()),
            Some(None) => return Err(LoadError::Bio { path: source.path }),
            None => {
                let transport = Attachment::SocketPair {
                    lacks: owned(&api.lacks_for_a_bio()),
                };
                (
                    Way::SocketPair,
                    transport,
                    format!("{linkage}, over a socket pair"),
                )
            }
        };
        let text = version_text(&api);
        let recognised = family.map(|family| {
            let reported = text.as_deref().and_then(|text| family.version(text));
            let version = reported
                .or(source.version.as_deref())
                .map(ToOwned::to_owned);
            Recognised { family, version }
        });
        // For an unknown object, only its own version string counts as evidence.
        let is_own = recognised.is_some() || libcrypto.found == LibcryptoOrigin::Inside;
        let own_text = text.as_deref().filter(|_| is_own);
        let (library, version) = name_and_version(own_text, source.version.as_deref());
        let full_version = match (text, is_own) {
            (Some(text), true) => text,
            (Some(text), false) => format!("unknown, with a libcrypto that says {text:?}"),
            (None, _) => "unknown".to_owned(),
        };
        Ok(Self {
            about: About {
                id: source.id,
                library,
                version,
                linkage,
                lacks: owned(&api.cannot()),
            },
            loaded: Loaded {
                path,
                version: full_version,
                recognised,
                libcrypto,
                transport,
                prefix: source.prefix,
                has: owned(&api.has()),
                lacks: owned(&api.lacks()),
            },
            api,
            way,
            contexts: Mutex::default(),
            spare: Spare::default(),
        })
    }

    fn context(&self, setup: &Setup) -> Result<Context, Unsupported> {
        let mut contexts = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        let setup = setup.of_any_transport();
        let known = contexts.entry(setup);
        known
            .or_insert_with(|| Context::new(&self.api, &setup))
            .clone()
    }
}

impl Backend for Libssl {
    fn about(&self) -> &About {
        &self.about
    }

    fn interface(&self) -> trace::Interface {
        trace::Interface::Libssl
    }

    fn transports(&self) -> &[scenario::TransportKind] {
        // Functions that a library lacks for one of them are reported by name.
        &scenario::TransportKind::ALL
    }

    fn open(&self, setup: &Setup, transport: &Transport) -> Result<Box<dyn Endpoint>, Unsupported> {
        let context = self.context(setup)?;
        let endpoint = LibsslEndpoint::new(
            &self.api,
            &self.way,
            &context,
            &self.spare,
            setup,
            transport,
        )?;
        Ok(Box::new(endpoint))
    }
}

/// Initialises the library, with the current function or the old ones.
fn initialise(api: &Functions) {
    // No configuration file: the machine's settings must not change results. No cleanup at exit:
    // other threads may still be inside the library then.
    let options = number::INIT_NO_LOAD_CONFIG
        | number::INIT_NO_ATEXIT
        | number::INIT_LOAD_SSL_STRINGS
        | number::INIT_LOAD_CRYPTO_STRINGS;
    // SAFETY: documented to be callable at any time, with no settings.
    unsafe {
        if let Some(init) = api.OPENSSL_init_ssl {
            init(options, ptr::null());
            return;
        }
        if let Some(init) = api.SSL_library_init {
            init();
        }
        if let Some(load) = api.SSL_load_error_strings {
            load();
        }
    }
}

/// Empties the error queue, as far as the library's functions allow.
fn clear_errors(api: &Functions) {
    // SAFETY: no precondition.
    unsafe {
        match (api.ERR_clear_error, api.ERR_get_error) {
            (Some(clear), _) => clear(),
            (None, Some(next)) => {
                for _ in 0..QUEUE_LIMIT {
                    if next() & CODE_BITS == 0 {
                        break;
                    }
                }
            }
            (None, None) => {}
        }
    }
}

/// Whether the library has one of the functions that the suite can use, with this prefix.
fn has_prefix(prefix: &str, opened: &Opened) -> bool {
    let with_it = |name: &&str| {
        let spellings = spellings(Some(prefix), name).into_iter();
        let mut other = spellings.filter(|spelling| spelling != name);
        other.any(|spelling| opened.address(&spelling).is_some())
    };
    prefix.is_empty() || Functions::NAMES.iter().any(with_it)
}

/// The likely prefix of a library without a plain `SSL_write`, if exactly one of its functions has
/// a name that ends so.
fn likely_prefix(missing: &[&str], opened: &Opened) -> Option<String> {
    const SSL_WRITE: &str = "SSL_write";
    if !missing.contains(&SSL_WRITE) {
        return None;
    }
    let exports = &opened.object.exports;
    let mut found = exports
        .iter()
        .filter_map(|name| name.strip_suffix(SSL_WRITE));
    let (before, None) = (found.next()?, found.next()) else {
        return None;
    };
    // For `wolfSSL_write` the prefix may be `wolf` (before `SSL_write`) or `wolfSSL_` (before
    // `write`).
    let named = |prefix: &str| {
        let there = |name: &&&str| {
            let mut spellings = spellings(Some(prefix), name).into_iter();
            spellings.any(|spelling| exports.contains(&spelling))
        };
        Functions::NAMES.iter().filter(there).count()
    };
    let longer = format!("{before}SSL_");
    if named(&longer) > named(before) {
        Some(longer)
    } else {
        Some(before.to_owned())
    }
}

/// The complete version string of the library.
fn version_text(api: &Functions) -> Option<String> {
    let version = api.OpenSSL_version.or(api.SSLeay_version)?;
    let reported = |which| {
        // SAFETY: returns null or a string that lives as long as the library.
        let text = unsafe { version(which) };
        // SAFETY: as above.
        let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })?;
        Some(shortened(&text.to_string_lossy(), FOREIGN_TEXT).into_owned())
            .filter(|text| !text.is_empty())
    };
    // Tongsuo reports here which OpenSSL it is compatible with; other libraries return something
    // else.
    let own_name = reported(number::TONGSUO_VERSION).filter(|text| text.starts_with("Tongsuo "));
    own_name.or_else(|| reported(number::OPENSSL_VERSION))
}

/// Splits `OpenSSL 1.1.1w  11 Sep 2023` into name and version.
fn name_and_version(text: Option<&str>, known: Option<&str>) -> (String, String) {
    let mut words = text.unwrap_or_default().split_whitespace();
    let mut next = |default: &str| words.next().unwrap_or(default).to_owned();
    (next("libssl"), next(known.unwrap_or("unknown version")))
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn length(bytes: &[u8]) -> c_int {
    c_int::try_from(bytes.len()).unwrap_or(c_int::MAX)
}
