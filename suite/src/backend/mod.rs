//! The interface to a library under test.
//!
//! A [`Backend`] takes a [`Setup`] and one end of the transport, and opens an [`Endpoint`], whose
//! operations yield [`Call`]s: the return value and error state of each call. An operation that a
//! library does not have returns [`Unsupported`], which ends the case, is reported, and never
//! counts as a pass.
//!
//! To add a library: implement [`Backend`] (its name, and how a connection is opened) and
//! [`Endpoint`] (at least handshake, write and read), and list it in [`Backends`]. A library with
//! the C interface of OpenSSL needs no code: [`libssl::Libssl::open`].

mod embedded;
pub(crate) mod libssl;
mod memory;
mod rustls;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use memory::Lent;
pub(crate) use memory::Memory;
pub(crate) use rustls::Rustls;

use crate::peer::Session;
use crate::scenario::{
    Cipher, Function, KeyExchange, Mode, Operation, Role, RoleState, SessionTickets, StaleError,
    TransportKind, Version,
};
use crate::trace::{Call, Interface};
use crate::transport::Transport;

/// The description of a library in reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The name in arguments, snapshots and reports: lower case, such as `openssl-3.6`.
    pub id: String,
    /// The library's name, such as `OpenSSL`.
    pub library: String,
    /// Its version, as it reports it.
    pub version: String,
    /// How the suite reaches it, such as `static` or `shared object`.
    pub linkage: String,
    /// The operations that it does not have, described in words.
    pub lacks: Vec<String>,
}

impl About {
    /// A library without missing operations that is reached only through [`Backend`]; `id` is lower
    /// case, and not the name of a built-in backend.
    pub fn new(id: &str, library: &str, version: &str) -> Self {
        Self {
            id: id.to_owned(),
            library: library.to_owned(),
            version: version.to_owned(),
            linkage: "through the trait".to_owned(),
            lacks: Vec::new(),
        }
    }

    /// The name under which its traces are recorded. The system's library has one for each series
    /// of versions (`openssl-system-3.0`).
    pub fn recorded_as(&self) -> String {
        match self.id.as_str() {
            SYSTEM => {
                let series: Vec<&str> = self.version.splitn(3, '.').take(2).collect();
                format!("{SYSTEM}-{}", series.join("."))
            }
            id => id.to_owned(),
        }
    }
}

/// A library under test.
pub trait Backend: Send + Sync {
    /// Its name, version, and how it is reached.
    fn about(&self) -> &About;

    /// Which functions it has, which determines the clauses that apply to it.
    fn interface(&self) -> Interface {
        Interface::Other
    }

    /// The supported kinds of transport; a case over another one is not applicable. The default,
    /// for a library that reaches the transport through `std::io` alone, is the kinds that the
    /// transport itself implements.
    fn transports(&self) -> &[TransportKind] {
        &[TransportKind::Scripted, TransportKind::Blocking]
    }

    /// The session that the peer resumes in connections like `setup`, for a library that does not
    /// support a pre-shared key ([`KeyExchange::PreShared`]) but can resume a session.
    ///
    /// The first call opens a connection and passes it to `establish`, which completes a handshake and
    /// exchanges some bytes, after which the peer has the session. Library and peer then keep this
    /// one and no later one, so that all connections are alike, on any thread. `None` if there is
    /// no such session: the keys are then agreed on in the usual way.
    fn session(
        &self,
        _setup: &Setup,
        _establish: &dyn Fn(&Transport, &mut dyn Endpoint) -> Option<Session>,
    ) -> Option<Session> {
        None
    }

    /// Opens one end of a connection over `transport`, before its handshake.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if the library does not support `setup`, for instance its cipher.
    fn open(&self, setup: &Setup, transport: &Transport) -> Result<Box<dyn Endpoint>, Unsupported>;
}

/// The configuration of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Setup {
    /// The role of the library.
    pub role: Role,
    /// The only protocol version that it offers.
    pub version: Version,
    /// The only cipher that it offers.
    pub cipher: Cipher,
    /// How the keys of the connection are agreed on.
    pub key_exchange: KeyExchange,
    /// Whether its role is set explicitly.
    pub role_state: RoleState,
    /// Its kind of transport.
    pub transport: TransportKind,
    /// Whether it sends session tickets.
    pub session_tickets: SessionTickets,
}

impl Setup {
    /// The same over the scripted transport, as the key for objects that are shared by all
    /// transports.
    #[must_use]
    pub(crate) fn of_any_transport(&self) -> Self {
        Self {
            transport: TransportKind::Scripted,
            ..*self
        }
    }
}

