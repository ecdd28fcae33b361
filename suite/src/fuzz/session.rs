//! Runs the cases of a fuzz target on several libraries in this process, and judges the traces.
//!
//! A finding is unexpected if no known issue explains it, by the same rule as for the scenarios of
//! the suite.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::known_crashes::may_crash;
use crate::backend::libssl::{LibrarySource, Libssl, LoadError};
use crate::backend::{Backend, Backends, REFERENCE, Unusable};
use crate::judge::known;
use crate::judge::{Differing, Finding, Judge, Kind, Muted};
use crate::runner::{self, Phase, RunnerError, Unwatched, Watch};
use crate::scenario::{ParseError, Scenario, Step, Variant};
use crate::trace::{ErrorClass, Outcome, Trace};

/// The environment variable with the backends to run besides the reference, separated by commas;
/// all that are present if it is not set.
const BACKENDS: &str = "WRITEPROOF_FUZZ_BACKENDS";

/// The environment variable with the path of a shared object to test instead of the backends.
pub const LIBSSL: &str = "WRITEPROOF_FUZZ_LIBSSL";

/// The environment variable with a file of known issues of that object.
const LEDGER: &str = "WRITEPROOF_FUZZ_LEDGER";

/// The environment variable with the library whose known issues apply to that object, with a
/// version if not the one that the object reports: `NAME` or `NAME@VERSION`.
const AS: &str = "WRITEPROOF_FUZZ_AS";

/// The environment variable that, if set, makes the differences of that object from the reference
/// count as findings.
const DIFFERENCES: &str = "WRITEPROOF_FUZZ_DIFFERENCES";

/// The name of that object in messages.
const LIBSSL_NAME: &str = "libssl";

/// Libraries in this process, and their known issues.
pub struct FuzzSession {
    reference: Arc<dyn Backend>,
    libraries: Vec<SessionLibrary>,
    judge: Judge,
    watch: Box<dyn Watch + Send + Sync>,
    cases: AtomicU64,
    established: AtomicU64,
    skipped: AtomicU64,
    flaky: AtomicU64,
    muted: Mutex<Muted>,
}

/// The statistics of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Cases that were run, each on all libraries.
    pub cases: u64,
    /// Those of them in which the handshake of the reference completed.
    pub(crate) established: u64,
    /// How often a case was skipped for a library because it is known to crash it.
    pub(crate) skipped: u64,
    /// Cases with a finding that did not occur again in a second run.
    pub(crate) flaky: u64,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cases,
            established,
            skipped,
            flaky,
        } = *self;
        // In tenths of a percent, in integers.
        let share = established * 1000 / cases.max(1);
        let (percent, tenths) = (share / 10, share % 10);
        write!(
            f,
            "past the handshake: {percent}.{tenths} % of {cases} inputs; \
             skipped for a library with a known crash: {skipped}; \
             flaky, with a finding that did not occur again: {flaky}"
        )
    }
}

/// The result of running a case once on all libraries.
#[derive(Default)]
struct Findings {
    /// The findings without a known issue.
    unexpected: Vec<UnexpectedFinding>,
    /// Whether the handshake of the reference completed.
    is_established: bool,
    /// The findings that known issues explain.
    muted: Muted,
}

struct SessionLibrary {
    backend: Arc<dyn Backend>,
    /// The library and version whose known issues apply.
    named: (String, String),
    baseline: Baseline,
}

/// Which findings of a library are expected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Baseline {
    /// Those with a known issue.
    Ledger,
    /// Those with a known issue, and those that the reference has too. `writeproof replay` shows
    /// the latter as well.
    Untracked { differences: bool },
}

