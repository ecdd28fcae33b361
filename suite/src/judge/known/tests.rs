use std::collections::BTreeSet;

use super::*;
use crate::judge::Judge;
use crate::judge::monitor::{self, script::*};
use crate::scenario::{KeyUpdate, Mode, PeerAction};
use crate::trace::{Call, ErrorClass};
use crate::transport::{Direction, Refusal};

const OPENSSL: Library<'_> = Library {
    name: "openssl-3.6",
    version: "3.6.3",
};

/// An issue with these lines in addition to the required ones.
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

/// The steps of the script with an unexpected violation.
fn unexpected(known: &KnownIssues, script: &Script) -> Vec<usize> {
    let history = History::of(&script.0).expect("a script has a setting");
    let watched = monitor::watch_history(&history);
    let violations = monitor::violations(&watched);
    let explained = known.explain(OPENSSL, &history, &violations);
    let unknown = violations
        .iter()
        .zip(explained)
        .filter(|(_, explained)| explained.is_none());
    let mut steps: Vec<usize> = unknown.map(|((_, violation), _)| violation.step).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// A write of nine bytes that reports success and sends nothing; the transport returned 0 or did
/// not.
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
fn number_must_equal_that_of_the_history() {
    // Nine bytes were lost without a cause before; the transport swallowed nine more, and eighteen
    // are missing.
    let twice = lost(lost(Script::tls13(), false), true);
    assert_eq!(unexpected(&known(LOST), &twice), [2, 3]);
    let more = known(&LOST.replace("swallowed", "swallowed + 1"));
    assert_eq!(unexpected(&more, &lost(Script::tls13(), true)), [2]);
}

#[test]
fn call_after_damage_may_take_everything_that_the_peer_has_sent() {
    let taking = |predicate: &str| known(&LOST.replace("transport-zero", predicate));
    let asked = Script::tls13()
        .peer(PeerAction::KeyUpdate(KeyUpdate::Requested))
        .peer_sent(messages(&["key_update (update_requested)"]));
    let damaged = asked.clone().peer(PeerAction::Raw(vec![0]));
    let [asked, damaged] = [asked, damaged].map(|script| lost(script, true));
    let request = taking("takes-key-update-request");
    assert_eq!(unexpected(&request, &asked), [3]);
    assert_eq!(unexpected(&request, &damaged), NONE);
    assert_eq!(unexpected(&taking("takes-close-notify"), &damaged), [4]);
}

#[test]
fn call_that_ends_a_renegotiation_may_begin_the_next_one() {
    let known = known(&LOST.replace("transport-zero", "renegotiating"));
    let ended = Script::tls12()
        .read(wants_read())
        .taken(messages(&["hello_request"]))
        .sent(messages(&["client_hello"]))
        .read(wants_read())
        .taken(messages(&["server_hello"]))
        .sent(messages(&["finished"]))
        .taken(messages(&["finished"]));
    assert_eq!(unexpected(&known, &lost(ended.clone(), true)), [4]);
    let begun = ended.taken(messages(&["hello_request"]));
    assert_eq!(unexpected(&known, &lost(begun, true)), NONE);
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

const FAILED: &str = r#"
when = ["failed", "write"]
breaks = [{ clause = "error.failed-connection-reports-failure", in = "call", error = "SYSCALL" }]
"#;

#[test]
fn unexpected_event_triggers_nothing() {
    let silent = || failed(-1, ErrorClass::Syscall);
    let refused_wrong_retry = Script::tls13()
        .blocked_write()
        .retry(9, refused("ssl:bad length"));
    assert_eq!(
        unexpected(&known(FAILED), &refused_wrong_retry.write(9, silent())),
        NONE
    );
    // A correct retry that is refused is unexpected; the failed connection then excuses nothing.
    let refused_permitted_retry = Script::tls13()
        .blocked_write()
        .retry(1000, refused("ssl:bad length"));
    assert_eq!(
        unexpected(&known(FAILED), &refused_permitted_retry.write(9, silent())),
        [3, 4]
    );
}

#[test]
fn result_is_one_fact_for_all_clauses_about_continuing() {
    let refused_permitted_retry = Script::tls13()
        .blocked_write()
        .retry(1000, refused("ssl:bad length"));
    let of = |clause: &str, queue: &str| {
        known(&format!(
            "when = \"pending\"\nbreaks = [{{ clause = \"{clause}\", in = \"call\", error = \"SSL\", queue = \"{queue}\" }}]"
        ))
    };
    let unexpected = |clause, queue| unexpected(&of(clause, queue), &refused_permitted_retry);
    assert_eq!(unexpected("retry.same-arguments", "ssl:bad length"), NONE);
    assert_eq!(
        unexpected("renegotiation.transparent", "ssl:bad length"),
        NONE
    );
    assert_eq!(
        unexpected("renegotiation.transparent", "ssl:bad write retry"),
        [3]
    );
    // A clause about something else.
    assert_eq!(
        unexpected("closing.no-write-after-shutdown", "ssl:bad length"),
        [3]
    );
}

#[test]
fn input_triggers_even_after_an_unexpected_event() {
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
        let history = History::of(&script.0).expect("a script has a setting");
        let measured = MeasuredHistory::of(&history);
        known.issues()[0].when.holds(&measured)
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

/// The conjuncts of this trigger whose removal makes a lost write known: the transport would have
/// blocked.
fn needed(when: &str) -> Vec<String> {
    let known = known(&format!(
        "when = {when}\nbreaks = [{{ clause = \"success.bytes-are-on-the-wire\", in = \"call\", missing = \"swallowed + 9\" }}]"
    ));
    let script = lost(Script::tls13(), false);
    let history = History::of(&script.0).expect("a script has a setting");
    let watched = monitor::watch_history(&history);
    let violations = monitor::violations(&watched);
    let conjuncts = Conjuncts::of(&known);
    let needed = |counts: bool| conjuncts.needed(OPENSSL, &history, &violations, |_, _| counts);
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
    assert_eq!(
        needed(&both),
        [""; 0],
        "each is redundant if the other is present"
    );
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
    let history = History::of(&script.0).expect("a script has a setting");
    let measured = MeasuredHistory::of(&history);
    let conjuncts = Conjuncts::of(&known);
    for conjunct in conjuncts.all() {
        let with = conjunct.issue.when.holds(&measured);
        let without = conjunct.weaker.holds(&measured);
        let mut events = with.iter().zip(&without);
        assert!(
            events.all(|(with, without)| without | !with),
            "{} without {}",
            conjunct.issue.id,
            conjunct.what
        );
    }
}

#[test]
fn invalid_files_are_refused_with_the_location() {
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
            "mine.toml:1:1: [[known]] is the old format of known issues, without causes: convert the file",
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
        (
            ", missing = \"swallowed\"",
            "",
            "an effect that matches any finding",
        ),
        (
            "\"transport-zero\"",
            "\"succeeds\"",
            "a call must not be excused by its own result",
        ),
        (
            "\"transport-zero\"",
            "{ any = [\"read\"] }",
            "missing \"why\"",
        ),
        ("when = \"transport-zero\"", "", "missing \"when\""),
        (
            "clause = \"success.bytes-are-on-the-wire\", ",
            "",
            "missing \"clause\"",
        ),
        ("title", "titel", "unknown key \"titel\""),
    ] {
        let error = refusal(from, to);
        assert!(error.contains(wanted), "{to}: {error}");
    }
}

/// The proposals for all violations of a script that these issues do not explain.
fn proposed(known: &KnownIssues, scripts: &[Script]) -> String {
    let judge = Judge {
        known: known.clone(),
        ..Judge::built_in().expect("the fixtures are right")
    };
    let mut proposals = Proposals::default();
    for script in scripts {
        let history = History::of(&script.0).expect("a script has a setting");
        let broken = judge.violations(&script.0, &history, OPENSSL);
        let witness = Witness {
            backend: "mine".to_owned(),
            scenario: Id::new("local/mine").expect("an id"),
            variant: history.setting.variant,
        };
        let unexplained = broken
            .iter()
            .filter(|broken| broken.finding.known.is_none());
        proposals.add(&witness, &history, unexplained);
    }
    assert_eq!(proposals.inexpressible(), [""; 0]);
    let stated = Stated {
        reviewed: Some((
            Class::Bug,
            "A reason.".to_owned(),
            ("source", "x.c:1".to_owned()),
        )),
        affects: None,
    };
    let mut taken = BTreeSet::new();
    let mut text = String::new();
    for issue in proposals.issues() {
        let id = issue.id(&taken);
        text.push_str(&issue.text(&id, &stated));
        taken.insert(id);
    }
    text
}

fn read(text: &str) -> KnownIssues {
    let mut known = KnownIssues::default();
    let added = known.add_own("proposed.toml", text);
    added.unwrap_or_else(|error| panic!("{error}\n{text}"));
    known
}

#[test]
fn proposal_explains_its_case_and_none_with_another_trigger_or_number() {
    let none = KnownIssues::default();
    let text = proposed(&none, &[lost(Script::tls13(), true)]);
    let known = read(&text);
    assert_eq!(
        unexpected(&known, &lost(Script::tls13(), true)),
        NONE,
        "{text}"
    );
    // The transport blocked: another trigger. Twice as much was lost: another number.
    assert_eq!(unexpected(&known, &lost(Script::tls13(), false)), [2]);
    let twice = lost(lost(Script::tls13(), false), true);
    assert_eq!(unexpected(&known, &twice), [2, 3], "{text}");
}

#[test]
fn proposals_of_both_versions_are_one_issue_that_still_needs_its_trigger() {
    let none = KnownIssues::default();
    let both = [lost(Script::tls12(), true), lost(Script::tls13(), true)];
    let text = proposed(&none, &both);
    let known = read(&text);
    let [issue] = known.issues() else {
        panic!("{text}");
    };
    assert!(!issue.when.is_always());
    assert_eq!(issue.witnesses.len(), 2);
    for script in &both {
        assert_eq!(unexpected(&known, script), NONE, "{text}");
    }
    let one = read(&proposed(&none, &both[1..]));
    assert_eq!(unexpected(&one, &both[1]), NONE);
    assert_eq!(unexpected(&one, &both[0]), [2], "it is of TLS 1.3 alone");
}

#[test]
fn proposal_uses_a_sum_that_fits_every_case() {
    let longer = Script::tls13()
        .write(12, Call::success(12))
        .refused(Direction::Out, Refusal::Zero);
    let text = proposed(
        &KnownIssues::default(),
        &[lost(Script::tls13(), true), longer.clone()],
    );
    let known = read(&text);
    assert_eq!(known.issues().len(), 1, "{text}");
    assert!(text.contains("missing = \"asked\""), "{text}");
    assert_eq!(unexpected(&known, &longer), NONE);
}

#[test]
fn violations_explained_once_the_rest_is_known_get_no_proposal() {
    // The second violation follows from an output, which triggers nothing while the first is
    // unexpected.
    let script = Script::tls13()
        .blocked_write()
        .retry(1000, refused("ssl:bad length"))
        .write(9, failed(-1, ErrorClass::Syscall));
    let failed = known(FAILED);
    assert_eq!(unexpected(&failed, &script), [3, 4]);
    let text = proposed(&failed, std::slice::from_ref(&script));
    assert!(
        !text.contains("error.failed-connection-reports-failure"),
        "{text}"
    );
    let mut all = failed;
    all.add_own("proposed.toml", &text).expect("a ledger");
    assert_eq!(unexpected(&all, &script), NONE, "{text}");
}

#[test]
fn every_pattern_parses_back_to_its_observation() {
    for exact in [
        "error = \"SSL\", queue = \"ssl:bad length, ssl:other\", returns = -1",
        "error = 4, returns = 0",
        "record = \"alert\", alert = \"fatal bad_record_mac\"",
        "record = \"handshake\", message = \"finished\", flaw = \"nonce-repeated\"",
        "bytes = \"asked + unsent\"",
        "missing = 522",
        "repeated = \"block\"",
        "what = \"nothing-stored\"",
        "ends = \"stop\"",
    ] {
        let known = known(&format!(
            "when = \"write\"\nbreaks = [{{ clause = \"call.returns\", in = \"call\", {exact} }}]"
        ));
        assert_eq!(known.issues()[0].breaks[0].exact(), format!(", {exact}"));
    }
}

#[test]
fn invalid_differs_is_refused_with_the_location() {
    for (differs, wanted) in [
        ("[{ in = \"call\" }]", "a difference that matches any other"),
        ("[{ aspect = \"records\" }]", "missing \"in\""),
        (
            "[{ in = \"call\", aspect = \"record\" }]",
            "unknown value \"record\" for \"aspect\"",
        ),
        (
            "[{ in = \"call\", until = \"read\", aspect = \"records\" }]",
            "\"until\" with in = \"call\"",
        ),
        (
            "[{ in = \"call\", errors = \"SSL\" }]",
            "unknown key \"errors\"",
        ),
    ] {
        let text = format!(
            "[[issue]]\nid = \"one\"\ntitle = \"A title\"\nclass = \"bug\"\nreason = \"A reason.\"\nsource = \"ssl/x.c:1\"\n\
             when = \"read\"\ndiffers = {differs}\n"
        );
        let error = KnownIssues::default().add("mine.toml", &text);
        let error = error.expect_err(differs).to_string();
        assert!(
            error.starts_with("mine.toml:8:") && error.contains(wanted),
            "{error}"
        );
    }
}
