//! OpenSSL 1.1.1 as one shared object with `libssl` and `libcrypto`. It depends only on the C
//! library and binds to its own functions, so it can be loaded together with any other `libssl`,
//! even one that is linked statically. The build script compiles it; this crate gives its path.

/// The absolute path of the shared object.
pub const LIBSSL: &str = env!("LIBSSL");

/// The shared object itself, for programs that are installed and run without the folder in which it was built. A build
/// with debug assertions stays in its checkout: its many test programs do without the bytes.
pub const EMBEDDED: Option<&[u8]> = {
    #[cfg(debug_assertions)]
    {
        None
    }
    #[cfg(not(debug_assertions))]
    {
        Some(include_bytes!(env!("LIBSSL")))
    }
};

/// A hash of the shared object's content: 16 hexadecimal digits.
pub const HASH: &str = env!("HASH");

/// OpenSSL's own version string: `1.1.1w`.
pub const VERSION: &str = env!("VERSION");
