//! The state of a connection as seen by a reader with all secrets: which keys protect the next
//! record of each direction. Takes complete records in the order of their completion, and yields
//! their content. Their handshake messages advance the state.

use std::cell::OnceCell;

use super::cbc::MacOrder;
use super::handshake::{HandshakeEvent, Message, Reassembly, ServerHello};
use super::keylog::{KeyLog, Random, TrafficSecrets};
use super::opener::Opener;
use super::record::{ContentType, Fragment, Frame, NonceUse, RecordContent};
use super::schedule::{TrafficKeys, key_block, updated_secret};
use super::suites::{Suite, Version};
use super::{Agreement, Pair, Sender};

pub(super) struct Connection<'k> {
    keylog: &'k KeyLog,
    /// The random of the last client hello, which identifies the secrets.
    client_random: Option<Random>,
    /// Whether that hello offers early data.
    early_data: bool,
    /// The version and suite of the first server hello.
    agreement: Option<Agreement>,
    negotiated: Option<Negotiated>,
    halves: Pair<Half>,
}

/// The result of the last server hello.
struct Negotiated {
    /// `None` for an unsupported version.
    version: Option<Version>,
    /// `None` for an unsupported suite.
    suite: Option<Suite>,
    client_random: Option<Random>,
    server_random: Random,
    mac_order: MacOrder,
    /// TLS 1.2 and older: both directions' keys, computed when first needed; `None` without a
    /// master secret.
    key_block: OnceCell<Option<Vec<u8>>>,
}

/// One direction.
#[derive(Default)]
struct Half {
    protection: RecordKeys,
    handshake: Reassembly,
    /// TLS 1.2 and older: after a server hello, its keys await this direction's
    /// `change_cipher_spec`.
    keys_pending: bool,
}

/// The protection of a direction's next record.
#[derive(Default)]
enum RecordKeys {
    #[default]
    None,
    NoKey,
    Unsupported,
    Keys {
        opener: Opener,
        /// TLS 1.3 only: the secret from which the keys were derived.
        traffic: Option<TrafficSecret>,
    },
}

/// A traffic secret in use (RFC 8446, section 7.2).
struct TrafficSecret {
    suite: Suite,
    secret: Vec<u8>,
    epoch: Epoch,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Epoch {
    /// `may_skip`: records of rejected or unread early data may still come before the first one
    /// that can be decrypted.
    Handshake {
        may_skip: bool,
    },
    Application,
}

impl<'k> Connection<'k> {
    pub(super) fn new(keylog: &'k KeyLog) -> Self {
        Self {
            keylog,
            client_random: None,
            early_data: false,
            agreement: None,
            negotiated: None,
            halves: Pair::default(),
        }
    }

    /// Reads the next record that completed in either direction.
    pub(super) fn read(&mut self, sender: Sender, frame: &Frame<'_>) -> (RecordContent, NonceUse) {
        let mut content = self.open(sender, frame);
        let nonce = match (&content, &mut self.halves[sender].protection) {
            (RecordContent::Opened(_), RecordKeys::Keys { opener, .. }) => opener.nonce(frame),
            (RecordContent::Unopened, RecordKeys::Keys { opener, .. }) => {
                opener.nonce_of_unopened(frame)
            }
            _ => NonceUse::New,
        };
        if let RecordContent::Plain(fragment) | RecordContent::Opened(fragment) = &mut content {
            match fragment.content_type {
                ContentType::ChangeCipherSpec => self.on_change_cipher_spec(sender),
                ContentType::Handshake => {
                    fragment.messages = self.on_handshake(sender, &fragment.plaintext)
                }
                _ => {}
            }
        }
        (content, nonce)
    }

    /// The version and suite of the first server hello, if one was sent.
    pub(super) fn agreement(&self) -> Option<Agreement> {
        self.agreement
    }

    fn is_tls13(&self) -> bool {
        self.negotiated
            .as_ref()
            .is_some_and(|negotiated| negotiated.version == Some(Version::Tls13))
    }

