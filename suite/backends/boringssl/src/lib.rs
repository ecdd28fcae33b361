//! BoringSSL as one shared object with `libssl` and `libcrypto`. It depends only on the C and C++
//! libraries and binds to its own functions, so it can be loaded together with any other `libssl`,
//! even one that is linked statically. The build script compiles it; this crate gives its path.

/// The absolute path of the shared object.
pub const LIBSSL: &str = env!("LIBSSL");

/// BoringSSL's version. It has no releases, so this is its API version and the crate with its
/// sources: `API 44 (boring-sys 5.4.0)`.
pub const VERSION: &str = env!("VERSION");
