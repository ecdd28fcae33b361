//! `peer`: an action of the peer.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::argument::StepArgument;
use super::encoding::{Encoding, Op, OpCodec, only, some};
use super::key_update::{KEY_UPDATES, key_update, of_key_update};
use super::{Declaration, Effect, KeyUpdate, Objection, Part, Step, StepContext, number};
use crate::scenario::text::{InlineTable, hex, word};
use crate::scenario::{Role, Version};
use crate::toml_reader::Fault;

/// An action of the peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerAction {
    /// It reads everything that has arrived.
    Read,
    /// It writes this many bytes of its own pattern.
    Write(NonZeroUsize),
    /// It continues its handshake as far as it can.
    Handshake,
    /// It sends a key update (TLS 1.3).
    KeyUpdate(KeyUpdate),
    /// It asks for a renegotiation (TLS 1.2): HelloRequest or ClientHello.
    Renegotiate,
    /// It sends close_notify.
    CloseNotify,
    /// It sends a fatal alert (`bad_record_mac`, as if a record had been damaged on the way).
    FatalAlert,
    /// It sends a session ticket (TLS 1.3 server).
    SessionTicket,
    /// These bytes arrive as they are, past the peer's library.
    Raw(Vec<u8>),
    /// It is gone: reads find end of file, writes fail with `EPIPE`.
    Disconnect,
}

/// The most that the peer puts onto the wire in one step, in bytes (1 MiB).
const MAX_SENT: usize = 1 << 20;

/// What the peer does of which no more is to be said than its word.
const WORDS: [(&str, PeerAction); 7] = [
    ("read", PeerAction::Read),
    ("handshake", PeerAction::Handshake),
    ("renegotiate", PeerAction::Renegotiate),
    ("close_notify", PeerAction::CloseNotify),
    ("fatal_alert", PeerAction::FatalAlert),
    ("session_ticket", PeerAction::SessionTicket),
    ("disconnect", PeerAction::Disconnect),
];

impl Declaration for PeerAction {
    type Value = Self;

    const NAME: &'static str = "peer";
    const PART: Part = Part::Other;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<Self, Fault> {
        const KEYS: [&str; 3] = ["write", "key_update", "raw"];
        const WANTED: &str =
            "a word such as \"read\", or { write = N }, { key_update = … }, { raw = … }";
        let node = argument.node()?;
        if node.as_text().is_some() {
            return node.choice(WORDS);
        }
        match node.fields(WANTED)?.only(&KEYS)?.at_most_one(&KEYS)? {
            Some(("write", bytes)) => bytes.count(MAX_SENT).map(Self::Write),
            Some(("key_update", kind)) => kind.choice(KEY_UPDATES).map(Self::KeyUpdate),
            Some((_, bytes)) => bytes.hex(MAX_SENT).map(Self::Raw),
            None => Err(node.refused(WANTED)),
        }
    }

    fn write(action: &Self) -> Option<String> {
        Some(text(action))
    }

    fn describe(action: &Self) -> String {
        match action {
            Self::Read => "peer read".to_owned(),
            Self::Write(len) => format!("peer write {len}"),
            Self::Handshake => "peer handshake".to_owned(),
            Self::KeyUpdate(request) => format!("peer key update{}", request.suffix()),
            Self::Renegotiate => "peer renegotiate".to_owned(),
            Self::CloseNotify => "peer close_notify".to_owned(),
            Self::FatalAlert => "peer fatal alert".to_owned(),
            Self::SessionTicket => "peer session ticket".to_owned(),
            Self::Raw(bytes) => format!("peer raw {} bytes", bytes.len()),
            Self::Disconnect => "peer disconnect".to_owned(),
        }
    }

    fn objection(action: &Self, context: &StepContext<'_>) -> Option<Objection> {
        let objection = match action {
            Self::KeyUpdate(_) => context.key_update_needs_tls13(),
            Self::Renegotiate => context.renegotiation_needs_tls12(),
            Self::SessionTicket => ticket_needs_a_tls13_client(context),
            _ => None,
        };
        objection.or_else(|| no_action_after_a_disconnect(context))
    }

    fn effect(action: &Self) -> Effect<'_> {
        match action {
            Self::Raw(_) => Effect::PeerBytesInjected,
            Self::CloseNotify => Effect::PeerCloses,
            Self::Disconnect => Effect::PeerGone,
            Self::Read
            | Self::Write(_)
            | Self::Handshake
            | Self::KeyUpdate(_)
            | Self::Renegotiate
            | Self::FatalAlert
            | Self::SessionTicket => Effect::None,
        }
    }
}

