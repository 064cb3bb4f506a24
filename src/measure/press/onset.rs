//! Where contact begins: the foremost of several needles, in a curve whose law is not known.
//!
//! Near the onset no law tells itself apart from another: a power 2 that starts early looks like a power 1.2 that
//! starts late, and needles of unequal height round every law. So these things are fitted as one:
//!
//! - the rise, as the sum over needles of `A x^n exp(b x + c x^2)`, x the indentation over the length that is fitted.
//!   This holds power laws (b = c = 0), linear plus quadratic (n = 1, small b), the exponential (n = 1, b = x/2, c =
//!   x^2/24) and Ogden-like stiffening to within a few tenths of a per cent, and claims none of them;
//! - the heights of the needles, as order statistics of a normal sample (see `heights`);
//! - where friction ends on withdrawal. Sliding friction grows with the length inside, so its sum over needles falls
//!   to zero in straight pieces, and the last one leaves the phantom at its tip, undimpled since no force is left.
//!   That line shows the mean tip without any law of elasticity; the rise then has to tell only the lead of the
//!   foremost;
//! - relaxation, where the withdrawal shows any: what it takes from the force of the rise and adds to the dimple of the
//!   slide are known curves (see `relaxation`), and the unloading is the prior of their shares.
//!
//! What the data leave open the covariance of the posterior holds, so the uncertainty is large where the curve is
//! soft and small where it is stiff. A face is the case of one needle that enters nothing.
//!
//! Deliberately absent: finding the rows (see `contact`), and budgets.

use crate::measure::press::{
    contact::Bins,
    fit::{Fitted, Model, Prior, fit},
    heights::{Heights, Singles},
    relaxation::{Late, TIMES},
    steady,
};

/// Share of the force by which friction may be not proportional to length.
const FRICTION_SHARE: f64 = 0.004;
/// Standard deviation of what may lie between the mean tip seen by the rise and by friction, mm: needles differ in
/// friction and stiffness.
const MEETING_MM: f64 = 0.0015;
/// Numbers of neighbouring data over which residuals are summed in search of an excursion.
const EXCURSION_DATA: [usize; 5] = [1, 2, 4, 8, 16];
/// Spread of heights: median and factor of one standard deviation (cartridges differ tenfold).
const SPREAD_MM: f64 = 0.0065;
const SPREAD_LN_SD: f64 = 0.75;

/// The standard normal prior of the foremost needle's deviate as three narrower ones: their means and standard deviation.
const LEADS: [f64; 3] = [0.0, -1.3, 1.3];
const LEAD_SD: f64 = 0.75;

/// What the exponent of the law is taken for before the data speak: mean and standard deviation.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Exponent at the onset.
    pub exponent: (f64, f64),
    /// Standard deviation of the first and second coefficient of stiffening about `stiffening`.
    pub stiffening: (f64, f64),
    /// Share of the force by which the family of laws may be off.
    pub law_share: f64,
}

/// A needle in a phantom: between a flat tip (1) and a cone (2), most often stiffening.
const ANY_LAW: Shape = Shape { exponent: (1.5, 0.35), stiffening: (0.3, 0.6), law_share: 0.01 };
/// The same where the phantom does not stiffen: any power.
const POWER: Shape = Shape { stiffening: (0.0, 0.03), ..ANY_LAW };
/// The same where the tip is flat or the phantom soft tissue (Fung), so that the rise begins in a straight line.
const LINE: Shape = Shape { exponent: (1.0, 0.02), stiffening: (0.5, 0.7), ..ANY_LAW };
/// Several needles whose slide is seen: any law.
pub const NEEDLES: [Shape; 1] = [ANY_LAW];
/// One needle: what any law may be, and the two kinds that say more where the data allow them. Averaged by evidence.
pub const NEEDLE: [Shape; 3] = [ANY_LAW, POWER, LINE];
/// Several where no slide shows the mean tip, so that heights and law are told by the rise alone.
pub const NEEDLES_UNSEEN: [Shape; 3] =
    [Shape { law_share: 0.018, ..ANY_LAW }, Shape { law_share: 0.018, ..POWER }, Shape { law_share: 0.018, ..LINE }];
/// The face of a cartridge, a plate with rounded edges: between a flat punch (1) and a ball (1.5).
pub const FACE: Shape = Shape { exponent: (1.3, 0.12), stiffening: (0.0, 0.1), law_share: 0.003 };

