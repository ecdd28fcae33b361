//! Counts what the ledger mutes: the findings that each of its entries explains, and the cases in
//! which it does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::finding::Finding;
use super::ledger::Location;

/// The counts of each ledger entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Muted(BTreeMap<Location, Count>);

/// The counts of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Count {
    /// Findings that it explains.
    pub(crate) findings: usize,
    /// Cases, each on one library, with at least one of these findings.
    pub(crate) cases: usize,
}

/// An entry and its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MutedRow<'a> {
    /// The location of the entry.
    pub(crate) entry: &'a Location,
    /// Its counts.
    #[serde(flatten)]
    pub(crate) count: Count,
}

impl Muted {
    /// The most entries that a line of text names.
    const NAMED: usize = 3;

    /// Counts cases, each given by the findings of one library in it.
    pub(crate) fn of<'f>(cases: impl IntoIterator<Item = &'f [Finding]>) -> Self {
        let mut muted = Self::default();
        for findings in cases {
            muted.add(findings);
        }
        muted
    }

    /// Counts one more case, given by the findings of one library in it.
    pub(crate) fn add(&mut self, findings: &[Finding]) {
        let mut entries = BTreeSet::new();
        for known in findings.iter().filter_map(|finding| finding.known.as_ref()) {
            // Cloned only when inserted: a fuzz target does this millions of times.
            let count = match self.0.get_mut(&known.entry) {
                Some(count) => count,
                None => self.0.entry(known.entry.clone()).or_default(),
            };
            count.findings += 1;
            count.cases += usize::from(entries.insert(&known.entry));
        }
    }

    /// Adds the counts of another instance.
    pub(crate) fn append(&mut self, other: Self) {
        for (entry, more) in other.0 {
            let count = self.0.entry(entry).or_default();
            count.findings += more.findings;
            count.cases += more.cases;
        }
    }

    /// All entries with findings: most findings first, equal counts by location.
    pub fn rows(&self) -> Vec<MutedRow<'_>> {
        let rows = self.0.iter();
        let mut rows: Vec<_> = rows
            .map(|(entry, &count)| MutedRow { entry, count })
            .collect();
        rows.sort_by_key(|row| Reverse(row.count.findings));
        rows
    }

    /// Whether there are no counts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Muted {
    /// In one line: how many findings, by how many known issues, and the issues that explain most.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let findings: usize = rows.iter().map(|row| row.count.findings).sum();
        let plural = |number: usize, one, more| if number == 1 { one } else { more };
        write!(
            f,
            "{findings} {} explained by {} known {}",
            plural(findings, "finding", "findings"),
            rows.len(),
            plural(rows.len(), "issue", "issues")
        )?;
        for (place, row) in rows.iter().take(Self::NAMED).enumerate() {
            let before = if place == 0 { ": " } else { ", " };
            write!(f, "{before}{} ({})", row.entry, row.count.findings)?;
        }
        if rows.len() > Self::NAMED {
            write!(f, ", …")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Class, Kind, Known};
    use super::*;

    fn location(line: usize) -> Location {
        Location {
            file: "x.toml".to_owned(),
            line,
        }
    }

    /// A finding that the entry in this line explains, if given.
    fn finding(line: Option<usize>) -> Finding {
        let known = line.map(|line| Known {
            class: Class::Bug,
            reason: String::new(),
            link: String::new(),
            entry: location(line),
            causes: Vec::new(),
        });
        Finding {
            kind: Kind::Violation,
            clause: None,
            severity: None,
            event: 0,
            step: 1,
            action: String::new(),
            expected: String::new(),
            seen: String::new(),
            observed: None,
            differences: Vec::new(),
            case_differences: Vec::new(),
            known,
        }
    }

    fn counted(cases: &[&[Option<usize>]]) -> Muted {
        let findings = |lines: &&[Option<usize>]| lines.iter().map(|line| finding(*line)).collect();
        let cases: Vec<Vec<Finding>> = cases.iter().map(findings).collect();
        Muted::of(cases.iter().map(Vec::as_slice))
    }

    #[test]
    fn findings_and_cases_are_counted_separately() {
        let muted = counted(&[&[Some(2), Some(2), Some(9), None], &[Some(2)], &[None]]);
        let rows = muted.rows().into_iter();
        let counts: Vec<_> = rows.map(|row| (row.entry.clone(), row.count)).collect();
        let count = |line, findings, cases| (location(line), Count { findings, cases });
        assert_eq!(counts, [count(2, 3, 2), count(9, 1, 1)]);
    }

    #[test]
    fn entry_that_explains_most_comes_first() {
        let muted = counted(&[&[Some(1), Some(7), Some(7), Some(3)]]);
        let lines: Vec<usize> = muted.rows().iter().map(|row| row.entry.line).collect();
        assert_eq!(lines, [7, 1, 3]);
    }

    #[test]
    fn line_of_text_names_the_first_entries() {
        let one = counted(&[&[Some(4)]]);
        assert_eq!(
            one.to_string(),
            "1 finding explained by 1 known issue: x.toml:4 (1)"
        );
        let many = counted(&[&[Some(1), Some(2), Some(3), Some(4), Some(4)]]);
        assert_eq!(
            many.to_string(),
            "5 findings explained by 4 known issues: x.toml:4 (2), x.toml:1 (1), x.toml:2 (1), …"
        );
    }

    #[test]
    fn separate_counts_add_up() {
        let (first, second) = (counted(&[&[Some(1)]]), counted(&[&[Some(1), Some(2)]]));
        let mut both = first;
        both.append(second);
        assert_eq!(both, counted(&[&[Some(1)], &[Some(1), Some(2)]]));
    }
}
