//! Reads a scenario file into a [`Scenario`], or says in which line and column it is wrong and what
//! would be right there.
//!
//! ```toml
//! title = "A blocked write retried with fewer bytes is refused"   # required
//! clauses = ["retry.same-arguments"]        # clauses of the contract; default none
//! links = ["https://…"]                     # where the behaviour is told; default none
//! versions = ["tls1.2", "tls1.3"]           # default both
//! roles = ["client", "server"]              # of the library under test; default both
//! cipher = "aes128-gcm"                     # or chacha20, aes128-cbc (with tls1.2 alone)
//! role_state = "set"                        # or unset: no SSL_set_connect_state before
//! peer_renegotiation = "allow"              # or refuse; only beside a step renegotiate
//!
//! steps = [                                 # required, at least one write among them
//!   "handshake",                            # the same as { handshake = {} }
//!   { link = { accept = 100 } },
//!   { write = { len = 20000 } },
//!   "finish",
//! ]
//! ```
//!
//! A step is `{ NAME = VALUE }`; where `{}` is a value, `"NAME"` alone says the same.
//!
//! | step | value |
//! |---|---|
//! | `handshake`, `finish`, `shutdown`, `renegotiate`, `stale_error` | `{}` |
//! | `write` | `"rest"`, or a table of one of `len` (negative: passed as it is), `text`, `hex`, and `null = true` (a null pointer, with `len` or 0), and `function`, `times` |
//! | `retry` | `{}` or a table of `len`, `buffer` (`same`, `moved`), `content` (`same`, `changed`), `function` |
//! | `read` | `{}` (16384 bytes) or `{ max = N }` |
//! | `key_update` | `{}`, `"not-requested"`, `"requested"` |
//! | `set_modes`, `clear_modes` | an array of `partial-write`, `moving-buffer`, `auto-retry`, `release-buffers` |
//! | `max_send_fragment` | 512 to 16384 |
//! | `link` | `"open"`, `"blocked"`, or a table of `accept`, `accept_each` or `fail`, and `at_most`, `then` |
//! | `inbound` | `"open"`, `"hold"`, `"eof"`, or a table of `deliver`, `deliver_each` or `fail`, and `at_most`, `then` |
//! | `peer` | `"read"`, `"handshake"`, `"renegotiate"`, `"close_notify"`, `"fatal_alert"`, `"session_ticket"`, `"vanish"`, `{ write = N }`, `{ key_update = … }`, `{ raw = "00ff" }` |
//!
//! Where a step can stand is said by the rules at the end of this file.

use std::num::NonZeroUsize;

use thiserror::Error;
use toml::de::DeTable;

use super::form::{Fault, Fields, Node, Shown};
use super::{
    Buffer, Cipher, Content, Function, Id, KeyUpdate, MAX_WRITE, Mode, PeerAction,
    PeerRenegotiation, Retry, Role, RoleState, Scenario, Source, Step, Version, Write,
};
use crate::link::{Budget, Errno, Inbound, Outbound, Refusal};

/// How often a write can be repeated by one step.
const MAX_TIMES: usize = 10_000;

/// The largest read, and the most that the peer puts onto the wire in one step, in bytes (1 MiB).
const MAX_READ: usize = 1 << 20;

/// How many bytes a read asks for if the file does not say: the plaintext of the longest record
/// (RFC 8446, section 5.1).
const DEFAULT_READ: NonZeroUsize = NonZeroUsize::new(16384).unwrap();

/// The largest budget of the transport, in bytes (1 GiB): more than a scenario would send.
const MAX_BUDGET: usize = 1 << 30;

/// A scenario file that is wrong: where, how, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}:{line}:{column}: {message}: {help}")]
#[non_exhaustive]
pub struct ParseError {
    /// The file, as the caller of [`parse`] called it.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl ParseError {
    pub(super) fn at_start(path: &str, message: String, help: &str) -> Self {
        Self::locate(path, "", Fault::new(0, message, help))
    }

