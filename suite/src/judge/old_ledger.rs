//! The former format of the ledger: entries that name a broken clause, a difference, a crash, a
//! hang or a stopped case by the text of a report and by scenario. It is only read for conversion
//! (`writeproof ledger --convert`).
//!
//! ```toml
//! [[known]]
//! violates = "success.means-all-bytes"      # or differs, crashes, hangs or stops = "…"
//! seen = "returns 100, * bytes delivered"   # for a violation, the report's text; * matches any text
//! scenarios = ["closing/transport-returns-zero*"]
//! ```
//!
//! Takes the text of a file, and yields its parts in order, each an old entry or text to be kept.

use toml::de::DeTable;

use super::{Class, Location};
use crate::judge::finding::{Finding, Kind};
use crate::scenario::parse::{clause as clause_id, link_address, syntax};
use crate::scenario::{Id, ParseError, Pattern, Variant};
use crate::toml_reader::{Fault, Fields, Node};

/// A file in the old format.
#[derive(Debug)]
pub struct OldLedger {
    /// Its parts, in their order.
    pub parts: Vec<FilePart>,
}

/// A table of a file, or the text between two tables.
#[derive(Debug)]
pub struct FilePart {
    /// Its text, to the end of its last line.
    pub(crate) text: String,
    /// The entry, if it is in the old format.
    pub old: Option<OldEntry>,
}

/// An entry in the old format.
#[derive(Debug, Clone)]
pub struct OldEntry {
    /// The finding that it expects.
    pub(crate) finding: Old,
    /// The scenarios in which it is expected.
    pub(crate) scenarios: Vec<Pattern>,
    /// The variants; empty for all.
    pub(crate) variants: Vec<Variant>,
    /// Prefixes of the library's version; empty for any version.
    pub(crate) versions: Vec<String>,
    /// Its classification.
    pub(crate) class: Class,
    /// Its explanation.
    pub(crate) reason: String,
    /// A link to more information: a URL, or a location in the library's source.
    pub(crate) link: String,
    /// The location of the entry.
    pub(crate) location: Location,
}

impl OldEntry {
    /// Whether the entry applies to this case.
    pub(crate) fn applies(&self, scenario: &Id, variant: Variant) -> bool {
        let is_of_variant = self.variants.is_empty() || self.variants.contains(&variant);
        is_of_variant
            && self
                .scenarios
                .iter()
                .any(|pattern| pattern.matches(scenario))
    }

    /// Whether the entry applies to this version of its library.
    pub(crate) fn is_of_version(&self, version: &str) -> bool {
        self.versions.is_empty() || self.versions.iter().any(|start| version.starts_with(start))
    }
}

/// The finding that an old entry expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Old {
    kind: Kind,
    clause: Option<String>,
    /// The report's text; `*` matches any text.
    seen: String,
}

impl OldLedger {
    /// Parses a file.
    ///
    /// # Errors
    ///
    /// It is not TOML, or an entry in the old format is not valid, with its location.
    pub fn read(path: &str, text: &str) -> Result<Self, ParseError> {
        parts(path, text)
            .map(|parts| Self { parts })
            .map_err(|fault| ParseError::locate(path, text, fault))
    }

    /// Its entries in the old format.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &OldEntry> {
        self.parts.iter().filter_map(|part| part.old.as_ref())
    }
}

