//! Results of a set depth: means with their uncertainty, rounded, for every report.

use crate::{
    measure::{Dynamic, Press},
    report::{
        figure::table::{Cell, Table},
        number::{self, ABSENT},
        selection::{Running, SetDepth, Spread},
    },
    uncertainty::Measured,
};

/// The results of every set depth in one table, one row for each told stroke rate.
pub fn overview(depths: &[SetDepth<'_>]) -> Table {
    let mut table = Table::new(
        "table-overview",
        "Results of every set depth; means over presses and over strokes",
        &[
            "Set depth",
            "Protrusion at rest, mm",
            "Penetration at rest, mm",
            "Protrusion running, mm",
            "Penetration running, mm",
            "Stroke rate, Hz",
            "Strokes",
            "Missed",
        ],
    );
    let cell = |mean: Option<Mean>| Cell::number(mean.map_or_else(|| ABSENT.to_owned(), |mean| mean.value));
    for depth in depths {
        let at_rest =
            [at_rest(depth, |press| &press.protrusion_mm), at_rest(depth, |press| &press.penetration_mm)].map(cell);
        let first = [Cell::number(number::set_depth(depth.set_depth_mm))].into_iter().chain(at_rest);
        let groups = depth.running();
        if groups.is_empty() {
            let blank = (0..5).map(|_| Cell::number(ABSENT));
            table.rows.push(first.clone().chain(blank).collect());
        }
        for group in groups {
            let running: [fn(&Dynamic) -> &Measured; 3] =
                [|d| &d.protrusion_mm, |d| &d.penetration_mm, |d| &d.stroke_rate_hz];
            let running = running.map(|of| cell(mean_of(group.dynamics.iter().map(|dynamic| of(dynamic)))));
            let counts = [group.strokes, group.missed].map(|n| Cell::number(number::count(n)));
            table.rows.push(first.clone().chain(running).chain(counts).collect());
        }
    }
    table
}

/// The results of one set depth.
pub fn results(depth: &SetDepth<'_>) -> Table {
    let mut table = Table::new(
        &format!("table-results-{}", depth.slug()),
        &format!("Results at set depth {}", number::set_depth(depth.set_depth_mm)),
        &["Measurand", "n", "Mean", "SD", "u", "U (95 %)", "Unit"],
    );
    add(&mut table, "Protrusion, at rest (press)", "mm", at_rest(depth, |press| &press.protrusion_mm));
    add(&mut table, "Penetration, at rest (press)", "mm", at_rest(depth, |press| &press.penetration_mm));
    let forces = depth.presses.iter().filter_map(|(_, press)| press.puncture_force_n.as_ref());
    add(&mut table, "Puncture force, at the first fall", "N", mean_of(forces));
    let punctured = depth.presses.iter().filter(|(_, press)| press.punctured).count();
    tally(&mut table, "Sites punctured", depth.presses.len() as u64, punctured as u64);
    for group in depth.running() {
        running(&mut table, &group);
    }
    table
}

/// The rows of the running pen at one told rate.
fn running(table: &mut Table, group: &Running<'_>) {
    let told = group.told_hz.map_or_else(String::new, |told_hz| format!(" told {} Hz", number::shortest(told_hz)));
    let runs = if group.dynamics.len() > 1 { ", mean of runs" } else { "" };
    let mean = |of: fn(&Dynamic) -> &Measured| mean_of(group.dynamics.iter().map(|dynamic| of(dynamic)));
    // Of a single run, n and SD are those of its strokes.
    let of_strokes = |mean: Option<Mean>, sd: fn(&Dynamic) -> f64| match (mean, group.dynamics.as_slice()) {
        (Some(mean), [dynamic]) => Some(Mean {
            n: number::count(group.strokes - group.missed),
            sd: number::significant(sd(dynamic), 2),
            ..mean
        }),
        (mean, _) => mean,
    };
    let protrusion = of_strokes(mean(|dynamic| &dynamic.protrusion_mm), |dynamic| dynamic.protrusion_sd_mm);
    add(table, &format!("Protrusion, running pen{told}{runs}"), "mm", protrusion);
    let penetration = of_strokes(mean(|dynamic| &dynamic.penetration_mm), |dynamic| dynamic.penetration_sd_mm);
    add(table, &format!("Penetration, running pen{told}{runs}"), "mm", penetration);
    add(table, &format!("Stroke rate, pen{told}{runs}"), "Hz", mean(|dynamic| &dynamic.stroke_rate_hz));
    tally(table, &format!("Missed strokes, pen{told}"), group.strokes, group.missed);
}

fn add(table: &mut Table, name: &str, unit: &str, mean: Option<Mean>) {
    let absent = || ABSENT.to_owned();
    let none = || Mean { n: "0".to_owned(), value: absent(), sd: absent(), u: absent(), expanded: absent() };
    let mean = mean.unwrap_or_else(none);
    let numbers = [mean.n, mean.value, mean.sd, mean.u, mean.expanded].map(Cell::Number);
    table.rows.push([Cell::text(name)].into_iter().chain(numbers).chain([Cell::text(unit)]).collect());
}

/// A row that counts.
fn tally(table: &mut Table, name: &str, of: u64, count: u64) {
    let blank = || Cell::number("");
    let [of, count] = [of, count].map(|n| Cell::number(number::count(n)));
    table.rows.push(vec![Cell::text(name), of, count, blank(), blank(), blank(), Cell::text("count")]);
}

/// A mean with its formatted numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mean {
    /// Number of values.
    pub n: String,
    /// The mean.
    pub value: String,
    /// Standard deviation of the values, as far as known.
    pub sd: String,
    /// Standard uncertainty of the mean.
    pub u: String,
    /// Expanded uncertainty, 95 %.
    pub expanded: String,
}

