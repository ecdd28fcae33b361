//! Which entries are out of date: in flow the findings of a run; out flow the entries whose difference did not come.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Entry, Expected, Keeper, Ledger};
use crate::judge::finding::Finding;
use crate::scenario::{Corpus, Id, Pattern, Variant};

/// An entry whose finding does not come: it is out of date, or was never right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// The library that it speaks of.
    pub library: String,
    /// The file and the line of the entry.
    pub place: String,
    /// What it expects.
    pub expected: String,
    /// The pattern of scenarios in which that does not come.
    pub scenarios: String,
    /// Why it is out of date.
    pub why: String,
}

/// What a library was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The suite's reference, of which the ledger speaks.
    Reference,
    /// Another library.
    Another,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            expected,
            scenarios,
            why,
            ..
        } = self;
        write!(f, "{place}: {expected}: {scenarios} {why}")
    }
}

impl Ledger {
    /// The entries on this library, in this version, whose finding does not come, by what was found in the
    /// cases that were run. Of an entry some of whose cases were not run nothing can be said, nor of a
    /// difference from the reference if the library was compared `with` another one.
    pub fn stale(
        &self,
        with: Compared,
        corpus: &Corpus,
        library: &str,
        version: &str,
        ran: &BTreeMap<(&Id, Variant), &[Finding]>,
    ) -> Vec<Stale> {
        let mut stale = Vec::new();
        let says = |entry: &&Entry| {
            let differs = matches!(entry.finding, Expected::Differs(_));
            entry.is_of_version(version) && (with == Compared::Reference || !differs)
        };
        for entry in self.of(library).iter().filter(says) {
            for pattern in &entry.scenarios {
                let why = entry.why_stale(pattern, corpus, ran);
                stale.extend(why.map(|why| Stale {
                    library: library.to_owned(),
                    place: entry.location.to_string(),
                    expected: entry.finding.words(),
                    scenarios: pattern.as_str().to_owned(),
                    why: why.to_owned(),
                }));
            }
        }
        stale
    }
}

impl Entry {
    fn why_stale(
        &self,
        pattern: &Pattern,
        corpus: &Corpus,
        ran: &BTreeMap<(&Id, Variant), &[Finding]>,
    ) -> Option<&'static str> {
        let meant = corpus.scenarios().iter();
        let meant: Vec<_> = meant
            .filter(|scenario| pattern.matches(&scenario.id))
            .flat_map(|scenario| {
                let variants = self.variants_of(scenario).into_iter();
                variants.map(|variant| (&scenario.id, variant))
            })
            .collect();
        if meant.is_empty() {
            // A user's entry may speak of a scenario file.
            return (self.keeper == Keeper::Suite).then_some("is no case of the library");
        }
        let findings: Option<Vec<_>> = meant.iter().map(|case| ran.get(case)).collect();
        let comes = findings?
            .into_iter()
            .any(|findings| findings.iter().any(|found| self.expects(found)));
        (!comes).then_some("does not show it")
    }
}
