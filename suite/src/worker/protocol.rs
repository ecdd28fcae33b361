//! The protocol between a worker and its parent: JSON messages, each after a mark and its length as
//! four bytes, little-endian. Bytes before a mark are not part of the protocol: the library wrote
//! them into a descriptor that is not its own.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::WorkerLimits;
use crate::backend::About;
use crate::backend::libssl::LibrarySource;
use crate::scenario::{Scenario, Variant};
use crate::target::LoadReport;
use crate::trace::{Interface, Trace};

/// Begins every message; unlikely to occur in a library's output.
const MARK: [u8; 16] = *b"\0\xff\0writeproof\0\xff\0";

/// The limit of bytes outside of messages: more than a library writes into the socket by mistake.
const MAX_STRAY: usize = 1 << 20;

/// The limit of a message in bytes, more than any message has; a longer one comes from a corrupted
/// worker.
const MAX_MESSAGE: usize = 256 << 20;

/// A message to the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request<'a> {
    /// Load this library; the first message, sent once.
    Load(LoadRequest, WorkerLimits),
    /// Run these cases, and reply to each.
    Run(Cases<'a>),
}

/// The library that a worker runs cases on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum LoadRequest {
    /// A shared object, which it loads.
    File(LibrarySource),
    /// A backend that is part of this program, by its name.
    BuiltIn(String),
    /// The external backend of this program, by its name.
    External(String),
}

/// A scenario for a worker, to be run in several variants: one request for many cases costs less
/// than one for each.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Cases<'a> {
    pub(super) scenario: Cow<'a, Scenario>,
    pub(super) variants: Cow<'a, [Variant]>,
    /// Whether the connection is freed at the end.
    pub(super) free: bool,
}

/// A message from the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The library is ready.
    Ready(Box<Ready>),
    /// It could not be loaded, for this reason.
    Refused(String),
    /// A case was run.
    RunOutcome(Done),
    /// The suite itself failed.
    Failed(String),
}

/// A library that is ready to run cases.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ready {
    pub(super) about: About,
    pub(super) interface: Interface,
    /// What was loaded, for a shared object.
    pub(super) load_report: Option<LoadReport>,
    /// The privileges that the worker could not drop on this system, as text.
    pub(super) unconfined: Vec<String>,
}

/// A case that was run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) trace: Trace,
    /// The library made an irreversible change: the worker runs no other case, including the rest
    /// of this request.
    pub(super) retire: bool,
    /// The library printed: the worker stops this request, because the limit of output applies to a
    /// single case.
    pub(super) printed: bool,
    /// Processor time that the worker has used since its start.
    pub(super) used: Duration,
    /// Processor time that this case took.
    pub(super) took: Duration,
}

impl Reply {
    /// The processor time that the worker has used so far, if another reply to the same request
    /// follows.
    pub(super) fn goes_on_from(&self) -> Option<Duration> {
        match self {
            Self::RunOutcome(done) => (!done.retire && !done.printed).then_some(done.used),
            _ => None,
        }
    }

    /// Whether this is the last reply to its request.
    pub(super) fn is_last(&self) -> bool {
        self.goes_on_from().is_none()
    }
}

/// A received message, and the bytes before it.
#[derive(Debug)]
pub(super) struct Received<M> {
    pub(super) message: M,
    /// How many bytes before it belong to no message.
    pub(super) stray: usize,
}

/// Sends one message.
pub(super) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    const HEAD: usize = MARK.len() + 4;
    let mut bytes = MARK.to_vec();
    bytes.resize(HEAD, 0);
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - HEAD).map_err(io::Error::other)?;
    bytes[MARK.len()..HEAD].copy_from_slice(&length.to_le_bytes());
    to.write_all(&bytes)
}

/// Waits for one message.
pub(super) fn receive<M: DeserializeOwned>(from: &mut impl Read) -> io::Result<Received<M>> {
    let stray = skip_to_mark(from)?;
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    let message = serde_json::from_slice(&bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Received { message, stray })
}

/// Reads up to the end of a mark; returns how many bytes came before it.
fn skip_to_mark(from: &mut impl Read) -> io::Result<usize> {
    let mut window = [0; MARK.len()];
    from.read_exact(&mut window)?;
    let mut stray = 0;
    while window != MARK {
        stray += 1;
        if stray > MAX_STRAY {
            return Err(io::ErrorKind::InvalidData.into());
        }
        window.rotate_left(1);
        from.read_exact(&mut window[MARK.len() - 1..])?;
    }
    Ok(stray)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: &[u8]) -> io::Result<Received<String>> {
        receive(&mut &bytes[..])
    }

    fn sent(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        send(&mut bytes, &text).expect("memory takes everything");
        bytes
    }

    #[test]
    fn message_round_trips() {
        let there = received(&sent("hello")).expect("a message");
        assert_eq!((there.message.as_str(), there.stray), ("hello", 0));
    }

    #[test]
    fn stray_bytes_before_a_message_are_counted_and_skipped() {
        // The beginning of a mark is not a mark.
        for stray in [&b"{\"steps\":[]}\n"[..], &MARK[..5]] {
            let there = received(&[stray, &sent("hello")].concat()).expect("a message");
            assert_eq!(
                (there.message.as_str(), there.stray),
                ("hello", stray.len())
            );
        }
    }

    #[test]
    fn invalid_message_is_refused() {
        let mut no_json = sent("hello");
        let last = no_json.len() - 1;
        no_json[last] = b'{';
        let too_long = [&MARK[..], &[0xff; 4]].concat();
        for bytes in [no_json, too_long, vec![0; MAX_STRAY + MARK.len()]] {
            let error = received(&bytes).expect_err("no message");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        let whole = sent("hello");
        let cut_off = received(&whole[..whole.len() - 1]).expect_err("no message");
        assert_eq!(cut_off.kind(), io::ErrorKind::UnexpectedEof);
    }
}
