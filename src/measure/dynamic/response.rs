//! The cell's frequency response: how a reading follows the force, and what is not known of it.
//!
//! A cell with its load obeys `y'' / omega^2 + 2 zeta y' / omega + y = f`. [`Response`] takes it over one step exactly where
//! the force changes evenly over it (the exponential of the system's matrix), so that what a model of the force means
//! for the readings is known without differentiating them. Where the calibration states no uncertainty, that of a
//! plucked cell is assumed, which [`assumed`] says.
//!
//! Deliberately absent: the way back, from readings to force, which is [`crate::measure::dynamic::inverse`].

use crate::{
    capture::{ForceChannel, Header},
    measure::Anomaly,
};
use std::f64::consts::TAU;

/// Relative standard uncertainties of natural frequency and damping where the calibration states none: what a plucked
/// cell scatters by (derived).
const NATURAL_RELATIVE: f64 = 0.02;
const DAMPING_RELATIVE: f64 = 0.05;
/// Least relative standard uncertainty of a response that is believed.
const RELATIVE_MIN: f64 = 1e-4;
/// Relative standard uncertainty of the compliance where the calibration states none.
pub const COMPLIANCE_RELATIVE: f64 = 0.03;

/// A calibrated cell.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// Turn at the natural frequency in one sample, rad.
    pub turn: f64,
    /// Damping ratio.
    pub damping: f64,
    /// Relative standard uncertainties of both.
    pub relative_u: (f64, f64),
}

impl Cell {
    /// As the header has it, sampled at `rate_hz`.
    pub fn of(channel: &ForceChannel, rate_hz: f64) -> Self {
        let natural_u = channel.natural_u_hz.map_or(NATURAL_RELATIVE, |u| u / channel.natural_hz);
        let damping_u = channel.damping_u.map_or(DAMPING_RELATIVE, |u| u / channel.damping);
        let known = |u: f64| if u.is_finite() { u.max(RELATIVE_MIN) } else { DAMPING_RELATIVE };
        Self {
            turn: TAU * channel.natural_hz / rate_hz,
            damping: channel.damping,
            relative_u: (known(natural_u), known(damping_u)),
        }
    }
}

/// One step of a cell under a force that changes evenly over it.
#[derive(Clone, Copy, Debug)]
pub struct Response([[f64; 4]; 2]);

impl Response {
    /// For a step in which the natural frequency turns by `turn` (rad).
    pub fn new(turn: f64, damping: f64) -> Self {
        // State: reading, its derivative over omega, force, growth of the force over the step.
        let matrix = [[0.0, turn, 0.0, 0.0], [-turn, -2.0 * damping * turn, turn, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0; 4]];
        let [reading, slope, ..] = exponential(matrix);
        Self([reading, slope])
    }

    /// State (reading, its derivative over omega) after a step over which the force goes from one value to another.
    pub fn step(&self, [reading, slope]: [f64; 2], from: f64, to: f64) -> [f64; 2] {
        self.0.map(|row| row[0] * reading + row[1] * slope + row[2] * from + row[3] * (to - from))
    }
}

/// Exponential of a matrix: Taylor's series of a fraction that is small, squared back.
fn exponential(matrix: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
    const TERMS: u32 = 14;
    let product = |a: &[[f64; 4]; 4], b: &[[f64; 4]; 4]| -> [[f64; 4]; 4] {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..4).map(|k| a[i][k] * b[k][j]).sum()))
    };
    let size = matrix.iter().map(|row| row.iter().map(|x| x.abs()).sum::<f64>()).fold(0.0, f64::max);
    let halvings = (size / 0.5).log2().ceil().clamp(0.0, 60.0) as i32;
    let small = matrix.map(|row| row.map(|x| x * 0.5_f64.powi(halvings)));
    let one: [[f64; 4]; 4] = std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
    let (mut sum, mut term) = (one, one);
    for k in 1..=TERMS {
        term = product(&term, &small).map(|row| row.map(|x| x / f64::from(k)));
        sum = std::array::from_fn(|i| std::array::from_fn(|j| sum[i][j] + term[i][j]));
    }
    (0..halvings).fold(sum, |power, _| product(&power, &power))
}

