//! The force channel: polarity, unit, rail, stuck stretches, spikes.
//!
//! Deliberately absent: noise, hum and drift, which are estimated where contact is known.

use crate::{
    capture::{Header, Phase, memory::Recording},
    measure::{
        Anomaly, Refusal,
        screen::{Screened, anomaly, median, refusal},
    },
};

/// Most force that a press of a pen can show, N; beyond it the unit is not newton.
const FORCE_MAX_N: f64 = 20.0;
/// Largest share of rows that spikes may take.
const SPIKES_MAX: f64 = 0.02;
/// How often the search for spikes is repeated at most.
const SPIKE_PASSES: usize = 4;
/// Excursion that is a spike, in robust standard deviations.
const SPIKE_SCALES: f64 = 9.0;
/// Readings on each side with which a reading is compared; a spike may take less than half of them.
const SIDE: usize = 13;

/// Screens the force.
///
/// # Errors
///
/// [`Refusal`] where force cannot be what it is called.
pub fn screen(header: &Header, screened: &mut Screened, anomalies: &mut Vec<Anomaly>) -> Result<(), Refusal> {
    rail_and_stuck(header, screened, anomalies)?;
    spikes(screened, anomalies)?;
    sign_and_unit(header, screened)
}

/// Leaves out rows at a rail and rows of a stuck channel: runs of equal readings longer than noise allows.
fn rail_and_stuck(header: &Header, screened: &mut Screened, anomalies: &mut Vec<Anomaly>) -> Result<(), Refusal> {
    let force = &screened.recording.force_n;
    let total = force.len();
    let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
    for f in force {
        lowest = lowest.min(*f);
        highest = highest.max(*f);
    }
    let same = force.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let share = equal_share(force);
    let longest = run_by_chance(share, 1e-6 / total.max(1) as f64);
    // At the end of the range fewer say enough, but for a force that rests on the lowest of its coarse steps.
    let longest_at_end = longest.min(run_by_chance(share, 1e-4).max(8));
    let (mut out, mut rail, mut stuck) = (vec![false; total], 0_u64, 0_u64);
    let mut first_stuck = None;
    let mut start = 0;
    for i in 1..=total {
        if i < total && force[i] == force[start] {
            continue;
        }
        let run = i - start;
        let clipped = force[start] == highest || force[start] == lowest;
        if run > longest || (clipped && run > longest_at_end && highest > lowest) {
            out[start..i].fill(true);
            if clipped {
                rail += run as u64;
                screened.rail_n = Some(force[start]);
            } else {
                stuck += run as u64;
                first_stuck.get_or_insert(screened.rows[start]);
            }
        }
        start = i;
    }
    if same + 1 >= total || highest <= lowest {
        let message =
            format!("the force is {lowest} N in all {total} rows; check the cell, its cable and its amplifier");
        return Err(refusal("stuck-force", message));
    }
    let range = header.force.as_ref().and_then(|force| force.range_n);
    for i in 0..total {
        if range.is_some_and(|range| force[i].abs() >= range) && !out[i] {
            out[i] = true;
            rail += 1;
            screened.rail_n = range;
        }
    }
    if let Some(rail_n) = screened.rail_n {
        let message = format!("{rail} rows are clipped at {rail_n} N; they were left out");
        anomalies.push(anomaly("saturated", rail, message));
    }
    if let Some(row) = first_stuck {
        let message =
            format!("the force repeats one value in {stuck} rows, the first is row {row}; they were left out");
        anomalies.push(anomaly("stuck-force", stuck, message));
        if stuck as f64 > 0.3 * total as f64 {
            let share = 100.0 * stuck as f64 / total as f64;
            let message = format!("the force is stuck in {share:.0} % of the rows, the limit is 30 %; check the cell");
            return Err(refusal("stuck-force", message));
        }
    }
    screened.leave_out(&out);
    Ok(())
}

/// Run of equal readings that noise exceeds with this probability.
fn run_by_chance(equal_share: f64, probability: f64) -> usize {
    (probability.ln() / equal_share.ln()).ceil() as usize
}

/// Share of equal neighbours that noise produces: that of the quieter half.
fn equal_share(force: &[f64]) -> f64 {
    // Blocks of 32 readings, each judged alone, so that a stuck half does not make sticking seem normal.
    let mut shares: Vec<f64> = force
        .chunks_exact(32)
        .map(|block| block.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / 31.0)
        .filter(|share| *share < 1.0)
        .collect();
    let high = shares.len() * 3 / 4;
    let share = if shares.is_empty() { 0.0 } else { *shares.select_nth_unstable_by(high, f64::total_cmp).1 };
    (share + 0.05).clamp(0.15, 0.97)
}

