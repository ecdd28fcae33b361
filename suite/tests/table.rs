//! `writeproof table`: its questions are answered by what was recorded, and the book has its
//! answers.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rstest::rstest;
use writeproof::internal::judge::{
    Answer, Query, Question, Recordings, Section, answers, questions,
};
use writeproof::internal::scenario::Corpus;

fn writeproof(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_writeproof"))
        .args(arguments)
        .output()
        .expect("the command starts")
}

#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let output = writeproof(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// One question to the reference, and what comes of it.
fn ask(scenario: &str, asks: Query) -> Result<Vec<Answer>, String> {
    let question = Question {
        text: "what then?".to_owned(),
        scenario: scenario.to_owned(),
        asks,
    };
    let section = Section {
        title: "A section".to_owned(),
        questions: vec![question],
    };
    let corpus = Corpus::built_in().expect("the scenarios");
    let sections = [section];
    let recordings = Recordings::built_in().expect("the snapshots have their form");
    let answers = answers(&sections, &corpus, &recordings, &["openssl-3.6"])
        .map_err(|error| error.to_string())?;
    let cell = &answers[0].rows[0].cells[0];
    Ok(cell.iter().map(|(_, answer)| answer.clone()).collect())
}

#[test]
fn every_question_is_answered_for_every_backend() {
    let sections = questions().expect("the questions");
    let corpus = Corpus::built_in().expect("the scenarios");
    let recordings = Recordings::built_in().expect("the snapshots have their form");
    let backends = recordings.backends();
    let answers = answers(&sections, &corpus, &recordings, &backends)
        .unwrap_or_else(|error| panic!("{error}"));
    let rows = answers.iter().flat_map(|section| &section.rows);
    for row in rows {
        for (cell, backend) in row.cells.iter().zip(&backends) {
            let never = |(_, answer): &(_, Answer)| *answer == Answer::NeverRecorded;
            assert!(!cell.iter().any(never), "nothing is recorded of {backend}");
        }
    }
}

#[test]
fn of_a_backend_that_was_never_recorded_nothing_is_said() {
    let sections = questions().expect("the questions");
    let corpus = Corpus::built_in().expect("the scenarios");
    let answers = answers(
        &sections,
        &corpus,
        &Recordings::built_in().expect("the snapshots have their form"),
        &["unrecorded"],
    )
    .expect("no question is wrong");
    let rows = answers.iter().flat_map(|section| &section.rows);
    for (_, answer) in rows.flat_map(|row| &row.cells[0]) {
        assert_eq!(*answer, Answer::NeverRecorded);
    }
}

#[test]
fn no_question_is_asked_twice() {
    let sections = questions().expect("the questions");
    let mut asked: Vec<_> = sections
        .iter()
        .flat_map(|section| &section.questions)
        .map(|question| format!("{} {:?}", question.scenario, question.asks))
        .collect();
    let all = asked.len();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), all);
}

#[rstest]
#[case::no_scenario("zero/nowhere", Query::First("write 0".into()), "zero/nowhere, which does not exist")]
#[case::no_action("zero/first-call", Query::First("write 7".into()), "\"write 7\"")]
#[case::only_once("zero/first-call", Query::Second("write 0".into()), "\"write 0\"")]
#[case::no_write("zero/first-call", Query::End("write 7".into()), "\"write 7\"")]
#[case::no_record("zero/first-call", Query::Sends("alert".into()), "\"alert\"")]
#[case::no_call("zero/first-call", Query::Queue("peer read".into()), "\"peer read\"")]
#[case::no_result("retry/shorter-buffer", Query::First("link open".into()), "\"link open\"")]
fn a_question_about_what_is_not_there_is_refused(
    #[case] scenario: &str,
    #[case] asks: Query,
    #[case] wanted: &str,
) {
    let error = ask(scenario, asks).expect_err("a question that has no answer");
    assert!(error.contains(wanted), "{error}");
}

#[rstest]
#[case::first("retry/shorter-buffer", Query::First("retry 50".into()), "-1 SSL bad length")]
#[case::second("closing/connection-reset", Query::Second("write 100".into()), "-1 SSL bad write retry")]
#[case::errno("closing/connection-reset", Query::First("write 100".into()), "-1 SYSCALL ECONNRESET")]
#[case::queue("closing/connection-reset", Query::Queue("write 100".into()), "system library:ECONNRESET")]
#[case::empty_queue("zero/null-buffer", Query::Queue("write null".into()), "empty")]
#[case::end("zero/first-call", Query::End("write 0".into()), "0 SYSCALL")]
#[case::end_at_once("retry/changed-content", Query::End("retry 1000 changed".into()), "1000 NONE")]
#[case::stored("zero/first-call-ex", Query::End("write with SSL_write_ex 0".into()), "1 NONE written 0")]
#[case::not_stored("handshake/no-role-set-ex", Query::First("write with SSL_write_ex 0".into()), "0 SSL uninitialized")]
#[case::peer("retry/longer", Query::First("peer read".into()), "107 bytes 0..107")]
#[case::record("key-update/asked-in-mid-write", Query::Sends("handshake key_update".into()), "with write 100")]
fn an_answer_is_what_the_trace_says(
    #[case] scenario: &str,
    #[case] asks: Query,
    #[case] wanted: &str,
) {
    let answers = ask(scenario, asks).expect("an answer");
    assert!(!answers.is_empty());
    for answer in answers {
        assert_eq!(answer.to_string(), wanted);
    }
}

#[test]
fn book_has_the_table_that_the_command_prints() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/behaviour.md");
    let page = fs::read_to_string(page).expect("the page");
    let (_, rest) = page.split_once("<!-- table -->\n").expect("its beginning");
    let (table, _) = rest.split_once("<!-- /table -->").expect("its end");
    let wanted = printed(&["table", "--format", "markdown"]);
    assert!(
        table == wanted,
        "suite/docs/src/behaviour.md is not up to date: put between <!-- table --> and <!-- /table --> what \
         `cargo run -- table --format markdown` prints:\n{wanted}"
    );
}

#[test]
fn a_column_is_a_backend_that_was_named_each_once_in_that_order() {
    let arguments = [
        "--backend",
        "rustls",
        "--backend",
        "openssl-3.6",
        "--backend",
        "rustls",
    ];
    let text = printed(&[&["table"][..], &arguments].concat());
    let heading = text.lines().next().expect("a heading");
    let columns: Vec<&str> = heading
        .split("  ")
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(columns[1..], ["rustls", "openssl-3.6"]);
    assert!(text.contains("\n=: as rustls\n"), "{text}");
}

#[test]
fn a_single_backend_is_compared_with_nothing() {
    let text = printed(&["table", "--backend", "rustls"]);
    assert!(!text.contains("=: as"), "{text}");
    assert!(!text.contains("openssl"), "{text}");
}

#[rstest]
#[case(&["table", "--backend", "rustl"], "did you mean \"rustls\"?")]
#[case(&["table", "--format", "json"], "possible values: text, markdown")]
fn wrong_usage_exits_with_2_and_says_what_would_be_right(
    #[case] arguments: &[&str],
    #[case] message: &str,
) {
    let output = writeproof(arguments);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(message), "{text}");
    assert!(output.stdout.is_empty());
}
