//! Faults of the field put into clean press captures: each is measured within its uncertainty and named, or refused.
//! Never a wrong number with a small uncertainty.

mod press_world;

use press_world::Truth;
use rig::{
    capture::{Header, Phase, header, memory::Recording},
    measure::{Measurement, Outcome, press},
    prng::Stream,
};

/// What must come out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    Measured,
    Refused,
    Either,
}

struct Fault {
    name: &'static str,
    expect: Expect,
    /// The code of the anomaly, where one is demanded.
    code: Option<&'static str>,
    apply: fn(&mut Header, &mut Recording, &mut Stream),
}

/// The recording again from its rows, changed one by one; `None` leaves a row out.
fn rebuilt(
    recording: &mut Recording,
    mut change: impl FnMut(usize, Phase, f64, f64, f64) -> Option<(Phase, f64, f64, f64)>,
) {
    let mut next = Recording::default();
    for (phase, rows) in recording.phases.clone() {
        for i in rows {
            let row = change(i, phase, recording.t_s[i], recording.force_n[i], recording.stage_mm[i]);
            if let Some((phase, t, f, z)) = row {
                next.push(phase, t, f, z);
            }
        }
    }
    *recording = next;
}

fn span(recording: &Recording, phase: Phase) -> std::ops::Range<usize> {
    recording.rows(phase).expect("phase of a clean capture")
}

/// Row of the largest force before the hold.
fn peak(recording: &Recording) -> usize {
    span(recording, Phase::Press).max_by(|a, b| recording.force_n[*a].total_cmp(&recording.force_n[*b])).expect("rows")
}

/// The row at which the press is a quarter up to its peak: near the onset.
fn near_onset(recording: &Recording) -> usize {
    let (top, base) = (peak(recording), recording.force_n[span(recording, Phase::Press).start]);
    let level = base + 0.1 * (recording.force_n[top] - base);
    (span(recording, Phase::Press).start..top).rfind(|i| recording.force_n[*i] < level).expect("a rise")
}

