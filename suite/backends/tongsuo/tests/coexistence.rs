//! The shared object in one process with the statically linked OpenSSL 3.6: neither affects the
//! other.

use writeproof_tongsuo::{LIBSSL, VERSION};

writeproof_coexistence::tests! {
    object: LIBSSL,
    // OpenSSL 3.5.4, on which Tongsuo 8.5 is based; its own version is in another text
    // (TONGSUO_VERSION).
    number: 0x3050_0040,
    text: (11, format!("Tongsuo {VERSION}")),
}
