//! An uncertainty budget as bars and as a table.

use crate::{
    report::{
        figure::{
            Axis, Bar, Figure, Panel, Series, Shape, Tone, Weight,
            table::{Cell, Table},
        },
        number,
    },
    uncertainty::Measured,
};

/// A measurand of one capture, with what is needed to name it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Unique in a document.
    pub id: &'a str,
    /// For example `Protrusion by press at set depth 1.5 mm`.
    pub name: &'a str,
    /// The capture whose value it is.
    pub capture: &'a str,
    /// Unit of the value: `mm`, `N` or `Hz`.
    pub unit: &'static str,
    /// The value with its budget.
    pub measured: &'a Measured,
}

/// The budget of `subject`; `None` where it has no terms.
pub fn budget(subject: Subject<'_>) -> Option<Figure> {
    let terms = &subject.measured.budget.terms;
    if terms.is_empty() {
        return None;
    }
    let (factor, unit) = scaled(subject.unit);
    let u = subject.measured.u();
    let mut names: Vec<String> = terms.iter().map(|term| term.source.clone()).collect();
    names.push("combined standard uncertainty".to_owned());
    let bar =
        |row: usize, u: f64| Bar { x_from: 0.0, x_to: u * factor, y_from: row as f64 - 0.3, y_to: row as f64 + 0.3 };
    let of = |common: bool| {
        let chosen = terms.iter().enumerate().filter(|(_, term)| term.common == common);
        Shape::Bars(chosen.map(|(row, term)| bar(row, term.u)).collect())
    };
    let series =
        |name: &str, tone, shape| Series { name: name.to_owned(), tone, weight: Weight::Normal, shape, hover: true };
    let mut panel = Panel::new(Axis::rows(names));
    panel.series = vec![
        series("common to all values", Tone::Limit, of(true)),
        series("random, from value to value", Tone::Protrusion, of(false)),
        series("combined", Tone::Quiet, Shape::Bars(vec![bar(terms.len(), u)])),
    ];
    let expanded = expanded(subject.measured);
    Some(Figure {
        id: subject.id.to_owned(),
        title: format!("Uncertainty budget: {}", subject.name),
        caption: format!(
            "Value {} {}, from {}. Each bar is a standard uncertainty in the unit of the measurand, sensitivity \
             applied.",
            number::rounded(subject.measured.value, u),
            subject.unit,
            subject.capture
        ),
        alternative: format!(
            "{} terms; combined standard uncertainty {} {unit}; expanded uncertainty {} {unit} (95 %). The largest \
             term is {}.",
            terms.len(),
            number::rounded(u * factor, u * factor),
            number::rounded(expanded * factor, expanded * factor),
            terms.iter().max_by(|a, b| a.u.total_cmp(&b.u)).map_or("", |term| term.source.as_str()),
        ),
        x: Axis::numeric("Standard uncertainty", unit, &[0.0]),
        panels: vec![panel],
        limits: Vec::new(),
        zones: Vec::new(),
        table: table(subject, factor, unit),
    })
}

/// Expanded uncertainty for a level of confidence of 95 %, in the unit of the value (JCGM 100:2008, clause 6.2).
pub fn expanded(measured: &Measured) -> f64 {
    number::coverage_factor_95(measured.budget.dof()) * measured.u()
}

/// Lengths are shown in micrometres, forces in millinewtons, rates in millihertz.
fn scaled(unit: &'static str) -> (f64, &'static str) {
    match unit {
        "mm" => (1e3, "\u{b5}m"),
        "N" => (1e3, "mN"),
        "Hz" => (1e3, "mHz"),
        other => (1.0, other),
    }
}

fn table(subject: Subject<'_>, factor: f64, unit: &str) -> Table {
    let columns = ["Source", &format!("u, {unit}"), "Share of variance", "Degrees of freedom", "Kind"];
    let mut table = Table::new("", &format!("Budget: {}", subject.name), &columns);
    let (u, budget) = (subject.measured.u(), &subject.measured.budget);
    let in_unit = |value: f64| Cell::number(number::significant(value * factor, 2));
    for term in &budget.terms {
        let share = if u > 0.0 { (term.u / u).powi(2) } else { 0.0 };
        table.rows.push(vec![
            Cell::text(&term.source),
            in_unit(term.u),
            Cell::number(number::fixed(share * 100.0, 1) + " %"),
            Cell::number(freedom(term.dof)),
            Cell::text(if term.common { "common" } else { "random" }),
        ]);
    }
    let blank = || Cell::text("");
    let k = number::coverage_factor_95(budget.dof());
    let common = budget.u_common();
    table.rows.push(vec![Cell::text("of these, common to all values"), in_unit(common), blank(), blank(), blank()]);
    table.rows.push(vec![
        Cell::text("combined standard uncertainty u"),
        in_unit(u),
        blank(),
        Cell::number(freedom(budget.dof())),
        blank(),
    ]);
    table.rows.push(vec![
        Cell::text(format!("expanded uncertainty U (95 %), k = {}", number::fixed(k, 2))),
        in_unit(k * u),
        blank(),
        blank(),
        blank(),
    ]);
    table.totals = 3;
    table
}

/// Degrees of freedom; beyond a thousand their number says no more.
fn freedom(dof: Option<f64>) -> String {
    match dof.filter(|dof| dof.is_finite()) {
        None => "\u{221e}".to_owned(),
        Some(dof) if dof >= 1000.0 => "> 999".to_owned(),
        Some(dof) => number::fixed(dof.floor(), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::{Subject, budget, expanded};
    use crate::uncertainty::{Budget, Measured};

    /// GUM H.1 (end-gauge calibration): u = 32 nm, 16 effective degrees of freedom, k = 2.12 at 95 %.
    #[test]
    fn end_gauge_example_of_the_gum() {
        let mut terms = Budget::default();
        terms.common("standard", 25e-6, Some(18.0));
        terms.random("difference", 9.7e-6, Some(25.6));
        terms.common("expansion", 2.9e-6, Some(50.0));
        terms.common("temperature", 16.6e-6, Some(2.0));
        let measured = Measured::new(50.000_838, terms);
        let figure =
            budget(Subject { id: "b", name: "end gauge", capture: "H.1", unit: "mm", measured: &measured }).unwrap();
        let words: Vec<Vec<&str>> =
            figure.table.rows.iter().map(|row| row.iter().map(|cell| cell.words()).collect()).collect();
        assert_eq!(words[5], ["combined standard uncertainty u", "0.032", "", "16", ""]);
        assert_eq!(words[6][..2], ["expanded uncertainty U (95 %), k = 2.12", "0.067"]);
        assert!((expanded(&measured) / measured.u() - 2.12).abs() < 0.005);
    }
}