const FAULTS: &[Fault] = &[
    Fault { name: "clean", expect: Expect::Measured, code: None, apply: |_, _, _| {} },
    Fault {
        name: "spikes of one sample near the onset",
        expect: Expect::Measured,
        code: Some("spike"),
        apply: |_, r, s| {
            let at = near_onset(r);
            for _ in 0..6 {
                r.force_n[at - 60 + (s.uniform() * 80.0) as usize] += if s.chance(0.5) { 2.0 } else { -2.0 };
            }
        },
    },
    Fault {
        name: "spikes of three samples",
        expect: Expect::Measured,
        code: Some("spike"),
        apply: |_, r, s| {
            for _ in 0..12 {
                let at = 10 + (s.uniform() * (r.len() - 20) as f64) as usize;
                r.force_n[at..at + 3].iter_mut().for_each(|f| *f += 1.5);
            }
        },
    },
    Fault {
        name: "dropouts to zero",
        expect: Expect::Measured,
        code: Some("spike"),
        apply: |_, r, s| {
            r.force_n.iter_mut().for_each(|f| *f += 0.5);
            for _ in 0..30 {
                let at = 10 + (s.uniform() * (r.len() - 20) as f64) as usize;
                r.force_n[at..at + 2].fill(0.0);
            }
        },
    },
    Fault {
        name: "gap of 60 samples before the onset",
        expect: Expect::Measured,
        code: Some("gap"),
        apply: |_, r, _| {
            let at = near_onset(r) - 150;
            rebuilt(r, |i, p, t, f, z| (!(at..at + 60).contains(&i)).then_some((p, t, f, z)));
        },
    },
    Fault {
        name: "gap over the onset",
        expect: Expect::Either,
        code: Some("gap"),
        apply: |_, r, _| {
            let at = near_onset(r) - 60;
            rebuilt(r, |i, p, t, f, z| (!(at..at + 80).contains(&i)).then_some((p, t, f, z)));
        },
    },
    Fault {
        name: "block of 40 samples twice",
        expect: Expect::Either,
        code: Some("time-backwards"),
        apply: |_, r, _| {
            let at = near_onset(r) - 20;
            let mut next = Recording::default();
            for (phase, rows) in r.phases.clone() {
                for i in rows {
                    next.push(phase, r.t_s[i], r.force_n[i], r.stage_mm[i]);
                    if i == at {
                        for k in at - 39..=at {
                            next.push(phase, r.t_s[k], r.force_n[k], r.stage_mm[k]);
                        }
                    }
                }
            }
            *r = next;
        },
    },
    Fault {
        name: "every row twice",
        expect: Expect::Either,
        code: None,
        apply: |_, r, _| {
            let mut next = Recording::default();
            for (phase, rows) in r.phases.clone() {
                for i in rows {
                    next.push(phase, r.t_s[i], r.force_n[i], r.stage_mm[i]);
                    next.push(phase, r.t_s[i], r.force_n[i], r.stage_mm[i]);
                }
            }
            *r = next;
        },
    },
    Fault {
        name: "half the rate, declared whole",
        expect: Expect::Measured,
        code: Some("sample-rate"),
        apply: |_, r, _| rebuilt(r, |i, p, t, f, z| (i % 2 == 0).then_some((p, t, f, z))),
    },
    Fault {
        name: "declared rate wrong",
        expect: Expect::Measured,
        code: Some("sample-rate"),
        apply: |h, _, _| h.sample_rate_hz = 2000.0,
    },
    Fault {
        name: "time in a wrong scale",
        expect: Expect::Measured,
        code: Some("sample-rate"),
        apply: |_, r, _| r.t_s.iter_mut().for_each(|t| *t *= 0.8),
    },
    Fault {
        name: "NaN in twenty rows",
        expect: Expect::Measured,
        code: Some("nan"),
        apply: |_, r, s| {
            for _ in 0..20 {
                let at = (s.uniform() * r.len() as f64) as usize;
                if s.chance(0.5) { r.force_n[at] = f64::NAN } else { r.stage_mm[at] = f64::NAN }
            }
        },
    },
    Fault {
        name: "drift of half a newton",
        expect: Expect::Measured,
        code: Some("drift"),
        apply: |_, r, _| {
            let end = r.t_s[r.len() - 1];
            for i in 0..r.len() {
                r.force_n[i] += 0.5 * r.t_s[i] / end;
            }
        },
    },
    Fault {
        name: "hum of 30 mN at 60 Hz",
        expect: Expect::Measured,
        code: Some("hum"),
        apply: |_, r, _| {
            for i in 0..r.len() {
                r.force_n[i] += 0.03 * (std::f64::consts::TAU * 60.0 * r.t_s[i] + 1.0).sin();
            }
        },
    },
    Fault {
        name: "hum of 20 mN at 49.9 Hz with harmonics",
        expect: Expect::Measured,
        code: Some("hum"),
        apply: |_, r, _| {
            for i in 0..r.len() {
                let phase = std::f64::consts::TAU * 49.9 * r.t_s[i];
                r.force_n[i] += 0.02 * phase.sin() + 0.01 * (2.0 * phase).cos() + 0.006 * (3.0 * phase).sin();
            }
        },
    },
    Fault {
        name: "number of needles not given",
        expect: Expect::Measured,
        code: Some("assumed"),
        apply: |h, _, _| h.needles = None,
    },
    Fault {
        name: "hum of 3 mN at 50 Hz",
        expect: Expect::Measured,
        code: Some("hum"),
        apply: |_, r, _| {
            for i in 0..r.len() {
                r.force_n[i] += 0.003 * (std::f64::consts::TAU * 50.02 * r.t_s[i] + 0.4).sin();
            }
        },
    },
    Fault {
        name: "tare between touch and press",
        expect: Expect::Measured,
        code: Some("baseline-step"),
        apply: |_, r, _| {
            let at = span(r, Phase::Retract).end - 20;
            r.force_n[at..].iter_mut().for_each(|f| *f -= 0.15);
        },
    },
    Fault {
        name: "tare in the middle of the rise",
        expect: Expect::Either,
        code: None,
        apply: |_, r, _| {
            let at = (near_onset(r) + peak(r)) / 2;
            r.force_n[at..].iter_mut().for_each(|f| *f -= 0.15);
        },
    },
    Fault {
        name: "knock before the touch",
        expect: Expect::Measured,
        code: Some("disturbed"),
        apply: |_, r, _| {
            let at = span(r, Phase::Touch).start + 60;
            for i in at..at + 40 {
                r.force_n[i] += 0.05 * (-((i - at) as f64) / 8.0).exp() * (0.4 * (i - at) as f64).cos();
            }
        },
    },
    Fault {
        name: "step of 20 mN in the rise of the touch",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| {
            let rows = span(r, Phase::Touch);
            let level = r.force_n[rows.start] + 0.15;
            let at = rows.clone().find(|i| r.force_n[*i] > level).expect("a rise");
            r.force_n[at..].iter_mut().for_each(|f| *f += 0.02);
        },
    },
    Fault {
        name: "plateau of 30 ms shortly before the onset",
        expect: Expect::Either,
        code: None,
        apply: |_, r, _| {
            let at = near_onset(r) - 100;
            r.force_n[at..at + 30].iter_mut().for_each(|f| *f += 0.06);
        },
    },
    Fault {
        name: "pull of 15 mN in the rise of the press",
        expect: Expect::Either,
        code: None,
        apply: |_, r, _| {
            let at = near_onset(r) - 60;
            for i in at..r.len() {
                r.force_n[i] += 0.015 * ((i - at) as f64 / 150.0).min(1.0);
            }
        },
    },
    Fault {
        name: "step up shortly before the onset",
        expect: Expect::Either,
        code: None,
        apply: |_, r, _| {
            let at = near_onset(r) - 300;
            r.force_n[at..].iter_mut().for_each(|f| *f += 0.1);
        },
    },
    Fault {
        name: "stage slips by 30 um before the onset",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| {
            let at = near_onset(r) - 100;
            r.stage_mm[at..].iter_mut().for_each(|z| *z -= 0.03);
        },
    },
    Fault {
        name: "stage frozen in the press",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| {
            let rows = span(r, Phase::Press);
            let z = r.stage_mm[rows.start];
            r.stage_mm[rows].fill(z);
        },
    },
    Fault {
        name: "stage frozen for 200 rows over the onset",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| {
            let at = near_onset(r) - 150;
            let z = r.stage_mm[at];
            r.stage_mm[at..at + 200].fill(z);
        },
    },
    Fault {
        name: "single wrong stage readings",
        expect: Expect::Measured,
        code: Some("stage-spike"),
        apply: |_, r, s| {
            for _ in 0..8 {
                let at = 5 + (s.uniform() * (r.len() - 10) as f64) as usize;
                r.stage_mm[at] = 0.0;
            }
        },
    },
    Fault {
        name: "saturated in the hold only",
        expect: Expect::Either,
        code: Some("saturated"),
        apply: |_, r, _| {
            let rows = span(r, Phase::Hold);
            let rail = r.force_n[rows.clone()].iter().sum::<f64>() / rows.len() as f64 - 0.02;
            r.force_n.iter_mut().for_each(|f| *f = f.min(rail));
        },
    },
    Fault {
        name: "saturated above a third of the peak",
        expect: Expect::Either,
        code: Some("saturated"),
        apply: |_, r, _| {
            let rail = 0.33 * r.force_n[peak(r)];
            r.force_n.iter_mut().for_each(|f| *f = f.min(rail));
        },
    },
    Fault {
        name: "force stuck from before the onset to the hold",
        expect: Expect::Either,
        code: Some("stuck-force"),
        apply: |_, r, _| {
            let (at, end) = (near_onset(r) - 200, span(r, Phase::Hold).start);
            let f = r.force_n[at];
            r.force_n[at..end].fill(f);
        },
    },
    Fault {
        name: "force stuck for 120 rows of the baseline",
        expect: Expect::Measured,
        code: Some("stuck-force"),
        apply: |_, r, _| {
            let f = r.force_n[60];
            r.force_n[60..180].fill(f);
        },
    },
    Fault {
        name: "force stuck throughout",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| r.force_n.fill(0.0123),
    },
    Fault {
        name: "force inverted",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| r.force_n.iter_mut().for_each(|f| *f = -*f),
    },
    Fault {
        name: "stage inverted",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| r.stage_mm.iter_mut().for_each(|z| *z = 30.0 - *z),
    },
    Fault {
        name: "force in grams",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| r.force_n.iter_mut().for_each(|f| *f *= 102.0),
    },
    Fault {
        name: "force in millinewtons",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| r.force_n.iter_mut().for_each(|f| *f *= 1000.0),
    },
    Fault {
        name: "stage in micrometres",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| r.stage_mm.iter_mut().for_each(|z| *z *= 1000.0),
    },
    Fault {
        name: "touch and press swapped",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| {
            rebuilt(r, |_, p, t, f, z| {
                let p = match p {
                    Phase::Touch => Phase::Press,
                    Phase::Press => Phase::Touch,
                    other => other,
                };
                Some((p, t, f, z))
            });
        },
    },
    Fault {
        name: "hold and withdraw swapped",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| {
            rebuilt(r, |_, p, t, f, z| {
                let p = match p {
                    Phase::Hold => Phase::Withdraw,
                    Phase::Withdraw => Phase::Hold,
                    other => other,
                };
                Some((p, t, f, z))
            });
        },
    },
    Fault {
        name: "no withdrawal",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, _| rebuilt(r, |_, p, t, f, z| (p != Phase::Withdraw).then_some((p, t, f, z))),
    },
    Fault {
        name: "ends half way through the withdrawal",
        expect: Expect::Either,
        code: None,
        apply: |_, r, _| {
            let end = span(r, Phase::Withdraw).start + span(r, Phase::Withdraw).len() / 3;
            rebuilt(r, |i, p, t, f, z| (i < end).then_some((p, t, f, z)));
        },
    },
    Fault {
        name: "touch begins in contact",
        expect: Expect::Either,
        code: None,
        apply: |_, r, _| {
            let rows = span(r, Phase::Touch);
            let base = r.force_n[0];
            let at = rows.clone().find(|i| r.force_n[*i] > base + 0.05).expect("contact");
            rebuilt(r, |i, p, t, f, z| (i >= at).then_some((p, t, f, z)));
        },
    },
    Fault {
        name: "press begins in contact",
        expect: Expect::Either,
        code: None,
        apply: |_, r, _| {
            let (start, at) = (span(r, Phase::Press).start, near_onset(r));
            rebuilt(r, |i, p, t, f, z| (!(start..at).contains(&i)).then_some((p, t, f, z)));
        },
    },
    Fault {
        name: "no contact",
        expect: Expect::Refused,
        code: None,
        apply: |_, r, s| r.force_n.iter_mut().for_each(|f| *f = 0.02 + 0.001 * s.normal()),
    },
];

