//! What a worker and the program that started it say to each other: messages in JSON, each behind a
//! mark and its length as four bytes, little-endian. What stands before a mark is none of ours: a library
//! wrote it into a descriptor that it has no business with.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::WorkerLimits;
use crate::backend::About;
use crate::backend::libssl::{LibrarySource, Loaded};
use crate::scenario::{Scenario, Variant};
use crate::target::Printed;
use crate::trace::{Interface, Trace};

/// Begins every message; nothing that a library writes looks like it by chance.
const MARK: [u8; 16] = *b"\0\xff\0writeproof\0\xff\0";

/// More than a library writes into the socket by mistake, in bytes.
const MAX_STRAY: usize = 1 << 20;

/// More than any message has; a longer one comes from a worker that no longer makes sense.
const MAX_MESSAGE: usize = 256 << 20;

/// To the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request<'a> {
    /// Get this library ready; the first message, and only that.
    Load(Wanted, WorkerLimits),
    /// Run these cases, and reply to each.
    Run(Cases<'a>),
}

/// The library that a worker runs cases on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Wanted {
    /// A shared object, which it loads.
    File(LibrarySource),
    /// A backend that is a part of this program, by its name.
    OwnPart(String),
}

/// A scenario for a worker, to be run in several variants: what is asked for at once costs less than what
/// is asked for one by one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Cases<'a> {
    pub(super) scenario: Cow<'a, Scenario>,
    pub(super) variants: Cow<'a, [Variant]>,
    /// Whether the connection is freed in the end.
    pub(super) free: bool,
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The library was loaded, and stands ready.
    Loaded(Box<LoadReport>),
    /// The part of this program stands ready.
    Ready(Box<About>, Interface),
    /// It could not be loaded, and why.
    Refused(String),
    /// A case was run.
    RunOutcome(Done),
    /// The suite itself could not do its part.
    Failed(String),
}

/// A case that was run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) trace: Trace,
    /// The library changed what cannot be put back: the worker runs no other case, also none of those that
    /// it was asked for with this one.
    pub(super) retire: bool,
    /// The library printed: the worker runs none of the other cases that it was asked for with this one
    /// before it is asked again, since how much may be printed is a matter of one case.
    pub(super) printed: bool,
    /// Processor time that the worker has used in its life.
    pub(super) used: Duration,
    /// Processor time that this case took.
    pub(super) took: Duration,
}

impl Reply {
    /// How much processor time the worker has used so far, if another reply to the same request comes.
    pub(super) fn goes_on_from(&self) -> Option<Duration> {
        match self {
            Self::RunOutcome(done) => (!done.retire && !done.printed).then_some(done.used),
            _ => None,
        }
    }

    /// Whether no other reply to the same request comes.
    pub(super) fn is_last(&self) -> bool {
        self.goes_on_from().is_none()
    }
}

/// A library that stands ready in a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadReport {
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

/// A message that came, and what was before it.
#[derive(Debug)]
pub(super) struct Received<M> {
    pub(super) message: M,
    /// How many bytes came before it that belong to no message.
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

/// Reads up to the end of a mark; answers how many bytes came before it.
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
    fn a_message_comes_as_it_was_sent() {
        let there = received(&sent("hello")).expect("a message");
        assert_eq!((there.message.as_str(), there.stray), ("hello", 0));
    }

    #[test]
    fn what_a_library_wrote_before_a_message_is_counted_and_skipped() {
        // The beginning of a mark is none.
        for stray in [&b"{\"steps\":[]}\n"[..], &MARK[..5]] {
            let there = received(&[stray, &sent("hello")].concat()).expect("a message");
            assert_eq!(
                (there.message.as_str(), there.stray),
                ("hello", stray.len())
            );
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
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
