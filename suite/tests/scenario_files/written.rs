//! Written scenarios: the text means the same scenario, in the style of the corpus; a scenario that
//! no file can express is refused.

use std::num::NonZeroUsize;

use rstest::rstest;
use writeproof::internal::scenario::{
    Cipher, Corpus, Function, KeyExchange, PeerAction, Role, Scenario, Step, TransportKind,
    Version, Write, WriteSource, write,
};
use writeproof::internal::transport::{Budget, Errno, Inbound, Outbound, Refusal};

use crate::damage::{Random, damaged};
use crate::{ALL_OF_TLS13, VALID, read};

fn library() -> Vec<Scenario> {
    let library = Corpus::built_in().expect("the library");
    library.scenarios().to_vec()
}

/// The scenario that `text` describes, with the given id.
#[track_caller]
fn read_back(scenario: &Scenario) -> Scenario {
    let text = write(scenario);
    let path = format!("{}.toml", scenario.id);
    match writeproof::internal::scenario::parse(scenario.id.clone(), &path, &text) {
        Ok(read) => read,
        Err(error) => panic!("{error}\n{text}"),
    }
}

#[test]
fn every_scenario_of_the_corpus_round_trips() {
    let library = library();
    assert!(library.len() >= 359, "only {}", library.len());
    for scenario in &library {
        assert_eq!(read_back(scenario), *scenario, "\n{}", write(scenario));
    }
}

#[test]
fn every_key_and_step_round_trips() {
    for text in VALID {
        let scenario = read(text).expect("a valid file");
        assert_eq!(read_back(&scenario), scenario, "\n{}", write(&scenario));
    }
}

#[test]
fn scenario_is_written_in_the_style_of_the_files() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../fixtures/scenarios/retry/shorter-buffer.toml"
    );
    let text = std::fs::read_to_string(path).expect("a file of the library");
    assert_eq!(write(&read(&text).expect("a valid file")), text);
}

#[test]
fn default_values_are_left_out() {
    let text = "title = \"t\"\nversions = [\"tls1.2\", \"tls1.3\"]\nroles = [\"client\", \"server\"]\n\
         transports = [\"scripted\"]\ncipher = \"aes128-gcm\"\nrole_state = \"set\"\n\
         session_tickets = \"none\"\nsteps = [{ read = { max = 16384 } }, \
         { write = { len = 1, function = \"SSL_write\", times = 1 } }, \
         { retry = { buffer = \"same\", content = \"same\" } }, { link = { accept = 0 } }, \
         { inbound = { then = \"eof\" } }, \"finish\"]\n";
    let expected = "title = \"t\"\n\nsteps = [\n  { read = {} },\n  { write = { len = 1 } },\n  \
         { retry = {} },\n  { link = \"blocked\" },\n  { inbound = \"eof\" },\n  \"finish\",\n]\n";
    assert_eq!(write(&read(text).expect("a valid file")), expected);
}

#[test]
fn every_title_round_trips() {
    let mut scenario = read(VALID[0]).expect("a valid file");
    for title in ["\"quoted\" and \\ after", "größer als \u{2028}", "'''", "#"] {
        scenario.title = title.to_owned();
        assert_eq!(read_back(&scenario).title, title);
    }
}

#[rstest]
#[case(b"hello \"you\"\r\n", "{ text = \"hello \\\"you\\\"\\r\\n\" }")]
#[case("grüß".as_bytes(), "{ text = \"grüß\" }")]
#[case(b"\0", "{ hex = \"00\" }")]
#[case(b"\xff\xfe", "{ hex = \"fffe\" }")]
#[case(b"\x7f", "{ hex = \"7f\" }")]
fn printable_bytes_are_written_as_text(#[case] bytes: &[u8], #[case] wanted: &str) {
    let mut scenario = read(VALID[0]).expect("a valid file");
    scenario.steps = vec![Step::Write(Write {
        function: Function::Write,
        source: WriteSource::Literal(bytes.to_vec()),
        times: NonZeroUsize::MIN,
    })];
    let text = write(&scenario);
    assert!(
        text.contains(&format!("  {{ write = {wanted} }},\n")),
        "{text}"
    );
    assert_eq!(read_back(&scenario), scenario);
}

#[test]
fn scenario_read_from_a_damaged_file_round_trips() {
    let mut random = Random(2);
    let mut accepted = 0;
    for round in 0..6000 {
        let text = damaged(VALID[round % VALID.len()], &mut random);
        let Ok(scenario) = read(&text) else { continue };
        accepted += 1;
        assert_eq!(read_back(&scenario), scenario, "\n{}", write(&scenario));
    }
    assert!(accepted > 200, "only {accepted} of 6000 were accepted");
}

