//! How a library uses its transport, and that its calls return.

use super::{History, Monitor, Notes, Observation};
use crate::trace::{Asked, Outcome};
use crate::transport::Traffic;

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::all("transport.bounded-calls", bounded_calls),
    Monitor::all("transport.no-empty-writes", no_empty_writes),
    Monitor::all("call.returns", returns),
];

/// How often in a row the transport may refuse a call before it returns: once in each direction is
/// enough; a library that flushes, reads and sends an alert has a few more reasons to call it. A
/// byte that moves is a new reason: a read that receives its record byte by byte may offer the
/// queued bytes after each of them.
const MOST_REFUSALS: u32 = 8;

fn bounded_calls(history: &History<'_>, notes: &mut Notes) {
    for (event, _) in history.calls() {
        let Some(Traffic {
            outbound,
            inbound,
            fruitless,
            ..
        }) = &event.entry.traffic
        else {
            continue;
        };
        if !outbound.is_used() && !inbound.is_used() {
            continue;
        }
        notes.check(
            *fruitless <= MOST_REFUSALS,
            event,
            format_args!(
                "at most {MOST_REFUSALS} calls in a row of the transport that move no byte"
            ),
            Observation::FruitlessTransportCalls(*fruitless),
        );
    }
}

fn no_empty_writes(history: &History<'_>, notes: &mut Notes) {
    for (event, _) in history.calls() {
        let Some(Traffic { outbound, .. }) = &event.entry.traffic else {
            continue;
        };
        if outbound.is_used() {
            let seen = Observation::EmptyTransportCalls(outbound.empty);
            notes.check(
                outbound.empty == 0,
                event,
                "calls of the transport for bytes",
                seen,
            );
        }
    }
}

fn returns(history: &History<'_>, notes: &mut Notes) {
    for event in &history.events {
        match &event.entry.result {
            Outcome::Call(_) if event.entry.asked != Asked::Nothing => notes.satisfied(),
            // A case that was stopped at a limit is not a hang: the result of the call is unknown.
            Outcome::Stopped(_) => {}
            end if end.is_end() => {
                notes.violated(event, "the call comes back", end);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::PeerAction;
    use crate::trace::{Call, Outcome};
    use crate::transport::{Direction, Refusal};

    #[test]
    fn call_returns_after_few_refusals() {
        let clause = "transport.bounded-calls";
        let mut script = Script::tls13().blocked_write();
        kept(clause, 1, &script);
        script.traffic().outbound.refusals = 1000;
        script.traffic().fruitless = 8;
        kept(clause, 1, &script);
        script.traffic().fruitless = 9;
        broken(clause, 2, &script);
        not_exercised(clause, &Script::tls13());
    }

    #[test]
    fn transport_calls_are_not_empty() {
        let clause = "transport.no-empty-writes";
        let mut script = Script::tls13().blocked_write();
        kept(clause, 1, &script);
        script.traffic().outbound.empty = 1;
        broken(clause, 2, &script);
        let read = Script::tls13().read(wants_read());
        not_exercised(clause, &read.refused(Direction::In, Refusal::WouldBlock));
    }

    #[test]
    fn call_returns() {
        let clause = "call.returns";
        let write = Script::tls13().write(9, Call::success(9));
        kept(clause, 2, &write);
        broken(clause, 2, &write.ended(Outcome::Hung("spins".to_owned())));
        let peer = Script::new(crate::scenario::Version::Tls13).peer(PeerAction::Read);
        not_exercised(clause, &peer);
    }
}
