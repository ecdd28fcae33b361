//! The clusters of a report: the unexpected cases, those with the same fault together.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::contract::{Contract, Severity, Strength};
use crate::judge::Kind;
use crate::judge::cluster::{Misuse, Root, Signature};
use crate::run::CaseResult;
use crate::trace::digest_of;

/// Cases that show the same fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Words and a part of a hash; the same in every run.
    pub id: String,
    /// The consequence for a user; none for a difference that breaks no clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) severity: Option<Severity>,
    /// How strongly the clause is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) strength: Option<Strength>,
    /// What its cases have in common.
    #[serde(flatten)]
    pub(crate) signature: Signature,
    /// The clause in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// What the caller did wrong in each of the cases; none if a correct caller meets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) misuse: Option<Misuse>,
    /// How many cases each library has in it.
    pub(crate) libraries: BTreeMap<String, usize>,
    /// How many scenarios.
    pub(crate) scenarios: usize,
    /// The smallest scenario that shows it.
    pub(crate) example: Example,
    /// Clauses that are broken in the same event or later, and the number of the cases.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) also: BTreeMap<String, usize>,
    /// The id of a cluster with the same clause and observation, a part of this trigger, and at
    /// least twice as many cases: what is special about this one probably does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// A hash of the cases, the steps and what was observed in each: it changes when the behaviour
    /// in one of the cases does.
    pub(crate) digest: String,
}

/// A case that shows a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Example {
    pub(crate) scenario: String,
    pub(crate) variant: String,
    pub(crate) backend: String,
    /// The step, counted from 1.
    pub(crate) step: usize,
    pub(crate) action: String,
    pub(crate) expected: String,
    pub(crate) seen: String,
    /// The command that shows it.
    pub(crate) command: String,
}

impl Example {
    /// Whether it is this case.
    pub(crate) fn is(&self, result: &CaseResult) -> bool {
        result.scenario.as_str() == self.scenario
            && result.variant.to_string() == self.variant
            && result.backend == self.backend
    }
}

impl Cluster {
    /// How many cases there are.
    pub fn cases(&self) -> usize {
        self.libraries.values().sum()
    }

    /// The broken clause, if there is one.
    pub fn clause(&self) -> Option<&str> {
        self.signature.clause.as_deref()
    }

    /// Whether a clause is broken, or the library crashed, hung or was stopped.
    pub fn is_wrong(&self) -> bool {
        self.signature.kind != Kind::Difference
    }

    /// What breaks the contract comes first, the most severe first; then what a correct caller
    /// meets; then what most cases show.
    fn rank(&self) -> impl Ord + use<> {
        (
            !self.is_wrong(),
            self.severity,
            self.misuse,
            Reverse(self.cases()),
            self.id.clone(),
        )
    }
}

/// How many times as many cases a general cluster has at least.
const MANY_MORE: usize = 2;

/// The clusters of these results, the worst first. `command` returns the command that shows a
/// result.
pub fn clusters(
    results: &[CaseResult],
    contract: &Contract,
    command: &dyn Fn(&CaseResult) -> String,
) -> Vec<Cluster> {
    let mut members: BTreeMap<&Signature, Vec<(&CaseResult, &Root)>> = BTreeMap::new();
    for result in results {
        if let Some(root) = &result.root {
            members
                .entry(&root.signature)
                .or_default()
                .push((result, root));
        }
    }
    let mut clusters: Vec<Cluster> = members
        .into_iter()
        .map(|(signature, members)| cluster(signature, &members, contract, command))
        .collect();
    let like: Vec<Option<String>> = clusters
        .iter()
        .map(|cluster| more_general(cluster, &clusters))
        .collect();
    for (cluster, like) in clusters.iter_mut().zip(like) {
        cluster.like = like;
    }
    clusters.sort_by_cached_key(Cluster::rank);
    clusters
}

/// The most general of the clusters that this one is probably a special form of.
fn more_general(cluster: &Cluster, clusters: &[Cluster]) -> Option<String> {
    let Signature {
        kind,
        clause,
        symptom,
        trigger,
    } = &cluster.signature;
    let is_general = |other: &&Cluster| {
        let of = &other.signature;
        (of.kind, &of.clause, &of.symptom) == (*kind, clause, symptom)
            && of.trigger.len() < trigger.len()
            && of.trigger.iter().all(|word| trigger.contains(word))
            && other.cases() >= MANY_MORE * cluster.cases()
    };
    let general = clusters.iter().filter(is_general);
    let least = general.min_by_key(|other| (other.signature.trigger.len(), other.id.clone()));
    least.map(|other| other.id.clone())
}

fn cluster(
    signature: &Signature,
    members: &[(&CaseResult, &Root)],
    contract: &Contract,
    command: &dyn Fn(&CaseResult) -> String,
) -> Cluster {
    // A correct caller before a wrong one, then the smallest scenario.
    let rank = |(result, root): &&(&CaseResult, &Root)| {
        let size = (result.steps, result.scenario.to_string(), result.variant);
        (root.misuse, size, result.backend.clone())
    };
    let (result, root) = members
        .iter()
        .min_by_key(rank)
        .expect("a cluster has a member");
    let clause = signature.clause.as_deref().and_then(|id| contract.get(id));
    let mut libraries = BTreeMap::new();
    let mut also = BTreeMap::new();
    for (result, root) in members {
        *libraries.entry(result.backend.clone()).or_default() += 1;
        for clause in &root.also {
            *also.entry(clause.clone()).or_default() += 1;
        }
    }
    let scenarios: BTreeSet<_> = members.iter().map(|(result, _)| &result.scenario).collect();
    let observed: Vec<_> = members
        .iter()
        .map(|(result, _)| {
            let (scenario, variant) = (result.scenario.to_string(), result.variant.to_string());
            (scenario, variant, result.trace.digest())
        })
        .collect();
    Cluster {
        id: root.id.clone(),
        severity: root.severity,
        strength: clause.map(|clause| clause.strength),
        signature: signature.clone(),
        rule: clause.map(|clause| clause.statement.clone()),
        misuse: root.misuse,
        libraries,
        scenarios: scenarios.len(),
        example: Example {
            scenario: result.scenario.to_string(),
            variant: result.variant.to_string(),
            backend: result.backend.clone(),
            step: root.step,
            action: root.action.clone(),
            expected: root.expected.clone(),
            seen: root.seen.clone(),
            command: command(result),
        },
        also,
        like: None,
        digest: digest_of(&observed),
    }
}
