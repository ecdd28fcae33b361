//! The self-checks on honest and on wrong adapters. Each adapter is the linked OpenSSL with one
//! change.

use std::cell::Cell;
use std::sync::Arc;

use writeproof::internal::backend::{
    About, Backend, Backends, Bytes, Endpoint, REFERENCE, Setup, Unsupported,
};
use writeproof::internal::isolation::InProcess;
use writeproof::internal::scenario::{Function, Version};
use writeproof::internal::self_check::{CheckOutcome, Claim, run};
use writeproof::internal::trace::Call;
use writeproof::internal::transport::Transport;

/// The change of an adapter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Twist {
    Nothing,
    /// Reports a write as done and does nothing.
    SilentSuccess,
    /// Drops one byte and reports the full length.
    EatsAByte,
    /// Accepts operations that are impossible.
    KnowsEverything,
    /// Its results depend on the number of calls.
    Counts,
    /// Supports only one version.
    OldOnly,
}

struct Twisted {
    inner: Arc<dyn Backend>,
    twist: Twist,
}

struct TwistedEnd {
    inner: Box<dyn Endpoint>,
    twist: Twist,
}

impl Backend for Twisted {
    fn about(&self) -> &About {
        self.inner.about()
    }

    fn open(&self, setup: &Setup, transport: &Transport) -> Result<Box<dyn Endpoint>, Unsupported> {
        if self.twist == Twist::OldOnly && setup.version == Version::Tls13 {
            return Err(Unsupported::new("tls1.3"));
        }
        Ok(Box::new(TwistedEnd {
            inner: self.inner.open(setup, transport)?,
            twist: self.twist,
        }))
    }
}

thread_local! {
    static ASKED: Cell<i64> = const { Cell::new(0) };
}

impl Endpoint for TwistedEnd {
    fn handshake(&mut self) -> Result<Call, Unsupported> {
        self.inner.handshake()
    }

    fn write(&mut self, function: Function, bytes: Bytes<'_>) -> Result<Call, Unsupported> {
        match (self.twist, bytes) {
            (Twist::SilentSuccess, Bytes::Slice(bytes)) => Ok(Call::success(bytes.len() as i64)),
            (Twist::EatsAByte, Bytes::Slice(bytes)) => {
                let mut call = self.inner.write(function, Bytes::Slice(bytes.skip(1)))?;
                call.ret += 1;
                Ok(call)
            }
            (Twist::KnowsEverything, Bytes::Negative(..)) => Ok(Call::success(1)),
            (Twist::Counts, bytes) => {
                let mut call = self.inner.write(function, bytes)?;
                call.queue
                    .push(format!("test:asked {} times", ASKED.replace(ASKED.get() + 1)).into());
                Ok(call)
            }
            (_, bytes) => self.inner.write(function, bytes),
        }
    }

    fn read(&mut self, space: &mut [u8]) -> Result<Call, Unsupported> {
        self.inner.read(space)
    }
}

/// The self-checks that fail, each once, with the reason.
fn found(twist: Twist) -> Vec<(Claim, &'static str)> {
    let inner = Backends::open(REFERENCE)
        .expect("a known backend")
        .expect("the backend is linked");
    let target = InProcess::new(Arc::new(Twisted { inner, twist }));
    let examination = run(&target).expect("the runner works");
    let mut found: Vec<_> = examination
        .checks
        .iter()
        .filter_map(|check| match check.outcome {
            CheckOutcome::Holds => None,
            CheckOutcome::Fails(_) => Some((check.claim, "the adapter's")),
            CheckOutcome::Library(_) => Some((check.claim, "the library's")),
            CheckOutcome::NotApplicable(_) => Some((check.claim, "not applicable")),
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn honest_adapter_passes_every_check() {
    assert_eq!(found(Twist::Nothing), []);
}

#[test]
fn success_without_a_record_on_the_wire_is_blamed_on_the_adapter() {
    assert_eq!(
        found(Twist::SilentSuccess),
        [(Claim::Arrives, "the adapter's")]
    );
}

#[test]
fn lost_bytes_are_blamed_on_the_library_when_wire_and_peer_agree() {
    let found = found(Twist::EatsAByte);
    assert!(
        found.contains(&(Claim::Arrives, "the library's")),
        "{found:?}"
    );
}

#[test]
fn adapter_that_accepts_an_impossible_operation_fails() {
    let wanted = [(Claim::UnsupportedIsSaid, "the adapter's")];
    assert_eq!(found(Twist::KnowsEverything), wanted);
}

#[test]
fn adapter_that_keeps_state_between_cases_fails() {
    assert_eq!(found(Twist::Counts), [(Claim::SameTwice, "the adapter's")]);
}

#[test]
fn unsupported_version_is_not_checked() {
    assert_eq!(found(Twist::OldOnly), [(Claim::Arrives, "not applicable")]);
}
