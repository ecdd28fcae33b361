//! The shared object in one process with the statically linked OpenSSL 3.6: neither affects the
//! other.

use writeproof_aws_lc::{LIBSSL, VERSION};

writeproof_coexistence::tests! {
    object: LIBSSL,
    // The OpenSSL version with which it claims compatibility: 1.1.1, release (`base.h`).
    number: 0x1010_107f,
    text: (0, format!("AWS-LC {VERSION}")),
}
