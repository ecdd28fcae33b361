//! Truncated and altered streams, streams that are not TLS, and key logs with missing or wrong
//! secrets.

use writeproof::internal::wire::{KeyLog, Record, RecordContent, Sender, View, read};

use crate::session::{BOTH, Session};

fn is_protected(record: &Record) -> bool {
    record.is_protected() == Some(true)
}

/// Each byte of a direction belongs to exactly one record.
fn assert_covers(records: &[Record], bytes: usize, name: &str) {
    let mut at = 0;
    for record in records {
        assert_eq!(record.start, at, "{name}");
        assert!(record.received > 0, "{name}");
        at = record.end();
    }
    assert_eq!(at, bytes as u64, "{name}");
}

#[test]
fn protected_record_with_an_altered_byte_does_not_open_and_the_others_do() {
    for session in Session::all() {
        let view = session.read();
        for sender in BOTH {
            let data = |record: &&Record| {
                is_protected(record)
                    && record
                        .fragment()
                        .is_some_and(|fragment| fragment.messages.is_empty())
            };
            for record in view[sender].iter().filter(data) {
                for offset in record.start + 5..record.end() {
                    let altered = session
                        .with_flipped_bit(sender, usize::try_from(offset).unwrap())
                        .read();

                    let name = format!("{} {sender:?} offset {offset}", session.name);
                    assert_only_unopened(&altered, &view, sender, record, &name);
                }
            }
        }
    }
}

fn assert_only_unopened(
    altered: &View,
    view: &View,
    sender: Sender,
    altered_record: &Record,
    name: &str,
) {
    // In TLS 1.0 the last block of a record is the IV of the next; change_cipher_spec affects all
    // later records.
    let spoils_what_follows = name.starts_with("tls10")
        || altered_record.fragment().unwrap().content_type
            == writeproof::internal::wire::ContentType::ChangeCipherSpec;
    for (now, before) in altered[sender].iter().zip(&view[sender]) {
        if before.start == altered_record.start {
            assert_eq!(now.content, RecordContent::Unopened, "{name}");
        } else if before.start < altered_record.start || !spoils_what_follows {
            assert_eq!(now, before, "{name}");
        }
    }
}

#[test]
fn altered_header_of_a_protected_record_is_detected() {
    for session in Session::all() {
        let view = session.read();
        let record = view
            .client
            .iter()
            .rfind(|record| is_protected(record))
            .unwrap();
        let low_byte_of_version = usize::try_from(record.start).unwrap() + 2;

        let altered = session
            .with_flipped_bit(Sender::Client, low_byte_of_version)
            .read();

        assert_eq!(
            altered.client.last().unwrap().content,
            RecordContent::Unopened,
            "{}",
            session.name
        );
    }
}

#[test]
fn wrong_secret_opens_nothing() {
    for session in Session::all() {
        let wrong: String = session
            .keys
            .lines()
            .map(|line| {
                let (rest, secret) = line.rsplit_once(' ').unwrap();
                let flipped = if secret.starts_with('0') { '1' } else { '0' };
                format!("{rest} {flipped}{}\n", &secret[1..])
            })
            .collect();

        let view = session.read_with(&wrong);

        let early_data = session.name.contains("early-data");
        let protected = view
            .client
            .iter()
            .filter(|_| !early_data)
            .chain(&view.server)
            .filter(|r| is_protected(r));
        assert!(protected.clone().count() > 0);
        for record in protected {
            assert_eq!(record.content, RecordContent::Unopened, "{}", session.name);
        }
    }
}

#[test]
fn protected_record_without_its_secret_has_no_key() {
    for session in Session::all() {
        let view = session.read_with("");

        let protected: Vec<_> = view
            .client
            .iter()
            .chain(&view.server)
            .filter(|r| is_protected(r))
            .collect();
        assert!(!protected.is_empty());
        for record in protected {
            assert_eq!(record.content, RecordContent::NoKey, "{}", session.name);
        }
    }
}

#[test]
fn handshake_opens_without_the_application_secret() {
    let session = Session::named("tls13-key-updates");
    let keys: String = session
        .keys
        .lines()
        .filter(|key| !key.starts_with("SERVER_TRAFFIC"))
        .map(|key| format!("{key}\n"))
        .collect();

    let view = session.read_with(&keys);

    let opened = view
        .server
        .iter()
        .filter(|record| matches!(record.content, RecordContent::Opened(_)))
        .count();
    let without_key = view
        .server
        .iter()
        .filter(|record| record.content == RecordContent::NoKey)
        .count();
    assert_eq!((opened, without_key), (4, 5));
    assert_eq!(view.client, session.read().client);
}

#[test]
fn early_data_refused_by_hello_retry_request_has_no_key_and_does_not_hinder_later_records() {
    let session = Session::named("tls13-hello-retry-padding");
    let early_data = [&[23, 3, 3, 0, 32][..], &[0x5A; 32]].concat();
    let mut with_early_data = session.clone();
    with_early_data
        .events
        .insert(2, (Sender::Client, early_data));

    let mut view = with_early_data.read();

    let refused = view.client.remove(1);
    assert_eq!(refused.content, RecordContent::NoKey);
    let contents = |records: Vec<Record>| {
        records
            .into_iter()
            .map(|record| record.content)
            .collect::<Vec<_>>()
    };
    assert_eq!(contents(view.client), contents(session.read().client));
}

