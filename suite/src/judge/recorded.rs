//! Recorded traces: `snapshots/FAMILY/NAME.snap` has a section for each distinct behaviour of the libraries in a scenario.
//! Its header names the backends and variants that behave like this, the reference first; the trace follows.
//!
//! ```text
//! openssl-3.6 openssl-1.1.1: tls1.2/client tls1.2/server
//! boringssl: tls1.2/client
//!   handshake                         1     NONE
//! ```
//!
//! Every backend with a recording is named, also one that behaves like the reference. `openssl-system-3.0` is the series
//! of the machine's own library; `openssl-system-3.0.22` holds for that release and later ones, where they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use super::snapshot_parser::{LineResult, lines};
use crate::backend::{About, Backends, SYSTEM};
use crate::data::SNAPSHOTS;
use crate::scenario::{Id, ParseError, Scenario, Variant};
use crate::toml_reader::Fault;
use crate::trace::Trace;

/// The recorded traces of all scenarios.
#[derive(Debug, Default)]
pub struct Recordings {
    /// By the id of the scenario.
    recordings: BTreeMap<&'static str, Recording>,
    /// The backends whose traces are recorded.
    backends: BTreeSet<String>,
}

/// The recorded traces of one scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    sections: Vec<SnapshotSection>,
}

/// A behaviour, and who behaves like this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SnapshotSection {
    holders: BTreeSet<(Rank, Variant)>,
    text: String,
}

/// The name of a backend, ordered as in a file: the reference, the others that the suite knows, then the machine's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(usize, String);

/// The backends that the suite knows, the reference first.
static KNOWN: LazyLock<Vec<&str>> = LazyLock::new(Backends::all);

impl Rank {
    fn of(backend: &str) -> Self {
        let place = KNOWN.iter().position(|known| *known == backend);
        Self(place.unwrap_or(KNOWN.len()), backend.to_owned())
    }
}

/// How a trace compares with the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is as recorded.
    Unchanged,
    /// Another trace was recorded.
    Changed,
    /// Nothing was recorded for this case.
    Never,
    /// Nothing was ever recorded for this library: it is not one of those that belong to the suite.
    Untracked,
}

impl Recordings {
    /// The recordings that belong to this program.
    ///
    /// # Errors
    /// A file is not of the form that this module describes; which, and where.
    pub fn built_in() -> Result<Self, ParseError> {
        let mut recordings = Self::default();
        for &(id, path, text) in SNAPSHOTS.files()? {
            let recording = Recording::parse(path, text)?;
            for backend in recording.backends() {
                let series = series_of(backend).map_or(backend, |(series, _)| series);
                if !recordings.backends.contains(series) {
                    recordings.backends.insert(series.to_owned());
                }
            }
            recordings.recordings.insert(id, recording);
        }
        Ok(recordings)
    }

    /// The backends whose traces are recorded, by the names that their recordings have: those that the
    /// suite knows, the reference first, then the machines' own by version.
    pub fn backends(&self) -> Vec<&str> {
        let known = KNOWN.iter().copied().filter(|id| self.knows(id));
        let recorded = self.backends.iter().map(String::as_str);
        let others = recorded.filter(|name| !KNOWN.contains(name));
        known.chain(others).collect()
    }

    /// The text of the trace that was recorded for this case.
    pub(crate) fn text(&self, id: &Id, backend: &str, variant: Variant) -> Option<&str> {
        self.recordings.get(id.as_str())?.text(backend, variant)
    }

    /// Whether the library is recorded to end its process in a case of this scenario; such a case is not for a process
    /// that is to go on.
    pub fn crashes(&self, scenario: &Scenario, backend: &str) -> bool {
        let mut variants = scenario.variants();
        variants.any(|variant| {
            let text = self
                .text(&scenario.id, backend, variant)
                .unwrap_or_default();
            let mut lines = lines(text).into_iter();
            lines.any(|line| line.result == LineResult::Crashed)
        })
    }

    /// Whether the traces of this backend are recorded.
    pub fn knows(&self, backend: &str) -> bool {
        self.backends.contains(backend)
    }

    /// Under which name a scenario is recorded for this release of a backend: the releases of the machine's own library are
    /// not all alike, and a recording that is named by a release (`openssl-system-3.0.22`) holds from that one on.
    pub fn of_release(&self, id: &Id, backend: &str, version: &str) -> String {
        let release = patch_of(version, backend);
        let recording = self.recordings.get(id.as_str());
        let named = recording.into_iter().flat_map(Recording::backends);
        let patches = named.filter_map(|name| {
            let (series, patch) = series_of(name)?;
            (series == backend && Some(patch) <= release).then_some(patch)
        });
        match patches.max() {
            Some(patch) => format!("{backend}.{patch}"),
            None => backend.to_owned(),
        }
    }

