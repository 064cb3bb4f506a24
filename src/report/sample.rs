//! Synthetic records for the tests of reports: plausible numbers, no physics to rely on.

use crate::{
    acceptance::{Row, Verdict},
    capture::{ForceChannel, Header, Kind, Phase, StageChannel},
    measure::{Anomaly, Dynamic, Measurement, Outcome, Press, Refusal, ScanBin},
    prng::Stream,
    record::{
        model::{
            Attempt, CaptureRecord, Check, Curve, JournalLine, PressRow, RunRecord, Signatures, Stop, StrokeRow,
            VerdictDocument,
        },
        signature::{Signed, Statement},
    },
    uncertainty::{Budget, Measured},
};
use std::collections::BTreeMap;

/// A text that breaks out of any place that does not escape it.
pub const HOSTILE: &str = "<script>alert(1)</script>\"'&]]>--><!--\u{1b}[31m|`";

/// Protrusion of the sample, mm.
const PROTRUSION_MM: f64 = 1.497;

/// An accepted run with presses, strokes, anomalies and a refusal at set depth 1.5 mm.
pub fn accepted(strokes: u64) -> RunRecord {
    let mut stream = Stream::named(1, "report sample");
    let mut record = empty(Verdict::Accept);
    for site in 0..12 {
        let capture = press(site, &mut stream);
        if let Ok(Outcome::Press(press)) = &capture.measurement.outcome {
            record.presses.push(press_row(site, press, &capture.name));
        }
        record.captures.push(capture);
    }
    let stroke_rows = stroke_rows(strokes, &mut stream);
    record.captures.push(dynamic(stroke_rows.iter().filter(|row| row.missed).count() as u64));
    record.captures.push(refused());
    record.strokes = stroke_rows;
    record.verdict.reason = "All 5 criteria hold at their stated confidence.".to_owned();
    record.verdict.criteria = criteria();
    record.checks = [
        ("identity of the pen", true, "pen-sim 1.0.0, as configured"),
        ("force noise", true, "1.4 mN rms; limit 5 mN"),
    ]
    .map(|(name, passed, detail)| Check { name: name.to_owned(), passed, detail: detail.to_owned() })
    .to_vec();
    record.journal = (0..60)
        .map(|line| JournalLine {
            t_s: f64::from(line) * 9.7,
            event: "phase".to_owned(),
            text: format!("press at site {line}"),
        })
        .collect();
    let cut_off = "force 8.20 N is beyond 8 N";
    let attempt = |number, whole, ended: &str, kept: Option<&str>| {
        let (capture, ended) = ("press-03".to_owned(), ended.to_owned());
        Attempt { capture, number, began_s: 40.0 * number as f64, whole, ended, kept: kept.map(str::to_owned) }
    };
    record.attempts = vec![attempt(1, false, cut_off, Some("press-03.attempt-1")), attempt(2, true, "recorded", None)];
    let (kind, bench) = (Stop::INTERLOCK.to_owned(), Some("pen stopped, stage withdrawn, both confirmed".to_owned()));
    record.stops = vec![Stop { t_s: 41.5, kind, why: cut_off.to_owned(), bench }];
    record.settings =
        vec![("rig.toml".to_owned(), "schema = \"rig/1\"\nname = \"sim\"\nsimulated = true\n".to_owned())];
    record
}

