//! Key updates of TLS 1.3, the library's own and those that the peer requests (RFC 8446, section
//! 4.6.3).

use super::{Event, History, Monitor, Notes, Observation, Returned};
use crate::scenario::{KeyUpdate, Step};
use crate::trace::{Body, ErrorClass, RecordSeen};
use crate::wire::HandshakeType;

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::libssl("keyupdate.before-data", before_data),
    Monitor::libssl("keyupdate.call-only-schedules", call_only_schedules),
    Monitor::all("keyupdate.answer-before-data", answer_before_data),
    Monitor::all("keyupdate.answer-does-not-ask", answer_does_not_ask),
    Monitor::all("keyupdate.under-the-old-key", under_the_old_key),
    Monitor::all("keyupdate.pending-record-first", pending_record_first),
];

/// How many key updates with a request the library took from the peer.
fn requests(event: &Event<'_>) -> usize {
    let asks = |record: &&RecordSeen| record.has_message(KeyUpdate::Requested);
    event.entry.taken.iter().filter(asks).count()
}

/// The caller's own key update, if the library accepted it.
fn own(event: &Event<'_>) -> Option<KeyUpdate> {
    match (event.step(), event.call()) {
        (Some(Step::KeyUpdate(request)), Some(call)) if call.error == ErrorClass::None => {
            Some(*request)
        }
        _ => None,
    }
}

/// Whether a read has processed everything that the library had taken.
fn has_looked(event: &Event<'_>) -> bool {
    let is_read = matches!(event.step(), Some(Step::Read(_)));
    is_read
        && event
            .call()
            .is_some_and(|call| call.error == ErrorClass::WantRead)
}

fn call_only_schedules(history: &History<'_>, notes: &mut Notes) {
    for (event, call) in history.calls() {
        if !matches!(event.step(), Some(Step::KeyUpdate(_))) {
            continue;
        }
        let uses = event
            .entry
            .traffic
            .is_some_and(|traffic| traffic.outbound.is_used() || traffic.inbound.is_used());
        match event.begun().next() {
            _ if !matches!(call.ret, 0 | 1) => notes.violated(event, "1 or 0", Returned(call)),
            // A transport that buffers sends at any time.
            Some(record) if event.entry.traffic.is_some() => {
                notes.violated(event, "nothing on the wire yet", record);
            }
            _ if uses => {
                let expected = "no call of the transport";
                notes.violated(event, expected, Observation::TransportCalled);
            }
            _ => notes.satisfied(),
        }
    }
}

/// An obligation before the next application data record.
#[derive(Default)]
struct Due {
    is_due: bool,
    /// A record may have been sealed before that, whether or not it has begun.
    sealed: bool,
    /// How many bytes may have been sealed before that and not sent: a transport that buffers sends
    /// them later.
    buffered: usize,
    /// Whether the obligation existed when the current record began.
    at_begin: bool,
}

impl Due {
    /// The obligation exists from now on. A pending write, or one that failed in the transport, may
    /// have sealed a record that has not begun. A transport that buffers may have accepted further
    /// records of it.
    fn is_from(&mut self, event: &Event<'_>, history: &History<'_>) {
        if !self.is_due {
            let before = &event.before;
            self.sealed = before
                .pending
                .map_or(before.gave_up_a_write, |pending| !pending.begun);
            let transport = history.setting.variant.transport;
            let under_way = before.pending.filter(|_| transport.keeps());
            let under_way = under_way.map_or(0, |pending| pending.len);
            self.buffered = before.max_unsent(transport).saturating_add(under_way);
        }
        self.is_due = true;
    }

    /// Checks the order of a sent record, once it is complete and its content is known; `None` if
    /// the obligation does not concern it.
    fn see(&mut self, record: &RecordSeen) -> Option<bool> {
        if record.begins() {
            self.at_begin = self.is_due;
        }
        if !record.is_complete() {
            return None;
        }
        if record.has_message(HandshakeType::KeyUpdate) {
            return std::mem::take(&mut self.is_due).then_some(true);
        }
        let at_begin = std::mem::take(&mut self.at_begin);
        if at_begin && record.is_application_data() && !self.was_sealed_before(record) {
            // Reported once, not for each later record.
            self.is_due = false;
            return Some(false);
        }
        None
    }

    fn was_sealed_before(&mut self, record: &RecordSeen) -> bool {
        let plaintext = match &record.body {
            Body::ApplicationData { plaintext, .. } => *plaintext,
            _ => 0,
        };
        let may_be_buffered = self.buffered > 0;
        self.buffered = self.buffered.saturating_sub(plaintext);
        may_be_buffered || std::mem::take(&mut self.sealed)
    }
}

