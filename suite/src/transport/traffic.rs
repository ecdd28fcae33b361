//! How the transport treated one call of the library under test, from which a judge decides whether
//! a retry was justified. None of it depends on a random length.

use serde::{Deserialize, Serialize};

use super::{Direction, Refusal, Transfer};

/// How the transport treated one call of the library under test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Towards the peer.
    #[serde(default, skip_serializing_if = "FlowStats::is_none")]
    pub(crate) outbound: FlowStats,
    /// From the peer.
    #[serde(default, skip_serializing_if = "FlowStats::is_none")]
    pub(crate) inbound: FlowStats,
    /// The longest run of transport calls, in either direction, that moved no byte.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) fruitless: u32,
    /// The direction of the last transport call, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Direction>,
}

/// How the transport treated one call of the library under test, in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FlowStats {
    /// Whether a byte moved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) moved: bool,
    /// Whether the transport moved fewer bytes than requested.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) short: bool,
    /// Transport calls that were refused.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) refusals: u32,
    /// Transport calls that requested no bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) empty: u32,
    /// How the last refused transport call was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<Refusal>,
}

impl FlowStats {
    /// Records a transport call for `asked` bytes and its result.
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

    /// Whether the transport was called.
    pub(crate) fn is_used(&self) -> bool {
        !self.is_none()
    }

    /// Whether the transport asked for a retry.
    pub(crate) fn is_to_be_retried(&self) -> bool {
        matches!(self.refusal, Some(Refusal::WouldBlock | Refusal::ZeroRetry))
    }

    /// Whether the transport failed, or reached its end, permanently.
    pub(crate) fn has_failed(&self) -> bool {
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
