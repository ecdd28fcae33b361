//! Opens the libraries that the arguments name: backends by name, and shared objects by path.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::Path;
use std::sync::Arc;

use super::args::{As, LibsslArguments, WorkerArguments};
use super::failure::Failure;
use crate::backend::libssl::{LibrarySource, Recognised};
use crate::backend::{Backends, Unusable};
use crate::isolation::Isolation;
use crate::judge::Judge;
use crate::judge::known::Library;
use crate::report::check::quoted;
use crate::report::{By, JudgedAs};
use crate::target::Target;
use crate::worker::WorkerLimits;

/// A mebibyte, in bytes.
const MEBIBYTE: u64 = 1 << 20;

/// Which backends run in separate processes, unless none does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// Shared objects.
    Foreign,
    /// Also backends that are linked into this program.
    All,
}

/// The libraries that one command can run on.
pub(super) struct Libraries {
    isolation: Isolation,
    apart: Apart,
    /// The shared objects that the user named, opened.
    named: Vec<Named>,
}

/// A shared object that the user named, opened.
struct Named {
    source: LibrarySource,
    target: Arc<dyn Target>,
    /// Which library it is, if the user says so.
    given: Option<As>,
}

impl Libraries {
    /// Opens the shared objects that the user named.
    pub(super) fn open(arguments: &LibsslArguments) -> Result<Self, Failure> {
        let isolation = isolation(&arguments.workers)?;
        let mut named = Vec::new();
        for source in sources(arguments)? {
            let target = isolation.load(&source).map_err(Failure::Open)?;
            named.push(Named {
                source,
                target,
                given: None,
            });
        }
        Ok(Self {
            isolation,
            apart: Apart::Foreign,
            named,
        })
    }

    /// The same, but linked backends run in separate processes too: for cases that a fuzzer saved
    /// because they ended a process.
    pub(super) fn all_apart(self) -> Self {
        Self {
            apart: Apart::All,
            ..self
        }
    }

    /// The same, with shared objects judged as the user says: one value for all of them, or one
    /// each.
    pub(super) fn judged_as(mut self, given: &[As]) -> Result<Self, Failure> {
        let given = spread("--as", given, self.named.len())?;
        for (named, given) in self.named.iter_mut().zip(given) {
            named.given = given.cloned();
        }
        Ok(self)
    }

    /// As which libraries the shared objects of the user are judged, by their names in reports.
    pub(super) fn identities(&self, judge: &Judge) -> BTreeMap<String, JudgedAs> {
        let identity = |named: &Named| (named.source.id.clone(), named.identity(judge));
        self.named.iter().map(identity).collect()
    }

    /// The shared objects that the user named.
    pub(super) fn named(&self) -> Vec<Arc<dyn Target>> {
        let targets = self.named.iter().map(|named| Arc::clone(&named.target));
        targets.collect()
    }

    /// A library by name: a shared object of the user, or a backend.
    pub(super) fn by_name(&self, name: &str) -> Result<Arc<dyn Target>, Failure> {
        if let Some(Named { target, .. }) = self.named.iter().find(|one| one.source.id == name) {
            return Ok(Arc::clone(target));
        }
        let opened = match self.apart {
            Apart::Foreign => self.isolation.open(name),
            Apart::All => self.isolation.open_apart(name),
        };
        match opened {
            Some(opened) => opened.map_err(Failure::Open),
            None => Err(Failure::unknown_backend(name)),
        }
    }

