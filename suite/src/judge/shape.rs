//! What a difference looks like, whatever the numbers are: so that one that a fuzzer comes upon can be told from those that
//! the scenarios of the library show already, each of which the ledger knows with its reason.
//!
//! The shapes that the scenarios show are recorded, a file for each library (`snapshots/shapes/rustls.txt`), a line for each shape, with
//! the first case that shows it:
//!
//! ```text
//! write; returns n instead of -1; error NONE instead of WANT_WRITE; records  (retry/same-arguments tls1.2/client)
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::difference::{Aspect, Difference};
use super::essence::essence;
use crate::link::Errno;
use crate::scenario::{Id, Variant};

/// The shapes of the differences of each library from the reference, and of each a case that shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shapes(BTreeMap<String, BTreeMap<String, (Id, Variant)>>);

/// The files that are built into the program: (name without ending, path, text).
static FILES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/shapes.rs"));

impl Shapes {
    /// Those that are built into this program.
    pub fn built_in() -> Self {
        let files = FILES.iter();
        let file = |&(library, _, text): &(&str, _, &str)| {
            (library.to_owned(), text.lines().filter_map(line).collect())
        };
        Self(files.map(file).collect())
    }

    /// A case that shows a difference of this shape between the library and the reference.
    pub fn find(&self, library: &str, shape: &str) -> Option<&(Id, Variant)> {
        self.0.get(library)?.get(shape)
    }

    /// Takes note of a shape and of a case that shows it; the first one that does stays.
    pub fn add(&mut self, library: &str, shape: String, case: (Id, Variant)) {
        let shapes = self.0.entry(library.to_owned()).or_default();
        shapes.entry(shape).or_insert(case);
    }

    /// The libraries, and of each the text that is recorded.
    pub fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(library, shapes)| {
            let lines = shapes
                .iter()
                .map(|(shape, (id, variant))| format!("{shape}  ({id} {variant})\n"));
            (library.as_str(), lines.collect())
        })
    }
}

/// Reads a line of a file; answers nothing if it is none.
fn line(text: &str) -> Option<(String, (Id, Variant))> {
    let (shape, case) = text.strip_suffix(')')?.rsplit_once("  (")?;
    let (id, variant) = case.split_once(' ')?;
    Some((shape.to_owned(), (Id::new(id)?, Variant::parse(variant)?)))
}

/// The shape of the first call that differs; nothing if none does. What comes later mostly follows from it.
pub fn shape(differences: &[Difference]) -> Option<String> {
    let differences = essence(differences);
    let first = differences.first()?;
    let of_first = |d: &&Difference| d.step == first.step && d.action == first.action;
    let mut words = first.action.split_whitespace();
    let mut shape = words.next().unwrap_or("nothing").to_owned();
    // How else than by writing a call fails is told by its result and its class.
    let is_write = ["write", "retry"].contains(&&*shape);
    let mut told = Vec::new();
    for difference in differences.iter().take_while(of_first) {
        let aspect = difference.aspect;
        // The same call once more, of several in a row: what a call returns is told before what it sent.
        let turns_back = told.last() > Some(&aspect) && aspect < Aspect::Records;
        if told.contains(&aspect) || turns_back {
            break;
        }
        told.push(aspect);
        let value =
            |value: &str| abstracted(aspect, value).filter(|_| is_write || is_result(aspect));
        let values = value(&difference.seen).zip(value(&difference.reference));
        // A text in memory takes whatever is written to it.
        let _ = match values {
            Some((seen, reference)) => write!(shape, "; {aspect} {seen} instead of {reference}"),
            None => write!(shape, "; {aspect}"),
        };
    }
    Some(shape)
}

/// Whether the aspect tells how a call ended in the first place.
fn is_result(aspect: Aspect) -> bool {
    matches!(aspect, Aspect::Return | Aspect::ErrorClass)
}

/// What of a value is its shape: whether a call succeeded, the classes and names; of records and bytes nothing. One
/// error of the transport is like another.
fn abstracted(aspect: Aspect, value: &str) -> Option<String> {
    match aspect {
        Aspect::Return | Aspect::Written => Some(match value.parse::<i64>() {
            Ok(1..) => "n".to_owned(),
            _ => value.to_owned(),
        }),
        Aspect::Queue | Aspect::Errno => {
            Some(Errno::names().fold(value.to_owned(), |text, name| text.replace(name, "ERRNO")))
        }
        Aspect::ErrorClass | Aspect::Want | Aspect::Aside => Some(value.to_owned()),
        Aspect::Course | Aspect::Data | Aspect::Records | Aspect::Delivered | Aspect::Peer => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(step: usize, aspect: Aspect, seen: &str, reference: &str) -> Difference {
        Difference {
            step,
            action: "write 20000".to_owned(),
            aspect,
            reference: reference.to_owned(),
            seen: seen.to_owned(),
        }
    }

    #[test]
    fn a_shape_is_the_first_call_without_its_numbers() {
        let differences = [
            difference(2, Aspect::Return, "20000", "-1"),
            difference(2, Aspect::ErrorClass, "NONE", "WANT_WRITE"),
            difference(2, Aspect::Records, "one", "none"),
            difference(3, Aspect::Return, "1", "2"),
        ];
        let shape = shape(&differences).expect("a shape");
        assert_eq!(
            shape,
            "write; returns n instead of -1; error NONE instead of WANT_WRITE; records"
        );
        let again = [
            difference(2, Aspect::ErrorClass, "NONE", "SYSCALL"),
            difference(2, Aspect::Records, "one", "none"),
            difference(2, Aspect::Return, "-1", "0"),
        ];
        let of_first_call = "write; error NONE instead of SYSCALL; records";
        assert_eq!(super::shape(&again).as_deref(), Some(of_first_call));
        let mut shapes = Shapes::default();
        let case = (
            Id::new("a/b").expect("an id"),
            Variant::parse("tls1.3/client/bio-pair").expect("a variant"),
        );
        shapes.add("rustls", shape.clone(), case.clone());
        let (_, text) = shapes.texts().next().expect("a library");
        assert_eq!(line(text.trim_end()), Some((shape, case)));
    }
}
