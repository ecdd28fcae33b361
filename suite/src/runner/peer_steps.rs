//! The steps of the peer, between calls of the library under test.

use super::action::Action;
use super::calls::Runner;
use super::peer_driver::report;
use super::phase::Phase;
use crate::peer::End;
use crate::scenario::{PeerAction, Step};
use crate::trace::{BytePattern, Outcome, Shown};
use crate::transport::{Inbound, Outbound};

impl Runner<'_> {
    /// The peer does everything that the library under test may be waiting for.
    pub(super) fn drive_peer(&mut self) {
        let action = if self.peer_driver.is_established() {
            PeerAction::Read
        } else {
            PeerAction::Handshake
        };
        self.peer_acts(&action);
    }

    pub(super) fn peer_acts(&mut self, action: &PeerAction) {
        self.watch.enters(Phase::Peer);
        let from = self.transport.mark();
        let mut read = None;
        let mut nothing = None;
        let end = match action {
            PeerAction::Read => {
                let expected = self.stream.accepted().saturating_sub(self.stream.seen());
                let mut bytes = Vec::with_capacity(expected);
                let end = self
                    .peer_driver
                    .peer()
                    .read(|part| bytes.extend_from_slice(part));
                read = Some(self.stream.see(&bytes));
                end
            }
            PeerAction::Write(len) => self.peer_writes(len.get()),
            PeerAction::Handshake if self.peer_driver.is_established() => self
                .peer_driver
                .peer()
                .renegotiation()
                .unwrap_or_else(|reason| {
                    nothing = Some(reason);
                    End::Done
                }),
            PeerAction::Handshake => self.peer_driver.peer().handshake(),
            PeerAction::KeyUpdate(request) => self.peer_driver.peer().key_update(*request),
            PeerAction::Renegotiate => self.peer_driver.peer().renegotiate(),
            PeerAction::CloseNotify => self.peer_driver.peer().close_notify(),
            PeerAction::FatalAlert => self.peer_driver.peer().fatal_alert(),
            PeerAction::SessionTicket => self.peer_driver.peer().session_ticket(),
            PeerAction::Raw(bytes) => {
                self.transport.peer_write(bytes);
                End::Done
            }
            PeerAction::Disconnect => {
                self.disconnect();
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
        self.watch.enters(Phase::Script);
        let outcome = match nothing {
            Some(reason) => Outcome::Nothing(reason.to_string()),
            None => Outcome::Peer(report(read, end)),
        };
        let action = Action::step(Step::Peer(action.clone()));
        self.push(action, outcome, from, Shown::Records);
    }

    fn peer_writes(&mut self, len: usize) -> End {
        let bytes = BytePattern::Peer.bytes(self.peer_stream.accepted(), len);
        let end = self.peer_driver.peer().write(&bytes);
        if end == End::Done {
            self.peer_stream.offer(&bytes);
            self.peer_stream.accept(len);
        }
        end
    }

    fn disconnect(&mut self) {
        self.transport.set_outbound(Outbound::CUT_OFF);
        self.transport.set_inbound(Inbound::CUT_OFF);
    }
}
