//! OpenSSL 3.6, the library that all others are compared with, as one shared object instead of a part of the program.
//! `WRITEPROOF_OPENSSL_3_6` makes the suite take it, so that it can be compiled in another way (for a fuzzer, with
//! sanitizers) than the far end of each connection, which stays linked. The suite itself does not depend on this crate.

/// The absolute path of the shared object.
pub const LIBSSL: &str = env!("LIBSSL");

/// OpenSSL's version, as OpenSSL writes it: `3.6.3`.
pub const VERSION: &str = env!("VERSION");
