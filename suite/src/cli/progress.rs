//! A progress bar on a terminal, none in a pipe; and what an interrupt does.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::failure::{Exit, Failure};
use crate::run::Progress;

/// Shows on standard error how many cases are done, if that is a terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(cases: usize) -> Self {
        let bar = ProgressBar::new(cases as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} cases") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn advance(&self, cases: usize) {
        self.0.inc(cases as u64);
    }
}

/// The first interrupt lets the cases under way end and no others begin; the second ends the program.
pub(super) fn stop_on_interrupt(stop: &'static AtomicBool) -> Result<(), Failure> {
    static INSTALLED: Once = Once::new();
    let mut result = Ok(());
    INSTALLED.call_once(|| {
        result = ctrlc::set_handler(|| {
            if stop.swap(true, Ordering::Relaxed) {
                std::process::exit(Exit::Interrupted as i32);
            }
            eprintln!("writeproof: interrupted, the cases under way are brought to their end");
        });
    });
    Ok(result?)
}
