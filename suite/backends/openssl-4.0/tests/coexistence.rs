//! The shared object in one process with the statically linked OpenSSL 3.6: neither affects the
//! other.

use writeproof_openssl_4_0::{LIBSSL, VERSION};

writeproof_coexistence::tests! {
    object: LIBSSL,
    // 4.0.3: major, minor, patch.
    number: 0x4000_0030,
    text: (0, format!("OpenSSL {VERSION} ")),
}
