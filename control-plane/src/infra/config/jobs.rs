//! Settings of the job queue and its schedules.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Database;
use super::reader::Reader;

/// The recurring jobs: name, and seconds from one to the next if nothing else is set.
pub const SCHEDULES: &[(&str, u64)] = &[
    ("housekeeping", 600),
    ("audit.verify", 3_600),
    ("audit.archive", 86_400),
    ("keys.rotate", 600),
    ("federation.keys", 60),
    ("oidc.keys", 60),
    ("shares.watch", 60),
    ("credentials.expiring", 86_400),
    ("compliance.check", 3_600),
];
/// Longest interval, in seconds.
const LONGEST: u64 = 30 * 86_400;

#[derive(Debug, Clone)]
pub struct Jobs {
    /// Whether `serve` runs jobs too.
    pub served: bool,
    /// How many a process runs at once.
    pub concurrency: usize,
    /// How long a worker holds a job without being heard of.
    pub lease: Duration,
    /// Zero is never.
    intervals: BTreeMap<&'static str, Duration>,
}

impl Jobs {
    /// How often the recurring job of this name runs; `None` is never.
    pub fn interval(&self, name: &str) -> Option<Duration> {
        self.intervals.get(name).copied().filter(|interval| !interval.is_zero())
    }
}

impl Reader {
    pub(super) fn jobs(&mut self, database: &Database) -> Jobs {
        let served = match self.text("AGENTIDP_JOBS").as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => {
                self.problem("AGENTIDP_JOBS", "must be on or off");
                true
            }
        };
        // Each holds a connection; requests need the others.
        let most = (database.max_connections / 2).max(1);
        let concurrency = self.number("AGENTIDP_JOB_CONCURRENCY", 4, 1, 1_000).min(most);
        let lease = self.number("AGENTIDP_JOB_LEASE_SECONDS", 30, 1, 3_600);
        Jobs {
            served,
            concurrency: usize::try_from(concurrency).unwrap_or(1),
            lease: Duration::from_secs(lease.into()),
            intervals: self.intervals(),
        }
    }

    fn intervals(&mut self) -> BTreeMap<&'static str, Duration> {
        const NAME: &str = "AGENTIDP_SCHEDULES";
        let defaults = SCHEDULES.iter().map(|(name, seconds)| (*name, Duration::from_secs(*seconds)));
        let mut intervals: BTreeMap<_, _> = defaults.collect();
        for item in self.list(NAME) {
            let setting = item.split_once('=').and_then(|(name, interval)| {
                let (known, _) = SCHEDULES.iter().find(|(known, _)| *known == name.trim())?;
                Some((*known, interval_of(interval.trim())?))
            });
            if let Some((name, interval)) = setting {
                intervals.insert(name, interval);
            } else {
                let names: Vec<_> = SCHEDULES.iter().map(|(name, _)| *name).collect();
                let names = names.join(", ");
                let reason = format!("each must be NAME=10m or NAME=off, up to 30d; names: {names}");
                self.problem(NAME, &reason);
            }
        }
        intervals
    }

    /// Ascending, each once.
    pub(super) fn expiry_notices(&mut self) -> Vec<time::Duration> {
        const NAME: &str = "AGENTIDP_CREDENTIAL_EXPIRY_DAYS";
        let mut days = Vec::new();
        for item in self.list(NAME) {
            match item.parse::<u16>() {
                Ok(number @ 1..=365) => days.push(time::Duration::days(number.into())),
                _ => self.problem(NAME, "each must be a whole number from 1 to 365"),
            }
        }
        if days.is_empty() {
            days.push(time::Duration::days(14));
        }
        days.sort_unstable();
        days.dedup();
        days
    }
}

/// `off` is zero.
fn interval_of(text: &str) -> Option<Duration> {
    if text == "off" {
        return Some(Duration::ZERO);
    }
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let interval = number.checked_mul(seconds).filter(|interval| (1..=LONGEST).contains(interval))?;
    Some(Duration::from_secs(interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::config::VARIABLES;

    #[test]
    fn an_interval_has_a_unit_and_bounds() {
        let seconds = |text| interval_of(text).map(|interval| interval.as_secs());
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("10m"), Some(600));
        assert_eq!(seconds("30d"), Some(LONGEST));
        assert_eq!(seconds("off"), Some(0));
        for wrong in ["", "10", "0s", "-1s", "31d", "1w", "1.5h", "99999999999999999999d", "d"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_set_keeps_its_interval() {
        let values = [("AGENTIDP_SCHEDULES", "audit.verify=5m, housekeeping=off")];
        let mut reader = Reader::new(values.map(|(name, value)| (name.into(), value.into())).into());
        let intervals = reader.intervals();
        assert_eq!(intervals["audit.verify"], Duration::from_mins(5));
        assert_eq!(intervals["housekeeping"], Duration::ZERO);
        assert_eq!(intervals["compliance.check"], Duration::from_hours(1));
    }

    #[test]
    fn the_help_names_the_intervals_that_there_are() {
        let (_, shown, _) = VARIABLES.iter().find(|(name, ..)| *name == "AGENTIDP_SCHEDULES").unwrap();
        let shown: Vec<_> = shown
            .split(", ")
            .map(|item| item.split_once('=').unwrap())
            .map(|(name, interval)| (name, interval_of(interval).unwrap().as_secs()))
            .collect();
        assert_eq!(shown, SCHEDULES);
    }
}
