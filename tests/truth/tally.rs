//! Errors of one measurand over many worlds.

/// Errors against the truth, and standard uncertainties where there are any.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    errors: Vec<f64>,
    inside: usize,
    judged: usize,
    /// Captures that were refused.
    pub refused: usize,
}

impl Tally {
    /// Adds an error in the unit of the measurand, with its standard uncertainty.
    pub fn add(&mut self, error: f64, u: Option<f64>) {
        self.errors.push(error);
        if let Some(u) = u {
            self.judged += 1;
            self.inside += usize::from(error.abs() <= 2.0 * u);
        }
    }

    /// How many were measured.
    pub fn count(&self) -> usize {
        self.errors.len()
    }

    /// Mean error.
    pub fn bias(&self) -> f64 {
        self.errors.iter().sum::<f64>() / self.errors.len() as f64
    }

    /// Root of the mean square.
    pub fn rms(&self) -> f64 {
        (self.errors.iter().map(|error| error * error).sum::<f64>() / self.errors.len() as f64).sqrt()
    }

    /// Percentile of the absolute error, `share` from 0 to 1: the smallest error that this share does not exceed. NaN
    /// without errors.
    pub fn percentile(&self, share: f64) -> f64 {
        let mut sorted: Vec<f64> = self.errors.iter().map(|error| error.abs()).collect();
        sorted.sort_by(f64::total_cmp);
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// Share of truths inside value ± 2u; `None` where no uncertainty was given.
    pub fn coverage(&self) -> Option<f64> {
        (self.judged > 0).then(|| self.inside as f64 / self.judged as f64)
    }

    /// Names of the columns of [`Self::row`].
    pub fn head() -> String {
        format!(
            "{:<34}{:>5}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}  {}",
            "measurand", "n", "refused", "bias", "median", "90 %", "95 %", "±2u", "goal"
        )
    }

    /// A row of the table; errors are multiplied by `scale` for print.
    pub fn row(&self, name: &str, scale: f64, goal: &str) -> String {
        let coverage = self.coverage().map_or("–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
        let of = |share: f64| scale * self.percentile(share);
        format!(
            "{name:<34}{:>5}{:>9}{:>9.2}{:>9.2}{:>9.2}{:>9.2}{coverage:>9}  {goal}",
            self.count(),
            self.refused,
            scale * self.bias(),
            of(0.5),
            of(0.9),
            of(0.95)
        )
    }
}
