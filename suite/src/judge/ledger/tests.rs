use super::*;

#[test]
fn a_star_stands_for_any_text() {
    assert!(fits("returns 5", "returns 5"));
    assert!(fits("returns *", "returns 5"));
    assert!(fits("* bytes of * lost", "100 bytes of 20000 lost"));
    assert!(!fits("returns", "returns 5"));
    assert!(!fits("returns *s", "returns 5"));
    assert!(!fits("* bytes of * lost", "100 bytes lost"));
}

const RIGHT: &str = r#"
[[known]]
differs = "write 9: returns 0"
scenarios = ["zero/*"]
class = "manual-unclear"
reason = "the manual does not say which error"
link = "https://example.org"
"#;

#[test]
fn an_entry_is_read_as_it_stands() {
    let ledger = Ledger::from_files(&[("x", "fixtures/ledger/x.toml", RIGHT)]).unwrap();
    let [entry] = ledger.of("x") else { panic!() };
    assert_eq!(entry.class, Class::ManualUnclear);
    assert_eq!(entry.location.to_string(), "fixtures/ledger/x.toml:2");
    assert_eq!(entry.finding.words(), "differs: write 9: returns 0");
}

#[test]
fn a_wrong_entry_is_refused_with_its_place_and_what_would_be_right() {
    for (from, to, told) in [
        (
            "differs",
            "difers",
            "fixtures/ledger/x.toml:3:1: unknown key \"difers\" in known",
        ),
        ("class = \"manual-unclear\"\n", "", "add class = …"),
        (
            "manual-unclear",
            "unclear",
            "unknown value \"unclear\" for \"class\"",
        ),
        ("zero/*", "zero/[", "fixtures/ledger/x.toml:4:14: "),
        ("link = \"https://example.org\"\n", "", "add link = "),
        ("differs = \"write 9: returns 0\"\n", "", "add differs = "),
        (
            "differs",
            "hangs",
            "x.toml:3:1: \"hangs\" is in the format before known issues had causes: convert the file: writeproof ledger --convert fixtures/ledger/x.toml",
        ),
    ] {
        assert!(RIGHT.contains(from), "{from}");
        let text = RIGHT.replace(from, to);
        let error = Ledger::from_files(&[("x", "fixtures/ledger/x.toml", &text)]).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}
