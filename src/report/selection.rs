//! What a run holds for one set depth: its presses, its running pen, its strokes, in order of measurement.

use crate::{
    acceptance::Row,
    measure::{Dynamic, Outcome, Press},
    record::model::{CaptureRecord, PressRow, RunRecord, StrokeRow},
};
use std::collections::BTreeMap;

/// The part of a run that belongs to one set depth.
#[derive(Clone, Debug)]
pub struct SetDepth<'a> {
    /// The set depth, mm.
    pub set_depth_mm: f64,
    /// Measured presses.
    pub presses: Vec<(&'a CaptureRecord, &'a Press)>,
    /// Measured captures of the running pen.
    pub dynamics: Vec<(&'a CaptureRecord, &'a Dynamic)>,
    /// Captures that could not be measured.
    pub refused: Vec<&'a CaptureRecord>,
    /// Rows of `presses.csv`.
    pub press_rows: Vec<&'a PressRow>,
    /// Rows of `strokes.csv`.
    pub strokes: Vec<&'a StrokeRow>,
    /// Criteria that name this set depth.
    pub criteria: Vec<&'a Row>,
}

/// The captures of the running pen at one told stroke rate, with their strokes.
#[derive(Clone, Debug)]
pub struct Running<'a> {
    /// Stroke rate that the pen was told, Hz.
    pub told_hz: Option<f64>,
    /// The measured captures.
    pub dynamics: Vec<&'a Dynamic>,
    /// How many strokes, missed ones included.
    pub strokes: u64,
    /// How many were missed.
    pub missed: u64,
}

impl<'a> SetDepth<'a> {
    /// The running pen, one entry for each told stroke rate, in order of measurement.
    pub fn running(&self) -> Vec<Running<'a>> {
        let mut groups: Vec<Running<'a>> = Vec::new();
        let mut group_of: BTreeMap<&str, usize> = BTreeMap::new();
        for (capture, dynamic) in &self.dynamics {
            let told_hz = capture.header.stroke_rate_hz;
            let index = groups.iter().position(|group| group.told_hz == told_hz).unwrap_or_else(|| {
                groups.push(Running { told_hz, dynamics: Vec::new(), strokes: 0, missed: 0 });
                groups.len() - 1
            });
            groups[index].dynamics.push(dynamic);
            group_of.insert(&capture.name, index);
        }
        for row in &self.strokes {
            if let Some(group) = group_of.get(row.capture.as_ref()).and_then(|&index| groups.get_mut(index)) {
                group.strokes += 1;
                group.missed += u64::from(row.missed);
            }
        }
        groups
    }

    /// The set depth as part of an id: letters, digits and hyphens.
    pub fn slug(&self) -> String {
        let text = format!("{}mm", self.set_depth_mm);
        text.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '-' }).collect()
    }
}

/// Every set depth of a run, the smallest first.
pub fn set_depths(record: &RunRecord) -> Vec<SetDepth<'_>> {
    let mut depths_mm: Vec<f64> = record.presses.iter().map(|row| row.set_depth_mm).collect();
    depths_mm.extend(record.strokes.iter().map(|row| row.set_depth_mm));
    depths_mm.extend(record.captures.iter().filter_map(|capture| capture.header.set_depth_mm));
    depths_mm.extend(record.verdict.criteria.iter().filter_map(|row| row.set_depth_mm));
    depths_mm.sort_by(f64::total_cmp);
    depths_mm.dedup();
    depths_mm.into_iter().map(|set_depth_mm| select(record, set_depth_mm)).collect()
}

fn select(record: &RunRecord, set_depth_mm: f64) -> SetDepth<'_> {
    let captures = || record.captures.iter().filter(|capture| capture.header.set_depth_mm == Some(set_depth_mm));
    SetDepth {
        set_depth_mm,
        presses: captures()
            .filter_map(|capture| match &capture.measurement.outcome {
                Ok(Outcome::Press(press)) => Some((capture, press)),
                _ => None,
            })
            .collect(),
        dynamics: captures()
            .filter_map(|capture| match &capture.measurement.outcome {
                Ok(Outcome::Dynamic(dynamic)) => Some((capture, dynamic)),
                _ => None,
            })
            .collect(),
        refused: captures().filter(|capture| capture.measurement.outcome.is_err()).collect(),
        press_rows: record.presses.iter().filter(|row| row.set_depth_mm == set_depth_mm).collect(),
        strokes: record.strokes.iter().filter(|row| row.set_depth_mm == set_depth_mm).collect(),
        criteria: record.verdict.criteria.iter().filter(|row| row.set_depth_mm == Some(set_depth_mm)).collect(),
    }
}

/// Mean and standard deviation of values, the ones that are not finite left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Experimental standard deviation (n - 1); zero for one value.
    pub sd: f64,
    /// The smallest.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Spread {
    /// Of `values`; `None` where there is none.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        // Welford's update: one pass, no cancellation.
        let (mut n, mut mean, mut squares) = (0_usize, 0.0, 0.0);
        let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            n += 1;
            let step = value - mean;
            mean += step / n as f64;
            squares += step * (value - mean);
            least = least.min(value);
            greatest = greatest.max(value);
        }
        let sd = if n > 1 { (squares / (n - 1) as f64).sqrt() } else { 0.0 };
        (n > 0).then_some(Self { n, mean, sd, least, greatest })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn spread_of_a_few_values() {
        let spread = Spread::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, f64::NAN].into_iter()).unwrap();
        assert_eq!((spread.n, spread.mean, spread.least, spread.greatest), (8, 5.0, 2.0, 9.0));
        assert!((spread.sd - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(std::iter::empty()), None);
    }
}
