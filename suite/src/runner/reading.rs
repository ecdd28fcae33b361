//! The end of a case: reads the wire, and assigns its records to the entries of the trace.

use super::action::{FREE, OPEN};
use super::calls::Runner;
use super::error::RunnerError;
use super::phase::Phase;
use crate::backend::Unsupported;
use crate::peer::PeerSetup;
use crate::scenario::{PeerAction, Role, Scenario, Step};
use crate::trace::{
    self, Asked, Body, Entry, ErrorClass, Outcome, Portion, RecordSeen, Setting, Shown, Trace,
};
use crate::transport::{Direction, Mark, Tap};
use crate::wire;

impl Runner<'_> {
    /// Reads the wire and completes the trace of the case.
    pub(super) fn into_trace(self, scenario: &Scenario) -> Result<Trace, RunnerError> {
        self.watch.enters(Phase::WireReader);
        let key_log = wire::KeyLog::parse(&self.peer_driver.peer().key_log())?;
        let (library, peer) = match self.setting.variant.role {
            Role::Client => (wire::Sender::Client, wire::Sender::Server),
            Role::Server => (wire::Sender::Server, wire::Sender::Client),
        };
        let (mut view, agreement) = self.transport.with_tap(|tap| {
            let runs = runs(tap).map(|(direction, bytes)| match direction {
                Direction::Out => (library, bytes),
                Direction::In => (peer, bytes),
            });
            wire::read_agreed(runs, &key_log)
        });
        let not_negotiated = self.not_negotiated(agreement, &view);
        let mut view = (
            std::mem::take(&mut view[library]),
            std::mem::take(&mut view[peer]),
        );
        self.watch.enters(Phase::Trace);
        // A handshake with altered bytes can give the library keys that no other party has.
        let renegotiates = |step: &Step| {
            matches!(
                step,
                Step::Renegotiate | Step::Peer(PeerAction::Renegotiate)
            )
        };
        let may_handshake =
            !self.peer_driver.is_established() || scenario.steps.iter().any(renegotiates);
        if self.peer_bytes_altered && may_handshake {
            let from = if self.peer_driver.is_established() {
                first_with_keys_of_a_later_handshake(&view.0)
            } else {
                0
            };
            without_unknown_keys(&mut view.0[from..]);
        }
        let mut entries = if self.setting.variant.transport.is_of_the_system() {
            without_system_dependent_entries(self.entries, &scenario.steps)
        } else {
            self.entries
        };
        let out: Vec<_> = entries
            .iter()
            .map(|e| (e.from.outbound, e.to.outbound))
            .collect();
        let inbound: Vec<_> = entries
            .iter()
            .map(|e| (e.from.inbound, e.to.inbound))
            .collect();
        let version = self.setting.variant.version;
        let mut from = 0;
        let taken = entries.iter().map(|entry| {
            let to = entry.taken_to.max(from);
            (std::mem::replace(&mut from, to), to)
        });
        let taken: Vec<_> = taken.collect();
        let (sent, peer_sent, taken) = self.transport.with_tap(|tap| {
            let (mine, theirs) = (
                self.stream.read_from_start(),
                self.peer_stream.read_from_start(),
            );
            (
                trace::assign(&view.0, version, mine, &tap.outbound, &out),
                trace::assign(&view.1, version, theirs.clone(), &tap.inbound, &inbound),
                trace::assign(&view.1, version, theirs, &tap.inbound, &taken),
            )
        });
        let records = sent.into_iter().zip(peer_sent).zip(taken);
        for (entry, ((sent, mut peer_sent), mut taken)) in entries.iter_mut().zip(records) {
            let is_raw = matches!(entry.asked.step(), Some(Step::Peer(PeerAction::Raw(_))));
            if may_handshake && !is_raw {
                without_lengths_of_handshakes(&mut peer_sent);
                without_lengths_of_handshakes(&mut taken);
            }
            if entry.wire == Shown::Records {
                taken.retain(|record| matches!(record.portion, Portion::Whole | Portion::Last));
                entry.sent = sent;
                entry.peer_sent = peer_sent;
                entry.taken = taken;
            }
        }
        self.watch.enters(Phase::Setup);
        self.watch.about_to(self.step, FREE, &Asked::Nothing);
        if self.watch.frees() {
            drop(self.endpoint)
        } else {
            std::mem::forget(self.endpoint)
        }
        Ok(match not_negotiated {
            Some(unsupported) => never_opened(self.setting, unsupported),
            None => Trace {
                setting: Some(self.setting),
                entries,
                ..Trace::default()
            },
        })
    }
}

/// The trace of a case in which no connection was opened.
pub(super) fn never_opened(setting: Setting, unsupported: Unsupported) -> Trace {
    Trace {
        setting: Some(setting),
        entries: vec![Entry::new(
            0,
            OPEN.to_owned(),
            Outcome::Unsupported(unsupported.0),
        )],
        ..Trace::default()
    }
}

