//! How far long work is, on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Between two drawings of the bar, and between two lines where there is no terminal.
const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR_WIDTH: u64 = 30;

/// A bar on a terminal, and a line now and then elsewhere.
pub struct Shown {
    what: &'static str,
    bar: bool,
    last: Option<Instant>,
}

impl Shown {
    /// `what` is counted: "secrets moved".
    pub fn new(what: &'static str) -> Self {
        Self { what, bar: std::io::stderr().is_terminal(), last: None }
    }

    /// What cannot be shown is no reason to stop.
    pub fn show(&mut self, done: u64, total: u64) {
        let every = if self.bar { BAR_EVERY } else { LINE_EVERY };
        if total == 0 || done < total && self.last.is_some_and(|last| last.elapsed() < every) {
            return;
        }
        let (mut out, what) = (std::io::stderr().lock(), self.what);
        if self.bar {
            let filled = (done.min(total) * BAR_WIDTH) / total;
            let bar: String = (0..BAR_WIDTH).map(|at| if at < filled { '█' } else { '░' }).collect();
            let _ = write!(out, "\r{bar} {done}/{total} {what}");
            let _ = out.flush();
        } else {
            let _ = writeln!(out, "{done} of {total} {what}");
        }
        self.last = Some(Instant::now());
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if self.bar && self.last.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}
