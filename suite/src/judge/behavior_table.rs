//! Answers questions from recorded traces, without running anything. Takes the questions, the
//! scenarios, the recordings and names of backends, and yields a table of short answers.

use std::fmt;

use thiserror::Error;

use super::query::{Query, Question, Section};
use super::recorded::Recordings;
use super::snapshot_parser::{Line, LineResult, ReturnedValues, lines};
use crate::backend::REFERENCE;
use crate::scenario::{Corpus, Scenario, Variant};
use crate::trace::{ErrorClass, QueueEntry, Stored};

/// The answers to all questions of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers<'q> {
    /// The heading.
    pub(crate) title: &'q str,
    /// A row for each question.
    pub rows: Vec<Row<'q>>,
}

/// The answers to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'q> {
    /// The question.
    pub(crate) question: &'q Question,
    /// For each backend what it does in each variant of the scenario.
    pub cells: Vec<Vec<(Variant, Answer)>>,
}

/// A short answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This, such as `-1 SSL bad length`.
    Seen(String),
    /// There was no need for a retry: the write itself had succeeded.
    NotNeeded,
    /// The library has no such operation.
    Unsupported,
    /// The record that was asked for does not go out.
    Never,
    /// Nothing was ever recorded of this backend.
    NeverRecorded,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seen(text) => text,
            Self::NotNeeded => "not needed",
            Self::Unsupported => "-",
            Self::Never => "never",
            Self::NeverRecorded => "?",
        })
    }
}

/// A question that what was recorded does not answer: it, or a scenario, is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// There is no such scenario.
    #[error("the question {text:?} names the scenario {scenario}, which does not exist")]
    NoScenario {
        /// The question.
        text: String,
        /// The scenario that it names.
        scenario: String,
    },
    /// The trace does not have what the question asks for.
    #[error(
        "the question {text:?} asks {scenario} for {asks:?}, which is not in the trace of \
         {backend} {variant}"
    )]
    NoLine {
        /// The question.
        text: String,
        /// The scenario that it names.
        scenario: String,
        /// What it asks for.
        asks: Query,
        /// The backend whose trace it is.
        backend: String,
        /// The variant whose trace it is.
        variant: Variant,
    },
}

/// Answers all questions for these backends, which are the columns.
///
/// # Errors
/// The first question whose scenario, or whose line in a trace, is not there.
pub fn answers<'q>(
    sections: &'q [Section],
    corpus: &Corpus,
    recordings: &Recordings,
    backends: &[impl AsRef<str>],
) -> Result<Vec<Answers<'q>>, Unanswered> {
    let row = |question| row(question, corpus, recordings, backends);
    let section = |section: &'q Section| {
        let rows: Result<_, _> = section.questions.iter().map(row).collect();
        Ok(Answers {
            title: &section.title,
            rows: rows?,
        })
    };
    sections.iter().map(section).collect()
}

fn row<'q>(
    question: &'q Question,
    corpus: &Corpus,
    recordings: &Recordings,
    backends: &[impl AsRef<str>],
) -> Result<Row<'q>, Unanswered> {
    let scenario = corpus
        .get(&question.scenario)
        .ok_or_else(|| Unanswered::NoScenario {
            text: question.text.clone(),
            scenario: question.scenario.clone(),
        })?;
    // A question that the reference does not answer is wrong for every backend.
    let reference = cell(question, scenario, recordings, REFERENCE)?;
    if let [(variant, Answer::Never), ..] = reference[..]
        && reference.iter().all(|(_, answer)| *answer == Answer::Never)
    {
        return Err(no_line(question, REFERENCE, variant));
    }
    let cells = backends
        .iter()
        .map(|backend| cell(question, scenario, recordings, backend.as_ref()));
    Ok(Row {
        question,
        cells: cells.collect::<Result<_, _>>()?,
    })
}

fn cell(
    question: &Question,
    scenario: &Scenario,
    recordings: &Recordings,
    backend: &str,
) -> Result<Vec<(Variant, Answer)>, Unanswered> {
    let one = |variant| {
        let recorded = recordings
            .text(&scenario.id, backend, variant)
            .filter(|_| recordings.knows(backend));
        let answer = match recorded {
            None if backend != REFERENCE => Some(Answer::NeverRecorded),
            trace => question.asks.of(&lines(trace.unwrap_or_default())),
        };
        // Everything that a scenario asks for is in the reference's traces; another backend may
        // have ended the case earlier, but then says why.
        match answer {
            Some(answer) if backend != REFERENCE || answer != Answer::Unsupported => {
                Ok((variant, answer))
            }
            _ => Err(no_line(question, backend, variant)),
        }
    };
    scenario.variants().map(one).collect()
}