/// A run with a verdict and nothing measured.
pub fn empty(verdict: Verdict) -> RunRecord {
    let versions = [
        ("rig", "0.1.0"),
        ("verdict", "verdict/1"),
        ("generator", "chacha8/sha256-label"),
        ("firmware.pen", "pen-sim 1.0.0"),
    ];
    RunRecord {
        verdict: VerdictDocument {
            schema: "verdict/1".to_owned(),
            run: "20260810T091500Z-1.5mm-ab12cd".to_owned(),
            verdict,
            reason: "Nothing was measured.".to_owned(),
            simulated: true,
            seed: Some(42),
            criteria: Vec::new(),
            scope: "this cartridge on this pen; one cartridge says nothing about others".to_owned(),
            gauge: None,
            operating_characteristic: Vec::new(),
            rig: "built-in".to_owned(),
            plan: "standard".to_owned(),
            cartridge: "1.5mm".to_owned(),
            pen: "pen-sim".to_owned(),
            versions: versions.map(|(part, version)| (part.to_owned(), version.to_owned())).into(),
            bench_state: "safe".to_owned(),
            started: "2026-08-10T09:15:00Z".to_owned(),
            bench_time_s: 612.4,
        },
        presses: Vec::new(),
        strokes: Vec::new(),
        captures: Vec::new(),
        checks: Vec::new(),
        attempts: Vec::new(),
        stops: Vec::new(),
        journal: Vec::new(),
        settings: Vec::new(),
        signatures: Signatures::default(),
        digest: "5eed".repeat(16),
    }
}

/// [`accepted`] with [`HOSTILE`] wherever a text can come from outside.
pub fn hostile() -> RunRecord {
    let mut record = accepted(50);
    let bad = || HOSTILE.to_owned();
    let run = &mut record.verdict;
    for text in [
        &mut run.run,
        &mut run.reason,
        &mut run.scope,
        &mut run.rig,
        &mut run.plan,
        &mut run.cartridge,
        &mut run.pen,
        &mut run.bench_state,
        &mut run.started,
    ] {
        *text = bad();
    }
    run.versions = BTreeMap::from([(bad(), bad())]);
    for row in &mut run.criteria {
        for text in [&mut row.criterion, &mut row.unit, &mut row.method, &mut row.reason, &mut row.rationale] {
            *text = bad();
        }
        row.notes = vec![bad()];
    }
    for capture in &mut record.captures {
        capture.name = bad();
        capture.measurement.anomalies = vec![Anomaly { code: bad(), count: 1, message: bad() }];
        match &mut capture.measurement.outcome {
            Err(refusal) => *refusal = Refusal { code: bad(), message: bad() },
            Ok(Outcome::Press(press)) => {
                press.protrusion_mm.budget.terms.iter_mut().for_each(|term| term.source = bad())
            }
            Ok(_) => {}
        }
    }
    record.presses.iter_mut().for_each(|row| (row.cartridge, row.capture) = (bad(), bad()));
    record.strokes.iter_mut().for_each(|row| row.capture = bad().into());
    record.checks = vec![Check { name: bad(), passed: false, detail: bad() }];
    record.journal = vec![JournalLine { t_s: f64::NAN, event: bad(), text: bad() }];
    record.attempts =
        vec![Attempt { capture: bad(), number: 1, began_s: f64::NAN, whole: false, ended: bad(), kept: Some(bad()) }];
    record.stops = vec![Stop { t_s: f64::NAN, kind: bad(), why: bad(), bench: Some(bad()) }];
    record.settings = vec![(bad(), bad())];
    let statement = Statement {
        schema: bad(),
        run: bad(),
        manifest: bad(),
        previous: bad(),
        role: bad(),
        name: bad(),
        reason: bad(),
        at: bad(),
    };
    record.signatures = Signatures { held: vec![Signed { statement, key: bad(), known: false }], broken: vec![bad()] };
    record
}

/// [`accepted`] with numbers that are none.
pub fn not_finite() -> RunRecord {
    let mut record = accepted(300);
    for row in record.strokes.iter_mut().step_by(3) {
        (row.protrusion_mm, row.penetration_mm, row.peak_force_n) =
            (Some(f64::NAN), Some(f64::INFINITY), f64::NEG_INFINITY);
    }
    for capture in &mut record.captures {
        capture.curve.points.iter_mut().step_by(7).for_each(|point| point.2 = f64::NAN);
        match &mut capture.measurement.outcome {
            Ok(Outcome::Press(press)) => (press.protrusion_mm.value, press.face_mm.value) = (f64::NAN, f64::INFINITY),
            Ok(Outcome::Dynamic(dynamic)) => dynamic.scan.iter_mut().for_each(|bin| bin.peak_force_n = f64::NAN),
            _ => {}
        }
    }
    for row in &mut record.verdict.criteria {
        (row.estimate, row.upper, row.limit_lower, row.guard_band) =
            (Some(f64::NAN), Some(f64::INFINITY), Some(f64::NAN), f64::INFINITY);
    }
    record
}

