//! What runs the cases of a fuzz target: several libraries in this process, and the judge.
//!
//! A finding is news if the ledger does not know it by its cause, by the same rule as in a scenario of the suite.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::known_crashes::is_deadly;
use crate::backend::libssl::{LibrarySource, Libssl, LoadError};
use crate::backend::{Backend, Backends, REFERENCE, Unusable};
use crate::judge::known;
use crate::judge::{Differing, Finding, Judge, Kind, Muted};
use crate::runner::{self, Phase, RunnerError, Unwatched, Watch};
use crate::scenario::{ParseError, Scenario, Step, Variant};
use crate::trace::{ErrorClass, Outcome, Trace};

/// The environment variable that says which of the suite's libraries to run beside the reference, by their names with commas
/// between; all that are here if it is not set.
const BACKENDS: &str = "WRITEPROOF_FUZZ_BACKENDS";

/// The environment variable that names a shared object to tell of, instead of the suite's own libraries.
pub const LIBSSL: &str = "WRITEPROOF_FUZZ_LIBSSL";

/// The environment variable that names a ledger of that object: what it knows is no news.
const LEDGER: &str = "WRITEPROOF_FUZZ_LEDGER";

/// The environment variable that says whose entries in the built-in ledger hold for that object, and in which version if not
/// in its own: `NAME` or `NAME@VERSION`.
const AS: &str = "WRITEPROOF_FUZZ_AS";

/// The environment variable that, if it is set, makes each difference of that object from the reference news too.
const DIFFERENCES: &str = "WRITEPROOF_FUZZ_DIFFERENCES";

/// The name by which messages call that object.
const STRANGER: &str = "libssl";

/// Libraries in this process, and what is known of them.
pub struct Session {
    reference: Arc<dyn Backend>,
    libraries: Vec<Library>,
    judge: Judge,
    watch: Box<dyn Watch + Send + Sync>,
    cases: AtomicU64,
    established: AtomicU64,
    skipped: AtomicU64,
    flaky: AtomicU64,
    muted: Mutex<Muted>,
}

/// What a session has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Cases that were run, each on all libraries.
    pub cases: u64,
    /// Those of them in which the reference came past its handshake.
    pub established: u64,
    /// How often a case was not run on a library, as it is known to end its process.
    pub skipped: u64,
    /// Cases with a finding that a second run did not show.
    pub flaky: u64,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cases,
            established,
            skipped,
            flaky,
        } = *self;
        // In tenths of a percent, whole numbers all the way.
        let share = established * 1000 / cases.max(1);
        let (percent, tenths) = (share / 10, share % 10);
        write!(
            f,
            "past the handshake: {percent}.{tenths} % of {cases} inputs; \
             not run on a library that is known to crash in such a case: {skipped}; \
             with a finding that a second run did not show: {flaky}"
        )
    }
}

/// What comes of a case that all libraries run once.
#[derive(Default)]
struct Look {
    /// What nobody knows yet.
    news: Vec<UnexpectedFinding>,
    /// Whether the reference came past its handshake.
    is_established: bool,
    /// What the ledger mutes.
    muted: Muted,
}

struct Library {
    backend: Arc<dyn Backend>,
    /// Whose entries in the ledger hold for it, and in which version.
    named: (String, String),
    acquaintance: Baseline,
}

