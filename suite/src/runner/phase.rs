//! The phases of a case, for measuring where its time goes. The suite itself reads no clock: a
//! [`Watch`](super::Watch) is notified when a case enters a phase.

/// The phase of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Both ends of the connection are created before the first step, or freed after the last.
    Setup,
    /// The step `handshake`: calls of the library under test, and of the peer in turn.
    Handshake,
    /// Any other call of the library under test.
    Library,
    /// The actions of the peer in its own steps.
    Peer,
    /// The rest of the steps: payload, memory, entries of the trace.
    Script,
    /// The wire reader parses and decrypts the records of both directions.
    WireReader,
    /// Records are assigned to the entries of the trace.
    Trace,
    /// The trace is judged by the contract, compared with the reference's, and looked up in the
    /// ledger.
    Judge,
}

impl Phase {
    /// All phases, in the order of a case.
    pub const ALL: [Self; 8] = [
        Self::Setup,
        Self::Handshake,
        Self::Library,
        Self::Peer,
        Self::Script,
        Self::WireReader,
        Self::Trace,
        Self::Judge,
    ];

    /// The name in summaries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Handshake => "handshake",
            Self::Library => "library",
            Self::Peer => "peer",
            Self::Script => "script",
            Self::WireReader => "wire reader",
            Self::Trace => "trace",
            Self::Judge => "judge",
        }
    }
}
