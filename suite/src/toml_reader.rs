//! Reads TOML files that a person edits: scenarios, the contract and the known issues.
//!
//! Takes the spanned tree of the `toml` crate, and yields values of the wanted kind and range, or a
//! [`Fault`] with its position, what is wrong and what would be right. The keys and words are defined
//! by [`scenario`](crate::scenario), [`contract`](crate::contract) and [`judge`](crate::judge).

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Something in a file that is not as it must be.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Where in the text, in bytes.
    pub(crate) at: usize,
    /// What is wrong.
    pub(crate) message: String,
    /// What would be right.
    pub(crate) help: String,
}

/// A file that a person edits is not valid: where, and how to correct it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}:{line}:{column}: {message}: {help}")]
#[non_exhaustive]
pub struct ParseError {
    /// The file, as messages name it.
    pub(crate) path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl ParseError {
    pub(crate) fn at_start(path: &str, message: String, help: &str) -> Self {
        Self::locate(path, "", Fault::new(0, message, help))
    }

    pub(crate) fn locate(path: &str, text: &str, fault: Fault) -> Self {
        let before = || text.char_indices().take_while(|&(at, _)| at < fault.at);
        let line = before().filter(|&(_, c)| c == '\n').count() + 1;
        let column = before().fold(1, |column, (_, c)| if c == '\n' { 1 } else { column + 1 });
        Self {
            path: path.to_owned(),
            line,
            column,
            message: fault.message,
            help: fault.help,
        }
    }
}

impl Fault {
    pub(crate) fn new(at: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            help: help.into(),
        }
    }

    /// A word that is none of `known`; the message calls these `kinds`.
    pub(crate) fn unknown(
        at: usize,
        message: String,
        word: &str,
        kinds: &str,
        known: &[&str],
    ) -> Self {
        let list = known.join(", ");
        if let Some(new) = renamed(word).filter(|new| known.contains(new)) {
            let help = format!("did you mean \"{new}\"? It was renamed. ({kinds}: {list})");
            return Self::new(at, message, help);
        }
        let help = match nearest(word, known.iter().map(|&k| (k, k)), 1).first() {
            Some(near) => format!("did you mean \"{near}\"? ({kinds}: {list})"),
            None => format!("the {kinds} are {list}"),
        };
        Self::new(at, message, help)
    }
}

/// The present name of a word that was renamed.
pub(crate) fn renamed(word: &str) -> Option<&'static str> {
    let pair = RENAMED.iter().find(|(old, _)| *old == word);
    pair.map(|(_, new)| *new)
}

/// Renamed words of scenario files and of known issues: the old one and the new one.
const RENAMED: [(&str, &str); 5] = [
    (
        "connection.recovers-or-stays-dead",
        "connection.recovers-or-stays-failed",
    ),
    (
        "error.dead-connection-tells-the-truth",
        "error.failed-connection-reports-failure",
    ),
    ("cut", "truncate"),
    ("double", "duplicate"),
    ("vanish", "disconnect"),
];

/// The name of the file in messages, if it has no better one.
const FILE: &str = "the file";

/// The entries of a table, in the order of the file.
#[derive(Debug)]
pub(crate) struct Fields<'t> {
    /// What the table is the value of; nothing for the file itself.
    name: Option<&'t str>,
    /// What messages call the file.
    file: &'static str,
    at: usize,
    entries: Vec<TableEntry<'t>>,
}