/// Leaves out excursions of a few samples from which the force returns to where it was. Spikes close together hide
/// each other, so the search is repeated on the rows that are left.
fn spikes(screened: &mut Screened, anomalies: &mut Vec<Anomaly>) -> Result<(), Refusal> {
    let total = screened.recording.len();
    let limit = spike_limit(&screened.recording.force_n);
    let (mut count, mut worst, mut first) = (0_u64, 0.0_f64, usize::MAX);
    for _ in 0..SPIKE_PASSES {
        let (out, found, height) = find_spikes(&screened.recording.force_n, limit);
        let Some(row) = out.iter().position(|out| *out) else { break };
        count += found;
        worst = worst.max(height);
        first = first.min(screened.rows[row]);
        screened.leave_out(&out);
    }
    if count > 0 {
        let message =
            format!("{count} spikes of up to {worst:.3} N, the first at row {first}; their rows were left out");
        anomalies.push(anomaly("spike", count, message));
    }
    if count as f64 > SPIKES_MAX * total as f64 {
        let message = format!("{count} spikes in {total} rows, the limit is 2 %; check cable and shield of the cell");
        return Err(refusal("spikes", message));
    }
    Ok(())
}

/// Rows of spikes, how many spikes, and the highest, N.
fn find_spikes(force: &[f64], limit: f64) -> (Vec<bool>, u64, f64) {
    let mut out = vec![false; force.len()];
    let (mut count, mut worst) = (0_u64, 0.0_f64);
    let end = force.len().saturating_sub(SIDE);
    let mut i = SIDE;
    while i < end {
        let start = i;
        let mut height = f64::INFINITY;
        while let Some(found) = spike_height(force, i, limit).filter(|_| i < end) {
            height = height.min(found);
            i += 1;
        }
        // A spike begins and ends within a sample, unlike the top of a rise before a puncture, and ends where it began,
        // unlike the ringing of the cell after one.
        let sudden = |k: usize| (force[k] - force[k - 1]).abs() > 0.5 * height;
        if i > start && sudden(start) && sudden(i) && (force[start - 1] - force[i]).abs() < 0.5 * height {
            out[start..i].fill(true);
            count += 1;
            worst = worst.max(height);
        }
        i = i.max(start + 1);
    }
    (out, count, worst)
}

/// Height of a reading that stands off its neighbourhood by more than `limit`; `None` where it does not.
fn spike_height(force: &[f64], i: usize, limit: f64) -> Option<f64> {
    if i + SIDE >= force.len() {
        return None;
    }
    // Most readings are near others before or after: no spike. Two on each side, since one may be a spike itself.
    let away = |k: usize| (force[i] - force[k]).abs() > 0.5 * limit;
    if !((away(i - 5) || away(i - 7)) && (away(i + 5) || away(i + 7))) {
        return None;
    }
    // Medians of both sides bear six bad readings each. What the sides differ by, a step or a slope, is what an
    // excursion must exceed: a puncture falls and stays down.
    let (height, apart) = excursion(force, i);
    (height > limit && height > 2.0 * apart).then_some(height)
}

fn side_median(side: &[f64]) -> f64 {
    let mut sorted = [0.0; SIDE];
    sorted.copy_from_slice(side);
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[SIDE / 2]
}

/// Distance of a reading from the middle of both sides' medians, and how far these are apart, N.
fn excursion(force: &[f64], i: usize) -> (f64, f64) {
    let (before, after) = (side_median(&force[i - SIDE..i]), side_median(&force[i + 1..=i + SIDE]));
    ((force[i] - 0.5 * (before + after)).abs(), (before - after).abs())
}

/// Robust standard deviation of excursions by noise and hum, N: from every 37th reading.
fn excursion_scale(force: &[f64]) -> f64 {
    let sampled = (SIDE..force.len().saturating_sub(SIDE)).step_by(37);
    let mut heights: Vec<f64> = sampled.map(|i| excursion(force, i).0).collect();
    // 1.4826: median absolute deviation of a normal sample.
    1.4826 * median(&mut heights).unwrap_or(0.0).max(1e-6)
}

