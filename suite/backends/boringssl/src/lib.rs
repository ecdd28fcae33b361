//! BoringSSL as one shared object, `libssl` and `libcrypto` in it together. It stands on nothing but the libraries of C
//! and C++, and it keeps to its own functions, so it can be loaded beside any other `libssl`, also one that is linked
//! statically. The build script compiles it; this crate says where it lies.

/// The absolute path of the shared object.
pub const LIBSSL: &str = env!("LIBSSL");

/// Which BoringSSL it is. BoringSSL has no releases: the number of its interface, and the crate that its sources come
/// from: `API 44 (boring-sys 5.4.0)`.
pub const VERSION: &str = env!("VERSION");