/// [`accepted`] at several set depths and with a second capture of the running pen at each.
pub fn set_depths(count: u32) -> RunRecord {
    let mut record = empty(Verdict::Accept);
    for step in 0..count {
        let set_depth_mm = 0.25 * f64::from(step + 1);
        for cartridge in 0..2 {
            let mut part = accepted(400);
            let rename = |name: &str| format!("{name}-{step}-{cartridge}");
            for capture in &mut part.captures {
                (capture.header.set_depth_mm, capture.name) = (Some(set_depth_mm), rename(&capture.name));
            }
            part.presses
                .iter_mut()
                .for_each(|row| (row.set_depth_mm, row.capture) = (set_depth_mm, rename(&row.capture)));
            part.strokes
                .iter_mut()
                .for_each(|row| (row.set_depth_mm, row.capture) = (set_depth_mm, rename(&row.capture).into()));
            if cartridge == 0 {
                part.verdict.criteria.iter_mut().for_each(|row| row.set_depth_mm = Some(set_depth_mm));
                record.verdict.criteria.append(&mut part.verdict.criteria);
            }
            record.captures.append(&mut part.captures);
            record.presses.append(&mut part.presses);
            record.strokes.append(&mut part.strokes);
        }
    }
    record
}

fn measured(value: f64, random: f64, common: f64) -> Measured {
    let mut budget = Budget::default();
    budget.random("onset of force in noise (fit)", random, Some(24.0));
    budget.random("encoder resolution", common / 3.0, None);
    budget.common("compliance of the load path, calibration", common, Some(50.0));
    budget.common("lag of the force channel at the press speed", common / 2.0, None);
    Measured::new(value, budget)
}

fn header(kind: Kind, name: &str) -> Header {
    Header {
        schema: "capture/1".to_owned(),
        kind,
        data: format!("{name}.csv"),
        sample_rate_hz: 10_000.0,
        set_depth_mm: Some(1.5),
        needles: Some(12),
        compliance_mm_per_n: 0.0066,
        compliance_u_mm_per_n: Some(0.0003),
        force: Some(ForceChannel {
            natural_hz: 891.4,
            damping: 0.52,
            resolution_n: 1e-4,
            range_n: Some(10.0),
            natural_u_hz: None,
            damping_u: None,
            scale_u: Some(0.002),
        }),
        stage: Some(StageChannel { resolution_mm: 1e-4, scale_u_mm: None }),
        gauge: None,
        stroke_rate_hz: (kind == Kind::Dynamic).then_some(110.0),
        pairing: None,
        simulated: true,
    }
}

