//! How a connection of a libssl reaches the link: each kind of transport is a [`Port`] of its own.
//!
//! In flow the kind and a new connection; out flows the port that the connection was given, which is in
//! step with the link before and after each call.

use super::Way;
use super::bio_pair::BioPair;
use super::blocking_socket::BlockingSocket;
use super::buffering_bio::BufferingBio;
use super::context::refused;
use super::memory_bio::MemoryBio;
use super::socket::Socket;
use super::socket_pair::SocketPair;
use super::symbols::{Interface, Ssl};
use crate::backend::Unsupported;
use crate::link::Link;
use crate::scenario::Transport;

/// The transport of one connection.
pub(super) trait Port {
    /// What is to be done before a call of the library.
    fn before(&mut self) -> Result<(), Unsupported> {
        Ok(())
    }

    /// Runs a call of the library, once.
    fn during(&self, call: &mut dyn FnMut()) -> Result<(), Unsupported> {
        call();
        Ok(())
    }

    /// What is to be done after it.
    fn after(&mut self) -> Result<(), Unsupported> {
        self.exchange()
    }

    /// Takes what the library has sent so far, as much as the link takes.
    fn exchange(&mut self) -> Result<(), Unsupported> {
        Ok(())
    }

    /// Frees the connection.
    fn free(&self, free: &mut dyn FnMut()) {
        free();
    }
}

/// Gives the connection `ssl` a transport of this kind.
///
/// # Errors
/// [`Unsupported`], if the library has none.
///
/// # Safety
/// `ssl` is a live connection of the library of `api` and `way` without a transport, and is freed through
/// the port, or before it is dropped.
pub(super) unsafe fn give(
    api: &Interface,
    way: &Way,
    transport: Transport,
    link: &Link,
    ssl: *mut Ssl,
) -> Result<Box<dyn Port>, Unsupported> {
    // SAFETY: as the caller says.
    unsafe {
        Ok(match (transport, way) {
            (Transport::Scripted | Transport::Blocking, Way::Bio(method)) => {
                match method.give(ssl) {
                    true => Box::new(method.port(link)),
                    false => return Err(refused(api, "a transport of the suite")),
                }
            }
            (Transport::BufferingBio, Way::Bio(method)) => {
                Box::new(BufferingBio::give(api, method, link, ssl)?)
            }
            (Transport::Scripted, Way::SocketPair) => {
                let pair = SocketPair::new(link).map_err(|error| no_sockets(&error))?;
                set_fd(api, ssl, pair.number())?;
                Box::new(pair)
            }
            (Transport::Blocking | Transport::BufferingBio, Way::SocketPair) => {
                return Err(Unsupported::new(format!(
                    "the transport {}, without {}",
                    transport.word(),
                    api.lacks_for_a_bio().join(", ")
                )));
            }
            (Transport::MemoryBio, _) => Box::new(MemoryBio::give(api, link, ssl)?),
            (Transport::BioPair, _) => Box::new(BioPair::give(api, link, ssl)?),
            (Transport::Socket, _) => {
                let socket = Socket::new(link).map_err(|error| no_sockets(&error))?;
                set_fd(api, ssl, socket.number())?;
                Box::new(socket)
            }
            (Transport::BlockingSocket, _) => {
                let socket = BlockingSocket::new(link).map_err(|error| no_sockets(&error))?;
                set_fd(api, ssl, socket.number())?;
                Box::new(socket)
            }
        })
    }
}

/// What the system said when it was asked for sockets.
pub(super) fn no_sockets(error: &std::io::Error) -> Unsupported {
    Unsupported::new(format!("a socket pair ({error})"))
}

/// # Safety
/// `ssl` is a live connection of the library of `api`.
unsafe fn set_fd(api: &Interface, ssl: *mut Ssl, number: i32) -> Result<(), Unsupported> {
    let set = api
        .SSL_set_fd
        .ok_or_else(|| Unsupported::new("SSL_set_fd"))?;
    // SAFETY: the connection is live; the port keeps the socket open longer than the connection lives.
    match unsafe { set(ssl, number) } {
        1 => Ok(()),
        _ => Err(refused(api, "SSL_set_fd")),
    }
}
