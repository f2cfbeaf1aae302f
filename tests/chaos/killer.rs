//! `kill -9`, again and again, at moments that the seed decides.

use std::time::{Duration, Instant};

use agentidp_tests::{Agent, Api, ControlPlane};
use tokio::task::{JoinSet, block_in_place};

use crate::postgres::Postgres;
use crate::random::Random;

/// Between a recovery and the next strike, in milliseconds.
const PAUSE: (u64, u64) = (100, 3_500);
/// From a start of the control plane to its death during it, in milliseconds: some are before it connects, some after it serves.
const WHILE_STARTING: (u64, u64) = (20, 900);
const ASK_EVERY: Duration = Duration::from_millis(25);
/// Not all of those who wait for a service ask at once when it is back.
const ASKED_AT_ONCE: usize = 3;
const RECOVERS_WITHIN: Duration = Duration::from_mins(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    ControlPlane,
    /// And once more while it starts.
    ControlPlaneTwice,
    Database,
    Both,
}

impl Strike {
    pub fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "control plane",
            Self::ControlPlaneTwice => "control plane, again while it starts",
            Self::Database => "PostgreSQL",
            Self::Both => "both at once",
        }
    }

    /// Kills of the control plane, and of the database.
    fn kills(self) -> (usize, usize) {
        match self {
            Self::ControlPlane => (1, 0),
            Self::ControlPlaneTwice => (2, 0),
            Self::Database => (0, 1),
            Self::Both => (1, 1),
        }
    }
}

/// In random order, strikes that make exactly so many kills of each.
pub fn plan(kills: usize, database_kills: usize, random: &mut Random) -> Vec<Strike> {
    let both = if kills > 1 && database_kills > 1 { (kills.min(database_kills) / 8).max(1) } else { 0 };
    let twice = if kills > both + 2 { (kills / 10).max(1) } else { 0 };
    let mut strikes = vec![Strike::Both; both];
    strikes.extend(vec![Strike::ControlPlaneTwice; twice]);
    strikes.extend(vec![Strike::ControlPlane; kills - both - 2 * twice]);
    strikes.extend(vec![Strike::Database; database_kills - both]);
    for last in (1..strikes.len()).rev() {
        strikes.swap(last, random.below(last + 1));
    }
    strikes
}

/// How long the service was away, by strike.
pub type Recoveries = Vec<(Strike, Duration)>;

/// Strikes, and waits each time until a token is issued again. `progress` is told of each.
pub async fn strike_all(
    strikes: &[Strike],
    control_plane: &mut ControlPlane,
    postgres: &mut Postgres,
    probe: &Agent,
    random: &mut Random,
    mut progress: impl FnMut(usize, Strike, Duration),
) -> Recoveries {
    let api = Api::new(&control_plane.url());
    let mut recoveries = Recoveries::new();
    for (number, strike) in (1..).zip(strikes) {
        tokio::time::sleep(Duration::from_millis(random.between(PAUSE.0, PAUSE.1))).await;
        let while_starting = Duration::from_millis(random.between(WHILE_STARTING.0, WHILE_STARTING.1));
        let struck = Instant::now();
        let (of_control_plane, of_database) = strike.kills();
        block_in_place(|| {
            if of_database > 0 {
                postgres.kill();
            }
            if of_control_plane > 0 {
                control_plane.kill();
            }
            if of_database > 0 {
                postgres.launch();
            }
        });
        let recovered = tokio::spawn(first_token(api.clone(), probe.clone()));
        if of_control_plane > 0 {
            if of_database > 0 {
                postgres.wait().await;
            }
            block_in_place(|| {
                if of_control_plane > 1 {
                    control_plane.die_while_starting(while_starting);
                }
                control_plane.start_again();
            });
        }
        let recovered: Instant = recovered.await.unwrap();
        let took = recovered.duration_since(struck);
        recoveries.push((*strike, took));
        progress(number, *strike, took);
    }
    recoveries
}

/// Asks again and again, also while earlier requests are not answered; when the first token came.
async fn first_token(api: Api, probe: Agent) -> Instant {
    let started = Instant::now();
    let mut asked = JoinSet::new();
    loop {
        if asked.len() < ASKED_AT_ONCE {
            let api = api.with_basic(&probe.id, &probe.secret);
            asked.spawn(async move {
                let request = api.form_request("/oauth2/token", &[("grant_type", "client_credentials")]);
                api.try_send(request).await.is_some_and(|answer| answer.is(200))
            });
        }
        tokio::time::sleep(ASK_EVERY).await;
        while let Some(answered) = asked.try_join_next() {
            if answered.unwrap() {
                return Instant::now();
            }
        }
        assert!(started.elapsed() < RECOVERS_WITHIN, "no token {RECOVERS_WITHIN:?} after a kill");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_kills_exactly_as_often_as_asked_and_is_decided_by_its_seed() {
        for (kills, database_kills) in [(0, 0), (1, 0), (0, 1), (2, 2), (6, 3), (100, 40), (500, 200)] {
            let plan_of = |seed| plan(kills, database_kills, &mut Random::new(seed, 0));
            let total = plan_of(1).into_iter().map(Strike::kills).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
            assert_eq!(total, (kills, database_kills));
            assert_eq!(plan_of(1), plan_of(1));
        }
        let plan_of = |seed| plan(100, 40, &mut Random::new(seed, 0));
        assert_ne!(plan_of(1), plan_of(2));
    }
}
