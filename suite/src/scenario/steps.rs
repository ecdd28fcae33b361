//! The steps of a scenario file: `{ NAME = VALUE }`, or `"NAME"` alone where `{}` is a value.
//!
//! In flows the table of the file; out flow the steps, every number of them in range, and where in
//! the text each stands. Whether a step can stand there is the business of [`order`](super::order).
//!
//! | step | value |
//! |---|---|
//! | `handshake`, `finish`, `shutdown`, `renegotiate` | `{}` |
//! | `stale_error` | `{}`, `"ssl"`, `"system-library"`, `"another-library"`, `"several"` |
//! | `write` | `"rest"`, or a table of one of `len` (negative: passed as it is), `text`, `hex`, and `null = true` (a null pointer with length 0: any other would be read), and `function`, `times` |
//! | `retry` | `{}` or a table of `len`, `buffer` (`same`, `moved`), `content` (`same`, `changed`), `function` |
//! | `read` | `{}` (16384 bytes) or `{ max = N }` |
//! | `key_update` | `{}`, `"not-requested"`, `"requested"` |
//! | `set_modes`, `clear_modes` | an array of `partial-write`, `moving-buffer`, `auto-retry`, `release-buffers` |
//! | `max_send_fragment` | 512 to 16384 |
//! | `link` | `"open"`, `"blocked"`, or a table of `accept`, `accept_each` or `fail`, and `at_most`, `then` |
//! | `inbound` | `"open"`, `"hold"`, `"eof"`, or a table of `deliver`, `deliver_each` or `fail`, and `at_most`, `then` |
//! | `wire` | `"swap"`, `"drop"`, `"duplicate"`, `{ flip = N }`, `{ truncate = N }` |
//! | `peer` | `"read"`, `"handshake"`, `"renegotiate"`, `"close_notify"`, `"fatal_alert"`, `"session_ticket"`, `"disconnect"`, `{ write = N }`, `{ key_update = … }`, `{ raw = "00ff" }` |

use std::num::NonZeroUsize;

use super::form::{Fault, Fields, Node, Shown};
use super::{
    Buffer, Function, KeyUpdate, MAX_WRITE, Mode, PeerAction, Retry, RetryContent, StaleError,
    Step, Write, WriteSource,
};
use crate::transport::{Budget, Errno, Inbound, Outbound, Refusal, WireFault};

/// How often a write can be repeated by one step.
pub(super) const MAX_TIMES: usize = 10_000;

/// How many bytes the writes of one step can have in all (64 MiB): a case keeps in memory what it
/// offered and what went over the wire until it ends.
pub(super) const MAX_WRITTEN: usize = 64 << 20;

/// The largest read, and the most that the peer puts onto the wire in one step, in bytes (1 MiB).
const MAX_READ: usize = 1 << 20;

/// How many bytes a read asks for if the file does not say: the plaintext of the longest record
/// (RFC 8446, section 5.1).
pub(super) const DEFAULT_READ: NonZeroUsize = NonZeroUsize::new(16384).unwrap();

/// The largest budget of the transport, in bytes (1 GiB): more than a scenario would send.
const MAX_BUDGET: usize = 1 << 30;

/// The steps, and where in the text each of them stands, in bytes.
pub(super) fn of_file(fields: &Fields<'_>) -> Result<(Vec<Step>, Vec<usize>), Fault> {
    let Some(node) = fields.find("steps") else {
        return Err(Fault::new(
            fields.at(),
            "missing \"steps\"",
            "add steps = [ … ], such as [\"handshake\", { write = { len = 100 } }]",
        ));
    };
    let elements = node.elements("steps")?;
    if elements.is_empty() {
        return Err(node.refused("an array of one or more steps"));
    }
    let mut steps = Vec::with_capacity(elements.len());
    let mut places = Vec::with_capacity(elements.len());
    for element in elements {
        let argument = Argument::of(element)?;
        places.push(argument.at);
        steps.push(argument.step()?);
    }
    Ok((steps, places))
}

