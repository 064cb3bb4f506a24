//! Whether anything but contact acted on the cell: a tare, a pull at the cable, a knock, a loose contact.
//!
//! What the force may do is known without a law of contact. Before contact it is its background and noise. The zero
//! after a contact is that before it. A rise has no jumps, up or down, until a needle enters; and a needle that has
//! entered is cut and dragged at from then on, so that the force falls, but not to nothing. What is short and away from
//! contact is left out; whatever else does otherwise is refused, since where it came in decides how far it moves an onset.
//!
//! Deliberately absent: repair.

use crate::{
    capture::Phase,
    measure::{
        Refusal,
        press::{
            background::{Background, Quiet},
            contact,
        },
        screen::{Screened, median, refusal},
    },
};
use std::ops::Range;

/// Rows of a block of the baseline.
const BLOCK_ROWS: usize = 25;
/// Standard deviations of the mean of a stretch of the baseline that are no noise.
const MEAN_MAX: f64 = 7.0;
/// Variance of a block over that of most.
const VARIANCE_MAX: f64 = 4.0;
/// Share of all rows that may be left out for disturbances of the baseline.
const SHORT_MAX: f64 = 0.05;
/// Change of the zero over a contact, in standard uncertainties and as a share of the largest force (a cell creeps).
const CHANGE_MAX: f64 = 7.0;
const CREEP_MAX: f64 = 0.001;
/// Share of the largest force that a zero may wander by: a display's last digits, and its filter.
pub const WANDER_SHARE: f64 = 0.001;
/// Intervals between two rows, beyond which rows are missing.
pub const GAP_INTERVALS: f64 = 1.7;
/// Rows in which the force falls at a puncture, rows after them, and the share of the force before it that is left at least.
const SWING_ROWS: usize = 8;
const AFTER_ROWS: usize = 36;
const LEFT_MIN: f64 = 0.1;
/// Scatter after a fall that is a burst of noise and no puncture: over the noise of a reading, and over the force before.
const BURST_MIN: f64 = 4.0;
const BURST_SHARE: f64 = 0.12;
/// Largest pull after a fall, over the force before, and rows that it is averaged over.
const PULL_MAX: f64 = 0.3;
const MEAN_ROWS: usize = 4;
/// Rows that tell the scatter.
const SCATTER_ROWS: usize = 24;

/// The rows without contact in blocks.
struct Blocks {
    /// Mean and variance of every block of each stretch, N and N².
    of: Vec<Vec<(f64, f64)>>,
    /// Standard deviation of the mean of a block, N, and variance of a reading, by the middle of all blocks.
    sd_n: f64,
    variance: f64,
    /// How far a mean may be off whatever the noise, N.
    wander_n: f64,
}

/// First rows of the blocks of a stretch, the last of which may overlap the one before it.
fn starts(quiet: &Quiet) -> impl Iterator<Item = usize> {
    let Range { start, end } = quiet.rows.clone();
    (start..end).step_by(BLOCK_ROWS).map(move |row| row.min(end.saturating_sub(BLOCK_ROWS).max(start)))
}

impl Blocks {
    fn of(background: &Background, quiet: &[Quiet]) -> Self {
        let block = |force_n: &[f64]| {
            let mean = force_n.iter().sum::<f64>() / BLOCK_ROWS as f64;
            let squares: f64 = force_n.iter().map(|force_n| (force_n - mean).powi(2)).sum();
            (mean, squares / (BLOCK_ROWS - 1) as f64)
        };
        let stretch =
            |quiet: &Quiet| starts(quiet).map(|start| block(&background.force_n[start..start + BLOCK_ROWS])).collect();
        let of: Vec<Vec<(f64, f64)>> = quiet.iter().map(stretch).collect();
        let mut steps: Vec<f64> =
            of.iter().flat_map(|blocks| blocks.windows(2)).map(|pair| (pair[1].0 - pair[0].0).abs()).collect();
        let mut variances: Vec<f64> = of.iter().flatten().map(|block| block.1).collect();
        let (step, variance) = (median(&mut steps).unwrap_or(0.0), median(&mut variances).unwrap_or(0.0));
        // 1.4826: median absolute deviation of a normal sample; of a difference of two.
        let sd_n = (1.4826 * step / 2.0_f64.sqrt()).max((variance / BLOCK_ROWS as f64).sqrt());
        let largest_n = background.force_n.iter().fold(0.0_f64, |most, force_n| most.max(force_n.abs()));
        Self { of, sd_n, variance, wander_n: WANDER_SHARE * largest_n }
    }