    fn open(&mut self, sender: Sender, frame: &Frame<'_>) -> RecordContent {
        let is_data = frame.header.content_type == ContentType::ApplicationData;
        let is_tls13 = self.is_tls13();
        // RFC 8446, section 5: a protected record says application_data outside, and only a
        // protected one does.
        if is_tls13 && !is_data {
            return plain(frame);
        }
        let is_early_data = is_data && (is_tls13 || self.negotiated.is_none());
        match &mut self.halves[sender].protection {
            RecordKeys::None if is_early_data => RecordContent::NoKey,
            RecordKeys::None => plain(frame),
            RecordKeys::NoKey => RecordContent::NoKey,
            RecordKeys::Unsupported => RecordContent::Unsupported,
            RecordKeys::Keys { opener, traffic } => {
                let epoch = traffic.as_mut().map(|traffic| &mut traffic.epoch);
                match (opener.open(frame), epoch) {
                    (Some(fragment), epoch) => {
                        if let Some(Epoch::Handshake { may_skip }) = epoch {
                            *may_skip = false;
                        }
                        RecordContent::Opened(fragment)
                    }
                    (None, Some(Epoch::Handshake { may_skip: true })) => {
                        opener.uncount();
                        RecordContent::NoKey
                    }
                    (None, _) => RecordContent::Unopened,
                }
            }
        }
    }

    /// TLS 1.2 and older: the sender's next record uses the keys of the last hellos. TLS 1.3 sends
    /// it only for the sake of middleboxes (RFC 8446, section 5).
    fn on_change_cipher_spec(&mut self, sender: Sender) {
        if self.is_tls13() {
            return;
        }
        let protection = match &self.negotiated {
            None => RecordKeys::NoKey,
            Some(_) if !self.halves[sender].keys_pending => return,
            Some(negotiated) => negotiated.block_protection(sender, self.keylog),
        };
        let half = &mut self.halves[sender];
        half.keys_pending = false;
        half.protection = protection;
    }

    fn on_handshake(&mut self, sender: Sender, plaintext: &[u8]) -> Vec<Message> {
        let (messages, events) = self.halves[sender].handshake.feed(plaintext);
        for event in events {
            match event {
                HandshakeEvent::ClientHello(hello) => {
                    self.client_random = Some(hello.random);
                    self.early_data = hello.early_data;
                }
                HandshakeEvent::ServerHello(hello) => self.on_server_hello(&hello),
                HandshakeEvent::HelloRetryRequest => self.on_hello_retry_request(),
                HandshakeEvent::Finished => self.on_finished(sender),
                HandshakeEvent::KeyUpdate => self.on_key_update(sender),
            }
        }
        messages
    }

    fn on_server_hello(&mut self, hello: &ServerHello) {
        self.agreement.get_or_insert(Agreement {
            version: hello.version,
            suite: hello.suite,
        });
        let version = Version::from_wire(hello.version);
        let suite = version.and_then(|version| Suite::new(version, hello.suite));
        self.negotiated = Some(Negotiated {
            version,
            suite,
            client_random: self.client_random,
            server_random: hello.random,
            mac_order: if hello.encrypt_then_mac {
                MacOrder::EncryptThenMac
            } else {
                MacOrder::MacThenEncrypt
            },
            key_block: OnceCell::new(),
        });
        for sender in [Sender::Client, Sender::Server] {
            if version == Some(Version::Tls13) {
                let may_skip = sender == Sender::Client && self.early_data;
                self.start_epoch(sender, suite, Epoch::Handshake { may_skip });
            } else {
                self.halves[sender].keys_pending = true;
            }
        }
    }

    /// Settles only the version: from here on a `change_cipher_spec` changes nothing.
    fn on_hello_retry_request(&mut self) {
        self.negotiated = Some(Negotiated {
            version: Some(Version::Tls13),
            suite: None,
            client_random: self.client_random,
            server_random: Random::default(),
            mac_order: MacOrder::MacThenEncrypt,
            key_block: OnceCell::new(),
        });
    }

