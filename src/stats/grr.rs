//! Gauge repeatability and reproducibility: how much of the scatter is the instrument's.
//!
//! Crossed (every operator measures every part) or nested (each part has one operator, since the measurement destroys
//! the site). Variance components by expected mean squares; confidence of the gauge's share by the modified large
//! sample method. On this bench "operator" is whatever reproduces: a person, a day, a site.
//!
//! Invariant: a negative component is shown as it came out (`unclipped`) and enters sums as zero.
//! Deliberately absent: unbalanced studies (refused, with the cell), range methods.

use super::distribution::{ChiSquared, Distribution, FisherF};
use super::{StatsError, all_finite, describe, positive, share};

/// Level above which the interaction is pooled with repeatability, as AIAG's manual does (Minitab: 0.05).
pub const POOLING_ALPHA_AIAG: f64 = 0.25;

/// One line of the table of the analysis of variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// `part`, `operator`, `interaction`, `part(operator)`, `repeatability` or `total`.
    pub source: &'static str,
    /// Degrees of freedom.
    pub df: usize,
    /// Sum of squares.
    pub ss: f64,
    /// F against the line that its expected mean square names; `None` for the lines that are tested by none.
    pub f: Option<f64>,
    /// Probability of a larger F.
    pub p: Option<f64>,
}

impl Row {
    /// Mean square.
    pub fn ms(&self) -> f64 {
        self.ss / self.df as f64
    }
}

/// Variance components, in the square of the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Components {
    /// Same operator, same part.
    pub repeatability: f64,
    /// Between operators.
    pub operator: f64,
    /// Operator by part; 0 where pooled or nested.
    pub interaction: f64,
    /// Between parts.
    pub part: f64,
}

impl Components {
    /// Variance of the gauge: repeatability, operator and interaction.
    pub fn grr(&self) -> f64 {
        self.repeatability + self.operator + self.interaction
    }

    /// Variance of everything.
    pub fn total(&self) -> f64 {
        self.grr() + self.part
    }

    fn clipped(self) -> Self {
        Self {
            repeatability: self.repeatability,
            operator: self.operator.max(0.0),
            interaction: self.interaction.max(0.0),
            part: self.part.max(0.0),
        }
    }
}

/// Confidence interval of a variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// A gauge study evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Table of the analysis of variance, total last.
    pub anova: Vec<Row>,
    /// Components with negative estimates set to zero.
    pub components: Components,
    /// Components as they came out.
    pub unclipped: Components,
    /// Whether the interaction was pooled with repeatability.
    pub pooled: bool,
    /// Terms `coefficient x mean square` of the gauge's variance, with their degrees of freedom.
    terms: Vec<(f64, f64)>,
}

impl Study {
    /// Gauge standard deviation as a percentage of the total one.
    pub fn percent_study(&self) -> f64 {
        100.0 * (self.components.grr() / self.components.total()).sqrt()
    }

    /// Six gauge standard deviations as a percentage of the width of the tolerance.
    ///
    /// # Errors
    ///
    /// A width that is not positive.
    pub fn percent_tolerance(&self, width: f64) -> Result<f64, StatsError> {
        Ok(600.0 * self.components.grr().sqrt() / positive("the tolerance", width)?)
    }

    /// Number of distinct categories, `sqrt(2) sd_part / sd_gauge` rounded down, at least 1.
    pub fn distinct_categories(&self) -> u64 {
        (2.0 * self.components.part / self.components.grr()).sqrt().floor().max(1.0) as u64
    }

    /// Interval of the gauge's variance (unclipped) by the modified large sample method (Burdick, Borror & Montgomery,
    /// *Design and Analysis of Gauge R&R Studies*, 2005): estimate less `sqrt(sum (G c MS)^2)` and plus
    /// `sqrt(sum (H c MS)^2)`, `G = 1 - df/chi2_(upper)`, `H = df/chi2_(lower) - 1`; where a coefficient is negative G
    /// and H change places. Not below zero.
    ///
    /// # Errors
    ///
    /// `confidence` outside (0, 1).
    pub fn grr_interval(&self, confidence: f64) -> Result<Interval, StatsError> {
        self.grr_interval_grown(confidence, 1.0)
    }

