//! OpenSSL 1.1.1 as one shared object with `libssl` and `libcrypto`. It depends only on the C
//! library and binds to its own functions, so it can be loaded together with any other `libssl`,
//! even one that is linked statically. The build script compiles it; this crate gives its path.

/// The absolute path of the shared object.
pub const LIBSSL: &str = env!("LIBSSL");

/// OpenSSL's own version string: `1.1.1w`.
pub const VERSION: &str = env!("VERSION");
