//! Recorded sessions: the format of `tests/data/*.session`, and a textual view of records.

use std::fmt::Write as _;
use std::path::Path;

use writeproof::internal::wire::{
    ContentType, KeyLog, Pair, Record, RecordContent, Sender, View, read,
};

pub(crate) const BOTH: [Sender; 2] = [Sender::Client, Sender::Server];

/// A recorded connection. Its file has lines `key LABEL RANDOM SECRET`; lines `client HEX` and
/// `server HEX` in the order of the bytes on the link; and for each record a line `client sent …`
/// or `server sent …` in the format of [`describe`].
#[derive(Clone, Default)]
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) keys: String,
    pub(crate) events: Vec<(Sender, Vec<u8>)>,
    pub(crate) expected: Pair<String>,
}

impl Session {
    /// All recorded sessions, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let files = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut sessions: Vec<_> = files.map(|path| Self::load(&path)).collect();
        sessions.sort_by(|a, b| a.name.cmp(&b.name));
        assert!(sessions.len() >= 20, "recorded sessions are missing");
        sessions
    }

    pub(crate) fn named(name: &str) -> Self {
        Self::all()
            .into_iter()
            .find(|session| session.name == name)
            .unwrap()
    }

    fn load(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut session = Self {
            name,
            ..Self::default()
        };
        let text = std::fs::read_to_string(path).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (word, rest) = line.split_once(' ').unwrap();
            let sender = match word {
                "client" => Sender::Client,
                "server" => Sender::Server,
                _ => {
                    writeln!(session.keys, "{rest}").unwrap();
                    continue;
                }
            };
            match rest.strip_prefix("sent ") {
                Some(line) => writeln!(session.expected[sender], "{line}").unwrap(),
                None => session.events.push((sender, bytes(rest))),
            }
        }
        session
    }

    pub(crate) fn read(&self) -> View {
        self.read_with(&self.keys)
    }

    pub(crate) fn read_with(&self, keys: &str) -> View {
        let keylog = KeyLog::parse(keys).unwrap();
        read(
            self.events
                .iter()
                .map(|(sender, bytes)| (*sender, &bytes[..])),
            &keylog,
        )
    }

    /// All that one side sent.
    pub(crate) fn stream(&self, from: Sender) -> Vec<u8> {
        let own = self.events.iter().filter(|(sender, _)| *sender == from);
        own.flat_map(|(_, bytes)| bytes).copied().collect()
    }

    /// The same session with one bit of one direction flipped.
    pub(crate) fn with_flipped_bit(&self, from: Sender, mut offset: usize) -> Self {
        let mut altered = self.clone();
        for (_, bytes) in altered
            .events
            .iter_mut()
            .filter(|(sender, _)| *sender == from)
        {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= 1;
                break;
            }
            offset -= bytes.len();
        }
        altered
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// The records of a direction, one line each: bytes on the wire, whether protected, and the
/// content.
pub(crate) fn describe(records: &[Record]) -> String {
    records
        .iter()
        .map(|record| describe_record(record) + "\n")
        .collect()
}

fn describe_record(record: &Record) -> String {
    let (protected, fragment) = match &record.content {
        RecordContent::Plain(fragment) => ("", fragment),
        RecordContent::Opened(fragment) => ("protected ", fragment),
        other => return format!("{} {other:?}", record.received),
    };
    let mut line = format!("{} {protected}{}", record.received, fragment.content_type);
    for message in &fragment.messages {
        let begins = if message.begins { "" } else { "…" };
        let completes = if message.completes { "" } else { "…" };
        write!(line, " {begins}{message}{completes}").unwrap();
    }
    if let Some(alert) = fragment.alert() {
        write!(line, " {alert}").unwrap();
    }
    if fragment.content_type == ContentType::ApplicationData {
        write!(line, " {:?}", String::from_utf8_lossy(&fragment.plaintext)).unwrap();
    }
    if fragment.padding > 0 {
        write!(line, " and {} of padding", fragment.padding).unwrap();
    }
    line
}
