//! The certificate and key that both ends of every connection use, read from `fixtures/tls/`, and
//! the pre-shared key for scenarios that use one.

use std::ffi::CStr;
use std::sync::LazyLock;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// A certificate and its key, in DER.
#[derive(Debug)]
pub struct Identity {
    /// The X.509 certificate.
    pub certificate: Vec<u8>,
    /// The PKCS #8 private key.
    pub key: Vec<u8>,
}

/// The name in the certificate.
pub const NAME: &str = "writeproof.test";

/// The PSK identity that a client sends for [`PRE_SHARED_KEY`].
pub(crate) const PRE_SHARED_IDENTITY: &CStr = c"writeproof.test";

/// The pre-shared key of both ends (RFC 4279; RFC 8446, section 4.2.11). It protects nothing.
pub(crate) const PRE_SHARED_KEY: [u8; 32] = *b"both ends of each link know this";

/// The one identity of the suite.
pub static IDENTITY: LazyLock<Identity> = LazyLock::new(|| {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../../fixtures/tls/cert.pem"));
    let key = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("../../fixtures/tls/key.pem"));
    match (certificate, key) {
        (Ok(certificate), Ok(key)) => Identity {
            certificate: certificate.to_vec(),
            key: key.secret_pkcs8_der().to_vec(),
        },
        // The files are embedded in the program.
        (certificate, key) => {
            panic!(
                "fixtures/tls: certificate {:?}, key {:?}",
                certificate.err(),
                key.err()
            )
        }
    }
});
