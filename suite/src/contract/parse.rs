//! Parses one file of the contract into clauses. An error gives the line and column and says what
//! would be right there.
//!
//! ```toml
//! page = "SSL_write(3)"               # required: the page's name in messages and reports
//! address = "https://…"               # required: the page's URL
//!
//! [[clause]]                          # one or more
//! id = "retry.same-arguments"         # required, unique
//! statement = "…"                     # required: the rule, in our own words
//! section = "WARNINGS"                # required: section of the page; for an invariant, the reason
//! strength = "must"                   # required: must, should, may or undefined
//! binds = "libssl"                    # required: libssl or all
//! severity = "connection"             # required: data, connection, report or other
//! since = "1.1.1"                     # first release whose manual states it; default always
//! until = "3.0"                       # first release that no longer states it; default none
//! unobservable = "…"                  # why no trace can show it; default observable
//! ```

use toml::de::DeTable;

use super::{Binds, Citation, Clause, ParseError, Release, Severity, Strength};
use crate::scenario::parse::{clause as clause_id, link_address, syntax};
use crate::toml_reader::{Fault, Fields, Node};

/// Appends the clauses of one file to `clauses`; `path` names the file in error messages.
pub(super) fn page(path: &str, text: &str, clauses: &mut Vec<Clause>) -> Result<(), ParseError> {
    add(text, clauses).map_err(|fault| ParseError::locate(path, text, fault))
}

fn add(text: &str, clauses: &mut Vec<Clause>) -> Result<(), Fault> {
    const KEYS: [&str; 3] = ["page", "address", "clause"];
    let document = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let fields = Fields::of_file(&document, "the page").only(&KEYS)?;
    let page = sentence(&fields, "page")?;
    let address = link_address(required(&fields, "address", "where the page can be read")?)?;
    let node = required(&fields, "clause", "one or more tables [[clause]]")?;
    for element in node.elements("tables, each [[clause]]")? {
        let clause = clause(element, &page, &address)?;
        if clauses.iter().any(|known| known.id == clause.id) {
            return Err(Fault::new(
                element.at(),
                format!("duplicate clause id {:?}", clause.id),
                "give one of them another id",
            ));
        }
        clauses.push(clause);
    }
    Ok(())
}

fn clause(element: Node<'_>, page: &str, address: &str) -> Result<Clause, Fault> {
    const KEYS: [&str; 9] = [
        "id",
        "statement",
        "section",
        "strength",
        "binds",
        "severity",
        "since",
        "until",
        "unobservable",
    ];
    let fields = element.fields("a table [[clause]]")?.only(&KEYS)?;
    let id = clause_id(required(
        &fields,
        "id",
        "an id such as \"retry.same-arguments\"",
    )?)?;
    let unobservable = fields.read("unobservable", Node::line)?;
    let strength = word(&fields, "strength", Strength::ALL.map(|s| (s.as_str(), s)))?;
    // No behaviour can break a permission or a rule that leaves the behaviour open.
    if unobservable.is_none() && matches!(strength, Strength::May | Strength::Undefined) {
        return Err(Fault::new(
            element.at(),
            format!(
                "nothing can break a clause that says {:?}",
                strength.as_str()
            ),
            "add unobservable = \"…\" with the reason, or use must or should",
        ));
    }
    Ok(Clause {
        statement: sentence(&fields, "statement")?,
        source: Citation {
            page: page.to_owned(),
            section: sentence(&fields, "section")?,
            address: address.to_owned(),
        },
        strength,
        binds: word(&fields, "binds", Binds::ALL.map(|b| (b.as_str(), b)))?,
        severity: word(&fields, "severity", Severity::ALL.map(|s| (s.as_str(), s)))?,
        since: fields.read("since", release)?,
        until: fields.read("until", release)?,
        unobservable,
        id,
    })
}

/// The value of a required key; `right` describes a valid value for the error message.
fn required<'t>(fields: &Fields<'t>, key: &str, right: &str) -> Result<Node<'t>, Fault> {
    fields.find(key).ok_or_else(|| {
        Fault::new(
            fields.at(),
            format!("missing \"{key}\""),
            format!("add {key}: {right}"),
        )
    })
}

