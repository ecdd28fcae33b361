//! The progress bar, and the handling of interrupts.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::complain;
use super::failure::{Exit, Failure};
use crate::run::Progress;
use crate::worker;

/// Shows on standard error how many cases are done, if standard error is a terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(cases: usize) -> Self {
        let bar = ProgressBar::new(cases as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} cases") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// A bar for shrinking an input of so many steps.
    pub(super) fn of_steps(steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:40} {pos} of {len} steps removed, {msg}")
        {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows that so many steps are left, after so many cases.
    pub(super) fn left(&self, steps: usize, cases: usize) {
        let gone = self.0.length().unwrap_or(0).saturating_sub(steps as u64);
        self.0.set_position(gone);
        self.0.set_message(format!("{cases} cases run"));
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

/// Whether cases are running, which an interrupt lets finish.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Runs something that ends soon after `stop` is set.
pub(super) fn interruptible<T>(run: impl FnOnce() -> T) -> T {
    RUNNING.store(true, Ordering::Relaxed);
    let result = run();
    RUNNING.store(false, Ordering::Relaxed);
    result
}

/// Installs the handler for interrupts. While cases run, the first interrupt lets the running ones
/// finish and starts no others. A second one, or one at any other time, ends the program at once.
pub(super) fn stop_on_interrupt(stop: &'static AtomicBool) -> Result<(), Failure> {
    static INSTALLED: Once = Once::new();
    let mut result = Ok(());
    INSTALLED.call_once(|| {
        result = ctrlc::set_handler(|| {
            let again = stop.swap(true, Ordering::Relaxed);
            if again || !RUNNING.load(Ordering::Relaxed) {
                complain(&"interrupted; no report was written");
                worker::kill_all();
                std::process::exit(Exit::Interrupted as i32);
            }
            complain(&"interrupted; waiting for running cases to finish");
        });
    });
    Ok(result?)
}
