//! For a library under test that lives outside of this crate: what its [`Backend`] is made of, and a
//! [`main`] that runs scenarios on it. `suite/examples/own_backend.rs` is a whole one.

pub use crate::backend::{About, Backend, Bytes, Endpoint, ModeChange, Setup, Unsupported};
pub use crate::cli::{Exit, own as main};
pub use crate::identity::{IDENTITY, NAME};
pub use crate::scenario::{
    Cipher, Function, KeyExchange, KeyUpdate, Mode, Role, RoleState, SessionTickets, Version,
};
pub use crate::trace::{Call, ErrorClass, QueueEntry, Stored, Want};
pub use crate::transport::{Errno, Transport};