/// The curves and what is known of them.
#[derive(Clone, Debug)]
pub struct Curves<'a> {
    /// Rise of the press (or touch), from well before the onset to the first puncture.
    pub rise: &'a Bins,
    /// End of the withdrawal, where needles slid.
    pub slide: Option<&'a Bins>,
    /// Relaxation, where the phantom relaxes.
    pub late: Option<&'a Late>,
    /// The cartridge.
    pub heights: &'a Heights,
    /// Noise of one reading, N.
    pub noise_n: f64,
    /// Standard uncertainty of the zero of the force, N.
    pub zero_u_n: f64,
    /// Indentation that is fitted, mm, from the rough onset to the end of the rise.
    pub length_mm: f64,
    /// Force at that end, N.
    pub force_n: f64,
    /// Force at the rough onset over that at the end.
    pub rough_share: f64,
    /// What is known of the law.
    pub shape: Shape,
}

/// The onset and what belongs to it.
#[derive(Clone, Debug)]
pub struct Onset {
    /// Surface position at which the foremost tip touches, mm.
    pub tip_mm: f64,
    /// Its standard uncertainty by noise and the unknown law, mm.
    pub u_mm: f64,
    /// Surface position of the mean tip, mm.
    pub mean_mm: f64,
    /// Friction of all needles over the length inside, N/mm; zero without a slide.
    pub friction_n_per_mm: f64,
    /// Indentation that was fitted, mm.
    pub length_mm: f64,
    /// The law: logarithm of the force of all needles, N, at that indentation without stiffening; exponent; stiffening.
    pub law: [f64; 4],
    /// Share of the force by which the law was allowed to be off.
    pub law_share: f64,
    /// Weighted squares of the residuals a datum; about one where the model holds.
    pub misfit: f64,
    /// Largest sum of neighbouring residuals of the rise, over the standard deviation that is expected of such a sum.
    pub excursion: f64,
    /// Root mean square of the residuals of the rise over the force at its end.
    pub residual_share: f64,
    /// Logarithm of the evidence of the model, but for a constant of the data.
    pub evidence: f64,
    /// Data less parameters.
    pub dof: f64,
}

impl Onset {
    /// Force of all needles, N, at a surface position, mm, had none entered: by the law, from the mean tip.
    pub fn force_n(&self, surface_mm: f64) -> f64 {
        let x = (surface_mm - self.mean_mm) / self.length_mm;
        let [ln_force, n, b, c] = self.law;
        if x > 0.0 { (ln_force + n * x.ln() + b * x + c * x * x).min(50.0).exp() } else { 0.0 }
    }
}

