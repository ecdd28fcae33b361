//! As which library a shared object is judged: the one that its object shows, the one that the user
//! names, or an unknown one without known issues.

#![cfg(target_os = "linux")]

mod everything;
mod outcome;
mod wrappers;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use tempfile::TempDir;
use writeproof::internal::backend::Backends;
use writeproof::internal::backend::libssl::{Family, LibrarySource, Libssl};
use writeproof_openssl_1_1_1::LIBSSL;

use self::everything::with_everything;
use self::outcome::{assert_exit, stderr, stdout};
use self::wrappers::{Real, Wrapper};

fn writeproof(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command
        .args(with_everything(arguments))
        .stdin(Stdio::null());
    command.output().expect("the command starts")
}

/// The family and version that a shared object is recognised as.
fn recognised(source: &LibrarySource) -> Option<(Family, Option<String>)> {
    let libssl = Libssl::open(source).unwrap_or_else(|error| panic!("{error}"));
    let recognised = libssl.loaded().recognised.clone()?;
    Some((recognised.family, recognised.version))
}

#[test]
fn distribution_library_is_recognised_with_its_version() {
    let (family, version) =
        recognised(&LibrarySource::new("system", Real::Distribution.path())).expect("OpenSSL");
    assert_eq!(family, Family::OpenSsl);
    assert!(
        version.as_deref().is_some_and(|it| it.starts_with("3.")),
        "{version:?}"
    );
}

#[rstest]
#[case::openssl_1_1_1("openssl-1.1.1", Family::OpenSsl)]
#[cfg_attr(
    feature = "openssl-4.0",
    case::openssl_4_0("openssl-4.0", Family::OpenSsl)
)]
#[cfg_attr(feature = "tongsuo", case::tongsuo("tongsuo", Family::Tongsuo))]
#[cfg_attr(feature = "boringssl", case::boringssl("boringssl", Family::BoringSsl))]
#[cfg_attr(feature = "aws-lc", case::aws_lc("aws-lc", Family::AwsLc))]
fn library_built_by_the_suite_is_recognised(#[case] backend: &str, #[case] family: Family) {
    use writeproof::internal::backend::Home;

    let home = Backends::home(backend)
        .expect("a known backend")
        .expect("the backend is available");
    let Home::SharedObject(source) = home else {
        panic!("{backend} is no shared object");
    };
    let about = Backends::open(backend)
        .expect("a known backend")
        .expect("the backend is available");
    let (found, version) = recognised(&source).expect("it is recognised");
    assert_eq!(found, family);
    if let Some(version) = version {
        assert_eq!(version, about.about().version);
    }
}

#[test]
fn wrapper_is_unknown_and_does_not_take_the_version_of_its_libcrypto() {
    let wrapper = Wrapper::of(Real::Distribution, "honest");
    let libssl = Libssl::load("mine", wrapper.path()).unwrap_or_else(|error| panic!("{error}"));
    use writeproof::internal::backend::Backend as _;
    assert_eq!(libssl.loaded().recognised, None);
    let about = libssl.about();
    assert_eq!(
        (about.library.as_str(), about.version.as_str()),
        ("libssl", "unknown version")
    );
    let text = &libssl.loaded().version;
    assert!(
        text.starts_with("unknown, with a libcrypto that says \"OpenSSL 3."),
        "{text}"
    );
}

/// A layer over OpenSSL's libcrypto that has its symbol versions and exports the identifying
/// functions.
#[test]
fn exports_alone_do_not_identify_a_library() {
    let wrapper = Wrapper::of(Real::Distribution, "exports-of-openssl");
    let source = LibrarySource::new("mine", wrapper.path());
    assert_eq!(recognised(&source), None);
}

