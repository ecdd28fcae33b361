//! The library under test and the peer meet once, before the cases that go on with the session of that meeting
//! ([`KeyExchange::PreShared`](crate::scenario::KeyExchange), where a library can resume a session and no more).
//!
//! In flow one end of a connection and what the peer is like; out flows the session that the peer has then. No
//! step of a scenario is done, and nothing of it stands in a trace.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::backend::{Bytes, Endpoint, Memory, Unsupported};
use crate::limits;
use crate::peer::{Keys, Peer, PeerSetup, Session};
use crate::scenario::Function;
use crate::trace::ErrorClass;
use crate::transport::Transport;

/// A whole handshake, and a byte each way: some libraries send a ticket with the first one only. Nothing, if
/// it does not come that far, or to no session.
pub(super) fn establish_session(
    setup: &PeerSetup,
    transport: &Transport,
    end: &mut dyn Endpoint,
) -> Option<Session> {
    let setup = PeerSetup {
        keys: Keys::SessionSetup,
        ..*setup
    };
    let mut peer = Peer::new(&setup, transport).ok()?;
    // A library that cannot do this much will show it again, in a case that can tell.
    catch_unwind(AssertUnwindSafe(|| {
        handshake(transport, end, &mut peer)?;
        talk(end, &mut peer)
    }))
    .ok()?
    .ok()?;
    peer.session()
}

/// Both take turns until neither has anything to say.
fn handshake(
    transport: &Transport,
    end: &mut dyn Endpoint,
    peer: &mut Peer,
) -> Result<(), Unsupported> {
    for _ in 0..limits::SESSION_CALLS {
        let before = transport.progress();
        transport.begin_call();
        let call = end.handshake()?;
        if !peer.is_established() {
            peer.handshake();
        }
        let done = call.error == ErrorClass::None && peer.is_established();
        if done || transport.progress() == before {
            break;
        }
    }
    Ok(())
}

fn talk(end: &mut dyn Endpoint, peer: &mut Peer) -> Result<(), Unsupported> {
    let memory = Memory::holding(&[0]).map_err(Unsupported::new)?;
    end.write(Function::Write, Bytes::Slice(memory.lend(1)))?;
    if end.buffers_writes() {
        end.flush()?;
    }
    peer.read(|_| {});
    peer.write(&[0]);
    end.read(&mut [0])?;
    Ok(())
}