    /// The interval that a study of the same mean squares would have, were its degrees of freedom `growth` times as
    /// many.
    ///
    /// # Errors
    ///
    /// `confidence` outside (0, 1); `growth` that is not positive.
    pub fn grr_interval_grown(&self, confidence: f64, growth: f64) -> Result<Interval, StatsError> {
        let growth = positive("the growth of a study", growth)?;
        let tail = 0.5 * (1.0 - share("confidence", confidence)?);
        let (mut estimate, mut below, mut above) = (0.0, 0.0, 0.0);
        for (term, df) in &self.terms {
            let df = df * growth;
            let chi2 = ChiSquared::new(df)?;
            let g = 1.0 - df / chi2.upper_quantile(tail)?;
            let h = df / chi2.quantile(tail)? - 1.0;
            let (down, up) = if *term < 0.0 { (h, g) } else { (g, h) };
            estimate += term;
            below += (down * term).powi(2);
            above += (up * term).powi(2);
        }
        Ok(Interval { lower: (estimate - below.sqrt()).max(0.0), upper: estimate + above.sqrt() })
    }

    /// Exact interval of the repeatability variance.
    ///
    /// # Errors
    ///
    /// `confidence` outside (0, 1).
    pub fn repeatability_interval(&self, confidence: f64) -> Result<Interval, StatsError> {
        let tail = 0.5 * (1.0 - share("confidence", confidence)?);
        let row = self.anova[self.anova.len() - 2];
        let chi2 = ChiSquared::new(row.df as f64)?;
        Ok(Interval { lower: row.ss / chi2.upper_quantile(tail)?, upper: row.ss / chi2.quantile(tail)? })
    }
}

/// Evaluates a crossed study, `cells[part][operator]` holding the repeats of that cell. The interaction is pooled with
/// repeatability where its p exceeds `pooling_alpha` (1 never pools, 0 always).
///
/// # Errors
///
/// Fewer than 2 parts, operators or repeats; cells of unequal size; no scatter within cells; values that are not
/// finite; `pooling_alpha` outside 0 to 1.
pub fn crossed(cells: &[Vec<Vec<f64>>], pooling_alpha: f64) -> Result<Study, StatsError> {
    if !(0.0..=1.0).contains(&pooling_alpha) {
        let what = "the level for pooling the interaction";
        return Err(StatsError::OutOfRange { what, given: pooling_alpha, allowed: "0 to 1" });
    }
    let Balanced { outer: parts, inner: operators, repeats, origin } = balanced(cells, "parts", "operators")?;
    let (p, o, r) = (parts as f64, operators as f64, repeats as f64);
    let means: Vec<Vec<f64>> =
        cells.iter().map(|row| row.iter().map(|cell| mean_from(cell, origin)).collect()).collect();
    let part_means: Vec<f64> = means.iter().map(|row| describe::sum(row.iter().copied()) / o).collect();
    let operator_means: Vec<f64> =
        (0..operators).map(|place| describe::sum(means.iter().map(|row| row[place])) / p).collect();
    let grand = describe::sum(part_means.iter().copied()) / p;
    let ss_part = o * r * squares_about(&part_means, grand);
    let ss_operator = p * r * squares_about(&operator_means, grand);
    let left_over = means.iter().zip(&part_means).flat_map(|(row, part)| {
        row.iter().zip(&operator_means).map(move |(cell, operator)| (cell - part - operator + grand).powi(2))
    });
    let ss_interaction = r * describe::sum(left_over);
    let ss_error = scatter_within(cells, origin)?;
    let df = [parts - 1, operators - 1, (parts - 1) * (operators - 1), parts * operators * (repeats - 1)];
    let ms = |ss: f64, df: usize| ss / df as f64;
    let full_f = ms(ss_interaction, df[2]) / ms(ss_error, df[3]);
    let p_interaction = FisherF::new(df[2] as f64, df[3] as f64)?.sf(full_f);
    let pooled = p_interaction > pooling_alpha;

    let (ss_noise, df_noise) = if pooled { (ss_error + ss_interaction, df[3] + df[2]) } else { (ss_error, df[3]) };
    let noise = ms(ss_noise, df_noise);
    // What part and operator are tested against, and what their components have taken off.
    let (base, df_base) = if pooled { (noise, df_noise) } else { (ms(ss_interaction, df[2]), df[2]) };
    let (ms_part, ms_operator) = (ms(ss_part, df[0]), ms(ss_operator, df[1]));
    let mut anova =
        vec![tested("part", df[0], ss_part, base, df_base)?, tested("operator", df[1], ss_operator, base, df_base)?];
    if !pooled {
        anova.push(tested("interaction", df[2], ss_interaction, noise, df_noise)?);
    }
    anova.extend(closing_rows(
        ss_noise,
        df_noise,
        ss_part + ss_operator + ss_interaction + ss_error,
        parts * operators * repeats,
    ));
    let unclipped = Components {
        repeatability: noise,
        operator: (ms_operator - base) / (p * r),
        interaction: if pooled { 0.0 } else { (base - noise) / r },
        part: (ms_part - base) / (o * r),
    };
    // Gauge variance = MS_operator/(p r) + ((p - 1)/(p r)) MS_interaction + ((r - 1)/r) MS_error, and the same with the
    // pooled mean square in both places.
    let operator_term = (ms_operator / (p * r), df[1] as f64);
    let terms = if pooled {
        vec![operator_term, ((1.0 - 1.0 / (p * r)) * noise, df_noise as f64)]
    } else {
        vec![operator_term, ((p - 1.0) / (p * r) * base, df_base as f64), ((r - 1.0) / r * noise, df_noise as f64)]
    };
    Ok(Study { anova, components: unclipped.clipped(), unclipped, pooled, terms })
}