fn before_data(history: &History<'_>, notes: &mut Notes) {
    let mut due = Due::default();
    for event in &history.events {
        for record in &event.entry.sent {
            if let Some(kept) = due.see(record) {
                notes.check(kept, event, "the key update that was asked for", record);
            }
        }
        if own(event).is_some() {
            due.is_from(event, history);
        }
    }
}

fn answer_before_data(history: &History<'_>, notes: &mut Notes) {
    let mut due = Due::default();
    let mut asked = false;
    for event in &history.events {
        let answered = event
            .begun()
            .any(|record| record.has_message(HandshakeType::KeyUpdate));
        let asks = requests(event) > 0;
        // A record sent in the same call may be the response.
        asked |= asks && !answered;
        for record in &event.entry.sent {
            // A response that is sent before a read has processed the request counts too.
            asked &= !(record.is_complete() && record.has_message(HandshakeType::KeyUpdate));
            if let Some(kept) = due.see(record) {
                asked &= !kept;
                notes.check(kept, event, "the answer to the peer's key update", record);
            }
        }
        if asked && has_looked(event) {
            due.is_from(event, history);
            asked = false;
        }
    }
}

fn answer_does_not_ask(history: &History<'_>, notes: &mut Notes) {
    let (mut own_requests, mut asked) = (0_usize, false);
    for event in &history.events {
        asked |= requests(event) > 0;
        own_requests += usize::from(own(event) == Some(KeyUpdate::Requested));
        for record in event
            .begun()
            .filter(|record| record.has_message(HandshakeType::KeyUpdate))
        {
            if !record.has_message(KeyUpdate::Requested) {
                if asked {
                    notes.satisfied();
                }
            } else if own_requests > 0 {
                own_requests -= 1;
            } else {
                notes.violated(event, "a key update that does not ask for one", record);
            }
        }
    }
}

fn under_the_old_key(history: &History<'_>, notes: &mut Notes) {
    let mut updated = false;
    for event in &history.events {
        for record in event.completed() {
            if updated {
                let kept = !record.is_unreadable();
                notes.check(kept, event, "a record under the next key", record);
            }
            updated = record.has_message(HandshakeType::KeyUpdate);
        }
    }
}

