//! What the transport is set to do: how much it takes and hands over, and how it refuses.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::errno::Errno;

/// What the transport takes from the library under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbound {
    /// How many bytes it takes.
    pub accept: Budget,
    /// How many of them it takes in one transport call; all that are offered if not named.
    pub at_most: Option<NonZeroUsize>,
    /// What it does when the budget is used up.
    pub then: Refusal,
}

impl Outbound {
    /// Takes everything.
    pub const OPEN: Self = Self {
        accept: Budget::All,
        at_most: None,
        then: Refusal::WouldBlock,
    };

    /// Takes nothing, as the far end is gone.
    pub const CUT_OFF: Self = Self {
        accept: Budget::Bytes(0),
        at_most: None,
        then: Refusal::Fail(Errno::PIPE),
    };
}

/// What the transport hands to the library under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// How many bytes it hands over, of those that the peer has sent or will send.
    pub deliver: Budget,
    /// How many of them it hands over in one transport call; all that fit if not named.
    pub at_most: Option<NonZeroUsize>,
    /// What it does when the budget is used up or nothing is there.
    pub then: Refusal,
}

impl Inbound {
    /// Hands over everything.
    pub const OPEN: Self = Self {
        deliver: Budget::All,
        at_most: None,
        then: Refusal::WouldBlock,
    };

    /// Hands over what has come, and then the end of file, as the far end is gone.
    pub const CUT_OFF: Self = Self {
        then: Refusal::Zero,
        ..Self::OPEN
    };
}

/// How many bytes pass before the transport refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Budget {
    /// Any number.
    All,
    /// So many from now on.
    Bytes(usize),
    /// So many in each call of the library, counted from zero for the next one.
    EachCall(usize),
}

/// How the transport refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Returns -1 with the retry flag and `EAGAIN`: try later.
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

    /// The same, of which so many bytes are left.
    pub(super) fn rest(self, left: usize) -> Self {
        match self {
            Self::All => Self::All,
            Self::Bytes(_) => Self::Bytes(left),
            Self::EachCall(_) => Self::EachCall(left),
        }
    }

    /// The greatest number of bytes that pass; all if nothing limits them.
    pub fn bytes(self) -> usize {
        self.start()
    }

    pub(super) fn less(self, left: usize, used: usize) -> usize {
        match self {
            Self::All => left,
            Self::Bytes(_) | Self::EachCall(_) => left - used,
        }
    }

    /// What is left when so many bytes turn out not to have passed.
    pub(super) fn more(self, left: usize, unused: usize) -> usize {
        match self {
            Self::All => left,
            Self::Bytes(_) | Self::EachCall(_) => left + unused,
        }
    }
}

impl Refusal {
    /// The same as an error of `std::io`, for libraries that are driven through its traits; zero
    /// is what their `Ok(0)` says, which is not an error.
    pub(super) fn to_io(self) -> io::Result<usize> {
        match self {
            Self::WouldBlock | Self::ZeroRetry => Err(io::ErrorKind::WouldBlock.into()),
            Self::Fail(errno) => Err(io::Error::from_raw_os_error(errno.raw())),
            Self::Zero => Ok(0),
        }
    }
}