fn text(action: &PeerAction) -> String {
    let table = InlineTable::default();
    match action {
        PeerAction::Write(bytes) => table.entry("write", bytes).to_string(),
        PeerAction::KeyUpdate(kind) => table
            .entry("key_update", word(&KEY_UPDATES, kind))
            .to_string(),
        PeerAction::Raw(bytes) => table.entry("raw", hex(bytes)).to_string(),
        PeerAction::Read
        | PeerAction::Handshake
        | PeerAction::Renegotiate
        | PeerAction::CloseNotify
        | PeerAction::FatalAlert
        | PeerAction::SessionTicket
        | PeerAction::Disconnect => word(&WORDS, action),
    }
}

fn ticket_needs_a_tls13_client(context: &StepContext<'_>) -> Option<Objection> {
    let fits = context.only_version(Version::Tls13) && context.scenario.roles == [Role::Client];
    (!fits).then(|| {
        Objection::new(
            "a session ticket from the peer, which only a TLS 1.3 server can send at any time",
            "add versions = [\"tls1.3\"] and roles = [\"client\"]",
        )
    })
}

fn no_action_after_a_disconnect(context: &StepContext<'_>) -> Option<Objection> {
    let gone = |step: &Step| *step == Step::Peer(PeerAction::Disconnect);
    context.before(gone).then(|| {
        Objection::new(
            "a step of the peer after it disconnected",
            "put it before peer = \"disconnect\", or leave it out",
        )
    })
}

pub(crate) const PEER_KEY_UPDATE: OpCodec = OpCodec {
    step: |op| Step::Peer(PeerAction::KeyUpdate(key_update(op))),
    op: |step| match step {
        Step::Peer(PeerAction::KeyUpdate(request)) => Some(of_key_update(*request)),
        _ => None,
    },
};

pub(crate) const PEER_READ: OpCodec = OpCodec {
    step: |_| Step::Peer(PeerAction::Read),
    op: |step| only(step, &Step::Peer(PeerAction::Read)),
};

/// `a`: how much.
pub(crate) const PEER_WRITE: OpCodec = OpCodec {
    step: |op| Step::Peer(PeerAction::Write(some(op.a))),
    op: |step| match step {
        Step::Peer(PeerAction::Write(bytes)) => Some(Op {
            a: number::encoded(bytes.get())?,
            ..Op::default()
        }),
        _ => None,
    },
};

/// What the peer can do of which there is no more to say, by `flags`.
const PEER_ACTIONS: [PeerAction; 6] = [
    PeerAction::Renegotiate,
    PeerAction::SessionTicket,
    PeerAction::Handshake,
    PeerAction::CloseNotify,
    PeerAction::FatalAlert,
    PeerAction::Disconnect,
];

pub(crate) const PEER_ACTS: OpCodec = OpCodec {
    step: |op| Step::Peer(PEER_ACTIONS[usize::from(op.flags) % PEER_ACTIONS.len()].clone()),
    op: |step| {
        let place = PEER_ACTIONS
            .iter()
            .position(|action| *step == Step::Peer(action.clone()))?;
        Some(Op {
            flags: u8::try_from(place).ok()?,
            ..Op::default()
        })
    },
};

/// Bytes that no peer sends, by `flags`: a record that does not open, an alert in the clear,
/// something that is no TLS, and an empty record.
const RAWS: [&[u8]; 4] = [
    &[
        0x17, 3, 3, 0, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ],
    &[0x15, 3, 3, 0, 2, 2, 0x28],
    b"GET / HTTP/1.1\r\n\r\n",
    &[0x17, 3, 3, 0, 0],
];

pub(crate) const RAW: OpCodec = OpCodec {
    step: |op| {
        Step::Peer(PeerAction::Raw(
            RAWS[usize::from(op.flags) % RAWS.len()].to_vec(),
        ))
    },
    op: |step| {
        let Step::Peer(PeerAction::Raw(bytes)) = step else {
            return None;
        };
        let place = RAWS.iter().position(|raw| raw == bytes)?;
        Some(Op {
            flags: u8::try_from(place).ok()?,
            ..Op::default()
        })
    },
};
