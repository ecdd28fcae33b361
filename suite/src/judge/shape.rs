//! What a difference looks like, whatever the numbers are: so that one that a fuzzer comes upon can be told from those that
//! the scenarios of the library show already, each of which the ledger knows with its reason.
//!
//! A shape is that of the first call that differs, as what comes later mostly follows from it. It has facets, one for each
//! aspect that does not follow from another. A difference is known if the scenarios show all of its facets on that library, be
//! it in different cases; another error class, or another reason of the same, is news.
//!
//! The facets that the scenarios show are recorded, a file for each library (`snapshots/shapes/rustls.txt`), a line for each, with
//! the first case that shows it:
//!
//! ```text
//! write; error NONE instead of WANT_WRITE  (retry/same-arguments tls1.2/client)
//! write; records  (retry/same-arguments tls1.2/client)
//! ```

use std::collections::BTreeMap;

use super::difference::{Aspect, Difference, NOT_TOLD};
use super::essence::essence;
use crate::link::Errno;
use crate::scenario::{Id, Variant};

/// The facets of the differences of each library from the reference, and of each a case that shows it.
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

    /// A case that shows the first facet of this shape, which tells most, on the library, if there are cases that show each
    /// of the others.
    pub fn find(&self, library: &str, shape: &[String]) -> Option<&(Id, Variant)> {
        let facets = self.0.get(library)?;
        let all = shape.iter().all(|facet| facets.contains_key(facet));
        facets.get(shape.first()?).filter(|_| all)
    }

    /// Takes note of a shape and of a case that shows it; the first one that shows a facet stays.
    pub fn add(&mut self, library: &str, shape: Vec<String>, case: &(Id, Variant)) {
        for facet in shape {
            let facets = self.0.entry(library.to_owned()).or_default();
            facets.entry(facet).or_insert_with(|| case.clone());
        }
    }

    /// The libraries, and of each the text that is recorded.
    pub fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(library, facets)| {
            let lines = facets
                .iter()
                .map(|(facet, (id, variant))| format!("{facet}  ({id} {variant})\n"));
            (library.as_str(), lines.collect())
        })
    }
}

/// Reads a line of a file; answers nothing if it is none.
fn line(text: &str) -> Option<(String, (Id, Variant))> {
    let (facet, case) = text.strip_suffix(')')?.rsplit_once("  (")?;
    let (id, variant) = case.split_once(' ')?;
    Some((facet.to_owned(), (Id::new(id)?, Variant::parse(variant)?)))
}

/// The shape of the first call that differs, facet by facet; nothing if none does.
pub fn shape(differences: &[Difference]) -> Vec<String> {
    let inner = |difference: &Difference| match difference.within.as_slice() {
        [] => vec![difference.clone()],
        within => within.to_vec(),
    };
    let differences: Vec<Difference> = differences.iter().flat_map(inner).collect();
    let differences = essence(&differences);
    let Some(first) = differences.first() else {
        return Vec::new();
    };
    let of_first =
        |d: &&Difference| (d.step, d.call, &d.action) == (first.step, first.call, &first.action);
    let mut of_first: Vec<&Difference> = differences.iter().take_while(of_first).collect();
    // What a library never tells is a shape only where nothing else differs.
    if of_first.iter().any(|difference| !is_untold(difference)) {
        of_first.retain(|difference| !is_untold(difference));
    }
    let verb = match first.action.split_whitespace().next() {
        None => "nothing",
        // One function, which is called once more.
        Some("retry") => "write",
        Some(verb) => verb,
    };
    let facets = of_first.into_iter().map(|d| facet(verb, d));
    facets.map(|facet| format!("{verb}; {facet}")).collect()
}

