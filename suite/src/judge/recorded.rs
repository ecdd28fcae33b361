//! What was recorded: the traces that a person has reviewed, in `snapshots/FAMILY/NAME.snap` for the
//! reference and `snapshots/FAMILY/NAME@BACKEND.snap` for another backend, there only the variants
//! that differ from the reference's, so that the folder listing is the list of divergences.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::{About, Backends, REFERENCE, SYSTEM};
use crate::scenario::{Id, Scenario, Variant};
use crate::trace::{Outcome, Trace};

/// The recorded traces of all scenarios.
#[derive(Debug, Default)]
pub struct Recordings {
    /// By file name without ending, and variant.
    traces: BTreeMap<(String, Variant), String>,
    /// The backends whose traces are recorded.
    backends: BTreeSet<String>,
    /// By the file name of a series without ending, the releases that have a recording of their own.
    releases: BTreeSet<(String, u32)>,
}

/// How a trace stands to what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is as recorded.
    AsRecorded,
    /// Another trace was recorded.
    Changed,
    /// Nothing was recorded for this case.
    Never,
    /// Nothing was ever recorded for this library: it is not one of those that belong to the suite.
    Untracked,
}

/// The recorded traces that are built into the program: (file below `snapshots/` without its ending,
/// path, text).
static FILES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/snapshots.rs"));

impl Recordings {
    /// The recordings that are built into this program.
    pub fn built_in() -> Self {
        // One that differs nowhere has no file, and is recorded all the same.
        let known = Backends::all().into_iter().filter(|id| *id != SYSTEM);
        let mut recordings = Self {
            backends: known.map(str::to_owned).collect(),
            ..Self::default()
        };
        for (name, _, text) in FILES {
            // Before the second line of hyphens stands what insta says of the file.
            let backend = name
                .split_once('@')
                .map_or(REFERENCE, |(_, backend)| backend);
            let series = series_of(backend);
            if let Some((_, patch)) = series {
                let stem = name.strip_suffix(&format!(".{patch}")).unwrap_or(name);
                recordings.releases.insert((stem.to_owned(), patch));
            }
            let backend = series.map_or(backend, |(series, _)| series);
            recordings.backends.insert(backend.to_owned());
            let body = text.splitn(3, "---\n").nth(2).unwrap_or_default();
            for (variant, trace) in sections(body) {
                recordings
                    .traces
                    .insert(((*name).to_owned(), variant), trace);
            }
        }
        recordings
    }

    /// The backends whose traces are recorded, by the names that their recordings have: those that the
    /// suite knows, the reference first, then the machines' own by version.
    pub fn backends(&self) -> Vec<&str> {
        let all = Backends::all();
        let known = all.iter().copied().filter(|id| self.knows(id));
        let recorded = self.backends.iter().map(String::as_str);
        let others = recorded.filter(|name| !all.contains(name));
        known.chain(others).collect()
    }

    /// The text of the trace that was recorded for this case: the backend's own, or the
    /// reference's where the backend has none because it does not differ.
    pub fn text(&self, id: &Id, backend: &str, variant: Variant) -> Option<&str> {
        let recorded = |name: String| self.traces.get(&(name, variant));
        let own = (backend != REFERENCE)
            .then(|| recorded(file_stem(id, backend)))
            .flatten();
        own.or_else(|| recorded(file_stem(id, REFERENCE)))
            .map(String::as_str)
    }

    /// Whether the library is recorded to end its process in a case of this scenario; such a case is not for a process
    /// that is to go on.
    pub fn crashes(&self, scenario: &Scenario, backend: &str) -> bool {
        let crash = Outcome::Crashed(String::new()).to_string();
        let mut variants = scenario.variants();
        variants.any(|variant| {
            let text = self.text(&scenario.id, backend, variant);
            text.is_some_and(|text| text.contains(&crash))
        })
    }

