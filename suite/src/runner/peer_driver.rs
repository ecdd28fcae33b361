//! The peer of a case. It acts between calls of the library under test or, if the transport blocks, during one.

use std::cell::{Cell, RefCell, RefMut};

use crate::peer::{End, Peer, SavedErrorState};
use crate::trace::{Content, PeerEnd, PeerReport};
use crate::transport::Responder;

/// The peer, and what it has read during a call.
#[derive(Debug)]
pub(super) struct PeerDriver {
    peer: RefCell<Peer>,
    heard: RefCell<Heard>,
    /// The peer has ended during a call: it does nothing more on its own.
    over: Cell<bool>,
}

/// What the peer has read during a call.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) bytes: Vec<u8>,
    /// How it ended, if not simply done.
    pub(super) end: Option<End>,
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

    /// What it has read since this was last called.
    pub(super) fn take_heard(&self) -> Heard {
        self.heard.take()
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

/// The report of what the peer read, if it was asked to read, and how that ended.
pub(super) fn report(read: Option<Content>, end: End) -> PeerReport {
    let end = match end {
        End::Idle | End::Done => None,
        End::CloseNotify => Some(PeerEnd::CloseNotify),
        End::Failed(reasons) => Some(PeerEnd::Failed(reasons)),
    };
    PeerReport { read, end }
}
