//! Questions of the monitors about a seen record, and about an alert in it.

use crate::scenario::Version;
use crate::trace::{AlertSeen, Body, MessageKind, MessageSeen, Portion, RecordSeen};
use crate::wire::{ContentType, HandshakeType};

/// The length of a record with an alert in TLS 1.3, in bytes: level and description (RFC 8446,
/// section 6).
const ALERT: usize = sealed(2);

/// The length of one with a key update: a message header and the request (RFC 8446, sections 4 and
/// 4.6.3).
const KEY_UPDATE: usize = sealed(4 + 1);

/// A header, the content and its type, and the tag of all suites used here (RFC 8446, section 5.2,
/// and RFC 5116, section 5).
const fn sealed(content: usize) -> usize {
    5 + content + 1 + 16
}

impl RecordSeen {
    /// Whether its last byte was sent.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.portion, Portion::Whole | Portion::Last)
    }

    /// Whether its first byte was sent.
    pub(crate) fn begins(&self) -> bool {
        matches!(self.portion, Portion::Whole | Portion::First)
    }

    /// Whether receiving it from the peer might end the connection.
    pub(super) fn is_disturbing(&self) -> bool {
        matches!(self.body, Body::Alert { .. }) || self.is_unreadable()
    }

    /// Whether it should be readable but is not.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self.body, Body::Sealed { .. } | Body::Garbage | Body::After)
    }

    /// Whether its content is unknown: it cannot be read, or its key is not known.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_unreadable() || matches!(self.body, Body::NoKey { .. })
    }

    /// The handshake messages in it.
    pub(crate) fn messages(&self) -> &[MessageSeen] {
        match &self.body {
            Body::Handshake { messages } => messages,
            _ => &[],
        }
    }

    /// Whether it has such a handshake message, or a part of one.
    pub(crate) fn has_message(&self, wanted: impl Into<MessageKind>) -> bool {
        let wanted = wanted.into();
        let mut messages = self.messages().iter();
        messages.any(|message| message.kind.is(wanted))
    }

    /// Whether it has a hello, with which a handshake begins, or a part of one.
    pub(crate) fn has_hello(&self) -> bool {
        let mut messages = self.messages().iter();
        messages.any(|message| message.kind.is_hello())
    }

    /// Whether it has a finished, which completes a handshake, or a part of it.
    pub(crate) fn has_finished(&self) -> bool {
        self.has_message(HandshakeType::Finished)
    }

    /// Whether it carries application data or, as far as known, may carry them.
    pub(crate) fn is_application_data(&self) -> bool {
        match &self.body {
            Body::ApplicationData { .. } => true,
            Body::Incomplete { content_type, .. } => *content_type == ContentType::ApplicationData,
            _ => false,
        }
    }

    /// Whether it is an incomplete record of TLS 1.3 with the length of an alert or a key update,
    /// and may be one: all types look alike from outside (RFC 8446, section 5.2), and an incomplete
    /// record cannot be decrypted.
    pub(crate) fn may_be_control(&self, version: Version) -> bool {
        version == Version::Tls13
            && match &self.body {
                Body::Incomplete { content_type, wire } => {
                    *content_type == ContentType::ApplicationData
                        && [ALERT, KEY_UPDATE].contains(wire)
                }
                _ => false,
            }
    }

    /// The alert in it.
    pub(crate) fn alert(&self) -> Option<AlertSeen> {
        match self.body {
            Body::Alert { alert, .. } => Some(alert),
            _ => None,
        }
    }

    /// Whether it is an incomplete record that may be an alert.
    pub(crate) fn may_be_alert(&self, version: Version) -> bool {
        match &self.body {
            Body::Header => true,
            Body::Incomplete { content_type, wire } => {
                let is_hidden = *content_type == ContentType::ApplicationData && *wire == ALERT;
                *content_type == ContentType::Alert || version == Version::Tls13 && is_hidden
            }
            _ => false,
        }
    }
}
