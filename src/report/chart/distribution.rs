//! The distribution of protrusion and penetration against limits, with the intervals that were judged.

use crate::report::{
    criterion,
    figure::{
        Axis, Bar, Figure, Form, Limit, Panel, Series, Shape, Tone, Weight, Zone,
        table::{Cell, Table},
    },
    number,
    selection::{SetDepth, Spread},
};

/// Fewest and most bins.
const BINS: (f64, f64) = (8.0, 60.0);

/// The values of a set depth: strokes of the running pen where there are any, otherwise presses.
pub fn distribution(depth: &SetDepth<'_>) -> Option<Figure> {
    let running = depth.strokes.iter().any(|row| row.protrusion_mm.is_some());
    let (protrusion, penetration): (Vec<f64>, Vec<f64>) = if running {
        let values = |of: fn(&crate::record::model::StrokeRow) -> Option<f64>| {
            finite(depth.strokes.iter().filter_map(|row| of(row)))
        };
        (values(|row| row.protrusion_mm), values(|row| row.penetration_mm))
    } else {
        let values = |of: fn(&crate::record::model::PressRow) -> Option<f64>| {
            finite(depth.press_rows.iter().filter_map(|row| of(row)))
        };
        (values(|row| row.protrusion_mm), values(|row| row.penetration_mm))
    };
    if protrusion.is_empty() && penetration.is_empty() {
        return None;
    }
    let what = if running { "strokes" } else { "presses" };
    let width_mm = bin_width(&protrusion).max(bin_width(&penetration) / 2.0);
    let mut counts = Panel::new(Axis::numeric(&format!("Number of {what}"), "", &[0.0]));
    let mut table =
        Table::new("", &format!("Bins of the distribution of {what}"), &["Quantity", "From, mm", "To, mm", "Count"]);
    for (name, tone, values) in
        [("Protrusion", Tone::Protrusion, &protrusion), ("Penetration", Tone::Penetration, &penetration)]
    {
        let bars = histogram(values, width_mm);
        let decimals = number::decimals_for(width_mm);
        table.rows.extend(bars.iter().filter(|bar| bar.y_to > 0.0).map(|bar| {
            let cell = |value: f64, decimals| Cell::number(number::fixed(value, decimals));
            vec![Cell::text(name), cell(bar.x_from, decimals), cell(bar.x_to, decimals), cell(bar.y_to, 0)]
        }));
        counts.series.push(Series {
            name: name.to_lowercase(),
            tone,
            weight: Weight::Normal,
            shape: Shape::Bars(bars),
            hover: true,
        });
    }
    let set_depth = number::set_depth(depth.set_depth_mm);
    let (limits, zones) = limits(depth);
    let mut panels = vec![counts];
    panels.extend(intervals(depth));
    Some(Figure {
        id: format!("figure-distribution-{}", depth.slug()),
        title: format!("Distribution of {what} at set depth {set_depth} against the limits"),
        caption:
            "Bars count single values. Below them, for each criterion, the interval that was judged (bar) and its \
             estimate (diamond). Accepted where the interval stays between the dashed limits and off the shaded guard \
             bands, which allow for the uncertainty that all values share."
                .to_owned(),
        alternative: format!("{} {}", words("Protrusion", &protrusion), words("Penetration", &penetration)),
        x: Axis::numeric("Protrusion, penetration", "mm", &[]),
        panels,
        limits,
        zones,
        table,
    })
}

fn finite(values: impl Iterator<Item = f64>) -> Vec<f64> {
    values.filter(|value| value.is_finite()).collect()
}

/// Width of a bin after Freedman and Diaconis (1981), within [`BINS`].
fn bin_width(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quantile =
        |share: f64| sorted.get(((sorted.len() as f64 - 1.0) * share).max(0.0) as usize).copied().unwrap_or(0.0);
    let span = quantile(1.0) - quantile(0.0);
    let raw = 2.0 * (quantile(0.75) - quantile(0.25)) / (sorted.len().max(1) as f64).cbrt();
    raw.clamp(span / BINS.1, span / BINS.0).max(1e-6)
}

