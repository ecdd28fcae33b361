//! Reads a page of the manual into clauses, or says in which line and column it is wrong and what would be right there.
//!
//! ```toml
//! page = "SSL_write(3)"                        # required: what messages and reports call it
//! address = "https://…"                        # required: where it can be read
//!
//! [[clause]]                                   # one or more
//! id = "retry.same-arguments"                  # required, unique
//! statement = "…"                              # required: what has to be so, in our own words
//! section = "WARNINGS"                         # required: where on the page; for an invariant, the reason
//! strength = "must"                            # required: must, should, may or undefined
//! binds = "libssl"                             # required: libssl or all
//! severity = "connection"                      # required: data, connection, report or other
//! since = "1.1.1"                              # the first version of the manual that says it; default always
//! until = "3.0"                                # the first that does not any more; default none
//! unobservable = "…"                           # why no trace can show it; default it can be shown
//! ```

use toml::de::DeTable;

use super::{Binds, Citation, Clause, ParseError, Release, Severity, Strength};
use crate::scenario::form::{Fault, Fields, Node};
use crate::scenario::parse::{clause as clause_id, link_address, syntax};

/// Adds the clauses of a page, whose `text` messages say stands in `path`.
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
    // Nothing can break a permission, nor what is left open.
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

/// The value of a key that has to be there; `right` says what it is.
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
    fn a_clause_is_read_as_it_stands() {
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
    fn a_wrong_page_is_refused_with_its_place_and_what_would_be_right() {
        for (from, to, told) in [
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
            assert!(refusal.contains(told), "{refusal}\ndoes not say\n{told}");
        }
    }

    #[test]
    fn an_id_is_given_once_in_all_pages() {
        let files = [("x", "x.toml", RIGHT), ("y", "y.toml", RIGHT)];
        let refusal = Contract::from_files(&files).unwrap_err().to_string();
        let told = "duplicate clause id \"retry.same-arguments\"";
        assert!(
            refusal.starts_with("y.toml:4:") && refusal.contains(told),
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
