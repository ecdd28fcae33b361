//! Builds traces by hand for the tests of monitors: each call adds an action and its result.

use super::{Notes, monitors};
use crate::judge::monitor::History;
use crate::scenario::{
    Buffer, Cipher, Function, KeyUpdate, Mode, PeerAction, RetryContent, Role, RoleState,
    SessionTickets, Step, TransportKind, Variant, Version,
};
use crate::trace::{
    AlertSeen, Argument, Asked, Attempt, Body, Call, Entry, ErrorClass, Interface, MessageSeen,
    Outcome, PeerReport, Portion, Protection, QueueEntry, RecordSeen, Segment, Setting, Stored,
    Trace, Verb,
};
use crate::transport::{Direction, Refusal, Traffic};
use crate::wire::ContentType;

/// A trace under construction.
#[derive(Clone)]
pub(in crate::judge) struct Script(pub(in crate::judge) Trace);

impl Script {
    /// A libssl connection whose handshake is complete.
    pub(in crate::judge) fn tls13() -> Self {
        Self::new(Version::Tls13).established()
    }

    /// The same in TLS 1.2.
    pub(in crate::judge) fn tls12() -> Self {
        Self::new(Version::Tls12).established()
    }

    /// A libssl client before its handshake.
    pub(in crate::judge) fn new(version: Version) -> Self {
        Self(Trace {
            setting: Some(Setting {
                variant: Variant {
                    version,
                    role: Role::Client,
                    transport: TransportKind::Scripted,
                },
                cipher: Cipher::Aes128Gcm,
                role_state: RoleState::Set,
                session_tickets: SessionTickets::None,
                interface: Interface::Libssl,
            }),
            ..Trace::default()
        })
    }

    /// The library's role is not set.
    pub(in crate::judge) fn without_role(mut self) -> Self {
        if let Some(setting) = &mut self.0.setting {
            setting.role_state = RoleState::Unset;
        }
        self
    }

    /// The library sends through another transport, whose calls are not visible.
    pub(in crate::judge) fn over(mut self, transport: TransportKind) -> Self {
        if let Some(setting) = &mut self.0.setting {
            setting.variant.transport = transport;
        }
        for entry in &mut self.0.entries {
            entry.traffic = None;
        }
        self
    }

    /// The library is the server and sends session tickets.
    pub(in crate::judge) fn server_with_tickets(mut self) -> Self {
        if let Some(setting) = &mut self.0.setting {
            setting.variant.role = Role::Server;
            setting.session_tickets = SessionTickets::Send;
        }
        self
    }

    /// The library has other functions than `SSL_write`.
    pub(in crate::judge) fn other_interface(mut self) -> Self {
        if let Some(setting) = &mut self.0.setting {
            setting.interface = Interface::Other;
        }
        self
    }

    fn established(self) -> Self {
        self.called(Step::Handshake, Call::success(1))
    }

    fn entry(mut self, asked: Asked, result: Outcome) -> Self {
        let step = self.0.entries.len() + 1;
        let action = format!("{asked:?}");
        self.0.entries.push(Entry {
            asked,
            traffic: Some(Traffic::default()),
            ..Entry::new(step, action, result)
        });
        self
    }

    /// A step without a result in the trace.
    pub(in crate::judge) fn step(self, step: Step) -> Self {
        self.entry(Asked::Step(step), Outcome::Done)
    }

    /// Switches these modes on.
    pub(in crate::judge) fn modes(self, modes: &[Mode]) -> Self {
        self.step(Step::SetModes(modes.to_vec()))
    }

    /// A step that calls the library.
    pub(in crate::judge) fn called(self, step: Step, call: Call) -> Self {
        self.entry(Asked::Step(step), Outcome::Call(call))
    }

    /// A read.
    pub(in crate::judge) fn read(self, call: Call) -> Self {
        let max = std::num::NonZeroUsize::new(16384).unwrap();
        self.called(Step::Read(max), call)
    }

    /// A flush of the bytes that the library buffers.
    pub(in crate::judge) fn flushed(self, call: Call) -> Self {
        self.entry(Asked::Flush, Outcome::Call(call))
    }

    /// A shutdown whose alert was sent.
    pub(in crate::judge) fn shutdown(self) -> Self {
        self.called(Step::Shutdown, failed(0, ErrorClass::Syscall))
            .sent(alert("warning close_notify"))
    }

    /// The library accepts a key update of its own.
    pub(in crate::judge) fn key_update(self, request: KeyUpdate) -> Self {
        self.called(Step::KeyUpdate(request), Call::success(1))
    }

    /// An action of the peer.
    pub(in crate::judge) fn peer(self, action: PeerAction) -> Self {
        let report = PeerReport {
            read: None,
            end: None,
        };
        self.entry(Asked::Step(Step::Peer(action)), Outcome::Peer(report))
    }

