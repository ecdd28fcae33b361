//! Identifies a libssl by its object file: the symbol versions that it defines, its exports, the
//! private functions that it needs of its libcrypto, and strings in it. The version that a
//! libcrypto reports is no evidence, because any layer over it and any wrapper of a libssl reports
//! the same.
//!
//! Takes the file, and yields a [`Family`], or `None` for an unknown library.

#![forbid(unsafe_code)]

use std::fmt;

use serde::{Deserialize, Serialize};

use super::elf::SharedObject;
use super::symbols::spellings;

/// A library with the interface of libssl that can be identified by its object file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Family {
    /// OpenSSL since 1.1.1.
    #[serde(rename = "openssl")]
    OpenSsl,
    /// Tongsuo, which began as OpenSSL.
    Tongsuo,
    /// BoringSSL.
    #[serde(rename = "boringssl")]
    BoringSsl,
    /// AWS-LC, which began as BoringSSL.
    AwsLc,
}

impl Family {
    /// All families.
    pub(crate) const ALL: [Self; 4] = [Self::OpenSsl, Self::Tongsuo, Self::BoringSsl, Self::AwsLc];

    /// The word in arguments and reports, and the prefix of the names of its known issues.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::OpenSsl => "openssl",
            Self::Tongsuo => "tongsuo",
            Self::BoringSsl => "boringssl",
            Self::AwsLc => "aws-lc",
        }
    }

    /// The family with this word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.as_str() == word)
    }

    /// The version in the version string of a library of this family, as in
    /// `OpenSSL 3.0.19 27 Jan 2026`; `None` if the string is another library's.
    pub(crate) fn version(self, text: &str) -> Option<&str> {
        let mut words = text.split_whitespace();
        let is_own = words.next() == Some(self.name());
        let begins_with_digit = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        words.next().filter(begins_with_digit).filter(|_| is_own)
    }

    /// The library's name as its project writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenSsl => "OpenSSL",
            Self::Tongsuo => "Tongsuo",
            Self::BoringSsl => "BoringSSL",
            Self::AwsLc => "AWS-LC",
        }
    }

    /// The marks that its objects share, and others lack.
    fn marks(self) -> Marks {
        match self {
            Self::OpenSsl => Marks {
                // A fork of OpenSSL that reports the version of OpenSSL has BoringSSL's QUIC
                // functions too.
                lacks: &["SSL_CTX_enable_ntls", "SSL_provide_quic_data", GREASE],
                ..OPENSSL
            },
            Self::Tongsuo => Marks {
                exports: &["SSL_CTX_enable_ntls", "SSL_stateless", "SSL_CONF_cmd"],
                strings: &[
                    "ssl/statem/statem_srvr.c",
                    "ssl/statem_ntls/ntls_statem_srvr.c",
                ],
                ..OPENSSL
            },
            Self::BoringSsl => Marks {
                lacks: &["SSL_to_bytes", "SSL_stateless"],
                ..BORINGSSL
            },
            Self::AwsLc => Marks {
                exports: &[GREASE, "SSL_to_bytes", "SSL_from_bytes"],
                ..BORINGSSL
            },
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The marks that identify an object; all of them must match.
struct Marks {
    /// Functions that it exports.
    exports: &'static [&'static str],
    /// Functions that it does not export, although descendants of the same code do.
    lacks: &'static [&'static str],
    /// Names of source files, which occur in its error queue entries or assertions.
    strings: &'static [&'static str],
    /// Functions that only its own libcrypto has, if that is another object.
    private: &'static [&'static str],
    /// The prefix of a symbol version that it defines, if its libcrypto is another object; `None`
    /// if it defines none.
    symbol_version: Option<&'static str>,
}

const GREASE: &str = "SSL_CTX_set_grease_enabled";

/// OpenSSL 1.1.1, 3.0, 3.6 and 4.0 have these; `conf_ssl_*` are in `crypto/conf/conf_ssl.c`, for
/// libssl alone.
const OPENSSL: Marks = Marks {
    exports: &[
        "SSL_stateless",
        "SSL_CONF_cmd",
        "SSL_CTX_set_record_padding_callback",
        "SSL_export_keying_material_early",
        "DTLSv1_listen",
    ],
    lacks: &[],
    strings: &["ssl/statem/statem_srvr.c", "ssl/record/rec_layer_s3.c"],
    private: &["conf_ssl_get", "conf_ssl_get_cmd", "conf_ssl_name_find"],
    symbol_version: Some("OPENSSL_"),
};

/// `CBB_*` are in its libcrypto, and in no other except those of its descendants.
const BORINGSSL: Marks = Marks {
    exports: &[
        GREASE,
        "SSL_CTX_set_permute_extensions",
        "SSL_provide_quic_data",
    ],
    lacks: &[],
    strings: &["ssl/handshake_client.cc", "ssl/tls13_client.cc"],
    private: &["CBB_init", "CRYPTO_BUFFER_new"],
    symbol_version: None,
};

/// A function of libcrypto that all families have: an object that exports it contains its
/// libcrypto.
const OF_LIBCRYPTO: &str = "EVP_EncryptUpdate";

/// The family of this object, whose functions have the prefix `prefix` and whose file contains
/// `bytes`.
pub(super) fn recognise(
    object: &SharedObject,
    prefix: Option<&str>,
    bytes: &[u8],
) -> Option<Family> {
    let has = |name: &str| {
        let mut spelled = spellings(prefix, name).into_iter();
        spelled.any(|spelling| object.exports.contains(&spelling))
    };
    let needs = |name: &&str| object.undefined.contains(*name);
    let is_one = |marks: &Marks| {
        let own_libcrypto = has(OF_LIBCRYPTO)
            || marks.private.iter().all(needs) && defines(object, marks.symbol_version);
        own_libcrypto
            && marks.exports.iter().all(|name| has(name))
            && !marks.lacks.iter().any(|name| has(name))
            && marks.strings.iter().all(|text| contains(bytes, text))
    };
    let mut families = Family::ALL.into_iter();
    families.find(|family| is_one(&family.marks()))
}

fn defines(object: &SharedObject, symbol_version: Option<&str>) -> bool {
    symbol_version.is_none_or(|beginning| {
        let mut versions = object.symbol_versions.iter();
        versions.any(|version| version.starts_with(beginning))
    })
}

/// Whether these bytes contain the text.
fn contains(bytes: &[u8], text: &str) -> bool {
    let Some((&first, _)) = text.as_bytes().split_first() else {
        return true;
    };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(text.as_bytes()) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}
