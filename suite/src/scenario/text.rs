//! Values as the text of a scenario file: strings, words and inline tables of TOML.

use std::fmt::{self, Display};

/// The word that stands for `meaning`, quoted; one that is refused if there is none, as tests would
/// find.
pub(super) fn word<T: PartialEq>(words: &[(&str, T)], meaning: &T) -> String {
    let found = words.iter().find(|(_, known)| known == meaning);
    quoted(found.map_or("", |(word, _)| word))
}

/// An inline table.
#[derive(Default)]
pub(super) struct InlineTable(Vec<String>);

impl InlineTable {
    pub(super) fn entry(mut self, key: &str, value: impl Display) -> Self {
        self.0.push(format!("{key} = {value}"));
        self
    }

    /// An entry, if there is something to be said.
    pub(super) fn some(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.entry(key, value),
            None => self,
        }
    }
}

impl Display for InlineTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("{}")
        } else {
            write!(f, "{{ {} }}", self.0.join(", "))
        }
    }
}

/// Two hexadecimal digits for each byte, quoted.
pub(super) fn hex(bytes: &[u8]) -> String {
    quoted(&base16ct::lower::encode_string(bytes))
}

/// A basic string (TOML 1.0, "String"): control characters, quotation marks and backslashes are
/// escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
