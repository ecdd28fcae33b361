//! What the peer does on the stage, and how the transport vanishes with it.

use super::Stage;
use super::words::Deed;
use crate::link::{Budget, Errno, Inbound, Outbound, Refusal};
use crate::peer::End;
use crate::scenario::{PeerAction, Step};
use crate::trace::{Content, Outcome, Pattern, PeerReport, Shown};

impl Stage<'_> {
    /// The peer does what is to be done before the library under test can go on.
    pub(super) fn peer_goes_on(&mut self) {
        let action = match self.peer.is_established() {
            true => PeerAction::Read,
            false => PeerAction::Handshake,
        };
        self.peer_acts(&action);
    }

    pub(super) fn peer_acts(&mut self, action: &PeerAction) {
        let from = self.link.mark();
        let mut read = None;
        let end = match action {
            PeerAction::Read => {
                let expected = self.stream.accepted().saturating_sub(self.stream.seen());
                let mut bytes = Vec::with_capacity(expected);
                let end = self.peer.read(|part| bytes.extend_from_slice(part));
                read = Some(self.stream.see(&bytes));
                end
            }
            PeerAction::Write(len) => self.peer_writes(len.get()),
            PeerAction::Handshake => self.peer.handshake(),
            PeerAction::KeyUpdate(request) => self.peer.key_update(*request),
            PeerAction::Renegotiate => self.peer.renegotiate(),
            PeerAction::CloseNotify => self.peer.close_notify(),
            PeerAction::FatalAlert => self.peer.fatal_alert(),
            PeerAction::SessionTicket => self.peer.session_ticket(),
            PeerAction::Raw(bytes) => {
                self.link.peer_write(bytes);
                End::Done
            }
            PeerAction::Vanish => {
                self.vanish();
                End::Done
            }
        };
        let end = match (action, end) {
            (
                PeerAction::Write(_) | PeerAction::CloseNotify | PeerAction::SessionTicket,
                End::Idle,
            ) => End::Failed(vec!["it would block".to_owned()]),
            (_, end) => end,
        };
        let report = report(read, end);
        let deed = Deed::step(Step::Peer(action.clone()));
        self.push(deed, Outcome::Peer(report), from, Shown::Records);
    }

    fn peer_writes(&mut self, len: usize) -> End {
        let bytes = Pattern::Peer.bytes(self.peer_stream.accepted(), len);
        let end = self.peer.write(&bytes);
        if end == End::Done {
            self.peer_stream.offer(&bytes);
            self.peer_stream.accept(len);
        }
        end
    }

    fn vanish(&mut self) {
        self.link.set_outbound(Outbound {
            accept: Budget::Bytes(0),
            at_most: None,
            then: Refusal::Fail(Errno::PIPE),
        });
        self.link.set_inbound(Inbound {
            then: Refusal::Zero,
            ..Inbound::OPEN
        });
    }
}

/// What the peer read, if it was to read, and how that ended.
pub(super) fn report(read: Option<Content>, end: End) -> PeerReport {
    let end = match end {
        End::Idle | End::Done => None,
        End::CloseNotify => Some("close_notify".to_owned()),
        End::Failed(reasons) if reasons.is_empty() => Some("an error without a reason".to_owned()),
        End::Failed(reasons) => Some(format!("an error: {}", reasons.join(", "))),
    };
    PeerReport { read, end }
}
