//! Reads a scenario file into a [`Scenario`], or yields an error with the line, the column and a
//! correction.
//!
//! ```toml
//! title = "A blocked write retried with fewer bytes is refused"   # required
//! clauses = ["retry.same-arguments"]        # clauses of the contract; default none
//! links = ["https://…"]                     # descriptions of the behaviour; default none
//! versions = ["tls1.2", "tls1.3"]           # default both
//! roles = ["client", "server"]              # of the library under test; default both
//! transports = ["scripted"]                 # or blocking, memory-bio, bio-pair, buffering-bio, socket, blocking-socket
//! cipher = "aes128-gcm"                     # or chacha20; aes128-cbc, aes128-cbc-mac-then-encrypt (with tls1.2 alone)
//! key_exchange = "ephemeral"                # or pre-shared: the shortest handshake that there is
//! role_state = "set"                        # or unset: no SSL_set_connect_state before
//! peer_renegotiation = "allow"              # or refuse; only with a step renegotiate
//! session_tickets = "none"                  # or send; only where tls1.3/server is a variant
//!
//! steps = [                                 # required, at least one write among them
//!   "handshake",                            # the same as { handshake = {} }
//!   { link = { accept = 100 } },
//!   { write = { len = 20000 } },
//!   "finish",
//! ]
//! ```
//!
//! The steps are read by [`step`], and [`order`] says where each of them can stand.

use toml::de::DeTable;

use super::{
    Cipher, Id, KeyExchange, PeerRenegotiation, Role, RoleState, Scenario, SessionTickets,
    TransportKind, Version, is_name, order, step,
};
use crate::toml_reader::{Fault, Fields, Node, ParseError, nearest, renamed};

/// Reads the `text` of the scenario `id`; messages call the file `path`.
///
/// # Errors
///
/// The text is not TOML, has an unknown key, an impossible value, or a step that cannot be done
/// where it stands. Only the first fault is reported.
pub fn parse(id: Id, path: &str, text: &str) -> Result<Scenario, ParseError> {
    scenario(id, text, None).map_err(|fault| ParseError::locate(path, text, fault))
}

/// As [`parse`], but accepts only these clauses.
///
/// # Errors
///
/// As [`parse`], and the first clause that is not among them.
pub(super) fn parse_with_clauses(
    id: Id,
    path: &str,
    text: &str,
    clauses: &[String],
) -> Result<Scenario, ParseError> {
    scenario(id, text, Some(clauses)).map_err(|fault| ParseError::locate(path, text, fault))
}

fn scenario(id: Id, text: &str, all_clauses: Option<&[String]>) -> Result<Scenario, Fault> {
    const KEYS: [&str; 12] = [
        "title",
        "clauses",
        "links",
        "versions",
        "roles",
        "transports",
        "cipher",
        "key_exchange",
        "role_state",
        "peer_renegotiation",
        "session_tickets",
        "steps",
    ];
    let document = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let fields = Fields::of_file(&document, "the scenario").only(&KEYS)?;
    let title = title(&fields)?;
    let clauses = fields.set_or_none("clauses", "clauses", |node| {
        let clause = clause(node)?;
        match all_clauses {
            Some(all) if !all.contains(&clause) => Err(unknown_clause(
                node.at(),
                &clause,
                all.iter().map(String::as_str),
            )),
            _ => Ok(clause),
        }
    })?;
    let links = fields.set_or_none("links", "addresses", link_address)?;
    let versions = fields.some_or_all("versions", Version::ALL.map(|v| (v.as_str(), v)))?;
    let roles = fields.some_or_all("roles", Role::ALL.map(|r| (r.as_str(), r)))?;
    let transports = transports(&fields)?;
    let cipher = cipher(&fields, &versions)?;
    let key_exchange =
        fields.word_or_first("key_exchange", KeyExchange::ALL.map(|k| (k.as_str(), k)))?;
    let role_state = fields.word_or_first(
        "role_state",
        [("set", RoleState::Set), ("unset", RoleState::Unset)],
    )?;
    let peer_renegotiation = fields.word_or_first(
        "peer_renegotiation",
        [
            ("allow", PeerRenegotiation::Allow),
            ("refuse", PeerRenegotiation::Refuse),
        ],
    )?;
    let session_tickets = fields.word_or_first(
        "session_tickets",
        [
            ("none", SessionTickets::None),
            ("send", SessionTickets::Send),
        ],
    )?;
    let (steps, places) = step::of_file(&fields)?;
    let scenario = Scenario {
        id,
        title,
        clauses,
        links,
        versions,
        roles,
        transports,
        cipher,
        key_exchange,
        role_state,
        peer_renegotiation,
        session_tickets,
        steps,
    };
    order::check(&scenario, &places, &fields)?;
    Ok(scenario)
}

