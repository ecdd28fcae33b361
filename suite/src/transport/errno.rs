//! The error numbers of the operating system with which a transport can fail, by name, because
//! numbers differ between systems. An error without a known name is shown as its number.

use std::fmt;
use std::io;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An error number of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(i32);

/// The names that scenarios can use and traces can show (errno(3)).
const NAMES: [(&str, i32); 16] = [
    ("EACCES", libc::EACCES),
    ("EAGAIN", libc::EAGAIN),
    ("EBADF", libc::EBADF),
    ("ECONNABORTED", libc::ECONNABORTED),
    ("ECONNRESET", libc::ECONNRESET),
    ("EINTR", libc::EINTR),
    ("EINVAL", libc::EINVAL),
    ("EIO", libc::EIO),
    ("ENOBUFS", libc::ENOBUFS),
    ("ENOENT", libc::ENOENT),
    ("ENOMEM", libc::ENOMEM),
    ("ENOSYS", libc::ENOSYS),
    ("ENOTCONN", libc::ENOTCONN),
    ("EPERM", libc::EPERM),
    ("EPIPE", libc::EPIPE),
    ("ETIMEDOUT", libc::ETIMEDOUT),
];

impl Errno {
    /// No error.
    pub(crate) const NONE: Self = Self(0);
    /// The transport would block.
    pub(crate) const AGAIN: Self = Self(libc::EAGAIN);
    /// A signal interrupted the call.
    pub(crate) const INTERRUPTED: Self = Self(libc::EINTR);
    /// The peer has disconnected.
    pub const PIPE: Self = Self(libc::EPIPE);
    /// An error of the transport itself.
    pub(crate) const IO: Self = Self(libc::EIO);

    /// From the number that the C library uses on this system.
    pub fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// From an error of `std::io`, if the operating system reported it.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.raw_os_error().map(Self)
    }

    /// The number that the C library uses on this system.
    pub(crate) fn raw(self) -> i32 {
        self.0
    }

    /// From a name such as `ECONNRESET`; `None` for any other name.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, number)| Self(number))
    }

    /// The error number that is shown like this: by name, or by number if it has none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::from_name(text).or_else(|| text.parse().ok().map(Self))
    }

    /// All names that [`Errno::from_name`] knows, in alphabetical order.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

impl Serialize for Errno {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Errno {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let known = Self::from_name(&text).or_else(|| text.parse().ok().map(Self));
        known.ok_or_else(|| D::Error::custom(format!("{text:?} is no error number")))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}