/// Why a session cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A library cannot be used.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// There is no such backend.
    #[error("{BACKENDS}: unknown backend {0}: the backends are {all}", all = Backends::all().join(", "))]
    Unknown(String),
    /// The shared object cannot be used.
    #[error("{LIBSSL}: {0}")]
    Load(#[from] LoadError),
    /// A file of known issues or of the contract is invalid.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The user's file of known issues cannot be read.
    #[error("{LEDGER}: cannot read {}: {source}", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The suite has no known issues of this library.
    #[error("{AS}: no known issues of {name}: there are some of {}", known.join(", "))]
    UnknownAs {
        /// The library.
        name: String,
        /// The libraries with known issues.
        known: Vec<String>,
    },
    /// A variable about the shared object is set without one.
    #[error("{0} needs {LIBSSL}, which is not set")]
    WithoutLibssl(&'static str),
}

/// A finding without a known issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnexpectedFinding {
    /// The name of the library.
    pub(crate) backend: String,
    /// The finding.
    pub(crate) finding: Finding,
}

/// What findings have in common that probably have the same cause. One input of each is of
/// interest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingSignature {
    /// The kind of the findings.
    pub(crate) kind: Kind,
    /// The clause that is broken, if one is.
    pub(crate) clause: Option<String>,
    /// The aspects in which the library differs, if no clause is broken.
    pub(crate) differs: Vec<Differing>,
    /// The library.
    pub(crate) backend: String,
}

/// `violation of retry.same-arguments on libssl`, `difference on libssl: error SSL instead of
/// WANT_WRITE, records`
impl fmt::Display for FindingSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if let Some(clause) = &self.clause {
            write!(f, " of {clause}")?;
        }
        write!(f, " on {}", self.backend)?;
        let differs: Vec<String> = self.differs.iter().map(ToString::to_string).collect();
        match differs.join(", ").as_str() {
            "" => Ok(()),
            differs => write!(f, ": {differs}"),
        }
    }
}

impl UnexpectedFinding {
    /// Its probable cause.
    pub fn cause(&self) -> FindingSignature {
        FindingSignature {
            kind: self.finding.kind,
            clause: self.finding.clause.clone(),
            differs: self.finding.differing(),
            backend: self.backend.clone(),
        }
    }
}

impl fmt::Display for UnexpectedFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding {
            kind,
            clause,
            step,
            action,
            expected,
            seen,
            ..
        } = &self.finding;
        write!(f, "{} on {}", kind.as_str(), self.backend)?;
        if let Some(clause) = clause {
            write!(f, " of {clause}")?;
        }
        writeln!(f, ", step {step}, {action}")?;
        writeln!(f, "  expected: {expected}")?;
        write!(f, "  seen:     {seen}")
    }
}

impl FuzzSession {
    /// With the libraries that the environment names: see `suite/docs/src/fuzzing.md`.
    ///
    /// # Errors
    /// [`SessionError`], if one of them cannot be used.
    pub fn of_environment() -> Result<Self, SessionError> {
        if let Some(path) = env::var_os(LIBSSL) {
            return Self::of_libssl(PathBuf::from(path));
        }
        if let Some(variable) = [LEDGER, AS, DIFFERENCES]
            .into_iter()
            .find(|variable| env::var_os(variable).is_some())
        {
            return Err(SessionError::WithoutLibssl(variable));
        }
        let named = env::var(BACKENDS).ok();
        let mut names: Vec<&str> = match &named {
            Some(names) => names.split(',').filter(|name| !name.is_empty()).collect(),
            None => Backends::here(),
        };
        names.retain(|name| *name != REFERENCE);
        Self::with(&names)
    }

    /// Opens a shared object, which is the only library to be reported on, and the reference.
    fn of_libssl(path: PathBuf) -> Result<Self, SessionError> {
        let mut session = Self::with(&[])?;
        let source = LibrarySource::new(LIBSSL_NAME, path);
        let backend = Libssl::open(&source)?;
        let named = session.named(&backend)?;
        if let Some(path) = env::var_os(LEDGER).map(PathBuf::from) {
            let text = fs::read_to_string(&path).map_err(|source| SessionError::Ledger {
                path: path.clone(),
                source,
            })?;
            let judge = &mut session.judge;
            judge.add_own(&path.to_string_lossy(), &text)?;
        }
        session.libraries = vec![SessionLibrary {
            backend: Arc::new(backend),
            named,
            baseline: Baseline::Untracked {
                differences: env::var_os(DIFFERENCES).is_some(),
            },
        }];
        Ok(session)
    }

