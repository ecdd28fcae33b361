//! OpenSSL 3.6, built as the reference, with seeded faults, as one shared object. The faults are
//! bugs that real libraries had, to test whether the suite detects them. At most one is active: the
//! environment variable [`VARIABLE`] names it when the object is loaded; without it the library is
//! right.
//!
//! `faults.toml` is the table of the faults. Faults that need no change of OpenSSL are in `shim.c`;
//! the others are edits of its sources, which the build script applies. Only edited files are
//! compiled, against the build that `openssl-sys` links.

mod table;

pub use table::{Edit, Fault, Kind, Layer, TableError};

/// The absolute path of the shared object.
pub const LIBSSL: &str = env!("LIBSSL");

/// The environment variable that names the active fault. An unknown name ends the process with a
/// message that lists all names.
pub const VARIABLE: &str = "WRITEPROOF_FAULT";

/// All faults, in the order of the table.
///
/// # Errors
/// [`TableError`]; never after the build script has read the same table.
pub fn faults() -> Result<Vec<Fault>, TableError> {
    table::parse(include_str!("../faults.toml"))
}
