//! The sent records, each by itself: length, type, protection.

use super::{Event, History, MAX_PLAINTEXT, Monitor, Notes, Observation};
use crate::scenario::Version;
use crate::trace::{AlertSeen, Body, ErrorClass, Flaw, MessageSeen, Protection, RecordSeen};
use crate::wire::{AlertDescription, ContentType, HandshakeType};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::all("record.at-most-2-14", at_most_2_14),
    Monitor::all("record.expansion-limit", expansion_limit),
    Monitor::libssl(
        "record.at-most-max-send-fragment",
        at_most_max_send_fragment,
    ),
    Monitor::all("record.known-content-type", known_content_type),
    Monitor::all("record.no-empty-handshake", no_empty_handshake),
    Monitor::all("record.one-alert", one_alert),
    Monitor::all("record.handshake-not-interleaved", not_interleaved),
    Monitor::all(
        "record.key-change-ends-the-record",
        key_change_ends_the_record,
    ),
    Monitor::all("record.version-field", version_field),
    Monitor::all("record.opens", opens),
    Monitor::all("record.nonce-unique", nonce_unique),
    Monitor::all("record.no-data-in-clear", no_data_in_clear),
    Monitor::all("alert.errors-are-fatal", errors_are_fatal),
];

/// The complete records, in order, each with the entry in which its last byte was sent.
fn completed<'c, 't>(
    history: &'c History<'t>,
) -> impl Iterator<Item = (&'c Event<'t>, &'t RecordSeen)> {
    history
        .events
        .iter()
        .flat_map(|event| event.completed().map(move |record| (event, record)))
}

/// Whether it was protected, as far as known: a record that cannot be decrypted should have been.
fn is_protected(record: &RecordSeen) -> bool {
    match &record.body {
        Body::ApplicationData { protection, .. } | Body::Alert { protection, .. } => {
            *protection == Protection::Sealed
        }
        Body::Sealed { .. } => true,
        _ => false,
    }
}

/// Checks that no record that was sent, or has begun, has this flaw; `concerns` selects the records
/// for which the flaw is possible.
fn without(
    history: &History<'_>,
    notes: &mut Notes,
    is_flaw: fn(&Flaw) -> bool,
    concerns: fn(&RecordSeen) -> bool,
    expected: &str,
) {
    for event in &history.events {
        for record in &event.entry.sent {
            match record.flaws.iter().find(|&flaw| is_flaw(flaw)) {
                Some(&flaw) => {
                    let flawed = Observation::Flawed(record.clone(), flaw);
                    notes.violated(event, expected, flawed);
                }
                None if record.is_complete() && concerns(record) => notes.satisfied(),
                None => {}
            }
        }
    }
}

fn at_most_2_14(history: &History<'_>, notes: &mut Notes) {
    let is_flaw = |flaw: &Flaw| *flaw == Flaw::ContentTooLong;
    let concerns = |record: &RecordSeen| record.is_application_data();
    without(
        history,
        notes,
        is_flaw,
        concerns,
        "at most 2^14 bytes of content",
    );
}

fn expansion_limit(history: &History<'_>, notes: &mut Notes) {
    let is_flaw = |flaw: &Flaw| *flaw == Flaw::TooLong;
    without(
        history,
        notes,
        is_flaw,
        is_protected,
        "a record that is not too long",
    );
}

