//! The `[sim]` table of a rig file: every parameter of the simulated world, with unit, range and source.
//!
//! Every key is optional; the defaults describe a good pen on a sound bench, so that `seed = 1` is a whole table.
//! Sources are those of `domain.md`, named at the field; "engineering choice" where no published figure was found.
//! Deliberately absent: the cartridge (it has its own file) and scripted faults of the devices' firmware.

use crate::units::within;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The world behind simulated ports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorldParams {
    /// Seed of every random number of the world (0 to 2^63 - 1). Default 1.
    pub seed: u64,
    /// Longest internal time step, µs (1 to 100). Default 40: peak forces of strokes at 110 Hz are then within
    /// 1 µm, by the slope of force over interference, of those with a tenth of it.
    pub step_us: f64,
    /// What is punctured.
    pub phantom: Phantom,
    /// The pen under test.
    pub pen: Pen,
    /// The force channel: cell, fixture, amplifier, converter.
    pub cell: Cell,
    /// The stage and its encoder.
    pub stage: Stage,
}

/// Law of the elastic force over the dimple, before puncture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Law {
    /// `F ∝ d^exponent`.
    Power,
    /// `F ∝ exp(d / growth) - 1`.
    Exponential,
    /// Deep indentation: `d^1.5` (Hertz) while shallower than the tip radius, `d^2` beyond (Bacca 2025).
    Hertz,
}

/// What is punctured. Forces and dimples are those of one needle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Phantom {
    /// Stage position at which the undeformed surface lies in the plane of the face, at the site x = y = 0, mm
    /// (0 to 500). Default 18; engineering choice.
    pub face_mm: f64,
    /// Fall of `face_mm` along x, mm/mm (-0.05 to 0.05). Default 0.0004; engineering choice.
    pub tilt_x: f64,
    /// Fall of `face_mm` along y, mm/mm (-0.05 to 0.05). Default -0.0003; engineering choice.
    pub tilt_y: f64,
    /// SD of the surface height from place to place, mm (0 to 0.5). Default 0.003; engineering choice.
    pub roughness_mm: f64,
    /// Distance over which the roughness changes, mm (0.1 to 100). Default 4; engineering choice.
    pub roughness_pitch_mm: f64,
    /// Law of the elastic force. Default `power`.
    pub law: Law,
    /// Exponent of the power law (1 to 3). Default 1.5 (metrology: laws from 1.1 to 2).
    pub exponent: f64,
    /// Length of the exponential law, mm (0.01 to 10). Default 0.08; engineering choice.
    pub growth_mm: f64,
    /// Tip radius in the Hertz law, mm (0.0005 to 1). Default 0.02 (Römgens 2014: tips of 5 to 37 µm).
    pub tip_radius_mm: f64,
    /// Elastic force at a dimple of 0.1 mm, N (1e-6 to 10). Default 0.035: the dimple at puncture is then 0.16 mm
    /// (Römgens 2014: about 160 µm in skin).
    pub force_at_100um_n: f64,
    /// Mean force at which a needle punctures, N (0.001 to 100). Default 0.07 (Römgens 2014: 20 to 167 mN a needle;
    /// domain: 20 to 50 mN a sharp one in an array).
    pub puncture_force_n: f64,
    /// Coefficient of variation of the puncture force from needle to needle (0 to 0.5). Default 0.12 (636 traces).
    pub puncture_cv: f64,
    /// Resistance at the tip of a needle that cuts on, N (0 to 100), below the puncture force. Default 0.03: the force
    /// drops by 57 % (films: median 85 %). Tearing to spreading as 61 to 18 (Barnett 2015); a hole only spreads.
    pub cutting_force_n: f64,
    /// Friction of a needle for each millimetre inside, N/mm (0 to 100). Default 0.03 (needle friction of 0.05 to
    /// 0.1 N: Instron; spread over some 2 mm).
    pub friction_n_per_mm: f64,
    /// Stiffness against the dimple of a needle that is inside, N/mm (0.001 to 100), more than `friction_n_per_mm`, or
    /// it would never slide out. Default 0.7: a rod of 0.23 mm, 1 mm deep in silicone of 0.25 MPa shear modulus,
    /// `2πGL / ln(2L/d)`.
    pub held_stiffness_n_per_mm: f64,
    /// Stiffness of the contact of cartridge face and phantom, N/mm (0.1 to 1000). Default 8 (flat punch
    /// `E·2a/(1-ν²)`, a = 4 mm, E = 0.75 MPa; Sylgard 184: 0.2 to 1.6 MPa).
    pub face_stiffness_n_per_mm: f64,
    /// Prony terms of the relaxation. Default one of 4 % in 0.5 s (silicone; engineering choice). Soft tissue: 0.25 in
    /// 0.40 s and 0.31 in 4.3 s (domain, 24 fits).
    pub relaxation: Vec<Prony>,
    /// Width of the cells in x and y that share their holes, mm (0.01 to 100); absent: the needle's diameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_width_mm: Option<f64>,
    /// Time after which a hole has closed as if never cut, s (0 to 1e6); absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healing_s: Option<f64>,
}

