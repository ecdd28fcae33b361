//! Handshake messages and alerts as a trace shows them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scenario::KeyUpdate;
use crate::wire::{self, Alert, AlertDescription, AlertLevel, HandshakeType, KeyUpdateRequest};

/// A handshake message, or a part of one, in a record; in files as in `key_update (update_requested)` or
/// `certificate, continued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MessageSeen {
    /// What it is.
    pub kind: MessageKind,
    /// Whether it began in an earlier record.
    pub continued: bool,
}

/// What a handshake message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageKind {
    /// Its type.
    pub handshake_type: HandshakeType,
    /// What a key update asks for; nothing for one that was not seen to its end.
    pub key_update: Option<KeyUpdateRequest>,
}

impl MessageSeen {
    /// Ends the name of a message that began in an earlier record.
    const CONTINUED: &str = ", continued";
}

impl MessageKind {
    /// What is displayed like this.
    pub fn displayed(text: &str) -> Option<Self> {
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

    /// Whether this is of the kind that `wanted` names: of any request if it names none.
    pub fn is(self, wanted: Self) -> bool {
        self.handshake_type == wanted.handshake_type
            && (wanted.key_update.is_none() || self.key_update == wanted.key_update)
    }

    /// Whether it is one of those with which a handshake begins.
    pub fn is_hello(self) -> bool {
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

/// An alert as it was seen; in files as in `warning close_notify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum AlertSeen {
    /// A whole one.
    Whole(Alert),
    /// Anything but two bytes.
    Malformed,
}

impl AlertSeen {
    /// How one is named that is not two bytes.
    const MALFORMED: &str = "malformed";

    /// What is displayed like this.
    pub fn displayed(text: &str) -> Option<Self> {
        match text {
            Self::MALFORMED => Some(Self::Malformed),
            _ => Alert::displayed(text).map(Self::Whole),
        }
    }

    /// What it says.
    pub fn description(self) -> Option<AlertDescription> {
        match self {
            Self::Whole(alert) => Some(alert.description),
            Self::Malformed => None,
        }
    }

    /// Whether it is close_notify, at whatever level.
    pub fn is_close_notify(self) -> bool {
        self.description() == Some(AlertDescription::CloseNotify)
    }

    /// Whether it is one at level fatal.
    pub fn is_fatal(self) -> bool {
        matches!(self, Self::Whole(alert) if alert.level == AlertLevel::Fatal)
    }

    /// Whether it refuses a renegotiation, which goes on without it (RFC 5246, section 7.2.2).
    pub fn is_refusal(self) -> bool {
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