/// Evaluates a nested study, `cells[operator][part]` holding the repeats of a part that only this operator measured.
///
/// # Errors
///
/// As [`crossed`].
pub fn nested(cells: &[Vec<Vec<f64>>]) -> Result<Study, StatsError> {
    let Balanced { outer: operators, inner: parts, repeats, origin } = balanced(cells, "operators", "parts")?;
    let (o, p, r) = (operators as f64, parts as f64, repeats as f64);
    let means: Vec<Vec<f64>> =
        cells.iter().map(|row| row.iter().map(|cell| mean_from(cell, origin)).collect()).collect();
    let operator_means: Vec<f64> = means.iter().map(|row| describe::sum(row.iter().copied()) / p).collect();
    let grand = describe::sum(operator_means.iter().copied()) / o;
    let ss_operator = p * r * squares_about(&operator_means, grand);
    let ss_part = r * describe::sum(means.iter().zip(&operator_means).map(|(row, mean)| squares_about(row, *mean)));
    let ss_error = scatter_within(cells, origin)?;
    let df = [operators - 1, operators * (parts - 1), operators * parts * (repeats - 1)];
    let (ms_operator, ms_part, noise) = (ss_operator / df[0] as f64, ss_part / df[1] as f64, ss_error / df[2] as f64);
    let mut anova = vec![
        tested("operator", df[0], ss_operator, ms_part, df[1])?,
        tested("part(operator)", df[1], ss_part, noise, df[2])?,
    ];
    anova.extend(closing_rows(ss_error, df[2], ss_operator + ss_part + ss_error, operators * parts * repeats));
    let unclipped = Components {
        repeatability: noise,
        operator: (ms_operator - ms_part) / (p * r),
        interaction: 0.0,
        part: (ms_part - noise) / r,
    };
    let terms = vec![(ms_operator / (p * r), df[0] as f64), (-ms_part / (p * r), df[1] as f64), (noise, df[2] as f64)];
    Ok(Study { anova, components: unclipped.clipped(), unclipped, pooled: false, terms })
}

/// Size of a balanced study, and a value to count from.
struct Balanced {
    outer: usize,
    inner: usize,
    repeats: usize,
    origin: f64,
}

fn balanced(cells: &[Vec<Vec<f64>>], outer: &'static str, inner: &'static str) -> Result<Balanced, StatsError> {
    let at_least_two = |what, given, remedy| {
        if given < 2 { Err(StatsError::TooFew { what, given, needed: 2, remedy }) } else { Ok(given) }
    };
    let outer = at_least_two(outer, cells.len(), "a gauge study compares several")?;
    let inner_of = |row: &Vec<Vec<f64>>| row.len();
    let inner = at_least_two(inner, inner_of(&cells[0]), "a gauge study compares several")?;
    let repeats = at_least_two("repeats in each cell", cells[0][0].len(), "measure every cell at least twice")?;
    for row in cells {
        let short = row.iter().map(Vec::len).find(|size| *size != repeats);
        if row.len() != inner || short.is_some() {
            let (given, needed) = match short {
                Some(size) if row.len() == inner => (size, repeats),
                _ => (row.len(), inner),
            };
            return Err(StatsError::Unpaired { what: "a cell of an unbalanced gauge study", given, needed });
        }
        for cell in row {
            all_finite(cell)?;
        }
    }
    Ok(Balanced { outer, inner, repeats, origin: cells[0][0][0] })
}

fn mean_from(cell: &[f64], origin: f64) -> f64 {
    describe::sum(cell.iter().map(|value| value - origin)) / cell.len() as f64
}

fn squares_about(values: &[f64], centre: f64) -> f64 {
    describe::sum(values.iter().map(|value| (value - centre).powi(2)))
}