/// One term of the relaxation: `share` of the force decays with `tau_s` while the deformation stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prony {
    /// Share of the force that decays (0 to 0.9; all terms together at most 0.95).
    pub share: f64,
    /// Time constant, s (0.001 to 1000).
    pub tau_s: f64,
}

/// The pen under test: what it does with what it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pen {
    /// Protrusion minus set depth, mm (-2 to 2). Default 0.004: a good pen. Exceed K182407 promises 0.15.
    pub depth_offset_mm: f64,
    /// Relative error of the set depth's scale (-0.5 to 0.5). Default 0.002; engineering choice.
    pub depth_scale_error: f64,
    /// SD of the protrusion from stroke to stroke, mm (0 to 0.5). Default 0.010; engineering choice.
    pub stroke_sd_mm: f64,
    /// Correlation of the protrusion with that of the stroke before (0 to 0.999). Default 0.3; engineering choice.
    pub stroke_correlation: f64,
    /// Change of the protrusion over 1000 strokes of one run, mm (-1 to 1). Default 0; engineering choice.
    pub drift_mm_per_1000: f64,
    /// Share of strokes in which the cartridge is not driven and stays retracted (0 to 0.5). Default 0.
    pub missed_share: f64,
    /// Travel of the carriage, mm (0.5 to 10); larger where the set depth needs it, so that a retracted needle stands
    /// at least 0.3 mm behind the face. Default 3.5; engineering choice.
    pub travel_mm: f64,
    /// Crank radius over length of the connecting rod (0: pure sine, to 0.8). Default 0.2; engineering choice.
    pub rod_ratio: f64,
    /// Ripple of the crank's angle within a turn, rad (0 to 0.3). Default 0.02; engineering choice.
    pub ripple_rad: f64,
    /// Relative error of the stroke rate (-0.2 to 0.2). Default 0.0005; engineering choice.
    pub rate_error: f64,
    /// Relative SD of the duration of a stroke (0 to 0.05). Default 0.001; engineering choice.
    pub rate_jitter: f64,
    /// Relative loss of rate for each newton of the last stroke's mean force on the needles (0 to 1). Default 0.01
    /// (low-torque machines slow under resistance; qualitative source, figure an engineering choice).
    pub rate_droop_per_n: f64,
    /// Time constant of the start, s (0 to 5). Default 0.05; engineering choice.
    pub start_s: f64,
    /// Force on the needles at which the motor stalls, N (0.01 to 1000). Default 12; no published figure.
    pub stall_force_n: f64,
    /// Duration of a slow half turn into or out of a hold, s (0.005 to 5). Default 0.1; engineering choice.
    pub hold_s: f64,
}

