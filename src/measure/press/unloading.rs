//! Hold and beginning of the withdrawal: the phantom springs back while the needles still stick.
//!
//! Between the hold and the first sliding the needles take the surface along, and the phantom passes through the state
//! in which nothing is dimpled. The surface position of that state less the position of the tip is the penetration.
//! Where tissue is elastic, it is where the force is zero, whatever the law: the dimple of Oliver and Pharr (1992,
//! equation 2, force over unloading stiffness, the whole recovery elastic), without a stiffness that must hold from the
//! hold's force down to none. Nor is the force at the hold needed, which may have been clipped.
//!
//! Tissue relaxes, though, and is then still dimpled at zero force. So the force over the surface position z is
//! `F = p(z) - sum r_i G_i(t)`, p a polynomial whose zero is wanted, G_i the force of the whole press through a
//! low-pass of retardation time l_i (linear viscoelasticity: `z = c + (F + sum r_i G_i) / k` for constant k; Ferry,
//! Viscoelastic Properties of Polymers, 3rd ed., 1.B and 3.B). In the hold z stands and the sum must too, which tells
//! slow relaxation; the bend of the unloading tells fast.
//!
//! Needles that have not entered push until they lift off, each by its share of the law of the rise, which is known.
//!
//! Which of these the data need, none of them says for sure. So models are averaged by their evidence (Hoeting et al.
//! 1999): orders one to three, no, one or two retardation times. Where bend and relaxation cannot be told apart, the
//! uncertainty says so; that a needle which is inside is held almost linearly is what the priors know, so an unloading
//! that bends by half of its slope passes for one that relaxes.
//!
//! Deliberately absent: relaxation slower or older than the press shows.

use crate::measure::press::{
    contact::Curve,
    fit,
    relaxation::{Memory, Retarded, TIMES},
};
use std::ops::Range;

/// Highest order of the polynomial.
const ORDER_MAX: usize = 3;
/// Terms after those of the polynomial: needles that have not entered, and each retardation time.
const OUTSIDE: usize = ORDER_MAX + 1;
const RETARDED: usize = OUTSIDE + 1;
const TERMS_MAX: usize = RETARDED + TIMES;
/// Shares of the way from the lowest force of the stretch to the highest at which it may end.
const UPPER_SHARES: [f64; 4] = [0.0, 0.25, 0.4, 0.55];
/// Variance left, in variances of the noise, up to which a stretch is smooth.
const SMOOTH_NOISE_VARIANCES: f64 = 10.0;
/// Fewest rows of the unloading with a hold before it, and without.
const ROWS_MIN: (usize, usize) = (3, 6);
/// Prior standard deviations: bend over the slope of the stretch, and retarded over instantaneous recovery (silicone
/// 0.04, soft tissue 1).
const BEND_SD: f64 = 0.3;
const RETARDED_SD: f64 = 0.4;
/// Share of what bend and relaxation move the zero by that a few terms in place of a spectrum may be off.
const SPECTRUM_SHARE: f64 = 0.08;
/// Most that is retarded, over the instantaneous recovery (soft tissue 1.3).
const RETARDED_MAX: f64 = 1.5;
/// Prior standard deviation of the share of needles that have not entered.
const OUTSIDE_SD: f64 = 0.3;
/// Prior probability of each order and of no relaxation; odds of needles that have not entered.
const ORDERS: [f64; ORDER_MAX] = [0.7, 0.15, 0.15];
const ELASTIC: f64 = 0.5;
const SOME_OUTSIDE: f64 = 0.25;

/// Elastic part of the withdrawal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unloading {
    /// Surface position at which nothing is dimpled, mm.
    pub zero_mm: f64,
    /// Stiffness there, N/mm.
    pub stiffness_n_per_mm: f64,
    /// Standard uncertainty of the zero by noise, bend and relaxation, mm.
    pub u_mm: f64,
    /// What is recovered late, of each retardation time, over what is recovered at once.
    pub retarded: Retarded,
}

/// Rows that are looked at, and what is known of them.
pub struct Stretch<'a> {
    /// Rows from the first contact of the press on, whose force the phantom remembers.
    pub loaded: Range<usize>,
    /// Rows of the hold.
    pub hold: Range<usize>,
    /// Rows of the withdrawal before sliding.
    pub unloading: Range<usize>,
    /// Force of all needles over surface position, N over mm, had none entered; `None` where that cannot be.
    pub outside: Option<&'a dyn Fn(f64) -> f64>,
}

