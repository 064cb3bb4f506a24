//! A judged criterion in words and rounded numbers, the same in every report.
//!
//! Estimate, interval, limits and guard band share one number of decimals: the one that shows the guard band, or
//! where there is none half the interval, with two significant digits. Shares are given in percent.

use crate::{
    acceptance::Row,
    report::number::{self, ABSENT},
};

/// The texts of one criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriterionText {
    /// Id in the plan, with its set depth where it has one.
    pub name: String,
    /// Set depth, or `all`.
    pub set_depth: String,
    /// Quantity in words.
    pub quantity: String,
    /// Number of values.
    pub n: String,
    /// Unit of the numbers that follow: `mm`, `Hz` or `%`.
    pub unit: String,
    /// Estimate.
    pub estimate: String,
    /// The interval judged.
    pub interval: String,
    /// The limits of the plan.
    pub limits: String,
    /// The guard band.
    pub guard_band: String,
}

impl CriterionText {
    /// The texts of `row`.
    pub fn new(row: &Row) -> Self {
        let scale = Scale::new(row);
        Self {
            name: name(row),
            set_depth: row.set_depth_mm.map_or_else(|| "all".to_owned(), number::set_depth),
            quantity: quantity(&row.quantity).to_owned(),
            n: number::count(row.n),
            estimate: row.estimate.map_or_else(|| ABSENT.to_owned(), |value| scale.plain(value)),
            interval: scale.range(row.lower, row.upper),
            limits: scale.range(row.limit_lower, row.limit_upper),
            guard_band: if row.guard_band == 0.0 { "none".to_owned() } else { scale.plain(row.guard_band) },
            unit: scale.unit,
        }
    }

    /// Estimate, interval and limits in one sentence.
    pub fn sentence(&self) -> String {
        let Self { quantity, estimate, interval, limits, guard_band, n, unit, .. } = self;
        format!(
            "{quantity} in {unit}: estimate {estimate}, interval {interval}, limits {limits}, \
             guard band {guard_band}, n = {n}"
        )
    }
}

/// Id with set depth, `protrusion at 1.5 mm`.
pub fn name(row: &Row) -> String {
    match row.set_depth_mm {
        Some(set_depth_mm) => format!("{} at {}", row.criterion, number::set_depth(set_depth_mm)),
        None => row.criterion.clone(),
    }
}

/// A quantity of the plan in words; one that is not known stands as it is.
pub fn quantity(key: &str) -> &str {
    match key {
        "protrusion" => "Protrusion",
        "penetration" => "Penetration",
        "puncture_rate" => "Puncture rate",
        "stroke_sd" => "Stroke-to-stroke SD",
        "missed" => "Missed strokes",
        "drift" => "Drift",
        "repeatability" => "Repeatability of the bench, SD",
        "grr" => "Share of the tolerance that the bench takes",
        other => other,
    }
}

/// A limit without its unit, to the decimals of its criterion.
pub fn limit(row: &Row, value: f64) -> String {
    Scale::new(row).plain(value)
}

/// Factor, unit and decimals for the numbers of a row.
struct Scale {
    factor: f64,
    unit: String,
    decimals: usize,
}

impl Scale {
    fn new(row: &Row) -> Self {
        let (factor, unit) = if row.unit == "1" { (100.0, "%") } else { (1.0, row.unit.as_str()) };
        let half = row.lower.zip(row.upper).map(|(lower, upper)| (upper - lower) / 2.0);
        let fallback =
            [row.limit_upper, row.limit_lower, row.estimate].into_iter().flatten().map(|value| value.abs() / 10.0);
        let resolution =
            std::iter::once(row.guard_band).chain(half).chain(fallback).find(|u| u.is_finite() && *u > 0.0);
        let decimals = resolution.map_or(3, |u| number::decimals_for(u * factor)).min(6);
        Self { factor, unit: unit.to_owned(), decimals }
    }

    fn plain(&self, value: f64) -> String {
        number::fixed(value * self.factor, self.decimals)
    }

    fn range(&self, lower: Option<f64>, upper: Option<f64>) -> String {
        match (lower, upper) {
            (Some(lower), Some(upper)) => format!("{} to {}", self.plain(lower), self.plain(upper)),
            (Some(lower), None) => format!("{} or more", self.plain(lower)),
            (None, Some(upper)) => format!("{} or less", self.plain(upper)),
            (None, None) => ABSENT.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CriterionText;
    use crate::acceptance::{Row, Verdict};

    fn row() -> Row {
        Row {
            criterion: "protrusion".to_owned(),
            set_depth_mm: Some(1.5),
            quantity: "protrusion".to_owned(),
            unit: "mm".to_owned(),
            n: 1000,
            estimate: Some(1.497_12),
            lower: Some(1.4701),
            upper: Some(1.5239),
            limit_lower: Some(1.4),
            limit_upper: Some(1.6),
            guard_band: 0.0046,
            verdict: Verdict::Accept,
            method: String::new(),
            reason: String::new(),
            rationale: String::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn numbers_share_the_decimals_of_the_guard_band() {
        let text = CriterionText::new(&row());
        assert_eq!(text.name, "protrusion at 1.5 mm");
        assert_eq!(text.estimate, "1.4971");
        assert_eq!(text.interval, "1.4701 to 1.5239");
        assert_eq!(text.limits, "1.4000 to 1.6000");
        assert_eq!(text.guard_band, "0.0046");
    }

    #[test]
    fn shares_are_percent_and_one_sided_limits_say_so() {
        let share = Row {
            quantity: "missed".to_owned(),
            unit: "1".to_owned(),
            estimate: Some(0.002),
            lower: None,
            upper: Some(0.0063),
            limit_lower: None,
            limit_upper: Some(0.01),
            guard_band: 0.0,
            ..row()
        };
        let text = CriterionText::new(&share);
        assert_eq!((text.interval.as_str(), text.limits.as_str()), ("0.63 or less", "1.00 or less"));
        assert_eq!((text.guard_band.as_str(), text.unit.as_str()), ("none", "%"));
    }
}