    fn scatters(&self, (_, variance): &(f64, f64)) -> bool {
        *variance > VARIANCE_MAX * self.variance
    }

    fn stands_off(&self, (mean, _): &(f64, f64)) -> bool {
        mean.abs() > self.wander_n.max(MEAN_MAX * self.sd_n)
    }

    /// First run of blocks whose mean stands off: its first block, their number, and by how many standard deviations.
    fn excursion(&self, stretch: &[(f64, f64)]) -> Option<(usize, usize, f64)> {
        let mut sums = vec![0.0];
        for (mean, _) in stretch {
            sums.push(sums[sums.len() - 1] + mean);
        }
        let widths =
            std::iter::successors(Some(1), |width| Some(2 * width)).take_while(|width| *width <= stretch.len());
        widths.into_iter().find_map(|width| {
            let (n, sd_n) = (width as f64, self.sd_n / (width as f64).sqrt());
            let away_n = |from: usize| (sums[from + width] - sums[from]).abs() / n;
            let from = (0..=stretch.len() - width).find(|at| away_n(*at) > self.wander_n.max(MEAN_MAX * sd_n))?;
            Some((from, width, away_n(from) / sd_n))
        })
    }
}

/// The rows without contact that a short disturbance spoils, of all rows; `None` where there are none, or where they are
/// too many of `total` rows to be short.
pub fn disturbed(background: &Background, quiet: &[Quiet], total: usize) -> Option<Vec<bool>> {
    let blocks = Blocks::of(background, quiet);
    let mut out = vec![false; background.force_n.len()];
    for (quiet, stretch) in quiet.iter().zip(&blocks.of) {
        let bad = |block: &(f64, f64)| blocks.scatters(block) || blocks.stands_off(block);
        // What lasts up to the contact that is fitted is not short.
        if matches!(quiet.phase, Phase::Touch | Phase::Press) && stretch.last().is_some_and(bad) {
            return None;
        }
        for (start, _) in starts(quiet).zip(stretch).filter(|(_, block)| bad(block)) {
            // What begins within a block shows little in that before, and as it ends in that after.
            out[start.saturating_sub(BLOCK_ROWS).max(quiet.rows.start)..(start + 2 * BLOCK_ROWS).min(quiet.rows.end)]
                .fill(true);
        }
    }
    let lost = total - background.force_n.len() + out.iter().filter(|out| **out).count();
    (out.contains(&true) && lost as f64 <= SHORT_MAX * total as f64).then_some(out)
}

/// Whether the rows without contact hold nothing but noise. `rows` are those of the capture.
///
/// # Errors
///
/// [`Refusal`] at the first stretch whose mean or scatter stands out.
pub fn baseline(background: &Background, quiet: &[Quiet], rows: &[usize]) -> Result<(), Refusal> {
    let blocks = Blocks::of(background, quiet);
    for (quiet, stretch) in quiet.iter().zip(&blocks.of) {
        let row = |block: usize| starts(quiet).nth(block).map_or(0, |row| rows[row]);
        if let Some(block) = stretch.iter().position(|block| blocks.scatters(block)) {
            let (from, times) = (row(block), (stretch[block].1 / blocks.variance).sqrt());
            return Err(unsteady(&format!("from row {from} on scatters {times:.1} times as much as elsewhere")));
        }
        if let Some((block, n, away)) = blocks.excursion(stretch) {
            let (from, to) = (row(block), row(block + n - 1));
            return Err(unsteady(&format!("from row {from} to {to} stands off by {away:.1} standard deviations")));
        }
    }
    Ok(())
}