/// An operation that the library, or its interface, does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub(crate) String);

impl Unsupported {
    /// `what` names the operation, with the reason if known.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

/// The bytes of a write. Their memory ends with them, so that reading past them is a crash.
#[derive(Debug, Clone, Copy)]
pub enum Bytes<'a> {
    /// These bytes.
    Slice(Lent<'a>),
    /// A null pointer with length 0.
    Null,
    /// A valid pointer with a negative length.
    Negative(Lent<'a>, i32),
}

impl<'a> Bytes<'a> {
    /// The bytes, for a library with a single write function, which takes a slice.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], for another function, or an argument that is not a slice.
    pub fn slice_for(self, function: Function) -> Result<&'a [u8], Unsupported> {
        match (function, self) {
            (Function::WriteEx, _) => Err(Unsupported::new("SSL_write_ex")),
            (Function::Write, Self::Null) => Err(Unsupported::new("a null pointer")),
            (Function::Write, Self::Negative(..)) => Err(Unsupported::new("a negative length")),
            (Function::Write, Self::Slice(lent)) => Ok(lent.as_slice()),
        }
    }
}

/// The library's end of a connection.
///
/// Each operation does what the C function of that name does. A library with another interface
/// returns what that function would; its module documents how.
pub trait Endpoint {
    /// `SSL_do_handshake`.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn handshake(&mut self) -> Result<Call, Unsupported>;

    /// `SSL_write` or `SSL_write_ex`.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn write(&mut self, function: Function, bytes: Bytes<'_>) -> Result<Call, Unsupported>;

    /// Whether the library accepts bytes before it can send them, so that a successful write may
    /// have to be flushed. The functions of `libssl` do not, and have no such function.
    fn buffers_writes(&self) -> bool {
        false
    }

    /// Sends what earlier calls accepted and the library still buffers.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], as for all calls.
    fn flush(&mut self) -> Result<Call, Unsupported> {
        Err(Unsupported::new("flush"))
    }

    /// `SSL_read` into `space`; a positive return value is the number of bytes read.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], as for all calls.
    fn read(&mut self, space: &mut [u8]) -> Result<Call, Unsupported>;

    /// A call that not every library has, such as `SSL_shutdown`.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn operate(&mut self, operation: Operation) -> Result<Call, Unsupported> {
        Err(Unsupported::new(operation.as_str()))
    }

    /// What the C function of this name returns, such as `SSL_pending`: a function of the connection alone that
    /// makes no transport call and changes nothing.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], as for all calls.
    fn number(&mut self, function: &str) -> Result<i64, Unsupported> {
        Err(Unsupported::new(function))
    }

    /// `SSL_set_mode`, or `SSL_clear_mode`.
    ///
    /// # Errors
    /// [`Unsupported`], as for all calls.
    fn set_modes(&mut self, modes: &[Mode], _to: ModeChange) -> Result<(), Unsupported> {
        let words: Vec<_> = modes.iter().map(|mode| mode.as_str()).collect();
        Err(Unsupported::new(format!("mode {}", words.join(", "))))
    }

    /// Moves bytes that the library has sent from its own transport to the scripted one. Does
    /// nothing for a library that uses the scripted transport directly.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], as for all calls.
    fn sync_transport(&mut self) -> Result<(), Unsupported> {
        Ok(())
    }

    /// Leaves unrelated entries of this kind in the error queue for the next call, as an earlier
    /// call of the application may have.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], as for all calls.
    fn stale_error(&mut self, _kind: StaleError) -> Result<(), Unsupported> {
        Err(Unsupported::new("error queue"))
    }

    /// Why the library may offer more than the one version and cipher of its setup, if it may: a
    /// function that restricts it is missing or returned an error. The peer offers only the one,
    /// and a connection that negotiates something else is not applicable.
    fn unrestricted(&self) -> Option<&str> {
        None
    }

    /// Cancels the stale entries for the next call.
    fn forget_stale_error(&mut self) {}
}

/// Whether modes are set or cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModeChange {
    /// The modes are set.
    Set,
    /// They are cleared.
    Clear,
}

/// A backend that cannot be used on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{id} cannot be used: {reason}")]
pub struct Unusable {
    /// The backend.
    pub id: String,
    /// The problem and its solution.
    pub(crate) reason: String,
}

