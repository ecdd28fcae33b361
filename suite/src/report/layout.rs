//! Pieces of text that several reports share: columns, counts, lines that fit.

use crate::transport::Errno;

/// The longest text of a line, in characters.
const LINE: usize = 300;

/// Columns as wide as their widest cell, two spaces apart.
pub(crate) fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// `1 case`, `2 cases`.
pub(crate) fn count(number: usize, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    }
}

/// As much as fits, with control characters replaced, so that they do nothing on a terminal.
pub(super) fn cut(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(LINE)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(LINE).is_some() {
        shown.push('…');
    }
    shown
}

/// The text in one line of at most so many characters, with control characters replaced.
pub(super) fn fitted(text: &str, most: usize) -> String {
    let shown = cut(text);
    if shown.chars().count() <= most {
        return shown;
    }
    let shown: String = shown.chars().take(most.saturating_sub(1)).collect();
    format!("{shown}…")
}

/// A difference without the details of its case, as a key for grouping: a retry counts as a write,
/// and the transport's error and all numbers but 0 and 1 are left out.
pub(super) fn without_the_case(text: &str) -> String {
    let words = text.split(' ').map(|word| match word {
        "retry" => "write",
        "moved" | "changed" => "",
        word => word,
    });
    without_errno(&without_numbers(&words.collect::<Vec<_>>().join(" ")))
}

fn without_errno(text: &str) -> String {
    let is_errno = |name: &str| Errno::from_name(name).is_some();
    let parts = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let parts = parts.map(|part| {
        let name = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if is_errno(name) {
            part.replacen(name, "errno", 1)
        } else {
            part.to_owned()
        }
    });
    parts.collect()
}

fn without_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut digits = String::new();
    // One more character, which ends the last number.
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        match digits.as_str() {
            "" => {}
            "0" | "1" => kept.push_str(&digits),
            _ => kept.push('n'),
        }
        digits.clear();
        kept.push(c);
    }
    kept
}
