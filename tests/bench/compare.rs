//! Ours and a peer in turn, so that what happens to the machine happens to both.

use serde::Serialize;

use crate::load::{Sample, micros_together, percentile};
use crate::rows::Effort;

/// Samples of both, as they alternated.
#[derive(Debug, Default)]
pub struct Pairs {
    pub ours: Vec<Sample>,
    pub peer: Vec<Sample>,
}

/// A figure that was measured several times.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    /// Of a percentile, what it is of all times together; of what is timed natively, of the fastest twentieth.
    pub median: f64,
    /// The lowest; of ten or more, of those that the lowest tenth is left out of.
    pub low: f64,
    /// The highest, likewise.
    pub high: f64,
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        let tenth = values.len() / 10;
        // Of an even number, the mean of the two in the middle.
        let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
        Self { median, low: at(tenth), high: at(last.saturating_sub(tenth)) }
    }
}

/// Rounds in which each of `contestants` has its turn. The samples of each, without those of warming up.
pub fn in_turn<C>(
    effort: Effort,
    contestants: &mut [C],
    mut run: impl FnMut(&mut C, usize) -> Sample,
) -> Vec<Vec<Sample>> {
    let mut samples: Vec<Vec<Sample>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 0..effort.all_rounds() {
        for (contestant, samples) in contestants.iter_mut().zip(&mut samples) {
            let sample = run(contestant, round);
            if round >= effort.warm_up {
                samples.push(sample);
            }
        }
    }
    samples
}

/// Ours, the peer, ours, the peer: each is told the round.
pub fn alternate(
    effort: Effort,
    mut ours: impl FnMut(usize) -> Sample,
    mut peer: impl FnMut(usize) -> Sample,
) -> Pairs {
    let mut both: [&mut dyn FnMut(usize) -> Sample; 2] = [&mut ours, &mut peer];
    let [ours, peer] = in_turn(effort, &mut both, |run, round| run(round)).try_into().unwrap();
    Pairs { ours, peer }
}

/// Ours and the peer with several shapes of load, by turns: each shape has the rounds that it asks for, spread over the time that all take.
/// So what slows a machine for a minute slows a little of each. Counts for ours what it spent until its next turn: what an answer leaves
/// to be done is done while the peer has its own. They must have no process in common. The last round, which none follows, is left out.
pub fn alternate_shapes<S: Copy>(
    shapes: &[(Effort, S)],
    mut ours: impl FnMut(S) -> Sample,
    mut peer: impl FnMut(S) -> Sample,
) -> Vec<Pairs> {
    let turns = order(&shapes.iter().map(|(effort, _)| *effort).collect::<Vec<_>>());
    let mut pairs: Vec<Pairs> = shapes.iter().map(|_| Pairs::default()).collect();
    let mut before: Option<(Turn, Sample, Sample)> = None;
    for (number, turn) in turns.iter().enumerate() {
        if number > 0 && number % turns.len().div_ceil(10) == 0 {
            println!("  round {number} of {}", turns.len());
        }
        let (_, shape) = shapes[turn.shape];
        let (ours, peer) = (ours(shape), peer(shape));
        if let Some((turn, mut sample, by)) = before.take()
            && turn.counts
        {
            sample.spent_until(&ours);
            pairs[turn.shape].ours.push(sample);
            pairs[turn.shape].peer.push(by);
        }
        before = Some((*turn, ours, peer));
    }
    pairs
}

/// A round of one of several shapes.
#[derive(Debug, Clone, Copy)]
struct Turn {
    shape: usize,
    counts: bool,
}

/// First what warms up. Then the shape with the most rounds has one in every step, and the others in as many steps as they have rounds.
fn order(efforts: &[Effort]) -> Vec<Turn> {
    let most = efforts.iter().map(|effort| effort.rounds).max().unwrap_or_default();
    let mut turns = Vec::new();
    for (shape, effort) in efforts.iter().enumerate() {
        turns.extend(std::iter::repeat_n(Turn { shape, counts: false }, effort.warm_up));
    }
    for step in 0..most {
        for (shape, effort) in efforts.iter().enumerate() {
            if (step + 1) * effort.rounds / most > step * effort.rounds / most {
                turns.push(Turn { shape, counts: true });
            }
        }
    }
    turns
}

