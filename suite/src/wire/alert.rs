//! Alerts: two bytes, a level and a description, named as in the RFCs. Parses bytes into an
//! [`Alert`], and keeps numbers without a name.

use std::fmt;

use super::registry::registry;

registry! {
    /// The severity of an alert (RFC 5246, section 7.2; RFC 8446, section 6, ignores it for most
    /// alerts).
    AlertLevel {
        Warning = 1 "warning",
        Fatal = 2 "fatal",
    }
}

registry! {
    /// The description of an alert (RFC 5246, section 7.2; RFC 8446, section 6; the IANA registry
    /// "TLS Alerts").
    AlertDescription {
        CloseNotify = 0 "close_notify",
        UnexpectedMessage = 10 "unexpected_message",
        BadRecordMac = 20 "bad_record_mac",
        DecryptionFailed = 21 "decryption_failed",
        RecordOverflow = 22 "record_overflow",
        DecompressionFailure = 30 "decompression_failure",
        HandshakeFailure = 40 "handshake_failure",
        NoCertificate = 41 "no_certificate",
        BadCertificate = 42 "bad_certificate",
        UnsupportedCertificate = 43 "unsupported_certificate",
        CertificateRevoked = 44 "certificate_revoked",
        CertificateExpired = 45 "certificate_expired",
        CertificateUnknown = 46 "certificate_unknown",
        IllegalParameter = 47 "illegal_parameter",
        UnknownCa = 48 "unknown_ca",
        AccessDenied = 49 "access_denied",
        DecodeError = 50 "decode_error",
        DecryptError = 51 "decrypt_error",
        TooManyCidsRequested = 52 "too_many_cids_requested",
        ExportRestriction = 60 "export_restriction",
        ProtocolVersion = 70 "protocol_version",
        InsufficientSecurity = 71 "insufficient_security",
        InternalError = 80 "internal_error",
        InappropriateFallback = 86 "inappropriate_fallback",
        UserCanceled = 90 "user_canceled",
        NoRenegotiation = 100 "no_renegotiation",
        MissingExtension = 109 "missing_extension",
        UnsupportedExtension = 110 "unsupported_extension",
        CertificateUnobtainable = 111 "certificate_unobtainable",
        UnrecognizedName = 112 "unrecognized_name",
        BadCertificateStatusResponse = 113 "bad_certificate_status_response",
        BadCertificateHashValue = 114 "bad_certificate_hash_value",
        UnknownPskIdentity = 115 "unknown_psk_identity",
        CertificateRequired = 116 "certificate_required",
        GeneralError = 117 "general_error",
        NoApplicationProtocol = 120 "no_application_protocol",
        EchRequired = 121 "ech_required",
    }
}

/// One alert message (RFC 8446, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert {
    /// The first byte.
    pub(crate) level: AlertLevel,
    /// The second byte.
    pub(crate) description: AlertDescription,
}

impl Alert {
    /// Parses the plaintext of an alert record; `None` if it is not exactly one alert of two bytes.
    #[must_use]
    pub(crate) fn parse(plaintext: &[u8]) -> Option<Self> {
        let &[level, description] = plaintext else {
            return None;
        };
        Some(Self {
            level: level.into(),
            description: description.into(),
        })
    }

    /// Parses the displayed form, as in `warning close_notify`.
    #[must_use]
    pub(crate) fn displayed(text: &str) -> Option<Self> {
        let (level, description) = text.split_once(' ')?;
        Some(Self {
            level: AlertLevel::displayed(level)?,
            description: AlertDescription::displayed(description)?,
        })
    }
}

/// `warning close_notify`
impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.level, self.description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displayed_alert_parses_back() {
        for level in 0..=u8::MAX {
            for description in [0, 1, 20, 90, 100, 121, 255] {
                let alert = Alert::parse(&[level, description]).expect("two bytes");
                assert_eq!(Alert::displayed(&alert.to_string()), Some(alert));
            }
        }
        for text in [
            "",
            "fatal",
            "close_notify",
            "fatal ",
            "fatal unknown(256)",
            "grave close_notify",
        ] {
            assert_eq!(Alert::displayed(text), None, "{text}");
        }
    }
}
