//! Runs cases with one active fault in worker processes, and compares them with the same cases of
//! the right library.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use writeproof::internal::isolation::Isolation;
use writeproof::internal::judge::differences;
use writeproof::internal::run::CaseResult;
use writeproof::internal::scenario::{Role, Scenario, Variant};
use writeproof::internal::target::{RunOutcome, Target};
use writeproof::internal::trace::Trace;
use writeproof::internal::worker::WorkerLimits;
use writeproof_faulty::{Fault, Kind, VARIABLE, faults};

use crate::clusters;
use crate::gate::{self, Detected, View};
use crate::object::{self, ROOM};
use crate::right::{self, Right};

/// Many times the processor time of any case that makes progress.
const LIMITS: WorkerLimits = WorkerLimits {
    time: Duration::from_secs(1),
    ..WorkerLimits::DEFAULT
};

/// The command, for faults that are requested only by name.
const PROGRAM: &str = env!("CARGO_BIN_EXE_writeproof");

/// A name that no fault has.
const NO_FAULT: &str = "there-is-no-such-fault";

/// The cases in which a fault is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The cases that the fault's test needs: for a bug, all cases in which the right library
    /// reaches it; for a harmless variation, those of one role, which alternates between scenarios.
    Judged,
    /// All cases in which the right library reaches the fault.
    Reached,
    /// One of those cases per scenario, in alternating variants.
    Sample,
    /// All cases.
    Everything,
}

/// The results of a fault.
pub(crate) struct FaultRun {
    pub(crate) cases: Vec<Case>,
}

/// The result of a fault in one case.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) scenario: &'static Scenario,
    pub(crate) variant: Variant,
    pub(crate) seen: Seen,
    /// The clauses that are broken here and that the right library keeps.
    pub(crate) broken: BTreeSet<&'static str>,
    /// What an unknown library with the fault would report here, if that is something; the trace is
    /// left out but for its digest.
    pub(crate) triaged: Option<CaseResult>,
    /// How the gate's views judge it, if it is a bug that is detected.
    pub(crate) detected: Option<Detected>,
}

/// The visible effect of a fault in a case.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The trace equals that of the right library.
    Same,
    /// The first difference.
    Differs(String),
    /// The library ended the case, with this reason.
    Ended(String),
}

/// How many cases and scenarios show a fault.
pub(crate) struct Extents {
    pub(crate) cases: usize,
    pub(crate) scenarios: BTreeSet<&'static str>,
    /// Each broken clause, with the scenarios that show it.
    pub(crate) broken: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

impl Seen {
    fn of(right: &Trace, trace: &Trace) -> Self {
        if let Some(end) = trace.end() {
            return Self::Ended(format!("step {}, {}: {}", end.step, end.action, end.result));
        }
        match differences(right, trace).first() {
            None => Self::Same,
            Some(difference) => Self::Differs(difference.to_string()),
        }
    }
}

impl FaultRun {
    /// Runs the fault at `index` in the table; for a bug, also judges it in these views.
    pub(crate) fn run(
        index: usize,
        fault: &Fault,
        extent: Extent,
        views: &[View],
    ) -> Result<Self, String> {
        let views = match fault.kind {
            Kind::Bug => views,
            Kind::Harmless => &[],
        };
        let cases = each_case(index, fault, extent, |right, trace| {
            let mut case = Case::of(right, &trace, views)?;
            if fault.kind == Kind::Harmless {
                // A known cause of the reference may appear elsewhere when records are split
                // differently or the error class is another.
                let unknown = gate::RUN.unexpected_clauses(right, &trace)?;
                case.broken.retain(|clause| unknown.contains(*clause));
            }
            Ok(case)
        });
        Ok(Self { cases: cases? })
    }

    /// The results of the fault at `index` in the table, in the cases that its test needs. Run once
    /// and shared by all callers.
    pub(crate) fn shared(index: usize, fault: &Fault) -> Result<&'static Self, String> {
        static SHARED: [OnceLock<Result<FaultRun, String>>; ROOM] =
            [const { OnceLock::new() }; ROOM];
        let fault_run = SHARED
            .get(index)
            .ok_or("more faults than there is room for")?;
        let fault_run =
            fault_run.get_or_init(|| Self::run(index, fault, Extent::Judged, gate::OWN));
        fault_run.as_ref().map_err(Clone::clone)
    }

    pub(crate) fn seen(&self) -> Extents {
        let mut broken: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for case in &self.cases {
            for clause in &case.broken {
                let scenarios = broken.entry(*clause).or_default();
                scenarios.insert(case.scenario.id.as_str());
            }
        }
        let seen = || self.cases.iter().filter(|case| case.is_seen());
        Extents {
            cases: seen().count(),
            scenarios: seen().map(|case| case.scenario.id.as_str()).collect(),
            broken,
        }
    }
}

