//! Pairwise coverage of the scenarios: for any two of the dimensions below, each value of one meets
//! each value of the other in a logical write of some case. A failure lists the pairs that never
//! meet, and the pairs listed as impossible that do.
//!
//! A *logical write* is a write with its retries, up to the next write that does not continue a
//! short one. A mode counts if it was in force at one of its calls; so does a link that takes fewer
//! bytes than are offered. The *events* of a write happened since the previous logical write: at
//! the library under test, or at the peer if the library then read the data, since it cannot know
//! of anything else.

use std::collections::BTreeSet;
use std::fmt;

use writeproof::internal::scenario::{
    Cipher, Corpus, Mode, PeerAction, Role, Scenario, StaleError, Step, Variant, Version,
    WriteSource,
};
use writeproof::internal::transport::{Budget, Outbound, Refusal};

const ROLE: &str = "role";
const VERSION: &str = "version";
const CIPHER: &str = "cipher";
const PARTIAL: &str = "partial-write";
const MOVING: &str = "moving-buffer";
const AUTO_RETRY: &str = "auto-retry";
const RELEASE: &str = "release-buffers";
const FRAGMENT: &str = "max send fragment";
const LINK: &str = "link";
const EVENT: &str = "event";

const ON: &str = "on";
const OFF: &str = "off";

/// The dimensions and all their values.
const DIMENSIONS: [(&str, &[&str]); 10] = [
    (ROLE, &["client", "server"]),
    (VERSION, &["tls1.2", "tls1.3"]),
    (
        CIPHER,
        &[
            "aes128-gcm",
            "chacha20",
            "aes128-cbc",
            "aes128-cbc-mac-then-encrypt",
        ],
    ),
    (PARTIAL, &[OFF, ON]),
    (MOVING, &[OFF, ON]),
    (AUTO_RETRY, &[OFF, ON]),
    (RELEASE, &[OFF, ON]),
    (FRAGMENT, &["default", "smaller"]),
    (
        LINK,
        &["open", "would-block", "small portions", "error", "zero"],
    ),
    (
        EVENT,
        &[
            "nothing",
            "peer writes",
            "peer reads",
            "key update by the peer",
            "own key update",
            "renegotiation by the peer",
            "own renegotiation",
            "session ticket",
            "own shutdown",
            "close_notify by the peer",
            "fatal alert by the peer",
            "peer disconnects",
            "stale error of TLS",
            "stale error of the system library",
            "stale error of another library",
            "several stale errors",
        ],
    ),
];

/// The pairs that cannot meet, with the reason.
const IMPOSSIBLE: [(Value, &[Value], &str); 5] = [
    (
        Value(VERSION, "tls1.3"),
        &[
            Value(CIPHER, "aes128-cbc"),
            Value(CIPHER, "aes128-cbc-mac-then-encrypt"),
            Value(EVENT, "renegotiation by the peer"),
            Value(EVENT, "own renegotiation"),
        ],
        "TLS 1.3 has AEADs alone, and no renegotiation (RFC 8446, sections 5.2 and 4.1.2)",
    ),
    (
        Value(VERSION, "tls1.2"),
        &[
            Value(EVENT, "key update by the peer"),
            Value(EVENT, "own key update"),
            Value(EVENT, "session ticket"),
        ],
        "messages after the handshake came with TLS 1.3 (RFC 8446, section 4.6)",
    ),
    (
        Value(CIPHER, "aes128-cbc"),
        &[
            Value(EVENT, "key update by the peer"),
            Value(EVENT, "own key update"),
            Value(EVENT, "session ticket"),
        ],
        "the cipher exists in TLS 1.2 alone, the message in TLS 1.3 alone",
    ),
    (
        Value(CIPHER, "aes128-cbc-mac-then-encrypt"),
        &[
            Value(EVENT, "key update by the peer"),
            Value(EVENT, "own key update"),
            Value(EVENT, "session ticket"),
        ],
        "the cipher exists in TLS 1.2 alone, the message in TLS 1.3 alone",
    ),
    (
        Value(ROLE, "server"),
        &[Value(EVENT, "session ticket")],
        "only a server sends tickets, and here that is the peer (RFC 8446, section 4.6.1)",
    ),
];

/// A value of a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Value(&'static str, &'static str);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

/// Two values of different dimensions, sorted.
type Pair = (Value, Value);

fn pair(one: Value, other: Value) -> Pair {
    (one.min(other), one.max(other))
}

fn all_pairs() -> BTreeSet<Pair> {
    let values: Vec<Value> = DIMENSIONS
        .iter()
        .flat_map(|&(dimension, words)| words.iter().map(move |&word| Value(dimension, word)))
        .collect();
    pairs_of(&values).collect()
}

