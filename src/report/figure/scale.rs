//! From values to positions: a linear scale with round ticks.
//!
//! Ticks follow Heckbert, "Nice numbers for graph labels", Graphics Gems (1990): steps of 1, 2 or 5 times a power of
//! ten. A scale always spans a positive range, whatever it is given.

use crate::report::number;

/// A linear map from values to pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    from_px: f64,
    to_px: f64,
    step: f64,
}

impl Scale {
    /// A scale over the finite ones of `values`, with a little room at both ends and about
    /// `ticks` ticks. Room never crosses zero, so that bars stand on it.
    pub fn over(values: impl IntoIterator<Item = f64>, from_px: f64, to_px: f64, ticks: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // A range too small for the digits of its values shows nothing: widen it.
        let least = low.abs().max(high.abs()).max(1e-9) * 1e-6;
        if high - low < least {
            (low, high) = (low - least, high + least);
        }
        let step = round_step((high - low) / ticks.max(1.0));
        let (low, high) = (widened(low, -1.0, high - low, step), widened(high, 1.0, high - low, step));
        Self { low, high, from_px, to_px, step }
    }

    /// A scale for `count` rows at 0, 1, 2 and so on, with half a row of room at both ends.
    pub fn rows(count: usize, from_px: f64, to_px: f64) -> Self {
        Self { low: -0.5, high: count.max(1) as f64 - 0.5, from_px, to_px, step: 1.0 }
    }

    /// Position of a value, px.
    pub fn px(&self, value: f64) -> f64 {
        self.from_px + (value - self.low) / (self.high - self.low) * (self.to_px - self.from_px)
    }

    /// Whether a value lies on the scale.
    pub fn holds(&self, value: f64) -> bool {
        let slack = (self.high - self.low) * 1e-9;
        self.low - slack <= value && value <= self.high + slack
    }

    /// The ticks: value and label.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let first = (self.low / self.step - 1e-9).ceil();
        let last = (self.high / self.step + 1e-9).floor();
        let count = (last - first).clamp(0.0, 50.0) as u32;
        (0..=count)
            .map(|index| (first + f64::from(index)) * self.step)
            .map(|value| (value, number::fixed(value, self.decimals())))
            .collect()
    }

    /// Decimals that tell neighbouring ticks apart.
    pub fn decimals(&self) -> usize {
        (-self.step.log10().floor()).clamp(0.0, 9.0) as usize
    }
}

/// An end of the scale moved outwards (`side` is -1 or 1) by a fiftieth of the span, on to a quarter of a step.
fn widened(end: f64, side: f64, span: f64, step: f64) -> f64 {
    let quarter = step / 4.0;
    let moved = side * (side * (end + side * span / 50.0) / quarter - 1e-9).ceil() * quarter;
    if end * side <= 0.0 { side * (side * moved).min(0.0) } else { moved }
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.log10().floor());
    let lead = [1.0, 2.0, 5.0].into_iter().find(|lead| lead * power >= raw * (1.0 - 1e-9)).unwrap_or(10.0);
    lead * power
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn ticks_are_round_and_hold_the_values() {
        let cases: [(&[f64], &[&str]); 4] = [
            (&[0.0, 1.0], &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (&[-3.1, 4.0], &["\u{2212}2", "0", "2", "4"]),
            (&[f64::NAN], &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (&[1.4, 1.6], &["1.40", "1.45", "1.50", "1.55", "1.60"]),
        ];
        for (values, labels) in cases {
            let scale = Scale::over(values.iter().copied(), 0.0, 100.0, 5.0);
            let found: Vec<String> = scale.ticks().into_iter().map(|(_, label)| label).collect();
            assert_eq!(found, labels, "{values:?}");
            assert!(values.iter().all(|value| value.is_nan() || scale.holds(*value)));
        }
    }

    #[test]
    fn ends_have_room_but_bars_stand_on_zero() {
        let scale = Scale::over([0.0, 1000.0], 0.0, 100.0, 5.0);
        assert_eq!(scale.px(0.0), 0.0);
        assert!(scale.px(1000.0) < 98.1 && !scale.holds(1100.0));
        let below = Scale::over([-3.0, 0.0], 0.0, 100.0, 5.0);
        assert_eq!(below.px(0.0), 100.0);
    }

    #[test]
    fn a_single_value_still_spans_a_range() {
        for value in [0.0, 1.5, -1e9, 1e-30] {
            let scale = Scale::over([value], 0.0, 100.0, 5.0);
            assert!(scale.px(value).is_finite() && scale.ticks().len() >= 2, "{value}");
        }
    }
}
