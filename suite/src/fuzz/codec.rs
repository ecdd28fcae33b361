//! The operations of a target: its steps, and the setup of a case. The encoding of each step is a
//! part of its declaration.

use std::sync::LazyLock;

use super::FuzzTarget;
use super::not_encodable::NotEncodable;
use crate::scenario::codec::{
    FINISH, FRAGMENT, INBOUND, KEY_UPDATE, LINK, LINK_OPEN, MODES, PEER_ACTS, PEER_KEY_UPDATE,
    PEER_READ, PEER_WRITE, RAW, READ, RENEGOTIATE, RETRY, SHUTDOWN, STALE_ERROR, WIRE, WRITE,
};
use crate::scenario::{
    Cipher, FIRST_FORMAT, KeyExchange, Op, OpCodec, PeerRenegotiation, Role, RoleState, Scenario,
    SessionTickets, Step, TransportKind, Variant, Version, appended_codecs,
};

/// The steps of a target: those of the first format, in which a step that is listed twice occurs
/// twice as often, then those that were added later.
pub(super) struct Vocabulary {
    first: &'static [OpCodec],
    appended: &'static [OpCodec],
}

impl Vocabulary {
    /// The steps of `target`; `None` if it reads no operations.
    pub(super) fn of(target: FuzzTarget) -> Option<Self> {
        static APPENDED: LazyLock<Vec<OpCodec>> = LazyLock::new(appended_codecs);
        let first: &[OpCodec] = match target {
            FuzzTarget::WriteRetry => &WRITE_RETRY,
            FuzzTarget::WriteSequence => &WRITE_SEQUENCE,
            FuzzTarget::WireInbound => &WIRE_INBOUND,
            FuzzTarget::ScenarioFile => return None,
        };
        let appended = &APPENDED;
        Some(Self { first, appended })
    }

    /// Decodes an operation.
    pub(super) fn step(&self, op: Op) -> Option<Step> {
        let codec = self.codecs().nth(self.index(op))?;
        Some((codec.step)(op))
    }

    /// Encodes a step; `None` if the target has no operation for it.
    pub(super) fn op(&self, step: &Step) -> Option<Op> {
        let encode = |(kind, codec): (usize, &OpCodec)| {
            let kind = u8::try_from(kind).ok()?;
            (codec.op)(step).map(|op| Op { kind, ..op })
        };
        self.codecs().enumerate().find_map(encode)
    }

    /// Converts an operation of `format` to the newest format. The kind is taken modulo the number of
    /// steps, and `format` had fewer steps.
    pub(super) fn upgrade(&self, format: u8, op: Op) -> Op {
        let known = self.first.len() + usize::from(format - FIRST_FORMAT);
        let kind = usize::from(op.kind) % known;
        Op {
            kind: u8::try_from(kind).unwrap_or(op.kind),
            ..op
        }
    }

    /// The oldest format that has the step of the operation, and the operation in that format.
    pub(super) fn downgrade(&self, op: Op) -> (u8, Op) {
        let index = self.index(op);
        let newer = (index + 1).saturating_sub(self.first.len());
        let kind = u8::try_from(index).unwrap_or(op.kind);
        let newer = u8::try_from(newer).unwrap_or(u8::MAX);
        (FIRST_FORMAT.saturating_add(newer), Op { kind, ..op })
    }

    fn codecs(&self) -> impl Iterator<Item = &'static OpCodec> {
        self.first.iter().chain(self.appended)
    }

    fn index(&self, op: Op) -> usize {
        usize::from(op.kind) % (self.first.len() + self.appended.len())
    }
}

// These tables are a part of the format: they never change. A new step is appended to all of them
// by its declaration.
const WRITE_RETRY: [OpCodec; 16] = [
    WRITE,
    RETRY,
    LINK,
    RETRY,
    WRITE,
    LINK,
    FINISH,
    RETRY,
    PEER_READ,
    MODES,
    LINK_OPEN,
    FRAGMENT,
    SHUTDOWN,
    READ,
    STALE_ERROR,
    PEER_WRITE,
];

const WRITE_SEQUENCE: [OpCodec; 20] = [
    WRITE,
    RETRY,
    LINK,
    FINISH,
    WRITE,
    LINK_OPEN,
    READ,
    KEY_UPDATE,
    PEER_KEY_UPDATE,
    RENEGOTIATE,
    PEER_READ,
    PEER_WRITE,
    PEER_ACTS,
    INBOUND,
    MODES,
    FRAGMENT,
    SHUTDOWN,
    STALE_ERROR,
    RAW,
    WIRE,
];

const WIRE_INBOUND: [OpCodec; 16] = [
    PEER_WRITE,
    INBOUND,
    READ,
    WRITE,
    PEER_ACTS,
    PEER_KEY_UPDATE,
    INBOUND,
    FINISH,
    READ,
    RETRY,
    LINK,
    PEER_READ,
    RAW,
    WIRE,
    SHUTDOWN,
    WIRE,
];

/// How a case is set up.
pub(super) struct SetupCodec {
    pub(super) variant: Variant,
    pub(super) cipher: Cipher,
    pub(super) key_exchange: KeyExchange,
    pub(super) handshakes: bool,
    pub(super) peer_renegotiation: PeerRenegotiation,
    pub(super) session_tickets: SessionTickets,
}

/// The transports of [`FuzzTarget::WriteSequence`], by bits 4 to 7 of `flags`; those beyond the last
/// are scripted. Sockets would be waited for.
const TRANSPORTS: [TransportKind; 5] = [
    TransportKind::Scripted,
    TransportKind::Blocking,
    TransportKind::MemoryBio,
    TransportKind::BioPair,
    TransportKind::BufferingBio,
];

