//! Libraries that lack functions, or give them other names.

use std::path::Path;

use tempfile::TempDir;
use writeproof::internal::backend::Backend;
use writeproof::internal::backend::libssl::{
    Attachment, LibcryptoOrigin, LibrarySource, Libssl, LoadError, Loaded,
};
use writeproof::internal::runner;
use writeproof::internal::scenario::{Corpus, Scenario};

use crate::shim::{REAL, all_but, compile, error_of, folder, load_error, shim};

/// The functions that every library needs: those that an empty library lacks.
fn required(folder: &TempDir) -> Vec<&'static str> {
    let path = folder.path().join("empty.so");
    match load_error(&compile(&path, "int answer(void) { return 42; }\n", &[])) {
        LoadError::Lacks { missing, .. } => missing,
        other => panic!("something else went wrong: {other}"),
    }
}

fn scenario(id: &str) -> Scenario {
    let corpus = Corpus::built_in().expect("the built-in fixtures are valid");
    let mut scenarios = corpus.scenarios().iter().cloned();
    scenarios
        .find(|scenario| scenario.id.to_string() == id)
        .expect("a scenario of this name")
}

/// The reason why the first variant of the scenario is not supported.
fn unsupported(libssl: &Libssl, id: &str) -> Option<String> {
    let scenario = scenario(id);
    let variant = scenario.variants().next().expect("a variant");
    let trace = runner::run(libssl, &scenario, variant).expect("the suite works");
    trace.unsupported().map(ToOwned::to_owned)
}

#[test]
fn library_without_any_libssl_function_is_refused_with_all_that_it_lacks() {
    let missing = required(&folder());
    for name in [
        "SSL_write",
        "SSL_new",
        "TLS_method",
        "SSL_do_handshake",
        "SSL_set_fd",
    ] {
        assert!(missing.contains(&name), "{name} in {missing:?}");
    }
    assert!(!missing.contains(&"ERR_get_error"), "{missing:?}");
}

#[test]
fn library_without_ssl_write_is_refused_with_that_name_alone() {
    let folder = folder();
    let path = folder.path().join("nearly.so");
    let object = shim(&path, all_but(&["SSL_write"]), &[]);
    let wanted = format!(
        "{} lacks SSL_write: is it a libssl, or perhaps a libcrypto?",
        object.display()
    );
    assert_eq!(load_error(&object).to_string(), wanted);
}

#[test]
fn library_with_only_the_required_functions_loads() {
    let folder = folder();
    let missing = required(&folder);
    let object = shim(
        &folder.path().join("bare.so"),
        |name| missing.contains(&name).then(|| name.to_owned()),
        &[],
    );
    let libssl = Libssl::load("bare", &object).expect("it has all that is required");
    assert_eq!(libssl.loaded().has.len(), missing.len());
    assert_eq!(libssl.loaded().version, "unknown");
    assert_eq!(libssl.about().version, "unknown version");
    assert_eq!(libssl.loaded().libcrypto.found, LibcryptoOrigin::Nowhere);
}

#[test]
fn library_that_creates_no_bio_method_is_refused() {
    let folder = folder();
    let functions: String = REAL
        .loaded()
        .has
        .iter()
        .map(|name| format!("void *{name}(void) {{ return 0; }}\n"))
        .collect();
    let object = compile(&folder.path().join("hollow.so"), &functions, &[]);
    let error = load_error(&object);
    assert!(matches!(error, LoadError::Bio { .. }), "{error}");
}

#[test]
fn openssl_1_1_1_reports_its_version_and_lacks_nothing() {
    let (about, loaded) = (REAL.about(), REAL.loaded());
    assert_eq!(
        (about.library.as_str(), about.version.as_str()),
        ("OpenSSL", "1.1.1w")
    );
    assert_eq!(about.lacks, Vec::<String>::new());
    assert_eq!(loaded.lacks, Vec::<String>::new());
    assert!(
        loaded.version.starts_with("OpenSSL 1.1.1w "),
        "{}",
        loaded.version
    );
    assert_eq!(loaded.transport, Attachment::Bio);
    assert_eq!(loaded.libcrypto.found, LibcryptoOrigin::Inside);
    assert_eq!(loaded.libcrypto.path.as_ref(), Some(&loaded.path));
}

