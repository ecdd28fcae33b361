//! What is to be loaded, and what was: both are data, so that one process can ask another to load a
//! library and be told what it found.

#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::family::Family;

/// A shared object with the interface of `libssl`, to be loaded by [`Libssl::open`].
///
/// [`Libssl::open`]: super::Libssl::open
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibrarySource {
    /// The backend's name in arguments and reports.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// The libcrypto that goes with it, where its user names one; else it is looked for.
    pub libcrypto: Option<PathBuf>,
    /// What stands before the names of its functions, as in `aws_lc_0_47_0_BIO_new`. Each function is
    /// looked up with it first, then by its plain name. One that ends in `SSL_` is also tried without
    /// that end, so that `wolfSSL_` finds both `wolfSSL_BIO_new` and `wolfSSL_write`.
    pub prefix: Option<String>,
    /// Its version, for a library that does not tell it.
    #[serde(default)]
    pub version: Option<String>,
}

impl LibrarySource {
    /// The file `path`, with a libcrypto that is looked for and with plain names.
    pub fn new(id: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            id: id.into(),
            path: path.into(),
            libcrypto: None,
            prefix: None,
            version: None,
        }
    }
}

/// What was loaded, as it was seen after loading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// The file itself, behind any symbolic link; for the library that is linked in, this program.
    pub path: PathBuf,
    /// All that `OpenSSL_version` says, such as `OpenSSL 1.1.1w  11 Sep 2023`; `unknown` where nothing does. Where that is a
    /// function of another object, and this one is not recognised, it is said of that object alone.
    pub version: String,
    /// Which library the object itself shows to be; nothing if it cannot be identified.
    pub recognised: Option<Recognised>,
    /// Where the cryptographic half of the library is.
    pub libcrypto: Libcrypto,
    /// How its connections reach the transport.
    pub transport: Attachment,
    /// What stands before its functions' names, as it was asked for.
    pub prefix: Option<String>,
    /// The functions that the suite can use and the library has, by their plain C names.
    pub has: Vec<String>,
    /// The functions that the suite can use and the library lacks.
    pub lacks: Vec<String>,
}

/// A library that was recognised by its object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recognised {
    /// Which one it is.
    pub family: Family,
    /// Its version, if it says one.
    pub version: Option<String>,
}

impl fmt::Display for Recognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} {version}", self.family),
            None => write!(f, "{} of an unknown version", self.family),
        }
    }
}

/// The file that provides the functions of libcrypto.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Libcrypto {
    /// The file itself, behind any symbolic link; none where no function of libcrypto was found.
    pub path: Option<PathBuf>,
    /// How it was found.
    pub found: Found,
}

/// How a libcrypto was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Found {
    /// It is part of the libssl.
    Inside,
    /// The user named it.
    Named,
    /// The libssl says where it stands (`DT_RPATH`, `DT_RUNPATH`).
    OwnDependency,
    /// It stands in the libssl's folder.
    Beside,
    /// The system's dynamic loader found it.
    System,
    /// The library has none of the functions by which it is known.
    Nowhere,
}

/// How the connections of a library reach the transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Attachment {
    /// Through a BIO of the suite's own kind: every transport call is scripted.
    Bio,
    /// Through a pair of connected sockets, because the library makes no BIO of another's kind. What the
    /// script asks for beyond what sockets do is not applicable.
    SocketPair {
        /// The functions that a BIO would have needed.
        lacks: Vec<String>,
    },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inside => "inside the libssl",
            Self::Named => "named by the user",
            Self::OwnDependency => "where the libssl says",
            Self::Beside => "beside the libssl",
            Self::System => "the system's",
            Self::Nowhere => "nowhere",
        })
    }
}

impl fmt::Display for Libcrypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{} ({})", path.display(), self.found),
            None => write!(f, "{}", self.found),
        }
    }
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bio => f.write_str("a BIO of the suite"),
            Self::SocketPair { lacks } => {
                write!(f, "a socket pair, for want of {}", lacks.join(", "))
            }
        }
    }
}