impl Case {
    fn of(right: &'static right::Case, trace: &Trace, views: &[View]) -> Result<Self, String> {
        Ok(Self {
            scenario: right.scenario,
            variant: right.variant,
            seen: Seen::of(&right.trace, trace),
            broken: right.broken_by(trace),
            // Only bugs are judged in views.
            triaged: if views.is_empty() {
                None
            } else {
                clusters::triaged(right, trace)?
            },
            detected: Detected::of(right, trace, views)?,
        })
    }

    /// Whether the fault has a visible effect.
    pub(crate) fn is_seen(&self) -> bool {
        !matches!(self.seen, Seen::Same) || !self.broken.is_empty()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.scenario.id, self.variant)
    }
}

/// The cases in which the library has this role, and those that exist only in the other role.
fn in_one_role(cases: &[&'static right::Case], role: Role) -> Vec<&'static right::Case> {
    let is_wanted = |case: &&&'static right::Case| {
        let twin = Variant {
            role,
            ..case.variant
        };
        case.variant == twin || !cases.iter().any(|other| other.variant == twin)
    };
    cases.iter().filter(is_wanted).copied().collect()
}

/// Runs the fault at `index` in the table and passes each trace to `look`.
pub(crate) fn each_case<R>(
    index: usize,
    fault: &Fault,
    extent: Extent,
    look: impl Fn(&'static right::Case, Trace) -> Result<R, String>,
) -> Result<Vec<R>, String> {
    let right = Right::get()?;
    let launcher = LAUNCHERS.as_ref().map_err(Clone::clone)?.join(&fault.name);
    let workers = Isolation::Workers {
        program: launcher,
        limits: LIMITS,
    };
    let workers = workers.load(&object::source());
    let workers = workers.map_err(|error| error.to_string())?;
    let wanted = |case: &&right::Case| extent == Extent::Everything || case.reaches(index);
    let wanted: Vec<_> = right.cases.iter().filter(wanted).collect();
    let mut looked = Vec::with_capacity(wanted.len());
    let scenarios = wanted.chunk_by(|one, next| one.scenario.id == next.scenario.id);
    let roles = [Role::Client, Role::Server].into_iter().cycle();
    for (number, (of_scenario, role)) in scenarios.zip(roles).enumerate() {
        let of_role = match (fault.kind, extent) {
            (Kind::Harmless, Extent::Judged) => in_one_role(of_scenario, role),
            (_, Extent::Sample) => vec![of_scenario[number % of_scenario.len()]],
            _ => of_scenario.to_vec(),
        };
        let ran = at_once(workers.as_ref(), &of_role)?;
        for (case, ran) in of_role.into_iter().zip(ran) {
            looked.push(look(case, ran.trace)?);
        }
    }
    Ok(looked)
}

/// Runs cases of one scenario in one request.
fn at_once(workers: &dyn Target, cases: &[&right::Case]) -> Result<Vec<RunOutcome>, String> {
    let Some(first) = cases.first() else {
        return Ok(Vec::new());
    };
    let variants: Vec<Variant> = cases.iter().map(|case| case.variant).collect();
    let ran = workers.run_all(first.scenario, &variants);
    ran.map_err(|error| format!("{}: {error}", first.scenario.id))
}

/// A folder with a launcher per fault: the command with that fault. All are written before the
/// first is started, because a program that is open for writing cannot be executed.
static LAUNCHERS: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let error_of = |path: &Path| {
        let path = path.display().to_string();
        move |error| format!("{path}: {error}")
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("seeded");
    fs::create_dir_all(&folder).map_err(error_of(&folder))?;
    // Other processes may do the same now; they write the same content.
    let new = tempfile::tempdir_in(&folder)
        .map_err(error_of(&folder))?
        .keep();
    for fault in faults().map_err(|error| error.to_string())? {
        let path = new.join(&fault.name);
        let text = format!(
            "#!/bin/sh\n{VARIABLE}={} exec '{PROGRAM}' \"$@\"\n",
            fault.name
        );
        fs::write(&path, text).map_err(error_of(&path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(error_of(&path))?;
    }
    Ok(new)
});

/// The names of all faults that the object has, as it lists them when asked for an unknown one.
pub(crate) fn known_to_the_object() -> Result<Vec<String>, String> {
    let output = Command::new(PROGRAM)
        .args([
            "check",
            "--in-process",
            "--libssl",
            writeproof_faulty::LIBSSL,
        ])
        .env(VARIABLE, NO_FAULT)
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let (before, names) = said
        .split_once("there are:\n")
        .ok_or_else(|| format!("{}: {said}", output.status))?;
    if before.contains(NO_FAULT) && !output.status.success() {
        Ok(names.lines().map(str::to_owned).collect())
    } else {
        Err(said.into_owned())
    }
}