    /// How this trace compares with the recording of the library.
    pub fn compare(&self, id: &Id, about: &About, variant: Variant, trace: &Trace) -> Recorded {
        let backend = about.recorded_as();
        if !self.knows(&backend) {
            return Recorded::Untracked;
        }
        let backend = self.of_release(id, &backend, &about.version);
        match self.text(id, &backend, variant) {
            Some(text) if *text == *trace.to_string().trim_end() => Recorded::Unchanged,
            Some(_) => Recorded::Changed,
            None => Recorded::Never,
        }
    }
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// A header names no backend, or something that is no variant; or a trace has no header.
    pub fn parse(path: &str, text: &str) -> Result<Self, ParseError> {
        // The first two lines of hyphens enclose the metadata of insta.
        let body = text.splitn(3, "---\n").nth(2).unwrap_or(text);
        let mut recording = Self::default();
        let mut in_headers = false;
        for line in body.lines() {
            if line.is_empty() {
                continue;
            }
            if line.starts_with(' ') {
                let Some(section) = recording.sections.last_mut() else {
                    return Err(wrong(path, text, line, "a trace without a header"));
                };
                section.text.push_str(line);
                section.text.push('\n');
                in_headers = false;
                continue;
            }
            if !in_headers {
                recording.sections.push(SnapshotSection::default());
                in_headers = true;
            }
            let holders = header(line).ok_or_else(|| wrong(path, text, line, "not a header"))?;
            if let Some(section) = recording.sections.last_mut() {
                section.holders.extend(holders);
            }
        }
        for section in &mut recording.sections {
            section.text.truncate(section.text.trim_end().len());
        }
        Ok(recording)
    }

    /// The backends that it names.
    pub fn backends(&self) -> BTreeSet<&str> {
        let holders = self.sections.iter().flat_map(|section| &section.holders);
        holders
            .map(|(Rank(_, backend), _)| backend.as_str())
            .collect()
    }

    /// The text of the trace of this case.
    pub fn text(&self, backend: &str, variant: Variant) -> Option<&str> {
        let is_of = |(Rank(_, name), of): &(Rank, Variant)| *of == variant && name == backend;
        let mut sections = self.sections.iter();
        let section = sections.find(|section| section.holders.iter().any(is_of))?;
        Some(&section.text)
    }

    /// Whether exactly these traces are recorded of a backend.
    pub fn has(&self, backend: &str, traces: &[(Variant, Trace)]) -> bool {
        let holders = self.sections.iter().flat_map(|section| &section.holders);
        let recorded = holders.filter(|(Rank(_, name), _)| name == backend);
        let is_recorded = |(variant, trace): &(Variant, Trace)| {
            self.text(backend, *variant) == Some(trace.to_string().trim_end())
        };
        recorded.count() == traces.len() && traces.iter().all(is_recorded)
    }

    /// Puts these traces in the place of all that is recorded of a backend.
    pub fn set(&mut self, backend: &str, traces: &[(Variant, Trace)]) {
        let rank = Rank::of(backend);
        for section in &mut self.sections {
            section.holders.retain(|(holder, _)| *holder != rank);
        }
        for (variant, trace) in traces {
            let text = trace.to_string().trim_end().to_owned();
            let holder = (rank.clone(), *variant);
            match self
                .sections
                .iter_mut()
                .find(|section| section.text == text)
            {
                Some(section) => {
                    section.holders.insert(holder);
                }
                None => self.sections.push(SnapshotSection {
                    holders: BTreeSet::from([holder]),
                    text,
                }),
            }
        }
        self.sections.retain(|section| !section.holders.is_empty());
        let first = |section: &SnapshotSection| section.holders.first().cloned();
        self.sections.sort_by_key(first);
    }

    /// The sections, as they stand in a file.
    pub fn body(&self) -> String {
        let mut body = String::new();
        for section in &self.sections {
            if !body.is_empty() {
                body.push('\n');
            }
            for (backends, variants) in section.header() {
                let variants: Vec<String> = variants.iter().map(ToString::to_string).collect();
                // Writing to a string cannot fail.
                let _ = writeln!(body, "{}: {}", backends.join(" "), variants.join(" "));
            }
            body.push_str(&section.text);
            body.push('\n');
        }
        body
    }

    /// The text of the file, as `cargo test --test scenarios` writes it when new traces are accepted.
    pub fn file(&self) -> String {
        format!("{METADATA}{}", self.body())
    }
}

/// What insta writes before the traces: which test recorded them.
const METADATA: &str = "---\nsource: suite/tests/scenarios.rs\n---\n";

impl SnapshotSection {
    /// The lines of its header: the backends that share the same variants, and these.
    fn header(&self) -> Vec<(Vec<&str>, Vec<Variant>)> {
        let mut of_each: Vec<(&str, Vec<Variant>)> = Vec::new();
        for (Rank(_, backend), variant) in &self.holders {
            match of_each.last_mut() {
                Some((last, variants)) if last == backend => variants.push(*variant),
                _ => of_each.push((backend, vec![*variant])),
            }
        }
        let mut lines: Vec<(Vec<&str>, Vec<Variant>)> = Vec::new();
        for (backend, variants) in of_each {
            match lines.iter_mut().find(|(_, others)| *others == variants) {
                Some((backends, _)) => backends.push(backend),
                None => lines.push((vec![backend], variants)),
            }
        }
        lines
    }
}

