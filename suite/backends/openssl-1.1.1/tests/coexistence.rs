//! The shared object in one process with the statically linked OpenSSL 3.6: neither affects the
//! other.

use writeproof_openssl_1_1_1::{LIBSSL, VERSION};

writeproof_coexistence::tests! {
    object: LIBSSL,
    // 1.1.1w, a release: major, minor, fix, patch letter, status.
    number: 0x1010_117f,
    text: (0, format!("OpenSSL {VERSION} ")),
}