    /// The library and version whose known issues apply to a shared object: the one that the user
    /// names, or none, so that only the user's file applies.
    fn named(&self, backend: &Libssl) -> Result<(String, String), SessionError> {
        let version = backend.about().version.clone();
        let Ok(named) = env::var(AS) else {
            return Ok((LIBSSL_NAME.to_owned(), version));
        };
        let (name, version) = match named.split_once('@') {
            Some((name, version)) => (name.to_owned(), version.to_owned()),
            None => (named, version),
        };
        let library = known::Library {
            name: &name,
            version: &version,
        };
        if self.judge.known.affecting(library).next().is_none() {
            let known = self.judge.known.products();
            let known = known.into_iter().map(str::to_owned).collect();
            return Err(SessionError::UnknownAs { name, known });
        }
        Ok((name, version))
    }

    /// Opens the reference and the backends of these names.
    ///
    /// # Errors
    /// [`SessionError`], if one of them cannot be used.
    pub(crate) fn with(names: &[&str]) -> Result<Self, SessionError> {
        let open = |name: &str| -> Result<Arc<dyn Backend>, SessionError> {
            let opened =
                Backends::open(name).ok_or_else(|| SessionError::Unknown(name.to_owned()))?;
            Ok(opened?)
        };
        let reference = open(REFERENCE)?;
        let mut libraries = vec![SessionLibrary::built_in(Arc::clone(&reference))];
        for name in names {
            libraries.push(SessionLibrary::built_in(open(name)?));
        }
        Ok(Self {
            reference,
            libraries,
            judge: Judge::built_in()?,
            watch: Box::new(Unwatched),
            cases: AtomicU64::new(0),
            established: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            flaky: AtomicU64::new(0),
            muted: Mutex::default(),
        })
    }

    /// The same session, with `watch` notified of each call of a library and each [`Phase`] of a
    /// case.
    pub fn watched(self, watch: Box<dyn Watch + Send + Sync>) -> Self {
        Self { watch, ..self }
    }

    /// The libraries to be reported on.
    pub fn backends(&self) -> impl Iterator<Item = &dyn Backend> {
        self.libraries
            .iter()
            .map(|library| library.backend.as_ref())
    }

    /// Runs a case on all libraries and returns the unexpected findings, the most serious first. A
    /// case is skipped for a library that it is known to crash. A finding that does not occur again
    /// in a second run is counted but not returned: in a damaged stream, an encrypted byte may be
    /// taken for a record header, and its value is random.
    ///
    /// # Errors
    /// [`RunnerError`], if the suite itself failed.
    pub fn examine(
        &self,
        scenario: &Scenario,
        variant: Variant,
    ) -> Result<Vec<UnexpectedFinding>, RunnerError> {
        let Findings {
            mut unexpected,
            is_established,
            muted,
        } = self.run_once(scenario, variant)?;
        self.cases.fetch_add(1, Ordering::Relaxed);
        let established = u64::from(is_established);
        self.established.fetch_add(established, Ordering::Relaxed);
        self.count(muted);
        if unexpected.is_empty() {
            return Ok(unexpected);
        }
        let again = self.run_once(scenario, variant)?.unexpected;
        let seen = unexpected.len();
        unexpected.retain(|finding| again.contains(finding));
        let flaky = u64::from(unexpected.len() < seen);
        self.flaky.fetch_add(flaky, Ordering::Relaxed);
        Ok(unexpected)
    }

