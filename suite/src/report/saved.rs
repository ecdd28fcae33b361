//! A saved report: reads what `--format json` wrote, so that other formats can be made from it.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::baseline::Compared;
use super::clusters::Cluster;
use super::json::SCHEMA;
use super::{Checked, JudgedAs, Report};
use crate::backend::libssl::Loaded;
use crate::backend::{About, Unusable};
use crate::contract::Contract;
use crate::judge::cluster::Root;
use crate::judge::{Finding, Recorded, Stale, Verdict};
use crate::run::CaseResult;
use crate::scenario::{Id, Origin, Variant};
use crate::self_check::{Check, Obstacle};
use crate::target::Printed;
use crate::trace::Trace;

/// Why a file is no saved report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SavedError {
    /// It is not the JSON of a report.
    #[error("not a report in JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It has another version of the format.
    #[error(
        "schema {0}, and this program reads schema {SCHEMA}: make the report again with this program"
    )]
    Schema(u32),
    /// A case has an impossible value.
    #[error("{0:?} is no variant")]
    Variant(String),
}

/// A report without its traces.
#[derive(Debug, Deserialize)]
pub(crate) struct SavedReport {
    reference: String,
    backends: Vec<About>,
    #[serde(default)]
    missing: Vec<Unusable>,
    #[serde(default)]
    checked: Vec<SavedLibrary>,
    cases: Vec<SavedCase>,
    #[serde(default)]
    clusters: Vec<Cluster>,
    #[serde(default)]
    baseline: Option<Compared>,
    #[serde(default)]
    stale: Vec<Stale>,
    summary: SavedSummary,
}

/// What stands in every version of the format.
#[derive(Debug, Deserialize)]
struct Version {
    schema: u32,
}

#[derive(Debug, Deserialize)]
struct SavedSummary {
    duration_ms: u64,
}

#[derive(Debug, Deserialize)]
struct SavedLibrary {
    id: String,
    loaded: Loaded,
    judged_as: JudgedAs,
    unconfined: Vec<String>,
    #[serde(default)]
    printed: Printed,
    #[serde(default)]
    checks: Vec<Check>,
    #[serde(default)]
    no_handshake: Vec<Obstacle>,
}

#[derive(Debug, Deserialize)]
struct SavedCase {
    scenario: Id,
    variant: String,
    backend: String,
    verdict: VerdictWord,
    #[serde(default)]
    reason: String,
    recorded: RecordedWord,
    #[serde(default)]
    file: Option<PathBuf>,
    #[serde(default)]
    cluster: Option<String>,
    #[serde(default)]
    findings: Vec<Finding>,
    #[serde(default)]
    normalised: usize,
    #[serde(default)]
    printed: Printed,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum VerdictWord {
    Conforms,
    Violates,
    Differs,
    NotApplicable,
    Crashed,
    Hung,
    Stopped,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RecordedWord {
    AsRecorded,
    Changed,
    Never,
    #[serde(rename = "stranger")]
    Untracked,
}

impl SavedReport {
    /// Reads the text of a report.
    ///
    /// # Errors
    /// [`SavedError`], if it is not a report of this version.
    pub(crate) fn read(text: &str) -> Result<Self, SavedError> {
        let Version { schema } = serde_json::from_str(text)?;
        if schema == SCHEMA {
            Ok(serde_json::from_str(text)?)
        } else {
            Err(SavedError::Schema(schema))
        }
    }

    /// How long the run took.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_millis(self.summary.duration_ms)
    }

    /// The results, without traces and differences.
    ///
    /// # Errors
    /// [`SavedError::Variant`].
    pub(crate) fn results(&self) -> Result<Vec<CaseResult>, SavedError> {
        self.cases.iter().map(|case| self.result(case)).collect()
    }

    fn result(&self, case: &SavedCase) -> Result<CaseResult, SavedError> {
        let variant = Variant::parse(&case.variant)
            .ok_or_else(|| SavedError::Variant(case.variant.clone()))?;
        let reason = || case.reason.clone();
        Ok(CaseResult {
            scenario: case.scenario.clone(),
            variant,
            backend: case.backend.clone(),
            trace: Trace::default(),
            printed: case.printed.clone(),
            verdict: match case.verdict {
                VerdictWord::Conforms => Verdict::Conforms,
                VerdictWord::Violates => Verdict::Violates,
                VerdictWord::Differs => Verdict::Differs,
                VerdictWord::NotApplicable => Verdict::NotApplicable(reason()),
                VerdictWord::Crashed => Verdict::Crashed(reason()),
                VerdictWord::Hung => Verdict::Hung(reason()),
                VerdictWord::Stopped => Verdict::Stopped(reason()),
            },
            root: self.root(case),
            steps: 0,
            findings: case.findings.clone(),
            more: Vec::new(),
            differences: Vec::new(),
            normalised: case.normalised,
            exercised: Vec::new(),
            recorded: match case.recorded {
                RecordedWord::AsRecorded => Recorded::Unchanged,
                RecordedWord::Changed => Recorded::Changed,
                RecordedWord::Never => Recorded::Never,
                RecordedWord::Untracked => Recorded::Untracked,
            },
            origin: match &case.file {
                Some(path) => Origin::File(path.clone()),
                None => Origin::Library,
            },
        })
    }

    /// The first unexpected event of a case.
    fn root(&self, case: &SavedCase) -> Option<Root> {
        let id = case.cluster.as_ref()?;
        let cluster = self.clusters.iter().find(|cluster| cluster.id == *id);
        let signature = cluster.map(|cluster| cluster.signature.clone());
        let is_root = |finding: &&Finding| {
            let clause = signature.as_ref().map(|signature| &signature.clause);
            finding.known.is_none() && clause.is_none_or(|clause| *clause == finding.clause)
        };
        let finding = case.findings.iter().find(is_root)?;
        Some(Root {
            id: id.clone(),
            signature: signature.unwrap_or_else(|| crate::judge::cluster::Signature {
                kind: finding.kind,
                clause: finding.clause.clone(),
                symptom: String::new(),
                trigger: Vec::new(),
            }),
            severity: finding.severity,
            misuse: cluster.and_then(|cluster| cluster.misuse),
            step: finding.step,
            action: finding.action.clone(),
            expected: finding.expected.clone(),
            seen: finding.seen.clone(),
            also: Vec::new(),
        })
    }

    /// The report on these results, which are its own.
    pub(crate) fn report<'a>(
        &'a self,
        contract: &'a Contract,
        results: &'a [CaseResult],
    ) -> Report<'a> {
        let checked = self.checked.iter().map(|library| Checked {
            id: &library.id,
            loaded: &library.loaded,
            judged_as: &library.judged_as,
            unconfined: &library.unconfined,
            printed: library.printed.clone(),
            checks: library.checks.clone(),
            no_handshake: library.no_handshake.clone(),
        });
        Report {
            stale: self.stale.clone(),
            clusters: self.clusters.clone(),
            compared: self.baseline.clone(),
            missing: &self.missing,
            checked: checked.collect(),
            ..Report::new(
                self.backends.iter().collect(),
                &self.reference,
                contract,
                results,
            )
        }
    }
}
