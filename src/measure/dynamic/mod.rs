//! Dynamic captures: a running pen against a phantom that comes closer and then stays.
//!
//! Touch gives the face ([`face`]); the stand-off scan gives the mean protrusion without a model of force
//! ([`scan`], [`elastic`]), how sharply the carriage turns ([`crank`]) and how force grows with reach ([`map`]); the run
//! gives every stroke ([`run`]). The cell's frequency response is taken out first ([`inverse`]), then what the channel
//! shows when nothing touches ([`background`]); what the filter does to the time of contact is undone ([`onset`]).
//!
//! Invariants: one pass; touch and scan are buffered, the run is followed piece by piece ([`follow`]) and leaves a
//! few numbers for each stroke. A stroke with a damaged sample is neither measured nor called missed.
//! Deliberately absent: acceptance, and anything that the pen reports but the rate that it was told.

pub mod average;
pub mod background;
pub mod count;
pub mod crank;
pub mod elastic;
pub mod face;
pub mod follow;
pub mod grid;
pub mod inverse;
pub mod law;
pub mod linear;
pub mod map;
pub mod onset;
pub mod pulses;
pub mod response;
pub mod run;
pub mod scan;
pub mod segment;
pub mod spread;
pub mod stroke;

use crate::{
    capture::{Block, Header, Phase, ReadError, Source},
    measure::{
        Anomaly, Measurement, Outcome, Refusal,
        dynamic::{
            follow::Follower,
            grid::{Faults, Gridder, Track},
            inverse::Inverse,
            run::Run,
            scan::Scan,
        },
    },
    uncertainty::Measured,
};

/// Rows that touch, retract and scan may have together: 15 minutes at 10 kHz.
const ROWS_BEFORE_RUN_MAX: usize = 9_000_000;
/// Least ratio of the cell's natural frequency to the stroke rate. Below it, a few per cent of error in the response
/// change the force of a stroke by more than a stroke's scatter does.
pub const RESONANCE_RATIO_MIN: f64 = 1.8;
/// Fewest samples in a stroke.
pub const SAMPLES_PER_STROKE_MIN: f64 = 24.0;
/// Relative difference of the measured from the declared sample rate that is reported.
const RATE_DIFFERENCE: f64 = 0.002;

/// Measures a dynamic capture in one pass.
///
/// # Errors
///
/// [`ReadError`] of the source; everything else is a refusal in the measurement.
pub fn measure(header: &Header, source: &mut dyn Source) -> Result<Measurement, ReadError> {
    let mut block = Block::empty();
    let mut rows = Rows::default();
    let mut refused = check_header(header).err();
    let mut more = source.next_block(&mut block)?;
    while more && refused.is_none() && block.phase != Phase::Run {
        refused = rows.push(&block).err();
        more = source.next_block(&mut block)?;
    }
    let mut faults = Faults::default();
    let mut anomalies: Vec<Anomaly> = response::assumed(header).into_iter().collect();
    let complete = refused.is_none() && more;
    let mut outcome = Err(refused.unwrap_or_else(|| missing_phase("run")));
    if complete {
        let mut gridder = Gridder::new(rows.rate_hz());
        let prepared = Prepared::from(header, &rows, &mut gridder);
        anomalies.extend(sample_rate(header.sample_rate_hz, rows.rate_hz()));
        drop(rows);
        outcome = match prepared {
            Ok(prepared) => {
                let outcome = prepared.run(header, source, &mut block, &mut gridder, &mut anomalies)?;
                outcome.map(Outcome::Dynamic)
            }
            Err(refusal) => Err(refusal),
        };
        faults = gridder.faults;
    }
    // The rest is read for its form alone: a capture with a bad row is no capture, however the measurement ends.
    while more {
        more = source.next_block(&mut block)?;
    }
    if let Some(refusal) = faults.refusal() {
        outcome = Err(refusal);
    }
    anomalies.extend(faults.anomalies());
    Ok(Measurement { outcome, anomalies })
}

/// Rows of the phases before the run, as recorded.
#[derive(Default)]
struct Rows {
    touch: Vec<(u64, [f64; 3])>,
    standoff: Vec<(u64, [f64; 3])>,
}

