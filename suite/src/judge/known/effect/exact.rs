//! The pattern that matches exactly one observation, and its form in a file, for a proposed issue.

use std::fmt;

use super::super::measured::MeasuredHistory;
use super::super::number::Sum;
use super::{
    ENDS, ERRORS, FLAWS, ObservationPattern, RecordKind, WHATS, bytes_of, ends_of, flaw_of,
    missing_of, repeated_of, what_of,
};
use crate::judge::monitor::Observation;
use crate::trace::{AlertSeen, ErrorClass, QueueEntry, RecordSeen};

impl ObservationPattern {
    /// Everything that a file can express about this observation, except its number.
    pub(in crate::judge::known) fn of(observed: &Observation) -> Self {
        let answer = observed.answer();
        let record = observed.record();
        Self {
            errors: answer.map(|answer| answer.error).into_iter().collect(),
            queues: answer
                .filter(|answer| !answer.queue.is_empty())
                .map(|answer| vec![answer.queue.clone()]),
            returns: answer.map(|answer| answer.ret),
            records: record.map(RecordKind::of).into_iter().collect(),
            message: record.and_then(|record| Some(record.messages().first()?.kind)),
            alert: record.and_then(RecordSeen::alert),
            flaw: flaw_of(observed),
            what: what_of(observed),
            ends: ends_of(observed),
            ..Self::default()
        }
    }

    /// The pattern with each sum that equals the number of this observation at this event, the most
    /// general first; without a sum if the observation has no number.
    pub(in crate::judge::known) fn numbered(
        self,
        observed: &Observation,
        measured: &MeasuredHistory<'_, '_>,
        at: usize,
    ) -> Vec<Self> {
        type Field = fn(&mut ObservationPattern) -> &mut Option<Sum>;
        let places: [(Option<usize>, Field); 3] = [
            (bytes_of(observed), |pattern| &mut pattern.bytes),
            (missing_of(observed), |pattern| &mut pattern.missing),
            (repeated_of(observed), |pattern| &mut pattern.repeated),
        ];
        let place = places
            .into_iter()
            .find_map(|(number, place)| Some((number?, place)));
        let Some((number, place)) = place else {
            return vec![self];
        };
        let with = |number: Sum| {
            let mut pattern = self.clone();
            *place(&mut pattern) = Some(number);
            pattern
        };
        let sums = Sum::all_that_are(number, measured, at);
        sums.into_iter().map(with).collect()
    }
}

/// A TOML string; control characters that a library has put into it are replaced.
pub(crate) fn quoted(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    serde_json::Value::from(text).to_string()
}

/// Writes the key of a table with its values; an array if there are several.
fn write_key<T>(
    f: &mut fmt::Formatter<'_>,
    key: &str,
    values: &[T],
    write: impl Fn(&T) -> String,
) -> fmt::Result {
    let values: Vec<String> = values.iter().map(write).collect();
    match values.as_slice() {
        [] => Ok(()),
        [value] => write!(f, ", {key} = {value}"),
        values => write!(f, ", {key} = [{}]", values.join(", ")),
    }
}

/// The word for a value.
fn word<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> String {
    let word = words.iter().find(|(_, of)| of == value);
    quoted(word.map_or("", |(word, _)| word))
}

fn error(class: &ErrorClass) -> String {
    match class {
        ErrorClass::Other(number) => number.to_string(),
        class => word(&ERRORS, class),
    }
}

#[cfg(test)]
impl super::IssueEffect {
    /// The pattern, as written in a file.
    pub(in crate::judge::known) fn exact(&self) -> String {
        self.pattern.to_string()
    }
}

/// The keys after `clause` and `in`, each after a comma.
impl fmt::Display for ObservationPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = |queue: &Vec<QueueEntry>| quoted(&QueueEntry::joined(queue));
        write_key(f, "error", &self.errors, error)?;
        write_key(
            f,
            "queue",
            self.queues.as_deref().unwrap_or_default(),
            queue,
        )?;
        write_key(f, "returns", self.returns.as_slice(), i64::to_string)?;
        write_key(f, "record", &self.records, |kind| quoted(&kind.to_string()))?;
        write_key(f, "message", self.message.as_slice(), |kind| {
            quoted(&kind.to_string())
        })?;
        let alert = |alert: &AlertSeen| quoted(&alert.to_string());
        write_key(f, "alert", self.alert.as_slice(), alert)?;
        write_key(f, "flaw", self.flaw.as_slice(), |flaw| word(&FLAWS, flaw))?;
        write_key(f, "bytes", self.bytes.as_slice(), Sum::to_string)?;
        write_key(f, "missing", self.missing.as_slice(), Sum::to_string)?;
        write_key(f, "repeated", self.repeated.as_slice(), Sum::to_string)?;
        write_key(f, "what", self.what.as_slice(), |what| word(&WHATS, what))?;
        write_key(f, "ends", self.ends.as_slice(), |ends| word(&ENDS, ends))
    }
}