fn unsteady(what: &str) -> Refusal {
    let remedy = "was there contact, a knock, a step or a tare before the touch? Press anew, start farther away";
    refusal("unsteady-baseline", format!("the force before contact {what}; {remedy}"))
}

/// Whether the zero after the touch is that before it, and so with press and withdrawal.
///
/// # Errors
///
/// [`Refusal`] where it moved by more than noise and creep explain.
pub fn zero(background: &Background, quiet: &[Quiet]) -> Result<(), Refusal> {
    for (pair, change) in quiet.windows(2).zip(&background.changes) {
        let name = match (pair[0].phase, pair[1].phase) {
            (Phase::Touch, Phase::Retract) => "touch",
            (Phase::Press, Phase::Withdraw) => "press",
            _ => continue,
        };
        let over = pair[0].rows.start..pair[1].rows.end;
        let largest_n = background.force_n[over].iter().fold(0.0_f64, |most, force_n| most.max(force_n.abs()));
        let limit_n = (CHANGE_MAX * change.u_n).max(CREEP_MAX * largest_n);
        if change.force_n.abs() > limit_n {
            let message = format!("the zero after the contact of `{name}` differs by {:.4} N", change.force_n);
            let limit = format!("from that before, the limit is {limit_n:.4} N");
            let remedy = "look for a tare or a pull at the cable, and press anew";
            return Err(refusal("zero-moved", format!("{message} {limit}; {remedy}")));
        }
    }
    Ok(())
}

/// Whether the force of a phase rises without a jump over `rise`, which ends before the first needle enters, at the
/// latest where the stage stops, at `end`.
///
/// # Errors
///
/// [`Refusal`] where it jumps.
pub fn rise(
    background: &Background,
    rise: Range<usize>,
    end: usize,
    phase: &str,
    screened: &Screened,
) -> Result<(), Refusal> {
    let t_s = &screened.recording.t_s;
    // Over a gap the force goes on as it should have; each stretch is looked at by itself.
    let gaps = (rise.start + 1..end).filter(|i| (t_s[*i] - t_s[i - 1]) * screened.rate_hz > GAP_INTERVALS);
    let ends: Vec<usize> = gaps.chain([end]).collect();
    let starts = [rise.start].into_iter().chain(ends.iter().copied());
    let mut stretches = starts.zip(&ends).filter(|(start, _)| *start < rise.end);
    let force_n = &background.force_n;
    let jump = stretches.find_map(|(start, &after)| {
        contact::first_jump(force_n, start..rise.end.min(after), after, background.noise_n)
    });
    let Some(at) = jump else { return Ok(()) };
    let row = screened.rows[at];
    let message = format!("the force of `{phase}` jumps at row {row} as no contact does");
    Err(refusal(
        "disturbed",
        format!("{message}; look for a knock, a step, a loose contact or the hole of an earlier press, and press anew"),
    ))
}

