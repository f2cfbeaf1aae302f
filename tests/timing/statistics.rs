//! Welch's t.

use std::time::Duration;

/// Times of one kind of request, in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn push(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1e6);
    }

    pub fn median(&self) -> f64 {
        percentile(self.0.clone(), 0.5)
    }
}

fn percentile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position in the list")]
    let position = ((values.len() - 1) as f64 * part) as usize;
    values[position]
}

/// Welch's t of the ranks that the times of the two have among all of both. A few slow requests weigh no more than others that way,
/// and what differs by little and always shows.
pub fn welch_t_of_ranks(one: &Samples, other: &Samples) -> f64 {
    let mut all: Vec<(f64, bool)> = one.0.iter().map(|took| (*took, true)).collect();
    all.extend(other.0.iter().map(|took| (*took, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let of = |wanted: bool| -> Vec<f64> {
        let ranked = all.iter().enumerate().filter(|(_, (_, is_one))| *is_one == wanted);
        ranked.map(|(rank, _)| rank as f64).collect()
    };
    welch_t(&of(true), &of(false))
}

fn welch_t(one: &[f64], other: &[f64]) -> f64 {
    let moments = |values: &[f64]| {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean, error), (other_mean, other_error)) = (moments(one), moments(other));
    (mean - other_mean) / (error + other_error).sqrt()
}