/// The name of a step and what is said about it.
struct Argument<'t> {
    name: &'t str,
    at: usize,
    /// Nothing if the name stands alone.
    value: Option<Node<'t>>,
}

impl<'t> Argument<'t> {
    fn of(element: Node<'t>) -> Result<Self, Fault> {
        if let Some(name) = element.as_text() {
            return Ok(Self {
                name,
                at: element.at(),
                value: None,
            });
        }
        let entry = element
            .fields("a step: a name such as \"handshake\", or a table such as { write = { len = 100 } }")?
            .single("write each step as a table of its own: { write = { len = 100 } }, { retry = {} }")?;
        Ok(Self {
            name: entry.key,
            at: entry.at,
            value: Some(entry.node()),
        })
    }

    fn step(&self) -> Result<Step, Fault> {
        match STEPS.iter().find(|Kind(name, _)| *name == self.name) {
            Some(Kind(_, read)) => read(self),
            None => Err(Fault::unknown(
                self.at,
                format!("unknown step {}", Shown(self.name)),
                self.name,
                "steps",
                &STEPS.map(|Kind(name, _)| name),
            )),
        }
    }

    /// Whether nothing is said: the name stands alone, or with `{}`.
    fn is_bare(&self) -> bool {
        self.value.is_none_or(Node::is_empty_table)
    }

    /// `step`, if nothing is said about it.
    fn bare(&self, step: Step) -> Result<Step, Fault> {
        match self.value {
            Some(node) if !self.is_bare() => Err(node.refused(format_args!(
                "{{}}, as this step has no arguments; or write just \"{}\"",
                self.name
            ))),
            _ => Ok(step),
        }
    }

    /// The value of a step that has to have one.
    fn node(&self) -> Result<Node<'t>, Fault> {
        self.value.ok_or_else(|| {
            Fault::new(
                self.at,
                format!("the step \"{}\" has no value", self.name),
                format!("write {{ {} = … }}", self.name),
            )
        })
    }

    /// The table of a step of which nothing needs to be said.
    fn fields(&self, keys: &[&str], wanted: &str) -> Result<Fields<'t>, Fault> {
        match self.value {
            Some(node) => node.fields(wanted)?.only(keys),
            None => Ok(Fields::empty(self.name, self.at)),
        }
    }
}

/// A kind of step: its name, and what reads its value.
struct Kind(&'static str, fn(&Argument<'_>) -> Result<Step, Fault>);

/// All kinds of steps.
const STEPS: [Kind; 16] = [
    Kind("handshake", |a| a.bare(Step::Handshake)),
    Kind("write", |a| write(a.node()?)),
    Kind("retry", retry),
    Kind("finish", |a| a.bare(Step::Finish)),
    Kind("read", read),
    Kind("shutdown", |a| a.bare(Step::Shutdown)),
    Kind("key_update", key_update),
    Kind("renegotiate", |a| a.bare(Step::Renegotiate)),
    Kind("set_modes", |a| modes(a).map(Step::SetModes)),
    Kind("clear_modes", |a| modes(a).map(Step::ClearModes)),
    Kind("max_send_fragment", |a| {
        // The range that SSL_set_max_send_fragment(3) takes.
        a.node()?.number(512..=16384).map(Step::MaxSendFragment)
    }),
    Kind("link", |a| outbound(a.node()?).map(Step::Link)),
    Kind("inbound", |a| inbound(a.node()?).map(Step::Inbound)),
    Kind("wire", |a| wire(a.node()?).map(Step::Wire)),
    Kind("peer", |a| peer(a.node()?).map(Step::Peer)),
    Kind("stale_error", stale_error),
];

/// The words for key updates.
pub(super) const KEY_UPDATES: [(&str, KeyUpdate); 2] = [
    ("not-requested", KeyUpdate::NotRequested),
    ("requested", KeyUpdate::Requested),
];

