//! The steps of a scenario, each declared once, in a file of its own.
//!
//! A [`Declaration`] has all that the suite knows of a step: its name and its value in a scenario
//! file, its words in a trace, where it can stand, what it needs of the library, what it changes
//! for later steps, and its encoding in a fuzz input. The list `steps!` names them; the parser, the
//! writer, the ordering rules, the runner, the judge's history and the fuzzer derive from it. To
//! add a step, see `CONTRIBUTING.md`.

mod argument;
mod encoding;
mod finish;
mod flow;
mod handshake;
mod inbound;
mod key_update;
mod link;
mod max_send_fragment;
mod modes;
mod number;
mod peer;
mod pending;
mod place;
mod read;
mod renegotiate;
mod retry;
mod shutdown;
mod stale_error;
mod wire;
mod write;

use serde::{Deserialize, Serialize};

pub use encoding::Op;
pub use key_update::KeyUpdate;
pub use modes::Mode;
pub use peer::PeerAction;
pub use retry::{Buffer, Retry, RetryContent};
pub use stale_error::StaleError;
pub(crate) use write::MAX_WRITE;
pub use write::{Function, Write, WriteSource};

pub(super) use argument::of_file;
pub(crate) use encoding::{FIRST_FORMAT, OpCodec};
pub(super) use place::{Objection, StepContext};
pub(super) use write::{MAX_TIMES, MAX_WRITTEN};

use self::argument::StepArgument;
use self::encoding::Encoding;
use crate::toml_reader::Fault;
use crate::transport::{Inbound, Outbound, WireFault};

/// The codecs of the first format of fuzz inputs, from which the tables of the fuzz targets are
/// made.
pub(crate) mod codec {
    pub(crate) use super::finish::FINISH;
    pub(crate) use super::inbound::INBOUND;
    pub(crate) use super::key_update::KEY_UPDATE;
    pub(crate) use super::link::{LINK, LINK_OPEN};
    pub(crate) use super::max_send_fragment::FRAGMENT;
    pub(crate) use super::modes::MODES;
    pub(crate) use super::peer::{PEER_ACTS, PEER_KEY_UPDATE, PEER_READ, PEER_WRITE, RAW};
    pub(crate) use super::read::READ;
    pub(crate) use super::renegotiate::RENEGOTIATE;
    pub(crate) use super::retry::RETRY;
    pub(crate) use super::shutdown::SHUTDOWN;
    pub(crate) use super::stale_error::STALE_ERROR;
    pub(crate) use super::wire::WIRE;
    pub(crate) use super::write::WRITE;
}

/// All that the suite knows of one step.
trait Declaration {
    /// What a file says about the step; `()` if there is nothing to say.
    type Value;

    /// The name in scenario files.
    const NAME: &'static str;

    /// The part that it plays in a scenario.
    const PART: Part;

    /// How a fuzz input encodes it.
    const ENCODING: Encoding;

    /// Reads the value of a scenario file.
    fn parse(argument: &StepArgument<'_>) -> Result<Self::Value, Fault>;

    /// The value as the text of a scenario file; nothing if the name alone stands for it.
    fn write(value: &Self::Value) -> Option<String>;

    /// The step in the words of a trace.
    fn describe(value: &Self::Value) -> String;

    /// Why the step cannot stand where it does, if it cannot.
    fn objection(_value: &Self::Value, _context: &StepContext<'_>) -> Option<Objection> {
        None
    }

    /// The calls that the step needs, in addition to those that the runner makes in every scenario.
    fn needs(_value: &Self::Value) -> Needs {
        Needs::Nothing
    }

    /// What the step changes for later ones.
    fn effect(value: &Self::Value) -> Effect<'_>;
}

/// A step without a value: its name is all that a file and a trace say of it.
trait Bare {
    /// The name in scenario files and traces.
    const NAME: &'static str;

    /// The part that it plays in a scenario.
    const PART: Part;

    /// How a fuzz input encodes it.
    const ENCODING: Encoding;

    /// Why the step cannot stand where it does, if it cannot.
    fn objection(_context: &StepContext<'_>) -> Option<Objection> {
        None
    }

    /// The calls that the step needs, in addition to those that the runner makes in every scenario.
    fn needs() -> Needs {
        Needs::Nothing
    }

    /// What the step changes for later ones.
    fn effect() -> Effect<'static>;
}

impl<S: Bare> Declaration for S {
    type Value = ();

    const NAME: &'static str = S::NAME;
    const PART: Part = S::PART;
    const ENCODING: Encoding = S::ENCODING;

    fn parse(argument: &StepArgument<'_>) -> Result<(), Fault> {
        argument.bare()
    }

    fn write((): &()) -> Option<String> {
        None
    }

