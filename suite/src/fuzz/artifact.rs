//! Fuzz inputs as files: a header with the version and the target, then the operations. An input of
//! the target `scenario_file` is the text of a scenario file, without a header.

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

/// The header of every input that is not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InputHeader;

impl InputHeader {
    /// Its length in bytes: two constant ones, the version, and the letter of the target.
    pub(crate) const LEN: usize = 4;
    const MAGIC: [u8; 2] = *b"WP";

    /// The header of an input of `target` in the newest format.
    pub(crate) fn bytes(target: FuzzTarget) -> [u8; Self::LEN] {
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

/// A fuzz input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The target that it is for.
    pub target: FuzzTarget,
    /// Its content.
    pub content: ArtifactBody,
}

/// The content of a fuzz input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactBody {
    /// An encoded scenario.
    Program(Program),
    /// The text of a scenario file, unchanged.
    Text(Vec<u8>),
}

/// Why a file is not a fuzz input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is larger than any input.
    #[error("{} is not a fuzz input: it has {len} bytes, and an input has at most {most}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        len: u64,
        /// How large an input is at most, in bytes.
        most: u64,
    },
    /// It has the format of another version of the suite.
    #[error("{} has format {found}, but this version of the suite reads formats {FIRST_FORMAT} to {FORMAT}: replay it with the version that wrote it, and promote it to a scenario there", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u8,
    },
    /// It has a header with an unknown target.
    #[error("{} is not a fuzz input: byte 4 is {found:#04x}, which is no target (r: write_retry, s: write_sequence, i: wire_inbound)", path.display())]
    UnknownTarget {
        /// The file.
        path: PathBuf,
        /// The byte that should be the letter of a target.
        found: u8,
    },
    /// It ends within its header or its first operation.
    #[error("{} is truncated: it has {len} bytes, and a fuzz input has at least {least}", path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        len: usize,
        /// How large an input is at least, in bytes.
        least: usize,
    },
    /// It has neither a header nor UTF-8 text.
    #[error("{} is not a fuzz input: it neither begins with \"WP\" nor is UTF-8 text", path.display())]
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
    /// [`ArtifactError`], if it cannot be read or is not a fuzz input.
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

    /// Parses the bytes of the file that messages call `path`.
    ///
    /// # Errors
    /// [`ArtifactError`], if they are not a fuzz input.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ArtifactError> {
        let path = || path.to_owned();
        let Some(rest) = bytes.strip_prefix(&InputHeader::MAGIC) else {
            // A scenario file has no header; its own parser decides whether it is valid.
            let is_text = !bytes.is_empty() && std::str::from_utf8(bytes).is_ok();
            let of_that_target = path()
                .parent()
                .is_some_and(|folder| folder.ends_with(FuzzTarget::ScenarioFile.name()));
            return if is_text || of_that_target {
                Ok(Self {
                    target: FuzzTarget::ScenarioFile,
                    content: ArtifactBody::Text(bytes.to_vec()),
                })
            } else {
                Err(ArtifactError::Foreign { path: path() })
            };
        };
        let least = InputHeader::LEN + super::Op::LEN;
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
        let has_header = |target: &FuzzTarget| *target != FuzzTarget::ScenarioFile;
        let named = |target: &FuzzTarget| self::letter(*target) == *letter;
        let Some(target) = FuzzTarget::ALL.into_iter().filter(has_header).find(named) else {
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
            content: ArtifactBody::Program(program),
        })
    }

    /// The program of an input of `target` with these bytes, which a fuzzer generated; none if they
    /// are not an input. Faster than [`Artifact::parse`].
    pub fn of_target(target: FuzzTarget, bytes: &[u8]) -> Option<Program> {
        let format = InputHeader::format(target, bytes)?;
        let ops = &bytes[InputHeader::LEN..];
        let mut program = Program::arbitrary(&mut Unstructured::new(ops)).ok()?;
        program.upgrade(target, format);
        Some(program)
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.content {
            ArtifactBody::Program(program) => {
                let (format, program) = program.downgrade(self.target);
                let mut bytes = InputHeader::of_format(self.target, format).to_vec();
                bytes.extend(program.bytes());
                bytes
            }
            ArtifactBody::Text(text) => text.clone(),
        }
    }

    /// The scenario that the operations encode, and the variant to run it in; none if they encode
    /// none, or the input is text.
    pub fn case(&self) -> Option<(Scenario, Variant)> {
        match &self.content {
            ArtifactBody::Program(program) => program.case(self.target),
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
    fn artifact_survives_a_round_trip() {
        let artifact = Artifact {
            target: FuzzTarget::WriteSequence,
            content: ArtifactBody::Program(Program {
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
            Some(ArtifactBody::Program(program.expect("operations"))),
            Some(artifact.content)
        );
        assert_eq!(Artifact::of_target(FuzzTarget::WriteRetry, &bytes), None);
    }

    #[test]
    fn other_file_is_refused_with_the_reason() {
        for (bytes, message) in [
            (
                &b"WP"[..],
                "is truncated: it has 2 bytes, and a fuzz input has at least 10",
            ),
            (b"WP\x03r123", "is truncated: it has 7 bytes"),
            (
                b"WP\x01r123456",
                "has format 1, but this version of the suite reads formats 3 to ",
            ),
            (b"WP\x63r123456", "format 99"),
            (b"WP\x03x123456", "byte 4 is 0x78, which is no target"),
            (b"\xff\xfe\x00", "it neither begins with"),
            (b"", "it neither begins with"),
        ] {
            let refusal = refusal(bytes);
            assert!(
                refusal.contains("folder/crash-1") && refusal.contains(message),
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
                    let header = InputHeader::of_format(target, FIRST_FORMAT);
                    let ops = [[0; 6], [0, 0, 100, 0, 0, 0], [kind, 1, 2, 3, 4, 5]];
                    [&header[..], ops.as_flattened()].concat()
                };
                let program = Artifact::of_target(target, &input(kind)).expect("operations");
                assert_eq!(
                    usize::from(program.steps[1].kind),
                    usize::from(kind) % steps
                );
                let again = Artifact {
                    target,
                    content: ArtifactBody::Program(program),
                };
                let counted = u8::try_from(usize::from(kind) % steps).expect("a kind");
                assert_eq!(again.bytes(), input(counted));
            }
        }
    }

    #[test]
    fn text_is_an_input_of_the_parser() {
        let artifact = Artifact::parse(Path::new("x"), b"title = 1").expect("a text");
        assert_eq!(artifact.target, FuzzTarget::ScenarioFile);
        let odd = Artifact::parse(Path::new("fuzz/corpus/scenario_file/y"), b"\xff");
        assert!(odd.is_ok());
    }
}