    /// Libraries by name, each once.
    pub(super) fn all_by_name(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<Vec<Arc<dyn Target>>, Failure> {
        let mut targets: Vec<Arc<dyn Target>> = Vec::new();
        for name in names.iter().map(AsRef::as_ref) {
            if targets.iter().all(|target| target.about().id != name) {
                targets.push(self.by_name(name)?);
            }
        }
        Ok(targets)
    }

    /// One of these, or else a backend, by name.
    pub(super) fn among(
        &self,
        targets: &[Arc<dyn Target>],
        name: &str,
    ) -> Result<Arc<dyn Target>, Failure> {
        match targets.iter().find(|target| target.about().id == name) {
            Some(target) => Ok(Arc::clone(target)),
            None => self.by_name(name),
        }
    }

    /// The arguments that select these libraries in another command, with the limits of this one.
    pub(super) fn again(&self, names: &[&str]) -> String {
        let mut sources: Vec<&LibrarySource> = Vec::new();
        // Either all have one, or none.
        let mut given: Vec<&As> = Vec::new();
        let mut backends: Vec<&str> = Vec::new();
        for name in names {
            match self.named.iter().find(|named| named.source.id == *name) {
                Some(named) => {
                    sources.push(&named.source);
                    given.extend(&named.given);
                }
                None => backends.push(name),
            }
        }
        let mut words = named_again(&sources);
        words.extend(given.iter().map(|given| format!("--as {given}")));
        words.extend(backends.iter().map(|name| format!("--backend {name}")));
        words.extend(isolated_again(&self.isolation));
        words.join(" ")
    }
}

impl Named {
    /// As which library it is judged, and how many issues are known of that.
    fn identity(&self, judge: &Judge) -> JudgedAs {
        let loaded = self
            .target
            .load_report()
            .map(|load_report| &load_report.loaded);
        let recognised = loaded.and_then(|loaded| loaded.recognised.clone());
        let (library, by) = match &self.given {
            None => (recognised, By::Object),
            Some(As::Unknown) => (None, By::User),
            Some(As::Library(family, version)) => {
                let reported = loaded.and_then(|loaded| family.version(&loaded.version));
                let version = version.clone().or_else(|| reported.map(str::to_owned));
                let family = *family;
                (Some(Recognised { family, version }), By::User)
            }
        };
        let word = library.as_ref().map(|library| library.family.as_str());
        let version = library
            .as_ref()
            .and_then(|library| library.version.as_deref());
        let by_cause = word.map_or(0, |name| {
            let version = version.unwrap_or_default();
            judge.known.affecting(Library { name, version }).count()
        });
        let recorded = judge.recordings.backends();
        let series = word.and_then(|word| recorded_of(&recorded, word, version));
        let known = series.or_else(|| word.filter(|_| by_cause > 0));
        let is_other = |name: &&str| word.is_some_and(|word| name.starts_with(word));
        let mut others: Vec<&str> = match series {
            Some(_) => Vec::new(),
            None => recorded.iter().copied().filter(is_other).collect(),
        };
        others.sort_unstable();
        JudgedAs {
            by,
            entries: by_cause,
            known: known.map(str::to_owned),
            others: others.into_iter().map(str::to_owned).collect(),
            library,
        }
    }
}

/// The arguments that name these shared objects.
fn named_again(sources: &[&LibrarySource]) -> Vec<String> {
    let mut words = Vec::new();
    for source in sources {
        words.push(format!("--libssl {}", quoted(&source.path)));
    }
    // Either all have these, or none.
    for libcrypto in sources
        .iter()
        .filter_map(|source| source.libcrypto.as_ref())
    {
        words.push(format!("--libcrypto {}", quoted(libcrypto)));
    }
    for prefix in sources.iter().filter_map(|source| source.prefix.as_ref()) {
        words.push(format!("--symbol-prefix {}", quoted(Path::new(prefix))));
    }
    // --name applies to the first ones, so all get one.
    let is_renamed = |source: &&LibrarySource| default_name(&source.path) != source.id;
    if sources.iter().any(is_renamed) {
        words.extend(sources.iter().map(|source| format!("--name {}", source.id)));
    }
    words
}

/// Where foreign libraries run, and with which limits.
pub(super) fn isolation(arguments: &WorkerArguments) -> Result<Isolation, Failure> {
    if arguments.in_process {
        return Ok(Isolation::None);
    }
    Ok(Isolation::Workers {
        program: env::current_exe().map_err(Failure::Program)?,
        limits: WorkerLimits {
            time: arguments.limit,
            memory: match arguments.memory {
                0 => None,
                mebibytes => Some(u64::from(mebibytes) * MEBIBYTE),
            },
        },
    })
}

/// The arguments for the limits and the isolation that differ from the defaults.
pub(super) fn isolated_again(isolation: &Isolation) -> Vec<String> {
    let limits = match isolation {
        Isolation::None => return vec!["--in-process".to_owned()],
        Isolation::Workers { limits, .. } => limits,
    };
    let mut words = Vec::new();
    if limits.time != WorkerLimits::DEFAULT.time {
        words.push(format!("--limit {}", limits.time.as_secs_f64()));
    }
    if limits.memory != WorkerLimits::DEFAULT.memory {
        let mebibytes = limits.memory.unwrap_or(0) / MEBIBYTE;
        words.push(format!("--memory {mebibytes}"));
    }
    words
}

/// Adds libraries that are not in the list yet.
pub(super) fn add(targets: &mut Vec<Arc<dyn Target>>, more: Vec<Arc<dyn Target>>) {
    for target in more {
        let id = &target.about().id;
        if targets.iter().all(|known| known.about().id != *id) {
            targets.push(target);
        }
    }
}

/// The shared objects that the arguments name. Each list has one entry per `--libssl`, one for all,
/// or none.
fn sources(arguments: &LibsslArguments) -> Result<Vec<LibrarySource>, Failure> {
    let paths = &arguments.libssl;
    let libcryptos = spread("--libcrypto", &arguments.libcrypto, paths.len())?;
    let prefixes = spread("--symbol-prefix", &arguments.symbol_prefix, paths.len())?;
    if arguments.name.len() > paths.len() {
        return Err(Failure::CountMismatch(
            "--name",
            arguments.name.len(),
            paths.len(),
        ));
    }
    let mut taken: BTreeSet<String> = Backends::all().into_iter().map(str::to_owned).collect();
    let mut sources = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        let id = match arguments.name.get(index) {
            Some(name) if taken.contains(name) => return Err(Failure::NameTaken(name.clone())),
            Some(name) => name.clone(),
            None => free_name(&default_name(path), &taken),
        };
        taken.insert(id.clone());
        sources.push(LibrarySource {
            libcrypto: libcryptos[index].cloned(),
            prefix: prefixes[index].cloned(),
            ..LibrarySource::new(&id, path.clone())
        });
    }
    Ok(sources)
}