fn no_line(question: &Question, backend: &str, variant: Variant) -> Unanswered {
    Unanswered::NoLine {
        text: question.text.clone(),
        scenario: question.scenario.clone(),
        asks: question.asks.clone(),
        backend: backend.to_owned(),
        variant,
    }
}

impl Query {
    /// The answer of a trace; nothing if it has none and does not say why.
    fn of(&self, lines: &[Line<'_>]) -> Option<Answer> {
        let ending = lines.last()?.result.ends_the_case();
        let answer = match self {
            Self::First(action) => nth(lines, action, 0).and_then(|line| line.result.short()),
            Self::Second(action) => nth(lines, action, 1).and_then(|line| line.result.short()),
            Self::End(action) => end(lines, action).and_then(|line| line.result.short()),
            Self::Queue(action) => nth(lines, action, 0).and_then(|line| line.result.queue()),
            Self::Sends(record) => lines
                .iter()
                .find(|line| line.sent.iter().any(|sent| sent.starts_with(record)))
                .map(|line| Answer::Seen(format!("with {}", line.action)))
                .or_else(|| ending.is_none().then_some(Answer::Never)),
        };
        answer.or(ending)
    }
}

fn nth<'l, 't>(lines: &'l [Line<'t>], action: &str, n: usize) -> Option<&'l Line<'t>> {
    lines.iter().filter(|line| line.action == action).nth(n)
}

fn end<'l, 't>(lines: &'l [Line<'t>], write: &str) -> Option<&'l Line<'t>> {
    let retry = write.replacen("write", "retry", 1);
    let begun = lines.iter().position(|line| line.action == write)?;
    let retried = lines[begun..].iter().rfind(|line| line.action == retry);
    retried.or(Some(&lines[begun]))
}

impl LineResult<'_> {
    /// The result in a few words; `None` if the line has no result.
    fn short(&self) -> Option<Answer> {
        match self {
            Self::Call(returned) => Some(Answer::Seen(returned.short())),
            Self::NotNeeded => Some(Answer::NotNeeded),
            Self::Other("") => None,
            // One space will do outside a column.
            Self::Other(text) => Some(Answer::Seen(text.replace("  ", " "))),
            Self::Unsupported | Self::Panicked | Self::Crashed => self.ends_the_case(),
        }
    }

    /// The error queue after a call.
    fn queue(&self) -> Option<Answer> {
        match self {
            Self::Call(ReturnedValues { queue, .. }) if queue.is_empty() => {
                Some(Answer::Seen("empty".to_owned()))
            }
            Self::Call(ReturnedValues { queue, .. }) => {
                Some(Answer::Seen(QueueEntry::joined(queue)))
            }
            Self::NotNeeded => Some(Answer::NotNeeded),
            Self::Other(_) => None,
            Self::Unsupported | Self::Panicked | Self::Crashed => self.ends_the_case(),
        }
    }

    /// What is to be said of everything after it, if this ended the case.
    fn ends_the_case(&self) -> Option<Answer> {
        match self {
            Self::Unsupported => Some(Answer::Unsupported),
            Self::Panicked => Some(Answer::Seen("panics".to_owned())),
            Self::Crashed => Some(Answer::Seen("crashes".to_owned())),
            Self::Call(_) | Self::NotNeeded | Self::Other(_) => None,
        }
    }
}

impl ReturnedValues {
    /// Return value, error class, the number that was stored, then the reasons: whose they are goes
    /// without saying, and so does the errno that goes with would-block.
    fn short(&self) -> String {
        let mut words = vec![self.ret.to_string(), self.error.to_string()];
        if let Some(Stored::Bytes(written)) = self.written {
            words.push(format!("written {written}"));
        }
        let reason = |entry: &QueueEntry| entry.reason.clone();
        let mut reasons: Vec<String> = self.queue.iter().map(reason).collect();
        let errno = self.errno.filter(|_| self.error == ErrorClass::Syscall);
        if let Some(errno) = errno.map(|errno| errno.to_string())
            && !reasons.contains(&errno)
        {
            reasons.push(errno);
        }
        if !reasons.is_empty() {
            words.push(reasons.join(", "));
        }
        words.join(" ")
    }
}
