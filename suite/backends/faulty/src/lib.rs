//! OpenSSL 3.6, exactly as the reference has it, with bugs sown into it, as one shared object: bugs that libraries
//! really had, to see whether the suite sees them. At most one is active. The environment variable [`VARIABLE`] names
//! it, and is read when the object is loaded; without it the library is right.
//!
//! `faults.toml` is the table of all of them. What can be done around the library stands in `shim.c`; the rest are edits
//! of its sources, which the build script applies. Only the files with edits are compiled, against the build that
//! `openssl-sys` links.

mod table;

pub use table::{Edit, Fault, Kind, Layer, TableError};

/// The absolute path of the shared object.
pub const LIBSSL: &str = env!("LIBSSL");

/// The environment variable that names the active fault. One that the object does not know ends the process with a
/// message that lists all that it knows.
pub const VARIABLE: &str = "WRITEPROOF_FAULT";

/// All faults, in the order of the table.
///
/// # Errors
/// [`TableError`]; never after the build script has read the same table.
pub fn faults() -> Result<Vec<Fault>, TableError> {
    table::parse(include_str!("../faults.toml"))
}
