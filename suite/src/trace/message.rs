//! Handshake messages and alerts in the form in which a trace shows them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scenario::KeyUpdate;
use crate::wire::{self, Alert, AlertDescription, AlertLevel, HandshakeType, KeyUpdateRequest};

/// A handshake message, or a part of one, in a record; displayed as `key_update (update_requested)`
/// or `certificate, continued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MessageSeen {
    /// The kind of message.
    pub kind: MessageKind,
    /// Whether it began in an earlier record.
    pub(crate) continued: bool,
}

/// The kind of a handshake message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageKind {
    /// Its type.
    pub handshake_type: HandshakeType,
    /// The request of a key update; `None` if the message was not seen completely.
    pub(crate) key_update: Option<KeyUpdateRequest>,
}

impl MessageSeen {
    /// The suffix for a message that began in an earlier record.
    const CONTINUED: &str = ", continued";
}

impl MessageKind {
    /// Parses the displayed form.
    pub(crate) fn displayed(text: &str) -> Option<Self> {
        let (handshake_type, request) = match text.split_once(" (") {
            Some((name, request)) => (name, Some(request.strip_suffix(')')?)),
            None => (text, None),
        };
        let key_update = match request {
            Some(request) => Some(KeyUpdateRequest::displayed(request)?),
            None => None,
        };
        Some(Self {
            handshake_type: HandshakeType::displayed(handshake_type)?,
            key_update,
        })
    }

    /// Whether this is of the kind `wanted`; a `wanted` key update without a request matches any
    /// request.
    pub(crate) fn is(self, wanted: Self) -> bool {
        self.handshake_type == wanted.handshake_type
            && (wanted.key_update.is_none() || self.key_update == wanted.key_update)
    }

    /// Whether it is a hello, with which a handshake begins.
    pub(crate) fn is_hello(self) -> bool {
        matches!(
            self.handshake_type,
            HandshakeType::HelloRequest
                | HandshakeType::ClientHello
                | HandshakeType::HelloVerifyRequest
                | HandshakeType::HelloRetryRequest
                | HandshakeType::ServerHello
                | HandshakeType::ServerHelloDone
        )
    }
}

impl From<HandshakeType> for MessageKind {
    fn from(handshake_type: HandshakeType) -> Self {
        Self {
            handshake_type,
            key_update: None,
        }
    }
}

impl From<KeyUpdate> for MessageKind {
    fn from(asks: KeyUpdate) -> Self {
        Self {
            handshake_type: HandshakeType::KeyUpdate,
            key_update: Some(match asks {
                KeyUpdate::Requested => KeyUpdateRequest::UpdateRequested,
                KeyUpdate::NotRequested => KeyUpdateRequest::UpdateNotRequested,
            }),
        }
    }
}

impl From<&wire::Message> for MessageSeen {
    fn from(message: &wire::Message) -> Self {
        Self {
            kind: MessageKind {
                handshake_type: message.kind,
                key_update: message.key_update,
            },
            continued: !message.begins,
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handshake_type.fmt(f)?;
        match self.key_update {
            Some(request) => write!(f, " ({request})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for MessageSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        f.write_str(if self.continued { Self::CONTINUED } else { "" })
    }
}

impl From<MessageSeen> for String {
    fn from(message: MessageSeen) -> Self {
        message.to_string()
    }
}

impl TryFrom<String> for MessageSeen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let whole = text.strip_suffix(Self::CONTINUED);
        let kind = MessageKind::displayed(whole.unwrap_or(&text));
        Ok(Self {
            kind: kind.ok_or_else(|| format!("no handshake message: {text}"))?,
            continued: whole.is_some(),
        })
    }
}

/// An alert as seen on the wire; displayed as `warning close_notify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum AlertSeen {
    /// A complete alert.
    Whole(Alert),
    /// Any length other than two bytes.
    Malformed,
}

impl AlertSeen {
    /// The displayed form of an alert that is not two bytes.
    const MALFORMED: &str = "malformed";

    /// Parses the displayed form.
    pub(crate) fn displayed(text: &str) -> Option<Self> {
        match text {
            Self::MALFORMED => Some(Self::Malformed),
            _ => Alert::displayed(text).map(Self::Whole),
        }
    }

    /// Its description, if it is complete.
    pub(crate) fn description(self) -> Option<AlertDescription> {
        match self {
            Self::Whole(alert) => Some(alert.description),
            Self::Malformed => None,
        }
    }

    /// Whether it is close_notify, at either level.
    pub(crate) fn is_close_notify(self) -> bool {
        self.description() == Some(AlertDescription::CloseNotify)
    }

    /// Whether its level is fatal.
    pub(crate) fn is_fatal(self) -> bool {
        matches!(self, Self::Whole(alert) if alert.level == AlertLevel::Fatal)
    }

    /// Whether it is no_renegotiation, which refuses a renegotiation and leaves the connection open
    /// (RFC 5246, section 7.2.2).
    pub(crate) fn is_refusal(self) -> bool {
        self.description() == Some(AlertDescription::NoRenegotiation) && !self.is_fatal()
    }
}

impl fmt::Display for AlertSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(alert) => alert.fmt(f),
            Self::Malformed => f.write_str(Self::MALFORMED),
        }
    }
}

impl From<AlertSeen> for String {
    fn from(alert: AlertSeen) -> Self {
        alert.to_string()
    }
}

impl TryFrom<String> for AlertSeen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::displayed(&text).ok_or_else(|| format!("no alert: {text}"))
    }
}