/// One way in which a call of this kind differs.
fn facet(verb: &str, difference: &Difference) -> String {
    let aspect = difference.aspect;
    // How else than by writing a call fails is told by its result and its class. What a fault on the wire befalls lies there
    // or is read already: its words tell of the scenario.
    let has_values = verb != "wire" && (verb == "write" || is_result(aspect));
    match has_values.then(|| values(difference)).flatten() {
        Some((seen, reference)) => format!("{aspect} {seen} instead of {reference}"),
        None => aspect.to_string(),
    }
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
        Aspect::Course => Some(value.to_owned()),
        Aspect::Data | Aspect::Records | Aspect::Delivered | Aspect::Peer => None,
    }
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
            within: Vec::new(),
        }
    }

    const RESULT: &str = "write; error NONE instead of WANT_WRITE";

    fn blocked() -> Vec<Difference> {
        vec![
            difference((2, 0), Aspect::Return, "20000", "-1"),
            difference((2, 0), Aspect::ErrorClass, "NONE", "WANT_WRITE"),
            difference((2, 0), Aspect::Records, "one", "none"),
            difference((3, 0), Aspect::Return, "1", "2"),
        ]
    }

    #[test]
    fn a_shape_is_the_first_call_without_its_numbers() {
        assert_eq!(shape(&blocked()), [RESULT, "write; records"]);
        let again = [
            difference((2, 0), Aspect::ErrorClass, "NONE", "SYSCALL"),
            difference((2, 0), Aspect::Records, "one", "none"),
            difference((2, 1), Aspect::Return, "-1", "0"),
        ];
        let of_first_call = ["write; error NONE instead of SYSCALL", "write; records"];
        assert_eq!(shape(&again), of_first_call);
        assert_eq!(shape(&[]), [""; 0]);
    }

    #[test]
    fn a_difference_is_known_if_each_of_its_facets_is() {
        let case = |id: &str| {
            let variant = Variant::parse("tls1.3/client/bio-pair").expect("a variant");
            (Id::new(id).expect("an id"), variant)
        };
        let mut shapes = Shapes::default();
        let shape = shape(&blocked());
        shapes.add("rustls", vec![RESULT.to_owned()], &case("a/b"));
        assert_eq!(shapes.find("rustls", &shape), None);
        shapes.add("rustls", shape.clone(), &case("c/d"));
        assert_eq!(shapes.find("rustls", &shape), Some(&case("a/b")));
        assert_eq!(shapes.find("tongsuo", &shape), None);
        assert_eq!(shapes.find("rustls", &[]), None);
        let (_, text) = shapes.texts().next().expect("a library");
        let read: Vec<_> = text.lines().filter_map(line).collect();
        let records = "write; records".to_owned();
        let written = [(RESULT.to_owned(), case("a/b")), (records, case("c/d"))];
        assert_eq!(read, written);
    }

    #[test]
    fn what_a_library_cannot_tell_is_a_shape_where_nothing_else_differs() {
        let want = difference((2, 0), Aspect::Want, NOT_TOLD, "reading");
        let records = difference((2, 0), Aspect::Records, "one", "none");
        let alone = shape(std::slice::from_ref(&want));
        assert_eq!(alone, ["write; SSL_want"]);
        assert_eq!(shape(&[want, records]), ["write; records"]);
        let told = shape(&[difference((2, 0), Aspect::Want, "writing", "reading")]);
        assert_eq!(told, ["write; SSL_want writing instead of reading"]);
    }

    #[test]
    fn words_are_compared_within_one_vocabulary() {
        let queue = |seen, reference| shape(&[difference((2, 0), Aspect::Queue, seen, reference)]);
        let of_two = queue("rustls:invalid message", "provider:failed, ssl:bad mac");
        assert_eq!(of_two, ["write; error queue rustls instead of openssl"]);
        let of_one = queue("ssl:bad length", "ssl:bad write retry");
        let words = "write; error queue ssl:bad length instead of ssl:bad write retry";
        assert_eq!(of_one, [words]);
        let none = queue("empty", "ssl:bad write retry");
        let missing = "write; error queue empty instead of ssl:bad write retry";
        assert_eq!(none, [missing]);
    }

    #[test]
    fn of_courses_the_first_call_that_differs_is_the_shape() {
        let mut course = difference((2, 0), Aspect::Course, "“one”", "“other”");
        course.within = blocked();
        assert_eq!(shape(&[course]), [RESULT, "write; records"]);
    }
}