/// One `key = value`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableEntry<'t> {
    pub(crate) key: &'t str,
    /// Where the key stands, in bytes.
    pub(crate) at: usize,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Fields<'t> {
    /// The top of a file, which messages call `file`.
    pub(crate) fn of_file(document: &'t Spanned<DeTable<'t>>, file: &'static str) -> Self {
        Self {
            file,
            ..Self::of_table(None, 0, document.get_ref())
        }
    }

    /// A table that was left out: it stands for an empty one.
    pub(crate) fn empty(name: &'t str, at: usize) -> Self {
        Self {
            name: Some(name),
            file: FILE,
            at,
            entries: Vec::new(),
        }
    }

    fn of_table(name: Option<&'t str>, at: usize, table: &'t DeTable<'t>) -> Self {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| TableEntry {
                key: key.get_ref(),
                at: key.span().start,
                value,
            })
            .collect();
        entries.sort_by_key(|entry| entry.at);
        Self {
            name,
            file: FILE,
            at,
            entries,
        }
    }

    /// Refuses every key that is none of `known`.
    pub(crate) fn only(self, known: &[&str]) -> Result<Self, Fault> {
        match self.entries.iter().find(|e| !known.contains(&e.key)) {
            None => Ok(self),
            Some(entry) => {
                let within = self.name.unwrap_or(self.file);
                let message = format!("unknown key {} in {within}", Quoted(entry.key));
                Err(Fault::unknown(entry.at, message, entry.key, "keys", known))
            }
        }
    }

    /// The one entry of a table that must have exactly one; `advice` says how to write it.
    pub(crate) fn single(&self, advice: &str) -> Result<TableEntry<'t>, Fault> {
        match self.entries[..] {
            [entry] => Ok(entry),
            [] => Err(Fault::new(self.at, "an empty table", advice)),
            [first, second, ..] => Err(Fault::new(
                second.at,
                format!(
                    "{} is in the same table as {}",
                    Quoted(second.key),
                    Quoted(first.key)
                ),
                advice,
            )),
        }
    }

    /// The value of `key`, if it is there.
    pub(crate) fn find(&self, key: &str) -> Option<Node<'t>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.node(*entry))
    }

    /// The array of strings at `key`, each there once; empty if the table has none. `wanted` says
    /// in the plural what they are.
    pub(crate) fn set_or_none<T: PartialEq>(
        &self,
        key: &str,
        wanted: &str,
        read: impl Fn(Node<'t>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let set = self.read(key, |node| node.set(wanted, read))?;
        Ok(set.unwrap_or_default())
    }

    /// The words of the array at `key`; all `choices` if the table has none.
    pub(crate) fn some_or_all<T: Copy + PartialEq, const N: usize>(
        &self,
        key: &str,
        choices: [(&'static str, T); N],
    ) -> Result<Vec<T>, Fault> {
        let some = self.read(key, |node| {
            node.some_of("strings", |element| element.choice(choices))
        })?;
        Ok(some.unwrap_or_else(|| choices.map(|(_, value)| value).to_vec()))
    }

    /// The word at `key`; the first of `choices` if the table has none.
    pub(crate) fn word_or_first<T: Copy, const N: usize>(
        &self,
        key: &str,
        choices: [(&'static str, T); N],
    ) -> Result<T, Fault> {
        let word = self.read(key, |node| node.choice(choices))?;
        Ok(word.unwrap_or(choices[0].1))
    }

    /// What `read` makes of the value of `key`, if it is there.
    pub(crate) fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(Node<'t>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        self.find(key).map(read).transpose()
    }

    /// The key and value of at most one of `keys`; a second one is refused.
    pub(crate) fn at_most_one(&self, keys: &[&str]) -> Result<Option<(&'t str, Node<'t>)>, Fault> {
        let mut found = self.entries.iter().filter(|e| keys.contains(&e.key));
        let Some(first) = found.next() else {
            return Ok(None);
        };
        match found.next() {
            None => Ok(Some((first.key, self.node(*first)))),
            Some(second) => Err(Fault::new(
                second.at,
                format!(
                    "{} cannot be combined with \"{}\"",
                    self.node(*second).name,
                    first.key
                ),
                format!("write only one of {}", keys.join(", ")),
            )),
        }
    }

    /// All entries, in the order of the file.
    pub(crate) fn entries(&self) -> impl Iterator<Item = TableEntry<'t>> {
        self.entries.iter().copied()
    }

    /// Where the table starts, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn node(&self, entry: TableEntry<'t>) -> Node<'t> {
        Node {
            name: match self.name {
                None => Name::Key(entry.key),
                Some(table) => Name::KeyIn(entry.key, table),
            },
            key: entry.key,
            value: entry.value,
        }
    }
}

impl<'t> TableEntry<'t> {
    /// The value, known by its key alone.
    pub(crate) fn node(self) -> Node<'t> {
        Node {
            name: Name::Key(self.key),
            key: self.key,
            value: self.value,
        }
    }
}

/// A value, and what messages call it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'t> {
    name: Name<'t>,
    key: &'t str,
    value: &'t Spanned<DeValue<'t>>,
}

