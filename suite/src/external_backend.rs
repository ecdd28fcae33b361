//! For a library under test that is not part of this crate: the types that its [`Backend`] needs,
//! and [`run_cli`], the command line that runs scenarios on it. `suite/examples/own_backend.rs` is
//! a complete example.
//!
//! # Stability
//!
//! What this module exports follows the semantic version of the crate: an incompatible change
//! raises the major version, or the minor one before 1.0. That includes the public items of the
//! exported types, and the options and exit codes of [`run_cli`]. The JSON report has a version of
//! its own, `schema`. Messages and text reports can change in any release.
//!
//! Everything else in the crate is internal and can change in any release, even where it is `pub`
//! for the program `writeproof`, the fuzz targets or the tests.

pub use crate::backend::{About, Backend, Bytes, Endpoint, Lent, ModeChange, Setup, Unsupported};
pub use crate::cli::{Exit, run_cli};
pub use crate::identity::{IDENTITY, NAME};
pub use crate::peer::Session;
pub use crate::scenario::{
    Cipher, Function, KeyExchange, KeyUpdate, Mode, Operation, Role, RoleState, SessionTickets,
    StaleError, TransportKind, Version,
};
pub use crate::trace::{Call, ErrorClass, Interface, QueueEntry, Stored, Want};
pub use crate::transport::{Errno, Transport};
