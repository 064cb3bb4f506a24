//! Where labels go in a figure: near what they name, on nothing else.

/// Height of a line of text, px.
pub const LINE_PX: f64 = 15.0;

/// Width of a text at the figure's text size, px. An estimate: the font is the reader's.
pub fn width_px(text: &str) -> f64 {
    text.chars().count() as f64 * 6.8
}

/// A label with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Left end of the text, px.
    pub x: f64,
    /// Baseline, px.
    pub y: f64,
}

/// Places labels beside points within a frame, one by one; later ones give way to earlier ones.
#[derive(Debug)]
pub struct Placer {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    taken: Vec<(f64, f64, f64)>,
}

impl Placer {
    /// An empty frame, in px.
    pub fn new(left: f64, right: f64, top: f64, bottom: f64) -> Self {
        Self { left, right, top, bottom, taken: Vec::new() }
    }

    /// A free place for `text` beside the point (`x`, `y`); where all are taken, the last one tried.
    pub fn beside(&mut self, text: &str, x: f64, y: f64) -> Placed {
        let width = width_px(text);
        let mut sides = [x + 9.0, x - 9.0 - width];
        // Curves rise to the right of low points, so the room is below them and to their left.
        let low = y > self.top + 0.7 * (self.bottom - self.top);
        if low {
            sides.reverse();
        }
        let rises = if low { [16.0, -8.0, 31.0, -23.0, -38.0, -53.0] } else { [-6.0, 14.0, -21.0, 29.0, -36.0, 44.0] };
        let places: Vec<Placed> =
            rises.into_iter().flat_map(|rise| sides.map(|side| Placed { x: side, y: y + rise })).collect();
        let free = places.iter().find(|place| self.is_inside(place, width) && self.is_free(place, width));
        let chosen = free.or(places.last()).cloned().unwrap_or(Placed { x, y });
        self.taken.push((chosen.x, chosen.y, width));
        chosen
    }

    fn is_inside(&self, place: &Placed, width: f64) -> bool {
        self.left <= place.x && place.x + width <= self.right && self.top + 10.0 <= place.y && place.y <= self.bottom
    }

    fn is_free(&self, place: &Placed, width: f64) -> bool {
        self.taken.iter().all(|(x, y, other)| {
            place.x + width + 4.0 < *x || x + other + 4.0 < place.x || (place.y - y).abs() >= LINE_PX - 1.0
        })
    }
}

/// A label of a vertical line, in the strip above a plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// Left end of the text, px.
    pub x: f64,
    /// Row of the strip, 0 next to the plot.
    pub row: usize,
}

/// Rows for the labels of vertical lines at `lines` (position and text), such that no label covers another label or
/// a line that rises to its own label. Answers in the order of `lines`.
pub fn flags(lines: &[(f64, &str)], right: f64) -> Vec<Flag> {
    const GAP_PX: f64 = 6.0;
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by(|&a, &b| lines[b].0.total_cmp(&lines[a].0));
    // Labels stand to the right of their line, from the right on. One that would leave the frame, or cover the line of
    // one that would, stands to the left of its line; these come last, from the left on, and so rise highest.
    let mut clear_to = right;
    let (mut rightwards, mut leftwards) = (Vec::new(), Vec::new());
    for index in order {
        if lines[index].0 + GAP_PX + width_px(lines[index].1) <= clear_to {
            rightwards.push((index, true));
        } else {
            clear_to = lines[index].0;
            leftwards.push((index, false));
        }
    }
    let mut flags = vec![Flag { x: 0.0, row: 0 }; lines.len()];
    let mut done: Vec<usize> = Vec::new();
    for (index, is_right) in rightwards.into_iter().chain(leftwards.into_iter().rev()) {
        let (line, width) = (lines[index].0, width_px(lines[index].1));
        let x = if is_right { line + GAP_PX } else { line - GAP_PX - width };
        let clashes = done.iter().filter(|&&other| {
            let (start, end) =
                (flags[other].x.min(lines[other].0), (flags[other].x + width_px(lines[other].1)).max(lines[other].0));
            x - GAP_PX < end && start < x + width + GAP_PX
        });
        let row = clashes.map(|&other| flags[other].row + 1).max().unwrap_or(0);
        flags[index] = Flag { x, row };
        done.push(index);
    }
    flags
}

/// Baselines near `wanted`, none closer than a line of text, in the order of `wanted`.
pub fn spread(wanted: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut placed = wanted.to_vec();
    let mut former = f64::NEG_INFINITY;
    for index in order {
        placed[index] = wanted[index].max(former + LINE_PX - 1.0);
        former = placed[index];
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::{Flag, LINE_PX, Placer, flags, spread, width_px};

    #[test]
    fn labels_of_one_point_do_not_cover_each_other() {
        let mut placer = Placer::new(0.0, 400.0, 0.0, 200.0);
        let placed: Vec<_> = (0..6).map(|_| placer.beside("puncture", 200.0, 100.0)).collect();
        for (index, a) in placed.iter().enumerate() {
            for b in &placed[index + 1..] {
                let apart = (a.x - b.x).abs() >= width_px("puncture") || (a.y - b.y).abs() >= LINE_PX - 1.0;
                assert!(apart, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn flags_keep_clear_of_each_other_and_of_higher_lines() {
        let text = "upper limit 1.60 mm";
        let cases: [&[f64]; 4] =
            [&[100.0, 110.0, 120.0], &[100.0, 690.0, 700.0], &[50.0, 400.0, 401.0], &[610.0, 700.0]];
        for lines in cases {
            let lines: Vec<(f64, &str)> = lines.iter().map(|&x| (x, text)).collect();
            let flags = flags(&lines, 742.0);
            for (index, Flag { x, row }) in flags.iter().enumerate() {
                assert!(x + width_px(text) <= 742.0);
                for (other, flag) in flags.iter().enumerate().filter(|(other, _)| *other != index) {
                    let covers = *x < flag.x + width_px(text) && flag.x < x + width_px(text) && *row == flag.row;
                    let crossed = (*x..x + width_px(text)).contains(&lines[other].0) && flag.row > *row;
                    assert!(!covers && !crossed, "{lines:?} {flags:?}");
                }
            }
        }
    }

    #[test]
    fn margin_labels_are_a_line_apart_and_keep_their_order() {
        assert_eq!(spread(&[50.0, 10.0, 12.0]), [50.0, 10.0, 12.0 + LINE_PX - 3.0]);
    }
}
