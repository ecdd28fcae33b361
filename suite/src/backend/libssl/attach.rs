//! Attaches a transport to a new connection of a libssl: the adapter for its kind.

use super::Way;
use super::adapter::{TransportAdapter, no_sockets};
use super::bio_pair::BioPair;
use super::blocking_socket::BlockingSocket;
use super::buffering_bio::BufferingBio;
use super::context::refused;
use super::memory_bio::MemoryBio;
use super::socket::Socket;
use super::socket_pair::SocketPair;
use super::symbols::{Functions, Ssl};
use crate::backend::Unsupported;
use crate::scenario::TransportKind;
use crate::transport::Transport;

/// Gives the connection `ssl` a transport of this kind.
///
/// # Errors
///
/// [`Unsupported`], if the library does not support it.
///
/// # Safety
///
/// `ssl` is a live connection of the library of `api` and `way` without a transport, and is freed
/// through the adapter, or before it is dropped.
pub(super) unsafe fn give(
    api: &Functions,
    way: &Way,
    kind: TransportKind,
    transport: &Transport,
    ssl: *mut Ssl,
) -> Result<Box<dyn TransportAdapter>, Unsupported> {
    // SAFETY: guaranteed by the caller.
    unsafe {
        Ok(match (kind, way) {
            (TransportKind::Scripted | TransportKind::Blocking, Way::Bio(method)) => {
                if method.give(ssl) {
                    Box::new(method.port(transport))
                } else {
                    return Err(refused(api, "a transport of the suite"));
                }
            }
            (TransportKind::BufferingBio, Way::Bio(method)) => {
                Box::new(BufferingBio::give(api, method, transport, ssl)?)
            }
            (TransportKind::Scripted, Way::SocketPair) => {
                let pair = SocketPair::new(transport).map_err(|error| no_sockets(&error))?;
                set_fd(api, ssl, pair.number())?;
                Box::new(pair)
            }
            (TransportKind::Blocking | TransportKind::BufferingBio, Way::SocketPair) => {
                return Err(Unsupported::new(format!(
                    "the transport {}, without {}",
                    kind.as_str(),
                    api.lacks_for_a_bio().join(", ")
                )));
            }
            (TransportKind::MemoryBio, _) => Box::new(MemoryBio::give(api, transport, ssl)?),
            (TransportKind::BioPair, _) => Box::new(BioPair::give(api, transport, ssl)?),
            (TransportKind::Socket, _) => {
                let socket = Socket::new(transport).map_err(|error| no_sockets(&error))?;
                set_fd(api, ssl, socket.number())?;
                Box::new(socket)
            }
            (TransportKind::BlockingSocket, _) => {
                let socket = BlockingSocket::new(transport).map_err(|error| no_sockets(&error))?;
                set_fd(api, ssl, socket.number())?;
                Box::new(socket)
            }
        })
    }
}

/// # Safety
/// `ssl` is a live connection of the library of `api`.
unsafe fn set_fd(api: &Functions, ssl: *mut Ssl, number: i32) -> Result<(), Unsupported> {
    let set = api
        .SSL_set_fd
        .ok_or_else(|| Unsupported::new("SSL_set_fd"))?;
    // SAFETY: the connection is live; the adapter keeps the socket open longer than the connection
    // lives.
    match unsafe { set(ssl, number) } {
        1 => Ok(()),
        _ => Err(refused(api, "SSL_set_fd")),
    }
}
