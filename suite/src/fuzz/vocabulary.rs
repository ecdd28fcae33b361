//! What the cells of a target say: which steps there are, and how a case is set up.
//!
//! A step is told by one [`Word`], which goes both ways: from a cell to a step, for any cell, and from a step to the cell that
//! tells it, if one does.

use std::num::NonZeroUsize;

use super::cells::{Cell, Untold};
use super::{Target, number};
use crate::link::{Budget, Errno, Inbound, Outbound, Refusal, WireFault};
use crate::scenario::{
    Buffer, Cipher, Content, Function, KeyExchange, KeyUpdate, Mode, PeerAction, PeerRenegotiation,
    Retry, Role, RoleState, Scenario, SessionTickets, Source, StaleError, Step, Transport, Variant,
    Version, Write,
};

/// One kind of step, both ways.
struct Word {
    step: fn(Cell) -> Step,
    /// The cell without its kind.
    cell: fn(&Step) -> Option<Cell>,
}

/// The words of a target. One that stands twice is said twice as often.
pub(super) struct Vocabulary(&'static [Word]);

impl Vocabulary {
    /// The words of `target`; nothing if it reads no cells.
    pub(super) fn of(target: Target) -> Option<Self> {
        match target {
            Target::WriteRetry => Some(Self(&WRITE_RETRY)),
            Target::WriteSequence => Some(Self(&WRITE_SEQUENCE)),
            Target::WireInbound => Some(Self(&WIRE_INBOUND)),
            Target::ScenarioFile => None,
        }
    }

    /// The step that the cell tells.
    pub(super) fn step(&self, cell: Cell) -> Option<Step> {
        let word = self.0.get(usize::from(cell.kind) % self.0.len())?;
        Some((word.step)(cell))
    }

    /// The cell that tells the step.
    pub(super) fn cell(&self, step: &Step) -> Option<Cell> {
        let told = |(kind, word): (usize, &Word)| {
            let kind = u8::try_from(kind).ok()?;
            (word.cell)(step).map(|cell| Cell { kind, ..cell })
        };
        self.0.iter().enumerate().find_map(told)
    }
}

const WRITE_RETRY: [Word; 16] = [
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

const WRITE_SEQUENCE: [Word; 20] = [
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

const WIRE_INBOUND: [Word; 16] = [
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
fn bit<T>(cell: Cell, bit: u32, set: T, clear: T) -> T {
    match cell.how >> bit & 1 {
        1 => set,
        _ => clear,
    }
}

/// A number of bytes that is not nothing.
fn some(code: u16) -> NonZeroUsize {
    NonZeroUsize::new(number::decoded(code)).unwrap_or(NonZeroUsize::MIN)
}

/// The step is this one, and there is nothing more to say.
fn only(step: &Step, known: &Step) -> Option<Cell> {
    (step == known).then(Cell::default)
}

fn function(cell: Cell, at: u32) -> Function {
    bit(cell, at, Function::WriteEx, Function::Write)
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
const WRITE: Word = Word {
    step: |cell| {
        let source = match cell.how >> 1 & 0xf {
            REST => Source::Rest,
            NULL => Source::Null,
            // A negative length is SSL_write's alone.
            NEGATIVE if function(cell, 0) == Function::Write => {
                Source::Negative(-1 - i32::from(cell.a))
            }
            _ => Source::Pattern(number::decoded(cell.a)),
        };
        let times = match source {
            Source::Pattern(_) => usize::from(cell.b % MOST_TIMES) + 1,
            _ => 1,
        };
        Step::Write(Write {
            // "rest" is SSL_write's alone too.
            function: match source {
                Source::Rest => Function::Write,
                _ => function(cell, 0),
            },
            source,
            times: NonZeroUsize::new(times).unwrap_or(NonZeroUsize::MIN),
        })
    },
    cell: |step| {
        let Step::Write(write) = step else {
            return None;
        };
        let (source, a) = match &write.source {
            Source::Pattern(len) => (0, number::encoded(*len)?),
            Source::Literal(bytes) => (0, number::encoded(bytes.len())?),
            Source::Rest => (REST, 0),
            Source::Null => (NULL, 0),
            Source::Negative(len) => (
                NEGATIVE,
                u16::try_from(len.checked_add(1)?.checked_neg()?).ok()?,
            ),
        };
        let times = u16::try_from(write.times.get() - 1).ok()?;
        (times < MOST_TIMES).then_some(Cell {
            how: function_bit(write.function, 0) | source << 1,
            a,
            b: times,
            ..Cell::default()
        })
    },
};

/// `how`: bit 0 another length, bit 1 another buffer, bit 2 other content, bit 3 another function is named, bit 4
/// which; `a` the length.
const RETRY: Word = Word {
    step: |cell| {
        Step::Retry(Retry {
            len: bit(cell, 0, Some(number::decoded(cell.a)), None),
            buffer: bit(cell, 1, Buffer::Moved, Buffer::Same),
            content: bit(cell, 2, Content::Changed, Content::Same),
            function: bit(cell, 3, Some(function(cell, 4)), None),
        })
    },
    cell: |step| {
        let Step::Retry(retry) = step else {
            return None;
        };
        let function = retry
            .function
            .map_or(0, |named| 1 << 3 | function_bit(named, 4));
        let how = u8::from(retry.len.is_some())
            | u8::from(retry.buffer == Buffer::Moved) << 1
            | u8::from(retry.content == Content::Changed) << 2
            | function;
        Some(Cell {
            how,
            a: number::encoded(retry.len.unwrap_or_default())?,
            ..Cell::default()
        })
    },
};

const FINISH: Word = Word {
    step: |_| Step::Finish,
    cell: |step| only(step, &Step::Finish),
};

/// `a`: how much is asked for.
const READ: Word = Word {
    step: |cell| Step::Read(some(cell.a)),
    cell: |step| {
        let Step::Read(max) = step else {
            return None;
        };
        Some(Cell {
            a: number::encoded(max.get())?,
            ..Cell::default()
        })
    },
};

const SHUTDOWN: Word = Word {
    step: |_| Step::Shutdown,
    cell: |step| only(step, &Step::Shutdown),
};

fn key_update(cell: Cell) -> KeyUpdate {
    bit(cell, 0, KeyUpdate::Requested, KeyUpdate::NotRequested)
}

fn of_key_update(request: KeyUpdate) -> Cell {
    Cell {
        how: u8::from(request == KeyUpdate::Requested),
        ..Cell::default()
    }
}

const KEY_UPDATE: Word = Word {
    step: |cell| Step::KeyUpdate(key_update(cell)),
    cell: |step| match step {
        Step::KeyUpdate(request) => Some(of_key_update(*request)),
        _ => None,
    },
};

const PEER_KEY_UPDATE: Word = Word {
    step: |cell| Step::Peer(PeerAction::KeyUpdate(key_update(cell))),
    cell: |step| match step {
        Step::Peer(PeerAction::KeyUpdate(request)) => Some(of_key_update(*request)),
        _ => None,
    },
};

const RENEGOTIATE: Word = Word {
    step: |_| Step::Renegotiate,
    cell: |step| only(step, &Step::Renegotiate),
};

/// `how`: bits 0 to 3 the modes, bit 4 whether they are switched off.
const MODES: Word = Word {
    step: |cell| {
        let named = |(place, mode): (u32, Mode)| bit(cell, place, Some(mode), None);
        let mut modes: Vec<Mode> = (0..).zip(Mode::ALL).filter_map(named).collect();
        if modes.is_empty() {
            modes.push(Mode::PartialWrite);
        }
        bit(cell, 4, Step::ClearModes as fn(_) -> _, Step::SetModes)(modes)
    },
    cell: |step| {
        let (modes, off) = match step {
            Step::SetModes(modes) => (modes, 0),
            Step::ClearModes(modes) => (modes, 1 << 4),
            _ => return None,
        };
        let bits = (0..)
            .zip(Mode::ALL)
            .filter(|(_, mode)| modes.contains(mode));
        Some(Cell {
            how: bits.fold(off, |how, (place, _)| how | 1 << place),
            ..Cell::default()
        })
    },
};

/// The range that SSL_set_max_send_fragment(3) takes, in bytes.
const LEAST_FRAGMENT: u16 = 512;
const FRAGMENTS: u16 = 16384 - LEAST_FRAGMENT + 1;

/// `a`: how much more than the least.
const FRAGMENT: Word = Word {
    step: |cell| Step::MaxSendFragment(LEAST_FRAGMENT + cell.a % FRAGMENTS),
    cell: |step| match step {
        Step::MaxSendFragment(bytes) => Some(Cell {
            a: bytes.checked_sub(LEAST_FRAGMENT)?,
            ..Cell::default()
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
struct Flow {
    budget: Budget,
    at_most: Option<NonZeroUsize>,
    then: Refusal,
}

impl Flow {
    fn of(cell: Cell) -> Self {
        let bytes = number::decoded(cell.a);
        let budget = match cell.how & 3 {
            0 | 1 => Budget::Bytes(bytes),
            2 => Budget::EachCall(match bytes {
                0 => 0,
                some => some.max(LEAST_EACH),
            }),
            _ => Budget::All,
        };
        Self {
            budget,
            at_most: bit(cell, 2, Some(some(cell.b)), None),
            then: refusals()
                .nth(usize::from(cell.how >> 3))
                .unwrap_or(Refusal::WouldBlock),
        }
    }

    fn cell(&self) -> Option<Cell> {
        let (kind, bytes) = match self.budget {
            Budget::Bytes(bytes) => (0, bytes),
            Budget::EachCall(bytes) => (2, bytes),
            Budget::All => (3, 0),
        };
        let then = u8::try_from(refusals().position(|refusal| refusal == self.then)?).ok()?;
        Some(Cell {
            how: kind | u8::from(self.at_most.is_some()) << 2 | then << 3,
            a: number::encoded(bytes)?,
            b: number::encoded(self.at_most.map_or(0, NonZeroUsize::get))?,
            ..Cell::default()
        })
    }
}

const LINK: Word = Word {
    step: |cell| {
        let flow = Flow::of(cell);
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
    cell: |step| match step {
        Step::Link(outbound) => Flow {
            budget: outbound.accept,
            at_most: outbound.at_most,
            then: outbound.then,
        }
        .cell(),
        _ => None,
    },
};

const LINK_OPEN: Word = Word {
    step: |_| Step::Link(Outbound::OPEN),
    cell: |step| only(step, &Step::Link(Outbound::OPEN)),
};

const INBOUND: Word = Word {
    step: |cell| {
        let flow = Flow::of(cell);
        Step::Inbound(Inbound {
            deliver: flow.budget,
            at_most: flow.at_most,
            then: flow.then,
        })
    },
    cell: |step| match step {
        Step::Inbound(inbound) => Flow {
            budget: inbound.deliver,
            at_most: inbound.at_most,
            then: inbound.then,
        }
        .cell(),
        _ => None,
    },
};

const PEER_READ: Word = Word {
    step: |_| Step::Peer(PeerAction::Read),
    cell: |step| only(step, &Step::Peer(PeerAction::Read)),
};

/// `a`: how much.
const PEER_WRITE: Word = Word {
    step: |cell| Step::Peer(PeerAction::Write(some(cell.a))),
    cell: |step| match step {
        Step::Peer(PeerAction::Write(bytes)) => Some(Cell {
            a: number::encoded(bytes.get())?,
            ..Cell::default()
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
    PeerAction::Vanish,
];

const PEER_ACTS: Word = Word {
    step: |cell| Step::Peer(PEER_ACTIONS[usize::from(cell.how) % PEER_ACTIONS.len()].clone()),
    cell: |step| {
        let place = PEER_ACTIONS
            .iter()
            .position(|action| *step == Step::Peer(action.clone()))?;
        Some(Cell {
            how: u8::try_from(place).ok()?,
            ..Cell::default()
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

const RAW: Word = Word {
    step: |cell| {
        Step::Peer(PeerAction::Raw(
            RAWS[usize::from(cell.how) % RAWS.len()].to_vec(),
        ))
    },
    cell: |step| {
        let Step::Peer(PeerAction::Raw(bytes)) = step else {
            return None;
        };
        let place = RAWS.iter().position(|raw| raw == bytes)?;
        Some(Cell {
            how: u8::try_from(place).ok()?,
            ..Cell::default()
        })
    },
};

/// What happens to the bytes that wait, by `how`; `a`: where.
const WIRE: Word = Word {
    step: |cell| {
        let at = number::decoded(cell.a);
        Step::Wire(match cell.how % 5 {
            0 => WireFault::Flip(at),
            1 => WireFault::Swap,
            2 => WireFault::Drop,
            3 => WireFault::Double,
            _ => WireFault::Cut(at),
        })
    },
    cell: |step| {
        let Step::Wire(fault) = step else {
            return None;
        };
        let (how, at) = match *fault {
            WireFault::Flip(at) => (0, at),
            WireFault::Swap => (1, 0),
            WireFault::Drop => (2, 0),
            WireFault::Double => (3, 0),
            WireFault::Cut(at) => (4, at),
        };
        Some(Cell {
            how,
            a: number::encoded(at)?,
            ..Cell::default()
        })
    },
};

/// `how`: which kind.
const STALE_ERROR: Word = Word {
    step: |cell| {
        let kinds = StaleError::ALL;
        Step::StaleError(kinds[usize::from(cell.how) % kinds.len()])
    },
    cell: |step| {
        let Step::StaleError(kind) = step else {
            return None;
        };
        let place = StaleError::ALL.iter().position(|known| known == kind)?;
        Some(Cell {
            how: u8::try_from(place).ok()?,
            ..Cell::default()
        })
    },
};

/// How a case is set up.
pub(super) struct Setting {
    pub(super) variant: Variant,
    pub(super) cipher: Cipher,
    pub(super) key_exchange: KeyExchange,
    pub(super) handshakes: bool,
    pub(super) peer_renegotiation: PeerRenegotiation,
    pub(super) session_tickets: SessionTickets,
}

/// The transports of [`Target::WriteSequence`], by bits 4 to 7 of `how`; those beyond the last are scripted. Sockets would be
/// waited for.
const TRANSPORTS: [Transport; 5] = [
    Transport::Scripted,
    Transport::Blocking,
    Transport::MemoryBio,
    Transport::BioPair,
    Transport::BufferingBio,
];

/// Without a handshake before the steps, in bits 0 to 3 of `how`: rarely.
const NO_HANDSHAKE: u8 = 15;

/// A whole key exchange, in bits 0 to 3 of `b`: rarely, as it costs several times as much as all the rest.
const EPHEMERAL: u16 = 15;

/// Puts a handshake before the steps, if the first cell says that there is none.
pub(super) fn shake_hands(cell: &mut Cell) {
    if cell.how & 0xf == NO_HANDSHAKE {
        cell.how &= 0xf0;
    }
}

/// What the first cell says. `kind`: bit 0 the role, bit 1 the version, bits 2 and 3 the cipher; `how`: bits 0 to 3 whether
/// there is a handshake, bits 4 to 7 the transport; `a`: bit 0 whether the peer refuses to renegotiate, bit 1 whether
/// tickets are sent; `b`: bits 0 to 3 how keys are agreed on, but for [`Target::WriteRetry`], where that is always cheap.
pub(super) fn setting(target: Target, cell: Cell) -> Setting {
    let role = Role::ALL[usize::from(cell.kind & 1)];
    let version = match target {
        Target::WriteRetry => Version::Tls12,
        _ => Version::ALL[usize::from(cell.kind >> 1 & 1)],
    };
    let cipher = Cipher::ALL[usize::from(cell.kind >> 2 & 3)];
    let transport = match target {
        Target::WriteSequence => TRANSPORTS.get(usize::from(cell.how >> 4)).copied(),
        _ => None,
    };
    Setting {
        variant: Variant {
            version,
            role,
            transport: transport.unwrap_or(Transport::Scripted),
        },
        cipher: match version == Version::Tls13 && !cipher.is_aead() {
            true => Cipher::Aes128Gcm,
            false => cipher,
        },
        key_exchange: match target != Target::WriteRetry && cell.b & 0xf == EPHEMERAL {
            true => KeyExchange::Ephemeral,
            false => KeyExchange::PreShared,
        },
        handshakes: cell.how & 0xf != NO_HANDSHAKE,
        peer_renegotiation: match cell.a & 1 {
            0 => PeerRenegotiation::Allow,
            _ => PeerRenegotiation::Refuse,
        },
        session_tickets: match cell.a >> 1 & 1 {
            0 => SessionTickets::None,
            _ => SessionTickets::Send,
        },
    }
}

/// The cell that says how this scenario is set up in this variant; how keys are agreed on apart, which is made cheap.
pub(super) fn setting_of(
    target: Target,
    scenario: &Scenario,
    variant: Variant,
    handshakes: bool,
) -> Result<Cell, Untold> {
    let untold = |what: String| Err(Untold::Setting(what));
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
    let cell = Cell {
        kind: role | version << 1 | cipher << 2,
        how: transport << 4 | if handshakes { 0 } else { NO_HANDSHAKE },
        a: u16::from(scenario.peer_renegotiation == PeerRenegotiation::Refuse)
            | u16::from(scenario.session_tickets == SessionTickets::Send) << 1,
        b: 0,
    };
    let told = setting(target, cell);
    if told.variant != variant {
        return untold(format!("the variant {variant}"));
    }
    match told.cipher == scenario.cipher {
        true => Ok(cell),
        false => untold(format!("the cipher {}", scenario.cipher.word())),
    }
}
