//! For a library under test that is not part of this crate: the types that its [`Backend`] needs,
//! and [`run_cli`], the command line that runs scenarios on it. `suite/examples/own_backend.rs` is
//! a complete example.

pub use crate::backend::{About, Backend, Bytes, Endpoint, ModeChange, Setup, Unsupported};
pub use crate::cli::{Exit, run_cli};
pub use crate::identity::{IDENTITY, NAME};
pub use crate::scenario::{
    Cipher, Function, KeyExchange, KeyUpdate, Mode, Role, RoleState, SessionTickets, Version,
};
pub use crate::trace::{Call, ErrorClass, QueueEntry, Stored, Want};
pub use crate::transport::{Errno, Transport};
