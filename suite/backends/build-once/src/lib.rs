//! For build scripts: compiles a C library **once** instead of once for each cargo profile.
//!
//! Cargo runs a build script separately for `target/debug` and `target/release`, and OpenSSL takes
//! minutes each time. [`once`] keeps the result in `target/c/NAME-HASH/`, which all profiles share.
//! A [`Key`] lists the inputs of the result, and [`start_over_in_neutral_profile`] ensures that
//! there are no others. Input: a key and a closure that fills a folder. Output: the filled folder.
//! [`Libssl`] does all of this for libraries with the interface of `libssl`.
//!
//! ```no_run
//! use writeproof_build_once::{Error, Key, once, start_over_in_neutral_profile};
//!
//! fn build() -> Result<(), Error> {
//!     start_over_in_neutral_profile()?;
//!     let key = Key::of_c_build("zlib")?.with("source", "1.3.1").with("recipe", "1");
//!     let folder = once(&key, |folder| {
//!         // Compile into `folder`.
//!         # let _ = folder;
//!         Ok(())
//!     })?;
//!     println!("cargo::rustc-env=ZLIB={}", folder.display());
//!     Ok(())
//! }
//! ```

#[cfg(feature = "boringssl")]
mod boringssl;
mod cache;
mod error;
mod key;
mod libssl;
mod neutral;
#[cfg(feature = "boringssl")]
mod package;
mod shared_object;
mod tools;

#[cfg(feature = "boringssl")]
pub use boringssl::Boringssl;
pub use cache::{BuildCache, once};
pub use error::{Error, RecipeError};
pub use key::Key;
pub use libssl::Libssl;
pub use neutral::start_over_in_neutral_profile;
pub use shared_object::{SharedObject, link_shared_object};
pub use tools::require_openssl_tools;