/// What stands there is no TOML.
pub(crate) fn syntax(text: &str, error: &toml::de::Error) -> Fault {
    Fault::new(
        error.span().map_or(text.len(), |span| span.start),
        format!("invalid TOML: {}", error.message().replace('\n', ", ")),
        "see https://toml.io for the syntax",
    )
}

fn title(fields: &Fields<'_>) -> Result<String, Fault> {
    const WANTED: &str =
        "one sentence, on one line, that says what is done and what a correct library does";
    match fields.find("title") {
        Some(node) => node
            .text(WANTED, |t| {
                !t.trim().is_empty() && !t.contains(char::is_control)
            })
            .map(str::to_owned),
        None => Err(Fault::new(
            fields.at(),
            "missing \"title\"",
            format!("add title = \"…\", {WANTED}"),
        )),
    }
}

/// A clause that is not in the contract, which has the clauses `all`.
pub(crate) fn unknown_clause<'c>(
    at: usize,
    clause: &str,
    all: impl Iterator<Item = &'c str>,
) -> Fault {
    Fault::new(
        at,
        format!("unknown clause \"{clause}\""),
        clause_hint(clause, all),
    )
}

/// Help for a word that names none of `known`: the most similar one, or where to find all.
pub(crate) fn clause_hint<'c>(word: &str, known: impl Iterator<Item = &'c str>) -> String {
    const ALL: &str = "`writeproof clauses` lists all";
    let near = nearest(word, known.map(|id| (id, id)), 1);
    match (renamed(word), near.first()) {
        (Some(new), _) => format!("it was renamed to {new:?}"),
        (None, Some(near)) => format!("did you mean {near:?}? ({ALL})"),
        (None, None) => ALL.to_owned(),
    }
}

/// The id of a clause.
pub(crate) fn clause(node: Node<'_>) -> Result<String, Fault> {
    let right = |text: &str| {
        text.split_once('.')
            .is_some_and(|(topic, rule)| is_name(topic) && is_name(rule))
    };
    node.text(
        "a clause such as \"retry.same-arguments\": two names of a-z, 0-9 and -, separated by a dot",
        right,
    )
    .map(str::to_owned)
}

/// An address on the web.
pub(crate) fn link_address(node: Node<'_>) -> Result<String, Fault> {
    let right = |text: &str| {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        rest.is_some_and(|r| {
            !r.is_empty() && !r.contains(|c: char| c.is_whitespace() || c.is_control())
        })
    };
    node.text("an address that starts with https:// or http://", right)
        .map(str::to_owned)
}

fn transports(fields: &Fields<'_>) -> Result<Vec<TransportKind>, Fault> {
    let choices = TransportKind::ALL.map(|transport| (transport.as_str(), transport));
    let some = fields.read("transports", |node| {
        node.some_of("strings", |element| element.choice(choices))
    })?;
    Ok(some.unwrap_or_else(|| vec![TransportKind::Scripted]))
}

fn cipher(fields: &Fields<'_>, versions: &[Version]) -> Result<Cipher, Fault> {
    let cipher = fields.word_or_first("cipher", Cipher::ALL.map(|c| (c.as_str(), c)))?;
    match fields.find("cipher") {
        Some(node) if !cipher.is_aead() && versions != [Version::Tls12] => Err(Fault::new(
            node.at(),
            format!("\"{}\" does not exist in TLS 1.3", cipher.as_str()),
            "add versions = [\"tls1.2\"]",
        )),
        _ => Ok(cipher),
    }
}
