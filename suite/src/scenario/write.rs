//! Writes a [`Scenario`] as the text of a file that [`parse`](super::parse()) reads back: what a generator
//! made, for a person to read, to change and to keep.
//!
//! In flows any scenario; out flows its text, in the style of the files below `fixtures/scenarios`: a key
//! that says what goes without saying is left out, and each step has a line of its own. Nothing is made
//! right in silence: reading back what was written, and finding the same, is how a scenario is told from
//! data that only looks like one.

use std::fmt::{self, Display};

use super::steps::{BUFFERS, CONTENTS, DEFAULT_READ, KEY_UPDATES, PEER_ACTIONS, WIRE_FAULTS};
use super::{
    Cipher, Function, KeyExchange, Mode, PeerAction, PeerRenegotiation, Retry, Role, RoleState,
    Scenario, SessionTickets, StaleError, Step, TransportKind, Version, Write, WriteSource,
};
use crate::transport::{Budget, Inbound, Outbound, Refusal, WireFault};

/// The columns of a line beyond which an array has a line for each element.
const WIDTH: usize = 120;

/// The text of a file that says what `scenario` says; its id is the file's name, and stands nowhere in it.
pub fn write(scenario: &Scenario) -> String {
    let mut file = File::default();
    file.key("title", quoted(&scenario.title));
    file.strings("clauses", &scenario.clauses, &[]);
    file.strings("links", &scenario.links, &[]);
    let words = scenario.versions.iter().map(|v| v.as_str());
    file.strings("versions", words, &Version::ALL.map(Version::as_str));
    let words = scenario.roles.iter().map(|r| r.as_str());
    file.strings("roles", words, &Role::ALL.map(Role::as_str));
    let words = scenario.transports.iter().map(|t| t.as_str());
    file.strings("transports", words, &[TransportKind::Scripted.as_str()]);
    for (key, word) in settings(scenario) {
        if let Some(word) = word {
            file.key(key, quoted(word));
        }
    }
    file.blank();
    let steps: Vec<String> = scenario.steps.iter().map(step).collect();
    file.lines("steps", &steps);
    file.0
}

/// The keys that have one word as their value, and that word where it is not the one that goes without
/// saying.
fn settings(scenario: &Scenario) -> [(&'static str, Option<&'static str>); 5] {
    [
        (
            "cipher",
            match scenario.cipher {
                Cipher::Aes128Gcm => None,
                other => Some(other.as_str()),
            },
        ),
        (
            "key_exchange",
            match scenario.key_exchange {
                KeyExchange::Ephemeral => None,
                other => Some(other.as_str()),
            },
        ),
        (
            "role_state",
            match scenario.role_state {
                RoleState::Set => None,
                RoleState::Unset => Some("unset"),
            },
        ),
        (
            "peer_renegotiation",
            match scenario.peer_renegotiation {
                PeerRenegotiation::Allow => None,
                PeerRenegotiation::Refuse => Some("refuse"),
            },
        ),
        (
            "session_tickets",
            match scenario.session_tickets {
                SessionTickets::None => None,
                SessionTickets::Send => Some("send"),
            },
        ),
    ]
}

/// The text so far.
#[derive(Default)]
struct File(String);

impl File {
    fn key(&mut self, key: &str, value: impl Display) {
        self.0.push_str(&format!("{key} = {value}\n"));
    }

    /// An array of strings, if it is not `usual`.
    fn strings<S: AsRef<str>>(
        &mut self,
        key: &str,
        strings: impl IntoIterator<Item = S>,
        usual: &[&str],
    ) {
        let strings: Vec<S> = strings.into_iter().collect();
        if strings.iter().map(AsRef::as_ref).eq(usual.iter().copied()) {
            return;
        }
        let strings: Vec<String> = strings.iter().map(|text| quoted(text.as_ref())).collect();
        let line = format!("[{}]", strings.join(", "));
        match key.len() + line.chars().count() + " = ".len() <= WIDTH || strings.len() == 1 {
            true => self.key(key, line),
            false => self.lines(key, &strings),
        }
    }

    /// An array with a line for each element.
    fn lines(&mut self, key: &str, elements: &[String]) {
        self.0.push_str(&format!("{key} = [\n"));
        for element in elements {
            self.0.push_str(&format!("  {element},\n"));
        }
        self.0.push_str("]\n");
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }
}

/// A step as an element of the array: `"NAME"`, or `{ NAME = VALUE }`.
fn step(step: &Step) -> String {
    let (name, value) = match step {
        Step::Handshake => return quoted("handshake"),
        Step::Finish => return quoted("finish"),
        Step::Shutdown => return quoted("shutdown"),
        Step::Renegotiate => return quoted("renegotiate"),
        Step::StaleError(StaleError::Ssl) => return quoted("stale_error"),
        Step::StaleError(kind) => ("stale_error", quoted(kind.as_str())),
        Step::Write(write) => ("write", written(write)),
        Step::Retry(retry) => ("retry", retried(retry)),
        Step::Read(max) => {
            let max = (*max != DEFAULT_READ).then_some(*max);
            ("read", Table::default().some("max", max).to_string())
        }
        Step::KeyUpdate(kind) => ("key_update", word(&KEY_UPDATES, kind)),
        Step::SetModes(some) => ("set_modes", modes(some)),
        Step::ClearModes(some) => ("clear_modes", modes(some)),
        Step::MaxSendFragment(bytes) => ("max_send_fragment", bytes.to_string()),
        Step::Link(link) => ("link", outbound(link)),
        Step::Inbound(from) => ("inbound", inbound(from)),
        Step::Peer(action) => ("peer", peer(action)),
        Step::Wire(fault) => ("wire", wire(fault)),
    };
    Table::default().entry(name, value).to_string()
}