    /// Whether the traces of this backend are recorded, be it as the reference's.
    pub fn knows(&self, backend: &str) -> bool {
        self.backends.contains(backend)
    }

    /// Under which name a scenario is recorded of this release of a backend: the releases of the machine's own library are
    /// not all alike, and a recording that is named by a release (`openssl-system-3.0.22`) holds from that one on.
    pub fn of_release(&self, id: &Id, backend: &str, version: &str) -> String {
        let release = patch_of(version, backend);
        let patches = self.patches(id, backend);
        match patches.filter(|patch| Some(*patch) <= release).max() {
            Some(patch) => format!("{backend}.{patch}"),
            None => backend.to_owned(),
        }
    }

    /// The releases of a backend of which a scenario has a recording of their own, by name.
    pub fn releases(&self, id: &Id, backend: &str) -> impl Iterator<Item = String> {
        let patches = self.patches(id, backend);
        patches.map(move |patch| format!("{backend}.{patch}"))
    }

    fn patches(&self, id: &Id, backend: &str) -> impl Iterator<Item = u32> {
        let stem = file_stem(id, backend);
        let releases = self.releases.iter();
        releases.filter_map(move |(of, patch)| (*of == stem).then_some(*patch))
    }

    /// How this trace stands to what was recorded of the library.
    pub fn compare(&self, id: &Id, about: &About, variant: Variant, trace: &Trace) -> Recorded {
        let backend = about.recorded_as();
        if !self.knows(&backend) {
            return Recorded::Untracked;
        }
        let backend = self.of_release(id, &backend, &about.version);
        match self.text(id, &backend, variant) {
            Some(text) if *text == *trace.to_string().trim_end() => Recorded::AsRecorded,
            Some(_) => Recorded::Changed,
            None => Recorded::Never,
        }
    }
}

/// The name of the machine's own library by series and the number of the release, if this is one of a release.
fn series_of(backend: &str) -> Option<(&str, u32)> {
    let (series, patch) = backend.rsplit_once('.')?;
    let is_series = series.starts_with(SYSTEM) && series.contains('.');
    Some((series, patch.parse().ok()?)).filter(|_| is_series)
}

/// The number of a release in its series, if its version has three numbers and nothing more.
fn patch_of(version: &str, backend: &str) -> Option<u32> {
    let patch = version.split('.').nth(2)?;
    patch.parse().ok().filter(|_| backend.starts_with(SYSTEM))
}

/// The name of a recording below `snapshots/`, without its ending.
pub fn file_stem(id: &Id, backend: &str) -> String {
    match backend {
        REFERENCE => id.to_string(),
        other => format!("{id}@{other}"),
    }
}

/// Traces of one scenario on one backend as they are recorded and shown: a line with the scenario,
/// the backend and the variants that have this trace, then the trace.
pub fn render(id: &Id, backend: &str, traces: &[(Variant, Trace)]) -> String {
    let mut sections: Vec<(Vec<String>, String)> = Vec::new();
    for (variant, trace) in traces {
        let text = trace.to_string();
        match sections.iter_mut().find(|(_, known)| *known == text) {
            Some((variants, _)) => variants.push(variant.to_string()),
            None => sections.push((vec![variant.to_string()], text)),
        }
    }
    let rendered: Vec<String> = sections
        .into_iter()
        .map(|(variants, text)| format!("{id}  {backend}  {}\n{text}", variants.join(" ")))
        .collect();
    rendered.join("\n")
}

/// Of a backend's traces those that are recorded: all of the reference's; of another's those that are not the
/// reference's of the same variant.
pub fn to_record(
    backend: &str,
    mut traces: Vec<(Variant, Trace)>,
    reference: &[(Variant, Trace)],
) -> Vec<(Variant, Trace)> {
    if backend == REFERENCE {
        return traces;
    }
    let is_same = |(variant, trace): &(Variant, Trace)| {
        let of_variant = reference.iter().find(|(other, _)| other == variant);
        of_variant.is_some_and(|(_, reference)| reference.to_string() == trace.to_string())
    };
    traces.retain(|trace| !is_same(trace));
    traces
}