    fn locate(path: &str, text: &str, fault: Fault) -> Self {
        let before = || text.char_indices().take_while(|&(at, _)| at < fault.at);
        let line = before().filter(|&(_, c)| c == '\n').count() + 1;
        let column = before().fold(1, |column, (_, c)| if c == '\n' { 1 } else { column + 1 });
        Self {
            path: path.to_owned(),
            line,
            column,
            message: fault.message,
            help: fault.help,
        }
    }
}

/// Reads the `text` of the scenario `id`; messages call the file `path`.
///
/// # Errors
///
/// The text is not TOML, has an unknown key, an impossible value, or a step that cannot be done
/// where it stands. Only the first thing that is wrong is told.
pub fn parse(id: Id, path: &str, text: &str) -> Result<Scenario, ParseError> {
    scenario(id, text).map_err(|fault| ParseError::locate(path, text, fault))
}

fn scenario(id: Id, text: &str) -> Result<Scenario, Fault> {
    const KEYS: [&str; 9] = [
        "title",
        "clauses",
        "links",
        "versions",
        "roles",
        "cipher",
        "role_state",
        "peer_renegotiation",
        "steps",
    ];
    let document = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let fields = Fields::of_file(&document).only(&KEYS)?;
    let title = title(&fields)?;
    let clauses = set(&fields, "clauses", "clauses", clause)?;
    let links = set(&fields, "links", "addresses", link_address)?;
    let versions = some_or(&fields, "versions", Version::ALL.map(|v| (v.word(), v)))?;
    let roles = some_or(&fields, "roles", Role::ALL.map(|r| (r.word(), r)))?;
    let cipher = cipher(&fields, &versions)?;
    let role_state = word_or(
        &fields,
        "role_state",
        [("set", RoleState::Set), ("unset", RoleState::Unset)],
    )?;
    let peer_renegotiation = word_or(
        &fields,
        "peer_renegotiation",
        [
            ("allow", PeerRenegotiation::Allow),
            ("refuse", PeerRenegotiation::Refuse),
        ],
    )?;
    let (steps, places) = steps(&fields)?;
    let scenario = Scenario {
        id,
        title,
        clauses,
        links,
        versions,
        roles,
        cipher,
        role_state,
        peer_renegotiation,
        steps,
    };
    check_order(&scenario, &places)?;
    check_whole(&scenario, &fields)?;
    Ok(scenario)
}

fn syntax(text: &str, error: &toml::de::Error) -> Fault {
    Fault::new(
        error.span().map_or(text.len(), |span| span.start),
        format!("not TOML: {}", error.message().replace('\n', ", ")),
        "see https://toml.io for what is",
    )
}

fn title(fields: &Fields<'_>) -> Result<String, Fault> {
    const WANTED: &str = "one sentence, on one line, that says what is done and what is right";
    match fields.find("title") {
        Some(node) => node
            .text(WANTED, |t| {
                !t.trim().is_empty() && !t.contains(char::is_control)
            })
            .map(str::to_owned),
        None => Err(Fault::new(
            fields.at(),
            "no \"title\"",
            format!("add title = \"…\", {WANTED}"),
        )),
    }
}

