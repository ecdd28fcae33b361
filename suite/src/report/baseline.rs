//! A baseline: the clusters of a library that its maintainers have accepted, without an explanation.
//! What is new fails; so does an accepted cluster whose cases behave otherwise than when it was
//! accepted.
//!
//! A line for each cluster, sorted, so that git merges two versions: its id, the digest of its
//! cases, and words for the reader.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::clusters::Cluster;
use super::layout::count;

/// The accepted clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    /// The digest of each, by its id.
    accepted: BTreeMap<String, String>,
}

/// A line of a baseline that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{line}: {what}: {help}")]
pub struct BaselineError {
    path: String,
    /// Counted from 1.
    line: usize,
    what: String,
    help: &'static str,
}

/// The clusters of a report, compared with a baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Those that are not in it, or behave otherwise.
    #[serde(skip)]
    pub left: Vec<Cluster>,
    /// The ids of those that are in it and behave otherwise.
    pub changed: Vec<String>,
    /// The ids of those that are in it and behave alike.
    pub(crate) accepted: BTreeSet<String>,
    /// How many cases these have.
    pub(crate) accepted_cases: usize,
    /// The ids in it that no longer occur.
    pub gone: Vec<String>,
}

/// Begins a line that is not read.
const COMMENT: char = '#';

impl Baseline {
    /// Reads the `text` of a file; messages call it `path`.
    ///
    /// # Errors
    /// The first line that is not an id and a digest, or that repeats an id.
    pub fn read(path: &str, text: &str) -> Result<Self, BaselineError> {
        let mut accepted = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let fault = |what: String, help| BaselineError {
                path: path.to_owned(),
                line: index + 1,
                what,
                help,
            };
            let mut words = line.split_whitespace();
            let Some(id) = words.next().filter(|id| !id.starts_with(COMMENT)) else {
                continue;
            };
            let is_digest = |word: &&str| {
                word.len() == DIGEST && word.bytes().all(|byte| byte.is_ascii_hexdigit())
            };
            let Some(digest) = words.next().filter(is_digest) else {
                return Err(fault(
                    format!("no digest follows {id:?}"),
                    "write the file again with --update-baseline",
                ));
            };
            if accepted.insert(id.to_owned(), digest.to_owned()).is_some() {
                return Err(fault(
                    format!("{id} stands in the file twice"),
                    "keep the line of the newer version, or use --update-baseline",
                ));
            }
        }
        Ok(Self { accepted })
    }

    /// Compares clusters with it.
    pub fn compare(&self, clusters: Vec<Cluster>) -> Compared {
        let mut compared = Compared::default();
        let mut gone = self.accepted.clone();
        for cluster in clusters {
            match gone.remove(&cluster.id) {
                Some(digest) if digest == short(&cluster.digest) => {
                    compared.accepted_cases += cluster.cases();
                    compared.accepted.insert(cluster.id);
                }
                Some(_) => {
                    compared.changed.push(cluster.id.clone());
                    compared.left.push(cluster);
                }
                None => compared.left.push(cluster),
            }
        }
        compared.gone = gone.into_keys().collect();
        compared
    }
}

/// The hexadecimal digits of a digest in a file.
const DIGEST: usize = 16;

fn short(digest: &str) -> &str {
    digest.get(..DIGEST).unwrap_or(digest)
}

/// The text of a baseline with these clusters.
pub fn text(clusters: &[Cluster]) -> String {
    let mut lines: Vec<String> = clusters
        .iter()
        .map(|cluster| {
            let what = match (&cluster.signature.clause, cluster.severity) {
                (Some(clause), Some(severity)) => format!("{}, {clause}", severity.as_str()),
                _ => cluster.signature.kind.as_str().to_owned(),
            };
            let cases = count(cluster.cases(), "case");
            format!(
                "{} {} {what}, {cases}\n",
                cluster.id,
                short(&cluster.digest)
            )
        })
        .collect();
    lines.sort();
    format!(
        "{COMMENT} Accepted by `writeproof {}`: a line for each cluster, its id, a digest of its cases, and a note.\n{}",
        env!("CARGO_PKG_VERSION"),
        lines.concat()
    )
}

/// What the baseline accepts and what is gone, in at most two lines.
impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The most ids in a line.
        const NAMED: usize = 3;
        let named = |ids: &[String]| {
            let more = match ids.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            format!("{}{more}", ids[..ids.len().min(NAMED)].join(", "))
        };
        if !self.accepted.is_empty() {
            writeln!(
                f,
                "Accepted by the baseline: {} in {}",
                count(self.accepted.len(), "cluster"),
                count(self.accepted_cases, "case")
            )?;
        }
        if !self.changed.is_empty() {
            writeln!(f, "Changed since the baseline: {}", named(&self.changed))?;
        }
        if !self.gone.is_empty() {
            writeln!(
                f,
                "Gone since the baseline: {}; --update-baseline removes them",
                named(&self.gone)
            )?;
        }
        Ok(())
    }
}