/// A record that was sealed before the limit changed keeps its length: a write that then failed in
/// the transport may have sealed it, and a transport that buffers sends it later.
fn at_most_max_send_fragment(history: &History<'_>, notes: &mut Notes) {
    let mut limit = MAX_PLAINTEXT;
    let mut is_left = false;
    for event in &history.events {
        if !event.before.has_more_to_send() && !is_left {
            limit = event.before.max_send_fragment;
        }
        limit = limit.max(event.before.max_send_fragment);
        for record in event.completed() {
            if let Body::ApplicationData { plaintext, .. } = record.body
                && limit < MAX_PLAINTEXT
            {
                let expected = format_args!("at most {limit} bytes of content");
                notes.check(plaintext <= limit, event, expected, record);
            }
        }
        if let (Some(attempt), Some(call)) = (event.attempt(), event.call()) {
            let traffic = event.entry.traffic.as_ref();
            let refused = traffic.is_none_or(|traffic| traffic.outbound.refusal.is_some());
            if call.error != ErrorClass::None {
                is_left |= refused;
            } else if !attempt.argument.is_empty() {
                is_left = false;
            }
        }
    }
}

fn known_content_type(history: &History<'_>, notes: &mut Notes) {
    for event in &history.events {
        for record in &event.entry.sent {
            let known = match &record.body {
                Body::Other { content_type } => *content_type == ContentType::ChangeCipherSpec,
                Body::Garbage => false,
                _ if !record.is_complete() => continue,
                _ => true,
            };
            notes.check(known, event, "a record of a type that TLS has here", record);
        }
    }
}

fn no_empty_handshake(history: &History<'_>, notes: &mut Notes) {
    for (event, record) in completed(history) {
        if let Body::Handshake { messages } = &record.body {
            let expected = "a message, or a part of one";
            let empty = Observation::EmptyHandshakeRecord;
            notes.check(!messages.is_empty(), event, expected, empty);
        }
    }
}

fn one_alert(history: &History<'_>, notes: &mut Notes) {
    for (event, record) in completed(history) {
        if let Some(alert) = record.alert() {
            let is_whole = alert != AlertSeen::Malformed;
            notes.check(is_whole, event, "one whole alert", record);
        }
    }
}

fn not_interleaved(history: &History<'_>, notes: &mut Notes) {
    let mut before: Option<&RecordSeen> = None;
    for (event, record) in completed(history) {
        let goes_on = |message: &MessageSeen| message.continued;
        if record.messages().first().is_some_and(goes_on) {
            let kept = before.is_none_or(|before| !before.messages().is_empty());
            if kept {
                notes.satisfied();
            } else {
                let before = Observation::Interleaved(before.cloned());
                notes.violated(event, "a handshake message in one piece", before);
            }
        } else if !record.messages().is_empty() {
            notes.satisfied();
        }
        before = Some(record);
    }
}

/// In TLS 1.3 keys change after these (RFC 8446, sections 4.1.3, 4.4.4, 4.6.3); in TLS 1.2 after
/// `change_cipher_spec`, which is a record of its own.
const KEY_CHANGES: [HandshakeType; 3] = [
    HandshakeType::ServerHello,
    HandshakeType::Finished,
    HandshakeType::KeyUpdate,
];

fn key_change_ends_the_record(history: &History<'_>, notes: &mut Notes) {
    if history.setting.variant.version != Version::Tls13 {
        return;
    }
    for (event, record) in completed(history) {
        let types = record.messages().iter();
        let types: Vec<_> = types.map(|message| message.kind.handshake_type).collect();
        if let Some(at) = types.iter().position(|kind| KEY_CHANGES.contains(kind)) {
            let expected = format_args!("{} ends its record", types[at]);
            notes.check(at + 1 == types.len(), event, expected, record);
        }
    }
}

fn version_field(history: &History<'_>, notes: &mut Notes) {
    let is_flaw = |flaw: &Flaw| matches!(flaw, Flaw::Version(_));
    without(
        history,
        notes,
        is_flaw,
        is_protected,
        "version 0x0303 in the header",
    );
}

fn opens(history: &History<'_>, notes: &mut Notes) {
    for event in &history.events {
        for record in &event.entry.sent {
            let unprotected = record.flaws.contains(&Flaw::Unprotected);
            // Records after one that cannot be decrypted are unknown; a violation is reported once.
            let broken = matches!(record.body, Body::Sealed { .. }) || unprotected;
            match (broken, is_protected(record) && record.is_complete()) {
                (true, _) => notes.violated(event, "a record that opens", record),
                (false, true) => notes.satisfied(),
                (false, false) => {}
            }
        }
    }
}