fn clause(node: Node<'_>) -> Result<String, Fault> {
    let word = |w: &str| {
        !w.is_empty()
            && w.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let right = |text: &str| matches!(text.split_once('.'), Some((a, b)) if word(a) && word(b));
    node.text(
        "a clause such as \"retry.same-arguments\": two names of a-z, 0-9 and -, and a dot between",
        right,
    )
    .map(str::to_owned)
}

fn link_address(node: Node<'_>) -> Result<String, Fault> {
    let right = |text: &str| {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        rest.is_some_and(|r| {
            !r.is_empty() && !r.contains(|c: char| c.is_whitespace() || c.is_control())
        })
    };
    node.text("an address that starts with https:// or http://", right)
        .map(str::to_owned)
}

/// The array of strings at `key`; empty if the file has none.
fn set(
    fields: &Fields<'_>,
    key: &str,
    wanted: &str,
    read: fn(Node<'_>) -> Result<String, Fault>,
) -> Result<Vec<String>, Fault> {
    fields
        .find(key)
        .map_or(Ok(Vec::new()), |node| node.set(wanted, read))
}

/// The words of the array at `key`; all `choices` if the file has none.
fn some_or<T: Copy + PartialEq, const N: usize>(
    fields: &Fields<'_>,
    key: &str,
    choices: [(&'static str, T); N],
) -> Result<Vec<T>, Fault> {
    match fields.find(key) {
        Some(node) => node.some_of("strings", |element| element.choice(choices)),
        None => Ok(choices.map(|(_, value)| value).to_vec()),
    }
}

/// The word at `key`; the first of `choices` if the file has none.
fn word_or<T: Copy, const N: usize>(
    fields: &Fields<'_>,
    key: &str,
    choices: [(&'static str, T); N],
) -> Result<T, Fault> {
    fields
        .find(key)
        .map_or(Ok(choices[0].1), |node| node.choice(choices))
}

fn cipher(fields: &Fields<'_>, versions: &[Version]) -> Result<Cipher, Fault> {
    let cipher = word_or(fields, "cipher", Cipher::ALL.map(|c| (c.word(), c)))?;
    match fields.find("cipher") {
        Some(node) if cipher == Cipher::Aes128Cbc && versions != [Version::Tls12] => {
            Err(Fault::new(
                node.at(),
                "\"aes128-cbc\" does not exist in TLS 1.3",
                "it needs versions = [\"tls1.2\"]",
            ))
        }
        _ => Ok(cipher),
    }
}

/// The steps, and where in the text each of them stands, in bytes.
fn steps(fields: &Fields<'_>) -> Result<(Vec<Step>, Vec<usize>), Fault> {
    let Some(node) = fields.find("steps") else {
        return Err(Fault::new(
            fields.at(),
            "no \"steps\"",
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
                "{{}}, as nothing can be said about this step; \"{}\" alone does too",
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
                format!("the step \"{}\" stands alone", self.name),
                format!("it needs a value: {{ {} = … }}", self.name),
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
const STEPS: [Kind; 15] = [
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
    Kind("peer", |a| peer(a.node()?).map(Step::Peer)),
    Kind("stale_error", |a| a.bare(Step::StaleError)),
];

const KEY_UPDATES: [(&str, KeyUpdate); 2] = [
    ("not-requested", KeyUpdate::NotRequested),
    ("requested", KeyUpdate::Requested),
];

fn write(node: Node<'_>) -> Result<Step, Fault> {
    const KEYS: [&str; 6] = ["len", "text", "hex", "null", "function", "times"];
    if node.as_text() == Some("rest") {
        return Ok(Step::Write(Write {
            function: Function::Write,
            source: Source::Rest,
            times: NonZeroUsize::MIN,
        }));
    }
    let fields = node
        .fields("\"rest\", or a table such as { len = 100 }")?
        .only(&KEYS)?;
    let function = function(&fields)?.unwrap_or(Function::Write);
    let times = fields.find("times").map(|node| node.count(MAX_TIMES));
    Ok(Step::Write(Write {
        function,
        source: source(&fields, function)?,
        times: times.transpose()?.unwrap_or(NonZeroUsize::MIN),
    }))
}

fn source(fields: &Fields<'_>, function: Function) -> Result<Source, Fault> {
    if let Some(null) = fields.find("null") {
        fields.at_most_one(&["null", "text", "hex"])?;
        null.yes()?;
        let len = fields.find("len").map(|node| node.number(0..=MAX_WRITE));
        return Ok(Source::Null(len.transpose()?.unwrap_or(0)));
    }
    match fields.at_most_one(&["len", "text", "hex"])? {
        Some(("len", node)) => length(node, function),
        Some(("text", node)) => node
            .text(format_args!("a string of 1 to {MAX_WRITE} bytes"), |text| {
                (1..=MAX_WRITE).contains(&text.len())
            })
            .map(|text| Source::Literal(text.as_bytes().to_vec())),
        Some((_, node)) => node.hex(MAX_WRITE).map(Source::Literal),
        None => Err(Fault::new(
            fields.at(),
            "a write of nothing",
            "name one of len, text, hex, or null = true; { len = 0 } writes no bytes",
        )),
    }
}

fn length(node: Node<'_>, function: Function) -> Result<Source, Fault> {
    // SSL_write takes the length as an `int`, SSL_write_ex as a `size_t` (SSL_write(3)).
    const LARGEST: i32 = MAX_WRITE as i32;
    let len = node.number(i32::MIN..=LARGEST)?;
    match usize::try_from(len) {
        Ok(len) => Ok(Source::Pattern(len)),
        Err(_) if function == Function::Write => Ok(Source::Negative(len)),
        Err(_) => Err(node.refused("0 or more, as SSL_write_ex takes no negative length")),
    }
}

fn function(fields: &Fields<'_>) -> Result<Option<Function>, Fault> {
    fields
        .find("function")
        .map(|node| node.choice(Function::ALL.map(|f| (f.word(), f))))
        .transpose()
}

fn retry(argument: &Argument<'_>) -> Result<Step, Fault> {
    const KEYS: [&str; 4] = ["len", "buffer", "content", "function"];
    let fields = argument.fields(&KEYS, "{} or a table such as { len = 50 }")?;
    let len = fields.find("len").map(|node| node.number(0..=MAX_WRITE));
    Ok(Step::Retry(Retry {
        len: len.transpose()?,
        buffer: word_or(
            &fields,
            "buffer",
            [("same", Buffer::Same), ("moved", Buffer::Moved)],
        )?,
        content: word_or(
            &fields,
            "content",
            [("same", Content::Same), ("changed", Content::Changed)],
        )?,
        function: function(&fields)?,
    }))
}

fn read(argument: &Argument<'_>) -> Result<Step, Fault> {
    let fields = argument.fields(&["max"], "{} or a table such as { max = 100 }")?;
    match fields.find("max") {
        Some(node) => node.count(MAX_READ).map(Step::Read),
        None => Ok(Step::Read(DEFAULT_READ)),
    }
}

fn key_update(argument: &Argument<'_>) -> Result<Step, Fault> {
    if argument.is_bare() {
        return Ok(Step::KeyUpdate(KeyUpdate::NotRequested));
    }
    argument.node()?.choice(KEY_UPDATES).map(Step::KeyUpdate)
}

fn modes(argument: &Argument<'_>) -> Result<Vec<Mode>, Fault> {
    argument.node()?.some_of("modes", |element| {
        element.choice(Mode::ALL.map(|mode| (mode.word(), mode)))
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
    let flow = Flow::read(&fields, &KEYS, "zero")?;
    if let (Budget::All, Some(then)) = (flow.budget, fields.find("then")) {
        return Err(Fault::new(
            then.at(),
            "\"then\" without a budget: the link never refuses",
            "say how much it takes before: accept = N or accept_each = N",
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
    let flow = Flow::read(&fields, &KEYS, "eof")?;
    Ok(Inbound {
        deliver: flow.budget,
        at_most: flow.at_most,
        then: flow.then,
    })
}

/// A table that has to say something.
fn some_fields<'t>(node: Node<'t>, wanted: &str) -> Result<Fields<'t>, Fault> {
    if node.is_empty_table() {
        return Err(node.refused(wanted));
    }
    node.fields(wanted)
}

/// What `link` and `inbound` have in common: how much passes, in which portions, and then what.
struct Flow {
    budget: Budget,
    at_most: Option<NonZeroUsize>,
    then: Refusal,
}

impl Flow {
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
        let at_most = fields.find("at_most").map(|node| node.count(MAX_BUDGET));
        let then = fields
            .find("then")
            .map(|node| node.choice(refusals.into_iter().chain(errnos())));
        Ok(Self {
            budget: match fields.at_most_one(&[budget, budget_each])? {
                Some((key, node)) if key == budget => Budget::Bytes(node.number(0..=MAX_BUDGET)?),
                Some((_, node)) => Budget::EachCall(node.number(0..=MAX_BUDGET)?),
                None => Budget::All,
            },
            at_most: at_most.transpose()?,
            then: then.transpose()?.unwrap_or(Refusal::WouldBlock),
        })
    }
}

fn peer(node: Node<'_>) -> Result<PeerAction, Fault> {
    const WANTED: &str =
        "a word such as \"read\", or { write = N }, { key_update = … }, { raw = … }";
    if node.as_text().is_some() {
        return node.choice([
            ("read", PeerAction::Read),
            ("handshake", PeerAction::Handshake),
            ("renegotiate", PeerAction::Renegotiate),
            ("close_notify", PeerAction::CloseNotify),
            ("fatal_alert", PeerAction::FatalAlert),
            ("session_ticket", PeerAction::SessionTicket),
            ("vanish", PeerAction::Vanish),
        ]);
    }
    let fields = some_fields(node, WANTED)?.only(&["write", "key_update", "raw"])?;
    match fields.at_most_one(&["write", "key_update", "raw"])? {
        Some(("write", bytes)) => bytes.count(MAX_READ).map(PeerAction::Write),
        Some(("key_update", kind)) => kind.choice(KEY_UPDATES).map(PeerAction::KeyUpdate),
        Some((_, bytes)) => bytes.hex(MAX_READ).map(PeerAction::Raw),
        None => Err(node.refused(WANTED)),
    }
}

/// A step among the others.
struct Place<'s> {
    scenario: &'s Scenario,
    index: usize,
    step: &'s Step,
}

impl Place<'_> {
    fn before(&self, like: impl Fn(&Step) -> bool) -> bool {
        self.scenario.steps[..self.index].iter().any(like)
    }

    fn next(&self) -> Option<&Step> {
        self.scenario.steps.get(self.index + 1)
    }

    fn only_version(&self, version: Version) -> bool {
        self.scenario.versions == [version]
    }
}

/// Why a step cannot stand where it does, and what would be right.
struct Objection(&'static str, &'static str);

/// Where a step can stand. Each rule looks at one step and objects or has nothing to say.
const RULES: [fn(&Place<'_>) -> Option<Objection>; 9] = [
    one_handshake,
    handshake_needs_a_role,
    repeat_needs_a_write,
    finish_needs_a_call,
    key_update_needs_tls13,
    renegotiation_needs_tls12,
    ticket_needs_a_tls13_client,
    stale_error_needs_a_call,
    nothing_from_a_vanished_peer,
];

fn one_handshake(place: &Place<'_>) -> Option<Objection> {
    let again = *place.step == Step::Handshake && place.before(|s| *s == Step::Handshake);
    again.then_some(Objection(
        "a second handshake",
        "a connection shakes hands once: to repeat the call write \"finish\", for a handshake \
         within the connection \"renegotiate\"",
    ))
}

fn handshake_needs_a_role(place: &Place<'_>) -> Option<Objection> {
    let unset = place.scenario.role_state == RoleState::Unset;
    (unset && *place.step == Step::Handshake).then_some(Objection(
        "a handshake with role_state = \"unset\": the library does not know which one to do",
        "leave the step out and write at once, or leave role_state out",
    ))
}

fn repeat_needs_a_write(place: &Place<'_>) -> Option<Objection> {
    let written = || place.before(|step| matches!(step, Step::Write(_)));
    match place.step {
        Step::Retry(_) if !written() => Some(Objection(
            "a retry before any write",
            "a retry repeats a write: put a write before it",
        )),
        Step::Write(write) if write.source == Source::Rest && !written() => Some(Objection(
            "the rest of a write before any write",
            "put a write before it that can leave something over",
        )),
        _ => None,
    }
}

fn finish_needs_a_call(place: &Place<'_>) -> Option<Objection> {
    let called = || {
        place.before(|step| is_call(step) || matches!(step, Step::KeyUpdate(_) | Step::Renegotiate))
    };
    (*place.step == Step::Finish && !called()).then_some(Objection(
        "finish before any call",
        "it repeats the last call until that is done: put a handshake, write, read or shutdown \
         before it",
    ))
}

fn key_update_needs_tls13(place: &Place<'_>) -> Option<Objection> {
    let updates = matches!(
        place.step,
        Step::KeyUpdate(_) | Step::Peer(PeerAction::KeyUpdate(_))
    );
    (updates && !place.only_version(Version::Tls13)).then_some(Objection(
        "a key update, which TLS 1.2 does not have",
        "it needs versions = [\"tls1.3\"]",
    ))
}

fn renegotiation_needs_tls12(place: &Place<'_>) -> Option<Objection> {
    let renegotiates = matches!(
        place.step,
        Step::Renegotiate | Step::Peer(PeerAction::Renegotiate)
    );
    (renegotiates && !place.only_version(Version::Tls12)).then_some(Objection(
        "a renegotiation, which TLS 1.3 does not have",
        "it needs versions = [\"tls1.2\"]",
    ))
}

fn ticket_needs_a_tls13_client(place: &Place<'_>) -> Option<Objection> {
    let ticket = *place.step == Step::Peer(PeerAction::SessionTicket);
    let fits = place.only_version(Version::Tls13) && place.scenario.roles == [Role::Client];
    (ticket && !fits).then_some(Objection(
        "a session ticket from the peer, which only a TLS 1.3 server sends at any time",
        "it needs versions = [\"tls1.3\"] and roles = [\"client\"]",
    ))
}

fn stale_error_needs_a_call(place: &Place<'_>) -> Option<Objection> {
    // At the very end another message is clearer: nothing would see its effect.
    let next = place.next()?;
    (*place.step == Step::StaleError && !is_call(next)).then_some(Objection(
        "a stale error that no call follows at once",
        "put a write, retry, finish, read, shutdown or handshake right after it",
    ))
}

fn nothing_from_a_vanished_peer(place: &Place<'_>) -> Option<Objection> {
    let gone = |step: &Step| *step == Step::Peer(PeerAction::Vanish);
    (matches!(place.step, Step::Peer(_)) && place.before(gone)).then_some(Objection(
        "a step of a peer that has vanished",
        "put it before peer = \"vanish\", or leave it out",
    ))
}

/// Whether a step calls a function of the library that reads or writes.
fn is_call(step: &Step) -> bool {
    matches!(
        step,
        Step::Handshake
            | Step::Write(_)
            | Step::Retry(_)
            | Step::Finish
            | Step::Read(_)
            | Step::Shutdown
    )
}

/// Whether a step does nothing but change what later ones do.
fn is_setting(step: &Step) -> bool {
    matches!(
        step,
        Step::SetModes(_)
            | Step::ClearModes(_)
            | Step::MaxSendFragment(_)
            | Step::Link(_)
            | Step::Inbound(_)
            | Step::StaleError
    )
}

fn check_order(scenario: &Scenario, places: &[usize]) -> Result<(), Fault> {
    for (index, (step, &at)) in scenario.steps.iter().zip(places).enumerate() {
        let place = Place {
            scenario,
            index,
            step,
        };
        if let Some(Objection(message, help)) = RULES.iter().find_map(|rule| rule(&place)) {
            return Err(Fault::new(at, message, help));
        }
    }
    match (scenario.steps.last(), places.last()) {
        (Some(step), Some(&at)) if is_setting(step) => Err(Fault::new(
            at,
            "nothing comes after this step and would see its effect",
            "put a call or a step of the peer after it, or leave it out",
        )),
        _ => Ok(()),
    }
}

/// What the steps as a whole, and the keys beside them, ask for.
fn check_whole(scenario: &Scenario, fields: &Fields<'_>) -> Result<(), Fault> {
    let any = |like: fn(&Step) -> bool| scenario.steps.iter().any(like);
    if let Some(node) = fields.find("peer_renegotiation")
        && !any(|step| *step == Step::Renegotiate)
    {
        return Err(Fault::new(
            node.at(),
            "\"peer_renegotiation\" without a step \"renegotiate\" has no effect",
            "add such a step, or leave the key out",
        ));
    }
    if let Some(node) = fields.find("steps")
        && !any(|step| matches!(step, Step::Write(_)))
    {
        return Err(Fault::new(
            node.at(),
            "no step writes",
            "add one, such as { write = { len = 100 } }: a scenario is about writing",
        ));
    }
    Ok(())
}