/// Sum of squares of the values about their cell means.
fn scatter_within(cells: &[Vec<Vec<f64>>], origin: f64) -> Result<f64, StatsError> {
    let all = cells.iter().flatten();
    let squares = describe::sum(all.clone().map(|cell| {
        let mean = mean_from(cell, origin);
        describe::sum(cell.iter().map(|value| ((value - origin) - mean).powi(2)))
    }));
    if all.clone().all(|cell| cell.iter().all(|value| *value == cell[0])) {
        let n = all.map(Vec::len).sum();
        return Err(StatsError::NoVariance { what: "repeatability from deviations within cells", n, value: 0.0 });
    }
    Ok(squares)
}

/// A row with its F against the mean square `base`.
fn tested(source: &'static str, df: usize, ss: f64, base: f64, df_base: usize) -> Result<Row, StatsError> {
    let f = ss / df as f64 / base;
    // A base of zero (an interaction that is exactly none) leaves no test.
    if !f.is_finite() {
        return Ok(Row { source, df, ss, f: None, p: None });
    }
    let p = FisherF::new(df as f64, df_base as f64)?.sf(f);
    Ok(Row { source, df, ss, f: Some(f), p: Some(p) })
}

fn closing_rows(ss_noise: f64, df_noise: usize, ss_total: f64, n: usize) -> [Row; 2] {
    let untested = |source, df, ss| Row { source, df, ss, f: None, p: None };
    [untested("repeatability", df_noise, ss_noise), untested("total", n - 1, ss_total)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{POOLING_ALPHA_AIAG, StatsError, crossed, nested};

    fn study() -> impl Strategy<Value = Vec<Vec<Vec<f64>>>> {
        (2..5_usize, 2..4_usize, 2..4_usize).prop_flat_map(|(outer, inner, repeats)| {
            let cell = prop::collection::vec(-1.0..1.0_f64, repeats);
            prop::collection::vec(prop::collection::vec(cell, inner), outer)
        })
    }

    #[test]
    fn refuses_what_it_cannot_answer() {
        let cell = |values: &[f64]| values.to_vec();
        let good = cell(&[1.0, 2.0]);
        let one_repeat = vec![vec![cell(&[1.0]), cell(&[2.0])], vec![cell(&[1.0]), cell(&[2.0])]];
        assert!(matches!(crossed(&one_repeat, 0.25), Err(StatsError::TooFew { .. })));
        let missing = vec![vec![good.clone(), good.clone()], vec![good.clone()]];
        assert!(matches!(crossed(&missing, 0.25), Err(StatsError::Unpaired { given: 1, needed: 2, .. })));
        assert!(matches!(nested(&[vec![good.clone(), good.clone()]]), Err(StatsError::TooFew { .. })));
        let flat = vec![vec![cell(&[1.0, 1.0]); 2]; 2];
        assert!(matches!(crossed(&flat, 0.25), Err(StatsError::NoVariance { .. })));
        let square = vec![vec![good.clone(), good.clone()], vec![good.clone(), good]];
        assert!(matches!(crossed(&square, 1.5), Err(StatsError::OutOfRange { .. })));
    }

    proptest! {
        #[test]
        fn components_ignore_a_shift_and_square_with_the_unit(
            cells in study(), shift in -9.0..9.0_f64, scale in 0.1..9.0_f64,
        ) {
            let moved: Vec<Vec<Vec<f64>>> = cells
                .iter()
                .map(|row| row.iter().map(|cell| cell.iter().map(|x| shift + scale * x).collect()).collect())
                .collect();
            let square = scale * scale;
            for (a, b) in [
                (crossed(&cells, POOLING_ALPHA_AIAG).unwrap(), crossed(&moved, POOLING_ALPHA_AIAG).unwrap()),
                (nested(&cells).unwrap(), nested(&moved).unwrap()),
            ] {
                prop_assert!((b.components.total() - square * a.components.total()).abs() < 1e-9 * (1.0 + square));
                prop_assert!((a.percent_study() - b.percent_study()).abs() < 1e-6);
                prop_assert_eq!(a.pooled, b.pooled);
                let interval = a.grr_interval(0.95).unwrap();
                prop_assert!(interval.lower <= a.unclipped.grr().max(0.0) && a.unclipped.grr() <= interval.upper);
                let (total, parts) = a.anova.split_last().unwrap();
                prop_assert_eq!(parts.iter().map(|row| row.df).sum::<usize>(), total.df);
            }
        }
    }
}