/// Counts of values in bins of `width_mm`, whose edges are multiples of it.
fn histogram(values: &[f64], width_mm: f64) -> Vec<Bar> {
    let bin_of = |value: f64| (value / width_mm).floor();
    let Some(spread) = Spread::of(values.iter().copied()) else { return Vec::new() };
    let first = bin_of(spread.least);
    // The widths bound the number of bins; the cap holds whatever they are.
    let mut counts = vec![0_u64; ((bin_of(spread.greatest) - first) as usize).min(10_000) + 1];
    for value in values {
        if let Some(count) = counts.get_mut((bin_of(*value) - first) as usize) {
            *count += 1;
        }
    }
    let edge = |index: usize| (first + index as f64) * width_mm;
    let bars = counts.into_iter().enumerate();
    bars.map(|(index, count)| Bar { x_from: edge(index), x_to: edge(index + 1), y_from: 0.0, y_to: count as f64 })
        .collect()
}

/// Limits and guard bands of the criteria on both quantities.
fn limits(depth: &SetDepth<'_>) -> (Vec<Limit>, Vec<Zone>) {
    let (mut limits, mut zones): (Vec<Limit>, Vec<Zone>) = (Vec::new(), Vec::new());
    for row in lengths(depth) {
        for (side, value, inward) in [("\u{2265}", row.limit_lower, 1.0), ("\u{2264}", row.limit_upper, -1.0)] {
            let Some(value) = value else { continue };
            let label = format!("{} {side} {} mm", row.quantity, criterion::limit(row, value));
            if limits.iter().any(|limit| limit.label == label) {
                continue;
            }
            let tone = tone_of(&row.quantity);
            limits.push(Limit { value, label, tone });
            zones.push(Zone { from: value, to: value + inward * row.guard_band, tone });
        }
    }
    (limits, zones)
}

fn tone_of(quantity: &str) -> Tone {
    if quantity == "penetration" { Tone::Penetration } else { Tone::Protrusion }
}

fn lengths<'a>(depth: &'a SetDepth<'_>) -> impl Iterator<Item = &'a crate::acceptance::Row> {
    depth.criteria.iter().copied().filter(|row| matches!(row.quantity.as_str(), "protrusion" | "penetration"))
}

/// One row a criterion: the interval judged and its estimate.
fn intervals(depth: &SetDepth<'_>) -> Option<Panel> {
    let judged: Vec<_> = lengths(depth).filter(|row| row.estimate.is_some()).collect();
    if judged.is_empty() {
        return None;
    }
    let mut panel = Panel::new(Axis::rows(judged.iter().map(|row| row.criterion.clone()).collect()));
    panel.y.label = "Interval judged".to_owned();
    for (index, row) in judged.iter().enumerate() {
        let tone = tone_of(&row.quantity);
        let at = index as f64;
        let ends = [row.lower, row.upper].map(|end| end.or(row.estimate));
        if let [Some(x_from), Some(x_to)] = ends {
            let bar = Bar { x_from, x_to, y_from: at - 0.16, y_to: at + 0.16 };
            panel.series.push(Series {
                name: String::new(),
                tone,
                weight: Weight::Thin,
                shape: Shape::Bars(vec![bar]),
                hover: true,
            });
        }
        if let Some(estimate) = row.estimate {
            let shape = Shape::Points(Form::Diamond, vec![(estimate, at)]);
            panel.series.push(Series { name: "estimate".to_owned(), tone, weight: Weight::Normal, shape, hover: true });
        }
    }
    panel.series.iter_mut().for_each(|series| series.name.clear());
    Some(panel)
}

fn words(name: &str, values: &[f64]) -> String {
    let Some(spread) = Spread::of(values.iter().copied()) else { return format!("{name} was not measured.") };
    format!(
        "{name}: {} values, mean {} mm, standard deviation {} mm, from {} to {} mm.",
        number::count(spread.n as u64),
        number::rounded(spread.mean, spread.sd),
        number::rounded(spread.sd, spread.sd),
        number::rounded(spread.least, spread.sd),
        number::rounded(spread.greatest, spread.sd)
    )
}
