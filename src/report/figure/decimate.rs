//! Fewer points, same picture: first, least, greatest and last of each run of points in one pixel column.
//!
//! Peaks survive, since the extremes of every column do. Runs are of consecutive points, so paths that turn back keep
//! their shape.

/// Positions in pixels, at most four for each run of consecutive points within one column `column_px` wide. Points
/// that are not finite are left out.
pub fn by_column(points: impl IntoIterator<Item = (f64, f64)>, column_px: f64) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    let mut run: Option<Run> = None;
    for point in points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
        let column = (point.0 / column_px).floor();
        match &mut run {
            Some(run) if run.column == column => run.add(point),
            _ => {
                run.replace(Run::new(column, point)).into_iter().for_each(|run| run.flush(&mut kept));
            }
        }
    }
    run.into_iter().for_each(|run| run.flush(&mut kept));
    kept
}

/// Consecutive points of one column, each with its number in the run.
struct Run {
    column: f64,
    count: u64,
    first: (f64, f64),
    least: (u64, (f64, f64)),
    greatest: (u64, (f64, f64)),
    last: (f64, f64),
}

impl Run {
    fn new(column: f64, point: (f64, f64)) -> Self {
        Self { column, count: 1, first: point, least: (0, point), greatest: (0, point), last: point }
    }

    fn add(&mut self, point: (f64, f64)) {
        if point.1 < self.least.1.1 {
            self.least = (self.count, point);
        }
        if point.1 > self.greatest.1.1 {
            self.greatest = (self.count, point);
        }
        self.last = point;
        self.count += 1;
    }

    fn flush(self, kept: &mut Vec<(f64, f64)>) {
        let mut inner = [self.least, self.greatest];
        inner.sort_by_key(|(index, _)| *index);
        kept.push(self.first);
        let last = self.count - 1;
        kept.extend(inner.into_iter().filter(|(index, _)| 0 < *index && *index < last).map(|(_, point)| point));
        if last > 0 {
            kept.push(self.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::by_column;

    #[test]
    fn extremes_of_each_column_stay() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i) / 1000.0, f64::from(i % 7))).collect();
        points[50_123].1 = 99.0;
        points[70_001].1 = -99.0;
        points.push((f64::NAN, 0.0));
        let kept = by_column(points.iter().copied(), 1.0);
        assert!(kept.len() <= 400, "{}", kept.len());
        for column in 0..100 {
            let of = |all: &[(f64, f64)]| {
                let inside = all.iter().filter(|p| p.0.floor() == f64::from(column)).map(|p| p.1);
                inside.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)))
            };
            assert_eq!(of(&kept), of(&points), "column {column}");
        }
        assert!(kept.is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn a_path_that_turns_back_keeps_both_branches() {
        let there_and_back = [(0.0, 0.0), (10.0, 1.0), (0.2, 5.0)];
        assert_eq!(by_column(there_and_back, 1.0), there_and_back);
    }
}