/// The force channel: cell, fixture, amplifier, converter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cell {
    /// Compliance of cell, fixture and frame, mm/N (0 to 0.5; times `face_stiffness_n_per_mm` at most 0.5). Default
    /// 0.0066 (5 N cell 0.040, 50 N cell 0.002).
    pub compliance_mm_per_n: f64,
    /// Undamped natural frequency with the phantom on it, Hz (20 to 20000). Default 900 (50 N cell, 50 g: 712).
    pub natural_hz: f64,
    /// Damping ratio (0.002 to 0.98). Default 0.5; engineering choice (damped fixture).
    pub damping: f64,
    /// SD of the white noise of a sample, N (0 to 1). Default 0.0015 (ADS124S06 on a 10 N cell: 4.2 mN peak to peak).
    pub noise_n: f64,
    /// Amplitude of the hum, N (0 to 1). Default 0.001 (recorded traces: 20 to 45 mN rms).
    pub hum_n: f64,
    /// Frequency of the hum, Hz (1 to 1000). Default 50.
    pub hum_hz: f64,
    /// Steady drift, N/s (-0.1 to 0.1). Default 0.00001; engineering choice.
    pub drift_n_per_s: f64,
    /// Random drift over one second, SD, N (0 to 0.1). Default 0.00005; engineering choice.
    pub wander_n: f64,
    /// Reading without load at the start, N (-100 to 100). Default 0.12; engineering choice.
    pub offset_n: f64,
    /// Force of one count, N (1e-9 to 1). Default 2e-6 (24 bit over ±16.8 N; what the noise leaves is far coarser).
    pub n_per_count: f64,
    /// Largest force that is not saturated, N (0.01 to 10000). Default 10.
    pub range_n: f64,
    /// Error of the sample clock, ppm (-200000 to 200000). Default 15 (a crystal's).
    pub clock_ppm: f64,
}

/// The stage and its encoder; the same for all three axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stage {
    /// Travel from the home position, mm (1 to 1000). Default 25.4 (Zaber X-LSM025).
    pub travel_mm: f64,
    /// Largest speed, mm/s (0.1 to 1000). Default 104 (Zaber X-LSM).
    pub speed_max_mm_s: f64,
    /// Acceleration, mm/s² (1 to 100000). Default 200; engineering choice.
    pub acceleration_mm_s2: f64,
    /// Amplitude of the screw's cyclic error, mm (0 to 0.1). Default 0.0005 (0.7 µm rms bidirectional; ASI).
    pub ripple_mm: f64,
    /// Pitch of the screw, mm (0.1 to 50). Default 1.0.
    pub screw_pitch_mm: f64,
    /// Play of the screw, mm (0 to 1). Default 0.003 (X-LSM repeats within 3 µm; lead screws 50 to 200 µm).
    pub backlash_mm: f64,
    /// Distance of one encoder count, mm (1e-7 to 0.1). Default 0.00005 (X-LSM microstep).
    pub encoder_mm: f64,
    /// Relative error of the encoder's scale (-0.01 to 0.01). Default 0.00002; engineering choice.
    pub encoder_scale_error: f64,
    /// Force at which the z drive stalls, N (0.1 to 10000). Default 25 (X-LSM thrust).
    pub stall_force_n: f64,
}

impl Default for WorldParams {
    fn default() -> Self {
        Self {
            seed: 1,
            step_us: 40.0,
            phantom: Phantom::default(),
            pen: Pen::default(),
            cell: Cell::default(),
            stage: Stage::default(),
        }
    }
}

impl Default for Phantom {
    fn default() -> Self {
        Self {
            face_mm: 18.0,
            tilt_x: 0.0004,
            tilt_y: -0.0003,
            roughness_mm: 0.003,
            roughness_pitch_mm: 4.0,
            law: Law::Power,
            exponent: 1.5,
            growth_mm: 0.08,
            tip_radius_mm: 0.02,
            force_at_100um_n: 0.035,
            puncture_force_n: 0.07,
            puncture_cv: 0.12,
            cutting_force_n: 0.03,
            friction_n_per_mm: 0.03,
            held_stiffness_n_per_mm: 0.7,
            face_stiffness_n_per_mm: 8.0,
            relaxation: vec![Prony { share: 0.04, tau_s: 0.5 }],
            site_width_mm: None,
            healing_s: None,
        }
    }
}