    fn describe((): &()) -> String {
        S::NAME.to_owned()
    }

    fn objection((): &(), context: &StepContext<'_>) -> Option<Objection> {
        S::objection(context)
    }

    fn needs((): &()) -> Needs {
        S::needs()
    }

    fn effect((): &()) -> Effect<'_> {
        S::effect()
    }
}

/// The part that a step plays in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// It calls a function of the library that reads or writes.
    Call,
    /// It asks the library for something that a later call does.
    Request,
    /// It does nothing but change what later steps do, so that one has to follow.
    Setting,
    /// None of these: it can stand anywhere, and nothing has to follow.
    Other,
}

/// The calls that a step needs, in addition to those that the runner makes in every scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Nothing,
    /// One call.
    Call(Operation),
    /// The numbers that functions of these C names return, asked for in this order. They make no
    /// transport call and change nothing.
    Numbers(&'static [&'static str]),
}

/// A call of the library that not every library has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// `SSL_shutdown`.
    Shutdown,
    /// `SSL_key_update`: the KeyUpdate goes out with the next write or handshake call.
    KeyUpdate(KeyUpdate),
    /// `SSL_renegotiate`: the handshake begins with the next write or handshake call.
    Renegotiate,
    /// `SSL_set_max_send_fragment`: the longest plaintext of a record, in bytes.
    MaxSendFragment(u16),
}

impl Operation {
    /// Its name, where a library does not have it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::KeyUpdate(_) => "key update",
            Self::Renegotiate => "renegotiation",
            Self::MaxSendFragment(_) => "max send fragment",
        }
    }
}

/// The changes that a step makes for later ones, regardless of the result of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect<'s> {
    /// Nothing but what its own call does.
    None,
    /// These modes are on.
    SetModes(&'s [Mode]),
    /// These modes are off.
    ClearModes(&'s [Mode]),
    /// The longest plaintext of a record, in bytes.
    MaxSendFragment(u16),
    /// What the transport takes.
    Outbound(Outbound),
    /// What the transport hands over.
    Inbound(Inbound),
    /// The next call finds an unrelated entry in the error queue.
    StaleError,
    /// Bytes stand on the peer's wire that its library did not send.
    PeerBytesInjected,
    /// Bytes that the peer's library sent were damaged or lost, if there were any.
    PeerBytesAltered,
    /// The peer sends close_notify, if it can.
    PeerCloses,
    /// The peer is gone, and the transport with it.
    PeerGone,
    /// The library is asked to shut down.
    Shutdown,
}

/// Declares the steps: the variants of [`Step`], and what dispatches to their declarations.
macro_rules! steps {
    ($($(#[$doc:meta])* $variant:ident $([$value:ident: $Value:ty])? => $declaration:path;)*) => {
        /// One action of the caller, the transport or the peer.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Step {
            $($(#[$doc])* $variant $(($Value))?,)*
        }

        /// All kinds of steps, in the order in which messages list them.
        const KINDS: &[StepKind] = &[$(StepKind {
            name: <$declaration as Declaration>::NAME,
            encoding: <$declaration as Declaration>::ENCODING,
            parse: |argument| {
                <$declaration as Declaration>::parse(argument).map(steps!(@constructor $variant $($value)?))
            },
        },)*];

        impl Step {
            /// The name in scenario files.
            pub(crate) fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => <$declaration as Declaration>::NAME,)*
                }
            }

            pub(crate) fn part(&self) -> Part {
                match self {
                    $(Self::$variant { .. } => <$declaration as Declaration>::PART,)*
                }
            }

            /// The value as the text of a scenario file; nothing if the name alone stands for it.
            pub(super) fn value(&self) -> Option<String> {
                match self {
                    $(Self::$variant $(($value))? => {
                        <$declaration as Declaration>::write(steps!(@value $($value)?))
                    })*
                }
            }

            /// The step in the words of a trace; writes and retries are described by their calls.
            pub(crate) fn describe(&self) -> String {
                match self {
                    $(Self::$variant $(($value))? => {
                        <$declaration as Declaration>::describe(steps!(@value $($value)?))
                    })*
                }
            }

            pub(super) fn objection(&self, context: &StepContext<'_>) -> Option<Objection> {
                match self {
                    $(Self::$variant $(($value))? => {
                        <$declaration as Declaration>::objection(steps!(@value $($value)?), context)
                    })*
                }
            }

            /// The calls that the step needs, in addition to those that the runner makes in every
            /// scenario.
            pub(crate) fn needs(&self) -> Needs {
                match self {
                    $(Self::$variant $(($value))? => {
                        <$declaration as Declaration>::needs(steps!(@value $($value)?))
                    })*
                }
            }

            pub(crate) fn effect(&self) -> Effect<'_> {
                match self {
                    $(Self::$variant $(($value))? => {
                        <$declaration as Declaration>::effect(steps!(@value $($value)?))
                    })*
                }
            }
        }
    };
    (@constructor $variant:ident) => { |()| Step::$variant };
    (@constructor $variant:ident $value:ident) => { Step::$variant };
    (@value) => { &() };
    (@value $value:ident) => { $value };
}