/// Excursion that is a spike, N. A force in coarse steps may rest on one of them most of the time, which makes its
/// scatter seem none at all: what rounding alone scatters (rectangular, GUM 4.3.7) is the least.
fn spike_limit(force: &[f64]) -> f64 {
    let rounding = smallest_step(force).unwrap_or(0.0) / 12.0_f64.sqrt();
    SPIKE_SCALES * excursion_scale(force).max(rounding)
}

/// Smallest step from one reading to the next, N; `None` where all are equal.
fn smallest_step(force: &[f64]) -> Option<f64> {
    let steps = force.windows(2).map(|pair| (pair[1] - pair[0]).abs()).filter(|step| *step > 1e-9);
    steps.reduce(f64::min)
}

/// Mean force over the last rows of a phase less that over its first.
fn rise(recording: &Recording, from: Phase, to: Phase) -> Option<f64> {
    let (first, last) = (recording.rows(from)?, recording.rows(to)?);
    let mean = |rows: &[f64]| rows.iter().sum::<f64>() / rows.len() as f64;
    let head = &recording.force_n[first.start..first.end.min(first.start + 100)];
    let tail = &recording.force_n[last.start.max(last.end.saturating_sub(30))..last.end];
    Some(mean(tail) - mean(head))
}

fn sign_and_unit(header: &Header, screened: &Screened) -> Result<(), Refusal> {
    let recording = &screened.recording;
    let least = (12.0 * excursion_scale(&recording.force_n)).max(0.02);
    let touch = rise(recording, Phase::Touch, Phase::Touch).unwrap_or(0.0);
    let hold = rise(recording, Phase::Press, Phase::Hold).unwrap_or(0.0);
    if touch < -least && hold < least || hold < -least && touch < least {
        let message = format!("force changes by {touch:.3} N in the touch and {hold:.3} N in the press");
        let remedy = "contact must be positive: check the polarity of the cell";
        return Err(refusal("inverted-polarity", format!("{message}; {remedy}")));
    }
    let highest = recording.force_n.iter().fold(0.0_f64, |m, f| m.max(f.abs()));
    if highest > FORCE_MAX_N {
        let message = format!("the force reaches {highest:.1} N, more than {FORCE_MAX_N} N; are the forces in newton?");
        return Err(refusal("implausible-force", message));
    }
    let resolution = header.force.as_ref().map_or(0.0, |force| force.resolution_n);
    if let Some(step) = smallest_step(&recording.force_n).filter(|step| resolution > 0.0 && *step > 30.0 * resolution) {
        let message = format!("the smallest step of the force is {step} N, declared {resolution} N");
        return Err(refusal("force-unit", format!("{message}; check the unit of the force column")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{find_spikes, spike_limit};
    use crate::prng::Stream;

    fn noisy(force_n: impl Fn(u32) -> f64) -> Vec<f64> {
        let mut stream = Stream::named(5, "screen");
        (0..2000).map(|i| force_n(i) + 0.001 * stream.normal()).collect()
    }

    fn spikes(force: &[f64]) -> u64 {
        find_spikes(force, spike_limit(force)).1
    }

    #[test]
    fn spikes_of_one_to_three_samples_are_found() {
        let mut force = noisy(|_| 0.1);
        force[300] += 1.0;
        force[700..703].iter_mut().for_each(|f| *f -= 0.5);
        assert_eq!(spikes(&force), 2);
    }

    #[test]
    fn a_force_that_rests_on_one_step_holds_no_spikes_but_real_ones() {
        const STEP_N: f64 = 0.002;
        // Noise of a quarter step about the middle of a step: nearly all readings are equal, and some flicker.
        let mut stream = Stream::named(5, "steps");
        let mut force: Vec<f64> =
            (0..2000).map(|_| (0.12 / STEP_N + 0.25 * stream.normal()).round() * STEP_N).collect();
        let flickers = force.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(flickers > 50, "{flickers}");
        assert_eq!(spikes(&force), 0);
        force[300] += 0.1;
        assert_eq!(spikes(&force), 1);
    }

    #[test]
    fn a_rise_with_a_puncture_holds_no_spike() {
        let force = noisy(|i| if (500..900).contains(&i) { f64::from(i - 500) * 2e-3 } else { 0.1 });
        assert_eq!(spikes(&force), 0);
        let hum = noisy(|i| 0.03 * (f64::from(i) * 0.314).sin());
        assert_eq!(spikes(&hum), 0);
    }
}