impl Default for Pen {
    fn default() -> Self {
        Self {
            depth_offset_mm: 0.004,
            depth_scale_error: 0.002,
            stroke_sd_mm: 0.010,
            stroke_correlation: 0.3,
            drift_mm_per_1000: 0.0,
            missed_share: 0.0,
            travel_mm: 3.5,
            rod_ratio: 0.2,
            ripple_rad: 0.02,
            rate_error: 0.0005,
            rate_jitter: 0.001,
            rate_droop_per_n: 0.01,
            start_s: 0.05,
            stall_force_n: 12.0,
            hold_s: 0.1,
        }
    }
}

impl Default for Cell {
    fn default() -> Self {
        Self {
            compliance_mm_per_n: 0.0066,
            natural_hz: 900.0,
            damping: 0.5,
            noise_n: 0.0015,
            hum_n: 0.001,
            hum_hz: 50.0,
            drift_n_per_s: 1e-5,
            wander_n: 5e-5,
            offset_n: 0.12,
            n_per_count: 2e-6,
            range_n: 10.0,
            clock_ppm: 15.0,
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            travel_mm: 25.4,
            speed_max_mm_s: 104.0,
            acceleration_mm_s2: 200.0,
            ripple_mm: 0.0005,
            screw_pitch_mm: 1.0,
            backlash_mm: 0.003,
            encoder_mm: 5e-5,
            encoder_scale_error: 2e-5,
            stall_force_n: 25.0,
        }
    }
}

/// Largest compliance of the cell times stiffness of the contact: the world lets the surface follow the force of the
/// step before, which is stable where the cell is the stiffer of the two.
const COUPLING_MAX: f64 = 0.5;

/// Key path and message of a value that cannot be.
type Refused = (String, String);

/// Key, unit, value, smallest, largest.
type Limit = (&'static str, &'static str, f64, f64, f64);

fn check_limits(table: &str, limits: &[Limit]) -> Result<(), Refused> {
    for &(key, unit, value, min, max) in limits {
        within("value", unit, value, min, max).map_err(|error| (format!("{table}{key}"), error.to_string()))?;
    }
    Ok(())
}

impl WorldParams {
    /// Checks every value against its range.
    ///
    /// # Errors
    ///
    /// The path of the first key that is out of range (`phantom.exponent`), and the message with the allowed range.
    pub fn check(&self) -> Result<(), (String, String)> {
        check_limits("", &[("step_us", "µs", self.step_us, 1.0, 100.0)])?;
        self.phantom.check()?;
        self.pen.check()?;
        self.cell.check()?;
        self.stage.check()?;
        let product = self.cell.compliance_mm_per_n * self.phantom.face_stiffness_n_per_mm;
        within("its product with phantom.face_stiffness_n_per_mm", "", product, 0.0, COUPLING_MAX)
            .map(|_| ())
            .map_err(|error| ("cell.compliance_mm_per_n".to_owned(), error.to_string()))
    }
}

