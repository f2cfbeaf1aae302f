//! `agentidp keys status` and `agentidp keys reencrypt`.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use agentidp::app::App;
use agentidp::keys::{self, Progress};

use crate::print;

/// Between two lines of progress where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR_WIDTH: u64 = 30;

pub async fn status(app: &App, json: bool) -> anyhow::Result<()> {
    let status = keys::keystore_status(app).await?;
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&status)?));
    }
    let mut text = String::new();
    for key in &status.keys {
        let role = if key.is_current { "seals" } else { "opens" };
        write!(text, "{}  {role}  {}: ", key.id, key.origin)?;
        match key.secrets() {
            0 if key.is_current => text.push_str("no secrets yet"),
            0 => text.push_str("no secrets, it can go"),
            secrets => {
                let parts: Vec<String> = key
                    .seals
                    .iter()
                    .map(|seals| format!("{} {}.{}", seals.secrets, seals.table, seals.column))
                    .collect();
                write!(text, "{secrets} secrets ({})", parts.join(", "))?;
            }
        }
        text.push('\n');
    }
    writeln!(text, "{}  recognises client secrets and signs heads of the audit log", status.hmac_key_id)?;
    print(&text)
}

pub async fn reencrypt(app: &App) -> anyhow::Result<()> {
    let mut shown = Shown::new();
    let outcome = keys::reencrypt(app, |progress| shown.show(progress)).await;
    shown.end();
    let outcome = outcome?;
    let mut text = String::new();
    for (column, moved) in &outcome.moved {
        writeln!(text, "{:>8}  {}.{}", moved, column.table, column.column)?;
    }
    let moved: u64 = outcome.moved.iter().map(|(_, moved)| moved).sum();
    writeln!(text, "{moved:>8}  secrets moved to key {}", outcome.key_id)?;
    print(&text)?;
    if outcome.failed.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "{} secrets do not open and stay as they are; restore these from a backup, or make them anew:\n  {}",
        outcome.failed.len(),
        outcome.failed.join("\n  ")
    )
}

/// A bar on a terminal, and a line now and then elsewhere.
struct Shown {
    bar: bool,
    last: Option<Instant>,
}

impl Shown {
    fn new() -> Self {
        Self { bar: std::io::stderr().is_terminal(), last: None }
    }

    /// What cannot be shown is no reason to stop.
    fn show(&mut self, Progress { done, total }: Progress) {
        let mut out = std::io::stderr().lock();
        if total == 0 {
            return;
        }
        if self.bar {
            let filled = (done.min(total) * BAR_WIDTH) / total;
            let bar: String = (0..BAR_WIDTH).map(|at| if at < filled { '█' } else { '░' }).collect();
            let _ = write!(out, "\r{bar} {done}/{total} secrets");
            let _ = out.flush();
        } else if done >= total || self.last.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
            let _ = writeln!(out, "{done} of {total} secrets moved");
        } else {
            return;
        }
        self.last = Some(Instant::now());
    }

    fn end(&self) {
        if self.bar && self.last.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}