impl Unusable {
    /// `reason` states the problem and its solution.
    pub(crate) fn new(id: &str, reason: impl fmt::Display) -> Self {
        Self {
            id: id.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// The name of the backend with which all others are compared.
pub const REFERENCE: &str = "openssl-3.6";

/// The name of the backend for OpenSSL 1.1.1.
const OPENSSL_1_1_1: &str = "openssl-1.1.1";

/// The name of the backend for the OpenSSL 3 of the machine.
pub const SYSTEM: &str = "openssl-system";

/// The built-in backends.
pub struct Backends;

/// Where a backend is.
#[derive(Debug, Clone)]
pub enum Home {
    /// It is linked into this program.
    Linked,
    /// It is written in Rust, and part of this program.
    Rust,
    /// It is a shared object.
    SharedObject(libssl::LibrarySource),
}

/// A backend that the suite knows, whether or not it is part of this build.
struct KnownBackend {
    id: &'static str,
    /// The cargo feature that includes it; `None` if it is always included.
    feature: Option<&'static str>,
    location: Linkage,
}

/// The location of a known backend.
enum Linkage {
    Linked,
    Rust,
    /// A shared object that was built with this program, if it was.
    Built(Option<Object>),
    /// The machine's `libssl.so.3`, if its use is enabled.
    System {
        wanted: bool,
    },
}

/// Where a usable backend is, before its file is looked at or made.
enum Usable<'k> {
    Home(Home),
    /// A shared object that was built with this program.
    Built(&'k Object),
}

/// The result of a crate in `suite/backends`.
struct Object {
    file: ObjectFile,
    version: &'static str,
}

/// Where a shared object that was built with this program is.
enum ObjectFile {
    /// In this file, which a program that stays in its checkout loads.
    Built(&'static str),
    /// In this program, which may have been installed elsewhere.
    Embedded(embedded::Embedded),
}

/// A backend with a crate of its own in `suite/backends`, which a feature of the same name
/// includes.
macro_rules! built {
    ($id:literal, $krate:ident) => {{
        #[cfg(feature = $id)]
        let built = Some(Object {
            file: ObjectFile::of($id, $krate::LIBSSL, $krate::EMBEDDED, $krate::HASH),
            version: $krate::VERSION,
        });
        #[cfg(not(feature = $id))]
        let built = None;
        KnownBackend {
            id: $id,
            feature: Some($id),
            location: Linkage::Built(built),
        }
    }};
}

/// All backends, in the order of reports.
fn known() -> [KnownBackend; 8] {
    let openssl_1_1_1 = Object {
        file: ObjectFile::of(
            OPENSSL_1_1_1,
            writeproof_openssl_1_1_1::LIBSSL,
            writeproof_openssl_1_1_1::EMBEDDED,
            writeproof_openssl_1_1_1::HASH,
        ),
        version: writeproof_openssl_1_1_1::VERSION,
    };
    let always = |id, location| KnownBackend {
        id,
        feature: None,
        location,
    };
    [
        always(REFERENCE, Linkage::Linked),
        always(OPENSSL_1_1_1, Linkage::Built(Some(openssl_1_1_1))),
        always("rustls", Linkage::Rust),
        built!("openssl-4.0", writeproof_openssl_4_0),
        built!("boringssl", writeproof_boringssl),
        built!("aws-lc", writeproof_aws_lc),
        built!("tongsuo", writeproof_tongsuo),
        KnownBackend {
            id: SYSTEM,
            feature: Some(SYSTEM),
            location: Linkage::System {
                wanted: cfg!(feature = "openssl-system"),
            },
        },
    ]
}

impl Backends {
    /// The names of all backends, in this build or not, the reference first.
    pub fn all() -> Vec<&'static str> {
        known().iter().map(|known| known.id).collect()
    }

    /// The names of those that are built in, named by the user or found on this machine, the
    /// reference first. Opening one can still fail.
    pub fn here() -> Vec<&'static str> {
        let known = known();
        let here = known.iter().filter(|known| known.locate().is_ok());
        here.map(|known| known.id).collect()
    }

    /// The others, and why they are missing.
    pub fn missing() -> Vec<Unusable> {
        known()
            .iter()
            .filter_map(|known| known.locate().err())
            .collect()
    }

    /// Where the backend of this name is; `None` for an unknown name.
    pub fn home(id: &str) -> Option<Result<Home, Unusable>> {
        let known = known();
        let known = known.iter().find(|known| known.id == id)?;
        Some(known.home())
    }

    /// Opens the backend of this name in this process; `None` for an unknown name.
    pub fn open(id: &str) -> Option<Result<Arc<dyn Backend>, Unusable>> {
        let open = |home| -> Result<Arc<dyn Backend>, Unusable> {
            Ok(match home {
                Home::Linked => Arc::new(libssl::Libssl::linked(id)),
                Home::Rust => Arc::new(Rustls::new(id)),
                Home::SharedObject(source) => Arc::new(
                    libssl::Libssl::open(&source).map_err(|error| Unusable::new(id, error))?,
                ),
            })
        };
        Some(Self::home(id)?.and_then(open))
    }
}

impl KnownBackend {
    /// Where it is. An object that this program contains is written to a file first.
    fn home(&self) -> Result<Home, Unusable> {
        match self.locate()? {
            Usable::Home(home) => Ok(home),
            Usable::Built(object) => {
                let path = object.file.path();
                let path = path.map_err(|error| Unusable::new(self.id, error))?;
                let mut source = libssl::LibrarySource::new(self.id, path);
                source.version = Some(object.version.to_owned());
                Ok(Home::SharedObject(source))
            }
        }
    }

    /// Where it is. Neither reads nor writes an object.
    fn locate(&self) -> Result<Usable<'_>, Unusable> {
        let shared = |path: PathBuf| {
            let mut source = libssl::LibrarySource::new(self.id, path);
            source.version = std::env::var(variable(self.id) + VERSION).ok();
            Ok(Usable::Home(Home::SharedObject(source)))
        };
        let named = std::env::var_os(variable(self.id)).map(PathBuf::from);
        match (&self.location, named.or_else(|| next_to_program(self.id))) {
            (Linkage::Rust, _) => Ok(Usable::Home(Home::Rust)),
            // For instance one that was compiled for a fuzzer; the peer stays linked.
            (Linkage::Linked | Linkage::Built(_) | Linkage::System { .. }, Some(path)) => {
                shared(path)
            }
            (Linkage::Linked, None) => Ok(Usable::Home(Home::Linked)),
            (Linkage::Built(Some(object)), None) => Ok(Usable::Built(object)),
            (Linkage::System { wanted: true }, None) => match system_libssl() {
                Some(path) => shared(path),
                None => Err(Unusable::new(
                    self.id,
                    "this machine has no libssl.so.3 in the folders of its libraries",
                )),
            },
            (Linkage::Built(None) | Linkage::System { wanted: false }, None) => {
                Err(Unusable::new(self.id, self.how_to_get()))
            }
        }
    }

    fn how_to_get(&self) -> String {
        let feature = self.feature.unwrap_or_default();
        format!(
            "not built in: build with --features {feature}, or set {} to the path of its libssl",
            variable(self.id)
        )
    }
}

impl ObjectFile {
    const fn of(
        id: &'static str,
        path: &'static str,
        embedded: Option<&'static [u8]>,
        hash: &'static str,
    ) -> Self {
        match embedded {
            Some(bytes) => Self::Embedded(embedded::Embedded { id, hash, bytes }),
            None => Self::Built(path),
        }
    }