fn press(site: u32, stream: &mut Stream) -> CaptureRecord {
    let name = format!("press-1.5mm-{site:02}");
    let face_mm = 13.4 + 0.01 * stream.normal();
    let protrusion_mm = PROTRUSION_MM + 0.003 * stream.normal();
    let puncture_n = 0.95 + 0.05 * stream.normal();
    let mut points = Vec::new();
    let noise = |stream: &mut Stream| 0.0015 * stream.normal();
    for step in 0..400 {
        let x = -2.5 + f64::from(step) / 400.0 * 2.52;
        points.push((Phase::Touch.name(), face_mm + x, 25.0 * x.max(0.0).powf(1.3) + noise(stream)));
    }
    let inside = |x: f64| (x + protrusion_mm).max(0.0);
    let curve = |x: f64| {
        let indented = inside(x);
        if indented < 0.62 {
            puncture_n * (indented / 0.62).powf(1.6)
        } else {
            0.45 * puncture_n + 0.55 * (indented - 0.62)
        }
    };
    for step in 0..1500 {
        let x = -2.2 + f64::from(step) / 1500.0 * 2.2;
        points.push((Phase::Press.name(), face_mm + x, curve(x) + noise(stream)));
    }
    let top_n = curve(0.0);
    points.extend(
        (0..50).map(|step| (Phase::Hold.name(), face_mm, top_n * (0.85 + 0.15 * (-f64::from(step) / 12.0).exp()))),
    );
    for step in 0..500 {
        let x = -f64::from(step) / 500.0 * 2.0;
        points.push((
            Phase::Withdraw.name(),
            face_mm + x,
            0.85 * top_n * (1.0 + x / 0.35).max(0.0) - if x > -1.4 && x < -0.3 { 0.08 } else { 0.0 } + noise(stream),
        ));
    }
    let press = Press {
        face_mm: measured(face_mm, 3e-4, 1e-4),
        tip_mm: measured(face_mm - protrusion_mm, 2e-3, 1e-4),
        protrusion_mm: measured(protrusion_mm, 2.4e-3 + 1e-5 * f64::from(site), 1.1e-3),
        penetration_mm: measured(protrusion_mm - 0.122 + 0.003 * stream.normal(), 4e-3, 1.4e-3),
        punctured: true,
        puncture_force_n: Some(measured(puncture_n, 8e-3, 2e-3)),
        puncture_index: Some(12_345),
    };
    let anomalies = if site.is_multiple_of(4) {
        vec![Anomaly {
            code: "hum".to_owned(),
            count: 1,
            message: "50 Hz, 3.1 mN rms, taken out by a notch; u grows by 0.2 µm".to_owned(),
        }]
    } else {
        Vec::new()
    };
    CaptureRecord {
        header: header(Kind::Press, &name),
        name,
        measurement: Measurement { outcome: Ok(Outcome::Press(press)), anomalies },
        curve: Curve { points },
    }
}

fn press_row(site: u32, press: &Press, capture: &str) -> PressRow {
    PressRow {
        pen: "pen-sim".to_owned(),
        cartridge: "1.5mm".to_owned(),
        set_depth_mm: 1.5,
        site,
        face_mm: Some(press.face_mm.value),
        tip_mm: Some(press.tip_mm.value),
        protrusion_mm: Some(press.protrusion_mm.value),
        protrusion_u_mm: Some(press.protrusion_mm.u()),
        penetration_mm: Some(press.penetration_mm.value),
        penetration_u_mm: Some(press.penetration_mm.u()),
        puncture_force_n: press.puncture_force_n.as_ref().map(|force| force.value),
        punctured: Some(press.punctured),
        capture: capture.to_owned(),
        operator: None,
        repeat: None,
    }
}

fn stroke_rows(strokes: u64, stream: &mut Stream) -> Vec<StrokeRow> {
    let mut drift = 0.0;
    let rows = 0..strokes;
    rows.map(|stroke| {
        drift = 0.6 * drift + 0.8 * stream.normal();
        let protrusion_mm = PROTRUSION_MM + 0.012 * drift;
        let missed = stroke % 211 == 97;
        StrokeRow {
            pen: "pen-sim".into(),
            cartridge: "1.5mm".into(),
            set_depth_mm: 1.5,
            stroke,
            start_s: stroke as f64 / 110.0,
            period_s: 1.0 / 110.0,
            peak_force_n: if missed { 0.002 } else { 1.6 + 4.0 * (protrusion_mm - PROTRUSION_MM) },
            protrusion_mm: (!missed).then_some(protrusion_mm),
            protrusion_u_mm: (!missed).then_some(0.003),
            penetration_mm: (!missed).then_some(protrusion_mm - 0.137 + 0.004 * stream.normal()),
            penetration_u_mm: (!missed).then_some(0.005),
            missed,
            capture: "dynamic-1.5mm-00".into(),
        }
    })
    .collect()
}