/// From the rows of the hold, and those of the withdrawal whose force lies between `low_n` and `high_n`. `None` where
/// these are too few, or do not rise with position.
///
/// Where the stretch ends in a kink (some needles slide before others, or lift off), its upper part is taken.
pub fn measure(
    t_s: &[f64],
    curve: &Curve<'_>,
    stretch: &Stretch<'_>,
    (low_n, high_n): (f64, f64),
    noise_n: f64,
) -> Option<Unloading> {
    let mut last = None;
    for share in UPPER_SHARES {
        let low_n = low_n + share * (high_n - low_n);
        let Some((unloading, left)) = upper(t_s, curve, stretch, (low_n, high_n), noise_n) else { break };
        last = Some(unloading);
        if left < SMOOTH_NOISE_VARIANCES {
            break;
        }
    }
    last
}

/// The same from one stretch, with the variance that all terms together leave, in variances of the noise.
fn upper(
    t_s: &[f64],
    curve: &Curve<'_>,
    stretch: &Stretch<'_>,
    (low_n, high_n): (f64, f64),
    noise_n: f64,
) -> Option<(Unloading, f64)> {
    let force = curve.force_n;
    let first = stretch.unloading.clone().find(|i| force[*i] <= high_n)?;
    let end = (first..stretch.unloading.end).find(|i| force[*i] < low_n).unwrap_or(stretch.unloading.end);
    if end - first < if stretch.hold.is_empty() { ROWS_MIN.1 } else { ROWS_MIN.0 } {
        return None;
    }
    let frame = Frame {
        origin_mm: 0.5 * (curve.surface_mm[first] + curve.surface_mm[end - 1]),
        span_mm: curve.surface_mm[first] - curve.surface_mm[end - 1],
        scale_n: (force[first] - force[end - 1]).abs(),
    };
    if frame.span_mm <= 0.0 || frame.scale_n <= 4.0 * noise_n {
        return None;
    }
    let noise = noise_n / frame.scale_n;
    let moments = Moments::of(t_s, curve, stretch, first..end, &frame);
    let (mean, variance) = moments.averaged(noise, stretch.outside.is_some())?;
    let unloading = Unloading {
        zero_mm: frame.origin_mm + mean.zero * frame.span_mm,
        stiffness_n_per_mm: mean.slope * frame.scale_n / frame.span_mm,
        u_mm: mean.u * frame.span_mm,
        retarded: mean.retarded,
    };
    Some((unloading, variance / (noise * noise).max(1e-16)))
}

/// Units in which the stretch is of length and height one.
struct Frame {
    origin_mm: f64,
    span_mm: f64,
    scale_n: f64,
}

/// Sums of products of all terms and the force.
struct Moments {
    matrix: [[f64; TERMS_MAX]; TERMS_MAX],
    right: [f64; TERMS_MAX],
    squares: f64,
    rows: f64,
}

/// The zero by one model, or by all.
#[derive(Clone, Copy, Debug)]
struct Zero {
    zero: f64,
    slope: f64,
    u: f64,
    retarded: Retarded,
    /// Logarithm of the evidence.
    evidence: f64,
}

impl Moments {
    fn of(t_s: &[f64], curve: &Curve<'_>, stretch: &Stretch<'_>, rows: Range<usize>, frame: &Frame) -> Self {
        let mut sums = Self { matrix: [[0.0; TERMS_MAX]; TERMS_MAX], right: [0.0; TERMS_MAX], squares: 0.0, rows: 0.0 };
        let mut memory = Memory::default();
        for i in stretch.loaded.start + 1..rows.end {
            let force = curve.force_n[i] / frame.scale_n;
            let mean = 0.5 * (force + curve.force_n[i - 1] / frame.scale_n);
            let slow = memory.step(t_s[i] - t_s[i - 1], mean);
            if !stretch.hold.contains(&i) && !rows.contains(&i) {
                continue;
            }
            let x = (curve.surface_mm[i] - frame.origin_mm) / frame.span_mm;
            let outside = stretch.outside.map_or(0.0, |force_n| force_n(curve.surface_mm[i]) / frame.scale_n);
            let mut row = [0.0; TERMS_MAX];
            row[..RETARDED].copy_from_slice(&[1.0, x, x * x, x * x * x, outside]);
            row[RETARDED..].iter_mut().zip(slow).for_each(|(term, slow)| *term = -slow);
            for a in 0..TERMS_MAX {
                sums.right[a] += row[a] * force;
                for b in 0..=a {
                    sums.matrix[a][b] += row[a] * row[b];
                }
            }
            sums.squares += force * force;
            sums.rows += 1.0;
        }
        sums
    }

