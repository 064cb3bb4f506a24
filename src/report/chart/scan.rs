//! The stand-off scan: share of strokes that touch, and their peak force, over the gap.

use crate::report::{
    figure::{
        Axis, Figure, Form, Limit, Panel, Series, Shape, Tone, Weight,
        table::{Cell, Table},
    },
    number,
    selection::SetDepth,
};

/// Most captures that are drawn with their points; more of them are drawn as thin lines.
const DISTINCT_MAX: usize = 3;

/// The scans of a set depth.
pub fn scan(depth: &SetDepth<'_>) -> Option<Figure> {
    let scans: Vec<_> = depth.dynamics.iter().filter(|(_, dynamic)| !dynamic.scan.is_empty()).collect();
    let (first, dynamic) = scans.first()?;
    let mut share = Panel::new(Axis::numeric("Share of strokes seen to touch", "", &[0.0, 1.0]));
    let mut force = Panel::new(Axis::numeric("Mean peak force of strokes that touch", "N", &[0.0]));
    force.height = 0.8;
    let few = scans.len() <= DISTINCT_MAX;
    let weight = if few { Weight::Normal } else { Weight::Thin };
    for ((capture, dynamic), form) in scans.iter().zip([Form::Disc, Form::Triangle, Form::Diamond].into_iter().cycle())
    {
        let name = if scans.len() == 1 || !few { String::new() } else { capture.name.clone() };
        let shares = dynamic.scan.iter().map(|bin| (bin.gap_mm, bin.touch_share)).collect();
        let touching = dynamic.scan.iter().filter(|bin| bin.touch_share > 0.0);
        let forces = touching.map(|bin| (bin.gap_mm, bin.peak_force_n)).collect();
        let draw = |panel: &mut Panel, tone, points: Vec<(f64, f64)>| {
            let line = Shape::Lines(vec![points.clone()]);
            panel.series.push(Series { name: String::new(), tone, weight, shape: line, hover: false });
            if few {
                let shape = Shape::Points(form, points);
                panel.series.push(Series { name: name.clone(), tone, weight, shape, hover: true });
            }
        };
        draw(&mut share, Tone::Protrusion, shares);
        draw(&mut force, Tone::Force, forces);
    }
    let protrusion = &dynamic.protrusion_mm;
    let mut limits = vec![Limit {
        value: depth.set_depth_mm,
        label: format!("set depth {}", number::set_depth(depth.set_depth_mm)),
        tone: Tone::Quiet,
    }];
    if scans.len() == 1 {
        limits.push(Limit {
            value: protrusion.value,
            label: format!("mean protrusion {} mm", number::rounded(protrusion.value, protrusion.u())),
            tone: Tone::Protrusion,
        });
    }
    Some(Figure {
        id: format!("figure-scan-{}", depth.slug()),
        title: format!("Stand-off scan at set depth {}", number::set_depth(depth.set_depth_mm)),
        caption: "The stage brings the phantom slowly into the reach of the stroking pen. A stroke touches where its \
                  protrusion exceeds the gap; it is seen to touch where its force stands out of the noise, which is a \
                  little further in. The peak force over the gap, followed back to where it begins, gives the mean \
                  protrusion, and is the map that turns each stroke's force into its protrusion."
            .to_owned(),
        alternative: format!(
            "In {}, the share of strokes that are seen to touch, and their force, fall as the gap grows; the mean protrusion of the \
             run is {} mm and the mean penetration {} mm.",
            first.name,
            number::rounded(protrusion.value, protrusion.u()),
            number::rounded(dynamic.penetration_mm.value, dynamic.penetration_mm.u()),
        ),
        x: Axis::numeric("Gap between cartridge face and phantom surface", "mm", &[]),
        panels: vec![share, force],
        limits,
        zones: Vec::new(),
        table: table(depth),
    })
}

fn table(depth: &SetDepth<'_>) -> Table {
    let columns = ["Capture", "Gap, mm", "Strokes", "Share seen to touch", "Mean peak force, N"];
    let mut table = Table::new("", "Stand-off scan, one row a bin of the gap", &columns);
    for (capture, dynamic) in &depth.dynamics {
        for bin in &dynamic.scan {
            let force =
                if bin.touch_share > 0.0 { number::fixed(bin.peak_force_n, 4) } else { number::ABSENT.to_owned() };
            table.rows.push(vec![
                Cell::text(&capture.name),
                Cell::number(number::fixed(bin.gap_mm, 4)),
                Cell::number(number::count(bin.strokes)),
                Cell::number(number::fixed(bin.touch_share, 3)),
                Cell::number(force),
            ]);
        }
    }
    table
}
