//! What the cells of a target say: which steps there are, and how a case is set up.
//!
//! A step is told by one [`OpCodec`], which goes both ways: from a cell to a step, for any cell, and from a step to the cell that
//! tells it, if one does.

use std::num::NonZeroUsize;

use super::encoding::{NotEncodable, Op};
use super::{FuzzTarget, number};
use crate::scenario::{
    Buffer, Cipher, Function, KeyExchange, KeyUpdate, Mode, PeerAction, PeerRenegotiation, Retry,
    RetryContent, Role, RoleState, Scenario, SessionTickets, StaleError, Step, TransportKind,
    Variant, Version, Write, WriteSource,
};
use crate::transport::{Budget, Errno, Inbound, Outbound, Refusal, WireFault};

/// One kind of step, both ways.
struct OpCodec {
    step: fn(Op) -> Step,
    /// The cell without its kind.
    op: fn(&Step) -> Option<Op>,
}

/// The words of a target. One that stands twice is said twice as often.
pub(super) struct Vocabulary(&'static [OpCodec]);

impl Vocabulary {
    /// The words of `target`; nothing if it reads no cells.
    pub(super) fn of(target: FuzzTarget) -> Option<Self> {
        match target {
            FuzzTarget::WriteRetry => Some(Self(&WRITE_RETRY)),
            FuzzTarget::WriteSequence => Some(Self(&WRITE_SEQUENCE)),
            FuzzTarget::WireInbound => Some(Self(&WIRE_INBOUND)),
            FuzzTarget::ScenarioFile => None,
        }
    }

    /// The step that the cell tells.
    pub(super) fn step(&self, op: Op) -> Option<Step> {
        let word = self.0.get(usize::from(op.kind) % self.0.len())?;
        Some((word.step)(op))
    }

    /// The cell that tells the step.
    pub(super) fn op(&self, step: &Step) -> Option<Op> {
        let told = |(kind, word): (usize, &OpCodec)| {
            let kind = u8::try_from(kind).ok()?;
            (word.op)(step).map(|op| Op { kind, ..op })
        };
        self.0.iter().enumerate().find_map(told)
    }
}

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

/// One of two things, by a bit of `how`.
fn bit<T>(op: Op, bit: u32, set: T, clear: T) -> T {
    match op.flags >> bit & 1 {
        1 => set,
        _ => clear,
    }
}

/// A number of bytes that is not nothing.
fn some(code: u16) -> NonZeroUsize {
    NonZeroUsize::new(number::decoded(code)).unwrap_or(NonZeroUsize::MIN)
}

/// The step is this one, and there is nothing more to say.
fn only(step: &Step, known: &Step) -> Option<Op> {
    (step == known).then(Op::default)
}

fn function(op: Op, at: u32) -> Function {
    bit(op, at, Function::WriteEx, Function::Write)
}

fn function_bit(function: Function, at: u32) -> u8 {
    u8::from(function == Function::WriteEx) << at
}

/// So many writes follow each other at most in one step.
const MOST_TIMES: u16 = 64;

/// What is written, in bits 1 to 4 of `how`: mostly bytes of the pattern.
const REST: u8 = 13;
const NULL: u8 = 14;
const NEGATIVE: u8 = 15;

/// `how`: bit 0 the function, bits 1 to 4 the source; `a` the length, `b` how often.
const WRITE: OpCodec = OpCodec {
    step: |op| {
        let source = match op.flags >> 1 & 0xf {
            REST => WriteSource::Rest,
            NULL => WriteSource::Null,
            // A negative length is SSL_write's alone.
            NEGATIVE if function(op, 0) == Function::Write => {
                WriteSource::Negative(-1 - i32::from(op.a))
            }
            _ => WriteSource::Pattern(number::decoded(op.a)),
        };
        let times = match source {
            WriteSource::Pattern(_) => usize::from(op.b % MOST_TIMES) + 1,
            _ => 1,
        };
        Step::Write(Write {
            // "rest" is SSL_write's alone too.
            function: match source {
                WriteSource::Rest => Function::Write,
                _ => function(op, 0),
            },
            source,
            times: NonZeroUsize::new(times).unwrap_or(NonZeroUsize::MIN),
        })
    },
    op: |step| {
        let Step::Write(write) = step else {
            return None;
        };
        let (source, a) = match &write.source {
            WriteSource::Pattern(len) => (0, number::encoded(*len)?),
            WriteSource::Literal(bytes) => (0, number::encoded(bytes.len())?),
            WriteSource::Rest => (REST, 0),
            WriteSource::Null => (NULL, 0),
            WriteSource::Negative(len) => (
                NEGATIVE,
                u16::try_from(len.checked_add(1)?.checked_neg()?).ok()?,
            ),
        };
        let times = u16::try_from(write.times.get() - 1).ok()?;
        (times < MOST_TIMES).then_some(Op {
            flags: function_bit(write.function, 0) | source << 1,
            a,
            b: times,
            ..Op::default()
        })
    },
};

/// `how`: bit 0 another length, bit 1 another buffer, bit 2 other content, bit 3 another function is named, bit 4
/// which; `a` the length.
const RETRY: OpCodec = OpCodec {
    step: |op| {
        Step::Retry(Retry {
            len: bit(op, 0, Some(number::decoded(op.a)), None),
            buffer: bit(op, 1, Buffer::Moved, Buffer::Same),
            content: bit(op, 2, RetryContent::Changed, RetryContent::Same),
            function: bit(op, 3, Some(function(op, 4)), None),
        })
    },
    op: |step| {
        let Step::Retry(retry) = step else {
            return None;
        };
        let function = retry
            .function
            .map_or(0, |named| 1 << 3 | function_bit(named, 4));
        let flags = u8::from(retry.len.is_some())
            | u8::from(retry.buffer == Buffer::Moved) << 1
            | u8::from(retry.content == RetryContent::Changed) << 2
            | function;
        Some(Op {
            flags,
            a: number::encoded(retry.len.unwrap_or_default())?,
            ..Op::default()
        })
    },
};

const FINISH: OpCodec = OpCodec {
    step: |_| Step::Finish,
    op: |step| only(step, &Step::Finish),
};

/// `a`: how much is asked for.
const READ: OpCodec = OpCodec {
    step: |op| Step::Read(some(op.a)),
    op: |step| {
        let Step::Read(max) = step else {
            return None;
        };
        Some(Op {
            a: number::encoded(max.get())?,
            ..Op::default()
        })
    },
};

const SHUTDOWN: OpCodec = OpCodec {
    step: |_| Step::Shutdown,
    op: |step| only(step, &Step::Shutdown),
};

fn key_update(op: Op) -> KeyUpdate {
    bit(op, 0, KeyUpdate::Requested, KeyUpdate::NotRequested)
}

fn of_key_update(request: KeyUpdate) -> Op {
    Op {
        flags: u8::from(request == KeyUpdate::Requested),
        ..Op::default()
    }
}

const KEY_UPDATE: OpCodec = OpCodec {
    step: |op| Step::KeyUpdate(key_update(op)),
    op: |step| match step {
        Step::KeyUpdate(request) => Some(of_key_update(*request)),
        _ => None,
    },
};

const PEER_KEY_UPDATE: OpCodec = OpCodec {
    step: |op| Step::Peer(PeerAction::KeyUpdate(key_update(op))),
    op: |step| match step {
        Step::Peer(PeerAction::KeyUpdate(request)) => Some(of_key_update(*request)),
        _ => None,
    },
};

const RENEGOTIATE: OpCodec = OpCodec {
    step: |_| Step::Renegotiate,
    op: |step| only(step, &Step::Renegotiate),
};

/// `how`: bits 0 to 3 the modes, bit 4 whether they are switched off.
const MODES: OpCodec = OpCodec {
    step: |op| {
        let named = |(place, mode): (u32, Mode)| bit(op, place, Some(mode), None);
        let mut modes: Vec<Mode> = (0..).zip(Mode::ALL).filter_map(named).collect();
        if modes.is_empty() {
            modes.push(Mode::PartialWrite);
        }
        bit(op, 4, Step::ClearModes as fn(_) -> _, Step::SetModes)(modes)
    },
    op: |step| {
        let (modes, off) = match step {
            Step::SetModes(modes) => (modes, 0),
            Step::ClearModes(modes) => (modes, 1 << 4),
            _ => return None,
        };
        let bits = (0..)
            .zip(Mode::ALL)
            .filter(|(_, mode)| modes.contains(mode));
        Some(Op {
            flags: bits.fold(off, |flags, (place, _)| flags | 1 << place),
            ..Op::default()
        })
    },
};

/// The range that SSL_set_max_send_fragment(3) takes, in bytes.
const LEAST_FRAGMENT: u16 = 512;
const FRAGMENTS: u16 = 16384 - LEAST_FRAGMENT + 1;

/// `a`: how much more than the least.
const FRAGMENT: OpCodec = OpCodec {
    step: |op| Step::MaxSendFragment(LEAST_FRAGMENT + op.a % FRAGMENTS),
    op: |step| match step {
        Step::MaxSendFragment(bytes) => Some(Op {
            a: bytes.checked_sub(LEAST_FRAGMENT)?,
            ..Op::default()
        }),
        _ => None,
    },
};

/// How the transport refuses, by number; those beyond the last would block.
fn refusals() -> impl Iterator<Item = Refusal> {
    let errnos = Errno::names()
        .filter_map(Errno::from_name)
        .map(Refusal::Fail);
    [Refusal::WouldBlock, Refusal::Zero, Refusal::ZeroRetry]
        .into_iter()
        .chain(errnos)
}

/// A transport that hands over less than this in each call is so slow that it eats the fuzzer's time.
const LEAST_EACH: usize = 32;

/// How much passes, in which portions, and then what. `how`: bits 0 and 1 the kind of budget, bit 2 whether there is
/// a limit for each transport call, bits 3 to 7 the refusal; `a` the budget, `b` the limit.
struct FlowCodec {
    budget: Budget,
    at_most: Option<NonZeroUsize>,
    then: Refusal,
}

impl FlowCodec {
    fn of(op: Op) -> Self {
        let bytes = number::decoded(op.a);
        let budget = match op.flags & 3 {
            0 | 1 => Budget::Bytes(bytes),
            2 => Budget::EachCall(match bytes {
                0 => 0,
                some => some.max(LEAST_EACH),
            }),
            _ => Budget::All,
        };
        Self {
            budget,
            at_most: bit(op, 2, Some(some(op.b)), None),
            then: refusals()
                .nth(usize::from(op.flags >> 3))
                .unwrap_or(Refusal::WouldBlock),
        }
    }

    fn op(&self) -> Option<Op> {
        let (kind, bytes) = match self.budget {
            Budget::Bytes(bytes) => (0, bytes),
            Budget::EachCall(bytes) => (2, bytes),
            Budget::All => (3, 0),
        };
        let then = u8::try_from(refusals().position(|refusal| refusal == self.then)?).ok()?;
        Some(Op {
            flags: kind | u8::from(self.at_most.is_some()) << 2 | then << 3,
            a: number::encoded(bytes)?,
            b: number::encoded(self.at_most.map_or(0, NonZeroUsize::get))?,
            ..Op::default()
        })
    }
}

const LINK: OpCodec = OpCodec {
    step: |op| {
        let flow = FlowCodec::of(op);
        Step::Link(Outbound {
            accept: flow.budget,
            at_most: flow.at_most,
            // It never refuses.
            then: match flow.budget {
                Budget::All => Refusal::WouldBlock,
                _ => flow.then,
            },
        })
    },
    op: |step| match step {
        Step::Link(outbound) => FlowCodec {
            budget: outbound.accept,
            at_most: outbound.at_most,
            then: outbound.then,
        }
        .op(),
        _ => None,
    },
};

const LINK_OPEN: OpCodec = OpCodec {
    step: |_| Step::Link(Outbound::OPEN),
    op: |step| only(step, &Step::Link(Outbound::OPEN)),
};

const INBOUND: OpCodec = OpCodec {
    step: |op| {
        let flow = FlowCodec::of(op);
        Step::Inbound(Inbound {
            deliver: flow.budget,
            at_most: flow.at_most,
            then: flow.then,
        })
    },
    op: |step| match step {
        Step::Inbound(inbound) => FlowCodec {
            budget: inbound.deliver,
            at_most: inbound.at_most,
            then: inbound.then,
        }
        .op(),
        _ => None,
    },
};

const PEER_READ: OpCodec = OpCodec {
    step: |_| Step::Peer(PeerAction::Read),
    op: |step| only(step, &Step::Peer(PeerAction::Read)),
};

/// `a`: how much.
const PEER_WRITE: OpCodec = OpCodec {
    step: |op| Step::Peer(PeerAction::Write(some(op.a))),
    op: |step| match step {
        Step::Peer(PeerAction::Write(bytes)) => Some(Op {
            a: number::encoded(bytes.get())?,
            ..Op::default()
        }),
        _ => None,
    },
};

/// What the peer can do of which there is no more to say, by `how`.
const PEER_ACTIONS: [PeerAction; 6] = [
    PeerAction::Renegotiate,
    PeerAction::SessionTicket,
    PeerAction::Handshake,
    PeerAction::CloseNotify,
    PeerAction::FatalAlert,
    PeerAction::Disconnect,
];

const PEER_ACTS: OpCodec = OpCodec {
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

/// Bytes that no peer sends, by `how`: a record that does not open, an alert in the clear, something that is no TLS, and
/// an empty record.
const RAWS: [&[u8]; 4] = [
    &[
        0x17, 3, 3, 0, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ],
    &[0x15, 3, 3, 0, 2, 2, 0x28],
    b"GET / HTTP/1.1\r\n\r\n",
    &[0x17, 3, 3, 0, 0],
];

const RAW: OpCodec = OpCodec {
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

/// What happens to the bytes that wait, by `how`; `a`: where.
const WIRE: OpCodec = OpCodec {
    step: |op| {
        let at = number::decoded(op.a);
        Step::Wire(match op.flags % 5 {
            0 => WireFault::Flip(at),
            1 => WireFault::Swap,
            2 => WireFault::Drop,
            3 => WireFault::Duplicate,
            _ => WireFault::Truncate(at),
        })
    },
    op: |step| {
        let Step::Wire(fault) = step else {
            return None;
        };
        let (flags, at) = match *fault {
            WireFault::Flip(at) => (0, at),
            WireFault::Swap => (1, 0),
            WireFault::Drop => (2, 0),
            WireFault::Duplicate => (3, 0),
            WireFault::Truncate(at) => (4, at),
        };
        Some(Op {
            flags,
            a: number::encoded(at)?,
            ..Op::default()
        })
    },
};

/// `how`: which kind.
const STALE_ERROR: OpCodec = OpCodec {
    step: |op| {
        let kinds = StaleError::ALL;
        Step::StaleError(kinds[usize::from(op.flags) % kinds.len()])
    },
    op: |step| {
        let Step::StaleError(kind) = step else {
            return None;
        };
        let place = StaleError::ALL.iter().position(|known| known == kind)?;
        Some(Op {
            flags: u8::try_from(place).ok()?,
            ..Op::default()
        })
    },
};

/// How a case is set up.
pub(super) struct SetupCodec {
    pub(super) variant: Variant,
    pub(super) cipher: Cipher,
    pub(super) key_exchange: KeyExchange,
    pub(super) handshakes: bool,
    pub(super) peer_renegotiation: PeerRenegotiation,
    pub(super) session_tickets: SessionTickets,
}

/// The transports of [`FuzzTarget::WriteSequence`], by bits 4 to 7 of `how`; those beyond the last are scripted. Sockets would be
/// waited for.
const TRANSPORTS: [TransportKind; 5] = [
    TransportKind::Scripted,
    TransportKind::Blocking,
    TransportKind::MemoryBio,
    TransportKind::BioPair,
    TransportKind::BufferingBio,
];

/// Without a handshake before the steps, in bits 0 to 3 of `how`: rarely.
const NO_HANDSHAKE: u8 = 15;

/// A whole key exchange, in bits 0 to 3 of `b`: rarely, as it costs several times as much as all the rest.
const EPHEMERAL: u16 = 15;

/// Puts a handshake before the steps, if the first cell says that there is none.
pub(super) fn shake_hands(op: &mut Op) {
    if op.flags & 0xf == NO_HANDSHAKE {
        op.flags &= 0xf0;
    }
}

/// What the first cell says. `kind`: bit 0 the role, bit 1 the version, bits 2 and 3 the cipher; `how`: bits 0 to 3 whether
/// there is a handshake, bits 4 to 7 the transport; `a`: bit 0 whether the peer refuses to renegotiate, bit 1 whether
/// tickets are sent; `b`: bits 0 to 3 how keys are agreed on, but for [`FuzzTarget::WriteRetry`], where that is always cheap.
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

/// The cell that says how this scenario is set up in this variant; how keys are agreed on apart, which is made cheap.
pub(super) fn setting_of(
    target: FuzzTarget,
    scenario: &Scenario,
    variant: Variant,
    handshakes: bool,
) -> Result<Op, NotEncodable> {
    let untold = |what: String| Err(NotEncodable::Setting(what));
    if scenario.role_state != RoleState::Set {
        return untold("a role that is not set".to_owned());
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
    let told = setting(target, op);
    if told.variant != variant {
        return untold(format!("the variant {variant}"));
    }
    match told.cipher == scenario.cipher {
        true => Ok(op),
        false => untold(format!("the cipher {}", scenario.cipher.as_str())),
    }
}
