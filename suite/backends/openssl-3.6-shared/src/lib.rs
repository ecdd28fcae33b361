//! OpenSSL 3.6, the reference, as a shared object instead of a part of the program. With
//! `WRITEPROOF_OPENSSL_3_6` the suite loads it, so that it can be compiled differently (for a
//! fuzzer, with sanitizers) from the peer of each connection, which stays linked. The suite itself
//! does not depend on this crate.

/// The absolute path of the shared object.
pub const LIBSSL: &str = env!("LIBSSL");

/// OpenSSL's own version string: `3.6.3`.
pub const VERSION: &str = env!("VERSION");