/// Whether the force after the first puncture is that of needles which have entered.
///
/// # Errors
///
/// [`Refusal`] where nothing is left of it, or where it scatters as much as it fell.
pub fn puncture(background: &Background, drop: usize, press: &Range<usize>, rows: &[usize]) -> Result<(), Refusal> {
    let mean_of = |force_n: &[f64]| force_n.iter().sum::<f64>() / force_n.len().max(1) as f64;
    let mean = |rows: Range<usize>| mean_of(&background.force_n[rows]);
    let before_n = mean(drop.saturating_sub(4).max(press.start)..drop);
    // The cell swings for some rows.
    let start = (drop + SWING_ROWS).min(press.end);
    let after_n = mean(start..(start + AFTER_ROWS).min(press.end));
    let row = rows.get(drop).copied().unwrap_or(0);
    let swung = &background.force_n[start..(start + SCATTER_ROWS).min(press.end)];
    let scatter_n = scatter(swung).unwrap_or(0.0);
    if scatter_n > BURST_MIN * background.noise_n && scatter_n > BURST_SHARE * before_n {
        let message = format!("the force falls at row {row} and scatters by {scatter_n:.4} N from then on");
        let limit = format!("{before_n:.4} N were there before");
        let remedy = "look for a loose contact or a disturbed cable, and press anew";
        return Err(refusal("disturbed", format!("{message}, {limit}; {remedy}")));
    }
    // What swings once may swing below zero, but needles do not pull while they are pressed in.
    let lowest_n = background.force_n[drop..press.end].windows(MEAN_ROWS).map(mean_of).fold(0.0, f64::min);
    let pull_n = PULL_MAX * before_n + MEAN_MAX * background.noise_n / (MEAN_ROWS as f64).sqrt();
    if lowest_n < -pull_n {
        let message = format!("the force falls at row {row} and then pulls by {:.4} N", -lowest_n);
        let limit = format!("the limit is {pull_n:.4} N");
        let remedy = "look for a knock or a loose contact, and press anew";
        return Err(refusal("disturbed", format!("{message}, {limit}; {remedy}")));
    }
    if after_n > LEFT_MIN * before_n {
        return Ok(());
    }
    let message = format!("the force falls from {before_n:.4} N to {after_n:.4} N at row {row}, to less than a needle");
    let remedy = "look for a knock or a loose contact, and press anew";
    Err(refusal("disturbed", format!("{message} that enters leaves ({:.0} %); {remedy}", 100.0 * LEFT_MIN)))
}

/// Whether the force relaxes smoothly while the stage rests.
///
/// # Errors
///
/// [`Refusal`] where it falls or rises at once.
pub fn hold(background: &Background, hold: &Range<usize>, rows: &[usize]) -> Result<(), Refusal> {
    let force_n = &background.force_n[hold.clone()];
    let turned: Vec<f64> = force_n.iter().map(|force_n| -force_n).collect();
    let jump = |force_n: &[f64]| contact::small_fall(force_n, 0..force_n.len(), background.noise_n);
    let Some(at) = jump(force_n).or_else(|| jump(&turned)) else { return Ok(()) };
    let row = rows.get(hold.start + at).copied().unwrap_or(0);
    let message = format!("the force of `hold` jumps at row {row} while the stage rests");
    Err(refusal("disturbed", format!("{message}; look for a knock, a step or a loose contact, and press anew")))
}

/// Standard deviation of readings about any smooth curve, N: by the median of third differences, so that single falls
/// (of further needles) do not count. `None` for too few.
fn scatter(force_n: &[f64]) -> Option<f64> {
    let third = |w: &[f64]| (w[3] - 3.0 * w[2] + 3.0 * w[1] - w[0]).abs();
    let mut differences: Vec<f64> = force_n.windows(4).map(third).collect();
    // A third difference has the variance of 20 readings; 1.4826: median absolute deviation of a normal sample.
    median(&mut differences).map(|middle| 1.4826 * middle / 20.0_f64.sqrt())
}

#[cfg(test)]
mod tests {
    use super::{baseline, disturbed, hold, puncture, zero};
    use crate::{
        capture::Phase,
        measure::press::background::{self, Background, Quiet},
        prng::Stream,
    };

    const ROWS: usize = 4000;

    /// Two stretches without contact, a second apart at 1 kHz, with something added to a noise of 1 mN.
    fn baseline_with(added: impl Fn(usize) -> f64) -> (Background, [Quiet; 2]) {
        let mut stream = Stream::named(1, "steady");
        let t_s: Vec<f64> = (0..ROWS).map(|i| i as f64 * 1e-3).collect();
        let force_n: Vec<f64> = (0..ROWS).map(|i| added(i) + 0.001 * stream.normal()).collect();
        let quiet = [
            Quiet { phase: Phase::Press, rows: 0..1500, holds_for: 0..2000 },
            Quiet { phase: Phase::Withdraw, rows: 2500..ROWS, holds_for: 2000..ROWS },
        ];
        (background::remove(&t_s, &force_n, &quiet, None).expect("a baseline"), quiet)
    }

    fn rows() -> Vec<usize> {
        (0..ROWS).collect()
    }

