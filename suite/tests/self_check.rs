//! The doctor, on adapters that are honest and on ones that are not: each is the linked OpenSSL with one
//! thing twisted.

use std::cell::Cell;
use std::sync::Arc;

use writeproof::backend::{
    About, Backend, Backends, Bytes, Endpoint, REFERENCE, Setup, Unsupported,
};
use writeproof::scenario::{Function, Version};
use writeproof::self_check::{CheckOutcome, Claim, run};
use writeproof::target::InProcess;
use writeproof::trace::Call;
use writeproof::transport::Transport;

/// What is wrong with an adapter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Twist {
    Nothing,
    /// It says that a write is done, and does nothing.
    SilentSuccess,
    /// It hands over one byte less, and says so to nobody.
    EatsAByte,
    /// It does what cannot be done.
    KnowsEverything,
    /// What it says depends on how often it was asked.
    Counts,
    /// It has only one version.
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
                let mut call = self.inner.write(function, Bytes::Slice(&bytes[1..]))?;
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

/// The claims that do not hold, each once, and how.
fn found(twist: Twist) -> Vec<(Claim, &'static str)> {
    let inner = Backends::open(REFERENCE)
        .expect("it is known")
        .expect("it is linked in");
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
fn of_an_honest_adapter_everything_holds() {
    assert_eq!(found(Twist::Nothing), []);
}

#[test]
fn a_success_of_which_nothing_is_on_the_wire_is_the_adapters() {
    assert_eq!(
        found(Twist::SilentSuccess),
        [(Claim::Arrives, "the adapter's")]
    );
}

#[test]
fn bytes_that_are_lost_where_the_wire_and_the_peer_agree_are_the_librarys() {
    let found = found(Twist::EatsAByte);
    assert!(
        found.contains(&(Claim::Arrives, "the library's")),
        "{found:?}"
    );
}

#[test]
fn an_operation_that_cannot_exist_has_to_be_refused() {
    let wanted = [(Claim::UnsupportedIsSaid, "the adapter's")];
    assert_eq!(found(Twist::KnowsEverything), wanted);
}

#[test]
fn an_adapter_that_remembers_is_found() {
    assert_eq!(found(Twist::Counts), [(Claim::SameTwice, "the adapter's")]);
}

#[test]
fn a_version_that_a_library_lacks_is_not_asked_for() {
    assert_eq!(found(Twist::OldOnly), [(Claim::Arrives, "not applicable")]);
}