/// What messages call a value.
#[derive(Debug, Clone, Copy)]
enum Name<'t> {
    Key(&'t str),
    KeyIn(&'t str, &'t str),
    ElementOf(&'t str),
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "\"{key}\""),
            Self::KeyIn(key, table) => write!(f, "\"{key}\" in {table}"),
            Self::ElementOf(key) => write!(f, "an element of \"{key}\""),
        }
    }
}

impl<'t> Node<'t> {
    /// Where the value starts, in bytes.
    pub(crate) fn at(self) -> usize {
        self.value.span().start
    }

    /// The value is not `wanted`, a phrase that fits "must be …".
    pub(crate) fn refused(self, wanted: impl fmt::Display) -> Fault {
        Fault::new(
            self.at(),
            format!("{} is {}", self.name, Described(self.value.get_ref())),
            format!("must be {wanted}"),
        )
    }

    /// The text of a string; nothing for other values.
    pub(crate) fn as_text(self) -> Option<&'t str> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// A string that `right` accepts; `wanted` says what that is.
    pub(crate) fn text(
        self,
        wanted: impl fmt::Display,
        right: impl FnOnce(&str) -> bool,
    ) -> Result<&'t str, Fault> {
        self.as_text()
            .filter(|text| right(text))
            .ok_or_else(|| self.refused(wanted))
    }

    /// One line of text that says something.
    pub(crate) fn line(self) -> Result<String, Fault> {
        let right = |text: &str| !text.trim().is_empty() && !text.contains(char::is_control);
        self.text("one line of text", right).map(str::to_owned)
    }

    /// A whole number in `range`.
    pub(crate) fn number<N>(self, range: RangeInclusive<N>) -> Result<N, Fault>
    where
        N: TryFrom<i128> + PartialOrd + fmt::Display,
    {
        let number = match self.value.get_ref() {
            DeValue::Integer(digits) => i128::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        number
            .and_then(|number| N::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                self.refused(format_args!(
                    "a whole number from {} to {}",
                    range.start(),
                    range.end()
                ))
            })
    }

    /// A whole number from 1 to `max`.
    pub(crate) fn count(self, max: usize) -> Result<NonZeroUsize, Fault> {
        let number = self.number(1..=max)?;
        Ok(NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN))
    }

    /// The value `true`, the only one that says anything where it stands.
    pub(crate) fn yes(self) -> Result<(), Fault> {
        match self.value.get_ref() {
            DeValue::Boolean(true) => Ok(()),
            _ => Err(self.refused("true, or left out")),
        }
    }

    /// The meaning of one of the words in `choices`.
    pub(crate) fn choice<T>(
        self,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<T, Fault> {
        let (words, mut meanings): (Vec<_>, Vec<_>) = choices.into_iter().unzip();
        let Some(text) = self.as_text() else {
            return Err(self.refused(format_args!("one of {}", words.join(", "))));
        };
        match words.iter().position(|&word| word == text) {
            Some(index) => Ok(meanings.swap_remove(index)),
            None => {
                let message = format!("unknown value {} for {}", Quoted(text), self.name);
                Err(Fault::unknown(self.at(), message, text, "values", &words))
            }
        }
    }

    /// The bytes that an even number of hexadecimal digits stands for: 1 to `max`.
    pub(crate) fn hex(self, max: usize) -> Result<Vec<u8>, Fault> {
        self.as_text()
            .filter(|text| (1..=max).contains(&text.len().div_ceil(2)))
            .and_then(|text| base16ct::mixed::decode_vec(text).ok())
            .ok_or_else(|| {
                self.refused(format_args!(
                    "a string of 1 to {max} bytes, each two hexadecimal digits, such as \"00ff\""
                ))
            })
    }

    /// The elements of an array; `wanted` says in the plural what they are.
    pub(crate) fn elements(self, wanted: &str) -> Result<Vec<Node<'t>>, Fault> {
        let DeValue::Array(values) = self.value.get_ref() else {
            return Err(self.refused(format_args!("an array of {wanted}")));
        };
        let elements = values.iter().map(|value| Node {
            name: Name::ElementOf(self.key),
            key: self.key,
            value,
        });
        Ok(elements.collect())
    }

    /// The elements of an array, each there once.
    pub(crate) fn set<T: PartialEq>(
        self,
        wanted: &str,
        read: impl Fn(Node<'t>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut known = Vec::new();
        for element in self.elements(wanted)? {
            let item = read(element)?;
            if known.contains(&item) {
                return Err(Fault::new(
                    element.at(),
                    format!(
                        "{} is listed twice in {}",
                        Described(element.value.get_ref()),
                        self.name
                    ),
                    "list it once",
                ));
            }
            known.push(item);
        }
        Ok(known)
    }

    /// The elements of an array, each there once, and at least one.
    pub(crate) fn some_of<T: PartialEq>(
        self,
        wanted: &str,
        read: impl Fn(Node<'t>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let items = self.set(wanted, read)?;
        if items.is_empty() {
            return Err(self.refused(format_args!("an array of one or more {wanted}")));
        }
        Ok(items)
    }

    /// The entries of a table, called by the name of the key whose value it is.
    pub(crate) fn fields(self, wanted: &str) -> Result<Fields<'t>, Fault> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(Fields::of_table(Some(self.key), self.at(), table)),
            _ => Err(self.refused(wanted)),
        }
    }

    /// Whether the value is `{}`.
    pub(crate) fn is_empty_table(self) -> bool {
        matches!(self.value.get_ref(), DeValue::Table(table) if table.is_empty())
    }
}