impl Phantom {
    fn check(&self) -> Result<(), Refused> {
        check_limits(
            "phantom.",
            &[
                ("face_mm", "mm", self.face_mm, 0.0, 500.0),
                ("tilt_x", "mm/mm", self.tilt_x, -0.05, 0.05),
                ("tilt_y", "mm/mm", self.tilt_y, -0.05, 0.05),
                ("roughness_mm", "mm", self.roughness_mm, 0.0, 0.5),
                ("roughness_pitch_mm", "mm", self.roughness_pitch_mm, 0.1, 100.0),
                ("exponent", "", self.exponent, 1.0, 3.0),
                ("growth_mm", "mm", self.growth_mm, 0.01, 10.0),
                ("tip_radius_mm", "mm", self.tip_radius_mm, 0.0005, 1.0),
                ("force_at_100um_n", "N", self.force_at_100um_n, 1e-6, 10.0),
                ("puncture_force_n", "N", self.puncture_force_n, 0.001, 100.0),
                ("puncture_cv", "", self.puncture_cv, 0.0, 0.5),
                ("cutting_force_n", "N", self.cutting_force_n, 0.0, 100.0),
                ("friction_n_per_mm", "N/mm", self.friction_n_per_mm, 0.0, 100.0),
                ("held_stiffness_n_per_mm", "N/mm", self.held_stiffness_n_per_mm, 0.001, 100.0),
                ("face_stiffness_n_per_mm", "N/mm", self.face_stiffness_n_per_mm, 0.1, 1000.0),
                ("site_width_mm", "mm", self.site_width_mm.unwrap_or(1.0), 0.01, 100.0),
                ("healing_s", "s", self.healing_s.unwrap_or(0.0), 0.0, 1e6),
            ],
        )?;
        if self.cutting_force_n >= self.puncture_force_n {
            let message = format!(
                "value is {} N; it must stay below phantom.puncture_force_n = {} N, or no force drops at puncture",
                self.cutting_force_n, self.puncture_force_n
            );
            return Err(("phantom.cutting_force_n".to_owned(), message));
        }
        if self.friction_n_per_mm >= self.held_stiffness_n_per_mm {
            let message = format!(
                "value is {} N/mm; it must stay below phantom.held_stiffness_n_per_mm = {} N/mm, or no needle slides out",
                self.friction_n_per_mm, self.held_stiffness_n_per_mm
            );
            return Err(("phantom.friction_n_per_mm".to_owned(), message));
        }
        for (index, term) in self.relaxation.iter().enumerate() {
            let table = format!("phantom.relaxation[{index}].");
            check_limits(&table, &[("share", "", term.share, 0.0, 0.9), ("tau_s", "s", term.tau_s, 0.001, 1000.0)])?;
        }
        let sum: f64 = self.relaxation.iter().map(|term| term.share).sum();
        within("the sum of all shares", "", sum, 0.0, 0.95)
            .map(|_| ())
            .map_err(|error| ("phantom.relaxation".to_owned(), error.to_string()))
    }
}

impl Pen {
    fn check(&self) -> Result<(), Refused> {
        check_limits(
            "pen.",
            &[
                ("depth_offset_mm", "mm", self.depth_offset_mm, -2.0, 2.0),
                ("depth_scale_error", "", self.depth_scale_error, -0.5, 0.5),
                ("stroke_sd_mm", "mm", self.stroke_sd_mm, 0.0, 0.5),
                ("stroke_correlation", "", self.stroke_correlation, 0.0, 0.999),
                ("drift_mm_per_1000", "mm", self.drift_mm_per_1000, -1.0, 1.0),
                ("missed_share", "", self.missed_share, 0.0, 0.5),
                ("travel_mm", "mm", self.travel_mm, 0.5, 10.0),
                ("rod_ratio", "", self.rod_ratio, 0.0, 0.8),
                ("ripple_rad", "rad", self.ripple_rad, 0.0, 0.3),
                ("rate_error", "", self.rate_error, -0.2, 0.2),
                ("rate_jitter", "", self.rate_jitter, 0.0, 0.05),
                ("rate_droop_per_n", "1/N", self.rate_droop_per_n, 0.0, 1.0),
                ("start_s", "s", self.start_s, 0.0, 5.0),
                ("stall_force_n", "N", self.stall_force_n, 0.01, 1000.0),
                ("hold_s", "s", self.hold_s, 0.005, 5.0),
            ],
        )
    }
}

impl Cell {
    fn check(&self) -> Result<(), Refused> {
        check_limits(
            "cell.",
            &[
                ("compliance_mm_per_n", "mm/N", self.compliance_mm_per_n, 0.0, 0.5),
                ("natural_hz", "Hz", self.natural_hz, 20.0, 20_000.0),
                ("damping", "", self.damping, 0.002, 0.98),
                ("noise_n", "N", self.noise_n, 0.0, 1.0),
                ("hum_n", "N", self.hum_n, 0.0, 1.0),
                ("hum_hz", "Hz", self.hum_hz, 1.0, 1000.0),
                ("drift_n_per_s", "N/s", self.drift_n_per_s, -0.1, 0.1),
                ("wander_n", "N", self.wander_n, 0.0, 0.1),
                ("offset_n", "N", self.offset_n, -100.0, 100.0),
                ("n_per_count", "N", self.n_per_count, 1e-9, 1.0),
                ("range_n", "N", self.range_n, 0.01, 10_000.0),
                ("clock_ppm", "ppm", self.clock_ppm, -200_000.0, 200_000.0),
            ],
        )
    }
}