/// What insta writes before the traces: which test recorded them.
const HEAD: &str = "---\nsource: suite/tests/scenarios.rs\n---\n";

/// The text of a recording's file, as `cargo test --test scenarios` writes it when it is told to accept.
pub fn recording(id: &Id, backend: &str, traces: &[(Variant, Trace)]) -> String {
    format!("{HEAD}{}\n", render(id, backend, traces).trim_end())
}

/// Parts what [`render`] put together.
fn sections(body: &str) -> Vec<(Variant, String)> {
    let mut sections: Vec<(Variant, String)> = Vec::new();
    let mut open = 0;
    for line in body.lines() {
        if !line.is_empty() && !line.starts_with(' ') {
            let variants = line.split_whitespace().filter_map(Variant::parse);
            let first = sections.len();
            sections.extend(variants.map(|variant| (variant, String::new())));
            open = sections.len() - first;
            continue;
        }
        let first = sections.len() - open;
        for (_, text) in &mut sections[first..] {
            text.push_str(line);
            text.push('\n');
        }
    }
    for (_, text) in &mut sections {
        text.truncate(text.trim_end().len());
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Corpus;
    use crate::trace::Entry;

    fn trace(action: &str) -> Trace {
        let entry = Entry::new(1, action.to_owned(), Outcome::Done);
        Trace {
            entries: vec![entry],
            ..Trace::default()
        }
    }

    #[test]
    fn what_is_rendered_is_found_again_for_each_variant() {
        let id = Id::new("retry/same").expect("an id");
        let variants: Vec<Variant> = ["tls1.2/client", "tls1.2/server", "tls1.3/client"]
            .iter()
            .filter_map(|text| Variant::parse(text))
            .collect();
        let traces = [
            (variants[0], trace("link open")),
            (variants[1], trace("link blocked")),
            (variants[2], trace("link open")),
        ];
        let text = render(&id, "rustls", &traces);
        let found: BTreeMap<_, _> = sections(&text).into_iter().collect();
        assert_eq!(found.len(), 3, "{text}");
        for (variant, trace) in &traces {
            assert_eq!(found[variant], trace.to_string().trim_end());
        }
    }

    #[test]
    fn recording_of_a_release_holds_from_that_one_on() {
        let recordings = Recordings::built_in();
        let of_release = |id: &str, backend: &str, version: &str| {
            let id = Id::new(id).expect("an id");
            recordings.of_release(&id, backend, version)
        };
        let id = "inbound/record-shorter-than-its-cipher";
        for (version, name) in [
            ("3.0.19", "openssl-system-3.0"),
            ("3.0.22", "openssl-system-3.0.22"),
            ("3.0.30", "openssl-system-3.0.22"),
            ("3.0.22-dev", "openssl-system-3.0"),
        ] {
            assert_eq!(of_release(id, "openssl-system-3.0", version), name);
        }
        let other = of_release("retry/same-arguments", "openssl-system-3.0", "3.0.22");
        assert_eq!(other, "openssl-system-3.0");
        assert_eq!(of_release(id, "openssl-3.6", "3.6.3"), "openssl-3.6");
        assert!(!recordings.knows("openssl-system-3.0.22"));
    }

    #[test]
    fn who_crashes_is_known_by_library_and_scenario() {
        let corpus = Corpus::built_in().expect("the library");
        let recordings = Recordings::built_in();
        let crashes = |id: &str, backend| {
            let scenario = corpus.get(id).expect("a scenario");
            recordings.crashes(scenario, backend)
        };
        let deadly = "closing/records-sealed-at-once-interrupted-then-open";
        assert!(crashes(deadly, "openssl-1.1.1"));
        assert!(!crashes(deadly, REFERENCE));
        assert!(!crashes("retry/same-arguments", "openssl-1.1.1"));
    }
}