/// A value in a message.
struct Described<'t>(&'t DeValue<'t>);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DeValue::String(text) => Quoted(text).fmt(f),
            DeValue::Integer(number) => f.write_str(&shortened(&number.to_string())),
            DeValue::Float(number) => f.write_str(&shortened(&number.to_string())),
            DeValue::Boolean(value) => value.fmt(f),
            DeValue::Datetime(_) => f.write_str("a date or time"),
            DeValue::Array(values) if values.is_empty() => f.write_str("an empty array"),
            DeValue::Array(_) => f.write_str("an array"),
            DeValue::Table(table) if table.is_empty() => f.write_str("an empty table"),
            DeValue::Table(_) => f.write_str("a table"),
        }
    }
}

/// Text of the file in a message: quoted, escaped and not endless.
pub(crate) struct Quoted<'t>(pub(crate) &'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", shortened(self.0))
    }
}

/// The first characters of `text`: a message stays one line that can be read.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// What the candidates whose spelling looks most like `text` mean, best first: those that a slip of
/// the keyboard may have missed, each once, and at most `most`.
pub(crate) fn nearest<'c, T: PartialEq>(
    text: &str,
    candidates: impl IntoIterator<Item = (&'c str, T)>,
    most: usize,
) -> Vec<T> {
    /// Found by trial: lets `lenght` find `len`, and keeps unrelated words apart.
    const LIKE_ENOUGH: f64 = 0.8;
    /// How much less like than the best one another may be: next to `retry/shorter-buffer`, the
    /// family's other members are no help.
    const MARGIN: f64 = 0.1;
    let text = shortened(text).to_lowercase();
    let mut scored: Vec<_> = candidates
        .into_iter()
        .map(|(spelling, meaning)| {
            let likeness = strsim::jaro_winkler(&text, &spelling.to_lowercase());
            (likeness, meaning)
        })
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let enough = scored.first().map_or(0.0, |(best, _)| best - MARGIN);
    let mut chosen = Vec::new();
    for (_, meaning) in scored.into_iter().take_while(|(l, _)| *l >= enough) {
        if chosen.len() < most && !chosen.contains(&meaning) {
            chosen.push(meaning);
        }
    }
    chosen
}
