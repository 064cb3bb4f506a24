//! A criterion in one line: the interval judged against its limits, as a small SVG.
//!
//! The zone of acceptance fills the middle of the gauge, guard bands are shaded off its ends, the interval is a bar
//! and the estimate a tick. What lies outside the picture ends in an arrow at its edge.

use crate::{
    acceptance::Row,
    report::figure::mark::{coordinate, escape},
};
use std::fmt::Write;

const WIDTH_PX: f64 = 200.0;
/// Where the limits stand; one that is absent stands for the end of the gauge.
const LIMITS_PX: (f64, f64) = (40.0, 160.0);

/// The gauge of a judged criterion; `None` where there is nothing to draw (no limit, or no interval).
pub fn inline(row: &Row, words: &str) -> Option<String> {
    let (low, high) = range(row)?;
    let (lower, upper) = (row.lower.or(row.estimate), row.upper.or(row.estimate));
    let bar = [lower.unwrap_or(low), upper.unwrap_or(high)];
    if (lower.is_none() && upper.is_none()) || !bar.iter().all(|end| end.is_finite()) || low >= high {
        return None;
    }
    let px = |value: f64| LIMITS_PX.0 + (value - low) / (high - low) * (LIMITS_PX.1 - LIMITS_PX.0);
    let clip = |px: f64| px.clamp(7.0, WIDTH_PX - 7.0);
    let mut svg = format!(
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="figure gauge" viewBox="0 0 200 22" role="img""#,
            r#" aria-label="{0}"><title>{0}</title>"#
        ),
        escape(words)
    );
    let zone = (row.limit_lower.map_or(1.0, px), row.limit_upper.map_or(WIDTH_PX - 1.0, px));
    let _ = write!(
        svg,
        r#"<rect class="room" x="{}" y="3" width="{}" height="16"/>"#,
        coordinate(zone.0),
        coordinate(zone.1 - zone.0)
    );
    let guard_px = (row.guard_band / (high - low) * (LIMITS_PX.1 - LIMITS_PX.0)).clamp(0.0, (zone.1 - zone.0) / 2.0);
    for (limit, x) in [(row.limit_lower, zone.0), (row.limit_upper, zone.1 - guard_px)] {
        if limit.is_some() && guard_px > 0.0 {
            let _ = write!(
                svg,
                r#"<rect class="zone" x="{}" y="3" width="{}" height="16"/>"#,
                coordinate(x),
                coordinate(guard_px)
            );
        }
    }
    for (limit, x) in [(row.limit_lower, zone.0), (row.limit_upper, zone.1)] {
        if limit.is_some() {
            let _ = write!(svg, r#"<path class="limit edge" d="M{} 1V21"/>"#, coordinate(x));
        }
    }
    let (from, to) = (clip(px(bar[0])), clip(px(bar[1])));
    let _ = write!(
        svg,
        r#"<rect class="protrusion bar" x="{}" y="8" width="{}" height="6"/>"#,
        coordinate(from),
        coordinate((to - from).max(1.5))
    );
    if px(bar[0]) < 7.0 {
        svg.push_str(r#"<path class="protrusion dot" d="M1 11l7-6v12z"/>"#);
    }
    if px(bar[1]) > WIDTH_PX - 7.0 {
        svg.push_str(r#"<path class="protrusion dot" d="M199 11l-7-6v12z"/>"#);
    }
    if let Some(estimate) = row.estimate.filter(|estimate| estimate.is_finite()) {
        let _ = write!(svg, r#"<path class="tickmark" d="M{} 4V18"/>"#, coordinate(clip(px(estimate))));
    }
    svg.push_str("</svg>");
    Some(svg)
}

/// Values at the two limit positions; a missing limit is set off from the other by what the interval needs.
fn range(row: &Row) -> Option<(f64, f64)> {
    let ends = [row.estimate, row.lower, row.upper];
    let finite = ends.iter().flatten().copied().filter(|end| end.is_finite());
    match (row.limit_lower, row.limit_upper) {
        (Some(low), Some(high)) => Some((low, high)),
        (Some(low), None) => Some((low, finite.fold(low, f64::max).max(low + row.guard_band))).filter(|r| r.0 < r.1),
        // Shares and spreads start at zero.
        (None, Some(high)) => Some((finite.fold(high, f64::min).min(0.0), high)).filter(|r| r.0 < r.1),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::inline;
    use crate::report::{markup_check, sample};

    #[test]
    fn what_lies_outside_ends_in_an_arrow() {
        let row = sample::accepted(0).verdict.criteria.remove(0);
        let inside = inline(&row, "words").unwrap();
        let _ = markup_check::read(&inside);
        assert_eq!(inside.matches("protrusion dot").count(), 0);
        let mut beyond = row.clone();
        (beyond.lower, beyond.upper) = (Some(-5.0), Some(9.0));
        assert_eq!(inline(&beyond, "words").unwrap().matches("protrusion dot").count(), 2);
    }

    #[test]
    fn without_limits_or_interval_there_is_no_gauge() {
        let row = sample::accepted(0).verdict.criteria.remove(0);
        let mut free = row.clone();
        (free.limit_lower, free.limit_upper) = (None, None);
        assert_eq!(inline(&free, "words"), None);
        let mut unmeasured = row;
        (unmeasured.estimate, unmeasured.lower, unmeasured.upper) = (None, None, None);
        assert_eq!(inline(&unmeasured, "words"), None);
    }
}
