//! Applies the edits of the table to source files. Input: the text of a file and the edits. Output:
//! the edited text, in which lines keep their numbers, since the compiler and the error queue
//! report them.

use crate::table::Edit;

/// In an edit, stands for the condition that its fault is active.
const FAULT: &str = "FAULT";

/// An edit, and the number of its fault.
pub(crate) struct Numbered<'t> {
    pub(crate) fault: usize,
    pub(crate) name: &'t str,
    pub(crate) edit: &'t Edit,
}

/// A replacement of a range of bytes.
struct Change {
    from: usize,
    to: usize,
    text: String,
}

/// The text with all edits applied; edits at one place in the order of the table.
pub(crate) fn apply(text: &str, edits: &[Numbered<'_>]) -> Result<String, String> {
    let mut changes = Vec::new();
    for numbered in edits {
        let change = change(text, numbered).map_err(|what| {
            let Edit {
                file, function, at, ..
            } = numbered.edit;
            format!(
                "{}: {file}, function {function}: {at:?} {what}",
                numbered.name
            )
        })?;
        changes.push(change);
    }
    changes.sort_by_key(|change| (change.from, change.to));
    let mut edited = String::with_capacity(2 * text.len());
    let mut done = 0;
    for change in &changes {
        let before = text
            .get(done..change.from)
            .ok_or_else(|| format!("two edits change {:?}", &text[change.from..change.to]))?;
        edited.push_str(before);
        edited.push_str(&change.text);
        done = change.to;
    }
    edited.push_str(&text[done..]);
    Ok(edited)
}

fn change(text: &str, numbered: &Numbered<'_>) -> Result<Change, String> {
    let edit = numbered.edit;
    let (start, end) = body(text, &edit.function)?;
    let mut found = text[start..end].match_indices(&edit.at);
    let at = match (found.next(), found.next()) {
        (Some((at, _)), None) => start + at,
        (None, _) => return Err("does not occur; quote this version of the file".into()),
        (Some(_), Some(_)) => return Err("occurs more than once; quote more".into()),
    };
    let end = at + edit.at.len();
    let (from, to, put) = match (&edit.before, &edit.after, &edit.instead) {
        (Some(put), _, _) => (at, at, put),
        (_, Some(put), _) => (end, end, put),
        (_, _, Some(put)) => (at, end, put),
        (None, None, None) => return Err("has no \"before\", \"after\" or \"instead\"".into()),
    };
    let condition = format!("writeproof_fault({})", numbered.fault);
    if !put.contains(FAULT) {
        return Err(format!("is changed without a condition; use {FAULT}"));
    }
    // No line is added, and removed lines are replaced by empty ones, so that later lines keep
    // their numbers.
    let gone = text[from..to].matches('\n').count();
    let text = put.replace(FAULT, &condition).replace('\n', " ") + &"\n".repeat(gone);
    Ok(Change { from, to, text })
}

/// The range of a function's definition. In OpenSSL's style both braces are in the first column.
fn body(text: &str, function: &str) -> Result<(usize, usize), String> {
    let call = format!("{function}(");
    let is_definition = |&(at, _): &(usize, &str)| {
        let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let word_before = text[..at].chars().next_back();
        let whole_word = word_before.is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
        let margin = text[line..].starts_with(|c: char| c.is_alphabetic());
        let next = text[at..]
            .find(['{', ';'])
            .map(|next| text.as_bytes()[at + next]);
        whole_word && margin && next == Some(b'{')
    };
    let mut found = text.match_indices(&call).filter(is_definition);
    let (Some((start, _)), None) = (found.next(), found.next()) else {
        return Err("is in a function that is not defined exactly once".into());
    };
    let length = text[start..].find("\n}").unwrap_or(text.len() - start);
    Ok((start, start + length))
}
