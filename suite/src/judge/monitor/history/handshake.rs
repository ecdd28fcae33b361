//! The progress of a connection's handshakes.

use crate::scenario::{Step, Version};
use crate::trace::{Body, Entry, RecordSeen};

/// The state of a connection's handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handshake {
    /// The first one is not complete.
    First {
        finished: Finished,
        /// A later one has been requested, to follow it.
        requested: bool,
    },
    /// None is in progress.
    Done,
    /// A later one has been requested or has begun, and is not complete.
    Later(Later),
}

/// A handshake within a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Later {
    finished: Finished,
    /// The library has taken data or an alert of the peer since it began.
    disturbed: bool,
}

/// The ends that have sent their finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Finished {
    #[default]
    Neither,
    Own,
    Peer,
    Both,
}

impl Finished {
    fn see(self, own: bool, peer: bool) -> Self {
        let own = own || matches!(self, Self::Own | Self::Both);
        let peer = peer || matches!(self, Self::Peer | Self::Both);
        match (own, peer) {
            (false, false) => Self::Neither,
            (true, false) => Self::Own,
            (false, true) => Self::Peer,
            (true, true) => Self::Both,
        }
    }
}

impl Default for Handshake {
    fn default() -> Self {
        Self::First {
            finished: Finished::Neither,
            requested: false,
        }
    }
}

impl Handshake {
    pub(super) fn is_established(self) -> bool {
        !matches!(self, Self::First { .. })
    }

    /// Whether a handshake within the connection is in progress.
    pub(super) fn is_later(self) -> bool {
        matches!(self, Self::Later(_))
    }

    /// Whether a handshake within the connection is in progress or requested.
    pub(super) fn is_later_or_requested(self) -> bool {
        match self {
            Self::First { requested, .. } => requested,
            Self::Done => false,
            Self::Later(_) => true,
        }
    }

    /// Whether a handshake within the connection is in progress, and the library has taken data or
    /// an alert of the peer since it began.
    pub(super) fn is_disturbed(self) -> bool {
        matches!(self, Self::Later(later) if later.disturbed)
    }

    /// A call has shown that the first one is complete.
    pub(super) fn establish(&mut self) {
        if let Self::First { requested, .. } = *self {
            *self = if requested {
                Self::Later(Later::default())
            } else {
                Self::Done
            };
        }
    }

    /// A successful write shows that the first one is complete, if the library has sent its
    /// finished. Before that, the library may buffer the bytes, or have none.
    pub(super) fn see_write(&mut self) {
        if let Self::First {
            finished: Finished::Own | Finished::Both,
            ..
        } = self
        {
            self.establish();
        }
    }

    /// Follows the records of this entry; in TLS 1.2 there may be handshakes within the connection
    /// (RFC 5246, section 7.4.1.1: hello_request).
    pub(super) fn see(&mut self, entry: &Entry, version: Version) {
        let may_be_later = version == Version::Tls12;
        let asks = may_be_later && matches!(entry.asked.step(), Some(Step::Renegotiate));
        match *self {
            Self::First {
                finished,
                requested,
            } => {
                let finished = finished.see(ends(&entry.sent), ends(&entry.taken));
                *self = Self::First {
                    finished,
                    requested: requested || asks,
                };
                // An empty write carries out the handshake too, without reporting it.
                if finished == Finished::Both {
                    self.establish();
                }
                if let Self::Later(later) = self {
                    later.disturbed = entry.taken.iter().any(disturbs);
                }
            }
            Self::Done => {
                let mut records = entry.sent.iter().chain(&entry.taken);
                if asks || (may_be_later && records.any(RecordSeen::has_hello)) {
                    *self = Later::default().after(entry);
                }
            }
            Self::Later(later) => *self = later.after(entry),
        }
    }
}

impl Later {
    fn after(self, entry: &Entry) -> Handshake {
        let finished = self.finished.see(ends(&entry.sent), ends(&entry.taken));
        if finished != Finished::Both {
            return Handshake::Later(Self {
                finished,
                disturbed: self.disturbed || entry.taken.iter().any(disturbs),
            });
        }
        // The call that completes one handshake may continue and take the records that begin the
        // next.
        let last = entry.taken.iter().rposition(RecordSeen::has_finished);
        let following = last.map_or(&[][..], |last| &entry.taken[last + 1..]);
        if following.iter().any(RecordSeen::has_hello) {
            Handshake::Later(Self {
                finished: Finished::Neither,
                disturbed: following.iter().any(disturbs),
            })
        } else {
            Handshake::Done
        }
    }
}

fn disturbs(record: &RecordSeen) -> bool {
    matches!(
        record.body,
        Body::Alert { .. } | Body::ApplicationData { .. }
    )
}

/// Whether one of these records contains the end of the message that completes a handshake.
fn ends(records: &[RecordSeen]) -> bool {
    let mut complete = records.iter().filter(|record| record.is_complete());
    complete.any(RecordSeen::has_finished)
}