    /// TLS 1.3: the sender's handshake is complete (RFC 8446, section 4.4.4). A later `finished`,
    /// of post-handshake authentication, occurs in the application epoch and changes nothing.
    fn on_finished(&mut self, sender: Sender) {
        if let RecordKeys::Keys {
            traffic: Some(traffic),
            ..
        } = &self.halves[sender].protection
            && traffic.epoch != Epoch::Application
        {
            let suite = traffic.suite;
            self.start_epoch(sender, Some(suite), Epoch::Application);
        }
    }

    /// TLS 1.3: the sender's next record uses its next keys (RFC 8446, section 4.6.3).
    fn on_key_update(&mut self, sender: Sender) {
        let half = &mut self.halves[sender];
        if let RecordKeys::Keys {
            traffic: Some(traffic),
            ..
        } = &half.protection
            && traffic.epoch == Epoch::Application
        {
            let secret = updated_secret(traffic.suite.hash, &traffic.secret);
            half.protection = RecordKeys::tls13(traffic.suite, secret, Epoch::Application);
        }
    }

    fn start_epoch(&mut self, sender: Sender, suite: Option<Suite>, epoch: Epoch) {
        self.halves[sender].protection = match suite {
            None => RecordKeys::Unsupported,
            Some(suite) => RecordKeys::tls13(suite, self.traffic_secret(sender, epoch), epoch),
        };
    }

    fn traffic_secret(&self, sender: Sender, epoch: Epoch) -> Option<Vec<u8>> {
        let client_random = self.negotiated.as_ref()?.client_random?;
        let secrets = self.keylog.secrets(&client_random)?;
        let TrafficSecrets {
            handshake,
            application,
        } = match sender {
            Sender::Client => &secrets.client,
            Sender::Server => &secrets.server,
        };
        match epoch {
            Epoch::Handshake { .. } => handshake.clone(),
            Epoch::Application => application.clone(),
        }
    }
}

impl RecordKeys {
    fn tls13(suite: Suite, secret: Option<Vec<u8>>, epoch: Epoch) -> Self {
        let keys = |secret: Vec<u8>| {
            let keys = TrafficKeys::derive(suite.hash, &secret, suite.cipher.key_len())?;
            let opener = Opener::tls13(suite.cipher, &keys)?;
            Some(Self::Keys {
                opener,
                traffic: Some(TrafficSecret {
                    suite,
                    secret,
                    epoch,
                }),
            })
        };
        secret.and_then(keys).unwrap_or(Self::NoKey)
    }
}

impl Negotiated {
    /// The sender's protection from the key block (RFC 5246, section 6.3).
    fn block_protection(&self, sender: Sender, keylog: &KeyLog) -> RecordKeys {
        let Some(suite) = self.suite else {
            return RecordKeys::Unsupported;
        };
        let opener = || {
            let block = self
                .key_block
                .get_or_init(|| self.derive_key_block(suite, keylog));
            let share = suite.key_block_parts().share(block.as_ref()?, sender)?;
            Opener::tls12(suite, &share, self.mac_order)
        };
        opener().map_or(RecordKeys::NoKey, |opener| RecordKeys::Keys {
            opener,
            traffic: None,
        })
    }

    fn derive_key_block(&self, suite: Suite, keylog: &KeyLog) -> Option<Vec<u8>> {
        let client_random = self.client_random?;
        let master = keylog.secrets(&client_random)?.master.as_deref()?;
        let len = suite.key_block_parts().len();
        key_block(suite.hash, master, &self.server_random, &client_random, len)
    }
}

fn plain(frame: &Frame<'_>) -> RecordContent {
    let plaintext = frame.body.to_vec();
    RecordContent::Plain(Fragment::new(frame.header.content_type, plaintext))
}