/// What is wrong with an outcome, in words; `None` where all is well.
fn complaint(fault: &Fault, truth: &Truth, measurement: &Measurement) -> Option<String> {
    match &measurement.outcome {
        Err(_) if fault.expect == Expect::Measured => Some("refused".to_owned()),
        Err(_) => None,
        Ok(_) if fault.expect == Expect::Refused => Some("measured".to_owned()),
        Ok(Outcome::Press(press)) => {
            let off = |value: f64, u: f64, true_mm: f64| (value - true_mm).abs() > (4.0 * u).max(0.006);
            if off(press.face_mm.value, press.face_mm.u(), truth.face_mm) {
                return Some("face is off".to_owned());
            }
            if press.punctured != truth.entered {
                return Some("entry is judged wrongly".to_owned());
            }
            if off(press.protrusion_mm.value, press.protrusion_mm.u(), truth.protrusion_mm) {
                return Some("protrusion is off".to_owned());
            }
            if press.punctured && off(press.penetration_mm.value, press.penetration_mm.u(), truth.penetration_mm) {
                return Some("penetration is off".to_owned());
            }
            let named = fault.code.is_none_or(|code| measurement.anomalies.iter().any(|a| a.code == code));
            (!named).then(|| "is not named".to_owned())
        }
        Ok(_) => Some("is no press".to_owned()),
    }
}

