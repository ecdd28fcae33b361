//! Writes a [`Scenario`] as the text of a file that [`parse`](super::parse()) reads back, so that a
//! person can read, edit and keep the scenario of a generator.
//!
//! Takes any scenario, and yields its text in the style of the files in `fixtures/scenarios`: keys with
//! their default value are left out, and each step has a line of its own. An invalid scenario is written
//! without corrections: it is valid only if reading the text back gives the same scenario.

use std::fmt::Display;

use super::text::{InlineTable, quoted};
use super::{
    Cipher, KeyExchange, PeerRenegotiation, Role, RoleState, Scenario, SessionTickets, Step,
    TransportKind, Version,
};

/// The columns of a line beyond which an array has a line for each element.
const WIDTH: usize = 120;

/// The text of a file that says what `scenario` says; its id is the file's name, and stands nowhere in it.
pub fn write(scenario: &Scenario) -> String {
    let mut file = FileText::default();
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
struct FileText(String);

impl FileText {
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
    match step.value() {
        None => quoted(step.name()),
        Some(value) => InlineTable::default().entry(step.name(), value).to_string(),
    }
}
