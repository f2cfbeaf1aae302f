//! Ours and a peer in turn, so that what happens to the machine happens to both.

use serde::Serialize;

use crate::load::Sample;

/// Samples of both, as they alternated.
#[derive(Debug)]
pub struct Pairs {
    pub ours: Vec<Sample>,
    pub peer: Vec<Sample>,
}

/// A figure that was measured several times.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
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

/// A round for warming up, then `rounds` of each: ours, the peer, ours, the peer.
pub fn alternate(
    rounds: usize,
    mut ours: impl FnMut(usize) -> Sample,
    mut peer: impl FnMut(usize) -> Sample,
) -> Pairs {
    let _ = (ours(0), peer(0));
    let (mut of_ours, mut of_peer) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        of_ours.push(ours(round));
        of_peer.push(peer(round));
    }
    Pairs { ours: of_ours, peer: of_peer }
}

impl Pairs {
    /// How many requests a second of CPU of ours answers for each that one of the peer's does.
    pub fn per_cpu_second(&self) -> Spread {
        self.ratio(Sample::per_cpu_second)
    }

    /// Ours by the peer's, pair by pair.
    pub fn ratio(&self, figure: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.ours.iter().zip(&self.peer).map(|(ours, peer)| figure(ours) / figure(peer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]);
        assert!((spread.median - 2.5).abs() < 1e-9 && (spread.low - 1.0).abs() < 1e-9);
        assert!((Spread::of([3.0, 1.0, 2.0]).median - 2.0).abs() < 1e-9);
    }
}