fn pairs_of(values: &[Value]) -> impl Iterator<Item = Pair> + '_ {
    let of_others = |one: Value| values.iter().filter(move |other| other.0 != one.0);
    values
        .iter()
        .flat_map(move |&one| of_others(one).map(move |&other| pair(one, other)))
}

fn impossible() -> BTreeSet<Pair> {
    IMPOSSIBLE
        .iter()
        .flat_map(|&(one, others, _)| others.iter().map(move |&other| pair(one, other)))
        .collect()
}

fn covered() -> BTreeSet<Pair> {
    let corpus = Corpus::built_in().unwrap();
    let mut covered = BTreeSet::new();
    for scenario in corpus.scenarios() {
        for write in logical_writes(scenario) {
            for variant in scenario.variants() {
                let of_case = of_case(scenario, variant);
                let values: Vec<Value> = of_case.into_iter().chain(write.values()).collect();
                covered.extend(pairs_of(&values));
            }
        }
    }
    covered
}

/// Properties that are constant within a case.
fn of_case(scenario: &Scenario, variant: Variant) -> [Value; 3] {
    let role = match variant.role {
        Role::Client => "client",
        Role::Server => "server",
    };
    let version = match variant.version {
        Version::Tls12 => "tls1.2",
        Version::Tls13 => "tls1.3",
    };
    let cipher = match scenario.cipher {
        Cipher::Aes128Gcm => "aes128-gcm",
        Cipher::ChaCha20 => "chacha20",
        Cipher::Aes128Cbc => "aes128-cbc",
        Cipher::Aes128CbcMacThenEncrypt => "aes128-cbc-mac-then-encrypt",
    };
    [
        Value(ROLE, role),
        Value(VERSION, version),
        Value(CIPHER, cipher),
    ]
}

/// The conditions at the calls of one logical write, and the events since the previous one.
#[derive(Debug, Clone, Default)]
struct LogicalWrite {
    settings: BTreeSet<Value>,
    links: BTreeSet<&'static str>,
    events: BTreeSet<&'static str>,
}

impl LogicalWrite {
    fn values(&self) -> impl Iterator<Item = Value> {
        let mut links = self.links.clone();
        if links.len() > 1 {
            // A link that was opened for a retry was not open for the write.
            links.remove("open");
        }
        let mut events = self.events.clone();
        if events.is_empty() {
            events.insert("nothing");
        }
        let links = links.into_iter().map(|word| Value(LINK, word));
        let events = events.into_iter().map(|word| Value(EVENT, word));
        self.settings.clone().into_iter().chain(links).chain(events)
    }
}

/// The caller's side of a scenario, while its steps are traversed.
#[derive(Debug)]
struct Walk {
    modes: Vec<Mode>,
    fragment: &'static str,
    link: Outbound,
    /// The number of bytes that the last write offered.
    offered: usize,
    /// Sent by the peer, and not yet read by the library under test.
    unread: BTreeSet<&'static str>,
    /// The stale entries that the next call finds in the error queue.
    stale: Option<&'static str>,
    /// Events since the last call that wrote.
    events: BTreeSet<&'static str>,
    /// The last call wrote, so that `finish` continues it.
    writing: bool,
    done: Vec<LogicalWrite>,
}

fn logical_writes(scenario: &Scenario) -> Vec<LogicalWrite> {
    let mut walk = Walk {
        modes: vec![Mode::AutoRetry],
        fragment: "default",
        link: Outbound::OPEN,
        offered: 0,
        unread: BTreeSet::new(),
        stale: None,
        events: BTreeSet::new(),
        writing: false,
        done: Vec::new(),
    };
    scenario.steps.iter().for_each(|step| walk.take(step));
    walk.done
}