/// The words for the memory of a retry, the usual one first.
pub(super) const BUFFERS: [(&str, Buffer); 2] = [("same", Buffer::Same), ("moved", Buffer::Moved)];

/// The words for the bytes of a retry, the usual ones first.
pub(super) const CONTENTS: [(&str, RetryContent); 2] = [
    ("same", RetryContent::Same),
    ("changed", RetryContent::Changed),
];

/// What becomes of bytes on their way of which no more is to be said than its word.
pub(super) const WIRE_FAULTS: [(&str, WireFault); 3] = [
    ("swap", WireFault::Swap),
    ("drop", WireFault::Drop),
    ("duplicate", WireFault::Duplicate),
];

/// What the peer does of which no more is to be said than its word.
pub(super) const PEER_ACTIONS: [(&str, PeerAction); 7] = [
    ("read", PeerAction::Read),
    ("handshake", PeerAction::Handshake),
    ("renegotiate", PeerAction::Renegotiate),
    ("close_notify", PeerAction::CloseNotify),
    ("fatal_alert", PeerAction::FatalAlert),
    ("session_ticket", PeerAction::SessionTicket),
    ("disconnect", PeerAction::Disconnect),
];

fn write(node: Node<'_>) -> Result<Step, Fault> {
    const KEYS: [&str; 6] = ["len", "text", "hex", "null", "function", "times"];
    if node.as_text() == Some("rest") {
        return Ok(Step::Write(Write {
            function: Function::Write,
            source: WriteSource::Rest,
            times: NonZeroUsize::MIN,
        }));
    }
    let fields = node
        .fields("\"rest\", or a table such as { len = 100 }")?
        .only(&KEYS)?;
    let function = function(&fields)?.unwrap_or(Function::Write);
    let source = source(&fields, function)?;
    Ok(Step::Write(Write {
        times: times(&fields, &source)?,
        function,
        source,
    }))
}

fn times(fields: &Fields<'_>, source: &WriteSource) -> Result<NonZeroUsize, Fault> {
    let Some(node) = fields.find("times") else {
        return Ok(NonZeroUsize::MIN);
    };
    let times = node.count(MAX_TIMES)?;
    let len = match source {
        WriteSource::Pattern(len) => *len,
        WriteSource::Literal(bytes) => bytes.len(),
        WriteSource::Rest | WriteSource::Null | WriteSource::Negative(_) => 0,
    };
    match MAX_WRITTEN.checked_div(len) {
        Some(most) if times.get() > most => Err(node.refused(format_args!(
            "at most {most} with {len} bytes each: a step writes at most {MAX_WRITTEN} bytes in total"
        ))),
        _ => Ok(times),
    }
}

fn source(fields: &Fields<'_>, function: Function) -> Result<WriteSource, Fault> {
    if let Some(null) = fields.find("null") {
        fields.at_most_one(&["null", "len", "text", "hex"])?;
        return null.yes().map(|_| WriteSource::Null);
    }
    match fields.at_most_one(&["len", "text", "hex"])? {
        Some(("len", node)) => length(node, function),
        Some(("text", node)) => node
            .text(format_args!("a string of 1 to {MAX_WRITE} bytes"), |text| {
                (1..=MAX_WRITE).contains(&text.len())
            })
            .map(|text| WriteSource::Literal(text.as_bytes().to_vec())),
        Some((_, node)) => node.hex(MAX_WRITE).map(WriteSource::Literal),
        None => Err(Fault::new(
            fields.at(),
            "a write without data",
            "give one of len, text, hex and null = true; { len = 0 } writes 0 bytes",
        )),
    }
}

