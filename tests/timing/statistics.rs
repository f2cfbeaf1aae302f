//! Welch's t.

use std::time::Duration;

/// Of the slowest requests, of both kinds together, so many are left out: what the machine did meanwhile, not the server.
const KEPT: f64 = 0.9;

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

/// Welch's t of the two, without the slowest of both.
pub fn welch_t_cropped(one: &Samples, other: &Samples) -> f64 {
    let limit = percentile([one.0.as_slice(), &other.0].concat(), KEPT);
    let kept =
        |samples: &Samples| -> Vec<f64> { samples.0.iter().copied().filter(|took| *took <= limit).collect() };
    welch_t(&kept(one), &kept(other))
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