fn written(write: &Write) -> String {
    let once = write.times.get() == 1;
    let table = Table::default();
    let table = match &write.source {
        WriteSource::Rest if once && write.function == Function::Write => return quoted("rest"),
        // The rest is written by the function of the write that left it over, and once: the parser says so.
        WriteSource::Rest => table.entry("rest", true),
        WriteSource::Null => table.entry("null", true),
        WriteSource::Pattern(len) => table.entry("len", len),
        WriteSource::Negative(len) => table.entry("len", len),
        WriteSource::Literal(bytes) => match readable(bytes) {
            Some(text) => table.entry("text", quoted(text)),
            None => table.entry("hex", hex(bytes)),
        },
    };
    let function = (write.function != Function::Write).then_some(write.function);
    table
        .some("function", function.map(|f| quoted(f.as_str())))
        .some("times", (!once).then_some(write.times))
        .to_string()
}

/// The bytes as a text that a person can read.
fn readable(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_readable = |c: char| !c.is_control() || "\t\n\r".contains(c);
    (!text.is_empty() && text.chars().all(is_readable)).then_some(text)
}

fn retried(retry: &Retry) -> String {
    let usual = Retry::default();
    let buffer = (retry.buffer != usual.buffer).then(|| word(&BUFFERS, &retry.buffer));
    let content = (retry.content != usual.content).then(|| word(&CONTENTS, &retry.content));
    Table::default()
        .some("len", retry.len)
        .some("buffer", buffer)
        .some("content", content)
        .some("function", retry.function.map(|f| quoted(f.as_str())))
        .to_string()
}

fn modes(modes: &[Mode]) -> String {
    let words: Vec<String> = modes.iter().map(|mode| quoted(mode.as_str())).collect();
    format!("[{}]", words.join(", "))
}

fn outbound(link: &Outbound) -> String {
    if *link == Outbound::OPEN {
        return quoted("open");
    }
    let table = Table::default();
    let table = match (link.accept, link.at_most, link.then) {
        (Budget::Bytes(0), None, Refusal::WouldBlock) => return quoted("blocked"),
        (Budget::Bytes(0), None, Refusal::Fail(errno)) => {
            return table.entry("fail", quoted(&errno.to_string())).to_string();
        }
        (Budget::All, ..) => table,
        (Budget::Bytes(bytes), ..) => table.entry("accept", bytes),
        (Budget::EachCall(bytes), ..) => table.entry("accept_each", bytes),
    };
    table
        .some("at_most", link.at_most)
        .some("then", then(link.then, "zero"))
        .to_string()
}

fn inbound(inbound: &Inbound) -> String {
    if *inbound == Inbound::OPEN {
        return quoted("open");
    }
    let table = Table::default();
    let table = match (inbound.deliver, inbound.at_most, inbound.then) {
        (Budget::Bytes(0), None, Refusal::WouldBlock) => return quoted("hold"),
        (Budget::All, None, Refusal::Zero) => return quoted("eof"),
        (Budget::Bytes(0), None, Refusal::Fail(errno)) => {
            return table.entry("fail", quoted(&errno.to_string())).to_string();
        }
        (Budget::All, ..) => table,
        (Budget::Bytes(bytes), ..) => table.entry("deliver", bytes),
        (Budget::EachCall(bytes), ..) => table.entry("deliver_each", bytes),
    };
    table
        .some("at_most", inbound.at_most)
        .some("then", then(inbound.then, "eof"))
        .to_string()
}

/// The word for a refusal that does not go without saying; `zero` is the one for a return of 0.
fn then(refusal: Refusal, zero: &str) -> Option<String> {
    match refusal {
        Refusal::WouldBlock => None,
        Refusal::Zero => Some(quoted(zero)),
        Refusal::ZeroRetry => Some(quoted("zero-retry")),
        Refusal::Fail(errno) => Some(quoted(&errno.to_string())),
    }
}

fn peer(action: &PeerAction) -> String {
    let table = Table::default();
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
        | PeerAction::Disconnect => word(&PEER_ACTIONS, action),
    }
}

fn wire(fault: &WireFault) -> String {
    let table = Table::default();
    match fault {
        WireFault::Flip(at) => table.entry("flip", at).to_string(),
        WireFault::Truncate(at) => table.entry("truncate", at).to_string(),
        WireFault::Swap | WireFault::Drop | WireFault::Duplicate => word(&WIRE_FAULTS, fault),
    }
}

/// The word that stands for `meaning`, quoted; one that is refused if there is none, as tests would find.
fn word<T: PartialEq>(words: &[(&str, T)], meaning: &T) -> String {
    let found = words.iter().find(|(_, known)| known == meaning);
    quoted(found.map_or("", |(word, _)| word))
}

/// An inline table.
#[derive(Default)]
struct Table(Vec<String>);

impl Table {
    fn entry(mut self, key: &str, value: impl Display) -> Self {
        self.0.push(format!("{key} = {value}"));
        self
    }

    /// An entry, if there is something to be said.
    fn some(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.entry(key, value),
            None => self,
        }
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_empty() {
            true => f.write_str("{}"),
            false => write!(f, "{{ {} }}", self.0.join(", ")),
        }
    }
}

/// Two hexadecimal digits for each byte, quoted.
fn hex(bytes: &[u8]) -> String {
    quoted(&base16ct::lower::encode_string(bytes))
}

/// A basic string (TOML 1.0, "String"): control characters, quotation marks and backslashes are escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