fn length(node: Node<'_>, function: Function) -> Result<WriteSource, Fault> {
    // SSL_write takes the length as an `int`, SSL_write_ex as a `size_t` (SSL_write(3)).
    const LARGEST: i32 = MAX_WRITE as i32;
    let len = node.number(i32::MIN..=LARGEST)?;
    match usize::try_from(len) {
        Ok(len) => Ok(WriteSource::Pattern(len)),
        Err(_) if function == Function::Write => Ok(WriteSource::Negative(len)),
        Err(_) => Err(node.refused("0 or more, as SSL_write_ex takes no negative length")),
    }
}

fn function(fields: &Fields<'_>) -> Result<Option<Function>, Fault> {
    let choices = Function::ALL.map(|f| (f.as_str(), f));
    fields.read("function", |node| node.choice(choices))
}

fn retry(argument: &Argument<'_>) -> Result<Step, Fault> {
    const KEYS: [&str; 4] = ["len", "buffer", "content", "function"];
    let fields = argument.fields(&KEYS, "{} or a table such as { len = 50 }")?;
    Ok(Step::Retry(Retry {
        len: fields.read("len", |node| node.number(0..=MAX_WRITE))?,
        buffer: fields.word_or_first("buffer", BUFFERS)?,
        content: fields.word_or_first("content", CONTENTS)?,
        function: function(&fields)?,
    }))
}

fn read(argument: &Argument<'_>) -> Result<Step, Fault> {
    let fields = argument.fields(&["max"], "{} or a table such as { max = 100 }")?;
    let max = fields.read("max", |node| node.count(MAX_READ))?;
    Ok(Step::Read(max.unwrap_or(DEFAULT_READ)))
}

fn key_update(argument: &Argument<'_>) -> Result<Step, Fault> {
    if argument.is_bare() {
        return Ok(Step::KeyUpdate(KeyUpdate::NotRequested));
    }
    argument.node()?.choice(KEY_UPDATES).map(Step::KeyUpdate)
}

fn stale_error(argument: &Argument<'_>) -> Result<Step, Fault> {
    if argument.is_bare() {
        return Ok(Step::StaleError(StaleError::default()));
    }
    let choices = StaleError::ALL.map(|kind| (kind.as_str(), kind));
    argument.node()?.choice(choices).map(Step::StaleError)
}

fn modes(argument: &Argument<'_>) -> Result<Vec<Mode>, Fault> {
    argument.node()?.some_of("modes", |element| {
        element.choice(Mode::ALL.map(|mode| (mode.as_str(), mode)))
    })
}

fn outbound(node: Node<'_>) -> Result<Outbound, Fault> {
    const KEYS: [&str; 5] = ["accept", "accept_each", "fail", "at_most", "then"];
    const WANTED: &str = "\"open\", \"blocked\", or a table such as { accept = 100 }";
    if node.as_text().is_some() {
        let blocked = Outbound {
            accept: Budget::Bytes(0),
            ..Outbound::OPEN
        };
        return node.choice([("open", Outbound::OPEN), ("blocked", blocked)]);
    }
    let fields = some_fields(node, WANTED)?.only(&KEYS)?;
    let flow = FlowFields::read(&fields, &KEYS, "zero")?;
    if let (Budget::All, Some(then)) = (flow.budget, fields.find("then")) {
        return Err(Fault::new(
            then.at(),
            "\"then\" without a budget has no effect",
            "add accept = N or accept_each = N",
        ));
    }
    Ok(Outbound {
        accept: flow.budget,
        at_most: flow.at_most,
        then: flow.then,
    })
}

fn inbound(node: Node<'_>) -> Result<Inbound, Fault> {
    const KEYS: [&str; 5] = ["deliver", "deliver_each", "fail", "at_most", "then"];
    const WANTED: &str = "\"open\", \"hold\", \"eof\", or a table such as { deliver = 100 }";
    if node.as_text().is_some() {
        let hold = Inbound {
            deliver: Budget::Bytes(0),
            ..Inbound::OPEN
        };
        let eof = Inbound {
            then: Refusal::Zero,
            ..Inbound::OPEN
        };
        return node.choice([("open", Inbound::OPEN), ("hold", hold), ("eof", eof)]);
    }
    let fields = some_fields(node, WANTED)?.only(&KEYS)?;
    let flow = FlowFields::read(&fields, &KEYS, "eof")?;
    Ok(Inbound {
        deliver: flow.budget,
        at_most: flow.at_most,
        then: flow.then,
    })
}