impl Rows {
    fn push(&mut self, block: &Block) -> Result<(), Refusal> {
        let rows = match block.phase {
            Phase::Touch => &mut self.touch,
            Phase::Standoff => &mut self.standoff,
            _ => return Ok(()),
        };
        let values = block.t_s.iter().zip(&block.force_n).zip(&block.stage_mm);
        rows.extend(values.enumerate().map(|(k, ((t, f), z))| (block.first + k as u64, [*t, *f, *z])));
        if self.touch.len() + self.standoff.len() > ROWS_BEFORE_RUN_MAX {
            let message =
                format!("more than {ROWS_BEFORE_RUN_MAX} rows before the run; check the phases of the capture");
            return Err(Refusal { code: "too-long".to_owned(), message });
        }
        Ok(())
    }

    /// Measured sample rate, Hz: the mean of the steps in time that are near their median.
    fn rate_hz(&self) -> f64 {
        let steps = |rows: &[(u64, [f64; 3])]| -> Vec<f64> { rows.windows(2).map(|w| w[1].1[0] - w[0].1[0]).collect() };
        let mut all = steps(&self.standoff);
        all.extend(steps(&self.touch));
        all.retain(|step| *step > 0.0);
        all.sort_unstable_by(f64::total_cmp);
        let Some(median) = all.get(all.len() / 2).copied() else { return f64::NAN };
        let near: Vec<f64> = all.into_iter().filter(|step| (step / median - 1.0).abs() < 0.5).collect();
        near.len() as f64 / near.iter().sum::<f64>()
    }
}

/// Everything that the run needs, from the phases before it.
struct Prepared {
    rate_hz: f64,
    face_mm: Measured,
    inverse: Inverse,
    scan: Scan,
    first: usize,
}

impl Prepared {
    fn from(header: &Header, rows: &Rows, gridder: &mut Gridder) -> Result<Self, Refusal> {
        let rate_hz = rows.rate_hz();
        let mut track = |rows: &[(u64, [f64; 3])], name: &str| -> Result<Track, Refusal> {
            gridder.watch_for_spikes(rows.iter().map(|(_, [_, force_n, _])| *force_n));
            let mut track = Track::default();
            gridder.begin();
            rows.iter().for_each(|(row, [t, f, z])| gridder.push(*row, *t, *f, *z, &mut track));
            if track.force_n.len() < 100 {
                return Err(missing_phase(name));
            }
            let (low, high) =
                track.stage_mm.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), z| (a.min(*z), b.max(*z)));
            if high - low < STAGE_TRAVEL_MIN_MM {
                let message = format!(
                    "the stage moved by {:.4} mm in phase {name}, at least {STAGE_TRAVEL_MIN_MM} mm is needed; check \
                     the encoder and that the stage was enabled",
                    high - low
                );
                return Err(Refusal { code: "stuck-stage".to_owned(), message });
            }
            Ok(track)
        };
        let touch = track(&rows.touch, "touch")?;
        let standoff = track(&rows.standoff, "standoff")?;
        let told_hz = header.stroke_rate_hz.unwrap_or(100.0);
        let inverse = Inverse::new(header.force.as_ref(), rate_hz, told_hz);
        let face_mm = face::position(header, &touch, &inverse, rate_hz)?;
        let scan = scan::measure(header, &standoff, &inverse, rate_hz, face_mm.value)?;
        check_rate(header, rate_hz, rate_hz / scan.lens.period_samples)?;
        Ok(Self { rate_hz, face_mm, inverse, scan, first: standoff.force_n.len() })
    }

    /// Follows the run, the first block of which is in `block`.
    fn run(
        &self,
        header: &Header,
        source: &mut dyn Source,
        block: &mut Block,
        gridder: &mut Gridder,
        anomalies: &mut Vec<Anomaly>,
    ) -> Result<Result<crate::measure::Dynamic, Refusal>, ReadError> {
        let start_s = block.t_s.first().copied().unwrap_or(0.0);
        let touch_n = self.scan.touch_n();
        let background = self.scan.background.clone();
        let mut follower = Follower::new(&self.inverse, self.scan.lens, touch_n, background, self.first);
        let mut track = Track::default();
        loop {
            if block.phase == Phase::Run {
                track.clear();
                for k in 0..block.t_s.len() {
                    gridder.push(block.first + k as u64, block.t_s[k], block.force_n[k], block.stage_mm[k], &mut track);
                }
                follower.push(&track);
            }
            if !source.next_block(block)? {
                break;
            }
        }
        follower.finish();
        anomalies.extend(hum(&self.scan, self.rate_hz));
        anomalies.extend(drift(&self.scan, follower.background().offset_n()));
        let run = Run {
            header,
            rate_hz: self.rate_hz,
            start_s,
            first: self.first,
            face_mm: &self.face_mm,
            scan: &self.scan,
            follower: &follower,
        };
        Ok(run.measure())
    }
}