impl Runner<'_> {
    /// Why a case says nothing about a library that could not be restricted to its version and
    /// cipher: the two ends negotiated others, or had none in common. A handshake that fails for
    /// another reason is judged as usual.
    fn not_negotiated(
        &self,
        agreement: Option<wire::Agreement>,
        view: &wire::View,
    ) -> Option<Unsupported> {
        let why = self.endpoint.unrestricted()?;
        let PeerSetup {
            version, cipher, ..
        } = self.peer_setup;
        let negotiated = match agreement {
            Some(agreed) => {
                agreed.version == version.number()
                    && self.peer_setup.suites().contains(&agreed.suite)
            }
            // An alert about bytes that the scenario injected says nothing about the versions and
            // ciphers of the two ends.
            None => {
                let mut records = view.client.iter().chain(&view.server);
                self.entries.iter().any(interferes) || !records.any(refuses)
            }
        };
        let has_ended = self.entries.iter().any(|entry| entry.result.is_end());
        if negotiated || has_ended {
            return None;
        }
        Some(Unsupported::new(format!(
            "{} with {}: {why}, and the handshake with a peer that has nothing else did not negotiate it",
            version.as_str(),
            cipher.as_str()
        )))
    }
}

/// Whether the scenario sent or changed bytes of the peer in this entry, including alerts.
fn interferes(entry: &Entry) -> bool {
    matches!(
        entry.asked.step(),
        Some(Step::Wire(_) | Step::Peer(PeerAction::Raw(_) | PeerAction::FatalAlert))
    )
}

/// Whether this is an alert about having no version or cipher in common (RFC 8446, section 6.2).
fn refuses(record: &wire::Record) -> bool {
    use wire::AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};

    let alert = record.fragment().and_then(wire::Fragment::alert);
    alert.is_some_and(|alert| {
        matches!(
            alert.description,
            HandshakeFailure | InsufficientSecurity | ProtocolVersion
        )
    })
}

/// The index of the first record under keys of a later handshake than the first, or the number of
/// records. The keys of the first apply up to its sender's change_cipher_spec, which is still sent
/// under them (RFC 5246, section 7.1).
fn first_with_keys_of_a_later_handshake(records: &[wire::Record]) -> usize {
    let changes = |record: &wire::Record| match &record.content {
        wire::RecordContent::Opened(fragment) => {
            fragment.content_type == wire::ContentType::ChangeCipherSpec
        }
        _ => false,
    };
    let change = records.iter().position(changes);
    change.map_or(records.len(), |change| change + 1)
}

/// Records that cannot be decrypted belong to a handshake that did not complete: the peer does not
/// have their keys, and their lengths differ from run to run.
fn without_unknown_keys(records: &mut [wire::Record]) {
    for record in records {
        if record.content == wire::RecordContent::Unopened {
            record.content = wire::RecordContent::NoKey;
        }
    }
}

/// Records whose content is unknown may be handshake messages, whose lengths differ from run to
/// run.
fn without_lengths_of_handshakes(records: &mut [RecordSeen]) {
    for record in records {
        if matches!(record.body, Body::Garbage | Body::After) {
            record.now = None;
        }
    }
}

/// How many bytes a socket accepts, and hence how often a write is repeated, differs between
/// systems. So the blocked repetitions of a step `finish` are omitted, and the bytes that a blocked
/// call has sent are shown with the next call that makes progress, or not at all if none does.
fn without_system_dependent_entries(entries: Vec<Entry>, steps: &[Step]) -> Vec<Entry> {
    let finishes = |step: usize| step.checked_sub(1).and_then(|index| steps.get(index));
    let mut shown = Vec::with_capacity(entries.len());
    // Where the omitted entries begin, and the call that is shown once it makes progress.
    let mut omitted_from: Option<usize> = None;
    let mut left_out: Option<Entry> = None;
    for mut entry in entries {
        let begin = omitted_from.unwrap_or(entry.from.outbound);
        match &entry.result {
            Outcome::Call(call) if call.error == ErrorClass::WantWrite => {
                omitted_from = Some(begin);
                if finishes(entry.step) == Some(&Step::Finish) {
                    left_out.get_or_insert(entry);
                    continue;
                }
            }
            // A call that fails permanently may have sent any number of bytes.
            Outcome::Call(call) if omitted_from.is_none() || is_done_or_waits(call.error) => {
                omitted_from = None;
            }
            _ => {}
        }
        if let (Outcome::Call(_), Some(first)) = (&entry.result, left_out.take()) {
            // Whether the first attempt succeeded at once depends on the system too.
            entry.action = first.action;
            entry.asked = first.asked;
        }
        if omitted_from.is_some() {
            entry.to.outbound = begin;
        }
        entry.from.outbound = begin;
        shown.push(entry);
    }
    shown
}

/// Whether a call with this class has sent everything that it had to send.
fn is_done_or_waits(error: ErrorClass) -> bool {
    matches!(error, ErrorClass::None | ErrorClass::WantRead)
}

