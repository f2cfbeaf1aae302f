//! What the user sees. Progress goes to stderr, so that stdout stays free for results (`demo --json`).

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::Result;

/// One plain line.
pub fn say(text: impl Display) {
    eprintln!("{text}");
}

/// Announces a piece of work, does it, and says how long it took when it was long enough to notice.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(format_args!("• {what}"));
    let started = Instant::now();
    let result = work();
    let took = started.elapsed();
    if result.is_ok() && took > Duration::from_secs(2) {
        say(format_args!("  done in {}", human(took)));
    }
    result
}

/// `0.42 s`, `12.3 s`, `3 min 05 s`.
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_naturally() {
        assert_eq!(human(Duration::from_millis(420)), "0.42 s");
        assert_eq!(human(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(human(Duration::from_secs(185)), "3 min 05 s");
    }
}