impl Mean {
    /// Rounded to `u`; `dof` are the degrees of freedom of `u`.
    pub fn new(n: usize, value: f64, sd: Option<f64>, u: f64, dof: Option<f64>) -> Self {
        let expanded = number::coverage_factor_95(dof) * u;
        Self {
            n: number::count(n as u64),
            value: number::rounded(value, u),
            sd: sd.map_or_else(|| ABSENT.to_owned(), |sd| number::significant(sd, 2)),
            u: number::rounded(u, u),
            expanded: number::rounded(expanded, u),
        }
    }
}

/// Mean of a measurand over the presses of a set depth. Common terms stay, scatter shrinks with the root of n.
pub fn at_rest(depth: &SetDepth<'_>, of: fn(&Press) -> &Measured) -> Option<Mean> {
    mean_of(depth.presses.iter().map(|(_, press)| of(press)))
}

/// Mean of values with its uncertainty; `None` where there is none.
pub fn mean_of<'a>(measured: impl Iterator<Item = &'a Measured> + Clone) -> Option<Mean> {
    let spread = Spread::of(measured.clone().map(|measured| measured.value))?;
    let common = Spread::of(measured.clone().map(|measured| measured.budget.u_common().powi(2)))?.mean;
    // One value has no scatter to judge by: its own uncertainty stands.
    if spread.n == 1 {
        let only = measured.into_iter().next()?;
        return Some(Mean::new(1, spread.mean, None, only.u(), only.budget.dof()));
    }
    // A few values may agree by chance: their scatter is not taken as less than their own random uncertainty.
    let n = spread.n as f64;
    let random = Spread::of(measured.clone().map(|measured| measured.u().powi(2)))?.mean - common;
    let variance = (spread.sd * spread.sd).max(random);
    let scatter_dof = if variance > random {
        Some(n - 1.0)
    } else {
        measured.filter_map(|measured| measured.budget.dof()).min_by(f64::total_cmp)
    };
    let scatter = variance / n;
    let u = (common + scatter).sqrt();
    // Welch-Satterthwaite; the common terms are taken as known.
    let dof = scatter_dof.filter(|_| scatter > 0.0).map(|dof| (u / scatter.sqrt()).powi(4) * dof);
    Some(Mean::new(spread.n, spread.mean, Some(spread.sd), u, dof))
}

#[cfg(test)]
mod tests {
    use super::{mean_of, overview, results};
    use crate::{
        report::{sample, selection},
        uncertainty::{Budget, Measured},
    };

    /// Rates that the pen was told differ are never averaged.
    #[test]
    fn each_told_rate_has_its_own_rows() {
        let mut record = sample::set_depths(1);
        let dynamics = record.captures.iter_mut().filter(|capture| capture.header.stroke_rate_hz.is_some());
        dynamics.zip([80.0, 110.0]).for_each(|(capture, told_hz)| capture.header.stroke_rate_hz = Some(told_hz));
        let depths = selection::set_depths(&record);
        assert_eq!(overview(&depths).rows.len(), 2);
        let table = results(&depths[0]);
        let names: Vec<&str> = table.rows.iter().map(|row| row[0].words()).collect();
        for told in ["told 80 Hz", "told 110 Hz"] {
            for quantity in ["Protrusion", "Penetration", "Stroke rate", "Missed strokes"] {
                assert!(names.iter().any(|name| name.starts_with(quantity) && name.ends_with(told)), "{names:?}");
            }
        }
    }

    /// Common terms do not shrink with n: four values of common u 3 and scatter 4 (over root 4: 2) give root 13.
    #[test]
    fn averaging_leaves_the_common_part() {
        let mut budget = Budget::default();
        budget.common("calibration", 3.0, None);
        let values = [1.0, 9.0, 5.0, 5.0].map(|value| Measured::new(value * 1.224_744_871, budget.clone()));
        let mean = mean_of(values.iter()).unwrap();
        assert_eq!((mean.n.as_str(), mean.sd.as_str(), mean.u.as_str()), ("4", "4.0", "3.6"));
    }
}