    /// The peer reads these segments.
    pub(in crate::judge) fn peer_read(self, segments: Vec<Segment>) -> Self {
        let report = PeerReport {
            read: Some(content(segments)),
            end: None,
        };
        self.entry(
            Asked::Step(Step::Peer(PeerAction::Read)),
            Outcome::Peer(report),
        )
    }

    /// A call of the write function with these arguments.
    pub(in crate::judge) fn attempt(self, attempt: Attempt, call: Call) -> Self {
        self.entry(Asked::Write(attempt), Outcome::Call(call))
    }

    /// A new write of `len` bytes by `SSL_write`.
    pub(in crate::judge) fn write(self, len: usize, call: Call) -> Self {
        self.attempt(attempt(Verb::Write, len), call)
    }

    /// A retry of `len` bytes by `SSL_write`.
    pub(in crate::judge) fn retry(self, len: usize, call: Call) -> Self {
        self.attempt(attempt(Verb::Retry, len), call)
    }

    /// A new write of `len` bytes by `SSL_write_ex`.
    pub(in crate::judge) fn write_ex(self, len: usize, call: Call) -> Self {
        let attempt = Attempt {
            function: Function::WriteEx,
            ..attempt(Verb::Write, len)
        };
        self.attempt(attempt, call)
    }

    /// A write of 1000 bytes of which a part has been sent, so that it has to be retried.
    pub(in crate::judge) fn blocked_write(self) -> Self {
        self.write(1000, wants_write())
            .sent(begun())
            .refused(Direction::Out, Refusal::WouldBlock)
    }

    /// The last entry sent this record.
    pub(in crate::judge) fn sent(mut self, record: RecordSeen) -> Self {
        self.last().sent.push(record);
        self
    }

    /// In the last entry the peer sent this record.
    pub(in crate::judge) fn peer_sent(mut self, record: RecordSeen) -> Self {
        self.last().peer_sent.push(record);
        self
    }

    /// In the last entry the library took this record of the peer.
    pub(in crate::judge) fn taken(mut self, record: RecordSeen) -> Self {
        self.last().taken.push(record);
        self
    }

    /// In the last entry the transport refused once.
    pub(in crate::judge) fn refused(mut self, direction: Direction, refusal: Refusal) -> Self {
        let traffic = self.traffic();
        traffic.last = Some(direction);
        let flow = match direction {
            Direction::Out => &mut traffic.outbound,
            Direction::In => &mut traffic.inbound,
        };
        flow.refusals += 1;
        flow.refusal = Some(refusal);
        self
    }

    /// The transport's treatment of the last entry.
    pub(in crate::judge) fn traffic(&mut self) -> &mut Traffic {
        self.last().traffic.get_or_insert_default()
    }

    /// The last entry.
    pub(in crate::judge) fn last(&mut self) -> &mut Entry {
        self.0.entries.last_mut().expect("an entry")
    }

    /// The last entry ended with this instead of returning.
    pub(in crate::judge) fn ended(mut self, result: Outcome) -> Self {
        self.last().result = result;
        self
    }
}

/// A permitted call of `SSL_write` for `len` bytes.
pub(in crate::judge) fn attempt(verb: Verb, len: usize) -> Attempt {
    Attempt {
        verb,
        function: Function::Write,
        argument: Argument::Bytes(len),
        buffer: Buffer::Same,
        content: RetryContent::Same,
    }
}

/// The same from another address.
pub(in crate::judge) fn moved(len: usize) -> Attempt {
    Attempt {
        buffer: Buffer::Moved,
        ..attempt(Verb::Retry, len)
    }
}

pub(in crate::judge) fn wants_write() -> Call {
    Call::failure(ErrorClass::WantWrite)
}

pub(in crate::judge) fn wants_read() -> Call {
    Call::failure(ErrorClass::WantRead)
}

/// A failure with this return value and an empty queue.
pub(in crate::judge) fn failed(ret: i64, error: ErrorClass) -> Call {
    Call {
        ret,
        ..Call::failure(error)
    }
}

/// A failure with `SSL_ERROR_SSL` and this entry in the queue.
pub(in crate::judge) fn refused(entry: &str) -> Call {
    Call {
        queue: vec![QueueEntry::from(entry)],
        ..Call::failure(ErrorClass::Ssl)
    }
}

/// A result of `SSL_write_ex`.
pub(in crate::judge) fn ex(ret: i64, error: ErrorClass, written: Stored) -> Call {
    Call {
        written: Some(written),
        ..failed(ret, error)
    }
}

