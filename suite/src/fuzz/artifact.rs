//! The bytes of an input as a file: a header that says what they are, then the cells. For the
//! target that reads scenario files an input is such a file, and has no header.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use arbitrary::{Arbitrary, Unstructured};

use super::{FuzzTarget, Program};
use crate::scenario::{self, Scenario, Variant};

/// The newest version of the format, in which inputs are made.
pub const FORMAT: u8 = scenario::FORMAT;

/// The oldest version of the format that is read. The same bytes never mean something else: what a
/// version does not have yet was encoded otherwise, or not at all.
pub const FIRST_FORMAT: u8 = scenario::FIRST_FORMAT;

/// What every input of cells begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header;

impl Header {
    /// How many bytes it takes: two that are always the same, the version, and the target's letter.
    pub const LEN: usize = 4;
    const MAGIC: [u8; 2] = *b"WP";

    /// The header of an input of `target` in the newest format.
    pub fn bytes(target: FuzzTarget) -> [u8; Self::LEN] {
        Self::of_format(target, FORMAT)
    }

    fn of_format(target: FuzzTarget, format: u8) -> [u8; Self::LEN] {
        let [w, p] = Self::MAGIC;
        [w, p, format, letter(target)]
    }

    /// The format of an input of `target`; nothing if the bytes do not begin with a header of it
    /// that can be read.
    pub(super) fn format(target: FuzzTarget, bytes: &[u8]) -> Option<u8> {
        let format = *bytes.get(Self::MAGIC.len())?;
        let is_known = is_readable(format) && bytes.starts_with(&Self::of_format(target, format));
        is_known.then_some(format)
    }
}

/// Whether inputs of this format can be read.
fn is_readable(format: u8) -> bool {
    (FIRST_FORMAT..=FORMAT).contains(&format)
}

fn letter(target: FuzzTarget) -> u8 {
    match target {
        FuzzTarget::WriteRetry => b'r',
        FuzzTarget::WriteSequence => b's',
        FuzzTarget::WireInbound => b'i',
        FuzzTarget::ScenarioFile => b'f',
    }
}

/// An input of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Whose it is.
    pub target: FuzzTarget,
    /// What it holds.
    pub content: ArtifactBody,
}

/// What an input holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactBody {
    /// A scenario in cells.
    Cells(Program),
    /// The text of a scenario file, as it was found.
    Text(Vec<u8>),
}

/// Why a file is no input of a target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is larger than any input.
    #[error("{}: {len} bytes, more than an input has ({most}): no artifact of a fuzz target", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        len: u64,
        /// How large an input is at most, in bytes.
        most: u64,
    },
    /// It is in the format of another version of the suite.
    #[error("{}: format {found}, but this version of the suite reads formats {FIRST_FORMAT} to {FORMAT}: replay it with the version that wrote it, and promote it to a scenario there", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The version that it names.
        found: u8,
    },
    /// It begins like an input of cells, and names no target.
    #[error("{}: byte 4 is {found:#04x}, which names no target (r: write_retry, s: write_sequence, i: wire_inbound)", path.display())]
    UnknownTarget {
        /// The file.
        path: PathBuf,
        /// What stands where the target should.
        found: u8,
    },
    /// It ends within its header or its first cell.
    #[error("{}: cut off after {len} bytes: an input has {least} or more", path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        len: usize,
        /// How large an input is at least, in bytes.
        least: usize,
    },
    /// It is neither cells nor text.
    #[error("{}: no artifact of a fuzz target: it begins neither with \"WP\" nor is it the text of a scenario file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

/// How large an input is at most, in bytes (1 MiB).
const MOST: u64 = 1 << 20;