#[test]
fn recognised_library_is_judged_with_its_known_issues() {
    let system = Real::Distribution.path();
    let system = system.to_str().expect("UTF-8");
    let known = writeproof(&["check", "--libssl", system]);
    assert_exit(&known, 0);
    let text = stdout(&known);
    let line = text
        .lines()
        .find(|line| line.trim().starts_with("judged as"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    assert!(
        line.contains("OpenSSL 3.0.") && line.contains("detected from its object"),
        "{line}"
    );
    assert!(
        line.contains("known issues of openssl-system-3.0"),
        "{line}"
    );
}

#[rstest]
#[case(&["--as", "unknown"], 1, "unknown library, given with --as: no known issues of its own")]
#[case(&["--as", "openssl@1.1.1w"], 0, "OpenSSL 1.1.1w, given with --as: ")]
#[case(&["--as", "openssl"], 0, "OpenSSL 1.1.1w, given with --as: ")]
#[case(&["--as", "openssl@3.2.1"], 1, " of openssl; this version was not tested, only openssl-1.1.1, openssl-3.6")]
#[case(&[], 0, "OpenSSL 1.1.1w, detected from its object: ")]
fn as_option_overrides_recognition(#[case] more: &[&str], #[case] code: i32, #[case] wanted: &str) {
    let arguments = ["check", "--libssl", LIBSSL, "--scenario", "closing"];
    let output = writeproof(&[&arguments[..], more].concat());
    assert_exit(&output, code);
    let text = stdout(&output);
    assert!(text.contains(wanted), "{wanted} in\n{text}");
}

#[rstest]
#[case("libressl", "expected openssl, tongsuo, boringssl, aws-lc or unknown")]
#[case("openssl@new", "a version starts with a digit, as in openssl@3.0.19")]
fn unknown_library_name_is_refused(#[case] given: &str, #[case] wanted: &str) {
    let output = writeproof(&["check", "--libssl", LIBSSL, "--as", given]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
}

#[rstest]
#[case::run(&["run", "--backend", "openssl-3.6", "--scenario", "closing"])]
#[case::show(&["show", "closing"])]
#[case::diff(&["diff", "openssl-3.6", "--scenario", "closing"])]
#[case::ledger(&["ledger", "--check", "--scenario", "closing"])]
fn recognised_library_is_judged_alike_in_every_command(#[case] arguments: &[&str]) {
    let named = ["--libssl", LIBSSL];
    assert_exit(&writeproof(&[arguments, &named].concat()), 0);
    let unknown = ["--libssl", LIBSSL, "--as", "unknown"];
    assert_exit(&writeproof(&[arguments, &unknown].concat()), 1);
}

/// A scenario in which OpenSSL before 3.2 loses a record, as its known issues say, and the
/// reference does not.
const LOST: &str = "retry/shorter-after-a-ticket";

#[rstest]
#[case::as_the_object_shows(&[], true)]
#[case::as_the_user_says(&["--as", "openssl@1.1.1w"], true)]
#[case::in_which_it_was_fixed(&["--as", "openssl@3.4.0"], false)]
#[case::unknown(&["--as", "unknown"], false)]
fn replay_and_ledger_judge_a_recognised_library_with_its_known_issues(
    #[case] judged_as: &[&str],
    #[case] is_known: bool,
) {
    let folder = TempDir::new().expect("a temporary folder");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/scenarios")
        .join(LOST)
        .with_extension("toml");
    // The folder names the fuzz target of an input.
    let inputs = folder.path().join("scenario_file");
    fs::create_dir(&inputs).expect("the test folder is writable");
    let input = inputs.join("lost");
    fs::copy(scenario, &input).expect("a scenario");
    let input = input.to_str().expect("a path");
    let library = ["--libssl", LIBSSL, "--name", "mine"];
    let code = if is_known { 0 } else { 1 };

    let replay = ["replay", input, "--backend", "openssl-3.6"];
    let output = writeproof(&[&replay, &library[..], judged_as].concat());
    assert_exit(&output, code);
    let text = stdout(&output);
    let is_nothing_unexpected = text.contains("nothing unexpected");
    assert_eq!(is_nothing_unexpected, is_known, "{text}");

    let check = ["ledger", "--check", "--scenario", LOST];
    let output = writeproof(&[&check, &library[..], judged_as].concat());
    assert_exit(&output, code);
    let text = stdout(&output);
    assert_eq!(
        text == "known issues: 0 out of date, 0 missing\n",
        is_known,
        "{text}"
    );
}
