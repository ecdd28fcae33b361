//! The library to load, and the result of loading it. Both are plain data, so that one process can
//! ask another to load a library and get a report.

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
    /// Its libcrypto, if the user names one; otherwise it is searched for.
    pub libcrypto: Option<PathBuf>,
    /// The prefix of its functions, as in `aws_lc_0_47_0_BIO_new`. Each function is looked up with
    /// the prefix first, then by its plain name. A prefix that ends in `SSL_` is also tried without
    /// that end, so that `wolfSSL_` finds both `wolfSSL_BIO_new` and `wolfSSL_write`.
    pub prefix: Option<String>,
    /// Its version, for a library that does not report one.
    #[serde(default)]
    pub version: Option<String>,
}

impl LibrarySource {
    /// The file `path`, without a named libcrypto or a prefix.
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

/// The library as found after loading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// The file, with symbolic links resolved; for the linked library, this program.
    pub path: PathBuf,
    /// The complete result of `OpenSSL_version`, such as `OpenSSL 1.1.1w  11 Sep 2023`; `unknown`
    /// without that function. If it belongs to another object, and this one is not recognised, it
    /// describes only that other object.
    pub version: String,
    /// The library according to the object itself; `None` if it cannot be identified.
    pub recognised: Option<Recognised>,
    /// Its libcrypto.
    pub libcrypto: Libcrypto,
    /// How its connections reach the transport.
    pub transport: Attachment,
    /// The prefix of its functions, as requested.
    pub prefix: Option<String>,
    /// The functions that the suite can use and the library has, by their plain C names.
    pub has: Vec<String>,
    /// The functions that the suite can use and the library lacks.
    pub lacks: Vec<String>,
}

/// A library identified by its object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recognised {
    /// Its family.
    pub family: Family,
    /// Its version, if it reports one.
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
    /// The file, with symbolic links resolved; `None` if no function of libcrypto was found.
    pub path: Option<PathBuf>,
    /// How it was found.
    pub found: LibcryptoOrigin,
}

/// How a libcrypto was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LibcryptoOrigin {
    /// It is part of the libssl.
    Inside,
    /// The user named it.
    Named,
    /// The libssl lists its folder (`DT_RPATH`, `DT_RUNPATH`).
    OwnDependency,
    /// It is in the libssl's folder.
    #[serde(rename = "beside")]
    SameFolder,
    /// The system's dynamic loader found it.
    System,
    /// The library has none of the functions that identify a libcrypto.
    Nowhere,
}

/// How the connections of a library reach the transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Attachment {
    /// Through a custom BIO: every transport call is scripted.
    Bio,
    /// Through a pair of connected sockets, because the library supports no custom BIO. Scripts
    /// that sockets cannot follow are not applicable.
    SocketPair {
        /// The functions that a custom BIO would need.
        lacks: Vec<String>,
    },
}

impl fmt::Display for LibcryptoOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inside => "inside the libssl",
            Self::Named => "named by the user",
            Self::OwnDependency => "where the libssl says",
            Self::SameFolder => "in the folder of the libssl",
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
