//! The shared object in one process with the statically linked OpenSSL 3.6: neither affects the
//! other.

use writeproof_boringssl::LIBSSL;

writeproof_coexistence::tests! {
    object: LIBSSL,
    // The OpenSSL version with which it claims compatibility: 1.1.1, release (`base.h`).
    number: 0x1010_107f,
    // Its version text has no number.
    text: (0, "BoringSSL"),
}