    /// Runs only the handshake of a case on all libraries, to measure how fast a target would be if
    /// the other steps cost nothing. The case is not counted, and its findings are dropped. Returns
    /// whether the case begins with a handshake; if not, nothing is run.
    ///
    /// # Errors
    /// [`RunnerError`], if the suite itself failed.
    pub fn handshake_alone(
        &self,
        scenario: &Scenario,
        variant: Variant,
    ) -> Result<bool, RunnerError> {
        if scenario.steps.first() != Some(&Step::Handshake) {
            return Ok(false);
        }
        let alone = Scenario {
            steps: vec![Step::Handshake],
            ..scenario.clone()
        };
        self.run_once(&alone, variant)?;
        Ok(true)
    }

    fn run_once(&self, scenario: &Scenario, variant: Variant) -> Result<Findings, RunnerError> {
        let run = |backend: &dyn Backend| {
            runner::run_watched(backend, scenario, variant, self.watch.as_ref())
        };
        let reference = run(self.reference.as_ref())?;
        let mut all = Findings {
            is_established: is_established(&reference),
            ..Findings::default()
        };
        for library in &self.libraries {
            let (name, version) = &library.named;
            let named = known::Library { name, version };
            if may_crash(&self.judge.known, named, scenario, variant) {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let trace = if Arc::ptr_eq(&library.backend, &self.reference) {
                None
            } else {
                Some(run(library.backend.as_ref())?)
            };
            let trace = trace.as_ref().unwrap_or(&reference);
            self.watch.enters(Phase::Judge);
            let mut findings = self.found(library, &reference, trace);
            all.muted.add(&findings);
            findings.retain(|finding| finding.known.is_none());
            let backend = &library.backend.about().id;
            all.unexpected
                .extend(findings.into_iter().map(|finding| UnexpectedFinding {
                    backend: backend.clone(),
                    finding,
                }));
        }
        all.unexpected
            .sort_by_key(|unexpected| unexpected.finding.rank());
        Ok(all)
    }

    fn count(&self, muted: Muted) {
        let mut all = self.muted.lock().unwrap_or_else(PoisonError::into_inner);
        all.append(muted);
    }

    /// The findings that known issues have explained so far.
    pub fn muted(&self) -> Muted {
        let all = self.muted.lock().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }

    /// The statistics so far.
    pub fn stats(&self) -> Stats {
        Stats {
            cases: self.cases.load(Ordering::Relaxed),
            established: self.established.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            flaky: self.flaky.load(Ordering::Relaxed),
        }
    }

    /// The findings in a library's trace, known or not, without those that the baseline drops.
    fn found(&self, library: &SessionLibrary, reference: &Trace, trace: &Trace) -> Vec<Finding> {
        let (name, version) = &library.named;
        let of = |trace| self.judge.generated(reference, trace, (name, version));
        let mut findings = of(trace);
        if let Baseline::Untracked { differences } = library.baseline
            && findings.iter().any(|finding| finding.known.is_none())
        {
            let of_reference = of(reference);
            let differs = |finding: &Finding| finding.kind == Kind::Difference;
            findings
                .retain(|found| !of_reference.contains(found) && (differences || !differs(found)));
        }
        findings
    }
}

impl SessionLibrary {
    /// A backend of the suite, with its known issues.
    fn built_in(backend: Arc<dyn Backend>) -> Self {
        let about = backend.about();
        let named = (about.recorded_as(), about.version.clone());
        Self {
            backend,
            named,
            baseline: Baseline::Ledger,
        }
    }
}

/// Whether a handshake completed, by itself or within a write.
fn is_established(trace: &Trace) -> bool {
    trace.entries.iter().any(|entry| match &entry.result {
        Outcome::Call(call) => {
            let is_handshake = entry.asked.step() == Some(&Step::Handshake);
            (is_handshake && call.error == ErrorClass::None) || call.accepted().is_some()
        }
        _ => false,
    })
}
