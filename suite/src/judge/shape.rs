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

use super::difference::{Aspect, Difference, NOT_TOLD};
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
    let first = differences.first()?;
    let of_first =
        |d: &&Difference| (d.step, d.call, &d.action) == (first.step, first.call, &first.action);
    let of_first: Vec<&Difference> = differences.iter().take_while(of_first).collect();
    let tells_more = of_first.iter().any(|difference| !is_untold(difference));
    let mut words = first.action.split_whitespace();
    let mut shape = words.next().unwrap_or("nothing").to_owned();
    // How else than by writing a call fails is told by its result and its class.
    let is_write = ["write", "retry"].contains(&&*shape);
    // What a fault on the wire befalls lies there or is read already: its words tell of the scenario.
    let is_call = shape != "wire";
    // What a library never tells is a shape only where nothing else differs.
    for difference in of_first.iter().filter(|d| !(tells_more && is_untold(d))) {
        let aspect = difference.aspect;
        let values = match is_call && (is_write || is_result(aspect)) {
            true => values(difference),
            false => None,
        };
        // A text in memory takes whatever is written to it.
        let _ = match values {
            Some((seen, reference)) => write!(shape, "; {aspect} {seen} instead of {reference}"),
            None => write!(shape, "; {aspect}"),
        };
    }
    Some(shape)
}

/// Whether the library has no `SSL_want` or no errno that it could tell.
fn is_untold(difference: &Difference) -> bool {
    matches!(difference.aspect, Aspect::Want | Aspect::Errno) && difference.seen == NOT_TOLD
}

/// What was seen and what the reference has there, as far as it is a shape.
fn values(difference: &Difference) -> Option<(String, String)> {
    let Difference {
        aspect,
        reference,
        seen,
        ..
    } = difference;
    if is_untold(difference) {
        return None;
    }
    if *aspect == Aspect::Queue
        && let (Some(seen), Some(reference)) = (vocabulary(seen), vocabulary(reference))
        && seen != reference
    {
        return Some((seen.to_owned(), reference.to_owned()));
    }
    abstracted(*aspect, seen).zip(abstracted(*aspect, reference))
}

/// In whose words the first entry of an error queue is: `rustls` of `rustls:cannot decrypt peer's message`. What two
/// vocabularies say of one failure is not compared word by word.
fn vocabulary(queue: &str) -> Option<&str> {
    let (library, _) = queue.split_once(':')?;
    Some(match library {
        // OpenSSL names the part of it that failed first, and libssl behind it.
        "rustls" | "io" => library,
        _ => "openssl",
    })
}

/// Whether the aspect tells how a call ended in the first place.
fn is_result(aspect: Aspect) -> bool {
    matches!(aspect, Aspect::Course | Aspect::Return | Aspect::ErrorClass)
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
        Aspect::Course => Some(course(value)),
        Aspect::Data | Aspect::Records | Aspect::Delivered | Aspect::Peer => None,
    }
}

/// A course without its numbers, and without how each write is made: `“retry n; flush -1 WANT_WRITE”`. One error of the
/// transport is like another.
fn course(value: &str) -> String {
    /// How a call of the write function is made, in the words of a trace.
    const MANNERS: [&str; 4] = ["with", "SSL_write_ex", "moved", "changed"];
    let text = Errno::names().fold(value.to_owned(), |text, name| text.replace(name, "ERRNO"));
    let calls = text.trim_matches(['“', '”']).split("; ").map(|call| {
        let words = call.split(' ').filter(|word| !MANNERS.contains(word));
        let words = words.map(|word| match word.parse::<u64>() {
            Ok(1..) => "n",
            _ => word,
        });
        words.collect::<Vec<_>>().join(" ")
    });
    let mut calls: Vec<String> = calls.collect();
    calls.dedup();
    format!("“{}”", calls.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(
        (step, call): (usize, usize),
        aspect: Aspect,
        seen: &str,
        reference: &str,
    ) -> Difference {
        Difference {
            step,
            call,
            action: "write 20000".to_owned(),
            aspect,
            reference: reference.to_owned(),
            seen: seen.to_owned(),
        }
    }

    #[test]
    fn a_shape_is_the_first_call_without_its_numbers() {
        let differences = [
            difference((2, 0), Aspect::Return, "20000", "-1"),
            difference((2, 0), Aspect::ErrorClass, "NONE", "WANT_WRITE"),
            difference((2, 0), Aspect::Records, "one", "none"),
            difference((3, 0), Aspect::Return, "1", "2"),
        ];
        let shape = shape(&differences).expect("a shape");
        assert_eq!(
            shape,
            "write; returns n instead of -1; error NONE instead of WANT_WRITE; records"
        );
        let again = [
            difference((2, 0), Aspect::ErrorClass, "NONE", "SYSCALL"),
            difference((2, 0), Aspect::Records, "one", "none"),
            difference((2, 1), Aspect::Return, "-1", "0"),
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

    #[test]
    fn what_a_library_cannot_tell_is_a_shape_where_nothing_else_differs() {
        let want = difference((2, 0), Aspect::Want, NOT_TOLD, "reading");
        let records = difference((2, 0), Aspect::Records, "one", "none");
        let alone = shape(std::slice::from_ref(&want));
        assert_eq!(alone.as_deref(), Some("write; SSL_want"));
        let both = shape(&[want, records]);
        assert_eq!(both.as_deref(), Some("write; records"));
        let told = shape(&[difference((2, 0), Aspect::Want, "writing", "reading")]);
        let told_otherwise = "write; SSL_want writing instead of reading";
        assert_eq!(told.as_deref(), Some(told_otherwise));
    }

    #[test]
    fn words_are_compared_within_one_vocabulary() {
        let queue = |seen, reference| shape(&[difference((2, 0), Aspect::Queue, seen, reference)]);
        let of_two = queue("rustls:invalid message", "provider:failed, ssl:bad mac");
        let vocabularies = "write; error queue rustls instead of openssl";
        assert_eq!(of_two.as_deref(), Some(vocabularies));
        let of_one = queue("ssl:bad length", "ssl:bad write retry");
        let words = "write; error queue ssl:bad length instead of ssl:bad write retry";
        assert_eq!(of_one.as_deref(), Some(words));
        let none = queue("empty", "ssl:bad write retry");
        let missing = "write; error queue empty instead of ssl:bad write retry";
        assert_eq!(none.as_deref(), Some(missing));
    }

    #[test]
    fn a_course_is_its_calls_without_their_numbers() {
        let seen =
            "“retry 20000 20000 NONE; flush -1 SYSCALL errno EPIPE; flush -1 SYSCALL errno EIO”";
        let shape = shape(&[difference(
            (2, 0),
            Aspect::Course,
            seen,
            "“retry 20000 -1 WANT_WRITE”",
        )]);
        let calls = "write; comes to “retry n n NONE; flush -1 SYSCALL errno ERRNO” instead of “retry n -1 WANT_WRITE”";
        assert_eq!(shape.as_deref(), Some(calls));
    }
}