/// A figure of one by the same of another, round by round.
pub fn ratios(of: &[Sample], by: &[Sample], figure: impl Fn(&Sample) -> f64) -> Spread {
    Spread::of(of.iter().zip(by).map(|(of, by)| figure(of) / figure(by)))
}

impl Pairs {
    /// How many requests a second of CPU of ours answers for each that one of the peer's does.
    pub fn per_cpu_second(&self) -> Spread {
        self.ratio(Sample::per_cpu_second)
    }

    /// A percentile of what ours takes by that of the peer, of all rounds together: in one round it is made by few requests. The lowest
    /// and the highest are of single rounds.
    pub fn percentile(&self, per_cent: usize) -> Spread {
        let of = |samples| percentile(&micros_together(samples), per_cent);
        let rounds = self.ratio(|sample| percentile(&sample.micros, per_cent));
        Spread { median: of(&self.ours) / of(&self.peer), ..rounds }
    }

    /// Ours by the peer's, pair by pair.
    pub fn ratio(&self, figure: impl Fn(&Sample) -> f64) -> Spread {
        ratios(&self.ours, &self.peer, figure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_that_of_all_rounds_together() {
        let round = |micros: &[u32]| Sample { micros: micros.to_vec(), ..Sample::default() };
        let slow_once = vec![round(&[1, 1, 1]), round(&[1, 9, 9]), round(&[1, 1, 1])];
        let pairs =
            Pairs { ours: slow_once, peer: vec![round(&[1, 1, 1]), round(&[1, 1, 1]), round(&[1, 1, 1])] };
        let Spread { median, low, high } = pairs.percentile(90);
        assert!(
            (median - 9.0).abs() < 1e-9 && (low - 1.0).abs() < 1e-9 && (high - 9.0).abs() < 1e-9,
            "{median} {low} {high}"
        );
    }

    #[test]
    fn what_ours_does_while_the_peer_has_its_turn_counts() {
        let effort = |warm_up, rounds| Effort { warm_up, rounds, ..Effort::QUICK };
        let mut clock = [0.0, 0.25, 0.75, 1.0, 3.0].into_iter();
        let sample = |began: f64| Sample {
            micros: vec![1; 10],
            cpu_began: [("ours", began)].into(),
            cpu_ms: [("ours", 1.0)].into(),
            ..Sample::default()
        };
        let pairs = alternate_shapes(
            &[(effort(1, 2), "often"), (effort(1, 1), "once")],
            |_| sample(clock.next().unwrap()),
            |_| sample(0.0),
        );
        let cpu = |samples: &[Sample]| samples.iter().map(Sample::cpu_ms_in_all).collect::<Vec<_>>();
        // The last of all, whatever its shape, is followed by none.
        assert_eq!((cpu(&pairs[0].ours), cpu(&pairs[0].peer)), (vec![25.0, 200.0], vec![1.0, 1.0]));
        assert_eq!((cpu(&pairs[1].ours), cpu(&pairs[1].peer)), (vec![], vec![]));
    }

    #[test]
    fn rounds_of_a_shape_are_spread_over_those_of_all() {
        let effort = |warm_up, rounds| Effort { warm_up, rounds, ..Effort::QUICK };
        let turns = order(&[effort(1, 4), effort(2, 2), effort(0, 1)]);
        let told: Vec<_> = turns.iter().map(|turn| (turn.shape, turn.counts)).collect();
        let warm_up = [(0, false), (1, false), (1, false)];
        let counted = [0, 0, 1, 0, 0, 1, 2].map(|shape| (shape, true));
        assert_eq!(told, [warm_up.as_slice(), counted.as_slice()].concat());
    }

    #[test]
    fn the_brackets_leave_out_a_tenth_at_either_end() {
        let spread = Spread::of((1..=20).map(f64::from));
        assert!((spread.low - 3.0).abs() < 1e-9 && (spread.high - 18.0).abs() < 1e-9);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]);
        assert!((spread.median - 2.5).abs() < 1e-9 && (spread.low - 1.0).abs() < 1e-9);
        assert!((Spread::of([3.0, 1.0, 2.0]).median - 2.0).abs() < 1e-9);
    }
}
