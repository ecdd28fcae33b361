//! How the transport treated one call of the library under test: what a judge has to know to say
//! whether "call again" was right. Nothing here depends on a length that a random number decides.

use serde::{Deserialize, Serialize};

use super::{Direction, Refusal, Transfer};

/// How the transport treated one call of the library under test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Towards the peer.
    #[serde(default, skip_serializing_if = "FlowStats::is_none")]
    pub outbound: FlowStats,
    /// From the peer.
    #[serde(default, skip_serializing_if = "FlowStats::is_none")]
    pub inbound: FlowStats,
    /// The most transport calls in a row, in either direction, that moved no byte.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fruitless: u32,
    /// Which way the last transport call went, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Direction>,
}

/// How the transport treated one call of the library under test, in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowStats {
    /// Whether a byte moved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moved: bool,
    /// Whether the transport took, or gave, fewer bytes than it was called for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short: bool,
    /// Transport calls that were refused.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refusals: u32,
    /// Transport calls that were for no byte at all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub empty: u32,
    /// How the last transport call that came to nothing was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

impl FlowStats {
    /// The transport was called for so many bytes, and this came of it.
    pub(super) fn note(&mut self, asked: usize, transfer: Transfer) {
        match transfer {
            Transfer::Done(0) => self.empty += 1,
            Transfer::Done(bytes) => {
                self.moved = true;
                self.short |= bytes < asked;
            }
            Transfer::Refused(refusal) => {
                self.empty += u32::from(asked == 0);
                self.refusals += u32::from(asked > 0);
                self.refusal = Some(refusal);
            }
        }
    }

    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the transport was called at all.
    pub fn is_used(&self) -> bool {
        !self.is_none()
    }

    /// Whether the transport asked to be called again.
    pub fn is_to_be_retried(&self) -> bool {
        matches!(self.refusal, Some(Refusal::WouldBlock | Refusal::ZeroRetry))
    }

    /// Whether the transport failed, or came to its end, for good.
    pub fn has_failed(&self) -> bool {
        matches!(self.refusal, Some(Refusal::Fail(_) | Refusal::Zero))
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