/// A scenario generated from steps and settings that are each valid on their own.
fn put_together(random: &mut Random, steps: &[Step], like: &Scenario) -> Scenario {
    let one = |of: &[Step], random: &mut Random| of[random.below(of.len())].clone();
    let some = 1 + random.below(8);
    Scenario {
        versions: match random.below(3) {
            0 => vec![Version::Tls12],
            1 => vec![Version::Tls13],
            _ => Version::ALL.to_vec(),
        },
        roles: match random.below(3) {
            0 => vec![Role::Client],
            _ => vec![Role::Server, Role::Client],
        },
        transports: vec![
            TransportKind::ALL
                [random.below(2 * TransportKind::ALL.len()) % TransportKind::ALL.len()],
        ],
        cipher: Cipher::ALL[random.below(Cipher::ALL.len())],
        key_exchange: KeyExchange::ALL[random.below(KeyExchange::ALL.len())],
        steps: (0..some).map(|_| one(steps, random)).collect(),
        ..like.clone()
    }
}

#[test]
fn generated_scenario_round_trips_or_is_refused_by_a_rule() {
    let mut steps: Vec<Step> = library().into_iter().flat_map(|s| s.steps).collect();
    steps.extend(read(ALL_OF_TLS13).expect("a valid file").steps);
    let like = read(VALID[0]).expect("a valid file");
    let mut random = Random(3);
    let (mut right, mut wrong) = (0, 0);
    for _ in 0..4000 {
        let scenario = put_together(&mut random, &steps, &like);
        let text = write(&scenario);
        let Err(error) =
            writeproof::internal::scenario::parse(scenario.id.clone(), "x.toml", &text)
        else {
            assert_eq!(read_back(&scenario), scenario, "\n{text}");
            right += 1;
            continue;
        };
        wrong += 1;
        let is_of_form = ["unknown ", "invalid TOML"]
            .iter()
            .any(|start| error.message.starts_with(start))
            || error.help.starts_with("must be");
        assert!(!is_of_form, "{error}\n{text}");
    }
    assert!(right > 400 && wrong > 400, "{right} right, {wrong} wrong");
}

#[test]
fn scenario_that_no_file_can_express_is_refused() {
    let once = NonZeroUsize::MIN;
    let twice = NonZeroUsize::new(2).expect("not 0");
    let huge = NonZeroUsize::MAX;
    let rest = |function, times| {
        Step::Write(Write {
            function,
            source: WriteSource::Rest,
            times,
        })
    };
    let wrong = [
        rest(Function::Write, twice),
        rest(Function::WriteEx, once),
        Step::Write(Write {
            function: Function::Write,
            source: WriteSource::Literal(Vec::new()),
            times: once,
        }),
        Step::Write(Write {
            function: Function::Write,
            source: WriteSource::Negative(5_000_000),
            times: once,
        }),
        Step::Read(huge),
        Step::SetModes(Vec::new()),
        Step::MaxSendFragment(100),
        Step::Link(Outbound {
            then: Refusal::Zero,
            ..Outbound::OPEN
        }),
        Step::Link(Outbound {
            accept: Budget::Bytes(0),
            at_most: None,
            then: Refusal::Fail(Errno::from_raw(9999)),
        }),
        Step::Inbound(Inbound {
            at_most: Some(huge),
            ..Inbound::OPEN
        }),
        Step::Peer(PeerAction::Raw(Vec::new())),
        Step::Peer(PeerAction::Write(huge)),
    ];
    let right = read(VALID[0]).expect("a valid file");
    for step in wrong {
        let mut scenario = right.clone();
        // After a write and before a call, so that only the step itself is wrong.
        scenario.steps.insert(4, step);
        let text = write(&scenario);
        assert!(read(&text).is_err(), "{text}");
    }
    for without in [
        Scenario {
            title: String::new(),
            ..right.clone()
        },
        Scenario {
            title: "two\nlines".to_owned(),
            ..right.clone()
        },
        Scenario {
            versions: Vec::new(),
            ..right.clone()
        },
        Scenario {
            roles: Vec::new(),
            ..right.clone()
        },
        Scenario {
            transports: Vec::new(),
            ..right.clone()
        },
        Scenario {
            steps: Vec::new(),
            ..right.clone()
        },
    ] {
        let text = write(&without);
        assert!(read(&text).is_err(), "{text}");
    }
}