/// Worlds of one to 36 needles whose clean capture is measured well.
const WORLDS: [u64; 8] = [0, 1, 3, 4, 5, 6, 7, 9];
/// Captures of a world that is not ours, with their truth.
const CAPTURES: [&str; 4] = ["press-00", "press-03", "press-07", "press-11"];

fn capture(name: &str) -> (Header, Recording, Truth) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let (header, mut source) = header::open(&folder.join(format!("{name}.json"))).expect("fixture");
    let recording = Recording::read(source.as_mut(), 100_000).expect("fixture");
    let truth = std::fs::read_to_string(folder.join(format!("{name}.truth.json"))).expect("fixture");
    let truth: serde_json::Value = serde_json::from_str(&truth).expect("fixture");
    let number = |key: &str| truth[key].as_f64().expect("number");
    let truth = Truth {
        face_mm: number("face_mm"),
        protrusion_mm: number("protrusion_mm"),
        penetration_mm: number("penetration_mm"),
        entered: number("punctured_needles") > 0.0,
        needles: header.needles.expect("needles"),
    };
    (header, recording, truth)
}

#[test]
fn every_fault_is_measured_and_named_or_refused() {
    let worlds = WORLDS.iter().map(|seed| (seed.to_string(), press_world::draw(*seed)));
    let bases: Vec<_> = worlds.chain(CAPTURES.iter().map(|name| ((*name).to_owned(), capture(name)))).collect();
    let mut complaints = Vec::new();
    for fault in FAULTS {
        for (name, (header, recording, truth)) in &bases {
            let (mut header, mut recording) = (header.clone(), recording.clone());
            (fault.apply)(&mut header, &mut recording, &mut Stream::named(1, &format!("{} {name}", fault.name)));
            let measurement = press::measure(&header, &recording);
            if let Some(verdict) = complaint(fault, truth, &measurement) {
                complaints.push(format!("{} in {name}: {verdict}; {}", fault.name, in_words(truth, &measurement)));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn in_words(truth: &Truth, measurement: &Measurement) -> String {
    let codes: Vec<&str> = measurement.anomalies.iter().map(|a| a.code.as_str()).collect();
    match &measurement.outcome {
        Ok(Outcome::Press(p)) => format!(
            "{} needles, protrusion off by {:.2} u {:.2}, penetration {:.2} u {:.2} um, {codes:?}",
            truth.needles,
            1e3 * (p.protrusion_mm.value - truth.protrusion_mm),
            1e3 * p.protrusion_mm.u(),
            1e3 * (p.penetration_mm.value - truth.penetration_mm),
            1e3 * p.penetration_mm.u()
        ),
        Ok(_) => "no press".to_owned(),
        Err(refusal) => format!("refused {}: {}, {codes:?}", refusal.code, refusal.message),
    }
}

/// What the header leaves out is said, and costs uncertainty; what it states is not.
#[test]
fn what_the_header_leaves_out_is_named() {
    let (mut header, recording, _) = press_world::draw(7);
    header.compliance_u_mm_per_n = Some(0.01 * header.compliance_mm_per_n);
    header.force.as_mut().expect("a channel").scale_u = Some(0.002);
    let of = |header: &Header| {
        let measurement = press::measure(header, &recording);
        let assumed = measurement.anomalies.into_iter().find(|anomaly| anomaly.code == "assumed");
        let Ok(Outcome::Press(press)) = measurement.outcome else { panic!("measured before") };
        (assumed, press.protrusion_mm.u())
    };
    let (assumed, stated_mm) = of(&header);
    assert_eq!(assumed, None);
    header.needles = None;
    header.compliance_u_mm_per_n = None;
    let (assumed, unknown_mm) = of(&header);
    let assumed = assumed.expect("two keys are missing");
    assert!(assumed.count == 2 && assumed.message.contains("needles: averaged over 1 to 36"), "{assumed:?}");
    assert!(assumed.message.contains("compliance_u_mm_per_n: 5 %"), "{assumed:?}");
    assert!(unknown_mm > 1.2 * stated_mm, "{unknown_mm} {stated_mm}");
}

/// A hold that is clipped takes nothing from the rise, nor the zero from the withdrawal.
#[test]
fn a_clipped_hold_refuses_no_protrusion() {
    for seed in [3, 4, 5, 6, 7, 9] {
        let (header, mut recording, truth) = press_world::draw(seed);
        let rows = span(&recording, Phase::Hold);
        let rail_n = recording.force_n[rows.start] - 0.01;
        recording.force_n.iter_mut().for_each(|force_n| *force_n = force_n.min(rail_n));
        let measurement = press::measure(&header, &recording);
        assert!(measurement.anomalies.iter().any(|anomaly| anomaly.code == "saturated"), "{seed}");
        let Ok(Outcome::Press(press)) = measurement.outcome else { panic!("{seed}: {:?}", measurement.outcome) };
        assert!((press.protrusion_mm.value - truth.protrusion_mm).abs() < 4.0 * press.protrusion_mm.u(), "{seed}");
        assert!((press.penetration_mm.value - truth.penetration_mm).abs() < 4.0 * press.penetration_mm.u(), "{seed}");
    }
}

/// Needles that nothing drags at: the drop shows that they entered, and the withdrawal is free long before the tip.
#[test]
fn a_phantom_without_friction_is_measured() {
    let mut measured = 0;
    for seed in 0..40 {
        let (header, recording, truth) = press_world::frictionless(seed);
        match press::measure(&header, &recording).outcome {
            Ok(Outcome::Press(press)) if truth.entered => {
                assert!(press.punctured, "{seed}");
                let off = |value: f64, u: f64, truth: f64| (value - truth).abs() / (3.5 * u).max(0.01);
                let protrusion = off(press.protrusion_mm.value, press.protrusion_mm.u(), truth.protrusion_mm);
                let penetration = off(press.penetration_mm.value, press.penetration_mm.u(), truth.penetration_mm);
                assert!(protrusion < 1.0 && penetration < 1.0, "{seed}: {protrusion} {penetration}");
                measured += 1;
            }
            Ok(_) => {}
            Err(refusal) => assert_eq!(refusal.code, "entry-unclear", "{seed}: {}", refusal.message),
        }
    }
    assert!(measured >= 25, "{measured} of 40");
}

/// Whatever rows hold, the answer is a measurement or a refusal.
#[test]
fn rows_of_nonsense_do_not_panic() {
    let (header, clean, _) = press_world::draw(6);
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e300, -1e300, 1e-300];
    for seed in 0..200 {
        let mut stream = Stream::named(seed, "nonsense");
        let mut recording = clean.clone();
        let keep = stream.uniform();
        for _ in 0..1 + (stream.uniform() * 40.0) as usize {
            let start = (stream.uniform() * recording.len() as f64) as usize;
            let end = (start + 1 + (stream.uniform().powi(3) * 2000.0) as usize).min(recording.len());
            let value = odd[(stream.uniform() * odd.len() as f64) as usize];
            let column = match (stream.uniform() * 3.0) as u32 {
                0 => &mut recording.t_s,
                1 => &mut recording.force_n,
                _ => &mut recording.stage_mm,
            };
            column[start..end].fill(value);
        }
        let whole = stream.chance(0.5);
        rebuilt(&mut recording, |_, p, t, f, z| (whole || stream.chance(keep)).then_some((p, t, f, z)));
        let outcome = press::measure(&header, &recording).outcome;
        if let Ok(Outcome::Press(press)) = outcome {
            assert!(press.protrusion_mm.u() > 0.0 && press.protrusion_mm.value.is_finite(), "{seed}");
        }
    }
}
