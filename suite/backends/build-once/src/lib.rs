//! For build scripts: compiles a C library **once**, not once for each cargo profile.
//!
//! Cargo runs a build script anew for `target/debug` and for `target/release`, and OpenSSL takes minutes each time.
//! [`once`] keeps the result in `target/c/NAME-HASH/`, which all profiles share; a [`Key`] says what the result depends
//! on, and [`start_over_in_neutral_profile`] makes sure that it depends on nothing else. What flows in: a key and a
//! closure that fills a folder. What flows out: the filled folder. [`Libssl`] is all of this for one kind of library.
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