fn record(body: Body, portion: Portion) -> RecordSeen {
    RecordSeen {
        body,
        portion,
        now: None,
        so_far: None,
        flaws: Vec::new(),
    }
}

fn application_data(plaintext: usize, unexpected: Option<crate::trace::Content>) -> Body {
    const OVERHEAD: usize = 22;
    Body::ApplicationData {
        plaintext,
        wire: plaintext + OVERHEAD,
        unexpected,
        protection: Protection::Sealed,
    }
}

/// A complete application data record, its bytes in order.
pub(in crate::judge) fn data(plaintext: usize) -> RecordSeen {
    record(application_data(plaintext, None), Portion::Whole)
}

/// A complete application data record with other bytes than expected.
pub(in crate::judge) fn data_of(segments: Vec<Segment>) -> RecordSeen {
    let content = content(segments);
    let body = application_data(content.len, Some(content));
    record(body, Portion::Whole)
}

/// The beginning of an application data record of 1000 bytes.
pub(in crate::judge) fn begun() -> RecordSeen {
    begun_of(1022)
}

/// The beginning of a record with this length on the wire.
pub(in crate::judge) fn begun_of(wire: usize) -> RecordSeen {
    record(
        Body::Incomplete {
            content_type: ContentType::ApplicationData,
            wire,
        },
        Portion::First,
    )
}

/// The rest of a record of `plaintext` bytes.
pub(in crate::judge) fn rest(plaintext: usize) -> RecordSeen {
    last_of(data(plaintext))
}

/// The last bytes of this record.
pub(in crate::judge) fn last_of(record: RecordSeen) -> RecordSeen {
    RecordSeen {
        portion: Portion::Last,
        ..record
    }
}

/// A record that cannot be decrypted, or its last part.
pub(in crate::judge) fn sealed(portion: Portion) -> RecordSeen {
    record(
        Body::Sealed {
            content_type: ContentType::ApplicationData,
            wire: 1022,
            reason: "it does not open".to_owned(),
        },
        portion,
    )
}

/// The bytes after a record that cannot be decrypted.
pub(in crate::judge) fn after_unreadable() -> RecordSeen {
    record(Body::After, Portion::Whole)
}

pub(in crate::judge) fn alert(alert: &str) -> RecordSeen {
    record(
        Body::Alert {
            alert: AlertSeen::displayed(alert).expect("an alert"),
            protection: Protection::Sealed,
        },
        Portion::Whole,
    )
}

/// The beginning of an alert of TLS 1.2.
pub(in crate::judge) fn alert_begun() -> RecordSeen {
    record(
        Body::Incomplete {
            content_type: ContentType::Alert,
            wire: 31,
        },
        Portion::First,
    )
}

fn message(name: &str) -> MessageSeen {
    MessageSeen::try_from(name.to_owned()).expect("a handshake message")
}

pub(in crate::judge) fn messages(messages: &[&str]) -> RecordSeen {
    record(
        Body::Handshake {
            messages: messages.iter().map(|&name| message(name)).collect(),
        },
        Portion::Whole,
    )
}

pub(in crate::judge) fn other(content_type: ContentType) -> RecordSeen {
    record(Body::Other { content_type }, Portion::Whole)
}

fn content(segments: Vec<Segment>) -> crate::trace::Content {
    let len = segments
        .iter()
        .map(|segment| match segment {
            Segment::Stream { from, to } | Segment::Changed { from, to } => to - from,
            Segment::Left { len } | Segment::Foreign { len } => *len,
        })
        .sum();
    crate::trace::Content { len, segments }
}

/// The notes of a clause's monitor on a script.
fn notes(clause: &str, script: &Script) -> Notes {
    let history = History::of(&script.0).expect("a script has a setting");
    let mut watching = monitors().filter(|monitor| monitor.clause == clause);
    let monitor = watching
        .next()
        .unwrap_or_else(|| panic!("no monitor watches {clause}"));
    monitor.watch(&history)
}

/// Asserts that the clause was kept, this often.
#[track_caller]
pub(in crate::judge) fn kept(clause: &str, times: usize, script: &Script) {
    let notes = notes(clause, script);
    assert_eq!(notes.violations, [], "{clause} was broken");
    assert_eq!(notes.satisfied, times, "{clause}");
}

/// Asserts that the clause was broken, for the first time in this step.
#[track_caller]
pub(in crate::judge) fn broken(clause: &str, step: usize, script: &Script) {
    let notes = notes(clause, script);
    let first = notes.violations.first().map(|violation| violation.step);
    assert_eq!(first, Some(step), "{clause}");
}

/// Asserts that the clause was not exercised.
#[track_caller]
pub(in crate::judge) fn not_exercised(clause: &str, script: &Script) {
    assert_eq!(notes(clause, script), Notes::default(), "{clause}");
}
