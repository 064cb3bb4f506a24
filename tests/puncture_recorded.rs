//! A puncture that was recorded in the flesh: an 18 gauge needle driven at 3 mm/s into bovine tissue, with four peaks
//! (Okamura, Simone, O'Leary, IEEE Trans. Biomed. Eng. 51 (2004) 1707, doi:10.1109/TBME.2004.831542; points digitised
//! from its figure of force over displacement, sampled anew every 0.05 mm).

use rig::{
    capture::{Header, Phase, header, memory::Recording},
    measure::{Outcome, Puncture, measure},
    prng::Stream,
};
use std::{f64::consts::TAU, path::Path};

/// Where the needle breaks through, mm, and the force just before, N, as the digitised points have them.
const PEAKS: [(f64, f64); 4] = [(19.15, 1.414), (29.85, 1.725), (32.71, 1.964), (36.70, 2.318)];
const SPEED_MM_S: f64 = 3.0;

fn recorded() -> (Header, Recording) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures/puncture-liver.json");
    let (header, mut source) = header::open(&path).expect("a fixture");
    (header, Recording::read(&mut *source, 10_000).expect("a fixture"))
}

/// The same curve at another number of samples, from a displacement on, with hum and noise.
fn sampled(rows: usize, from_mm: f64, hum_n: f64, noise_n: f64) -> (Header, Recording) {
    let (mut header, curve) = recorded();
    let mut noise = Stream::named(1, "liver");
    let (first, last) = (from_mm.max(curve.stage_mm[0]), curve.stage_mm[curve.len() - 1]);
    let mut trace = Recording::default();
    for row in 0..rows {
        let x = first + (last - first) * row as f64 / (rows - 1) as f64;
        let t = (x - first) / SPEED_MM_S;
        let after = curve.stage_mm.partition_point(|stage| *stage < x).clamp(1, curve.len() - 1);
        let share = (x - curve.stage_mm[after - 1]) / (curve.stage_mm[after] - curve.stage_mm[after - 1]);
        let force = curve.force_n[after - 1] + share * (curve.force_n[after] - curve.force_n[after - 1]);
        trace.push(Phase::Press, t, force + hum_n * (TAU * 50.0 * t).sin() + noise_n * noise.normal(), x);
    }
    header.sample_rate_hz = (rows - 1) as f64 * SPEED_MM_S / (last - first);
    (header, trace)
}

fn puncture(header: &Header, trace: &Recording) -> Puncture {
    match measure(header, &mut trace.source()).expect("memory").outcome {
        Ok(Outcome::Puncture(puncture)) => puncture,
        other => panic!("{other:?}"),
    }
}

fn check(what: &str, header: &Header, trace: &Recording, noise_n: f64) {
    let found = puncture(header, trace);
    let layers: Vec<(f64, f64)> =
        found.layers.iter().map(|(row, force_n)| (trace.stage_mm[*row as usize], *force_n)).collect();
    let step_mm = trace.stage_mm[1] - trace.stage_mm[0];
    assert!(found.punctured, "{what}");
    assert_eq!(layers.len(), PEAKS.len(), "{what}: {layers:?}");
    for ((at_mm, force_n), (true_mm, true_n)) in layers.iter().zip(PEAKS) {
        assert!((at_mm - true_mm).abs() < 0.1 + 2.0 * step_mm, "{what}: {layers:?}");
        // A sample more or less on the steep rise before a peak is 1.2 N/mm; the third of noise is what a peak gains.
        assert!((force_n - true_n).abs() < 0.01 + 1.2 * step_mm + 4.0 * noise_n, "{what}: {layers:?}");
    }
    let force = found.puncture_force_n.expect("it was punctured");
    assert!((force.value - PEAKS[0].1).abs() < 4.0 * force.u() + 1.2 * step_mm, "{what}: {} N", force.value);
}

#[test]
fn the_four_peaks_of_a_liver_are_found() {
    let (header, trace) = recorded();
    check("as digitised", &header, &trace, 0.0);
}

#[test]
fn they_are_found_in_few_samples_without_a_baseline_and_under_hum() {
    for (what, rows, from_mm, hum_n, noise_n) in [
        ("200 samples", 200, 0.0, 0.0, 0.0),
        ("300 samples from the rise on", 300, 12.0, 0.0, 0.0),
        ("noise", 4000, 0.0, 0.0, 0.01),
        ("hum of 40 mN", 4000, 0.0, 0.04, 0.005),
    ] {
        let (header, trace) = sampled(rows, from_mm, hum_n, noise_n);
        check(what, &header, &trace, noise_n + hum_n);
    }
}
