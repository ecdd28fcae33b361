//! The known issues by cause: the witnesses of each show all of it, and leaving out or changing any
//! part makes a witness unexpected.
//!
//! An issue whose witnesses need an optional library is tested with that feature. Untested issues
//! are printed; with `WRITEPROOF_REQUIRE=all` they are a failure.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::{Arc, LazyLock};

use writeproof::internal::backend::{Backends, REFERENCE};
use writeproof::internal::contract::Severity;
use writeproof::internal::isolation::Isolation;
use writeproof::internal::judge::known::{Issue, KnownIssues, Scope, Variation, Witness};
use writeproof::internal::judge::{Cause, Finding, Judge};
use writeproof::internal::scenario::Corpus;
use writeproof::internal::target::Target;
use writeproof::internal::trace::Trace;
use writeproof::internal::worker::WorkerLimits;

static JUDGE: LazyLock<Judge> =
    LazyLock::new(|| Judge::built_in().expect("the built-in fixtures are valid"));

/// The traces of a witness and of the reference in the same case.
struct Shown {
    library: String,
    version: String,
    trace: Trace,
    reference: Trace,
}

/// The witnesses that can run here, each run once. Foreign libraries may crash, so they run in
/// workers.
static SHOWN: LazyLock<BTreeMap<String, Shown>> = LazyLock::new(|| {
    let corpus = Corpus::built_in().expect("the built-in fixtures are valid");
    let isolation = Isolation::Workers {
        program: env!("CARGO_BIN_EXE_writeproof").into(),
        limits: WorkerLimits::DEFAULT,
    };
    let here = Backends::here();
    let mut targets: BTreeMap<&str, Arc<dyn Target>> = BTreeMap::new();
    let reference = isolation.open(REFERENCE).expect("a known backend");
    let reference = reference.expect("the reference");
    let mut shown = BTreeMap::new();
    for witness in JUDGE
        .known
        .issues()
        .iter()
        .flat_map(|issue| &issue.witnesses)
    {
        let Some(&name) = here.iter().find(|&&name| name == witness.backend) else {
            continue;
        };
        let target = targets.entry(name).or_insert_with(|| {
            let opened = isolation.open(name).expect("a known backend");
            opened.unwrap_or_else(|error| panic!("{name}: {error}"))
        });
        let scenario = corpus
            .get(witness.scenario.as_str())
            .unwrap_or_else(|| panic!("{witness}: no such scenario"));
        let run = |target: &Arc<dyn Target>| {
            let ran = target.run(scenario, witness.variant);
            ran.unwrap_or_else(|error| panic!("{witness}: {error}"))
        };
        let ran = run(target);
        let reference = run(&reference);
        let about = target.about();
        shown.insert(
            witness.to_string(),
            Shown {
                library: about.recorded_as(),
                version: about.version.clone(),
                trace: ran.trace,
                reference: reference.trace,
            },
        );
    }
    shown
});

/// Whether all witnesses of an issue can be run here.
fn is_here(issue: &Issue) -> bool {
    issue
        .witnesses
        .iter()
        .all(|witness| SHOWN.contains_key(&witness.to_string()))
}

/// The issues that are tested here. The others are printed, and are a failure where all are
/// required.
fn tested() -> Vec<&'static Issue> {
    let (here, elsewhere): (Vec<&Issue>, Vec<&Issue>) = JUDGE
        .known
        .issues()
        .iter()
        .partition(|issue| is_here(issue));
    for issue in &elsewhere {
        println!(
            "not tested: {}, as a library of its witnesses is not built in",
            issue.id
        );
    }
    let all_required = env::var("WRITEPROOF_REQUIRE").is_ok_and(|required| required == "all");
    assert!(
        !all_required || elsewhere.is_empty(),
        "{} issues are not tested",
        elsewhere.len()
    );
    println!(
        "{} of {} known issues are tested",
        here.len(),
        JUDGE.known.issues().len()
    );
    here
}

