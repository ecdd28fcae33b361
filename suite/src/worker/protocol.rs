//! What a worker and the program that started it say to each other: messages in JSON, each behind its
//! length as four bytes, little-endian.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Limits;
use crate::backend::About;
use crate::backend::libssl::{Loaded, Source};
use crate::scenario::{Scenario, Variant};
use crate::subject::Printed;
use crate::trace::Trace;

/// More than any message has; a longer one comes from a worker that no longer makes sense.
const MAX_MESSAGE: usize = 256 << 20;

/// To the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request<'a> {
    /// Load this library; the first message, and only that.
    Load(Source, Limits),
    /// Run this case.
    Run(Case<'a>),
}

/// A case for a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Case<'a> {
    pub(super) scenario: std::borrow::Cow<'a, Scenario>,
    pub(super) variant: Variant,
    /// Whether the connection is freed in the end.
    pub(super) free: bool,
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The library stands ready.
    Loaded(Box<Arrived>),
    /// It could not be loaded, and why.
    Refused(String),
    /// The case was run; `retire` says that the library changed what cannot be put back, so that the
    /// worker must not run another one.
    Ran { trace: Trace, retire: bool },
    /// The suite itself could not do its part.
    Failed(String),
}

/// A library that stands ready in a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Arrived {
    /// Its name and version.
    pub about: About,
    /// What was loaded, from where, and what it has and lacks.
    pub loaded: Loaded,
    /// What the worker could not give up on this system, in words.
    pub unconfined: Vec<String>,
    /// What it printed while it was loaded.
    #[serde(default)]
    pub printed: Printed,
}

/// Sends one message.
pub(super) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&bytes)
}

/// Waits for one message.
pub(super) fn receive<M: DeserializeOwned>(from: &mut impl Read) -> io::Result<M> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}