#[test]
fn unsupported_cipher_suite_is_reported_as_unsupported() {
    let mut session = Session::named("tls12-aes256-gcm-dhe-psk");
    let (gcm, ccm) = ([0x00, 0xAB], [0xC0, 0xA7]);
    let hello = &mut session.events[1].1[..90];
    let at = hello.windows(2).rposition(|suite| suite == gcm).unwrap();
    hello[at..at + 2].copy_from_slice(&ccm);

    let view = session.read();

    let protected: Vec<_> = view
        .client
        .iter()
        .chain(&view.server)
        .filter(|r| is_protected(r))
        .collect();
    assert_eq!(protected.len(), 6);
    assert!(
        protected
            .iter()
            .all(|record| record.content == RecordContent::Unsupported)
    );
}

#[test]
fn truncated_stream_ends_in_an_incomplete_record_with_the_right_count() {
    let session = Session::named("tls12-aes256-gcm-dhe-psk");
    let stream = session.stream(Sender::Client);
    let whole = session.read().client;
    for cut in 0..stream.len() {
        let view = read([(Sender::Client, &stream[..cut])], &KeyLog::default());

        assert_covers(&view.client, cut, &format!("cut at {cut}"));
        let ends_at_an_edge = cut == 0 || whole.iter().any(|record| record.end() == cut as u64);
        let Some(last) = view.client.last().filter(|_| !ends_at_an_edge) else {
            assert!(view.client.iter().all(Record::is_complete), "cut at {cut}");
            continue;
        };
        assert_eq!(last.content, RecordContent::Incomplete, "cut at {cut}");
        let expected = whole
            .iter()
            .find(|record| record.start == last.start)
            .unwrap()
            .header;
        assert_eq!(
            last.header,
            expected.filter(|_| last.received >= 5),
            "cut at {cut}"
        );
    }
}

#[test]
fn rest_after_an_impossible_header_is_garbage() {
    let too_long = [22, 3, 3, 0x48, 0x01];
    let unknown_type = *b"HTTP/";
    for header in [too_long, unknown_type] {
        let alert = [21, 3, 3, 0, 2, 1, 0];
        let events: [&[u8]; 4] = [&alert, &header[..3], &header[3..], &alert];

        let view = read(
            events.map(|bytes| (Sender::Server, bytes)),
            &KeyLog::default(),
        );

        let [whole, garbage] = &view.server[..] else {
            panic!("{view:?}")
        };
        assert!(whole.is_complete());
        assert_eq!((garbage.start, garbage.received), (7, 12));
        assert_eq!(
            garbage.header.unwrap().version,
            u16::from_be_bytes([header[1], header[2]])
        );
        assert_eq!(garbage.content, RecordContent::Garbage);
        assert!(view.client.is_empty());
    }
}

#[test]
fn longest_tls_1_2_fragment_is_not_garbage() {
    let record = [&[22, 3, 3, 0x48, 0x00][..], &[0; 0x4800]].concat();

    let view = read([(Sender::Client, &record[..])], &KeyLog::default());

    assert_eq!(view.client.len(), 1);
    assert!(view.client[0].is_complete());
}

#[test]
fn each_byte_of_a_damaged_stream_belongs_to_one_record() {
    let mut random = Xorshift(0x9E37_79B9_7F4A_7C15);
    for session in Session::all() {
        for round in 0..150 {
            let mut damaged = session.clone();
            for _ in 0..=random.below(3) {
                random.damage(&mut damaged);
            }

            let view = damaged.read();

            for sender in BOTH {
                let name = format!("{} round {round} {sender:?}", session.name);
                assert_covers(&view[sender], damaged.stream(sender).len(), &name);
            }
        }
    }
}

#[test]
fn noise_does_not_panic() {
    let mut random = Xorshift(1);
    for round in 0..2000 {
        let length = random.below(200);
        let mut noise: Vec<u8> = (0..length).map(|_| random.byte()).collect();
        // Mostly with a valid header, so that the noise reaches deeper code.
        if let [kind, version, _, high, low, ..] = &mut noise[..]
            && round % 8 > 0
        {
            (*kind, *version, *high) = (20 + *kind % 4, 3, 0);
            *low %= 64;
        }

        let view = read(
            [(Sender::Client, &noise[..]), (Sender::Server, &noise[..])],
            &KeyLog::default(),
        );

        assert_covers(&view.client, length, &format!("round {round}"));
    }
}

/// Xorshift (Marsaglia): the same sequence in each run.
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// Alters, removes, duplicates or moves some bytes.
    fn damage(&mut self, session: &mut Session) {
        let count = session.events.len();
        let (first, second) = (self.below(count), self.below(count));
        let bytes = &mut session.events[first].1;
        if bytes.is_empty() {
            return;
        }
        // Record headers and hellos stand at the start of each chunk, so damage that part more
        // often.
        let span = if self.below(2) == 0 {
            bytes.len().min(60)
        } else {
            bytes.len()
        };
        let at = self.below(span);
        match self.below(6) {
            0 | 1 => bytes[at] = self.byte(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(..at)),
            4 => {
                let copy = bytes[..at].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => session.events.swap(first, second),
        }
    }
}
