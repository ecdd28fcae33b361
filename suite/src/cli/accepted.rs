//! The file of clusters that the user accepts without an explanation: `check --baseline`, `diff
//! --accept`.

use std::fs;
use std::path::Path;

use super::complain_of_untested;
use super::failure::{Exit, Failure};
use super::output::{Output, write_whole};
use crate::report::Report;
use crate::report::baseline::{self, Baseline};
use crate::report::clusters::Cluster;
use crate::report::layout::count;

/// What is to be done with the clusters of a report.
pub(super) enum Accepted<'f> {
    /// All are new.
    None,
    /// Those in a file are accepted.
    These(Baseline),
    /// They are written to this file.
    Update(&'f Path),
}

impl<'f> Accepted<'f> {
    /// Reads the file, before anything runs; if it is to be written, checks that it can be.
    pub(super) fn open(path: Option<&'f Path>, update: bool) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::None);
        };
        if update {
            Output::prepare(Some(path))?;
            return Ok(Self::Update(path));
        }
        let text = fs::read_to_string(path).map_err(|source| Failure::Baseline {
            path: path.to_owned(),
            source,
        })?;
        let baseline = Baseline::read(&path.to_string_lossy(), &text)?;
        Ok(Self::These(baseline))
    }

    /// Puts the clusters that are not accepted into the report; or writes the file, and returns the
    /// exit code. The file is not written if a library could not be tested: an empty one would
    /// accept that.
    pub(super) fn apply(
        self,
        report: &mut Report<'_>,
        clusters: Vec<Cluster>,
        required: Option<u8>,
    ) -> Result<Option<Exit>, Failure> {
        match self {
            Self::None => report.clusters = clusters,
            Self::These(baseline) => {
                let compared = baseline.compare(clusters);
                report.clusters.clone_from(&compared.left);
                report.compared = Some(compared);
            }
            Self::Update(_) if !report.untested(required).is_empty() => {
                complain_of_untested(report, required);
                return Ok(Some(Exit::Backend));
            }
            Self::Update(path) => {
                write_whole(path, baseline::text(&clusters).as_bytes())?;
                let accepted = count(clusters.len(), "cluster");
                Output::Standard.write(&format!("{}: {accepted} accepted\n", path.display()))?;
                return Ok(Some(Exit::Expected));
            }
        }
        Ok(None)
    }
}