/// The mean of several onsets by the likelihood of their models, with what they differ by in its uncertainty; the rest
/// is that of the likeliest. `None` without any.
pub fn averaged(onsets: &[Onset]) -> Option<Onset> {
    let best = onsets.iter().max_by(|a, b| a.evidence.total_cmp(&b.evidence))?;
    let weights: Vec<f64> = onsets.iter().map(|onset| (onset.evidence - best.evidence).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mean =
        |value: &dyn Fn(&Onset) -> f64| onsets.iter().zip(&weights).map(|(o, w)| w * value(o)).sum::<f64>() / sum;
    let tip_mm = mean(&|onset| onset.tip_mm);
    let variance = mean(&|onset| onset.u_mm.powi(2) + (onset.tip_mm - tip_mm).powi(2));
    Some(Onset { tip_mm, u_mm: variance.sqrt(), mean_mm: mean(&|onset| onset.mean_mm), ..best.clone() })
}

/// Fits the onset; starts at `rough_mm`. `None` where the curves determine nothing.
///
/// How far the foremost needle leads is told on one side only: a little force where the others press on, none where
/// they do not. So its prior is taken apart into narrower ones, each is fitted, and the fits are averaged.
pub fn locate(curves: &Curves<'_>, rough_mm: f64) -> Option<Onset> {
    let layout = Layout::of(curves);
    let leads = if layout.singles > 0 { &LEADS[..] } else { &[0.0] };
    // What one fit found is where the next begins.
    let mut from: Option<Vec<f64>> = None;
    let mut onsets = Vec::new();
    for &lead in leads {
        let Some(found) = likeliest(curves, layout, rough_mm, lead, from.as_deref()) else { continue };
        let onset = layout.onset(curves, &found);
        // How much of the whole prior is there.
        let share = -0.5 * lead * lead / (1.0 - LEAD_SD * LEAD_SD);
        onsets.push(Onset { evidence: onset.evidence + share, ..onset });
        from = Some(found.theta);
    }
    averaged(&onsets)
}

/// The likeliest fit where the deviate of the foremost needle is near `lead`, begun `from` there or anew.
fn likeliest(curves: &Curves<'_>, layout: Layout, rough_mm: f64, lead: f64, from: Option<&[f64]>) -> Option<Fitted> {
    // Without friction a late onset with few and unequal needles can pass for an early one of a high power: two starts.
    let exponents: &[f64] = if curves.slide.is_some() || from.is_some() { &[1.4] } else { &[1.15, 1.9] };
    let fits = exponents.iter().filter_map(|&exponent| {
        let (mut priors, mut start) = layout.priors(curves, rough_mm, exponent);
        start = from.map_or(start, <[f64]>::to_vec);
        if layout.singles > 0 {
            priors[Layout::FIRST] = Prior { mean: lead, sd: LEAD_SD, step_max: 1.0 };
        }
        fit(curves, &priors, &start)
    });
    fits.min_by(|a, b| a.cost.total_cmp(&b.cost))
}

/// Logarithm of the force that a power law loses when it begins earlier and still ends at the same force.
fn n_ln_stretch(ratio: f64, exponent: f64) -> f64 {
    exponent * (1.0 - ratio).ln()
}

/// Where each parameter stands.
#[derive(Clone, Copy, Debug)]
struct Layout {
    singles: usize,
    slide: bool,
}

impl Layout {
    const MEAN: usize = 0;
    const LN_SPREAD: usize = 1;
    const FIRST: usize = 2;

    fn of(curves: &Curves<'_>) -> Self {
        Self { singles: curves.heights.single.len(), slide: curves.slide.is_some() }
    }

    fn law(self) -> usize {
        Self::FIRST + self.singles
    }

    /// Offset of the slide; its line's slope and the meeting follow.
    fn slide(self) -> usize {
        self.law() + 5
    }

    /// Deviates of the shares that relax.
    fn late(self) -> usize {
        self.slide() + if self.slide { 3 } else { 0 }
    }

    fn priors(self, curves: &Curves<'_>, rough_mm: f64, exponent: f64) -> (Vec<Prior>, Vec<f64>) {
        let mut priors = vec![
            Prior { mean: rough_mm, sd: 10.0, step_max: 0.02 },
            Prior { mean: SPREAD_MM.ln(), sd: SPREAD_LN_SD, step_max: 0.7 },
        ];
        priors.extend((0..self.singles).map(|_| Prior { mean: 0.0, sd: 1.0, step_max: 1.0 }));
        let (n, n_sd) = curves.shape.exponent;
        let (b, b_sd) = curves.shape.stiffening;
        priors.extend([
            Prior { mean: curves.force_n.ln(), sd: 10.0, step_max: 0.7 },
            Prior { mean: n, sd: n_sd, step_max: 0.3 },
            Prior { mean: b, sd: b_sd, step_max: 0.7 },
            Prior { mean: 0.0, sd: 0.5 * b_sd, step_max: 0.5 },
            Prior { mean: 0.0, sd: curves.zero_u_n, step_max: f64::INFINITY },
        ]);
        let mut start: Vec<f64> = priors.iter().map(|prior| prior.mean).collect();
        start[self.law() + 1] = exponent;
        if let Some(slide) = curves.slide {
            let (slope, mean_mm) = slide.line_to_zero();
            priors.extend([
                Prior { mean: 0.0, sd: curves.zero_u_n, step_max: f64::INFINITY },
                Prior { mean: slope.abs().max(1e-6).ln(), sd: 10.0, step_max: 0.7 },
                Prior { mean: 0.0, sd: MEETING_MM, step_max: f64::INFINITY },
            ]);
            start.extend([0.0, slope.abs().max(1e-6).ln(), 0.0]);
            start[Self::MEAN] = mean_mm;
        }
        // A slide that noise hides may point anywhere.
        if curves.slide.is_none() || (start[Self::MEAN] - rough_mm).abs() > curves.length_mm {
            start[Self::MEAN] = rough_mm;
            // Where a power law that is at the threshold at the rough onset begins.
            let ratio = curves.rough_share.clamp(1e-4, 0.5).powf(1.0 / exponent);
            start[Self::MEAN] -= ratio / (1.0 - ratio) * curves.length_mm;
            start[self.law()] += n_ln_stretch(ratio, exponent);
        }
        if curves.late.is_some() {
            priors.extend([Prior { mean: 0.0, sd: 1.0, step_max: 1.0 }; TIMES]);
            start.extend([0.0; TIMES]);
        }
        (priors, start)
    }

    fn onset(self, curves: &Curves<'_>, found: &Fitted) -> Onset {
        let theta = &found.theta;
        let spread = theta[Self::LN_SPREAD].exp();
        let mut gradient = vec![0.0; theta.len()];
        gradient[Self::MEAN] = 1.0;
        let mut tip_mm = theta[Self::MEAN];
        let singles = curves.heights.singles(&theta[Self::FIRST..self.law()]);
        if let Some(height) = singles.heights.first() {
            tip_mm -= spread * height;
            gradient[Self::LN_SPREAD] = -spread * height;
            gradient[Self::FIRST] = -spread * singles.derivative(0, 0);
        }
        let n = theta.len();
        let variance: f64 =
            (0..n).map(|i| (0..n).map(|j| gradient[i] * gradient[j] * found.covariance[i * n + j]).sum::<f64>()).sum();
        let dof = (found.chi2.1 as f64 - n as f64).max(1.0);
        Onset {
            tip_mm,
            u_mm: variance.max(0.0).sqrt(),
            mean_mm: theta[Self::MEAN],
            friction_n_per_mm: curves.slide.map_or(0.0, |_| theta[self.slide() + 1].exp()),
            length_mm: curves.length_mm,
            law: std::array::from_fn(|k| theta[self.law() + k]),
            law_share: curves.shape.law_share,
            misfit: found.chi2.0 / found.chi2.1.max(1) as f64,
            excursion: curves.excursion(theta),
            residual_share: curves.residual_share(theta),
            evidence: found.evidence,
            dof,
        }
    }
}

impl Model for Curves<'_> {
    fn rows(&self, theta: &[f64], row: &mut dyn FnMut(f64, &[f64])) {
        let layout = Layout::of(self);
        let needles = Needles::at(self.heights, layout, theta);
        let mut gradient = vec![0.0; theta.len()];
        self.rise_rows(&needles, layout, theta, &mut gradient, row);
        if let Some(slide) = self.slide {
            self.slide_rows(slide, &needles, layout, theta, &mut gradient, row);
        }
    }
}