/// What the header leaves open and what was assumed in its place.
pub fn assumed(header: &Header) -> Option<Anomaly> {
    let mut open = Vec::new();
    let percent = |what: &str, relative: f64| format!("{what} {:.0} %", 100.0 * relative);
    match &header.force {
        None => open.push("force (a cell that follows at once)".to_owned()),
        Some(force) => {
            let pairs = [
                (force.natural_u_hz, "force.natural_u_hz", NATURAL_RELATIVE),
                (force.damping_u, "force.damping_u", DAMPING_RELATIVE),
            ];
            open.extend(pairs.iter().filter(|pair| pair.0.is_none()).map(|pair| percent(pair.1, pair.2)));
        }
    }
    if header.compliance_u_mm_per_n.is_none() {
        open.push(percent("compliance_u_mm_per_n", COMPLIANCE_RELATIVE));
    }
    match &header.stage {
        None => open.push("stage (a perfect encoder)".to_owned()),
        Some(stage) if stage.scale_u_mm.is_none() => open.push("stage.scale_u_mm 0".to_owned()),
        Some(_) => {}
    }
    let open_keys = [(header.needles.is_none(), "needles 1"), (header.stroke_rate_hz.is_none(), "stroke_rate_hz 100")];
    open.extend(open_keys.iter().filter(|key| key.0).map(|key| key.1.to_owned()));
    (!open.is_empty()).then(|| Anomaly {
        code: "assumed".to_owned(),
        count: open.len() as u64,
        message: format!("the header does not state what was therefore assumed: {}", open.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::{Response, assumed};
    use crate::capture::header::parse;

    /// Step response of an underdamped cell in closed form, and a ramp followed with the lag 2 zeta / omega.
    #[test]
    fn a_step_and_a_ramp_are_followed_exactly() {
        let (turn, damping) = (0.4_f64, 0.3_f64);
        let response = Response::new(turn, damping);
        let root = (1.0 - damping * damping).sqrt();
        let (mut step, mut ramp) = ([0.0; 2], [0.0; 2]);
        for k in 1..400 {
            step = response.step(step, 1.0, 1.0);
            let at = f64::from(k);
            ramp = response.step(ramp, at - 1.0, at);
            let (sin, cos) = (root * turn * at).sin_cos();
            let exact = 1.0 - (-damping * turn * at).exp() * (cos + damping / root * sin);
            assert!((step[0] - exact).abs() < 1e-10, "{k}: {} for {exact}", step[0]);
        }
        assert!((ramp[0] - (399.0 - 2.0 * damping / turn)).abs() < 1e-9, "{ramp:?}");
        // A cell that is stiff beside the step is at the force at once.
        let stiff = Response::new(1e4, 0.5).step([0.0; 2], 2.0, 2.0);
        assert!((stiff[0] - 2.0).abs() < 1e-6, "{stiff:?}");
    }

    #[test]
    fn what_the_header_leaves_open_is_named() {
        let text = r#"{"schema": "capture/1", "kind": "dynamic", "data": "a.csv", "sample_rate_hz": 6000,
            "set_depth_mm": 1.5, "needles": 12, "compliance_mm_per_n": 0.01, "compliance_u_mm_per_n": 0.0003,
            "force": {"natural_hz": 500, "damping": 0.4, "resolution_n": 0.0001, "natural_u_hz": 5, "damping_u": 0.01},
            "stage": {"resolution_mm": 0.0001, "scale_u_mm": 0.0001}, "stroke_rate_hz": 110}"#;
        let mut header = parse("a.json", text).expect("a header");
        assert_eq!(assumed(&header), None);
        header.compliance_u_mm_per_n = None;
        header.force.as_mut().expect("a channel").damping_u = None;
        let anomaly = assumed(&header).expect("two are open");
        assert_eq!((anomaly.code.as_str(), anomaly.count), ("assumed", 2));
        assert!(anomaly.message.contains("damping_u 5 %") && anomaly.message.contains("compliance_u_mm_per_n 3 %"));
        header.force = None;
        assert!(assumed(&header).expect("open").message.contains("force (a cell that follows at once)"));
    }
}