#[test]
fn load_report_survives_serialisation() {
    let text = serde_json::to_string(REAL.loaded()).expect("plain data");
    let again: Loaded = serde_json::from_str(&text).expect("written JSON is valid");
    assert_eq!(&again, REAL.loaded());
}

#[test]
fn missing_function_makes_the_steps_that_need_it_not_applicable() {
    let folder = folder();
    let hidden = &["SSL_write_ex", "SSL_shutdown", "ERR_get_error"];
    let object = shim(&folder.path().join("lesser.so"), all_but(hidden), &[]);
    let libssl = Libssl::load("lesser", &object).expect("a library without this function loads");
    assert_eq!(
        libssl.about().lacks,
        ["SSL_write_ex", "SSL_shutdown", "ERR_get_error"]
    );
    let reason = |id| unsupported(&libssl, id);
    assert_eq!(reason("partial/write-ex").as_deref(), Some("SSL_write_ex"));
    assert_eq!(
        reason("closing/after-own-shutdown").as_deref(),
        Some("SSL_shutdown")
    );
    assert_eq!(
        reason("errors/stale-before-success").as_deref(),
        Some("a stale error, without ERR_get_error")
    );
    assert_eq!(reason("partial/everything-fits"), None);
}

#[test]
fn old_function_names_replace_missing_new_ones() {
    let folder = folder();
    let old = |name: &str| match name {
        "TLS_method" => Some("SSLv23_method".to_owned()),
        "OpenSSL_version" => Some("SSLeay_version".to_owned()),
        "TLS_client_method" | "TLS_server_method" | "SSL_do_handshake" => None,
        name => Some(name.to_owned()),
    };
    let object = shim(&folder.path().join("old.so"), old, &[]);
    let libssl = Libssl::load("old", &object).expect("old names are names");
    assert_eq!(libssl.about().version, "1.1.1w");
    same_traces(&libssl, "partial/everything-fits");
}

#[test]
fn prefixed_name_takes_precedence_over_the_plain_one() {
    let folder = folder();
    // As in AWS-LC: libssl has plain names, libcrypto does not.
    let prefixed = |name: &str| {
        if name.starts_with("SSL_") {
            Some(name.to_owned())
        } else {
            Some(format!("aws_lc_0_47_0_{name}"))
        }
    };
    let object = shim(&folder.path().join("prefixed.so"), prefixed, &[]);
    let source = LibrarySource {
        prefix: Some("aws_lc_0_47_0_".to_owned()),
        ..LibrarySource::new("prefixed", &object)
    };
    let libssl = Libssl::open(&source).expect("the library has this prefix");
    assert_eq!(libssl.loaded().prefix, source.prefix);
    assert_eq!(libssl.loaded().has, REAL.loaded().has);
    same_traces(&libssl, "partial/everything-fits");
}

/// The names of wolfSSL: `SSL_write` is `wolfSSL_write`, `TLS_method` is `wolfTLS_method`, and all
/// others begin with `wolfSSL_`.
fn like_wolfssl(name: &str) -> Option<String> {
    Some(match name {
        "SSL_do_handshake" => "wolfSSL_SSL_do_handshake".to_owned(),
        name if name.starts_with("SSL_") || name.starts_with("TLS_") => format!("wolf{name}"),
        name => format!("wolfSSL_{name}"),
    })
}

#[test]
fn prefix_that_ends_in_ssl_replaces_ssl_in_the_name() {
    let folder = folder();
    let object = shim(&folder.path().join("wolf.so"), like_wolfssl, &[]);
    let source = LibrarySource {
        prefix: Some("wolfSSL_".to_owned()),
        ..LibrarySource::new("wolf", &object)
    };
    let libssl = Libssl::open(&source).expect("the library has this prefix");
    assert_eq!(libssl.loaded().has, REAL.loaded().has);
}