fn parts(path: &str, text: &str) -> Result<Vec<FilePart>, Fault> {
    let document = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let fields = Fields::of_file(&document, "the ledger").only(&["issue", "known"])?;
    let mut tables = Vec::new();
    for key in ["issue", "known"] {
        let elements = fields.read(key, |node| node.elements("tables"))?;
        for element in elements.into_iter().flatten() {
            let at = text[..element.at()].rfind('\n').map_or(0, |at| at + 1);
            if !text[at..].trim_start().starts_with("[[") {
                let help = format!("begin each entry with a line [[{key}]]");
                return Err(Fault::new(element.at(), "an entry within a line", help));
            }
            let location = Location {
                file: path.to_owned(),
                line: text[..element.at().min(text.len())].matches('\n').count() + 1,
            };
            let old = (key == "known").then(|| entry(element, location));
            tables.push((at, old.transpose()?));
        }
    }
    tables.sort_by_key(|(at, _)| *at);
    let ends: Vec<usize> = tables.iter().map(|(at, _)| *at).collect();
    let end_of = |place: usize| ends.get(place).copied().unwrap_or(text.len());
    let mut parts = vec![FilePart {
        text: text[..end_of(0)].to_owned(),
        old: None,
    }];
    for (place, (at, old)) in tables.into_iter().enumerate() {
        let text = &text[at..end_of(place + 1)];
        // The text after an old entry is kept.
        let (of_entry, after) = match old {
            Some(_) => text.split_at(len_without_final_comments(text)),
            None => (text, ""),
        };
        parts.push(FilePart {
            text: of_entry.to_owned(),
            old,
        });
        parts.push(FilePart {
            text: after.to_owned(),
            old: None,
        });
    }
    parts.retain(|part| !part.text.is_empty());
    Ok(parts)
}

/// The length in bytes of the text up to its last line that is neither blank nor a comment.
fn len_without_final_comments(text: &str) -> usize {
    let says = |line: &str| !line.trim().is_empty() && !line.starts_with('#');
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let last = lines.iter().rposition(|line| says(line));
    let kept = last.map_or(0, |last| last + 1);
    lines[..kept].iter().map(|line| line.len()).sum()
}

impl Old {
    fn read(fields: &Fields<'_>) -> Result<Self, Fault> {
        let of = |kind, clause, seen| Self { kind, clause, seen };
        match fields.at_most_one(&["violates", "differs", "crashes", "hangs", "stops"])? {
            Some(("violates", node)) => {
                let clause = clause_id(node)?;
                let seen = fields.find("seen");
                let seen = seen.ok_or_else(|| incomplete(fields, "seen = \"…\""))?;
                Ok(of(Kind::Violation, Some(clause), seen.line()?))
            }
            Some(("differs", node)) => Ok(of(Kind::Difference, None, node.line()?)),
            Some(("crashes", node)) => Ok(of(Kind::Crash, None, node.line()?)),
            Some(("hangs", node)) => Ok(of(Kind::Hang, None, node.line()?)),
            Some((_, node)) => Ok(of(Kind::Stop, None, node.line()?)),
            None => Err(incomplete(
                fields,
                "violates = \"CLAUSE\", differs = \"…\", crashes = \"…\", hangs = \"…\" or stops = \"…\"",
            )),
        }
    }

    /// Whether the entry matches the finding.
    pub(crate) fn is(&self, finding: &Finding) -> bool {
        let is_clause = self.kind != Kind::Violation || self.clause == finding.clause;
        self.kind == finding.kind
            && is_clause
            && match self.kind {
                Kind::Difference => {
                    fits(&self.seen, &format!("{}: {}", finding.action, finding.seen))
                }
                _ => fits(&self.seen, &finding.seen),
            }
    }

    /// A description.
    pub(crate) fn words(&self) -> String {
        match (&self.clause, self.kind) {
            (Some(clause), _) => format!("violates {clause}: {}", self.seen),
            (None, kind) => format!("{}: {}", kind.as_str(), self.seen),
        }
    }
}

/// The error for an entry without `what`.
fn incomplete(fields: &Fields<'_>, what: &str) -> Fault {
    Fault::new(fields.at(), "an entry is incomplete", format!("add {what}"))
}

