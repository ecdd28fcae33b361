//! The behaviour table, as text and as Markdown: a row for each question, a column for each library.
//!
//! A cell that equals that of the first column is `=`, so that differences stand out and columns
//! stay narrow.

use super::layout::align;
use crate::judge::{Answer, Answers, Row};
use crate::scenario::{Role, TransportKind, Variant, Version};

/// Answers with the names of their columns.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    /// The backends, which are the columns.
    pub(crate) backends: Vec<&'a str>,
    /// The answers, by section; each row has a cell for each backend.
    pub(crate) sections: Vec<Answers<'a>>,
}

/// A cell that equals the first one.
const SAME: &str = "=";

/// The widths at which a question and a cell are wrapped, in characters.
const QUESTION_WIDTH: usize = 48;
const CELL_WIDTH: usize = 22;

impl Table<'_> {
    /// The table for a terminal.
    pub(crate) fn text(&self) -> String {
        let mut rows = Vec::new();
        for section in &self.sections {
            if !rows.is_empty() {
                rows.push(Vec::new());
            }
            rows.push(self.heading(section.title));
            for (row, scenario) in with_scenarios(&section.rows) {
                let question = row.question.text.replace('`', "");
                let mut first = wrapped(&question, QUESTION_WIDTH);
                first.extend(scenario.map(|id| format!("  {id}")));
                let mut columns: Vec<Vec<String>> =
                    vec![first.iter().map(|line| format!("  {line}")).collect()];
                columns.extend(cells(row).iter().map(|parts| {
                    let lines = parts.iter().flat_map(|part| wrapped(part, CELL_WIDTH));
                    lines.collect()
                }));
                rows.extend(side_by_side(&columns));
            }
        }
        format!("{}\n{}", align(&rows), self.legend().replace('`', ""))
    }

    /// For the page of the book, `suite/docs/src/behaviour.md`.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            let heading = self.heading(section.title);
            let rule = vec!["---".to_owned(); heading.len()];
            let rows =
                with_scenarios(&section.rows).map(|(row, scenario)| {
                    let mut first = vec![row.question.text.clone()];
                    first.extend(scenario.map(|id| {
                        format!("<sub>[{id}](../../../fixtures/scenarios/{id}.toml)</sub>")
                    }));
                    let columns = [first].into_iter().chain(cells(row));
                    columns.map(|lines| lines.join("<br>")).collect()
                });
            for row in [heading, rule].into_iter().chain(rows) {
                text.push_str(&markdown_row(&row));
            }
            text.push('\n');
        }
        text.push_str(&self.legend().replace('\n', "  \n"));
        text
    }

    fn heading(&self, title: &str) -> Vec<String> {
        let names = self.backends.iter().copied();
        [title]
            .into_iter()
            .chain(names)
            .map(str::to_owned)
            .collect()
    }

    /// The meaning of the short words in the cells.
    fn legend(&self) -> String {
        let same = match self.backends[..] {
            [first, _, ..] => format!("`{SAME}`: as {first}\n"),
            _ => String::new(),
        };
        format!(
            "{same}`-`: the library has no such operation\n\
             `not needed`: the write itself had succeeded, so there was nothing to retry\n"
        )
    }
}

/// The rows, each with its scenario unless the row above has the same.
fn with_scenarios<'r>(rows: &'r [Row<'r>]) -> impl Iterator<Item = (&'r Row<'r>, Option<&'r str>)> {
    let mut above = None;
    rows.iter().map(move |row| {
        let scenario = Some(row.question.scenario.as_str());
        let new = scenario.filter(|_| scenario != above);
        above = scenario;
        (row, new)
    })
}

/// Wraps at spaces into lines no longer than `width`, except for longer words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Rows of lines from columns of lines.
fn side_by_side(columns: &[Vec<String>]) -> Vec<Vec<String>> {
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    let line = |index| move |column: &Vec<String>| column.get(index).cloned().unwrap_or_default();
    (0..height)
        .map(|index| columns.iter().map(line(index)).collect())
        .collect()
}

