//! The facts about a case that a judge needs in addition to the results: the setting of the case,
//! what was asked of the library under test in each entry, and how the transport treated the call.
//!
//! The displayed trace omits them where the text of the entry says the same. None of them depends
//! on a random length.

use serde::{Deserialize, Serialize};

use crate::scenario::{
    Buffer, Cipher, Function, RetryContent, RoleState, Scenario, SessionTickets, Step, Variant,
};

/// The setting of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Protocol version and role.
    pub(crate) variant: Variant,
    /// The kind of cipher that protects the records.
    pub(crate) cipher: Cipher,
    /// Whether the library's role was set explicitly.
    pub(crate) role_state: RoleState,
    /// Whether the library was configured to send session tickets, as a server of TLS 1.3.
    pub(crate) session_tickets: SessionTickets,
    /// Which functions the library has.
    pub(crate) interface: Interface,
}

impl Setting {
    /// The setting of a case of this scenario, for a library with these functions.
    pub(crate) fn of(scenario: &Scenario, variant: Variant, interface: Interface) -> Self {
        Self {
            variant,
            cipher: scenario.cipher,
            role_state: scenario.role_state,
            session_tickets: scenario.session_tickets,
            interface,
        }
    }
}

/// Which functions a library under test has, which determines the clauses that apply to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// `SSL_write` and its variants: the manual pages apply.
    Libssl,
    /// Other functions, through an adapter that returns what `SSL_write` would: only rules for every
    /// TLS writer apply.
    #[default]
    Other,
    /// As [`Other`](Interface::Other), and the library buffers writes: when its calls return, and
    /// what a call wants, is not comparable with other libraries.
    Buffering,
}

/// What was asked of the library in an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// Nothing that a judge needs.
    #[default]
    Nothing,
    /// The write function was called.
    Write(Attempt),
    /// The library was asked to send the data that it buffers.
    Flush,
    /// The step was executed once.
    Step(Step),
}

impl Asked {
    /// The call of the write function, if it was one.
    pub(crate) fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Write(attempt) => Some(attempt),
            _ => None,
        }
    }

    /// The step, if it was one other than a write.
    pub(crate) fn step(&self) -> Option<&Step> {
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
    pub(crate) verb: Verb,
    /// Which function is called.
    pub(crate) function: Function,
    /// Its pointer and length.
    pub(crate) argument: Argument,
    /// Whether the bytes are at the same address as in the previous call. If not, the old buffer
    /// has been overwritten.
    pub(crate) buffer: Buffer,
    /// Whether the bytes are those that the write began with.
    pub(crate) content: RetryContent,
}

impl Attempt {
    /// The first call of a write.
    pub(crate) fn first(function: Function, argument: Argument) -> Self {
        Self {
            verb: Verb::Write,
            function,
            argument,
            buffer: Buffer::Same,
            content: RetryContent::Same,
        }
    }
}

/// Whether a call begins a write or repeats one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// Begins a write; its bytes follow those that were accepted.
    Write,
    /// Repeats the last call, whether or not that is permitted.
    Retry,
}

impl Verb {
    /// The word used in traces.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Retry => "retry",
        }
    }
}

/// The pointer and length that the write function is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Argument {
    /// This many bytes.
    Bytes(usize),
    /// A null pointer with length 0.
    Null,
    /// A valid pointer with this negative length.
    Negative(i32),
}

impl Argument {
    /// The number of bytes that the call asks to write; `None` for a negative length.
    pub(crate) fn len(self) -> Option<usize> {
        match self {
            Self::Bytes(len) => Some(len),
            Self::Null => Some(0),
            Self::Negative(_) => None,
        }
    }

    /// Whether the call asks to write nothing.
    pub(crate) fn is_empty(self) -> bool {
        self.len() == Some(0)
    }
}
