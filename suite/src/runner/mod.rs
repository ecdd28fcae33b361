//! Runs one case: connects an endpoint, the transport and the peer, and executes the steps of the
//! scenario. Takes a scenario, a variant and a backend, and yields the trace.
//!
//! Runs are deterministic: the same case always gives the same trace. The peer acts between calls
//! of the library under test or, if the transport blocks, during one, on the same thread.

mod action;
mod calls;
mod error;
mod finish;
mod library_steps;
mod peer_driver;
mod peer_steps;
mod pending_write;
mod phase;
mod reading;
mod session_setup;
mod watch;
mod writes;

use std::rc::Rc;

use self::action::{Action, OPEN};
use self::calls::{Kept, Runner, Stop};
use self::peer_driver::PeerDriver;
use self::reading::never_opened;
use self::session_setup::establish_session;
use self::writes::longest_retry;
use crate::backend::{Backend, ModeChange, Setup, Unsupported};
use crate::limits::Allowance;
use crate::peer::{Keys, Peer, PeerSetup};
use crate::scenario::{KeyExchange, Needs, Role, Scenario, Step, Variant};
use crate::trace::{Asked, Outcome, Setting, Shown, Stream, Trace};
use crate::transport::{Responder, Transport};

pub(crate) use self::action::FREE;
pub use self::error::RunnerError;
pub use self::phase::Phase;
pub(crate) use self::watch::Unwatched;
pub use self::watch::Watch;

/// Runs one case.
///
/// # Errors
///
/// [`RunnerError`], if the suite itself failed.
pub fn run(
    backend: &dyn Backend,
    scenario: &Scenario,
    variant: Variant,
) -> Result<Trace, RunnerError> {
    run_watched(backend, scenario, variant, &Unwatched)
}

/// Runs one case with an observer.
///
/// # Errors
///
/// [`RunnerError`], if the suite itself failed.
pub(crate) fn run_watched(
    backend: &dyn Backend,
    scenario: &Scenario,
    variant: Variant,
    watch: &dyn Watch,
) -> Result<Trace, RunnerError> {
    watch.enters(Phase::Setup);
    let transport = Transport::new();
    let allowance = Allowance::of(scenario);
    transport.limit_outbound(allowance.wire_bytes);
    watch.about_to(0, OPEN, &Asked::Nothing);
    let setup = Setup {
        role: variant.role,
        version: variant.version,
        cipher: scenario.cipher,
        key_exchange: scenario.key_exchange,
        role_state: scenario.role_state,
        transport: variant.transport,
        session_tickets: scenario.session_tickets,
    };
    let setting = Setting::of(scenario, variant, backend.interface());
    if !backend.transports().contains(&variant.transport) {
        let word = variant.transport.as_str();
        let why = format!("the transport {word}, which this backend has no BIO for");
        return Ok(never_opened(setting, Unsupported(why)));
    }
    let peer_setup = PeerSetup {
        role: match variant.role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        },
        version: variant.version,
        cipher: scenario.cipher,
        keys: match scenario.key_exchange {
            KeyExchange::Ephemeral => Keys::Ephemeral,
            KeyExchange::PreShared => Keys::PreShared,
        },
        renegotiation: scenario.peer_renegotiation,
    };
    let session = match scenario.key_exchange {
        KeyExchange::Ephemeral => None,
        KeyExchange::PreShared => backend.session(&setup, &|transport, endpoint| {
            establish_session(&peer_setup, transport, endpoint)
        }),
    };
    let endpoint = match backend.open(&setup, &transport) {
        Ok(endpoint) => endpoint,
        Err(unsupported) => return Ok(never_opened(setting, unsupported)),
    };
    let peer = match session {
        None => Peer::new(&peer_setup, &transport)?,
        Some(session) => Peer::resuming(&peer_setup, &transport, &session)?,
    };
    let peer_driver = Rc::new(PeerDriver::new(peer));
    if variant.transport.waits() {
        let peer_driver: Rc<dyn Responder> = Rc::clone(&peer_driver) as _;
        transport.wait_for(Rc::downgrade(&peer_driver));
    }
    let mut runner = Runner {
        watch,
        peer_driver,
        transport,
        endpoint,
        entries: Vec::new(),
        step: 0,
        stream: Stream::default(),
        peer_stream: Stream::default(),
        pending_write: None,
        kept: Kept::default(),
        allowance,
        calls: 0,
        last: None,
        peer_bytes_altered: false,
        setting,
        peer_setup,
    };
    watch.enters(Phase::Script);
    for (index, step) in scenario.steps.iter().enumerate() {
        runner.step = index + 1;
        let after = &scenario.steps[index + 1..];
        let done = runner.act(step, after);
        if !matches!(step, Step::StaleError(_)) {
            // If the step made no call, its stale entry is not left for a later one.
            runner.endpoint.forget_stale_error();
        }
        match done {
            Ok(()) => {}
            Err(Stop::Recorded) => break,
            Err(Stop::Unsupported(unsupported)) => {
                runner.note(
                    Action::step(step.clone()),
                    Outcome::Unsupported(unsupported.0),
                );
                break;
            }
        }
    }
    runner.into_trace(scenario)
}

impl Runner<'_> {
    fn act(&mut self, step: &Step, after: &[Step]) -> Result<(), Stop> {
        match step {
            Step::Handshake => self.handshake()?,
            Step::Write(write) => self.write(write, longest_retry(after))?,
            Step::Retry(retry) => self.retry(retry)?,
            Step::Finish => self.finish()?,
            Step::Read(max) => self.read(*max)?,
            Step::SetModes(modes) => self.set_modes(step, modes, ModeChange::Set)?,
            Step::ClearModes(modes) => self.set_modes(step, modes, ModeChange::Clear)?,
            Step::Link(outbound) => {
                let from = self.transport.mark();
                self.transport.set_outbound(*outbound);
                self.endpoint.sync_transport()?;
                let action = Action::step(step.clone());
                self.push(action, Outcome::Done, from, Shown::Records);
            }
            Step::Inbound(inbound) => {
                self.transport.set_inbound(*inbound);
                self.note(Action::step(step.clone()), Outcome::Done);
            }
            Step::Wire(fault) => {
                let outcome = match self.transport.inject_fault(*fault) {
                    Ok(()) => {
                        self.peer_bytes_altered = true;
                        Outcome::Done
                    }
                    Err(too_little) => Outcome::Nothing(too_little.to_string()),
                };
                self.note(Action::step(step.clone()), outcome);
            }
            Step::Peer(action) => self.peer_acts(action),
            Step::StaleError(kind) => {
                let action = Action::step(step.clone());
                self.announce(&action);
                self.endpoint.stale_error(*kind)?;
                self.note(action, Outcome::Done);
            }
            // All others are a matter of the library alone.
            step => match step.needs() {
                Needs::Call(operation) => self.operate(step, operation)?,
                Needs::Numbers(functions) => self.observe(step, functions)?,
                Needs::Nothing => {
                    let what = format!("the step {}", step.name());
                    return Err(Unsupported::new(what).into());
                }
            },
        }
        Ok(())
    }
}
