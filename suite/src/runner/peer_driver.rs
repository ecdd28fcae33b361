//! Drives the peer between calls of the library under test or, if the transport blocks, during one;
//! also disconnects it.

use std::cell::{Cell, RefCell, RefMut};

use super::action::Action;
use super::{Phase, Runner};
use crate::peer::{End, Peer, SavedErrorState};
use crate::scenario::{PeerAction, Step};
use crate::trace::{Content, Outcome, Pattern, PeerEnd, PeerReport, Shown};
use crate::transport::{Inbound, Outbound, Responder};

/// The action of the peer during a call, as shown in a trace.
const DURING_CALL: &str = "peer, meanwhile";

/// The peer, and what it has read during a call.
#[derive(Debug)]
pub(super) struct PeerDriver {
    peer: RefCell<Peer>,
    heard: RefCell<Heard>,
    /// The peer has ended during a call: it does nothing more on its own.
    over: Cell<bool>,
}

#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    /// How it ended, if not simply done.
    end: Option<End>,
}

impl PeerDriver {
    pub(super) fn new(peer: Peer) -> Self {
        Self {
            peer: RefCell::new(peer),
            heard: RefCell::default(),
            over: Cell::new(false),
        }
    }

    pub(super) fn peer(&self) -> RefMut<'_, Peer> {
        self.peer.borrow_mut()
    }

    /// Whether the peer has completed a handshake.
    pub(super) fn is_established(&self) -> bool {
        self.peer().is_established()
    }
}

impl Responder for PeerDriver {
    fn act(&self) {
        if self.over.get() {
            return;
        }
        let _call = SavedErrorState::new();
        let (mut peer, mut heard) = (self.peer(), self.heard.borrow_mut());
        let end = if peer.is_established() {
            peer.read(|part| heard.bytes.extend_from_slice(part))
        } else {
            peer.handshake()
        };
        if !matches!(end, End::Idle | End::Done) {
            heard.end = Some(end);
            self.over.set(true);
        }
    }
}

impl Runner<'_> {
    /// Adds entries for what the transport and the peer did during the last recorded call.
    pub(super) fn record_peer_activity(&mut self) {
        for note in self.transport.take_notes() {
            self.note(Action::other("transport"), Outcome::Nothing(note));
        }
        let Heard { bytes, end } = self.peer_driver.heard.take();
        let read = (!bytes.is_empty()).then(|| self.stream.see(&bytes));
        if read.is_some() || end.is_some() {
            let report = report(read, end.unwrap_or(End::Done));
            self.note(Action::other(DURING_CALL), Outcome::Peer(report));
        }
    }

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
        let bytes = Pattern::Peer.bytes(self.peer_stream.accepted(), len);
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

/// The report of what the peer read, if it was asked to read, and how that ended.
pub(super) fn report(read: Option<Content>, end: End) -> PeerReport {
    let end = match end {
        End::Idle | End::Done => None,
        End::CloseNotify => Some(PeerEnd::CloseNotify),
        End::Failed(reasons) => Some(PeerEnd::Failed(reasons)),
    };
    PeerReport { read, end }
}