/// The backends and variants of a line of a header.
fn header(line: &str) -> Option<Vec<(Rank, Variant)>> {
    let (backends, variants) = line.split_once(": ")?;
    let variants: Option<Vec<Variant>> = variants.split(' ').map(Variant::parse).collect();
    let variants = variants?;
    let of_backend = |backend| {
        let rank = Rank::of(backend);
        variants.iter().map(move |variant| (rank.clone(), *variant))
    };
    Some(backends.split(' ').flat_map(of_backend).collect())
}

fn wrong(path: &str, text: &str, line: &str, what: &str) -> ParseError {
    let at = line.as_ptr().addr() - text.as_ptr().addr();
    let message = format!("{what}: {line:?}");
    let help = "a header is `BACKEND …: VARIANT …`, and a trace is indented; \
                `cargo test --test scenarios` writes these files";
    ParseError::locate(path, text, Fault::new(at, message, help))
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

/// The traces of one scenario on one backend, as they are shown: a line with the scenario,
/// the backend and the variants that have this trace, then the trace.
pub(crate) fn render(id: &Id, backend: &str, traces: &[(Variant, Trace)]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::REFERENCE;
    use crate::scenario::Corpus;
    use crate::trace::{Entry, Outcome};

    fn trace(action: &str) -> Trace {
        let entry = Entry::new(1, action.to_owned(), Outcome::Done);
        Trace {
            entries: vec![entry],
            ..Trace::default()
        }
    }

    fn variants() -> [Variant; 3] {
        let parse = |text| Variant::parse(text).expect("a variant");
        ["tls1.2/client", "tls1.2/server", "tls1.3/client"].map(parse)
    }

    #[test]
    fn each_behaviour_is_one_section_that_names_all_who_share_it() {
        let [one, two, three] = variants();
        let mut recording = Recording::default();
        let (open, blocked) = (trace("link open"), trace("link blocked"));
        recording.set("rustls", &[(one, blocked.clone()), (two, open.clone())]);
        recording.set(
            REFERENCE,
            &[(one, open.clone()), (two, open.clone()), (three, blocked)],
        );
        recording.set("openssl-1.1.1", &[(one, open.clone()), (two, open)]);
        let text = "\
openssl-3.6 openssl-1.1.1: tls1.2/client tls1.2/server
rustls: tls1.2/server
  link open

openssl-3.6: tls1.3/client
rustls: tls1.2/client
  link blocked
";
        assert_eq!(recording.body(), text);
        assert_eq!(Recording::parse("x", &recording.file()), Ok(recording));
    }

    #[test]
    fn set_replaces_all_traces_of_its_backend_and_no_others() {
        let [one, two, _] = variants();
        let mut recording = Recording::default();
        recording.set(REFERENCE, &[(one, trace("a")), (two, trace("b"))]);
        recording.set("rustls", &[(one, trace("a"))]);
        recording.set(REFERENCE, &[(two, trace("c"))]);
        assert_eq!(recording.text(REFERENCE, one), None);
        assert_eq!(recording.text(REFERENCE, two), Some("  c"));
        assert_eq!(recording.text("rustls", one), Some("  a"));
        assert!(recording.has("rustls", &[(one, trace("a"))]));
        assert!(!recording.has("rustls", &[(one, trace("a")), (two, trace("a"))]));
        assert!(!recording.has("rustls", &[]));
        assert!(!recording.has(REFERENCE, &[(two, trace("b"))]));
    }

    #[test]
    fn malformed_file_is_refused_with_its_line() {
        for (text, line) in [
            ("  handshake\n", 1),
            (
                "openssl-3.6: tls1.2/client\n  x\n\nrustls tls1.2/client\n",
                4,
            ),
            ("openssl-3.6: tls1.4/client\n", 1),
        ] {
            let error = Recording::parse("a.snap", text).expect_err(text);
            let place = format!("a.snap:{line}:1");
            assert!(error.to_string().starts_with(&place), "{error}");
        }
    }

    #[test]
    fn recording_of_a_release_holds_from_that_one_on() {
        let recordings = Recordings::built_in().expect("right files");
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
    fn recorded_crash_is_known_by_library_and_scenario() {
        let corpus = Corpus::built_in().expect("the library");
        let recordings = Recordings::built_in().expect("right files");
        let crashes = |id: &str, backend| {
            let scenario = corpus.get(id).expect("a scenario");
            recordings.crashes(scenario, backend)
        };
        let crashing = "closing/records-sealed-at-once-interrupted-then-open";
        assert!(crashes(crashing, "openssl-1.1.1"));
        assert!(!crashes(crashing, REFERENCE));
        assert!(!crashes("retry/same-arguments", "openssl-1.1.1"));
    }
}
