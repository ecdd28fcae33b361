//! What the monitors ask of a record that was seen, and of an alert in it.

use crate::scenario::Version;
use crate::trace::{AlertSeen, Body, MessageKind, MessageSeen, Portion, RecordSeen};
use crate::wire::{ContentType, HandshakeType};

/// How long a record with an alert is in TLS 1.3, in bytes: level and description (RFC 8446, section 6).
const ALERT: usize = sealed(2);

/// How long one with a key update is: a message's header, and whether it asks (RFC 8446, sections 4 and 4.6.3).
const KEY_UPDATE: usize = sealed(4 + 1);

/// A header, the content and its type, and the tag that all suites here have (RFC 8446, section 5.2, and RFC 5116,
/// section 5).
const fn sealed(content: usize) -> usize {
    5 + content + 1 + 16
}

impl RecordSeen {
    /// Whether it went out to its last byte.
    pub fn is_complete(&self) -> bool {
        matches!(self.portion, Portion::Whole | Portion::Last)
    }

    /// Whether its first byte went out.
    pub fn begins(&self) -> bool {
        matches!(self.portion, Portion::Whole | Portion::First)
    }

    /// Whether one who takes it from the peer might end the connection for it.
    pub(super) fn is_disturbing(&self) -> bool {
        matches!(self.body, Body::Alert { .. }) || self.is_unreadable()
    }

    /// Whether it is one that cannot be read where it should be.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.body, Body::Sealed { .. } | Body::Garbage | Body::After)
    }

    /// Whether it is not known what it holds: it cannot be read, or its key is not known.
    pub fn is_closed(&self) -> bool {
        self.is_unreadable() || matches!(self.body, Body::NoKey { .. })
    }

    /// The handshake messages in it.
    pub fn messages(&self) -> &[MessageSeen] {
        match &self.body {
            Body::Handshake { messages } => messages,
            _ => &[],
        }
    }

    /// Whether it has such a handshake message, or a part of one.
    pub fn has_message(&self, wanted: impl Into<MessageKind>) -> bool {
        let wanted = wanted.into();
        let mut messages = self.messages().iter();
        messages.any(|message| message.kind.is(wanted))
    }

    /// Whether it has a message with which a handshake begins, or a part of one.
    pub fn has_hello(&self) -> bool {
        let mut messages = self.messages().iter();
        messages.any(|message| message.kind.is_hello())
    }

    /// Whether it has the message that ends a handshake, or a part of it.
    pub fn has_finished(&self) -> bool {
        self.has_message(HandshakeType::Finished)
    }

    /// Whether it carries application data, or can, as far as it has come.
    pub fn is_application_data(&self) -> bool {
        match &self.body {
            Body::ApplicationData { .. } => true,
            Body::Incomplete { content_type, .. } => *content_type == ContentType::ApplicationData,
            _ => false,
        }
    }

    /// Whether it is a record of TLS 1.3 cut off that is as long as an alert or a key update, and may be one: all types
    /// look alike from outside (RFC 8446, section 5.2), and nobody can open what has not come.
    pub fn may_be_control(&self, version: Version) -> bool {
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
    pub fn alert(&self) -> Option<AlertSeen> {
        match self.body {
            Body::Alert { alert, .. } => Some(alert),
            _ => None,
        }
    }

    /// Whether it is a record cut off that may be an alert.
    pub fn may_be_alert(&self, version: Version) -> bool {
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
