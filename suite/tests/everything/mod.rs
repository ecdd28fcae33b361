//! The arguments for the whole report instead of the first screen.

/// The arguments, with `--verbose` for a report.
pub(crate) fn with_everything<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    match arguments {
        [report @ ("run" | "check" | "diff"), rest @ ..] => {
            [&[*report, "--verbose"], rest].concat()
        }
        others => others.to_vec(),
    }
}
