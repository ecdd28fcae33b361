//! The transport of a case: what the library under test sends through and reads from. SSL_write(3) says
//! that what a write does depends on it.

use serde::{Deserialize, Serialize};

use crate::transport::{Budget, Inbound, Outbound, Refusal, WireFault};

/// A kind of transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TransportKind {
    /// A BIO of the suite that follows the steps and never waits.
    Scripted,
    /// The same, but it waits: a write returns when the peer has taken everything, a read when
    /// something has arrived. The peer reads and answers during the call.
    Blocking,
    /// Two memory BIOs of the library (`BIO_s_mem`), filled before each call and drained after it.
    MemoryBio,
    /// A BIO pair of the library (`BIO_new_bio_pair`) with a small buffer, filled and drained likewise.
    BioPair,
    /// The library's buffering BIO (`BIO_f_buffer`) in front of the scripted one, flushed after each call.
    BufferingBio,
    /// A pair of connected sockets that do not wait, with a small send buffer; read after each call.
    Socket,
    /// A pair of connected sockets that wait, with a small send buffer; read by another thread than the
    /// one that calls the library.
    BlockingSocket,
}

/// What a transport cannot do, and what would be right.
pub(super) struct Cannot {
    pub(super) message: String,
    pub(super) help: String,
}

impl TransportKind {
    /// All kinds, the one that is taken if none is named first.
    pub const ALL: [Self; 7] = [
        Self::Scripted,
        Self::Blocking,
        Self::MemoryBio,
        Self::BioPair,
        Self::BufferingBio,
        Self::Socket,
        Self::BlockingSocket,
    ];

    /// The word in files, arguments and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scripted => "scripted",
            Self::Blocking => "blocking",
            Self::MemoryBio => "memory-bio",
            Self::BioPair => "bio-pair",
            Self::BufferingBio => "buffering-bio",
            Self::Socket => "socket",
            Self::BlockingSocket => "blocking-socket",
        }
    }

    /// Whether it buffers the data of the library, and sends it later.
    pub(crate) fn keeps(self) -> bool {
        matches!(self, Self::MemoryBio | Self::BufferingBio | Self::BioPair)
    }

    /// Whether a call waits for the peer, which has to act during the call.
    pub(crate) fn waits(self) -> bool {
        matches!(self, Self::Blocking | Self::BlockingSocket)
    }

    /// Whether the system decides how many bytes pass in a call, so that no trace may depend on it.
    pub(crate) fn is_of_the_system(self) -> bool {
        matches!(self, Self::Socket | Self::BlockingSocket)
    }

    /// What of `link` it cannot do.
    pub(super) fn refuses_outbound(self, link: &Outbound) -> Option<Cannot> {
        let blocked = link.accept == Budget::Bytes(0) && link.then == Refusal::WouldBlock;
        let plain = link.at_most.is_none() && link.then == Refusal::WouldBlock;
        let can = match self {
            Self::Scripted | Self::BufferingBio => true,
            Self::Blocking => link.accept == Budget::All || can_wait(link.then),
            Self::MemoryBio | Self::BioPair => plain,
            Self::Socket => *link == Outbound::OPEN || (plain && blocked),
            Self::BlockingSocket => *link == Outbound::OPEN,
        };
        (!can).then(|| self.cannot(&format!("link {link}")))
    }

    /// What of `inbound` it cannot do.
    pub(super) fn refuses_inbound(self, inbound: &Inbound) -> Option<Cannot> {
        let hold = inbound.deliver == Budget::Bytes(0);
        let plain = inbound.at_most.is_none();
        let would_block = inbound.then == Refusal::WouldBlock;
        let can = match self {
            Self::Scripted | Self::BufferingBio => true,
            Self::Blocking => {
                can_wait(inbound.then) || (would_block && inbound.deliver == Budget::All)
            }
            Self::MemoryBio | Self::BioPair => {
                plain && (would_block || inbound.then == Refusal::Zero)
            }
            Self::Socket => *inbound == Inbound::OPEN || (plain && would_block && hold),
            Self::BlockingSocket => *inbound == Inbound::OPEN,
        };
        (!can).then(|| self.cannot(&format!("inbound {inbound}")))
    }

    /// Whether it lets such a thing happen to what waits in it.
    pub(super) fn refuses_fault(self, fault: WireFault) -> Option<Cannot> {
        self.is_of_the_system().then(|| {
            let word = self.as_str();
            Cannot {
                message: format!("the transport \"{word}\" does not support \"wire {fault}\""),
                help: format!(
                    "the suite cannot change bytes in a socket; leave \"{word}\" out of transports"
                ),
            }
        })
    }

    fn cannot(self, what: &str) -> Cannot {
        let word = self.as_str();
        Cannot {
            message: format!("the transport \"{word}\" does not support \"{what}\""),
            help: format!(
                "{}; change the step, or leave \"{word}\" out of transports",
                self.can()
            ),
        }
    }

    /// What it can do, in words that begin a sentence on what would be right.
    fn can(self) -> &'static str {
        match self {
            Self::Scripted | Self::BufferingBio => "it supports everything",
            Self::Blocking => {
                "it never reports would-block, so a budget needs then = an errno name, \"zero\" (link) or \"eof\" (inbound)"
            }
            Self::MemoryBio | Self::BioPair => {
                "it supports \"open\", \"blocked\" or \"hold\", \"eof\", and budgets without at_most"
            }
            Self::Socket => {
                "it supports only \"open\", \"blocked\" and \"hold\", as the system decides how much it accepts"
            }
            Self::BlockingSocket => "it supports only \"open\", as nothing would end its waiting",
        }
    }
}

/// Whether a transport that waits can refuse in this way.
fn can_wait(refusal: Refusal) -> bool {
    !matches!(refusal, Refusal::WouldBlock | Refusal::ZeroRetry)
}