fn pending_record_first(history: &History<'_>, notes: &mut Notes) {
    // Whether a record has begun and is not complete, and whether an update became due since it
    // began.
    let (mut is_open, mut due) = (false, false);
    for event in &history.events {
        for record in &event.entry.sent {
            if record.is_complete() || record.is_unreadable() {
                if is_open && due && !record.begins() {
                    let kept = record.is_application_data() && !record.is_unreadable();
                    notes.check(kept, event, "the rest of the record that waited", record);
                }
                is_open = false;
                due = false;
            } else {
                is_open = record.is_application_data();
            }
        }
        due |= is_open && (own(event).is_some() || requests(event) > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::KeyUpdate::{NotRequested, Requested};
    use crate::scenario::TransportKind;
    use crate::trace::{Call, ErrorClass, Portion, RecordSeen};
    use crate::transport::{Direction, Refusal};

    const ASKS: &str = "key_update (update_requested)";
    const RESPONDS: &str = "key_update (update_not_requested)";

    fn update(kind: &str) -> RecordSeen {
        messages(&[kind])
    }

    #[test]
    fn ssl_key_update_does_not_use_the_transport() {
        let clause = "keyupdate.call-only-schedules";
        let base = Script::tls13().key_update(NotRequested);
        kept(clause, 1, &base);
        broken(clause, 2, &base.clone().sent(update(RESPONDS)));
        let refused = base.clone().refused(Direction::Out, Refusal::WouldBlock);
        broken(clause, 2, &refused);
        let step = crate::scenario::Step::KeyUpdate(Requested);
        let fails = |ret| Script::tls13().called(step.clone(), failed(ret, ErrorClass::Ssl));
        kept(clause, 1, &fails(0));
        broken(clause, 2, &fails(-1));
        not_exercised(clause, &write(Script::tls13()));
    }

    /// The library reads the peer's request.
    fn asked(script: Script) -> Script {
        let script = script.read(wants_read()).taken(update(ASKS));
        script.refused(Direction::In, Refusal::WouldBlock)
    }

    fn write(script: Script) -> Script {
        script.write(9, Call::success(9))
    }

    #[test]
    fn requested_update_precedes_data() {
        let clause = "keyupdate.before-data";
        let base = Script::tls13().key_update(NotRequested);
        let write = |script| write(script);
        kept(
            clause,
            1,
            &write(base.clone()).sent(update(RESPONDS)).sent(data(9)),
        );
        broken(clause, 3, &write(base).sent(data(9)));
        not_exercised(clause, &write(Script::tls13()).sent(data(9)));
        // The record that was sealed before is sent first.
        let pending = Script::tls13().blocked_write().key_update(NotRequested);
        let pending = pending.retry(1000, Call::success(1000)).sent(rest(1000));
        not_exercised(clause, &pending);
        let given_up = Script::tls13()
            .write(9, failed(-1, ErrorClass::Syscall))
            .key_update(NotRequested);
        let given_up = write(given_up).sent(data(9));
        not_exercised(clause, &given_up);
        broken(clause, 5, &write(given_up).sent(data(9)));
        // So are bytes that a transport has accepted and not passed on.
        let buffered = write(Script::tls13()).key_update(NotRequested);
        let buffered = buffered.flushed(Call::success(1)).sent(data(9));
        not_exercised(clause, &buffered);
        broken(clause, 5, &write(buffered).sent(data(9)));
        // If such a transport has blocked a write, further records of it too.
        let records = |script: Script| script.sent(data(400)).sent(data(400));
        let stopped = Script::tls13().blocked_write().key_update(NotRequested);
        let stopped = records(stopped.flushed(Call::success(1)));
        not_exercised(clause, &stopped.clone().over(TransportKind::BioPair));
        broken(clause, 4, &stopped.sent(data(9)));
    }

    #[test]
    fn incomplete_record_has_unknown_content() {
        let clause = "keyupdate.answer-before-data";
        let base = asked(Script::tls13()).write(9, wants_write());
        let base = base.sent(begun());
        not_exercised(clause, &base);
        let goes_on = |record| {
            base.clone()
                .retry(9, Call::success(9))
                .sent(last_of(record))
        };
        kept(clause, 1, &goes_on(update(RESPONDS)).sent(data(9)));
        broken(clause, 4, &goes_on(data(9)));
    }

    #[test]
    fn response_precedes_data() {
        let clause = "keyupdate.answer-before-data";
        let base = asked(Script::tls13());
        kept(
            clause,
            1,
            &write(base.clone()).sent(update(RESPONDS)).sent(data(9)),
        );
        broken(clause, 3, &write(base.clone()).sent(data(9)));
        // It may be the response, which the transport did not accept completely.
        not_exercised(clause, &write(base).sent(begun_of(27)));
        not_exercised(clause, &write(Script::tls13()).sent(data(9)));
        // A response that came before a read processed the request fulfils the obligation.
        let early = Script::tls13().read(failed(-1, ErrorClass::Syscall));
        let early = write(early.taken(update(ASKS))).sent(update(RESPONDS));
        not_exercised(clause, &write(early.read(wants_read())).sent(data(9)));
    }

    #[test]
    fn response_does_not_request_an_update() {
        let clause = "keyupdate.answer-does-not-ask";
        let base = asked(Script::tls13());
        kept(clause, 1, &write(base.clone()).sent(update(RESPONDS)));
        broken(clause, 3, &write(base).sent(update(ASKS)));
        let own = Script::tls13().key_update(Requested);
        not_exercised(clause, &write(own).sent(update(ASKS)));
    }

    #[test]
    fn records_after_an_update_can_be_decrypted() {
        let clause = "keyupdate.under-the-old-key";
        let base = write(Script::tls13()).sent(update(RESPONDS));
        kept(clause, 1, &base.clone().sent(data(9)));
        broken(clause, 2, &base.sent(sealed(Portion::Whole)));
        not_exercised(clause, &write(Script::tls13()).sent(data(9)));
    }

    #[test]
    fn pending_record_is_sent_first() {
        let clause = "keyupdate.pending-record-first";
        let base = asked(Script::tls13().blocked_write());
        let retry = base.retry(1000, Call::success(1000));
        kept(clause, 1, &retry.clone().sent(rest(1000)));
        broken(clause, 4, &retry.sent(sealed(Portion::Last)));
        let undisturbed = Script::tls13().blocked_write();
        let retry = undisturbed.retry(1000, Call::success(1000));
        not_exercised(clause, &retry.sent(rest(1000)));
    }
}