/// Every needle or group: its position, its share, and which of the singles it is.
struct Needles {
    singles: Singles,
    spread: f64,
    at: Vec<(f64, f64, Option<usize>)>,
}

impl Needles {
    fn at(heights: &Heights, layout: Layout, theta: &[f64]) -> Self {
        let (mean, spread) = (theta[Layout::MEAN], theta[Layout::LN_SPREAD].exp());
        let singles = heights.singles(&theta[Layout::FIRST..layout.law()]);
        let single =
            singles.heights.iter().enumerate().map(|(i, height)| (mean - spread * height, heights.share, Some(i)));
        let groups = heights.groups.iter().map(|(height, share)| (mean - spread * height, *share, None));
        let at = single.chain(groups).collect();
        Self { singles, spread, at }
    }

    /// Adds the derivative of a force to the places of a needle, from its derivative by the needle's position.
    fn chain(&self, gradient: &mut [f64], mean_mm: f64, needle: &(f64, f64, Option<usize>), by_position: f64) {
        gradient[Layout::MEAN] += by_position;
        gradient[Layout::LN_SPREAD] += by_position * (needle.0 - mean_mm);
        if let Some(i) = needle.2 {
            for k in 0..=i {
                gradient[Layout::FIRST + k] -= by_position * self.spread * self.singles.derivative(i, k);
            }
        }
    }
}