fn entry(element: Node<'_>, location: Location) -> Result<OldEntry, Fault> {
    const LINKS: [&str; 2] = ["link", "source"];
    const KEYS: [&str; 13] = [
        "violates",
        "differs",
        "crashes",
        "hangs",
        "stops",
        "seen",
        "scenarios",
        "variants",
        "versions",
        "class",
        "reason",
        "link",
        "source",
    ];
    let fields = element.fields("a table [[known]]")?.only(&KEYS)?;
    let missing = |what: &str| incomplete(&fields, what);
    let finding = Old::read(&fields)?;
    let link = match fields.at_most_one(&LINKS)? {
        Some(("link", node)) => link_address(node)?,
        Some((_, node)) => node.line()?,
        None => return Err(missing("link = \"https://…\" or source = \"FILE:LINE\"")),
    };
    let required = |key: &str| {
        fields
            .find(key)
            .ok_or_else(|| missing(&format!("{key} = …")))
    };
    Ok(OldEntry {
        finding,
        scenarios: patterns(required("scenarios")?)?,
        variants: fields.set_or_none("variants", "variants", variant)?,
        versions: fields.set_or_none("versions", "versions", Node::line)?,
        class: required("class")?.choice(Class::ALL.map(|class| (class.as_str(), class)))?,
        reason: required("reason")?.line()?,
        link,
        location,
    })
}

fn patterns(node: Node<'_>) -> Result<Vec<Pattern>, Fault> {
    let texts = node.some_of("patterns of scenarios", |node| {
        Ok((node.line()?, node.at()))
    })?;
    texts
        .into_iter()
        .map(|(text, at)| {
            Pattern::new(&text).map_err(|error| {
                Fault::new(
                    at,
                    error.to_string(),
                    "a pattern such as \"retry/*-buffer\"",
                )
            })
        })
        .collect()
}

fn variant(node: Node<'_>) -> Result<Variant, Fault> {
    node.as_text()
        .and_then(Variant::parse)
        .ok_or_else(|| node.refused("a variant such as \"tls1.3/client\""))
}

/// Whether `text` matches `pattern`, in which `*` matches any text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_matches_any_text() {
        assert!(fits("returns 5", "returns 5"));
        assert!(fits("returns *", "returns 5"));
        assert!(fits("* bytes of * lost", "100 bytes of 20000 lost"));
        assert!(!fits("returns", "returns 5"));
        assert!(!fits("returns *s", "returns 5"));
        assert!(!fits("* bytes of * lost", "100 bytes lost"));
    }

    const MIXED: &str = r#"# Mine.

[[known]]
violates = "zero.write-is-an-error"
seen = "returns *"
scenarios = ["zero/*"]
class = "bug"
reason = "looked up"
link = "https://example.org"

# A difference.
[[known]]
differs = "write 9: anything"
scenarios = ["zero/*"]
class = "bug"
reason = "looked up"
source = "x.c:1"

[[known]]
hangs = "*"
scenarios = ["retry/*"]
class = "bug"
reason = "looked up"
source = "x.c:2"
"#;

    #[test]
    fn parts_preserve_the_order_of_the_file() {
        let ledger = OldLedger::read("mine.toml", MIXED).unwrap();
        let texts: String = ledger.parts.iter().map(|part| &*part.text).collect();
        assert_eq!(texts, MIXED);
        assert_eq!(ledger.parts[0].text, "# Mine.\n\n");
        assert!(
            ledger.parts[1]
                .text
                .ends_with("\nlink = \"https://example.org\"\n")
        );
        assert_eq!(ledger.parts[2].text, "\n# A difference.\n");
        let lines: Vec<usize> = ledger.entries().map(|entry| entry.location.line).collect();
        assert_eq!(lines, [3, 12, 19]);
        let words: Vec<String> = ledger
            .entries()
            .map(|entry| entry.finding.words())
            .collect();
        assert_eq!(
            words,
            [
                "violates zero.write-is-an-error: returns *",
                "difference: write 9: anything",
                "hang: *"
            ]
        );
    }

    #[test]
    fn invalid_old_entry_is_refused_with_the_location() {
        for (from, to, expected) in [
            (
                "seen = \"returns *\"\n",
                "",
                "mine.toml:3:1: an entry is incomplete: add seen",
            ),
            ("hangs", "hungs", "unknown key \"hungs\""),
            (
                "hangs = \"*\"\n",
                "",
                "mine.toml:19:1: an entry is incomplete: add violates",
            ),
            (
                "\n[[known]]\nhangs",
                "\n[[unknown]]\nhangs",
                "unknown key \"unknown\"",
            ),
        ] {
            assert!(MIXED.contains(from), "{from}");
            let error = OldLedger::read("mine.toml", &MIXED.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
