//! What a judge has to know of a case beside what came of it: how the case was set up, what was asked
//! of the library under test in each entry, and how the transport treated it meanwhile.
//!
//! Nothing here is shown in a trace as a person reads it, where the words of the entry say the same; and
//! nothing depends on a length that a random number decides.

use serde::{Deserialize, Serialize};

use crate::scenario::{
    Buffer, Cipher, Function, RetryContent, RoleState, Scenario, SessionTickets, Step, Variant,
};

/// How a case was set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Protocol version and role.
    pub variant: Variant,
    /// The kind of cipher that protects the records.
    pub cipher: Cipher,
    /// Whether the library was told its role.
    pub role_state: RoleState,
    /// Whether the library was told to send session tickets, as a server of TLS 1.3.
    pub session_tickets: SessionTickets,
    /// Which functions the library has.
    pub interface: Interface,
}

impl Setting {
    /// How a case of this scenario is set up, for a library with these functions.
    pub fn of(scenario: &Scenario, variant: Variant, interface: Interface) -> Self {
        Self {
            variant,
            cipher: scenario.cipher,
            role_state: scenario.role_state,
            session_tickets: scenario.session_tickets,
            interface,
        }
    }
}

/// Which functions a library under test has, and so which contract binds it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// `SSL_write` and its kin: their manual binds it.
    Libssl,
    /// Others, and an adapter that answers as `SSL_write` would: only what holds for any writer binds it.
    #[default]
    Other,
    /// As [`Other`](Interface::Other), and the library buffers what it is asked to write: when its calls come back, and what
    /// a call wants, is not comparable with other libraries.
    Buffering,
}

/// What was done in an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// Nothing that a judge has to know.
    #[default]
    Nothing,
    /// The write function was called.
    Write(Attempt),
    /// The library was asked to send what it holds back.
    Flush,
    /// What the step says, once.
    Step(Step),
}

impl Asked {
    /// The call of the write function, if it was one.
    pub fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Write(attempt) => Some(attempt),
            _ => None,
        }
    }

    /// The step, if it was one that is no write.
    pub fn step(&self) -> Option<&Step> {
        match self {
            Self::Step(step) => Some(step),
            _ => None,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }
}

/// One call of the write function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Whether it begins a write or repeats one.
    pub verb: Verb,
    /// Which function is called.
    pub function: Function,
    /// With which pointer and length.
    pub argument: Argument,
    /// Whether the bytes stand where those of the call before stood. What stood there is overwritten.
    pub buffer: Buffer,
    /// Whether they are those that the write began with.
    pub content: RetryContent,
}

impl Attempt {
    /// The call that begins a write.
    pub fn first(function: Function, argument: Argument) -> Self {
        Self {
            verb: Verb::Write,
            function,
            argument,
            buffer: Buffer::Same,
            content: RetryContent::Same,
        }
    }
}

/// Whether a call begins a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// It does; the bytes follow those that were accepted.
    Write,
    /// It repeats the last one, rightly or wrongly.
    Retry,
}

impl Verb {
    /// The word in traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Retry => "retry",
        }
    }
}

/// The pointer and length that the write function is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Argument {
    /// So many bytes.
    Bytes(usize),
    /// A null pointer with length 0.
    Null,
    /// A valid pointer with this negative length.
    Negative(i32),
}

impl Argument {
    /// How many bytes the call asks to be written; nothing for a negative length.
    pub fn len(self) -> Option<usize> {
        match self {
            Self::Bytes(len) => Some(len),
            Self::Null => Some(0),
            Self::Negative(_) => None,
        }
    }

    /// Whether the call asks for nothing to be written.
    pub fn is_empty(self) -> bool {
        self.len() == Some(0)
    }
}
