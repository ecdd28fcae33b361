//! Establishes a session between the library under test and the peer before the cases that resume
//! it ([`KeyExchange::PreShared`](crate::scenario::KeyExchange), for a library that only supports
//! resumption).
//!
//! Takes one end of a connection and the peer's configuration, and yields the session that the peer
//! keeps. It executes no step of a scenario, and adds nothing to a trace.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::backend::{Bytes, Endpoint, Memory, Unsupported};
use crate::limits;
use crate::peer::{Keys, Peer, PeerSetup, Session};
use crate::scenario::Function;
use crate::trace::ErrorClass;
use crate::transport::Transport;

/// Completes a handshake and exchanges a byte each way, because some libraries send a ticket only
/// with the first one. `None` if the handshake fails or gives no session.
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
    // A library that panics here will do so in a case too, which reports it.
    catch_unwind(AssertUnwindSafe(|| {
        handshake(transport, end, &mut peer)?;
        exchange_bytes(end, &mut peer)
    }))
    .ok()?
    .ok()?;
    peer.session()
}

/// Both take turns until neither can make progress.
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

fn exchange_bytes(end: &mut dyn Endpoint, peer: &mut Peer) -> Result<(), Unsupported> {
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
