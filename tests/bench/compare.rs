//! Ours and a peer in turn, so that what happens to the machine happens to both.

use serde::Serialize;

use crate::load::{Sample, micros_together, percentile};

/// Samples of both, as they alternated.
#[derive(Debug)]
pub struct Pairs {
    pub ours: Vec<Sample>,
    pub peer: Vec<Sample>,
}

/// A figure that was measured several times.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    /// Of a percentile, what it is of all times together.
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        // Of an even number, the mean of the two in the middle.
        let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
        Self { median, low: at(0), high: at(last) }
    }
}

/// A round for warming up, then `rounds` in which each of `contestants` has its turn. The samples of each.
pub fn in_turn<C>(
    rounds: usize,
    contestants: &mut [C],
    mut run: impl FnMut(&mut C, usize) -> Sample,
) -> Vec<Vec<Sample>> {
    let mut samples: Vec<Vec<Sample>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        for (contestant, samples) in contestants.iter_mut().zip(&mut samples) {
            let sample = run(contestant, round);
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    samples
}

/// Ours, the peer, ours, the peer: each is told the round.
pub fn alternate(
    rounds: usize,
    mut ours: impl FnMut(usize) -> Sample,
    mut peer: impl FnMut(usize) -> Sample,
) -> Pairs {
    let mut both: [&mut dyn FnMut(usize) -> Sample; 2] = [&mut ours, &mut peer];
    let [ours, peer] = in_turn(rounds, &mut both, |run, round| run(round)).try_into().unwrap();
    Pairs { ours, peer }
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
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]);
        assert!((spread.median - 2.5).abs() < 1e-9 && (spread.low - 1.0).abs() < 1e-9);
        assert!((Spread::of([3.0, 1.0, 2.0]).median - 2.0).abs() < 1e-9);
    }
}