/// The bytes of each run, in the order of the wire.
fn runs(tap: &Tap) -> impl Iterator<Item = (Direction, &[u8])> {
    let mut at = Mark::default();
    tap.runs.iter().map(move |&(direction, length)| {
        let (all, position) = match direction {
            Direction::Out => (&tap.outbound, &mut at.outbound),
            Direction::In => (&tap.inbound, &mut at.inbound),
        };
        let bytes = &all[*position..*position + length];
        *position += length;
        (direction, bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Call;

    /// A call in this step, with the number of bytes sent by its end.
    fn call(step: usize, action: &str, error: ErrorClass, to: usize) -> Entry {
        let call = match error {
            ErrorClass::None => Call::success(300),
            error => Call::failure(error),
        };
        let mut entry = Entry::new(step, action.to_owned(), Outcome::Call(call));
        entry.to.outbound = to;
        entry
    }

    fn shown(mut entries: Vec<Entry>) -> Vec<(usize, String, usize, usize)> {
        let mut from = 0;
        for entry in &mut entries {
            entry.from.outbound = std::mem::replace(&mut from, entry.to.outbound);
        }
        let steps = [Step::Renegotiate, Step::Finish];
        let shown = without_system_dependent_entries(entries, &steps);
        let shown = shown.into_iter();
        shown
            .map(|e| (e.step, e.action, e.from.outbound, e.to.outbound))
            .collect()
    }

    fn record(content: wire::RecordContent) -> wire::Record {
        wire::Record {
            start: 0,
            header: None,
            received: 0,
            content,
            nonce: wire::NonceUse::New,
        }
    }

    fn fragment(content_type: wire::ContentType) -> wire::Fragment {
        wire::Fragment {
            content_type,
            plaintext: vec![1],
            padding: 0,
            messages: Vec::new(),
        }
    }

    #[test]
    fn keys_of_a_later_handshake_begin_after_its_change_cipher_spec() {
        let change = || fragment(wire::ContentType::ChangeCipherSpec);
        let data = || fragment(wire::ContentType::ApplicationData);
        let mut records = vec![
            record(wire::RecordContent::Plain(change())),
            record(wire::RecordContent::Opened(data())),
            record(wire::RecordContent::Unopened),
        ];
        assert_eq!(first_with_keys_of_a_later_handshake(&records), 3);
        records.insert(2, record(wire::RecordContent::Opened(change())));
        assert_eq!(first_with_keys_of_a_later_handshake(&records), 3);
        records.push(record(wire::RecordContent::Unopened));
        without_unknown_keys(&mut records[3..]);
        assert_eq!(records[3].content, wire::RecordContent::NoKey);
    }

    #[test]
    fn blocked_socket_repetitions_are_omitted() {
        use ErrorClass::{None, WantWrite};

        let many = shown(vec![
            call(1, "write", WantWrite, 80),
            call(2, "retry", WantWrite, 160),
            call(2, "retry", WantWrite, 240),
            call(2, "retry", None, 300),
        ]);
        let few = shown(vec![
            call(1, "write", WantWrite, 200),
            call(2, "retry", None, 300),
        ]);
        assert_eq!(many, few);
        let [blocked, done] = &many[..] else {
            panic!("{many:?}");
        };
        assert_eq!(*blocked, (1, "write".to_owned(), 0, 0));
        assert_eq!(*done, (2, "retry".to_owned(), 0, 300));
    }

    #[test]
    fn records_under_unknown_keys_have_no_length() {
        let record = |content| wire::Record {
            start: 0,
            header: None,
            received: 28,
            content,
            nonce: wire::NonceUse::default(),
        };
        let mut records = [wire::RecordContent::Unopened, wire::RecordContent::Garbage].map(record);
        without_unknown_keys(&mut records);
        let contents = records.map(|record| record.content);
        assert_eq!(
            contents,
            [wire::RecordContent::NoKey, wire::RecordContent::Garbage]
        );
    }

    #[test]
    fn possible_handshake_records_have_no_length() {
        let record = |body| RecordSeen {
            body,
            portion: Portion::Whole,
            now: Some(736),
            so_far: None,
            flaws: Vec::new(),
        };
        let mut records = [Body::Garbage, Body::After].map(record);
        without_lengths_of_handshakes(&mut records);
        let shown = records.map(|record| record.to_string());
        assert_eq!(shown[0], "bytes that are no record");
        assert_eq!(shown[1], "bytes behind a record that does not open");
    }

    #[test]
    fn first_blocked_attempt_of_a_rest_is_omitted() {
        use ErrorClass::{None, WantWrite};

        let at_once = shown(vec![call(2, "write 100", None, 300)]);
        let blocked = shown(vec![
            call(2, "write 100", WantWrite, 100),
            call(2, "retry 100", None, 300),
        ]);
        assert_eq!(at_once, blocked);
    }

    #[test]
    fn bytes_sent_before_a_permanent_failure_are_omitted() {
        let entries = |taken| {
            shown(vec![
                call(1, "write", ErrorClass::WantWrite, taken),
                call(1, "retry", ErrorClass::Syscall, taken + 10),
            ])
        };
        assert_eq!(entries(80), entries(200));
    }
}