impl Stage {
    fn check(&self) -> Result<(), Refused> {
        check_limits(
            "stage.",
            &[
                ("travel_mm", "mm", self.travel_mm, 1.0, 1000.0),
                ("speed_max_mm_s", "mm/s", self.speed_max_mm_s, 0.1, 1000.0),
                ("acceleration_mm_s2", "mm/s²", self.acceleration_mm_s2, 1.0, 100_000.0),
                ("ripple_mm", "mm", self.ripple_mm, 0.0, 0.1),
                ("screw_pitch_mm", "mm", self.screw_pitch_mm, 0.1, 50.0),
                ("backlash_mm", "mm", self.backlash_mm, 0.0, 1.0),
                ("encoder_mm", "mm", self.encoder_mm, 1e-7, 0.1),
                ("encoder_scale_error", "", self.encoder_scale_error, -0.01, 0.01),
                ("stall_force_n", "N", self.stall_force_n, 0.1, 10_000.0),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::WorldParams;

    #[test]
    fn a_seed_is_a_whole_table_and_its_defaults_are_in_range() {
        let world: WorldParams = toml::from_str("seed = 7").unwrap();
        assert_eq!(world, WorldParams { seed: 7, ..WorldParams::default() });
        assert_eq!(world.check(), Ok(()));
    }

    #[test]
    fn unknown_keys_and_values_out_of_range_are_refused_by_name() {
        assert!(toml::from_str::<WorldParams>("[pen]\noffset = 1").is_err());
        let refused = |text: &str| toml::from_str::<WorldParams>(text).unwrap().check().unwrap_err();
        let cases = [
            ("[phantom]\nexponent = 9", "phantom.exponent", "1 to 3"),
            ("[phantom]\ncutting_force_n = 1", "phantom.cutting_force_n", "no force drops"),
            ("[phantom]\nfriction_n_per_mm = 1", "phantom.friction_n_per_mm", "no needle slides out"),
            ("[[phantom.relaxation]]\nshare = 0.1\ntau_s = 0", "phantom.relaxation[0].tau_s", "0.001 to 1000"),
            ("[cell]\ndamping = nan", "cell.damping", "0.002 to 0.98"),
            ("[pen]\nmissed_share = 0.9", "pen.missed_share", "0 to 0.5"),
            ("[cell]\ncompliance_mm_per_n = 0.1", "cell.compliance_mm_per_n", "0 to 0.5"),
            ("[stage]\ntravel_mm = -1", "stage.travel_mm", "1 to 1000"),
        ];
        for (text, key, words) in cases {
            let (path, message) = refused(text);
            assert_eq!(path, key);
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn shipped_worlds_are_in_range() {
        let shipped = [
            include_str!("../../fixtures/worlds/good.toml"),
            include_str!("../../fixtures/worlds/soft-phantom.toml"),
            include_str!("../../fixtures/worlds/stiff-cell.toml"),
            include_str!("../../fixtures/worlds/resonant-cell.toml"),
            include_str!("../../fixtures/worlds/drifting-pen.toml"),
            include_str!("../../fixtures/worlds/missing-strokes.toml"),
            include_str!("../../fixtures/worlds/bad-pen.toml"),
            include_str!("../../fixtures/worlds/blunt-needles.toml"),
            include_str!("../../fixtures/worlds/healing-phantom.toml"),
        ];
        for (index, text) in shipped.into_iter().enumerate() {
            let world: WorldParams = toml::from_str(text).unwrap();
            assert_eq!(world.check(), Ok(()), "{text}");
            assert_eq!(world == WorldParams::default(), index == 0, "{text}");
        }
    }

    #[test]
    fn a_table_is_written_and_read_back_whole() {
        let world = WorldParams::default();
        assert_eq!(toml::from_str::<WorldParams>(&toml::to_string(&world).unwrap()).unwrap(), world);
    }
}