fn nonce_unique(history: &History<'_>, notes: &mut Notes) {
    let is_flaw = |flaw: &Flaw| *flaw == Flaw::NonceRepeated;
    without(history, notes, is_flaw, is_protected, "a nonce of its own");
}

fn no_data_in_clear(history: &History<'_>, notes: &mut Notes) {
    let is_flaw = |flaw: &Flaw| matches!(flaw, Flaw::InClear(_));
    let concerns = |record: &RecordSeen| record.is_application_data();
    without(
        history,
        notes,
        is_flaw,
        concerns,
        "nothing of a write in clear",
    );
    for (event, record) in completed(history) {
        if let Body::ApplicationData {
            protection: Protection::Clear,
            ..
        } = record.body
        {
            notes.violated(event, "application data under protection", record);
        }
    }
}

fn errors_are_fatal(history: &History<'_>, notes: &mut Notes) {
    if history.setting.variant.version != Version::Tls13 {
        return;
    }
    for (event, record) in completed(history) {
        let Some(alert) = record.alert() else {
            continue;
        };
        let is_closing =
            alert.is_close_notify() || alert.description() == Some(AlertDescription::UserCanceled);
        if !is_closing {
            notes.check(alert.is_fatal(), event, "a fatal alert", record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::Step;
    use crate::trace::{Body, Call, ErrorClass, Flaw, Portion, Protection, RecordSeen};
    use crate::transport::{Direction, Outbound, Refusal};
    use crate::wire::ContentType;

    fn sends(record: RecordSeen) -> Script {
        Script::tls13().write(9, Call::success(9)).sent(record)
    }

    /// A record with this flaw breaks the clause, one without keeps it, and without a record the
    /// clause is not exercised.
    #[track_caller]
    fn about_flaw(clause: &str, flaw: Flaw) {
        let flawed = RecordSeen {
            flaws: vec![flaw],
            ..data(9)
        };
        kept(clause, 1, &sends(data(9)));
        broken(clause, 2, &sends(flawed));
        not_exercised(clause, &Script::tls13().blocked_write());
    }

    #[test]
    fn sent_records_have_no_flaws() {
        about_flaw("record.at-most-2-14", Flaw::ContentTooLong);
        about_flaw("record.expansion-limit", Flaw::TooLong);
        about_flaw("record.version-field", Flaw::Version(0x0301));
        about_flaw("record.nonce-unique", Flaw::NonceRepeated);
        about_flaw("record.no-data-in-clear", Flaw::InClear(16));
        about_flaw("record.opens", Flaw::Unprotected);
    }

    #[test]
    fn application_data_are_encrypted() {
        let clear = RecordSeen {
            body: Body::ApplicationData {
                plaintext: 9,
                wire: 14,
                unexpected: None,
                protection: Protection::Clear,
            },
            ..data(9)
        };
        broken("record.no-data-in-clear", 2, &sends(clear));
    }

    #[test]
    fn undecryptable_record_breaks_the_sequence() {
        broken("record.opens", 2, &sends(sealed(Portion::Whole)));
    }

    #[test]
    fn records_respect_the_maximum_that_was_set() {
        let clause = "record.at-most-max-send-fragment";
        let small = Script::tls13().called(Step::MaxSendFragment(512), Call::success(1));
        let write = |len| small.clone().write(len, Call::success(1)).sent(data(len));
        kept(clause, 1, &write(512));
        broken(clause, 3, &write(513));
        not_exercised(clause, &sends(data(16384)));
        // A record that was sealed before keeps its length.
        let later = Script::tls13().blocked_write();
        let later = later.called(Step::MaxSendFragment(512), Call::success(1));
        not_exercised(
            clause,
            &later.retry(1000, Call::success(1000)).sent(rest(1000)),
        );
        // Also if the transport failed, so that no retry was requested.
        let failed = failed(-1, ErrorClass::Syscall);
        let failed = Script::tls13().write(1000, failed).sent(begun());
        let failed = failed.called(Step::MaxSendFragment(512), Call::success(1));
        not_exercised(
            clause,
            &failed.retry(1000, Call::success(1000)).sent(rest(1000)),
        );
        // Nor does a byte of it have to have been sent.
        let mut unsent = Script::tls13().write(1000, Call::failure(ErrorClass::Syscall));
        let is_then_small = |script: &Script| {
            let small = script
                .clone()
                .called(Step::MaxSendFragment(512), Call::success(1));
            small.retry(1000, Call::success(1000)).sent(data(1000))
        };
        broken(clause, 4, &is_then_small(&unsent));
        unsent = unsent.refused(Direction::Out, Refusal::Zero);
        not_exercised(clause, &is_then_small(&unsent));
        // A refusal or an empty write does not remove it.
        let between = unsent.clone().write(9, refused("ssl:bad length"));
        let between = between.write_ex(0, Call::success(1));
        not_exercised(clause, &is_then_small(&between));
        let over = unsent.retry(1000, Call::success(1000)).sent(data(1000));
        broken(clause, 5, &is_then_small(&over));
        // A transport that buffers sends it later.
        let buffered = Script::tls13().write(1000, Call::success(1000));
        let buffered = buffered.called(Step::MaxSendFragment(512), Call::success(1));
        let open = buffered.step(Step::Link(Outbound::OPEN));
        not_exercised(clause, &open.sent(data(1000)));
    }

    #[test]
    fn types_are_known() {
        let clause = "record.known-content-type";
        kept(clause, 1, &sends(data(9)));
        kept(clause, 1, &sends(other(ContentType::ChangeCipherSpec)));
        broken(clause, 2, &sends(other(ContentType::Heartbeat)));
        not_exercised(clause, &Script::tls13().blocked_write());
    }

    #[test]
    fn handshake_records_are_not_empty() {
        let clause = "record.no-empty-handshake";
        kept(clause, 1, &sends(messages(&["finished"])));
        broken(clause, 2, &sends(messages(&[])));
        not_exercised(clause, &sends(data(9)));
    }

    #[test]
    fn alert_record_has_one_alert() {
        let clause = "record.one-alert";
        kept(clause, 1, &sends(alert("warning close_notify")));
        broken(clause, 2, &sends(alert("malformed")));
        not_exercised(clause, &sends(data(9)));
    }

    #[test]
    fn handshake_messages_are_not_interrupted() {
        let clause = "record.handshake-not-interleaved";
        let begun = sends(messages(&["certificate"]));
        let goes_on = || messages(&["certificate, continued"]);
        kept(clause, 2, &begun.clone().sent(goes_on()));
        broken(clause, 2, &begun.sent(data(9)).sent(goes_on()));
        not_exercised(clause, &sends(data(9)));
    }

    #[test]
    fn key_change_is_last_in_its_record() {
        let clause = "record.key-change-ends-the-record";
        kept(clause, 1, &sends(messages(&["certificate", "finished"])));
        let update = "key_update (update_not_requested)";
        broken(clause, 2, &sends(messages(&[update, "new_session_ticket"])));
        not_exercised(clause, &sends(messages(&["client_hello"])));
    }

    #[test]
    fn errors_are_fatal_in_tls13() {
        let clause = "alert.errors-are-fatal";
        kept(clause, 1, &sends(alert("fatal decode_error")));
        broken(clause, 2, &sends(alert("warning decode_error")));
        not_exercised(clause, &sends(alert("warning close_notify")));
        let tls12 = Script::tls12().write(9, Call::success(9));
        not_exercised(clause, &tls12.sent(alert("warning no_renegotiation")));
    }
}