impl Curves<'_> {
    /// Standard deviation that is expected of a datum of the rise: noise, and a share of the force.
    fn expected_n(&self, force_n: f64, rows: f64) -> f64 {
        (self.noise_n / rows.sqrt()).hypot(self.shape.law_share * force_n.max(0.0))
    }

    /// Largest sum of neighbouring residuals of the rise over the root of their number, which is its standard deviation
    /// where a datum's is one. Residuals whose mean force is no more than a zero wanders by do not count.
    fn excursion(&self, theta: &[f64]) -> f64 {
        let mut sums = vec![(0.0, 0.0)];
        self.rows(theta, &mut |residual, _| {
            let at = sums.len() - 1;
            if let (Some(force_n), Some(rows)) = (self.rise.force_n.get(at), self.rise.rows.get(at)) {
                let (sum, sum_n) = sums[at];
                sums.push((sum + residual, sum_n + residual * self.expected_n(*force_n, *rows)));
            }
        });
        let windows = EXCURSION_DATA.iter().flat_map(|&width| {
            sums.iter().zip(sums.iter().skip(width)).map(move |(from, to)| {
                let n = width as f64;
                ((to.0 - from.0).abs() / n.sqrt(), (to.1 - from.1).abs() / n)
            })
        });
        let beyond = windows.filter(|(_, mean_n)| *mean_n > steady::WANDER_SHARE * self.force_n);
        beyond.map(|(sds, _)| sds).fold(0.0, f64::max)
    }

    /// Root mean square of the residuals of the rise over the force at its end.
    fn residual_share(&self, theta: &[f64]) -> f64 {
        let (mut squares, mut at) = (0.0, 0);
        self.rows(theta, &mut |residual, _| {
            if let (Some(force_n), Some(rows)) = (self.rise.force_n.get(at), self.rise.rows.get(at)) {
                squares += (residual * self.expected_n(*force_n, *rows)).powi(2);
            }
            at += 1;
        });
        (squares / self.rise.rows.len().max(1) as f64).sqrt() / self.force_n
    }

    fn rise_rows(
        &self,
        needles: &Needles,
        layout: Layout,
        theta: &[f64],
        gradient: &mut [f64],
        row: &mut dyn FnMut(f64, &[f64]),
    ) {
        let law = layout.law();
        let (ln_force, n, b, c, offset) = (theta[law], theta[law + 1], theta[law + 2], theta[law + 3], theta[law + 4]);
        let shares = self.late.map(|late| late.shares_at(&theta[layout.late()..]));
        for (bin, ((&z, &y), &count)) in
            self.rise.surface_mm.iter().zip(&self.rise.force_n).zip(&self.rise.rows).enumerate()
        {
            let weight = 1.0 / self.expected_n(y, count);
            gradient.fill(0.0);
            let mut force = offset;
            if let (Some(late), Some(shares)) = (self.late, &shares) {
                let relaxed = &late.rise_n[bin];
                force -= shares.iter().zip(relaxed).map(|(share, relaxed)| share * relaxed).sum::<f64>();
                let by = late.by_deviates(relaxed);
                gradient[layout.late()..].iter_mut().zip(by).for_each(|(to, by)| *to = -weight * by);
            }
            for needle in &needles.at {
                let x = (z - needle.0) / self.length_mm;
                if x <= 1e-9 {
                    continue;
                }
                let ln_x = x.ln();
                let f = weight * needle.1 * (ln_force + n * ln_x + b * x + c * x * x).min(50.0).exp();
                force += f / weight;
                gradient[law] += f;
                gradient[law + 1] += f * ln_x;
                gradient[law + 2] += f * x;
                gradient[law + 3] += f * x * x;
                let slope = f * (n / x + b + 2.0 * c * x) / self.length_mm;
                needles.chain(gradient, theta[Layout::MEAN], needle, -slope);
            }
            gradient[law + 4] = weight;
            row((force - y) * weight, gradient);
        }
    }

    fn slide_rows(
        &self,
        slide: &Bins,
        needles: &Needles,
        layout: Layout,
        theta: &[f64],
        gradient: &mut [f64],
        row: &mut dyn FnMut(f64, &[f64]),
    ) {
        let at = layout.slide();
        let (offset, slope, meeting) = (theta[at], theta[at + 1].exp(), theta[at + 2]);
        let shares = self.late.map(|late| late.shares_at(&theta[layout.late()..]));
        for (bin, ((&z, &y), &count)) in slide.surface_mm.iter().zip(&slide.force_n).zip(&slide.rows).enumerate() {
            let back_mm = self.late.zip(shares.as_ref()).map_or(0.0, |(late, shares)| {
                shares.iter().zip(&late.slide_mm[bin]).map(|(share, back_mm)| share * back_mm).sum()
            });
            let z = z - back_mm;
            let mut inside_share = 0.0;
            let tolerated = FRICTION_SHARE * y;
            let weight = 1.0 / (self.noise_n * self.noise_n / count + tolerated * tolerated).sqrt();
            gradient.fill(0.0);
            let mut length = 0.0;
            for needle in &needles.at {
                let inside = z - needle.0 - meeting;
                if inside > 0.0 {
                    length += needle.1 * inside;
                    inside_share += needle.1;
                    needles.chain(gradient, theta[Layout::MEAN], needle, weight * slope * needle.1);
                    gradient[at + 2] += weight * slope * needle.1;
                }
            }
            gradient[at] = weight;
            gradient[at + 1] = -weight * slope * length;
            if let Some(late) = self.late {
                let by = late.by_deviates(&late.slide_mm[bin]);
                let by_place = weight * slope * inside_share;
                gradient[layout.late()..].iter_mut().zip(by).for_each(|(to, by)| *to = by_place * by);
            }
            row((offset - slope * length - y) * weight, gradient);
        }
    }
}