fn markdown_row(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The cells of a row, each of one or more parts.
fn cells(row: &Row<'_>) -> Vec<Vec<String>> {
    let all: Vec<Vec<String>> = row.cells.iter().map(|cell| parts(cell)).collect();
    let lacks = vec![Answer::Unsupported.to_string()];
    let shown = all.iter().enumerate().map(|(column, parts)| {
        if column > 0 && *parts == all[0] && *parts != lacks {
            vec![SAME.to_owned()]
        } else {
            parts.clone()
        }
    });
    shown.collect()
}

/// The answers of all variants: `100 NONE`; or `client: 100 NONE` and `server: -1 SSL bad length`.
fn parts(cell: &[(Variant, Answer)]) -> Vec<String> {
    let mut groups: Vec<(&Answer, Vec<Variant>)> = Vec::new();
    for (variant, answer) in cell {
        match groups.iter_mut().find(|(known, _)| *known == answer) {
            Some((_, variants)) => variants.push(*variant),
            None => groups.push((answer, vec![*variant])),
        }
    }
    if let [(answer, _)] = groups[..] {
        return vec![answer.to_string()];
    }
    let all: Vec<Variant> = cell.iter().map(|(variant, _)| *variant).collect();
    let parts = groups
        .iter()
        .map(|(answer, variants)| format!("{}: {answer}", label(variants, &all)));
    parts.collect()
}

/// The shortest name for these variants among `all`: `1.3`, `client`, or each by itself.
fn label(variants: &[Variant], all: &[Variant]) -> String {
    let are = |wanted: &dyn Fn(&Variant) -> bool| {
        all.iter()
            .all(|variant| wanted(variant) == variants.contains(variant))
    };
    let role = |role: &Role| are(&|variant| variant.role == *role);
    let version = |version: &Version| are(&|variant| variant.version == *version);
    if let Some(role) = Role::ALL.into_iter().find(role) {
        return role.as_str().to_owned();
    }
    if let Some(version) = Version::ALL.into_iter().find(version) {
        return short(version).to_owned();
    }
    let each = variants.iter().map(|variant| {
        let (version, role) = (short(variant.version), variant.role.as_str());
        match variant.transport {
            TransportKind::Scripted => format!("{version} {role}"),
            transport => format!("{version} {role} {}", transport.as_str()),
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

fn short(version: Version) -> &'static str {
    version.as_str().trim_start_matches("tls")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Query, Question};

    fn question(scenario: &str) -> Question {
        Question {
            text: "`SSL_write` of 0 bytes".to_owned(),
            scenario: scenario.to_owned(),
            asks: Query::First("write 0".to_owned()),
        }
    }

    /// A cell with an answer for each of these variants.
    fn cell(answers: &[(&str, &str)]) -> Vec<(Variant, Answer)> {
        let one = |&(variant, text): &(&str, &str)| {
            let answer = match text {
                "-" => Answer::Unsupported,
                text => Answer::Seen(text.to_owned()),
            };
            (Variant::parse(variant).expect("a variant"), answer)
        };
        answers.iter().map(one).collect()
    }

    fn everywhere(answer: &str) -> Vec<(Variant, Answer)> {
        let variants = [
            "tls1.2/client",
            "tls1.2/server",
            "tls1.3/client",
            "tls1.3/server",
        ];
        cell(&variants.map(|variant| (variant, answer)))
    }

    fn table<'q>(questions: &'q [Question], cells: &[Vec<(Variant, Answer)>]) -> Table<'q> {
        let row = |question| Row {
            question,
            cells: cells.to_vec(),
        };
        Table {
            backends: ["a", "b", "c"][..cells.len()].to_vec(),
            sections: vec![Answers {
                title: "Zero",
                rows: questions.iter().map(row).collect(),
            }],
        }
    }

    #[test]
    fn cell_equal_to_the_first_column_is_an_equals_sign() {
        let questions = [question("zero/x")];
        let cells = ["0 SYSCALL", "0 SYSCALL", "0 NONE"].map(everywhere);
        let text = table(&questions, &cells).text();
        let wanted = "\
Zero                    a          b  c
  SSL_write of 0 bytes  0 SYSCALL  =  0 NONE
    zero/x

=: as a
";
        assert!(text.starts_with(wanted), "{text}");
    }

    #[test]
    fn missing_operation_is_never_an_equals_sign() {
        let questions = [question("zero/x")];
        let text = table(&questions, &["-", "-"].map(everywhere)).text();
        assert!(text.contains("SSL_write of 0 bytes  -  -\n"), "{text}");
    }

    #[test]
    fn markdown_links_each_scenario_once_and_escapes_bars() {
        let questions = [question("zero/x"), question("zero/x")];
        let markdown = table(&questions, &["1|2"].map(everywhere)).markdown();
        let wanted = "\
| Zero | a |
| --- | --- |
| `SSL_write` of 0 bytes<br><sub>[zero/x](../../../fixtures/scenarios/zero/x.toml)</sub> | 1\\|2 |
| `SSL_write` of 0 bytes | 1\\|2 |

`-`: ";
        assert!(markdown.starts_with(wanted), "{markdown}");
    }

    #[test]
    fn differing_variants_have_their_shortest_names() {
        let by_role = cell(&[
            ("tls1.2/client", "x"),
            ("tls1.2/server", "y"),
            ("tls1.3/client", "x"),
            ("tls1.3/server", "y"),
        ]);
        assert_eq!(parts(&by_role), ["client: x", "server: y"]);
        let by_version = cell(&[
            ("tls1.2/client", "x"),
            ("tls1.2/server", "x"),
            ("tls1.3/client", "y"),
            ("tls1.3/server", "y"),
        ]);
        assert_eq!(parts(&by_version), ["1.2: x", "1.3: y"]);
        let one_of_three = cell(&[
            ("tls1.2/client", "x"),
            ("tls1.3/client", "y"),
            ("tls1.3/server", "x"),
        ]);
        assert_eq!(
            parts(&one_of_three),
            ["1.2 client, 1.3 server: x", "1.3 client: y"]
        );
    }

    #[test]
    fn long_text_is_wrapped_at_spaces() {
        assert_eq!(
            wrapped("-1 SSL bad write retry", 12),
            ["-1 SSL bad", "write retry"]
        );
        assert_eq!(wrapped("badrecordmac", 3), ["badrecordmac"]);
    }
}