impl Walk {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Write(write) => {
                if write.source != WriteSource::Rest {
                    self.done.push(LogicalWrite::default());
                    self.offered = write.bytes();
                }
                self.call_that_writes();
            }
            Step::Retry(_) => self.call_that_writes(),
            Step::Finish if self.writing => self.call_that_writes(),
            Step::StaleError(kind) => self.stale = Some(stale(*kind)),
            Step::Finish => self.stale = None,
            Step::Handshake => self.other_call(),
            Step::Read(_) => {
                self.other_call();
                self.events.append(&mut self.unread);
            }
            Step::Shutdown => self.own("own shutdown"),
            Step::KeyUpdate(_) => self.own("own key update"),
            Step::Renegotiate => self.own("own renegotiation"),
            Step::SetModes(modes) => self.modes.extend(modes),
            Step::ClearModes(modes) => self.modes.retain(|mode| !modes.contains(mode)),
            Step::MaxSendFragment(bytes) => self.fragment = fragment(*bytes),
            Step::Link(outbound) => self.link = *outbound,
            Step::Inbound(_) | Step::Pending => {}
            // The library does not read what the peer sent.
            Step::Wire(_) => self.unread.clear(),
            Step::Peer(action) => self.peer(action),
        }
    }

    /// A call that reads or shuts down finds any stale entries.
    fn other_call(&mut self) {
        self.writing = false;
        self.stale = None;
    }

    fn own(&mut self, what: &'static str) {
        self.other_call();
        self.events.insert(what);
    }

    fn peer(&mut self, action: &PeerAction) {
        let (seen_without_a_read, what) = match action {
            PeerAction::Read => (true, "peer reads"),
            PeerAction::Disconnect => (true, "peer disconnects"),
            PeerAction::Write(_) => (false, "peer writes"),
            PeerAction::KeyUpdate(_) => (false, "key update by the peer"),
            PeerAction::Renegotiate => (false, "renegotiation by the peer"),
            PeerAction::SessionTicket => (false, "session ticket"),
            PeerAction::CloseNotify => (false, "close_notify by the peer"),
            PeerAction::FatalAlert => (false, "fatal alert by the peer"),
            PeerAction::Handshake | PeerAction::Raw(_) => return,
        };
        if seen_without_a_read {
            self.events.insert(what);
        } else {
            self.unread.insert(what);
        }
    }

    fn call_that_writes(&mut self) {
        self.writing = true;
        let modes = [
            (PARTIAL, Mode::PartialWrite),
            (MOVING, Mode::MovingBuffer),
            (AUTO_RETRY, Mode::AutoRetry),
            (RELEASE, Mode::ReleaseBuffers),
        ];
        let modes = modes.map(|(dimension, mode)| {
            Value(dimension, if self.modes.contains(&mode) { ON } else { OFF })
        });
        // A file cannot retry a write before there is one.
        let write = self.done.last_mut().unwrap();
        write.settings.extend(modes);
        write.settings.insert(Value(FRAGMENT, self.fragment));
        write.links.extend(links(&self.link, self.offered));
        write.events.append(&mut self.events);
        write.events.extend(self.stale.take());
    }
}

fn stale(kind: StaleError) -> &'static str {
    match kind {
        StaleError::Ssl => "stale error of TLS",
        StaleError::SystemLibrary => "stale error of the system library",
        StaleError::AnotherLibrary => "stale error of another library",
        StaleError::Several => "several stale errors",
    }
}

fn fragment(bytes: u16) -> &'static str {
    const LONGEST: u16 = 16384;
    match bytes {
        LONGEST => "default",
        _ => "smaller",
    }
}

/// The effects of a link on a write of this many bytes; several may apply. Records are longer than
/// the data, so a smaller budget is used up.
fn links(link: &Outbound, offered: usize) -> Vec<&'static str> {
    let is_used_up = match link.accept {
        Budget::All => false,
        Budget::Bytes(budget) | Budget::EachCall(budget) => budget < offered,
    };
    let refuses = is_used_up.then_some(match link.then {
        Refusal::WouldBlock => "would-block",
        Refusal::Fail(_) => "error",
        Refusal::Zero | Refusal::ZeroRetry => "zero",
    });
    let portions = link.at_most.map(|_| "small portions");
    match (refuses, portions) {
        (None, None) => vec!["open"],
        _ => refuses.into_iter().chain(portions).collect(),
    }
}

fn listed<'p>(pairs: impl Iterator<Item = &'p Pair>) -> String {
    pairs
        .map(|(one, other)| format!("  {one}  with  {other}\n"))
        .collect()
}

#[test]
fn every_possible_pair_of_values_meets_in_some_write() {
    let (all, impossible, covered) = (all_pairs(), impossible(), covered());
    let possible = || all.iter().filter(|pair| !impossible.contains(pair));

    let missing: Vec<&Pair> = possible().filter(|pair| !covered.contains(pair)).collect();

    assert!(
        missing.is_empty(),
        "{} of {} pairs are in no scenario:\n{}",
        missing.len(),
        possible().count(),
        listed(missing.into_iter())
    );
}

#[test]
fn pairs_listed_as_impossible_never_meet() {
    let (all, impossible, covered) = (all_pairs(), impossible(), covered());

    assert!(impossible.is_subset(&all), "a pair of unknown values");
    let done: BTreeSet<Pair> = impossible.intersection(&covered).copied().collect();
    assert!(
        done.is_empty(),
        "in a scenario, though said to be impossible:\n{}",
        listed(done.iter())
    );
}