    #[test]
    fn noise_and_drift_are_steady() {
        let (background, quiet) = baseline_with(|i| i as f64 * 1e-5);
        assert_eq!(disturbed(&background, &quiet, ROWS), None);
        assert_eq!(baseline(&background, &quiet, &rows()), Ok(()));
        assert_eq!(zero(&background, &quiet), Ok(()));
    }

    #[test]
    fn a_short_knock_is_left_out_and_a_step_is_refused() {
        let (background, quiet) = baseline_with(|i| if (700..720).contains(&i) { 0.03 } else { 0.0 });
        let out = disturbed(&background, &quiet, ROWS).expect("a knock");
        let (first, last) = (out.iter().position(|out| *out), out.iter().rposition(|out| *out));
        assert!(out[700..720].iter().all(|out| *out) && first > Some(600) && last < Some(820), "{first:?} {last:?}");
        let (background, quiet) = baseline_with(|i| if i >= 700 { 0.006 } else { 0.0 });
        assert_eq!(baseline(&background, &quiet, &rows()).expect_err("a step").code, "unsteady-baseline");
    }

    #[test]
    fn a_zero_that_moves_within_the_contact_is_refused() {
        let (background, quiet) = baseline_with(|i| if i >= 2000 { 0.02 } else { 0.0 });
        assert_eq!(baseline(&background, &quiet, &rows()), Ok(()));
        let refusal = zero(&background, &quiet).expect_err("a step");
        assert!(refusal.code == "zero-moved" && refusal.message.contains("`press`"), "{refusal:?}");
    }

    #[test]
    fn a_fall_to_nothing_is_no_puncture() {
        for (left, is_puncture) in [(0.0, false), (0.3, true)] {
            let falls = |i: usize| match i {
                1600..1700 => 0.1,
                1700..2300 => 0.1 * left,
                _ => 0.0,
            };
            let (background, _) = baseline_with(falls);
            assert_eq!(puncture(&background, 1700, &(0..2400), &rows()).is_ok(), is_puncture, "{left}");
        }
    }

    /// A force that relaxes by a tenth, with and without a step of five standard deviations in either direction.
    #[test]
    fn a_jump_in_the_hold_is_told_from_relaxation() {
        for (step_n, relaxes) in [(0.0, true), (0.005, false), (-0.005, false)] {
            let resting = |i: usize| match i {
                1600..2000 => {
                    0.5 - 0.05 * (1.0 - (-((i - 1600) as f64) / 300.0).exp()) + if i >= 1800 { step_n } else { 0.0 }
                }
                _ => 0.0,
            };
            let (background, _) = baseline_with(resting);
            assert_eq!(hold(&background, &(1600..2000), &rows()).is_ok(), relaxes, "{step_n}");
        }
    }

    /// A knock whose swing falls below zero, and a needle that enters and swings.
    #[test]
    fn a_fall_that_pulls_is_no_puncture() {
        for (swing_n, is_puncture) in [(0.06, false), (0.02, true)] {
            let swings = |i: usize| match i {
                1600..1700 => 0.1,
                1700..1720 => -swing_n,
                1720..2300 => 0.05,
                _ => 0.0,
            };
            let (background, _) = baseline_with(swings);
            assert_eq!(puncture(&background, 1700, &(0..2400), &rows()).is_ok(), is_puncture, "{swing_n}");
        }
    }

    /// Thirty needles that enter one after another leave as rough a force, but fall from a much larger one.
    #[test]
    fn a_fall_within_a_burst_is_no_puncture() {
        let mut stream = Stream::named(2, "burst");
        let noise: Vec<f64> = (0..ROWS).map(|_| stream.normal()).collect();
        for (before_n, is_puncture) in [(0.05, false), (1.0, true)] {
            let bursting = |i: usize| match i {
                1600..1700 => before_n,
                1700..1760 => 0.6 * before_n + 0.03 * noise[i],
                1760..2300 => 0.6 * before_n,
                _ => 0.0,
            };
            let (background, _) = baseline_with(bursting);
            assert_eq!(puncture(&background, 1700, &(0..2400), &rows()).is_ok(), is_puncture, "{before_n}");
        }
    }
}