/// What is known of a library beforehand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Baseline {
    /// What the ledger says.
    Ledger,
    /// What the ledger says, if anything; what the reference does too is no news, so that what is told is the library's own.
    /// `writeproof replay` tells all.
    Untracked { differences: bool },
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A library cannot be used.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// There is no such library.
    #[error("{BACKENDS}: {0} is no backend; there are {all}", all = Backends::all().join(", "))]
    Unknown(String),
    /// The shared object cannot be used.
    #[error("{LIBSSL}: {0}")]
    Load(#[from] LoadError),
    /// The ledger or the manual is wrong.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The user's ledger cannot be read.
    #[error("{LEDGER}: {} cannot be read: {source}", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The ledger has no entries of this library.
    #[error("{AS}: the ledger has no entries of {name}; it has those of {}", known.join(", "))]
    UnknownAs {
        /// The library.
        name: String,
        /// The libraries that it has entries of.
        known: Vec<String>,
    },
    /// A variable is set that speaks of the shared object, and there is none.
    #[error("{0} is about the library that {LIBSSL} names, which is not set")]
    WithoutLibssl(&'static str),
}

/// A finding that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnexpectedFinding {
    /// The name of the library.
    pub backend: String,
    /// What was found.
    pub finding: Finding,
}

/// What is taken for one cause of findings: of each, one input is of interest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause {
    /// The kind of the findings.
    pub kind: Kind,
    /// The clause that is broken, if one is.
    pub clause: Option<String>,
    /// In what the library differs, if no clause is broken.
    pub differs: Vec<Differing>,
    /// The library.
    pub backend: String,
}