steps! {
    /// Both ends handshake until done, or until neither can go on.
    Handshake => handshake::HandshakeStep;
    /// The library under test is asked to write.
    Write[write: Write] => Write;
    /// The last write is repeated, rightly or wrongly.
    Retry[retry: Retry] => Retry;
    /// The last call is repeated as a right caller does: the same again after would-block (the
    /// peer acts in between when reading is wanted), the rest after a short success, until all is
    /// done or the call fails for good.
    Finish => finish::Finish;
    /// The library under test is asked to read at most so many bytes.
    Read[max: std::num::NonZeroUsize] => read::Read;
    /// The library under test is asked to send close_notify.
    Shutdown => shutdown::Shutdown;
    /// The library under test is asked for a key update (TLS 1.3).
    KeyUpdate[request: KeyUpdate] => KeyUpdate;
    /// The library under test is asked to renegotiate (TLS 1.2).
    Renegotiate => renegotiate::Renegotiate;
    /// Modes of the library under test are switched on.
    SetModes[modes: Vec<Mode>] => modes::SetModes;
    /// Modes of the library under test are switched off.
    ClearModes[modes: Vec<Mode>] => modes::ClearModes;
    /// The longest plaintext of a record from now on, 512 to 16384 bytes.
    MaxSendFragment[bytes: u16] => max_send_fragment::MaxSendFragment;
    /// What the transport takes from the library under test from now on.
    Link[outbound: Outbound] => link::Link;
    /// What the transport hands to the library under test from now on.
    Inbound[inbound: Inbound] => inbound::InboundStep;
    /// Something happens on the wire to the bytes which the peer has sent and the library under
    /// test has not read.
    Wire[fault: WireFault] => wire::Wire;
    /// An action of the peer.
    Peer[action: PeerAction] => PeerAction;
    /// An unrelated error is put into the library's error queue, as an earlier call of the caller's
    /// may have left it; the next step is a call.
    StaleError[kind: StaleError] => StaleError;
    /// The library under test says how much of what the peer has sent it has buffered.
    Pending => pending::PendingStep;
}

impl Step {
    /// The names of all steps, in the order in which messages list them.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|kind| kind.name)
    }
}

/// A kind of step, for what knows no value yet.
struct StepKind {
    name: &'static str,
    encoding: Encoding,
    parse: fn(&StepArgument<'_>) -> Result<Step, Fault>,
}

/// The codecs of the steps that were added after the first format of fuzz inputs, oldest first.
/// Each of them made a new format.
pub(crate) fn appended_codecs() -> Vec<OpCodec> {
    let appended = |kind: &StepKind| match kind.encoding {
        Encoding::Appended { format, codec } => Some((format, codec)),
        Encoding::Setting | Encoding::Tables => None,
    };
    let mut codecs: Vec<(u8, OpCodec)> = KINDS.iter().filter_map(appended).collect();
    codecs.sort_by_key(|(format, _)| *format);
    codecs.into_iter().map(|(_, codec)| codec).collect()
}

/// The newest format of fuzz inputs.
pub(crate) const FORMAT: u8 = {
    let (mut newest, mut index) = (FIRST_FORMAT, 0);
    while index < KINDS.len() {
        if let Encoding::Appended { .. } = KINDS[index].encoding {
            newest += 1;
        }
        index += 1;
    }
    newest
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scenario::Corpus;

    #[test]
    fn each_step_has_a_name_of_its_own_and_a_scenario() {
        let names: BTreeSet<&str> = Step::names().collect();
        assert_eq!(names.len(), KINDS.len());
        let corpus = Corpus::built_in().expect("the library");
        let steps = corpus
            .scenarios()
            .iter()
            .flat_map(|scenario| &scenario.steps);
        let used: BTreeSet<&str> = steps.map(Step::name).collect();
        assert_eq!(used, names);
    }

    #[test]
    fn each_appended_step_has_a_format_of_its_own() {
        let appended = KINDS.iter().filter_map(|kind| match kind.encoding {
            Encoding::Appended { format, .. } => Some(format),
            _ => None,
        });
        let formats: BTreeSet<u8> = appended.collect();
        assert!(formats.into_iter().eq(FIRST_FORMAT + 1..=FORMAT));
    }
}