impl Artifact {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ArtifactError`], if it cannot be read or is no input of a target.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let unreadable = |source| ArtifactError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let about = fs::metadata(path).map_err(unreadable)?;
        if about.len() > MOST {
            return Err(ArtifactError::TooLarge {
                path: path.to_owned(),
                len: about.len(),
                most: MOST,
            });
        }
        let bytes = fs::read(path).map_err(unreadable)?;
        Self::parse(path, &bytes)
    }

    /// Takes the bytes of the file that messages call `path`.
    ///
    /// # Errors
    /// [`ArtifactError`], if they are no input of a target.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ArtifactError> {
        let path = || path.to_owned();
        let Some(rest) = bytes.strip_prefix(&Header::MAGIC) else {
            // A scenario file has no header; whether it is a right one is for its parser to say.
            let is_text = !bytes.is_empty() && std::str::from_utf8(bytes).is_ok();
            let of_that_target = path()
                .parent()
                .is_some_and(|folder| folder.ends_with(FuzzTarget::ScenarioFile.name()));
            return match is_text || of_that_target {
                true => Ok(Self {
                    target: FuzzTarget::ScenarioFile,
                    content: ArtifactBody::Text(bytes.to_vec()),
                }),
                false => Err(ArtifactError::Foreign { path: path() }),
            };
        };
        let least = Header::LEN + super::Op::LEN;
        let cut_off = || ArtifactError::CutOff {
            path: path(),
            len: bytes.len(),
            least,
        };
        let [version, letter, ops @ ..] = rest else {
            return Err(cut_off());
        };
        if !is_readable(*version) {
            return Err(ArtifactError::OtherFormat {
                path: path(),
                found: *version,
            });
        }
        let cells_of = |target: &FuzzTarget| *target != FuzzTarget::ScenarioFile;
        let named = |target: &FuzzTarget| self::letter(*target) == *letter;
        let Some(target) = FuzzTarget::ALL.into_iter().filter(cells_of).find(named) else {
            return Err(ArtifactError::UnknownTarget {
                path: path(),
                found: *letter,
            });
        };
        if ops.len() < super::Op::LEN {
            return Err(cut_off());
        }
        let mut program = Program::arbitrary(&mut Unstructured::new(ops)).unwrap_or_default();
        program.upgrade(target, *version);
        Ok(Self {
            target,
            content: ArtifactBody::Cells(program),
        })
    }

    /// An input of `target` with these bytes, as a fuzzer makes them up; nothing if they are none.
    /// This is the short way to [`Artifact::parse`].
    pub fn of_target(target: FuzzTarget, bytes: &[u8]) -> Option<Program> {
        let format = Header::format(target, bytes)?;
        let ops = &bytes[Header::LEN..];
        let mut program = Program::arbitrary(&mut Unstructured::new(ops)).ok()?;
        program.upgrade(target, format);
        Some(program)
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.content {
            ArtifactBody::Cells(program) => {
                let (format, program) = program.downgrade(self.target);
                let mut bytes = Header::of_format(self.target, format).to_vec();
                bytes.extend(program.bytes());
                bytes
            }
            ArtifactBody::Text(text) => text.clone(),
        }
    }

    /// The scenario that cells tell, and the variant to run it in; nothing if they tell none, or it
    /// is a text.
    pub fn case(&self) -> Option<(Scenario, Variant)> {
        match &self.content {
            ArtifactBody::Cells(program) => program.case(self.target),
            ArtifactBody::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Op;

    fn refusal(bytes: &[u8]) -> String {
        let parsed = Artifact::parse(Path::new("folder/crash-1"), bytes);
        parsed.expect_err("no artifact").to_string()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let artifact = Artifact {
            target: FuzzTarget::WriteSequence,
            content: ArtifactBody::Cells(Program {
                setting: Op::default(),
                steps: vec![Op {
                    kind: 1,
                    flags: 2,
                    a: 0x0304,
                    b: 0x0506,
                }],
            }),
        };
        let bytes = artifact.bytes();
        let read = Artifact::parse(Path::new("x"), &bytes).expect("an artifact");
        assert_eq!(read, artifact);
        let program = Artifact::of_target(FuzzTarget::WriteSequence, &bytes);
        assert_eq!(
            Some(ArtifactBody::Cells(program.expect("cells"))),
            Some(artifact.content)
        );
        assert_eq!(Artifact::of_target(FuzzTarget::WriteRetry, &bytes), None);
    }

    #[test]
    fn what_is_no_artifact_is_refused_with_what_would_be_right() {
        for (bytes, told) in [
            (&b"WP"[..], "cut off after 2 bytes: an input has 10 or more"),
            (b"WP\x03r123", "cut off after 7 bytes"),
            (
                b"WP\x01r123456",
                "format 1, but this version of the suite reads formats 3 to ",
            ),
            (b"WP\x63r123456", "format 99"),
            (b"WP\x03x123456", "byte 4 is 0x78, which names no target"),
            (b"\xff\xfe\x00", "it begins neither with"),
            (b"", "it begins neither with"),
        ] {
            let refusal = refusal(bytes);
            assert!(
                refusal.contains("folder/crash-1") && refusal.contains(told),
                "{refusal}"
            );
        }
    }

    /// An input of the first format means the same when steps have been added: its kinds are
    /// counted over the steps that there were.
    #[test]
    fn an_input_of_the_first_format_is_the_same_scenario() {
        const STEPS: [(FuzzTarget, usize); 3] = [
            (FuzzTarget::WriteRetry, 16),
            (FuzzTarget::WriteSequence, 20),
            (FuzzTarget::WireInbound, 16),
        ];
        for (target, steps) in STEPS {
            for kind in 0..=u8::MAX {
                let input = |kind: u8| {
                    let header = Header::of_format(target, FIRST_FORMAT);
                    let cells = [[0; 6], [0, 0, 100, 0, 0, 0], [kind, 1, 2, 3, 4, 5]];
                    [&header[..], cells.as_flattened()].concat()
                };
                let program = Artifact::of_target(target, &input(kind)).expect("cells");
                assert_eq!(
                    usize::from(program.steps[1].kind),
                    usize::from(kind) % steps
                );
                let again = Artifact {
                    target,
                    content: ArtifactBody::Cells(program),
                };
                let counted = u8::try_from(usize::from(kind) % steps).expect("a kind");
                assert_eq!(again.bytes(), input(counted));
            }
        }
    }

    #[test]
    fn a_text_is_an_input_of_the_parser() {
        let artifact = Artifact::parse(Path::new("x"), b"title = 1").expect("a text");
        assert_eq!(artifact.target, FuzzTarget::ScenarioFile);
        let odd = Artifact::parse(Path::new("fuzz/corpus/scenario_file/y"), b"\xff");
        assert!(odd.is_ok());
    }
}
