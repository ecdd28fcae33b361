//! How a file of the ledger is read: in flows its text, out flow the entries, or the place where it is not right.

use toml::de::DeTable;

use super::{Class, Entry, Expected, Keeper, Location};
use crate::scenario::form::{Fault, Fields, Node};
use crate::scenario::parse::{link_address, syntax};
use crate::scenario::{Pattern, Variant};

/// The keys by which entries named broken clauses, crashes, hangs and stopped cases before these were known by their cause.
pub(super) const OLD: [&str; 4] = ["violates", "crashes", "hangs", "stops"];

/// The entries of a file. That of a user may hold issues by cause too, which are read elsewhere.
pub(super) fn page(path: &str, text: &str, keeper: Keeper) -> Result<Vec<Entry>, Fault> {
    let document = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let fields = Fields::of_file(&document, "the ledger");
    let fields = match keeper {
        Keeper::Suite => fields.only(&["known"])?,
        Keeper::User => fields.only(&["issue", "known"])?,
    };
    let Some(node) = fields.find("known") else {
        return Ok(Vec::new());
    };
    let elements = node.elements("tables, each [[known]]")?;
    elements
        .into_iter()
        .map(|element| {
            let entry = entry(element, location(path, text, element), difference)?;
            Ok(Entry { keeper, ..entry })
        })
        .collect()
}

/// Where a table of this file stands.
pub(super) fn location(path: &str, text: &str, node: Node<'_>) -> Location {
    Location {
        file: path.to_owned(),
        line: text[..node.at().min(text.len())].matches('\n').count() + 1,
    }
}

/// The difference that an entry expects.
fn difference(fields: &Fields<'_>, location: &Location) -> Result<Expected, Fault> {
    let old = fields.entries().find(|entry| OLD.contains(&entry.key));
    if let Some(old) = old {
        return Err(Fault::new(
            old.at,
            format!(
                "\"{}\" is in the format before known issues had causes",
                old.key
            ),
            format!(
                "convert the file: writeproof ledger --convert {} --libssl LIBRARY",
                location.file
            ),
        ));
    }
    match fields.find("differs") {
        Some(node) => node.line().map(Expected::Differs),
        None => Err(incomplete(fields, "differs = \"…\"")),
    }
}

/// An entry in which this is missing.
pub(super) fn incomplete(fields: &Fields<'_>, what: &str) -> Fault {
    Fault::new(fields.at(), "an entry is incomplete", format!("add {what}"))
}

/// An entry whose finding is read in this way.
pub(super) fn entry<F>(
    element: Node<'_>,
    location: Location,
    finding: impl FnOnce(&Fields<'_>, &Location) -> Result<F, Fault>,
) -> Result<Entry<F>, Fault> {
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
    let finding = finding(&fields, &location)?;
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
    Ok(Entry {
        finding,
        scenarios: patterns(required("scenarios")?)?,
        variants: fields.set_or_none("variants", "variants", variant)?,
        versions: fields.set_or_none("versions", "versions", Node::line)?,
        class: required("class")?.choice(Class::ALL.map(|class| (class.word(), class)))?,
        reason: required("reason")?.line()?,
        link,
        location,
        keeper: Keeper::default(),
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