/// No handshake before the steps, in bits 0 to 3 of `flags`: one value of 16, so that it is rare.
const NO_HANDSHAKE: u8 = 15;

/// A whole key exchange, in bits 0 to 3 of `b`: one value of 16, because it takes several times as
/// long as the rest of a case.
const EPHEMERAL: u16 = 15;

/// Puts a handshake before the steps, if this first operation has none.
pub(super) fn ensure_handshake(op: &mut Op) {
    if op.flags & 0xf == NO_HANDSHAKE {
        op.flags &= 0xf0;
    }
}

/// Decodes the first operation. `kind`: bit 0 the role, bit 1 the version, bits 2 and 3 the cipher;
/// `flags`: bits 0 to 3 whether there is a handshake, bits 4 to 7 the transport; `a`: bit 0 whether
/// the peer refuses to renegotiate, bit 1 whether tickets are sent; `b`: bits 0 to 3 the key
/// exchange, except for [`FuzzTarget::WriteRetry`], which always uses the cheapest one.
pub(super) fn setting(target: FuzzTarget, op: Op) -> SetupCodec {
    let role = Role::ALL[usize::from(op.kind & 1)];
    let version = match target {
        FuzzTarget::WriteRetry => Version::Tls12,
        _ => Version::ALL[usize::from(op.kind >> 1 & 1)],
    };
    let cipher = Cipher::ALL[usize::from(op.kind >> 2 & 3)];
    let transport = match target {
        FuzzTarget::WriteSequence => TRANSPORTS.get(usize::from(op.flags >> 4)).copied(),
        _ => None,
    };
    SetupCodec {
        variant: Variant {
            version,
            role,
            transport: transport.unwrap_or(TransportKind::Scripted),
        },
        cipher: match version == Version::Tls13 && !cipher.is_aead() {
            true => Cipher::Aes128Gcm,
            false => cipher,
        },
        key_exchange: match target != FuzzTarget::WriteRetry && op.b & 0xf == EPHEMERAL {
            true => KeyExchange::Ephemeral,
            false => KeyExchange::PreShared,
        },
        handshakes: op.flags & 0xf != NO_HANDSHAKE,
        peer_renegotiation: match op.a & 1 {
            0 => PeerRenegotiation::Allow,
            _ => PeerRenegotiation::Refuse,
        },
        session_tickets: match op.a >> 1 & 1 {
            0 => SessionTickets::None,
            _ => SessionTickets::Send,
        },
    }
}

/// The operation that encodes how this scenario is set up in this variant. The key exchange of the
/// scenario is not kept: it becomes the cheapest one.
pub(super) fn setting_of(
    target: FuzzTarget,
    scenario: &Scenario,
    variant: Variant,
    handshakes: bool,
) -> Result<Op, NotEncodable> {
    let refuse = |what: String| Err(NotEncodable::Setting(what));
    if scenario.role_state != RoleState::Set {
        return refuse("a role that is not set".to_owned());
    }
    let place = |found: Option<usize>| {
        found
            .and_then(|place| u8::try_from(place).ok())
            .unwrap_or(0)
    };
    let role = place(Role::ALL.iter().position(|role| *role == variant.role));
    let version = place(
        Version::ALL
            .iter()
            .position(|version| *version == variant.version),
    );
    let cipher = place(
        Cipher::ALL
            .iter()
            .position(|cipher| *cipher == scenario.cipher),
    );
    let transport = place(
        TRANSPORTS
            .iter()
            .position(|known| *known == variant.transport),
    );
    let op = Op {
        kind: role | version << 1 | cipher << 2,
        flags: transport << 4 | if handshakes { 0 } else { NO_HANDSHAKE },
        a: u16::from(scenario.peer_renegotiation == PeerRenegotiation::Refuse)
            | u16::from(scenario.session_tickets == SessionTickets::Send) << 1,
        b: 0,
    };
    let decoded = setting(target, op);
    if decoded.variant != variant {
        return refuse(format!("the variant {variant}"));
    }
    if decoded.cipher == scenario.cipher {
        Ok(op)
    } else {
        refuse(format!("the cipher {}", scenario.cipher.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TARGETS: [FuzzTarget; 3] = [
        FuzzTarget::WriteRetry,
        FuzzTarget::WriteSequence,
        FuzzTarget::WireInbound,
    ];

    #[test]
    fn each_codec_encodes_what_it_decodes() {
        for target in TARGETS {
            let vocabulary = Vocabulary::of(target).expect("a target with operations");
            for codec in vocabulary.codecs() {
                for flags in 0..=u8::MAX {
                    let (a, b) = (600, 1);
                    let step = (codec.step)(Op {
                        kind: 0,
                        flags,
                        a,
                        b,
                    });
                    let again = (codec.op)(&step).map(codec.step);
                    assert_eq!(again, Some(step));
                }
            }
        }
    }

    #[test]
    fn each_step_is_encoded_in_some_target() {
        let ops = (0..=u8::MAX).flat_map(|kind| {
            [0, 16].map(|flags| Op {
                kind,
                flags,
                ..Op::default()
            })
        });
        let decoded = |target| {
            let vocabulary = Vocabulary::of(target).expect("a target with operations");
            ops.clone().filter_map(move |op| vocabulary.step(op))
        };
        let mut names: BTreeSet<&str> = TARGETS
            .into_iter()
            .flat_map(decoded)
            .map(|step| step.name())
            .collect();
        names.insert(Step::Handshake.name());
        assert!(Step::names().all(|name| names.contains(name)), "{names:?}");
    }
}