fn spread<'a, T>(
    option: &'static str,
    given: &'a [T],
    wanted: usize,
) -> Result<Vec<Option<&'a T>>, Failure> {
    match given {
        [] => Ok(vec![None; wanted]),
        [one] => Ok(vec![Some(one); wanted]),
        several if several.len() == wanted => Ok(several.iter().map(Some).collect()),
        several => Err(Failure::CountMismatch(option, several.len(), wanted)),
    }
}

fn default_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let right = |c: char| {
        if c.is_ascii_alphanumeric() || "._-+".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = name
        .unwrap_or_default()
        .chars()
        .map(right)
        .take(64)
        .collect();
    if name.is_empty() {
        "libssl".to_owned()
    } else {
        name
    }
}

/// `libssl.so`, `libssl.so-2`, `libssl.so-3`.
fn free_name(name: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .unwrap_or_default()
}

/// The backends that `run` uses by default, and those that are missing.
///
/// # Errors
/// A backend is missing that `WRITEPROOF_REQUIRE` asks for.
pub(super) fn default_backends() -> Result<(Vec<&'static str>, Vec<Unusable>), Failure> {
    let missing = Backends::missing();
    let wanted = env::var("WRITEPROOF_REQUIRE").unwrap_or_default();
    for name in wanted
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        if name == "all" {
            if !missing.is_empty() {
                return Err(Failure::Required(missing));
            }
        } else if let Some(missing) = missing.iter().find(|missing| missing.id == name) {
            return Err(Failure::Required(vec![missing.clone()]));
        } else if !Backends::all().contains(&name) {
            let kind = ("backend in WRITEPROOF_REQUIRE", "backends");
            return Err(Failure::unknown_among(kind, name, &Backends::all()));
        }
    }
    Ok((Backends::here(), missing))
}

/// The recorded backend of the same family and series: `openssl-1.1.1` for OpenSSL 1.1.1w, and
/// `aws-lc`, which has no series, for every AWS-LC.
fn recorded_of<'n>(names: &[&'n str], family: &str, version: Option<&str>) -> Option<&'n str> {
    let is_of_series = |series: &str| {
        let after = version.and_then(|version| version.strip_prefix(series));
        after.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let fits = |name: &&str| match name.strip_prefix(family) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('-')
            .is_some_and(|series| is_of_series(series.strip_prefix("system-").unwrap_or(series))),
        None => false,
    };
    names.iter().copied().find(fits)
}