/// For each finding of a witness, the issues and effects that explain it; empty if none does.
fn explained(known: &KnownIssues, witness: &Witness) -> Vec<Vec<Cause>> {
    let shown = &SHOWN[&witness.to_string()];
    let mut judge = Judge::of(JUDGE.contract.clone());
    judge.known = known.clone();
    let named = (&*shown.library, &*shown.version);
    let findings = judge.generated(&shown.reference, &shown.trace, named);
    let causes = |finding: Finding| finding.known.map_or_else(Vec::new, |known| known.causes);
    findings.into_iter().map(causes).collect()
}

#[test]
fn witness_shows_every_effect_of_its_issue_and_nothing_unexpected() {
    for issue in tested() {
        assert!(!issue.witnesses.is_empty(), "{}: no witness", issue.id);
        let mut shown = BTreeSet::new();
        for witness in &issue.witnesses {
            let explained = explained(&JUDGE.known, witness);
            assert!(
                !explained.contains(&Vec::new()),
                "{witness} shows something unexpected"
            );
            let own = explained.into_iter().flatten();
            let own = own.filter(|cause| cause.id == issue.id);
            let own: BTreeSet<usize> = own.map(|cause| cause.effect).collect();
            assert!(!own.is_empty(), "{witness} does not show {}", issue.id);
            shown.extend(own);
        }
        let all: BTreeSet<usize> = (0..issue.breaks.len() + issue.differs.len()).collect();
        assert_eq!(
            shown, all,
            "{}: elements of breaks, then of differs, that the witnesses show",
            issue.id
        );
    }
}

/// Asserts that every variation makes a witness of its issue unexpected. Returns the number of
/// variations.
#[track_caller]
fn each_makes_a_witness_unexpected(variations: Vec<Variation>) -> usize {
    let tested: BTreeSet<&str> = tested().iter().map(|issue| issue.id.as_str()).collect();
    let variations = variations
        .into_iter()
        .filter(|variation| tested.contains(variation.issue.as_str()));
    let mut needless = Vec::new();
    let mut count = 0;
    for variation in variations {
        count += 1;
        let issue = JUDGE
            .known
            .issues()
            .iter()
            .find(|issue| issue.id == variation.issue)
            .expect("an issue");
        let becomes_unexpected =
            |witness: &Witness| explained(&variation.known, witness).contains(&Vec::new());
        if !issue.witnesses.iter().any(becomes_unexpected) {
            needless.push(format!("{}: {}", variation.issue, variation.what));
        }
    }
    assert_eq!(
        needless, [""; 0],
        "nothing becomes unexpected without these"
    );
    count
}

#[test]
fn issue_is_needed_by_a_witness() {
    let count = each_makes_a_witness_unexpected(JUDGE.known.without_each_issue());
    println!("{count} issues left out, one at a time");
}

#[test]
fn element_of_breaks_is_needed_by_a_witness() {
    let count = each_makes_a_witness_unexpected(JUDGE.known.without_each_effect());
    println!("{count} elements left out, one at a time");
}

#[test]
fn element_of_differs_is_needed_by_a_witness() {
    let count = each_makes_a_witness_unexpected(JUDGE.known.without_each_divergence());
    println!("{count} elements left out, one at a time");
}

#[test]
fn number_is_needed_by_a_witness() {
    let count = each_makes_a_witness_unexpected(JUDGE.known.with_each_number_changed());
    println!("{count} numbers changed, one at a time");
}

#[test]
fn clauses_of_known_issues_exist_and_always_excuses_nothing_severe() {
    for issue in JUDGE.known.issues() {
        for effect in &issue.breaks {
            let clause = JUDGE
                .contract
                .get(&effect.clause)
                .unwrap_or_else(|| panic!("{}: no clause {}", issue.id, effect.clause));
            let is_severe = matches!(clause.severity, Severity::Data | Severity::Connection);
            assert!(
                !(is_severe && issue.when.is_always()),
                "{}: always explains {}",
                issue.id,
                clause.id
            );
        }
        let scopes = issue.breaks.iter().map(|effect| &effect.scope);
        for scope in scopes.chain(issue.differs.iter().map(|differs| &differs.scope)) {
            if let Scope::Later(Some(until)) = scope {
                assert!(!until.is_always(), "{}: until always", issue.id);
            }
        }
    }
}
