//! The format before known issues had causes: entries that name a broken clause, a crash, a hang or a stopped case by the text of
//! a report and by scenario. It is read to be converted and for nothing else (`writeproof ledger --convert`).
//!
//! ```toml
//! [[known]]
//! violates = "success.means-all-bytes"      # or crashes, hangs or stops = "…"
//! seen = "returns 100, * bytes delivered"   # of a violation, what the report said; * stands for any text
//! scenarios = ["closing/transport-returns-zero*"]
//! ```
//!
//! In flows the text of a file; out flow its parts in their order, each either an old entry or text that stays as it is.

use toml::de::DeTable;

use super::read::{entry, incomplete, location};
use super::{Entry, fits};
use crate::judge::finding::{Finding, Kind};
use crate::scenario::ParseError;
use crate::scenario::form::{Fault, Fields};
use crate::scenario::parse::{clause as clause_id, syntax};

/// A file in the old format.
#[derive(Debug)]
pub struct OldLedger {
    /// Its parts, in their order.
    pub parts: Vec<Part>,
}

/// A table of a file, or what stands between two.
#[derive(Debug)]
pub struct Part {
    /// Its text, to the end of its last line.
    pub text: String,
    /// The entry, if it is in the old format.
    pub old: Option<OldEntry>,
}

/// An entry in the old format.
pub type OldEntry = Entry<Old>;

/// What an old entry expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Old {
    kind: Kind,
    clause: Option<String>,
    /// What the report said; `*` stands for any text.
    seen: String,
}

impl OldLedger {
    /// Reads a file.
    ///
    /// # Errors
    /// It is not TOML, or an entry in the old format is not right; where.
    pub fn read(path: &str, text: &str) -> Result<Self, ParseError> {
        parts(path, text)
            .map(|parts| Self { parts })
            .map_err(|fault| ParseError::locate(path, text, fault))
    }

    /// Its entries in the old format.
    pub fn entries(&self) -> impl Iterator<Item = &OldEntry> {
        self.parts.iter().filter_map(|part| part.old.as_ref())
    }
}

fn parts(path: &str, text: &str) -> Result<Vec<Part>, Fault> {
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
            let fields = element.fields("a table")?;
            let is_old = key == "known" && fields.find("differs").is_none();
            let location = location(path, text, element);
            let old = is_old.then(|| entry(element, location, |fields, _| Old::read(fields)));
            tables.push((at, old.transpose()?));
        }
    }
    tables.sort_by_key(|(at, _)| *at);
    let ends: Vec<usize> = tables.iter().map(|(at, _)| *at).collect();
    let end_of = |place: usize| ends.get(place).copied().unwrap_or(text.len());
    let mut parts = vec![Part {
        text: text[..end_of(0)].to_owned(),
        old: None,
    }];
    for (place, (at, old)) in tables.into_iter().enumerate() {
        let text = &text[at..end_of(place + 1)];
        // What stands after an old entry stays, whatever comes in its place.
        let (of_entry, after) = match old {
            Some(_) => text.split_at(without_comments_after(text)),
            None => (text, ""),
        };
        parts.push(Part {
            text: of_entry.to_owned(),
            old,
        });
        parts.push(Part {
            text: after.to_owned(),
            old: None,
        });
    }
    parts.retain(|part| !part.text.is_empty());
    Ok(parts)
}

/// How long the beginning of this text is in which each line that is no comment and says something is, in bytes.
fn without_comments_after(text: &str) -> usize {
    let says = |line: &str| !line.trim().is_empty() && !line.starts_with('#');
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let last = lines.iter().rposition(|line| says(line));
    let kept = last.map_or(0, |last| last + 1);
    lines[..kept].iter().map(|line| line.len()).sum()
}

impl Old {
    fn read(fields: &Fields<'_>) -> Result<Self, Fault> {
        let of = |kind, clause, seen| Self { kind, clause, seen };
        match fields.at_most_one(&super::read::OLD)? {
            Some(("violates", node)) => {
                let clause = clause_id(node)?;
                let seen = fields.find("seen");
                let seen = seen.ok_or_else(|| incomplete(fields, "seen = \"…\""))?;
                Ok(of(Kind::Violation, Some(clause), seen.line()?))
            }
            Some(("crashes", node)) => Ok(of(Kind::Crash, None, node.line()?)),
            Some(("hangs", node)) => Ok(of(Kind::Hang, None, node.line()?)),
            Some((_, node)) => Ok(of(Kind::Stop, None, node.line()?)),
            None => Err(incomplete(
                fields,
                "violates = \"CLAUSE\", differs = \"…\", crashes = \"…\", hangs = \"…\" or stops = \"…\"",
            )),
        }
    }

    /// Whether this is the finding.
    pub fn is(&self, finding: &Finding) -> bool {
        let is_clause = self.kind != Kind::Violation || self.clause == finding.clause;
        self.kind == finding.kind && is_clause && fits(&self.seen, &finding.seen)
    }

    /// In words.
    pub fn words(&self) -> String {
        match (&self.clause, self.kind) {
            (Some(clause), _) => format!("violates {clause}: {}", self.seen),
            (None, kind) => format!("{}: {}", kind.word(), self.seen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn parts_are_the_file_in_its_order() {
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
        assert_eq!(lines, [3, 19]);
        let words: Vec<String> = ledger
            .entries()
            .map(|entry| entry.finding.words())
            .collect();
        assert_eq!(
            words,
            ["violates zero.write-is-an-error: returns *", "hang: *"]
        );
    }

    #[test]
    fn wrong_old_entry_is_refused_with_its_place() {
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