/// Least travel of the stage in touch and scan, mm.
const STAGE_TRAVEL_MIN_MM: f64 = 0.05;

fn missing_phase(name: &str) -> Refusal {
    let message = format!(
        "phase {name} is missing or has fewer than 100 rows; a dynamic capture has touch, retract, standoff and run, \
         in this order: record it again"
    );
    Refusal { code: "missing-phase".to_owned(), message }
}

fn check_header(header: &Header) -> Result<(), Refusal> {
    let force = header.force.as_ref();
    let told = [
        ("sample_rate_hz", Some(header.sample_rate_hz), 1.0, 1e7),
        ("compliance_mm_per_n", Some(header.compliance_mm_per_n), 0.0, 1.0),
        ("set_depth_mm", header.set_depth_mm, 0.0, 20.0),
        ("stroke_rate_hz", header.stroke_rate_hz, scan::STROKE_HZ.0, scan::STROKE_HZ.1),
        ("force.natural_hz", force.map(|force| force.natural_hz), 10.0, 1e6),
        ("force.damping", force.map(|force| force.damping), 0.0, 10.0),
    ];
    for (key, value, low, high) in told {
        if value.is_some_and(|value| !(low..=high).contains(&value)) {
            let message = format!(
                "`{key}` is {}; the allowed range is {low} to {high}: correct the capture's header",
                value.unwrap_or(f64::NAN)
            );
            return Err(Refusal { code: "header-value".to_owned(), message });
        }
    }
    match header.stroke_rate_hz {
        Some(stroke_hz) => check_rate(header, header.sample_rate_hz, stroke_hz),
        None => Ok(()),
    }
}

/// Whether strokes of this rate can be seen at all.
fn check_rate(header: &Header, rate_hz: f64, stroke_hz: f64) -> Result<(), Refusal> {
    if rate_hz < SAMPLES_PER_STROKE_MIN * stroke_hz {
        let message = format!(
            "{rate_hz:.0} samples/s are {:.1} in a stroke at {stroke_hz:.1} strokes/s, at least \
             {SAMPLES_PER_STROKE_MIN} are needed: sample at {:.0} Hz or more",
            rate_hz / stroke_hz,
            SAMPLES_PER_STROKE_MIN * stroke_hz
        );
        return Err(Refusal { code: "sample-rate-too-low".to_owned(), message });
    }
    match &header.force {
        Some(force) if force.natural_hz < RESONANCE_RATIO_MIN * stroke_hz => {
            let message = format!(
                "the cell's natural frequency {:.1} Hz is {:.2} times the stroke rate {stroke_hz:.1} Hz, at least \
                 {RESONANCE_RATIO_MIN} is needed: use a stiffer cell, a lighter phantom or another stroke rate",
                force.natural_hz,
                force.natural_hz / stroke_hz
            );
            Err(Refusal { code: "rate-near-resonance".to_owned(), message })
        }
        _ => Ok(()),
    }
}

/// Hum that is larger than the noise, and than what any channel shows, N.
fn hum(scan: &Scan, rate_hz: f64) -> Option<Anomaly> {
    const HUM_MIN_N: f64 = 0.001;
    let (hz, amplitude_n) = scan.background.hum(rate_hz)?;
    (amplitude_n > scan.lens.noise_n.max(HUM_MIN_N)).then(|| Anomaly {
        code: "hum".to_owned(),
        count: 1,
        message: format!("{:.1} mN at {hz:.0} Hz, taken out; ground and shield the cell", 1e3 * amplitude_n),
    })
}

/// Drift of the channel over the run, beyond ten times the noise of a sample.
fn drift(scan: &Scan, end_n: f64) -> Option<Anomaly> {
    let by_n = end_n - scan.background.offset_n();
    (by_n.abs() > 10.0 * scan.lens.noise_n).then(|| Anomaly {
        code: "drift".to_owned(),
        count: 1,
        message: format!("the channel drifted by {:.1} mN over the run, taken out", 1e3 * by_n),
    })
}

fn sample_rate(declared_hz: f64, measured_hz: f64) -> Option<Anomaly> {
    ((measured_hz / declared_hz - 1.0).abs() > RATE_DIFFERENCE).then(|| Anomaly {
        code: "sample-rate".to_owned(),
        count: 1,
        message: format!("declared {declared_hz} Hz, measured {measured_hz:.3} Hz from the time stamps, which is used"),
    })
}
