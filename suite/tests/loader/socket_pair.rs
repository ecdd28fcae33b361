//! A library that cannot create custom BIO methods is driven over a socket pair, and the trace
//! shows nothing that it did not do.

use std::collections::BTreeMap;

use writeproof::internal::backend::Backend;
use writeproof::internal::backend::libssl::{Attachment, Libssl};
use writeproof::internal::judge::Recordings;
use writeproof::internal::runner;
use writeproof::internal::scenario::{self, Corpus, Scenario, Variant};

use crate::shim::{REAL, all_but, folder, shim};

#[test]
fn library_without_bio_methods_is_driven_over_a_socket_pair() {
    let folder = folder();
    let object = shim(
        &folder.path().join("said.so"),
        all_but(&["BIO_meth_new"]),
        &[],
    );
    let libssl = Libssl::load("said", &object).expect("it has SSL_set_fd");
    let lacks = vec!["BIO_meth_new".to_owned()];
    assert_eq!(libssl.loaded().transport, Attachment::SocketPair { lacks });
    assert!(libssl.about().linkage.ends_with("over a socket pair"));
}

#[test]
fn case_over_a_socket_pair_equals_the_case_over_a_bio_or_is_not_applicable() {
    let folder = folder();
    let object = shim(
        &folder.path().join("pair.so"),
        all_but(&["BIO_meth_new"]),
        &[],
    );
    let libssl = Libssl::load("pair", &object).expect("it has SSL_set_fd");
    let corpus = Corpus::built_in().expect("the built-in fixtures are valid");
    // A recorded crash would end this test process. Such cases run in a worker elsewhere.
    let recordings = Recordings::built_in().expect("the snapshots are valid");
    let survivable = |scenario: &&Scenario| !recordings.crashes(scenario, "openssl-1.1.1");
    let mut applicable: BTreeMap<String, usize> = BTreeMap::new();
    let mut differ = Vec::new();
    for scenario in corpus.scenarios().iter().filter(survivable) {
        // A socket pair replaces the scripted transport; the other transports stay.
        let scripted = |variant: &Variant| variant.transport == scenario::TransportKind::Scripted;
        for variant in scenario.variants().filter(scripted) {
            let run = |backend: &dyn Backend| {
                runner::run(backend, scenario, variant).expect("the suite works")
            };
            let trace = run(&libssl);
            if trace
                .unsupported()
                .is_some_and(|why| why.contains("over a socket pair"))
            {
                continue;
            }
            *applicable
                .entry(scenario.id.family().to_owned())
                .or_default() += 1;
            let over_a_bio = run(&*REAL);
            if trace.digest() != over_a_bio.digest() {
                differ.push(format!("{} {variant}\n{trace}\n{over_a_bio}", scenario.id));
            }
        }
    }
    assert_eq!(differ.len(), 0, "{}", differ.join("\n"));
    assert!(
        applicable.get("whole").is_some_and(|&cases| cases >= 70),
        "{applicable:?}"
    );
}