fn wire(node: Node<'_>) -> Result<WireFault, Fault> {
    const KEYS: [&str; 2] = ["flip", "truncate"];
    const WANTED: &str = "\"swap\", \"drop\", \"duplicate\", { flip = N } or { truncate = N }";
    if node.as_text().is_some() {
        return node.choice(WIRE_FAULTS);
    }
    match node.fields(WANTED)?.only(&KEYS)?.at_most_one(&KEYS)? {
        Some(("flip", at)) => at.number(0..=MAX_READ).map(WireFault::Flip),
        Some((_, at)) => at.number(0..=MAX_READ).map(WireFault::Truncate),
        None => Err(node.refused(WANTED)),
    }
}

/// A table that has to say something.
fn some_fields<'t>(node: Node<'t>, wanted: &str) -> Result<Fields<'t>, Fault> {
    if node.is_empty_table() {
        return Err(node.refused(wanted));
    }
    node.fields(wanted)
}

/// What `link` and `inbound` have in common: how much passes, in which portions, and then what.
struct FlowFields {
    budget: Budget,
    at_most: Option<NonZeroUsize>,
    then: Refusal,
}

impl FlowFields {
    /// `keys` are those of a budget, of a budget for each call, and of a failure at once; `zero`
    /// is the word for a return of 0.
    fn read(
        fields: &Fields<'_>,
        &[budget, budget_each, fail, ..]: &[&str; 5],
        zero: &'static str,
    ) -> Result<Self, Fault> {
        let errnos = || {
            Errno::names().filter_map(|name| Some((name, Refusal::Fail(Errno::from_name(name)?))))
        };
        if let Some(node) = fields.find(fail) {
            for other in [budget, budget_each, "at_most", "then"] {
                fields.at_most_one(&[fail, other])?;
            }
            return Ok(Self {
                budget: Budget::Bytes(0),
                at_most: None,
                then: node.choice(errnos())?,
            });
        }
        let refusals = [
            ("would-block", Refusal::WouldBlock),
            (zero, Refusal::Zero),
            ("zero-retry", Refusal::ZeroRetry),
        ];
        Ok(Self {
            budget: match fields.at_most_one(&[budget, budget_each])? {
                Some((key, node)) if key == budget => Budget::Bytes(node.number(0..=MAX_BUDGET)?),
                Some((_, node)) => Budget::EachCall(node.number(0..=MAX_BUDGET)?),
                None => Budget::All,
            },
            at_most: fields.read("at_most", |node| node.count(MAX_BUDGET))?,
            then: fields
                .read("then", |node| {
                    node.choice(refusals.into_iter().chain(errnos()))
                })?
                .unwrap_or(Refusal::WouldBlock),
        })
    }
}

fn peer(node: Node<'_>) -> Result<PeerAction, Fault> {
    const KEYS: [&str; 3] = ["write", "key_update", "raw"];
    const WANTED: &str =
        "a word such as \"read\", or { write = N }, { key_update = … }, { raw = … }";
    if node.as_text().is_some() {
        return node.choice(PEER_ACTIONS);
    }
    match node.fields(WANTED)?.only(&KEYS)?.at_most_one(&KEYS)? {
        Some(("write", bytes)) => bytes.count(MAX_READ).map(PeerAction::Write),
        Some(("key_update", kind)) => kind.choice(KEY_UPDATES).map(PeerAction::KeyUpdate),
        Some((_, bytes)) => bytes.hex(MAX_READ).map(PeerAction::Raw),
        None => Err(node.refused(WANTED)),
    }
}
