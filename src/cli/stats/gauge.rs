//! Calculator of gauge studies: rows of a file into balanced cells, with the cell named where they are not.

use crate::cli::stats::answer::{Answer, Field, Fields};
use crate::cli::stats::columns::{Columns, grouped};
use crate::cli::stats::command::Grr;
use crate::cli::stats::{About, StatsFailure};
use crate::stats::grr;

/// Evaluates the study in a file.
///
/// # Errors
///
/// See [`StatsFailure`].
pub fn study(options: &Grr) -> Result<Answer, StatsFailure> {
    let names = [options.sample.column.as_str(), &options.part, &options.operator];
    let columns = Columns::read(&options.sample.csv, &names)?;
    let (values, subject) = (columns.numbers(0)?, columns.subject(0));
    let (parts, operators) = (columns.labels(1)?, columns.labels(2)?);
    let study = if options.nested {
        let rows = cells(operators, parts, values);
        refuse_unbalanced(&rows, ["operator", "part"], false)?;
        grr::nested(
            &rows.into_iter().map(|(_, row)| row.into_iter().map(|(_, cell)| cell).collect()).collect::<Vec<_>>(),
        )
    } else {
        let rows = cells(parts, operators, values);
        refuse_unbalanced(&rows, ["part", "operator"], true)?;
        let cells: Vec<_> = rows.into_iter().map(|(_, row)| row.into_iter().map(|(_, cell)| cell).collect()).collect();
        grr::crossed(&cells, options.pooling)
    }
    .about(&subject)?;
    let row = |row: &grr::Row| {
        Field::Group(vec![
            ("source", row.source.into()),
            ("df", row.df.into()),
            ("ss", row.ss.into()),
            ("ms", row.ms().into()),
            ("f", row.f.into()),
            ("p", row.p.into()),
        ])
    };
    let components = |parts: &grr::Components| -> Fields {
        vec![
            ("repeatability", parts.repeatability.into()),
            ("operator", parts.operator.into()),
            ("interaction", parts.interaction.into()),
            ("part", parts.part.into()),
        ]
    };
    let interval = study.grr_interval(options.confidence).about("option --confidence")?;
    let of_tolerance =
        options.tolerance.map(|width| study.percent_tolerance(width)).transpose().about("option --tolerance")?;
    let fields = vec![
        ("anova", Field::List(study.anova.iter().map(row).collect())),
        ("var", components(&study.components).into()),
        ("var_unclipped", components(&study.unclipped).into()),
        ("var_grr", study.components.grr().into()),
        ("var_grr_lower", interval.lower.into()),
        ("var_grr_upper", interval.upper.into()),
        ("grr_percent_study", study.percent_study().into()),
        ("grr_percent_tolerance", of_tolerance.into()),
        ("ndc", study.distinct_categories().into()),
        ("pooled", study.pooled.into()),
    ];
    let remarks = vec![format!(
        "Bounds of the gauge's variance at {} % confidence (modified large sample).",
        100.0 * options.confidence
    )];
    Ok(Answer { title: format!("Gauge study of {subject}"), fields, remarks })
}

/// Rows of cells with their names.
type Cells = Vec<(String, Vec<(String, Vec<f64>)>)>;

/// Values by outer and inner label, the inner ones in one order whatever that of the rows of the file.
fn cells(outer: &[String], inner: &[String], values: Vec<f64>) -> Cells {
    let mut rows = Vec::new();
    for (name, members) in grouped(outer, inner.iter().zip(values)) {
        let (labels, values): (Vec<&String>, Vec<f64>) = members.into_iter().unzip();
        let cells = grouped(&labels, values).into_iter().map(|(label, cell)| (label.to_owned(), cell));
        let mut row: Vec<(String, Vec<f64>)> = cells.collect();
        row.sort_by(|a, b| a.0.cmp(&b.0));
        rows.push((name.to_owned(), row));
    }
    rows
}

/// Names the first cell that is missing or has another number of repeats than the first.
fn refuse_unbalanced(rows: &Cells, [outer, inner]: [&str; 2], crossed: bool) -> Result<(), StatsFailure> {
    let Some((_, first)) = rows.first() else { return Ok(()) };
    let repeats = first.first().map_or(0, |(_, cell)| cell.len());
    let widest = rows.iter().max_by_key(|(_, row)| row.len()).map_or(first, |(_, row)| row);
    for (name, row) in rows {
        let missing = widest.iter().find(|(label, _)| crossed && row.iter().all(|(other, _)| other != label));
        if let Some((label, _)) = missing {
            return Err(StatsFailure::unusable(format!(
                "{outer} \"{name}\" was not measured with {inner} \"{label}\"; a crossed study needs every combination \
                 (--nested if each part has one operator)"
            )));
        }
        if !crossed && row.len() != widest.len() {
            let (given, needed) = (row.len(), widest.len());
            return Err(StatsFailure::unusable(format!(
                "{outer} \"{name}\" has {given} of {inner} where another has {needed}; a gauge study must be balanced"
            )));
        }
        if let Some((label, cell)) = row.iter().find(|(_, cell)| cell.len() != repeats) {
            let given = cell.len();
            return Err(StatsFailure::unusable(format!(
                "{outer} \"{name}\", {inner} \"{label}\" has {given} repeats where the first has {repeats}; \
                 a gauge study must be balanced"
            )));
        }
    }
    Ok(())
}
