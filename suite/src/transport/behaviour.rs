//! The configurable behaviour of the transport: how many bytes it accepts and delivers, and how it
//! refuses more.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::errno::Errno;

/// What the transport accepts from the library under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbound {
    /// How many bytes it accepts.
    pub accept: Budget,
    /// The most bytes that it accepts in one transport call; unlimited if `None`.
    pub at_most: Option<NonZeroUsize>,
    /// What it does when the budget is used up.
    pub then: Refusal,
}

impl Outbound {
    /// Accepts everything.
    pub const OPEN: Self = Self {
        accept: Budget::All,
        at_most: None,
        then: Refusal::WouldBlock,
    };

    /// Accepts nothing, as the peer has disconnected.
    pub(crate) const CUT_OFF: Self = Self {
        accept: Budget::Bytes(0),
        at_most: None,
        then: Refusal::Fail(Errno::PIPE),
    };
}

/// What the transport delivers to the library under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// How many bytes it delivers, counting those that the peer has sent or will send.
    pub deliver: Budget,
    /// The most bytes that it delivers in one transport call; unlimited if `None`.
    pub at_most: Option<NonZeroUsize>,
    /// What it does when the budget is used up or no bytes are available.
    pub then: Refusal,
}

impl Inbound {
    /// Delivers everything.
    pub const OPEN: Self = Self {
        deliver: Budget::All,
        at_most: None,
        then: Refusal::WouldBlock,
    };

    /// Delivers what has arrived, and then end of file, as the peer has disconnected.
    pub(crate) const CUT_OFF: Self = Self {
        then: Refusal::Zero,
        ..Self::OPEN
    };
}

/// How many bytes pass before the transport refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Budget {
    /// Any number.
    All,
    /// This many from now on.
    Bytes(usize),
    /// This many in each call of the library, beginning with the next one.
    EachCall(usize),
}

/// How the transport refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Returns -1 with the retry flag and `EAGAIN`.
    WouldBlock,
    /// Returns -1 without the retry flag, with this error number.
    Fail(Errno),
    /// Returns 0 without the retry flag; for reading, this is end of file.
    Zero,
    /// Returns 0 with the retry flag.
    ZeroRetry,
}

impl fmt::Display for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(
            f,
            "accept",
            "open",
            self.accept,
            self.at_most,
            self.then,
            "zero",
        )
    }
}

impl fmt::Display for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(
            f,
            "deliver",
            "open",
            self.deliver,
            self.at_most,
            self.then,
            "end of file",
        )
    }
}

/// `accept 100, at most 7 a call, then ECONNRESET`.
fn describe(
    f: &mut fmt::Formatter<'_>,
    verb: &str,
    all: &str,
    budget: Budget,
    at_most: Option<NonZeroUsize>,
    then: Refusal,
    zero: &str,
) -> fmt::Result {
    match budget {
        Budget::All => f.write_str(all)?,
        Budget::Bytes(bytes) => write!(f, "{verb} {bytes}")?,
        Budget::EachCall(bytes) => write!(f, "{verb} {bytes} each call")?,
    }
    if let Some(bytes) = at_most {
        write!(f, ", at most {bytes} at once")?;
    }
    match then {
        Refusal::WouldBlock => Ok(()),
        Refusal::Fail(errno) => write!(f, ", then {errno}"),
        Refusal::Zero => write!(f, ", then {zero}"),
        Refusal::ZeroRetry => f.write_str(", then zero with retry"),
    }
}

impl Budget {
    pub(super) fn start(self) -> usize {
        match self {
            Self::All => usize::MAX,
            Self::Bytes(bytes) | Self::EachCall(bytes) => bytes,
        }
    }

    /// The same budget with `left` bytes left.
    pub(super) fn rest(self, left: usize) -> Self {
        match self {
            Self::All => Self::All,
            Self::Bytes(_) => Self::Bytes(left),
            Self::EachCall(_) => Self::EachCall(left),
        }
    }

    /// The greatest number of bytes that pass; `usize::MAX` if unlimited.
    pub(crate) fn bytes(self) -> usize {
        self.start()
    }

    pub(super) fn less(self, left: usize, used: usize) -> usize {
        match self {
            Self::All => left,
            Self::Bytes(_) | Self::EachCall(_) => left - used,
        }
    }

    /// The bytes left after `unused` bytes turned out not to have passed.
    pub(super) fn more(self, left: usize, unused: usize) -> usize {
        match self {
            Self::All => left,
            Self::Bytes(_) | Self::EachCall(_) => left + unused,
        }
    }
}

impl Refusal {
    /// The same as an error of `std::io`, for libraries that use its traits. Zero becomes `Ok(0)`,
    /// which is not an error.
    pub(super) fn to_io(self) -> io::Result<usize> {
        match self {
            Self::WouldBlock | Self::ZeroRetry => Err(io::ErrorKind::WouldBlock.into()),
            Self::Fail(errno) => Err(io::Error::from_raw_os_error(errno.raw())),
            Self::Zero => Ok(0),
        }
    }
}
