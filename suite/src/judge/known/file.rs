//! Parses a file of known issues: yields its issues, or the location of an error.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::condition::Condition;
use super::divergence::Divergence;
use super::effect::{IssueEffect, Scope};
use super::version::Range;
use super::{Issue, Witness};
use crate::judge::ledger::{Class, Keeper, Location};
use crate::scenario::parse::{link_address, syntax};
use crate::scenario::{Id, ParseError, Variant};
use crate::toml_reader::{Fault, Fields, Node};

/// The most witnesses that an issue may name.
pub(super) const MOST_WITNESSES: usize = 3;

/// The issues of a file; `others` are those of other files, whose ids are taken.
pub(super) fn issues(
    path: &str,
    text: &str,
    others: &[Issue],
    keeper: Keeper,
) -> Result<Vec<Issue>, ParseError> {
    page(path, text, others, keeper).map_err(|fault| ParseError::locate(path, text, fault))
}

fn page(path: &str, text: &str, others: &[Issue], keeper: Keeper) -> Result<Vec<Issue>, Fault> {
    let document = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let fields = Fields::of_file(&document, "the known issues");
    if let Some(node) = fields.find("known") {
        let help = format!("convert the file: writeproof ledger --convert {path} --libssl LIBRARY");
        let message = "[[known]] is the old format of known issues, without causes";
        return Err(Fault::new(node.at(), message, help));
    }
    let fields = fields.only(&["issue"])?;
    let Some(node) = fields.find("issue") else {
        return Ok(Vec::new());
    };
    let mut issues: Vec<Issue> = Vec::new();
    for element in node.elements("tables, each [[issue]]")? {
        let line = text[..element.at().min(text.len())].matches('\n').count() + 1;
        let location = Location {
            file: path.to_owned(),
            line,
        };
        let issue = issue(element, location, keeper)?;
        if others
            .iter()
            .chain(&issues)
            .any(|other| other.id == issue.id)
        {
            return Err(Fault::new(
                element.at(),
                format!("duplicate issue id \"{}\"", issue.id),
                "choose another id",
            ));
        }
        issues.push(issue);
    }
    Ok(issues)
}

fn issue(element: Node<'_>, location: Location, keeper: Keeper) -> Result<Issue, Fault> {
    const KEYS: [&str; 13] = [
        "id", "title", "class", "reason", "link", "source", "affects", "read", "when", "breaks",
        "differs", "witness", "rare",
    ];
    let fields = element.fields("a table [[issue]]")?.only(&KEYS)?;
    let needed = |key: &str| {
        let missing = || {
            Fault::new(
                element.at(),
                format!("missing \"{key}\""),
                format!("add {key} = …"),
            )
        };
        fields.find(key).ok_or_else(missing)
    };
    let when = Condition::read(needed("when")?)?;
    let breaks = fields.read("breaks", |node| elements(node, IssueEffect::read))?;
    let differs = fields.read("differs", |node| elements(node, Divergence::read))?;
    if breaks.is_none() && differs.is_none() {
        let help = "say which clauses it breaks, or how the library differs from others";
        return Err(Fault::new(
            element.at(),
            "neither \"breaks\" nor \"differs\"",
            help,
        ));
    }
    let (breaks, differs) = (breaks.unwrap_or_default(), differs.unwrap_or_default());
    let effects = breaks.iter().map(|effect| (&effect.scope, effect.at));
    let scopes = effects.chain(differs.iter().map(|differs| (&differs.scope, differs.at)));
    let mut of_call = scopes.filter(|(scope, _)| matches!(scope, Scope::Call));
    if let Some((_, at)) = of_call.next().filter(|_| when.reads_present_answer()) {
        let help = "a call must not be excused by its own result: put the condition under \"earlier\", or use in = \"later\"";
        return Err(Fault::new(
            at,
            "in = \"call\" with a \"when\" that depends on the result of the same call",
            help,
        ));
    }
    let link = match fields.at_most_one(&["link", "source"])? {
        Some(("link", node)) => link_address(node)?,
        Some((_, node)) => node.line()?,
        None => {
            return Err(Fault::new(
                element.at(),
                "missing \"link\"",
                "add link = \"https://…\" or source = \"FILE:LINE\"",
            ));
        }
    };
    Ok(Issue {
        id: id(needed("id")?)?,
        title: needed("title")?.line()?,
        class: needed("class")?.choice(Class::ALL.map(|class| (class.as_str(), class)))?,
        reason: needed("reason")?.line()?,
        link,
        affects: fields
            .read("affects", |node| table(node, Range::read))?
            .unwrap_or_default(),
        read: fields
            .read("read", |node| table(node, |node| node.line()))?
            .unwrap_or_default(),
        when,
        breaks,
        differs,
        rare: fields.read("rare", |node| node.line())?,
        witnesses: fields.read("witness", witnesses)?.unwrap_or_default(),
        location,
        keeper,
    })
}

fn elements<T>(
    node: Node<'_>,
    read: impl Fn(Node<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    node.elements("tables")?.into_iter().map(read).collect()
}

fn id(node: Node<'_>) -> Result<String, Fault> {
    let right = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    node.text("a name of a-z, 0-9 and -", right)
        .map(str::to_owned)
}

fn table<T>(
    node: Node<'_>,
    read: impl Fn(Node<'_>) -> Result<T, Fault>,
) -> Result<BTreeMap<String, T>, Fault> {
    let fields = node.fields("a table by library")?;
    fields
        .entries()
        .map(|entry| Ok((entry.key.to_owned(), read(entry.node())?)))
        .collect()
}

fn witnesses(node: Node<'_>) -> Result<Vec<Witness>, Fault> {
    let witnesses = node.set("strings", |node| {
        let wanted = "a case such as \"openssl-3.6 closing/own-shutdown tls1.3/client\"";
        node.as_text()
            .and_then(witness)
            .ok_or_else(|| node.refused(wanted))
    })?;
    if witnesses.len() > MOST_WITNESSES {
        return Err(node.refused(format_args!("an array of at most {MOST_WITNESSES} cases")));
    }
    Ok(witnesses)
}

fn witness(text: &str) -> Option<Witness> {
    let mut words = text.split_whitespace();
    let (backend, scenario, variant) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    Some(Witness {
        backend: backend.to_owned(),
        scenario: Id::new(scenario)?,
        variant: Variant::parse(variant)?,
    })
}