/// `violation of retry.same-arguments on libssl`, `difference on libssl: error SSL instead of WANT_WRITE, records`
impl fmt::Display for Cause {
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
    /// What it is taken to come from.
    pub fn cause(&self) -> Cause {
        Cause {
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

impl Session {
    /// With the libraries that the environment names: see `suite/docs/src/fuzzing.md`.
    ///
    /// # Errors
    /// [`SessionError`], if one of them cannot be used.
    pub fn of_environment() -> Result<Self, SessionError> {
        if let Some(path) = env::var_os(LIBSSL) {
            return Self::of_stranger(PathBuf::from(path));
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

    /// With a shared object, of which alone it tells; the reference is what it is compared with.
    fn of_stranger(path: PathBuf) -> Result<Self, SessionError> {
        let mut session = Self::with(&[])?;
        let source = LibrarySource::new(STRANGER, path);
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
        session.libraries = vec![Library {
            backend: Arc::new(backend),
            named,
            acquaintance: Baseline::Untracked {
                differences: env::var_os(DIFFERENCES).is_some(),
            },
        }];
        Ok(session)
    }

    /// Whose entries hold for a shared object, and in which version: those that the user names, or none but the user's own.
    fn named(&self, backend: &Libssl) -> Result<(String, String), SessionError> {
        let version = backend.about().version.clone();
        let Ok(named) = env::var(AS) else {
            return Ok((STRANGER.to_owned(), version));
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

    /// With the reference and the libraries of these names.
    ///
    /// # Errors
    /// [`SessionError`], if one of them cannot be used.
    pub fn with(names: &[&str]) -> Result<Self, SessionError> {
        let open = |name: &str| -> Result<Arc<dyn Backend>, SessionError> {
            let opened =
                Backends::open(name).ok_or_else(|| SessionError::Unknown(name.to_owned()))?;
            Ok(opened?)
        };
        let reference = open(REFERENCE)?;
        let mut libraries = vec![Library::built_in(Arc::clone(&reference))];
        for name in names {
            libraries.push(Library::built_in(open(name)?));
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

    /// The same session, with `watch` notified of what each library is called for, and of the
    /// [`Phase`] that each case is in.
    pub fn watched(self, watch: Box<dyn Watch + Send + Sync>) -> Self {
        Self { watch, ..self }
    }

    /// The libraries that it tells of.
    pub fn backends(&self) -> impl Iterator<Item = &dyn Backend> {
        self.libraries
            .iter()
            .map(|library| library.backend.as_ref())
    }

    /// Runs a case on all libraries and says what nobody knows yet, the most serious first. A library that is known to end the
    /// process in such a case is passed over. What a second run does not show again is counted and not told: where a stream of
    /// records is torn, a byte that was sealed is taken for a header, and what it says is chance.
    ///
    /// # Errors
    /// [`RunnerError`], if the suite itself could not do its part.
    pub fn examine(
        &self,
        scenario: &Scenario,
        variant: Variant,
    ) -> Result<Vec<UnexpectedFinding>, RunnerError> {
        let Look {
            mut news,
            is_established,
            muted,
        } = self.look(scenario, variant)?;
        self.cases.fetch_add(1, Ordering::Relaxed);
        let established = u64::from(is_established);
        self.established.fetch_add(established, Ordering::Relaxed);
        self.count(muted);
        if news.is_empty() {
            return Ok(news);
        }
        let again = self.look(scenario, variant)?.news;
        let seen = news.len();
        news.retain(|news| again.contains(news));
        let flaky = u64::from(news.len() < seen);
        self.flaky.fetch_add(flaky, Ordering::Relaxed);
        Ok(news)
    }

    /// Runs the handshake of a case, and nothing else of it, on all libraries: with a clock, how fast a target would be if
    /// steps cost nothing. It is not counted, and what it shows is dropped. Answers whether the case begins with its
    /// handshake; otherwise nothing is run.
    ///
    /// # Errors
    /// [`RunnerError`], if the suite itself could not do its part.
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
        self.look(&alone, variant)?;
        Ok(true)
    }

    fn look(&self, scenario: &Scenario, variant: Variant) -> Result<Look, RunnerError> {
        let run = |backend: &dyn Backend| {
            runner::run_watched(backend, scenario, variant, self.watch.as_ref())
        };
        let reference = run(self.reference.as_ref())?;
        let mut look = Look {
            is_established: is_established(&reference),
            ..Look::default()
        };
        for library in &self.libraries {
            let (name, version) = &library.named;
            let named = known::Library { name, version };
            if is_deadly(&self.judge.known, named, scenario, variant) {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let trace = match Arc::ptr_eq(&library.backend, &self.reference) {
                true => None,
                false => Some(run(library.backend.as_ref())?),
            };
            let trace = trace.as_ref().unwrap_or(&reference);
            self.watch.enters(Phase::Judge);
            let mut findings = self.found(library, &reference, trace);
            look.muted.add(&findings);
            findings.retain(|finding| finding.known.is_none());
            let backend = &library.backend.about().id;
            look.news
                .extend(findings.into_iter().map(|finding| UnexpectedFinding {
                    backend: backend.clone(),
                    finding,
                }));
        }
        look.news.sort_by_key(|news| news.finding.rank());
        Ok(look)
    }

    fn count(&self, muted: Muted) {
        let mut all = self.muted.lock().unwrap_or_else(PoisonError::into_inner);
        all.append(muted);
    }

    /// What the ledger has muted so far.
    pub fn muted(&self) -> Muted {
        let all = self.muted.lock().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }

    /// What it has come to so far.
    pub fn tally(&self) -> Stats {
        Stats {
            cases: self.cases.load(Ordering::Relaxed),
            established: self.established.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            flaky: self.flaky.load(Ordering::Relaxed),
        }
    }

    /// What counts of the findings in a library's trace, known or not.
    fn found(&self, library: &Library, reference: &Trace, trace: &Trace) -> Vec<Finding> {
        let (name, version) = &library.named;
        let of = |trace| self.judge.generated(reference, trace, (name, version));
        let mut findings = of(trace);
        if let Baseline::Untracked { differences } = library.acquaintance
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

impl Library {
    /// One of the suite's own, with its entries.
    fn built_in(backend: Arc<dyn Backend>) -> Self {
        let about = backend.about();
        let named = (about.recorded_as(), about.version.clone());
        Self {
            backend,
            named,
            acquaintance: Baseline::Ledger,
        }
    }
}

/// Whether a handshake was done, by itself or by a write.
fn is_established(trace: &Trace) -> bool {
    trace.entries.iter().any(|entry| match &entry.result {
        Outcome::Call(call) => {
            let shakes_hands = entry.asked.step() == Some(&Step::Handshake);
            (shakes_hands && call.error == ErrorClass::None) || call.accepted().is_some()
        }
        _ => false,
    })
}
