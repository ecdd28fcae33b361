//! Tongsuo as one shared object, `libssl` and `libcrypto` in it together. It stands on nothing but the C
//! library, and it keeps to its own functions, so it can be loaded beside any other `libssl`, also one that is linked
//! statically. The build script compiles it; this crate says where it lies.

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

/// Tongsuo's version, as Tongsuo writes it: `8.5.0`.
pub const VERSION: &str = env!("VERSION");