fn word<T: Copy, const N: usize>(
    fields: &Fields<'_>,
    key: &str,
    choices: [(&'static str, T); N],
) -> Result<T, Fault> {
    let words = choices.map(|(word, _)| word).join(", ");
    required(fields, key, &format!("one of {words}"))?.choice(choices)
}

fn sentence(fields: &Fields<'_>, key: &str) -> Result<String, Fault> {
    required(fields, key, "one line of text")?.line()
}

fn release(node: Node<'_>) -> Result<Release, Fault> {
    const WANTED: &str = "a version of the manual page, such as \"1.1.1\" or \"3.2\"";
    node.as_text()
        .and_then(Release::parse)
        .ok_or_else(|| node.refused(WANTED))
}

#[cfg(test)]
mod tests {
    use super::super::Contract;
    use super::*;

    const RIGHT: &str = r#"page = "SSL_write(3)"
address = "https://example.org"

[[clause]]
id = "retry.same-arguments"
statement = "It is repeated as it was."
section = "WARNINGS"
strength = "must"
binds = "libssl"
severity = "connection"
since = "1.1.1"
until = "3.2"
"#;

    fn read(text: &str) -> Result<Contract, String> {
        Contract::from_files(&[("x", "fixtures/contract/x.toml", text)])
            .map_err(|error| error.to_string())
    }

    fn refusal(from: &str, to: &str) -> String {
        assert!(RIGHT.contains(from), "{from}");
        read(&RIGHT.replace(from, to)).unwrap_err()
    }

    #[test]
    fn clause_is_parsed_with_all_fields() {
        let manual = read(RIGHT).unwrap();
        let clause = manual.get("retry.same-arguments").unwrap();
        assert_eq!(clause.topic(), "retry");
        assert_eq!(clause.source.to_string(), "SSL_write(3), WARNINGS");
        assert_eq!(clause.strength, Strength::Must);
        assert_eq!(clause.binds, Binds::Libssl);
        assert_eq!(clause.severity, Severity::Connection);
        assert_eq!(clause.since, Release::parse("1.1.1"));
        assert_eq!(clause.until.map(|r| r.to_string()), Some("3.2".to_owned()));
        assert_eq!(manual.observable().count(), 1);
    }

    #[test]
    fn invalid_page_is_refused_with_location_and_correction() {
        for (from, to, message) in [
            (
                "section =",
                "secton =",
                "fixtures/contract/x.toml:7:1: unknown key \"secton\" in clause: did you mean \"section\"?",
            ),
            (
                "page =",
                "pages =",
                "fixtures/contract/x.toml:1:1: unknown key \"pages\" in the page: did you mean \"page\"?",
            ),
            (
                "\"must\"",
                "\"shall\"",
                "fixtures/contract/x.toml:8:12: unknown value \"shall\" for \"strength\" in clause",
            ),
            (
                "\"1.1.1\"",
                "\"one\"",
                "fixtures/contract/x.toml:11:9: \"since\" in clause is \"one\": must be a version of the manual page",
            ),
            (
                "retry.same-arguments",
                "retry",
                "fixtures/contract/x.toml:5:6: \"id\" in clause is \"retry\": must be a clause such as",
            ),
            (
                "binds = \"libssl\"\n",
                "",
                "missing \"binds\": add binds: one of libssl, all",
            ),
            (
                "\"must\"",
                "\"may\"",
                "nothing can break a clause that says \"may\"",
            ),
            ("page =", "page", "invalid TOML"),
        ] {
            let refusal = refusal(from, to);
            assert!(
                refusal.contains(message),
                "{refusal}\ndoes not say\n{message}"
            );
        }
    }

    #[test]
    fn clause_id_is_unique_across_pages() {
        let files = [("x", "x.toml", RIGHT), ("y", "y.toml", RIGHT)];
        let refusal = Contract::from_files(&files).unwrap_err().to_string();
        let message = "duplicate clause id \"retry.same-arguments\"";
        assert!(
            refusal.starts_with("y.toml:4:") && refusal.contains(message),
            "{refusal}"
        );
    }

    #[test]
    fn versions_are_two_or_three_numbers() {
        assert!(Release::parse("1.1.1") < Release::parse("3.0"));
        assert!(Release::parse("3.10") > Release::parse("3.9.1"));
        for wrong in ["", "3", "3.x", "1.1.1.1", "1.1.1w", "300.0"] {
            assert_eq!(Release::parse(wrong), None, "{wrong:?}");
        }
    }
}