#[test]
fn library_with_prefixed_names_gets_the_prefix_as_a_hint() {
    let folder = folder();
    let of = |name: &str, spell: &dyn Fn(&str) -> Option<String>| {
        let object = shim(&folder.path().join(name), spell, &[]);
        load_error(&object).to_string()
    };
    let wolf = of("wolf.so", &like_wolfssl);
    assert!(wolf.ends_with("use --symbol-prefix wolfSSL_"), "{wolf}");
    let other = of("other.so", &|name| Some(format!("my_{name}")));
    assert!(other.ends_with("use --symbol-prefix my_"), "{other}");
}

#[test]
fn unknown_prefix_is_refused() {
    let source = LibrarySource {
        prefix: Some("other_".to_owned()),
        ..LibrarySource::new("real", writeproof_openssl_1_1_1::LIBSSL)
    };
    let error = error_of(&source);
    assert!(matches!(error, LoadError::Prefix { .. }), "{error}");
    let wanted = "has no function with the prefix other_: leave --symbol-prefix out, as its functions have no prefix";
    assert!(error.to_string().ends_with(wanted), "{error}");
}

/// All variants have the same trace as on the real library.
fn same_traces(libssl: &dyn Backend, id: &str) {
    let scenario = scenario(id);
    for variant in scenario.variants() {
        let digest = |backend: &dyn Backend| {
            let trace = runner::run(backend, &scenario, variant).expect("the suite works");
            trace.digest()
        };
        assert_eq!(digest(libssl), digest(&*REAL), "{id} {variant}");
    }
}

#[test]
fn load_error_names_the_path_that_was_given() {
    let nowhere = Path::new("/nowhere/libcrypto.so");
    let source = LibrarySource {
        libcrypto: Some(nowhere.to_owned()),
        ..LibrarySource::new("real", writeproof_openssl_1_1_1::LIBSSL)
    };
    let error = error_of(&source).to_string();
    assert!(error.starts_with("/nowhere/libcrypto.so: "), "{error}");
}

#[test]
fn function_that_only_one_transport_needs_is_reported_for_that_transport_alone() {
    let folder = folder();
    for (hidden, variant, missing) in [
        (&["BIO_s_mem"], "tls1.3/client/memory-bio", "BIO_s_mem"),
        (
            &["BIO_new_bio_pair"],
            "tls1.3/client/bio-pair",
            "BIO_new_bio_pair",
        ),
        (
            &["BIO_f_buffer"],
            "tls1.3/client/buffering-bio",
            "BIO_f_buffer",
        ),
        (&["SSL_set_fd"], "tls1.3/client/socket", "SSL_set_fd"),
        (
            &["BIO_meth_new"],
            "tls1.3/client/blocking",
            "the transport blocking, without BIO_meth_new",
        ),
    ] as [(&'static [&'static str; 1], _, _); 5]
    {
        let object = shim(
            &folder.path().join(format!("{}.so", hidden[0])),
            all_but(hidden),
            &[],
        );
        let libssl =
            Libssl::load("lacking", &object).expect("a library without this function loads");
        let scenario = scenario("transport/peer-disconnects");
        for other in scenario
            .variants()
            .filter(|v| v.to_string().starts_with("tls1.3/client"))
        {
            let trace = runner::run(&libssl, &scenario, other).expect("the suite works");
            if other.to_string() == variant {
                assert_eq!(trace.unsupported(), Some(missing), "{other}");
            } else if needs(hidden[0], &other.to_string()) {
                assert!(
                    trace.unsupported().is_some(),
                    "{other} works without {}",
                    hidden[0]
                );
            } else {
                assert_eq!(trace.unsupported(), None, "{other} without {}", hidden[0]);
            }
        }
    }
}

/// Whether a transport other than the tested one needs the function too.
fn needs(function: &str, variant: &str) -> bool {
    let transport = variant.rsplit('/').next().unwrap_or_default();
    match function {
        "SSL_set_fd" => transport == "blocking-socket",
        "BIO_meth_new" => transport == "buffering-bio",
        _ => false,
    }
}