    /// The mean over all models by their evidence, and the variance that all terms together leave.
    fn averaged(&self, noise: f64, outside: bool) -> Option<(Zero, f64)> {
        let richest: Vec<usize> = (0..TERMS_MAX).filter(|term| outside || *term != OUTSIDE).collect();
        // Where even all terms leave more than noise, what they leave is the noise to judge by.
        let left = self
            .solved(&richest, (noise * noise).max(1e-16))
            .map_or(0.0, |(solution, _, _)| self.left(&richest, &solution));
        let variance = (left / (self.rows - TERMS_MAX as f64).max(1.0)).max(noise * noise).max(1e-16);
        let mut zeros = Vec::new();
        for Candidate { terms, order, prior } in candidates(outside) {
            let zero = self.zero(&terms, order, variance);
            zeros.extend(zero.map(|zero| Zero { evidence: zero.evidence + prior.ln(), ..zero }));
        }
        let most = zeros.iter().map(|zero| zero.evidence).fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = zeros.iter().map(|zero| (zero.evidence - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let mean =
            |value: &dyn Fn(&Zero) -> f64| zeros.iter().zip(&weights).map(|(z, w)| w * value(z)).sum::<f64>() / sum;
        let zero = mean(&|z| z.zero);
        let elastic = zeros.first().map_or(0.0, |elastic| elastic.zero);
        let spread = mean(&|z| z.u * z.u + (z.zero - zero).powi(2)) + (SPECTRUM_SHARE * (zero - elastic)).powi(2);
        let slope = mean(&|z| z.slope);
        let shares = std::array::from_fn(|k| mean(&|z| z.retarded.shares[k]));
        let away = |z: &Zero, k: usize| z.retarded.shares[k] - shares[k];
        let covariance = std::array::from_fn(|a| {
            std::array::from_fn(|b| mean(&|z| z.retarded.covariance[a][b] + away(z, a) * away(z, b)))
        });
        let retarded = Retarded { shares, covariance };
        (sum > 0.0).then(|| (Zero { zero, slope, u: spread.sqrt(), retarded, evidence: most }, variance))
    }

    /// Solution, Cholesky factor of the posterior's precision, and logarithm of the evidence but for constants.
    fn solved(&self, terms: &[usize], variance: f64) -> Option<(Vec<f64>, Vec<f64>, f64)> {
        let n = terms.len();
        let mut factor = vec![0.0; n * n];
        let mut evidence = 0.0;
        for (a, &of) in terms.iter().enumerate() {
            for (b, &with) in terms.iter().enumerate().take(a + 1) {
                factor[a * n + b] = self.matrix[of.max(with)][of.min(with)] / variance;
                factor[b * n + a] = factor[a * n + b];
            }
            if let Some(sd) = prior_sd(of) {
                factor[a * n + a] += 1.0 / (sd * sd);
                evidence -= sd.ln();
            }
        }
        if !fit::cholesky(&mut factor, n) {
            return None;
        }
        let mut solution: Vec<f64> = terms.iter().map(|term| self.right[*term] / variance).collect();
        let right = solution.clone();
        fit::solve(&factor, n, &mut solution);
        evidence -= (0..n).map(|a| factor[a * n + a].ln()).sum::<f64>();
        evidence += 0.5 * right.iter().zip(&solution).map(|(b, x)| b * x).sum::<f64>();
        Some((solution, factor, evidence))
    }

    /// Squares that a solution leaves.
    fn left(&self, terms: &[usize], solution: &[f64]) -> f64 {
        let mut squares = self.squares;
        for (a, &of) in terms.iter().enumerate() {
            squares -= 2.0 * solution[a] * self.right[of];
            for (b, &with) in terms.iter().enumerate() {
                squares += solution[a] * solution[b] * self.matrix[of.max(with)][of.min(with)];
            }
        }
        squares.max(0.0)
    }

    /// The zero by the model with these terms; `None` where it has none, or retardation runs backwards.
    fn zero(&self, terms: &[usize], order: usize, variance: f64) -> Option<Zero> {
        let (solution, factor, evidence) = self.solved(terms, variance)?;
        let shares = || terms.iter().zip(&solution).skip(order + 1);
        let retarded: f64 = shares().filter(|(term, _)| **term >= RETARDED).map(|(_, share)| share).sum();
        let outside: f64 = shares().filter(|(term, _)| **term == OUTSIDE).map(|(_, share)| share).sum();
        let possible = shares().all(|(_, share)| *share >= 0.0) && retarded <= RETARDED_MAX && outside <= 1.0;
        let at = |x: f64| solution[..=order].iter().rev().fold(0.0, |sum, term| sum * x + term);
        let slope = |x: f64| {
            solution[..=order].iter().enumerate().skip(1).rev().fold(0.0, |sum, (k, term)| sum * x + k as f64 * term)
        };
        let mut zero = -solution[0] / solution[1];
        for _ in 0..30 {
            zero -= (at(zero) / slope(zero)).clamp(-0.3, 0.3);
        }
        let slope = slope(zero);
        // The zero must lie in the stretch or near it, on a branch that rises.
        if !possible || at(zero).abs() > 1e-6 || slope <= 0.0 || zero.abs() > 1.2 {
            return None;
        }
        let mut row: Vec<f64> = (0..terms.len()).map(|k| if k <= order { zero.powi(k as i32) } else { 0.0 }).collect();
        let by = row.clone();
        fit::solve(&factor, terms.len(), &mut row);
        let u = by.iter().zip(&row).map(|(a, b)| a * b).sum::<f64>().max(0.0).sqrt() / slope;
        let mut late = Retarded::default();
        for (at, &term) in terms.iter().enumerate().filter(|(_, term)| **term >= RETARDED) {
            late.shares[term - RETARDED] = solution[at];
            let mut column = vec![0.0; terms.len()];
            column[at] = 1.0;
            fit::solve(&factor, terms.len(), &mut column);
            for (&other, covariance) in terms.iter().zip(column).filter(|(other, _)| **other >= RETARDED) {
                late.covariance[term - RETARDED][other - RETARDED] = covariance;
            }
        }
        Some(Zero { zero, slope, u, retarded: late, evidence })
    }
}

/// A model: its terms, the order of its polynomial, its prior probability.
struct Candidate {
    terms: Vec<usize>,
    order: usize,
    prior: f64,
}

/// All models. Bend, relaxation and needles outside each bend the curve; more than two of them no stretch tells apart,
/// so the higher orders have one retardation time at most and no needles outside.
fn candidates(outside: bool) -> Vec<Candidate> {
    let times = RETARDED..TERMS_MAX;
    let pairs = times.clone().flat_map(|a| (a + 1..TERMS_MAX).map(move |b| vec![a, b]));
    let relaxations: Vec<Vec<usize>> =
        std::iter::once(Vec::new()).chain(times.map(|time| vec![time])).chain(pairs).collect();
    let relaxing = (1.0 - ELASTIC) / (relaxations.len() - 1) as f64;
    let mut all = Vec::new();
    for order in 1..=ORDER_MAX {
        for late in relaxations.iter().filter(|late| order == 1 || late.len() < 2) {
            let prior = ORDERS[order - 1] * if late.is_empty() { ELASTIC } else { relaxing };
            let terms = |some: Option<usize>| (0..=order).chain(some).chain(late.iter().copied()).collect();
            all.push(Candidate { terms: terms(None), order, prior });
            if outside && order == 1 {
                all.push(Candidate { terms: terms(Some(OUTSIDE)), order, prior: prior * SOME_OUTSIDE });
            }
        }
    }
    all
}

/// Prior standard deviation of a term; `None` where nothing is known.
fn prior_sd(term: usize) -> Option<f64> {
    match term {
        0 | 1 => None,
        2..=ORDER_MAX => Some(BEND_SD),
        OUTSIDE => Some(OUTSIDE_SD),
        _ => Some(RETARDED_SD),
    }
}

#[cfg(test)]
mod tests {
    use super::{Stretch, Unloading, measure};
    use crate::{measure::press::contact::Curve, prng::Stream};

    const DT_S: f64 = 1e-3;

    /// A second at constant force at 10 mm, a hold, and 1 um a row down through zero at 9.9 mm.
    fn unloaded(force: impl Fn(f64, f64) -> f64, noise_n: f64) -> Unloading {
        let mut stream = Stream::named(1, "unloading");
        let t_s: Vec<f64> = (0..1450).map(|i| f64::from(i) * DT_S).collect();
        let surface_mm: Vec<f64> = (0..1450).map(|i| 10.0 - f64::from((i - 1300).max(0)) * 1e-3).collect();
        let force_n: Vec<f64> =
            t_s.iter().zip(&surface_mm).map(|(t, z)| force(*t, z - 9.9) + noise_n * stream.normal()).collect();
        let curve = Curve { force_n: &force_n, surface_mm: &surface_mm };
        let stretch = Stretch { loaded: 0..1450, hold: 1000..1300, unloading: 1300..1450, outside: None };
        measure(&t_s, &curve, &stretch, (-0.2, 0.48), noise_n.max(1e-6)).expect("rows enough")
    }

    #[test]
    fn a_line_gives_its_zero_and_stiffness() {
        let line = unloaded(|_, z| 5.0 * z, 0.0);
        assert!((line.stiffness_n_per_mm - 5.0).abs() < 1e-3 && (line.zero_mm - 9.9).abs() < 1e-5, "{line:?}");
        let noisy = unloaded(|_, z| 5.0 * z, 0.002);
        assert!((noisy.zero_mm - 9.9).abs() < 2.5 * noisy.u_mm && noisy.u_mm < 1e-3, "{noisy:?}");
    }

    /// A power law, odd about zero, and one that stiffens: the tangent at the hold's force would be off by 30 and 10 um.
    #[test]
    fn the_zero_of_a_bent_unloading_is_found() {
        for law in [|z: f64| 15.8 * z * z.abs().sqrt(), |z: f64| 5.0 * z * (1.0 + z)] {
            let bent = unloaded(|_, z| law(z), 0.001);
            assert!((bent.zero_mm - 9.9).abs() < (2.5 * bent.u_mm).clamp(0.0015, 0.004), "{bent:?}");
        }
    }

    /// Tissue that gives by half as much again with 0.5 s: after the second at 0.5 N, 0.1 mm are the dimple of 0.716 N
    /// at once, and at zero force 26 um of it are left.
    #[test]
    fn a_dimple_that_outlasts_the_force_is_taken_out() {
        let stiffness = (0.5 + 0.25 * (1.0 - (-2.0_f64).exp())) / 0.1;
        let force = |t: f64, _: f64| {
            let (mut late, mut force) = (0.0, 0.5);
            for row in 1..=(t / DT_S).round() as usize {
                let dimple_mm = 0.1 - 1e-3 * row.saturating_sub(1300) as f64;
                let next = if row <= 1000 { 0.5 } else { stiffness * dimple_mm - 0.5 * late };
                late += (0.5 * (force + next) - late) * -(-DT_S / 0.5_f64).exp_m1();
                force = next;
            }
            force
        };
        let crept = unloaded(force, 0.001);
        assert!((crept.zero_mm - 9.9).abs() < (2.5 * crept.u_mm).min(0.006), "{crept:?}");
    }

    #[test]
    fn rows_without_a_rise_give_nothing() {
        let surface_mm: Vec<f64> = (0..50).map(|i| 10.0 - f64::from(i) * 1e-3).collect();
        let (force_n, t_s) = (vec![0.1; 50], (0..50).map(|i| f64::from(i) * DT_S).collect::<Vec<f64>>());
        let curve = Curve { force_n: &force_n, surface_mm: &surface_mm };
        for end in [50, 5] {
            let stretch = Stretch { loaded: 0..end, hold: 0..2, unloading: 2..end, outside: None };
            assert_eq!(measure(&t_s, &curve, &stretch, (-0.1, 0.2), 1e-3), None);
        }
    }
}
