//! A criterion in one line: the interval judged against its limits, as a small drawing.
//!
//! The zone of acceptance fills the middle of the gauge, guard bands are shaded off its ends, the interval is a bar
//! and the estimate a tick. What lies outside the picture ends in an arrow at its edge.

use crate::{
    acceptance::Row,
    report::figure::{
        Tone,
        picture::{Ink, Picture, Role, Step},
    },
};

const WIDTH_PX: f64 = 200.0;
const HEIGHT_PX: f64 = 22.0;
/// Where the limits stand; one that is absent stands for the end of the gauge.
const LIMITS_PX: (f64, f64) = (40.0, 160.0);

/// The gauge of a judged criterion; `None` where there is nothing to draw (no limit, or no interval).
pub fn draw(row: &Row) -> Option<Picture> {
    let (low, high) = range(row)?;
    let (lower, upper) = (row.lower.or(row.estimate), row.upper.or(row.estimate));
    let bar = [lower.unwrap_or(low), upper.unwrap_or(high)];
    if (lower.is_none() && upper.is_none()) || !bar.iter().all(|end| end.is_finite()) || low >= high {
        return None;
    }
    let px = |value: f64| LIMITS_PX.0 + (value - low) / (high - low) * (LIMITS_PX.1 - LIMITS_PX.0);
    let clip = |px: f64| px.clamp(7.0, WIDTH_PX - 7.0);
    let mut picture = Picture::new(WIDTH_PX, HEIGHT_PX);
    let zone = [row.limit_lower.map_or(1.0, px), row.limit_upper.map_or(WIDTH_PX - 1.0, px)];
    picture.rectangle(Ink::plain(Role::Room), zone, [3.0, 19.0], None);
    let guard_px = (row.guard_band / (high - low) * (LIMITS_PX.1 - LIMITS_PX.0)).clamp(0.0, (zone[1] - zone[0]) / 2.0);
    let ends = [(row.limit_lower, zone[0], 1.0), (row.limit_upper, zone[1], -1.0)];
    for (_, x, inward) in ends.iter().filter(|(limit, ..)| limit.is_some() && guard_px > 0.0) {
        picture.rectangle(Ink::plain(Role::Zone), [*x, x + inward * guard_px], [3.0, 19.0], None);
    }
    for (_, x, _) in ends.iter().filter(|(limit, ..)| limit.is_some()) {
        picture.line(Ink::plain(Role::Edge), [*x, 1.0], [*x, 21.0]);
    }
    let (from, to) = (clip(px(bar[0])), clip(px(bar[1])));
    let tone = |role| Ink::toned(role, Tone::Protrusion);
    picture.rectangle(tone(Role::Bar), [from, from.max(to).max(from + 1.5)], [8.0, 14.0], None);
    let mut arrow = |tip: f64, foot: f64| {
        let steps = vec![Step::Move(tip, 11.0), Step::Line(foot, 5.0), Step::Line(foot, 17.0), Step::Close];
        picture.path(tone(Role::Dot), steps);
    };
    if px(bar[0]) < 7.0 {
        arrow(1.0, 8.0);
    }
    if px(bar[1]) > WIDTH_PX - 7.0 {
        arrow(WIDTH_PX - 1.0, WIDTH_PX - 8.0);
    }
    if let Some(estimate) = row.estimate.filter(|estimate| estimate.is_finite()) {
        let x = clip(px(estimate));
        picture.line(Ink::plain(Role::TickMark), [x, 4.0], [x, 18.0]);
    }
    Some(picture)
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
    use super::draw;
    use crate::report::{
        figure::{picture::Role, svg},
        markup_check, sample,
    };

    #[test]
    fn what_lies_outside_ends_in_an_arrow() {
        let row = sample::accepted(0).verdict.criteria.remove(0);
        let arrows = |row| draw(row).unwrap().parts.iter().filter(|part| part.ink.role == Role::Dot).count();
        let _ = markup_check::read(&svg::small(&draw(&row).unwrap(), "gauge", "words"));
        assert_eq!(arrows(&row), 0);
        let mut beyond = row.clone();
        (beyond.lower, beyond.upper) = (Some(-5.0), Some(9.0));
        assert_eq!(arrows(&beyond), 2);
    }

    #[test]
    fn without_limits_or_interval_there_is_no_gauge() {
        let row = sample::accepted(0).verdict.criteria.remove(0);
        let mut free = row.clone();
        (free.limit_lower, free.limit_upper) = (None, None);
        assert_eq!(draw(&free), None);
        let mut unmeasured = row;
        (unmeasured.estimate, unmeasured.lower, unmeasured.upper) = (None, None, None);
        assert_eq!(draw(&unmeasured), None);
    }
}