fn dynamic(missed: u64) -> CaptureRecord {
    let name = "dynamic-1.5mm-00".to_owned();
    let scan = (0..40)
        .map(|bin| {
            let gap_mm = 1.2 + 0.01 * f64::from(bin);
            let touch_share = 1.0 / (1.0 + ((gap_mm - PROTRUSION_MM) / 0.007).exp());
            let touch_share = if touch_share < 0.003 { 0.0 } else { touch_share };
            ScanBin {
                gap_mm,
                strokes: 25,
                touch_share,
                peak_force_n: 2.2 * (PROTRUSION_MM + 0.02 - gap_mm).max(0.0).powf(1.4),
            }
        })
        .collect();
    let dynamic = Dynamic {
        face_mm: measured(13.402, 3e-4, 1e-4),
        stroke_rate_hz: measured(110.02, 2e-3, 1e-3),
        period_jitter_s: 3e-5,
        protrusion_mm: measured(PROTRUSION_MM, 2e-3, 1.5e-3),
        protrusion_sd_mm: 0.0116,
        protrusion_sd_u_mm: 0.0009,
        penetration_mm: measured(1.36, 5e-3, 2e-3),
        penetration_sd_mm: 0.013,
        penetration_sd_u_mm: 0.001,
        missed,
        strokes: Vec::new(),
        scan,
    };
    let anomalies = vec![Anomaly {
        code: "gap".to_owned(),
        count: 3,
        message: "3 samples lost in phase run at 12.41 s; the strokes there are measured".to_owned(),
    }];
    CaptureRecord {
        header: header(Kind::Dynamic, &name),
        name,
        measurement: Measurement { outcome: Ok(Outcome::Dynamic(dynamic)), anomalies },
        curve: Curve::default(),
    }
}

fn refused() -> CaptureRecord {
    let name = "press-1.5mm-12".to_owned();
    let message =
        "press-1.5mm-12, phase touch: the force never rises above 9 mN; check the phantom and repeat".to_owned();
    let points = (0..100)
        .map(|step| (Phase::Touch.name(), 10.0 + f64::from(step) * 0.04, 0.001 * f64::from(step % 3)))
        .collect();
    let outcome = Err(Refusal { code: "no-contact".to_owned(), message });
    CaptureRecord {
        header: header(Kind::Press, &name),
        name,
        measurement: Measurement { outcome, anomalies: Vec::new() },
        curve: Curve { points },
    }
}

/// One criterion of each kind.
fn criteria() -> Vec<Row> {
    let row = |criterion: &str, quantity: &str, unit: &str, numbers: [Option<f64>; 5], guard_band| Row {
        criterion: criterion.to_owned(),
        set_depth_mm: Some(1.5),
        quantity: quantity.to_owned(),
        unit: unit.to_owned(),
        n: 1000,
        estimate: numbers[0],
        lower: numbers[1],
        upper: numbers[2],
        limit_lower: numbers[3],
        limit_upper: numbers[4],
        guard_band,
        verdict: Verdict::Accept,
        method: "two-sided normal tolerance interval, 95 % coverage, 95 % confidence; 1000 strokes, 412 effective"
            .to_owned(),
        reason: "The interval lies inside the limits drawn in by the guard band.".to_owned(),
        rationale: "design input DI-12: half the difference between neighbouring settings".to_owned(),
        notes: vec!["Anderson-Darling of the residuals: p = 0.41".to_owned()],
    };
    vec![
        row("protrusion", "protrusion", "mm", [Some(1.497), Some(1.4718), Some(1.5222), Some(1.4), Some(1.6)], 0.0031),
        row("penetration", "penetration", "mm", [Some(1.36), Some(1.331), Some(1.389), Some(1.2), Some(1.5)], 0.0046),
        row(
            "rate",
            "puncture_rate",
            "Hz",
            [Some(110.02), Some(110.012), Some(110.028), Some(108.9), Some(111.1)],
            0.002,
        ),
        row("missed", "missed", "1", [Some(0.004), None, Some(0.0091), None, Some(0.01)], 0.0),
        Row {
            set_depth_mm: None,
            ..row("consistency", "stroke_sd", "mm", [Some(0.0116), None, Some(0.0121), None, Some(0.02)], 0.0)
        },
    ]
}