    /// The file to load: the one that was built, or a copy of it from within this program.
    fn path(&self) -> Result<PathBuf, embedded::NoFolder> {
        match self {
            Self::Built(path) => Ok(path.into()),
            Self::Embedded(object) => embedded::file(*object),
        }
    }
}

/// The suffix of the environment variable with the version of a shared object that does not report
/// it itself, as BoringSSL's.
const VERSION: &str = "_VERSION";

/// The environment variable that names the shared object of a backend: `WRITEPROOF_OPENSSL_1_1_1`.
fn variable(id: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    format!("WRITEPROOF_{}", id.chars().map(letter).collect::<String>())
}

/// The shared object of a backend in the folder `libssl` next to this program, as
/// `openssl-1.1.1.so`: for a program that was copied to another machine, without the folder in
/// which the libraries were built.
fn next_to_program(id: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let object = program.parent()?.join("libssl").join(format!("{id}.so"));
    object.is_file().then_some(object)
}

/// The `libssl.so.3` of the machine's distribution.
fn system_libssl() -> Option<PathBuf> {
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    let folders = [
        format!("/usr/lib/{multiarch}"),
        format!("/lib/{multiarch}"),
        "/usr/lib64".to_owned(),
        "/lib64".to_owned(),
        "/usr/lib".to_owned(),
        "/lib".to_owned(),
    ];
    let files = folders.map(|folder| PathBuf::from(folder).join("libssl.so.3"));
    files.into_iter().find(|file| file.is_file())
}
