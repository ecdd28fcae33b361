//! The key log: the secrets of each connection, in the NSS format that every TLS library can write
//! (`SSLKEYLOGFILE`, RFC 9850). Parses lines, and looks up the secrets of a connection by the
//! random of its client hello.

use std::collections::HashMap;
use std::str::FromStr;

use thiserror::Error;

/// The random of a client hello, under which a connection's secrets are logged.
pub(super) type Random = [u8; 32];

/// The secrets of any number of connections.
///
/// Lines with labels that [`super::read`] does not use (early traffic, exporter, ECH, …), comments
/// and blank lines are accepted and ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyLog {
    connections: HashMap<Random, Secrets>,
}

/// The secrets of one connection. If a label is repeated, its last value counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Secrets {
    /// `CLIENT_RANDOM`: the master secret of TLS 1.2 and older, 48 bytes.
    pub(super) master: Option<Vec<u8>>,
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET` and `CLIENT_TRAFFIC_SECRET_0`, one hash long each.
    pub(super) client: TrafficSecrets,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET` and `SERVER_TRAFFIC_SECRET_0`, one hash long each.
    pub(super) server: TrafficSecrets,
}

/// The TLS 1.3 secrets of one direction (RFC 8446, section 7.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TrafficSecrets {
    pub(super) handshake: Option<Vec<u8>>,
    pub(super) application: Option<Vec<u8>>,
}

/// Why a line of a key log is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyLogError {
    /// The line does not have three words.
    #[error("line {line}: expected `LABEL CLIENT_RANDOM SECRET`, found {words} word(s)")]
    Words {
        /// Counted from 1.
        line: usize,
        /// The number of words in the line.
        words: usize,
    },
    /// The client random or the secret is not a whole number of hexadecimal bytes.
    #[error("line {line}: the {what} after `{label}` is not an even number of hexadecimal digits")]
    Hex {
        /// Counted from 1.
        line: usize,
        /// The line's first word.
        label: String,
        /// `client random` or `secret`.
        what: &'static str,
    },
    /// The client random does not have the length of a TLS random.
    #[error("line {line}: the client random after `{label}` has {bytes} bytes, not 32")]
    Random {
        /// Counted from 1.
        line: usize,
        /// The line's first word.
        label: String,
        /// The length of the client random.
        bytes: usize,
    },
}

impl KeyLog {
    /// Parses a complete log.
    ///
    /// # Errors
    ///
    /// The first line that has a supported label in an invalid form.
    pub fn parse(text: &str) -> Result<Self, KeyLogError> {
        let mut log = Self::default();
        for (index, line) in text.lines().enumerate() {
            log.add(index + 1, line)?;
        }
        Ok(log)
    }

    /// The known secrets of the connection with this client random.
    pub(super) fn secrets(&self, client_random: &Random) -> Option<&Secrets> {
        self.connections.get(client_random)
    }

    fn add(&mut self, line: usize, text: &str) -> Result<(), KeyLogError> {
        let mut words = text.split_ascii_whitespace();
        let label = words.next().unwrap_or_default();
        let Some(slot) = Slot::of(label) else {
            return Ok(());
        };
        let (Some(random), Some(secret), None) = (words.next(), words.next(), words.next()) else {
            return Err(KeyLogError::Words {
                line,
                words: text.split_ascii_whitespace().count(),
            });
        };
        let bytes = |hex: &str, what| {
            base16ct::mixed::decode_vec(hex).map_err(|_| KeyLogError::Hex {
                line,
                label: label.to_owned(),
                what,
            })
        };

        let random = bytes(random, "client random")?;
        let secret = bytes(secret, "secret")?;
        let random = Random::try_from(random).map_err(|random| KeyLogError::Random {
            line,
            label: label.to_owned(),
            bytes: random.len(),
        })?;
        *slot.find(self.connections.entry(random).or_default()) = Some(secret);
        Ok(())
    }
}

impl FromStr for KeyLog {
    type Err = KeyLogError;

    fn from_str(text: &str) -> Result<Self, KeyLogError> {
        Self::parse(text)
    }
}

/// The supported labels.
#[derive(Clone, Copy)]
enum Slot {
    Master,
    ClientHandshake,
    ClientApplication,
    ServerHandshake,
    ServerApplication,
}

impl Slot {
    fn of(label: &str) -> Option<Self> {
        Some(match label {
            "CLIENT_RANDOM" => Self::Master,
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::ClientHandshake,
            "CLIENT_TRAFFIC_SECRET_0" => Self::ClientApplication,
            "SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::ServerHandshake,
            "SERVER_TRAFFIC_SECRET_0" => Self::ServerApplication,
            _ => return None,
        })
    }

    fn find(self, secrets: &mut Secrets) -> &mut Option<Vec<u8>> {
        match self {
            Self::Master => &mut secrets.master,
            Self::ClientHandshake => &mut secrets.client.handshake,
            Self::ClientApplication => &mut secrets.client.application,
            Self::ServerHandshake => &mut secrets.server.handshake,
            Self::ServerApplication => &mut secrets.server.application,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

    #[test]
    fn secret_is_found_by_its_client_random() {
        let text =
            format!("# comment\n\nEXPORTER_SECRET anything\nCLIENT_RANDOM {RANDOM} 0aFF\r\n");

        let log = KeyLog::parse(&text).unwrap();

        let random = Random::try_from(base16ct::mixed::decode_vec(RANDOM).unwrap()).unwrap();
        assert_eq!(log.secrets(&random).unwrap().master, Some(vec![0x0A, 0xFF]));
        assert_eq!(log.secrets(&[0; 32]), None);
    }

    #[test]
    fn malformed_line_is_refused_with_its_number_and_the_reason() {
        for (line, message) in [
            (
                "CLIENT_RANDOM 00",
                "line 2: expected `LABEL CLIENT_RANDOM SECRET`, found 2 word(s)",
            ),
            (
                "SERVER_TRAFFIC_SECRET_0 00 00",
                "line 2: the client random after `SERVER_TRAFFIC_SECRET_0` has 1 bytes, not 32",
            ),
            (
                "CLIENT_RANDOM 0 00",
                "line 2: the client random after `CLIENT_RANDOM` is not an even number of hexadecimal digits",
            ),
            (
                &format!("CLIENT_RANDOM {RANDOM} é"),
                "line 2: the secret after `CLIENT_RANDOM` is not an even number of hexadecimal digits",
            ),
        ] {
            let error = KeyLog::parse(&format!("\n{line}\n")).unwrap_err();

            assert_eq!(error.to_string(), message);
        }
    }
}
