//! The shared object in one process with the statically linked OpenSSL 3.6: each answers for itself.

use writeproof_aws_lc::{LIBSSL, VERSION};

writeproof_coexistence::tests! {
    object: LIBSSL,
    // The OpenSSL with which it wants to be compatible: 1.1.1, release (`base.h`).
    number: 0x1010_107f,
    text: (0, format!("AWS-LC {VERSION}")),
}
