//! Sessions of rustls in memory: every AEAD suite, long writes, many key updates, split handshake
//! messages.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
    SupportedCipherSuite,
};
use writeproof::internal::wire::{
    ContentType, HandshakeType, KeyLog, Record, RecordContent, Sender, View, read,
};

use crate::session::{BOTH, describe};

const TLS13: [SupportedCipherSuite; 3] = [
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
];

/// With the number of bytes that each suite adds to a record, header included.
const TLS12: [(SupportedCipherSuite, usize); 3] = [
    (cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 29),
    (cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 29),
    (
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        21,
    ),
];

const MAX_PLAINTEXT: usize = 16384;

/// A client and a server in memory, with a tap between them.
struct Wired {
    client: Connection,
    server: Connection,
    tap: Vec<(Sender, Vec<u8>)>,
    keys: Arc<Keys>,
}

/// Collects the key log as text.
#[derive(Debug, Default)]
struct Keys(Mutex<String>);

impl rustls::KeyLog for Keys {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        *self.0.lock().unwrap() += &format!("{label} {} {}\n", hex(client_random), hex(secret));
    }
}

impl Wired {
    fn connected(suite: SupportedCipherSuite, max_record: Option<usize>) -> Self {
        let mut provider = default_provider();
        provider.cipher_suites = vec![suite];
        let provider = Arc::new(provider);
        let versions = &[suite.version()];
        let keys = Arc::new(Keys::default());
        let signed = rcgen::generate_simple_self_signed(["writeproof.test".to_owned()]).unwrap();
        let certificate = signed.cert.der().clone();

        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let mut client = client
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.key_log = Arc::clone(&keys) as Arc<dyn rustls::KeyLog>;

        let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap();
        let mut server = server
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        server.max_fragment_size = max_record;

        let name = ServerName::try_from("writeproof.test").unwrap();
        let client = ClientConnection::new(Arc::new(client), name)
            .unwrap()
            .into();
        let server = ServerConnection::new(Arc::new(server)).unwrap().into();
        let mut wired = Self {
            client,
            server,
            tap: Vec::new(),
            keys,
        };
        wired.drive();
        assert!(!wired.client.is_handshaking() && !wired.server.is_handshaking());
        wired
    }

    /// Passes bytes between both ends until neither has any.
    fn drive(&mut self) {
        loop {
            let mut moved = false;
            for sender in BOTH {
                let (from, to) = match sender {
                    Sender::Client => (&mut self.client, &mut self.server),
                    Sender::Server => (&mut self.server, &mut self.client),
                };
                let mut bytes = Vec::new();
                while from.wants_write() {
                    from.write_tls(&mut bytes).unwrap();
                }
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    to.read_tls(&mut rest).unwrap();
                    to.process_new_packets().unwrap();
                    let mut received = Vec::new();
                    let _would_block = to.reader().read_to_end(&mut received);
                }
                moved |= !bytes.is_empty();
                self.tap.push((sender, bytes));
            }
            if !moved {
                return;
            }
        }
    }

    fn write(&mut self, sender: Sender, mut data: &[u8]) {
        while !data.is_empty() {
            let connection = match sender {
                Sender::Client => &mut self.client,
                Sender::Server => &mut self.server,
            };
            let written = connection.writer().write(data).unwrap();
            data = &data[written..];
            self.drive();
        }
    }

    fn close(mut self) -> View {
        self.client.send_close_notify();
        self.server.send_close_notify();
        self.drive();
        let keylog = KeyLog::parse(&self.keys.0.lock().unwrap()).unwrap();
        read(
            self.tap.iter().map(|(sender, bytes)| (*sender, &bytes[..])),
            &keylog,
        )
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn data_records(records: &[Record]) -> impl Iterator<Item = (usize, &[u8])> {
    records.iter().filter_map(|record| {
        let fragment = record
            .fragment()
            .filter(|fragment| fragment.content_type == ContentType::ApplicationData)?;
        Some((record.received, &fragment.plaintext[..]))
    })
}

fn assert_all_read(view: &View) {
    for record in view.client.iter().chain(&view.server) {
        assert!(
            record.fragment().is_some(),
            "client\n{}server\n{}",
            describe(&view.client),
            describe(&view.server)
        );
    }
}

/// The data arrived as written, in records as long as the suite makes them.
fn assert_carried(records: &[Record], data: &[u8], added: usize) {
    assert_eq!(
        data_records(records)
            .flat_map(|(_, plaintext)| plaintext)
            .copied()
            .collect::<Vec<_>>(),
        data
    );
    for (received, plaintext) in data_records(records) {
        assert_eq!(received, plaintext.len() + added);
        assert!(plaintext.len() <= MAX_PLAINTEXT);
    }
    assert!(data_records(records).any(|(_, plaintext)| plaintext.len() == MAX_PLAINTEXT));
    assert_eq!(
        records
            .last()
            .unwrap()
            .fragment()
            .unwrap()
            .alert()
            .unwrap()
            .to_string(),
        "warning close_notify"
    );
}

#[test]
fn tls_1_3_records_open_with_every_suite_across_key_updates() {
    for suite in TLS13 {
        let mut wired = Wired::connected(suite, None);
        let data = pattern(40_000);
        wired.write(Sender::Client, &data[..20_000]);
        for _ in 0..3 {
            wired.client.refresh_traffic_keys().unwrap();
            wired.drive();
        }
        wired.write(Sender::Client, &data[20_000..]);
        wired.write(Sender::Server, &data);

        let view = wired.close();

        assert_all_read(&view);
        assert_carried(&view.client, &data, 22);
        assert_carried(&view.server, &data, 22);
        let updates = |records| describe(records).matches("key_update(").count();
        assert_eq!(updates(&view.client), 3, "{suite:?}");
        assert!(updates(&view.server) >= 1, "{suite:?}");
    }
}

#[test]
fn tls_1_2_records_open_with_every_aead_suite() {
    for (suite, added) in TLS12 {
        let mut wired = Wired::connected(suite, None);
        let data = pattern(40_000);
        wired.write(Sender::Client, &data);
        wired.write(Sender::Server, &data);

        let view = wired.close();

        assert_all_read(&view);
        assert_carried(&view.client, &data, added);
        assert_carried(&view.server, &data, added);
    }
}

#[test]
fn handshake_message_is_reassembled_across_records() {
    for suite in [TLS13[0], TLS12[0].0] {
        let view = Wired::connected(suite, Some(100)).close();

        assert_all_read(&view);
        let parts: Vec<_> = view
            .server
            .iter()
            .filter_map(Record::fragment)
            .flat_map(|fragment| &fragment.messages)
            .filter(|message| message.kind == HandshakeType::Certificate)
            .collect();
        assert!(parts.len() > 2, "{}", describe(&view.server));
        let (begins, completes): (Vec<_>, Vec<_>) = parts
            .iter()
            .map(|part| (part.begins, part.completes))
            .unzip();
        assert_eq!(begins.iter().position(|&begins| begins), Some(0));
        assert_eq!(begins.iter().filter(|&&begins| begins).count(), 1);
        assert_eq!(
            completes.iter().position(|&completes| completes),
            Some(parts.len() - 1)
        );
        assert!(
            view.server
                .iter()
                .any(|record| matches!(record.content, RecordContent::Opened(_)))
        );
    }
}
