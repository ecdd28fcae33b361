//! The built-in contract is complete, and every reference to a clause names an existing one.

use std::collections::BTreeSet;

use writeproof::internal::backend::{Backends, REFERENCE};
use writeproof::internal::contract::{Binds, Contract, Strength};
use writeproof::internal::judge::monitor::{monitors, watch};
use writeproof::internal::runner;
use writeproof::internal::scenario::{Corpus, TransportKind};

fn contract() -> Contract {
    Contract::built_in().expect("fixtures/contract is valid")
}

/// A scenario may also name a clause that no trace can show: it can cover what the contract leaves
/// open.
#[test]
fn clauses_named_by_scenarios_exist() {
    let contract = contract();
    let corpus = Corpus::built_in().expect("the built-in fixtures are valid");
    for scenario in corpus.scenarios() {
        for id in &scenario.clauses {
            assert!(
                contract.get(id).is_some(),
                "{} names {id}, which is no clause",
                scenario.id
            );
        }
    }
}

/// The number of observable clauses that bind each kind of library. A clause that is removed or
/// declared unobservable falls below the floor.
const FLOORS: [(Binds, usize); 2] = [(Binds::Libssl, 50), (Binds::All, 39)];

/// A number this far above its floor requires a higher floor.
const SLACK: usize = 5;

#[test]
fn observable_clauses_of_each_kind_stay_at_their_floor() {
    let contract = contract();
    for (kind, floor) in FLOORS {
        let clauses = contract.observable().filter(|clause| clause.binds == kind);
        let count = clauses.count();
        let kind = kind.as_str();
        assert!(
            count >= floor,
            "{count} observable clauses bind {kind}, less than {floor}"
        );
        assert!(
            count < floor + SLACK,
            "{count} observable clauses bind {kind}: raise the floor of {floor}"
        );
    }
    assert_eq!(
        FLOORS.map(|(kind, _)| kind),
        Binds::ALL,
        "a kind of library has no floor"
    );
}

#[test]
fn statements_are_sentences_and_unique() {
    let contract = contract();
    let mut said = BTreeSet::new();
    for clause in contract.clauses() {
        let statement = &clause.statement;
        assert!(statement.ends_with('.'), "{}: {statement}", clause.id);
        assert!(
            statement.len() <= 300,
            "{}: the statement has over 300 bytes",
            clause.id
        );
        assert!(
            said.insert(statement),
            "{}: the statement is not unique",
            clause.id
        );
    }
}

#[test]
fn clauses_with_a_severity_are_required_or_recommended() {
    for clause in contract().observable() {
        let strength = clause.strength;
        let binding = matches!(strength, Strength::Must | Strength::Should);
        assert!(binding, "{}: {}", clause.id, strength.as_str());
        assert!(
            clause.until.is_none() || clause.until > clause.since,
            "{}",
            clause.id
        );
    }
}

/// Each observable clause has one monitor, and each monitor has a clause that it can report, for
/// the same libraries.
#[test]
fn observable_clause_has_exactly_one_monitor() {
    let contract = contract();
    let watched: Vec<_> = monitors()
        .map(|monitor| (monitor.clause, monitor.binds))
        .collect();
    for clause in contract.observable() {
        let binds: Vec<_> = watched
            .iter()
            .filter(|(id, _)| *id == clause.id)
            .map(|(_, binds)| *binds)
            .collect();
        assert_eq!(binds, [clause.binds], "{}", clause.id);
    }
    let observable: BTreeSet<_> = contract
        .observable()
        .map(|clause| clause.id.as_str())
        .collect();
    for (id, _) in watched {
        assert!(
            observable.contains(id),
            "{id} has a monitor but is no observable clause"
        );
    }
}

/// The kinds of BIO that a clause speaks of. A memory BIO and a buffering BIO take everything, or
/// as much as the next BIO takes; a blocking BIO never needs a retry.
const KINDS: [(&str, &[TransportKind]); 5] = [
    (
        "bio.blocking-returns-when-done",
        &[TransportKind::Blocking, TransportKind::BlockingSocket],
    ),
    (
        "would-block.want-write",
        &[
            TransportKind::Scripted,
            TransportKind::BioPair,
            TransportKind::BufferingBio,
            TransportKind::Socket,
        ],
    ),
    (
        "would-block.want-read",
        &[
            TransportKind::Scripted,
            TransportKind::MemoryBio,
            TransportKind::BioPair,
            TransportKind::BufferingBio,
            TransportKind::Socket,
        ],
    ),
    (
        "retry.same-arguments",
        &[
            TransportKind::Scripted,
            TransportKind::MemoryBio,
            TransportKind::BioPair,
            TransportKind::BufferingBio,
            TransportKind::Socket,
        ],
    ),
    ("handshake.transparent", &TransportKind::ALL),
];

/// The reference alone exercises every observable clause, in cases that keep or break it. A clause
/// that speaks of BIOs is exercised over each kind that it speaks of.
#[test]
fn observable_clause_is_exercised_by_the_scenarios() {
    let contract = contract();
    let corpus = Corpus::built_in().expect("the built-in fixtures are valid");
    let reference = Backends::open(REFERENCE)
        .expect("a known backend")
        .expect("the backend is linked");
    let mut exercised: BTreeSet<(&str, &str)> = BTreeSet::new();
    for scenario in corpus.scenarios() {
        for variant in scenario.variants() {
            let trace = runner::run(&*reference, scenario, variant).expect("the runner works");
            let over = variant.transport.as_str();
            let clauses = watch(&trace).into_iter();
            exercised.extend(clauses.map(|(clause, _)| (clause, over)));
        }
    }
    let at_all: BTreeSet<&str> = exercised.iter().map(|(clause, _)| *clause).collect();
    let never: Vec<_> = contract
        .observable()
        .filter(|clause| !at_all.contains(clause.id.as_str()))
        .map(|clause| &clause.id)
        .collect();
    assert!(never.is_empty(), "no scenario exercises {never:?}");
    let missing: Vec<_> = KINDS
        .iter()
        .flat_map(|(clause, kinds)| kinds.iter().map(move |kind| (*clause, kind.as_str())))
        .filter(|pair| !exercised.contains(pair))
        .collect();
    assert!(missing.is_empty(), "no scenario exercises {missing:?}");
}
