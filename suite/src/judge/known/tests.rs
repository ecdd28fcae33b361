use super::*;
use crate::judge::monitor::{self, script::*};
use crate::link::{Direction, Refusal};
use crate::scenario::Mode;
use crate::trace::{Call, ErrorClass};

const OPENSSL: Library<'_> = Library {
    name: "openssl-3.6",
    version: "3.6.3",
};

/// An issue with these lines beside those that every issue has.
fn known(lines: &str) -> KnownIssues {
    let text = format!(
        "[[issue]]\nid = \"one\"\ntitle = \"A title\"\nclass = \"bug\"\nreason = \"A reason.\"\nsource = \"ssl/x.c:1\"\n{lines}\n"
    );
    let mut known = KnownIssues::default();
    known
        .add("mine.toml", &text)
        .unwrap_or_else(|error| panic!("{error}"));
    known
}

/// The steps in which a violation of the script is not known.
fn unexpected(known: &KnownIssues, script: &Script) -> Vec<usize> {
    let course = Course::of(&script.0).expect("a script has a setting");
    let watched = monitor::watch_course(&course);
    let violations = monitor::violations(&watched);
    let explained = known.explain(OPENSSL, &course, &violations);
    let unknown = violations
        .iter()
        .zip(explained)
        .filter(|(_, explained)| explained.is_none());
    let mut steps: Vec<usize> = unknown.map(|((_, violation), _)| violation.step).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// A write of nine bytes that reports success and sends nothing, where the transport said 0 or not.
fn lost(script: Script, said_zero: bool) -> Script {
    let script = script.write(9, Call::success(9));
    if said_zero {
        script.refused(Direction::Out, Refusal::Zero)
    } else {
        script.refused(Direction::Out, Refusal::WouldBlock)
    }
}

/// No step.
const NONE: [usize; 0] = [];

const LOST: &str = r#"
when = "transport-zero"
breaks = [{ clause = "success.bytes-are-on-the-wire", in = "call", missing = "swallowed" }]
"#;

#[test]
fn violation_is_known_only_where_the_trigger_holds() {
    let known = known(LOST);
    assert_eq!(unexpected(&known, &lost(Script::tls13(), true)), NONE);
    assert_eq!(unexpected(&known, &lost(Script::tls13(), false)), [2]);
}

#[test]
fn number_has_to_be_the_one_of_the_history() {
    // Nine bytes were lost without a cause before; the transport swallowed nine more, and eighteen are missing.
    let twice = lost(lost(Script::tls13(), false), true);
    assert_eq!(unexpected(&known(LOST), &twice), [2, 3]);
    let more = known(&LOST.replace("swallowed", "swallowed + 1"));
    assert_eq!(unexpected(&more, &lost(Script::tls13(), true)), [2]);
}

#[test]
fn issue_of_another_version_explains_nothing() {
    let older = known(&format!("affects = {{ openssl = \"3.2 .. 3.6\" }}\n{LOST}"));
    assert_eq!(unexpected(&older, &lost(Script::tls13(), true)), [2]);
    let this = known(&format!("affects = {{ openssl = \"3.2 .. 4.0\" }}\n{LOST}"));
    assert_eq!(unexpected(&this, &lost(Script::tls13(), true)), NONE);
    let other = known(&format!("affects = {{ boringssl = \"..\" }}\n{LOST}"));
    assert_eq!(unexpected(&other, &lost(Script::tls13(), true)), [2]);
}

const DEAD: &str = r#"
when = ["failed", "write"]
breaks = [{ clause = "error.dead-connection-tells-the-truth", in = "call", error = "SYSCALL" }]
"#;

#[test]
fn unexpected_event_triggers_nothing() {
    let silent = || failed(-1, ErrorClass::Syscall);
    let refused_wrong_retry = Script::tls13()
        .blocked_write()
        .retry(9, refused("ssl:bad length"));
    assert_eq!(
        unexpected(&known(DEAD), &refused_wrong_retry.write(9, silent())),
        NONE
    );
    // A right retry that is refused is unexpected; that the connection is dead then excuses nothing.
    let refused_right_retry = Script::tls13()
        .blocked_write()
        .retry(1000, refused("ssl:bad length"));
    assert_eq!(
        unexpected(&known(DEAD), &refused_right_retry.write(9, silent())),
        [3, 4]
    );
}

#[test]
fn input_triggers_also_after_an_unexpected_event() {
    let both = lost(lost(Script::tls13(), false), true);
    let known = known(&LOST.replace("swallowed", "swallowed + 9"));
    assert_eq!(unexpected(&known, &both), [2]);
}

#[test]
fn later_effects_begin_after_the_trigger_and_end_at_an_event() {
    let later = |until: &str| {
        known(&format!(
            "when = \"transport-zero\"\nbreaks = [{{ clause = \"success.bytes-are-on-the-wire\", in = \"later\", missing = \"swallowed\"{until} }}]"
        ))
    };
    let base = lost(Script::tls13(), true);
    let again = base.clone().write(9, Call::success(9)).sent(data(9));
    assert_eq!(unexpected(&later(""), &again), [2]);
    let read = base
        .read(wants_read())
        .write(9, Call::success(9))
        .sent(data(9));
    assert_eq!(unexpected(&later(""), &read), [2]);
    assert_eq!(unexpected(&later(", until = \"read\""), &read), [2, 4]);
}

#[test]
fn operators_follow_the_order_of_events() {
    let holds = |when: &str, script: &Script| {
        let known = known(&format!(
            "when = {when}\nbreaks = [{{ clause = \"call.returns\", in = \"later\", ends = \"crash\" }}]"
        ));
        let course = Course::of(&script.0).expect("a script has a setting");
        let history = History::of(&course);
        known.issues()[0].when.holds(&history)
    };
    let script = Script::new(crate::scenario::Version::Tls13)
        .write(9, wants_write())
        .read(wants_read())
        .write(0, failed(0, ErrorClass::Syscall))
        .read(wants_read());
    assert_eq!(holds("\"read\"", &script), [false, true, false, true]);
    assert_eq!(
        holds("{ earlier = \"read\" }", &script),
        [false, false, true, true]
    );
    assert_eq!(
        holds("{ then = [\"write\", \"read\", \"read\"] }", &script),
        [false, false, false, true]
    );
    assert_eq!(
        holds("{ since = [\"write\", \"write-of-nothing\"] }", &script),
        [false, true, false, false]
    );
    assert_eq!(
        holds("{ at_least = 2, of = \"read\" }", &script),
        [false, false, false, true]
    );
    assert_eq!(
        holds("[\"read\", { not = { earlier = \"read\" } }]", &script),
        [false, true, false, false]
    );
    assert_eq!(
        holds(
            "{ any = [\"write\", \"write-of-nothing\"], why = \"a test\" }",
            &script
        ),
        [true, false, true, false]
    );
    assert_eq!(holds("{ always = \"a test\" }", &script), [true; 4]);
    let partial = Script::tls13()
        .modes(&[Mode::PartialWrite])
        .blocked_write()
        .retry(1000, wants_write());
    let modes = holds("[\"partial-mode\", \"pending\"]", &partial);
    assert_eq!(modes, [false, false, false, true]);
}

/// The conjuncts of this trigger without which a lost write becomes known: the transport would have blocked.
fn needed(when: &str) -> Vec<String> {
    let known = known(&format!(
        "when = {when}\nbreaks = [{{ clause = \"success.bytes-are-on-the-wire\", in = \"call\", missing = \"swallowed + 9\" }}]"
    ));
    let script = lost(Script::tls13(), false);
    let course = Course::of(&script.0).expect("a script has a setting");
    let watched = monitor::watch_course(&course);
    let violations = monitor::violations(&watched);
    let conjuncts = Conjuncts::of(&known);
    let needed = |counts: bool| conjuncts.needed(OPENSSL, &course, &violations, |_, _| counts);
    assert!(
        needed(false).is_empty(),
        "what does not count needs nothing"
    );
    let needed = needed(true).into_iter();
    needed
        .map(|index| conjuncts.all()[index].what.clone())
        .collect()
}

#[test]
fn conjunct_is_needed_if_more_is_known_without_it() {
    let zero = "\"transport-zero\"";
    assert_eq!(needed(zero), [zero]);
    assert_eq!(needed("[\"transport-zero\", \"write\"]"), [zero]);
    let not_blocked = "{ not = \"transport-blocks\" }";
    assert_eq!(
        needed(&format!("[\"write\", {not_blocked}]")),
        [not_blocked]
    );
    let both = format!("[{zero}, {not_blocked}]");
    assert_eq!(needed(&both), [""; 0], "each is redundant beside the other");
    let earlier = format!("{{ earlier = {zero} }}");
    assert_eq!(
        needed(&format!("[\"write\", {earlier}]")),
        [earlier.as_str()]
    );
}

#[test]
fn every_trigger_holds_without_a_conjunct_wherever_it_holds_with_it() {
    let known = KnownIssues::built_in().expect("the fixtures are right");
    let script = lost(lost(Script::tls13(), true), false);
    let course = Course::of(&script.0).expect("a script has a setting");
    let history = History::of(&course);
    let conjuncts = Conjuncts::of(&known);
    for conjunct in conjuncts.all() {
        let with = conjunct.issue.when.holds(&history);
        let without = conjunct.weaker.holds(&history);
        let mut moments = with.iter().zip(&without);
        assert!(
            moments.all(|(with, without)| without | !with),
            "{} without {}",
            conjunct.issue.id,
            conjunct.what
        );
    }
}

#[test]
fn wrong_files_are_refused_with_their_place() {
    let refusal = |from: &str, to: &str| {
        let text = format!(
            "[[issue]]\nid = \"one\"\ntitle = \"A title\"\nclass = \"bug\"\nreason = \"A reason.\"\nsource = \"x.c:1\"\n{LOST}"
        );
        assert!(text.contains(from), "{from}");
        let mut known = KnownIssues::default();
        let error = known
            .add("mine.toml", &text.replace(from, to))
            .expect_err(to);
        error.to_string()
    };
    for (from, to, wanted) in [
        (
            "[[issue]]",
            "[[known]]",
            "mine.toml:1:1: the format before known issues had causes",
        ),
        (
            "\"transport-zero\"",
            "\"transport-zeros\"",
            "did you mean \"transport-zero\"?",
        ),
        (
            "missing = \"swallowed\"",
            "missing = \"<= swalowed\"",
            "must be a number, or a sum of asked",
        ),
        (", missing = \"swallowed\"", "", "it explains anything"),
        (
            "\"transport-zero\"",
            "\"succeeds\"",
            "a call may not excuse itself",
        ),
        ("\"transport-zero\"", "{ any = [\"read\"] }", "no \"why\""),
        ("when = \"transport-zero\"", "", "no \"when\""),
        (
            "clause = \"success.bytes-are-on-the-wire\", ",
            "",
            "no \"clause\"",
        ),
        ("title", "titel", "unknown key \"titel\""),
    ] {
        let error = refusal(from, to);
        assert!(error.contains(wanted), "{to}: {error}");
    }
}
