//! The library of scenarios. The user selects from it by id (`retry/shorter-buffer`) or by pattern
//! (`retry`, `*/short-*`), or names a scenario file by its path.
//!
//! Takes the texts of the scenario files and the arguments of the command, and yields scenarios in
//! the order of their ids.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::parse::parse_with_clauses;
use super::pattern::PatternError;
use super::{Id, ParseError, Pattern, Scenario, parse};
use crate::data::SCENARIOS;
use crate::toml_reader::{nearest, shortened};

/// Scenarios, each with an id of its own, in the order of their ids.
#[derive(Debug, Clone)]
pub struct Corpus {
    scenarios: Vec<Scenario>,
    /// The only clauses that files of the user may name, if that is limited.
    clauses: Option<Vec<String>>,
}

impl Corpus {
    /// Accepts only these clauses in files of the user.
    pub(crate) fn with_clauses<'c>(self, clauses: impl Iterator<Item = &'c str>) -> Self {
        Self {
            clauses: Some(clauses.map(str::to_owned).collect()),
            ..self
        }
    }

    /// The library that is built into this program.
    ///
    /// # Errors
    ///
    /// As [`Corpus::from_files`].
    pub fn built_in() -> Result<Self, ParseError> {
        Self::from_files(SCENARIOS.files()?)
    }

    /// Takes the library: for each file its id, its path from the top of the repository (for
    /// messages), and its text.
    ///
    /// # Errors
    ///
    /// The first file that is not a right scenario, whose id is not `family/name`, or whose id
    /// another file has already.
    pub fn from_files(files: &[(&str, &str, &str)]) -> Result<Self, ParseError> {
        let mut scenarios = BTreeMap::new();
        for &(id, path, text) in files {
            let Some(known_id) = Id::new(id) else {
                return Err(ParseError::at_start(
                    path,
                    format!("{id:?} is not a scenario id"),
                    "name the file FAMILY/NAME.toml, both of a-z, 0-9 and -",
                ));
            };
            let scenario = parse(known_id.clone(), path, text)?;
            if scenarios.insert(known_id, scenario).is_some() {
                return Err(ParseError::at_start(
                    path,
                    format!("duplicate scenario id {id:?}"),
                    "rename one of the files",
                ));
            }
        }
        Ok(Self {
            scenarios: scenarios.into_values().collect(),
            clauses: None,
        })
    }

    /// All scenarios, in the order of their ids.
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// The scenario with this id.
    pub fn get(&self, id: &str) -> Option<&Scenario> {
        self.scenarios
            .binary_search_by(|scenario| scenario.id.as_str().cmp(id))
            .ok()
            .map(|index| &self.scenarios[index])
    }

    /// The scenarios that the arguments name, in the order of their ids and each once; all of the
    /// library if there is no argument.
    ///
    /// An argument is an id of the library, the path to a scenario file (it ends in `.toml`, or a
    /// file is there), a [`Pattern`] that the library has something for, or the path to a folder, of which all files that
    /// end in `.toml` are taken, at any depth. A file takes its id from its folder and its name, as in
    /// the library, or is called `local/NAME` if these make no id; it stands in for the scenario
    /// of the library that has the same id, so that an edited copy can be tried.
    ///
    /// # Errors
    ///
    /// The first argument that names nothing, cannot be read or is wrong.
    pub fn select(&self, arguments: &[String]) -> Result<Vec<Selection<'_>>, SelectionError> {
        let mut selected = BTreeMap::new();
        if arguments.is_empty() {
            self.add_matching(&mut selected, |_| true);
        }
        for argument in arguments {
            let path = Path::new(argument);
            if self.get(argument).is_some() {
                self.add_matching(&mut selected, |id| id.as_str() == argument);
            } else if path.extension().is_some_and(|e| e == "toml") || is_readable(path) {
                self.add_file(&mut selected, path)?;
            } else {
                let pattern = Pattern::new(argument);
                let matches = |id: &Id| pattern.as_ref().is_ok_and(|pattern| pattern.matches(id));
                if self.add_matching(&mut selected, matches) {
                    continue;
                }
                if path.is_dir() {
                    self.add_folder(&mut selected, path)?;
                } else {
                    pattern?;
                    return Err(self.unknown(argument));
                }
            }
        }
        Ok(selected.into_values().collect())
    }

    /// Adds what is `wanted` and not there yet; answers whether anything is wanted.
    fn add_matching<'c>(
        &'c self,
        selected: &mut BTreeMap<Id, Selection<'c>>,
        wanted: impl Fn(&Id) -> bool,
    ) -> bool {
        let mut any = false;
        for scenario in self.scenarios.iter().filter(|s| wanted(&s.id)) {
            any = true;
            selected
                .entry(scenario.id.clone())
                .or_insert_with(|| Selection {
                    scenario: Cow::Borrowed(scenario),
                    origin: Origin::Library,
                });
        }
        any
    }

    /// Adds all scenario files of a folder and of those in it, in the order of their names.
    fn add_folder(
        &self,
        selected: &mut BTreeMap<Id, Selection<'_>>,
        folder: &Path,
    ) -> Result<(), SelectionError> {
        let files = files_below(folder).map_err(|source| SelectionError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        if files.is_empty() {
            return Err(SelectionError::NoFiles(folder.to_owned()));
        }
        for file in files {
            self.add_file(selected, &file)?;
        }
        Ok(())
    }

    fn add_file(
        &self,
        selected: &mut BTreeMap<Id, Selection<'_>>,
        path: &Path,
    ) -> Result<(), SelectionError> {
        let id = Id::of_file(path);
        if let Some(Selection {
            origin: Origin::File(first),
            ..
        }) = selected.get(&id)
        {
            if is_same_file(first, path) {
                return Ok(());
            }
            return Err(SelectionError::SameId {
                id,
                first: first.clone(),
                second: path.to_owned(),
            });
        }
        let text = std::fs::read_to_string(path).map_err(|source| SelectionError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let shown = path.display().to_string();
        let scenario = match &self.clauses {
            Some(clauses) => parse_with_clauses(id.clone(), &shown, &text, clauses)?,
            None => parse(id.clone(), &shown, &text)?,
        };
        let selection = Selection {
            scenario: Cow::Owned(scenario),
            origin: Origin::File(path.to_owned()),
        };
        selected.insert(id, selection);
        Ok(())
    }

    fn unknown(&self, argument: &str) -> SelectionError {
        /// A help that is read at a glance.
        const MOST: usize = 3;
        let spellings = self.scenarios.iter().flat_map(|scenario| {
            let id = &scenario.id;
            [
                (id.family(), id.family()),
                (id.as_str(), id.as_str()),
                (id.name(), id.as_str()),
            ]
        });
        SelectionError::Unknown {
            text: shortened(argument),
            nearest: nearest(argument, spellings, MOST)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// Whether there is something that can be read as a file: pipes count, folders do not.
fn is_readable(path: &Path) -> bool {
    path.exists() && !path.is_dir()
}

/// Symbolic links to folders are not followed, so that no circle is.
fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries: io::Result<Vec<_>> = std::fs::read_dir(folder)?.collect();
    let mut entries = entries?;
    entries.sort_by_key(std::fs::DirEntry::path);
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
    }
    Ok(files)
}

impl Id {
    /// `folder/stem` if that is an id, or else `local/stem` with hyphens for what cannot be in an id.
    pub(crate) fn of_file(path: &Path) -> Self {
        let words = |part: Option<&std::ffi::OsStr>| part.map(|p| p.to_string_lossy().into_owned());
        let stem = words(path.file_stem()).unwrap_or_default();
        let folder = words(path.parent().and_then(Path::file_name)).unwrap_or_default();
        Self::new(&format!("{folder}/{stem}")).unwrap_or_else(|| {
            let lower = stem.to_lowercase();
            let words: Vec<_> = lower
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|word| !word.is_empty())
                .collect();
            let name = if words.is_empty() {
                "scenario".to_owned()
            } else {
                words.join("-")
            };
            Self(format!("local/{name}"))
        })
    }
}

fn is_same_file(first: &Path, second: &Path) -> bool {
    first == second
        || matches!((first.canonicalize(), second.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// A scenario that was picked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection<'c> {
    /// The scenario: lent by the library, or read from a file.
    pub scenario: Cow<'c, Scenario>,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// Where a picked scenario comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The library that is compiled into the program.
    Library,
    /// A file that the user named; if its id is that of a recorded scenario, it is compared with that.
    File(PathBuf),
}

/// An argument that picks no scenario.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// It is neither an id, nor a pattern that matches one, nor a file.
    #[error("unknown scenario {text:?}: {}", Suggestions(nearest))]
    Unknown {
        /// The argument.
        text: String,
        /// Families and ids that look like it, best first; may be empty.
        nearest: Vec<String>,
    },
    /// It has brackets or braces as patterns have, but is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The file is not there, cannot be read, or is not UTF-8.
    #[error("cannot read the scenario file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The folder, or one in it, cannot be read.
    #[error("cannot read the folder {}: {source}", path.display())]
    Folder {
        /// The folder that was named.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The folder has no scenario file.
    #[error("no scenario file (*.toml) in the folder {}", .0.display())]
    NoFiles(PathBuf),
    /// The file is not a right scenario.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Two files would have one id.
    #[error(
        "{} and {} would both have the scenario id {id}: rename one, or pass only one",
        first.display(), second.display()
    )]
    SameId {
        /// The id.
        id: Id,
        /// The file that was named first.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
}

/// What an unknown argument may have meant.
struct Suggestions<'e>(&'e [String]);

impl fmt::Display for Suggestions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(
                "give an id, a pattern such as retry or */short-*, or the path of a .toml file or a folder of them",
            );
        }
        write!(f, "did you mean {}?", self.0.join(" or "))
    }
}
