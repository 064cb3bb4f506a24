//! Measurements as documents: `analysis/1` of `rig analyze --json`, and the table of strokes.
//!
//! Invariants: keys stand as in the contract, further ones may be added; a number that is not finite is never
//! written: a measurement that holds one is shown as refused, with the key that holds it.
//! Deliberately absent: files, wording for people (see the report), any computation but the coverage factor.

use crate::{
    capture::Kind,
    measure::{Anomaly, Dynamic, Measurement, Outcome, Press, Puncture, Refusal, Stroke},
    stats::distribution::{Distribution, Normal, StudentT},
    uncertainty::Measured,
};
use serde_json::{Map, Value, json};
use std::io::Write;

/// The schema that is written.
pub const SCHEMA: &str = "analysis/1";

/// Coverage probability of the expanded uncertainty, two-sided.
const COVERAGE: f64 = 0.95;

/// The whole document, from the entries that [`entry`] made.
pub fn analysis(captures: Vec<Value>) -> Value {
    json!({"schema": SCHEMA, "captures": captures})
}

/// The entry of one capture. `file` is the name of its header, as the user is to see it.
pub fn entry(file: &str, kind: Kind, measurement: &Measurement) -> Value {
    let measurands = match &measurement.outcome {
        Err(reason) => Err(reason.clone()),
        Ok(outcome) => all_finite(match outcome {
            Outcome::Press(press) => of_press(press),
            Outcome::Dynamic(dynamic) => of_dynamic(dynamic),
            Outcome::Puncture(puncture) => of_puncture(puncture),
        }),
    };
    let mut entry = match measurands {
        Ok(mut measurands) => {
            measurands.insert("status".to_owned(), json!("measured"));
            measurands
        }
        Err(reason) => Map::from_iter([
            ("status".to_owned(), json!("refused")),
            ("reason".to_owned(), json!({"code": reason.code, "message": reason.message})),
        ]),
    };
    entry.insert("file".to_owned(), json!(file));
    entry.insert("kind".to_owned(), json!(kind));
    entry.insert("anomalies".to_owned(), measurement.anomalies.iter().map(of_anomaly).collect());
    Value::Object(entry)
}

fn of_press(press: &Press) -> Vec<(&'static str, Value)> {
    vec![
        ("face_mm", measured(&press.face_mm)),
        ("tip_mm", measured(&press.tip_mm)),
        ("protrusion_mm", measured(&press.protrusion_mm)),
        ("penetration_mm", measured(&press.penetration_mm)),
        ("punctured", json!(press.punctured)),
        ("puncture_force_n", optional(press.puncture_force_n.as_ref())),
        ("puncture_index", json!(press.puncture_index)),
    ]
}

fn of_dynamic(dynamic: &Dynamic) -> Vec<(&'static str, Value)> {
    let scan = dynamic.scan.iter().map(|bin| {
        json!({"gap_mm": number(bin.gap_mm), "strokes": bin.strokes, "touch_share": number(bin.touch_share),
               "peak_force_n": number(bin.peak_force_n)})
    });
    vec![
        ("face_mm", measured(&dynamic.face_mm)),
        ("stroke_rate_hz", measured(&dynamic.stroke_rate_hz)),
        ("period_jitter_s", number(dynamic.period_jitter_s)),
        ("protrusion_mm", with_sd(&dynamic.protrusion_mm, dynamic.protrusion_sd_mm, dynamic.protrusion_sd_u_mm)),
        ("penetration_mm", with_sd(&dynamic.penetration_mm, dynamic.penetration_sd_mm, dynamic.penetration_sd_u_mm)),
        ("strokes", json!(dynamic.strokes.len())),
        ("missed", json!(dynamic.missed)),
        ("scan", scan.collect()),
    ]
}

fn of_puncture(puncture: &Puncture) -> Vec<(&'static str, Value)> {
    let layers = puncture.layers.iter().map(|(index, force_n)| json!({"index": index, "force_n": number(*force_n)}));
    vec![
        ("tip_mm", optional(puncture.tip_mm.as_ref())),
        ("punctured", json!(puncture.punctured)),
        ("puncture_force_n", optional(puncture.puncture_force_n.as_ref())),
        ("puncture_index", json!(puncture.puncture_index)),
        ("drag_force_n", optional(puncture.drag_force_n.as_ref())),
        ("layers", layers.collect()),
    ]
}

fn of_anomaly(anomaly: &Anomaly) -> Value {
    json!({"code": anomaly.code, "count": anomaly.count, "message": anomaly.message})
}

/// Stands for a number that is not finite until [`all_finite`] has seen it; JSON has none.
const NOT_FINITE: &str = "not finite";

fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(NOT_FINITE) }
}

fn optional(value: Option<&Measured>) -> Value {
    value.map_or(Value::Null, measured)
}

/// A mean over strokes, with their standard deviation and its standard uncertainty.
fn with_sd(value: &Measured, sd: f64, sd_u: f64) -> Value {
    let mut object = measured(value);
    object["sd"] = number(sd);
    object["sd_u"] = number(sd_u);
    object
}

/// `value` and `u` as the contract has them, and the budget: terms, effective degrees of freedom (null: infinitely
/// many), coverage factor and expanded uncertainty for 95 % (JCGM 100, G.4.1 and G.6.4).
fn measured(measured: &Measured) -> Value {
    let (u, dof) = (measured.u(), measured.budget.dof());
    let k95 = coverage_factor(dof);
    let terms = measured.budget.terms.iter().map(
        |term| json!({"source": term.source, "u": number(term.u), "dof": term.dof.map(number), "common": term.common}),
    );
    json!({
        "value": number(measured.value),
        "u": number(u),
        "budget": {
            "terms": terms.collect::<Value>(),
            "dof": dof.map(number),
            "k95": number(k95),
            "expanded": number(k95 * u),
        }
    })
}

/// Student's t for the effective degrees of freedom, cut to whole ones (G.4.1, note 1); the normal quantile where
/// every term is exactly known.
fn coverage_factor(dof: Option<f64>) -> f64 {
    let above = (1.0 - COVERAGE) / 2.0;
    let factor = match dof {
        Some(dof) => StudentT::new(dof.floor().max(1.0)).and_then(|student| student.upper_quantile(above)),
        None => Normal.upper_quantile(above),
    };
    factor.unwrap_or(f64::NAN)
}

/// The keys as an object, or a refusal that names the first key in which a number is not finite.
fn all_finite(keys: Vec<(&'static str, Value)>) -> Result<Map<String, Value>, Refusal> {
    match keys.iter().find(|(_, value)| holds_not_finite(value)) {
        None => Ok(keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        Some((key, _)) => Err(Refusal {
            code: "not-finite".to_owned(),
            message: format!("{key} came out as no finite number; report this capture as a defect of rig"),
        }),
    }
}

fn holds_not_finite(value: &Value) -> bool {
    match value {
        Value::String(text) => text == NOT_FINITE,
        Value::Array(items) => items.iter().any(holds_not_finite),
        Value::Object(keys) => keys.values().any(holds_not_finite),
        _ => false,
    }
}

/// Columns of the table of strokes: those of the run directory's `strokes.csv`.
pub const STROKE_COLUMNS: [&str; 13] = [
    "pen",
    "cartridge",
    "set_depth_mm",
    "stroke",
    "start_s",
    "period_s",
    "peak_force_n",
    "protrusion_mm",
    "protrusion_u_mm",
    "penetration_mm",
    "penetration_u_mm",
    "missed",
    "capture",
];

/// What the strokes of one capture have in common.
#[derive(Clone, Copy, Debug, Default)]
pub struct StrokeOrigin<'a> {
    /// Name of the pen; empty where unknown.
    pub pen: &'a str,
    /// Name of the cartridge; empty where unknown.
    pub cartridge: &'a str,
    /// What the pen was told, mm.
    pub set_depth_mm: Option<f64>,
    /// Name of the capture.
    pub capture: &'a str,
}

/// Writes strokes as CSV (RFC 4180), capture after capture.
pub struct StrokeTable<W: Write> {
    out: csv::Writer<W>,
}

impl<W: Write> StrokeTable<W> {
    /// Begins a table: writes the header.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn new(out: W) -> Result<Self, csv::Error> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(STROKE_COLUMNS)?;
        Ok(Self { out })
    }

    /// Appends the strokes of one capture. What is not known or not finite stays empty.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn append(&mut self, origin: StrokeOrigin<'_>, strokes: &[Stroke]) -> Result<(), csv::Error> {
        let cell = |value: Option<f64>| value.filter(|v| v.is_finite()).map(|v| v.to_string()).unwrap_or_default();
        for stroke in strokes {
            self.out.write_record([
                origin.pen.to_owned(),
                origin.cartridge.to_owned(),
                cell(origin.set_depth_mm),
                stroke.stroke.to_string(),
                cell(Some(stroke.start_s)),
                cell(Some(stroke.period_s)),
                cell(Some(stroke.peak_force_n)),
                cell(stroke.protrusion_mm),
                cell(stroke.protrusion_u_mm),
                cell(stroke.penetration_mm),
                cell(stroke.penetration_u_mm),
                stroke.missed.to_string(),
                origin.capture.to_owned(),
            ])?;
        }
        Ok(())
    }

    /// Flushes and hands back what was written to.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn finish(self) -> Result<W, csv::Error> {
        self.out.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }
}

#[cfg(test)]
mod tests {
    use super::{StrokeOrigin, StrokeTable, analysis, entry, measured};
    use crate::{
        capture::Kind,
        measure::{Anomaly, Dynamic, Measurement, Outcome, Press, Puncture, Refusal, Stroke},
        uncertainty::{Budget, Measured},
    };
    use serde_json::{Value, json};

    fn value(value: f64, u: f64) -> Measured {
        let mut budget = Budget::default();
        budget.random("noise", u, None);
        Measured::new(value, budget)
    }

    fn strokes() -> Vec<Stroke> {
        let stroke = |stroke, protrusion_mm| Stroke {
            stroke,
            start_s: 0.25,
            period_s: 0.01,
            peak_force_n: f64::NAN,
            protrusion_mm,
            protrusion_u_mm: None,
            penetration_mm: protrusion_mm,
            penetration_u_mm: None,
            missed: protrusion_mm.is_none(),
        };
        vec![stroke(0, Some(1.5)), stroke(1, None)]
    }

    /// GUM H.1.6 and table G.2: 16 effective degrees of freedom, t for 95 % is 2.12.
    #[test]
    fn the_budget_is_shown_with_its_coverage_factor() {
        let mut budget = Budget::default();
        for (u, dof) in [(25.0, 18.0), (9.7, 25.6), (2.9, 50.0), (16.6, 2.0)] {
            budget.common("end gauge", u, Some(dof));
        }
        let shown = measured(&Measured::new(50_000_838.0, budget));
        assert_eq!((shown["budget"]["k95"].as_f64().expect("factor") * 100.0).round(), 212.0);
        let expanded = shown["budget"]["expanded"].as_f64().expect("expanded") / shown["u"].as_f64().expect("u");
        assert_eq!((expanded * 100.0).round(), 212.0);
        assert_eq!(shown["budget"]["terms"][3], json!({"source": "end gauge", "u": 16.6, "dof": 2.0, "common": true}));
        let exact = measured(&value(1.0, 0.1));
        assert!((exact["budget"]["k95"].as_f64().expect("factor") - 1.959_963_984_540_054).abs() < 1e-12);
        assert_eq!(exact["budget"]["dof"], Value::Null);
    }

    #[test]
    fn keys_are_those_of_the_contract() {
        let press = Press {
            face_mm: value(13.427, 0.0004),
            tip_mm: value(10.488, 0.002),
            protrusion_mm: value(2.939, 0.002),
            penetration_mm: value(2.817, 0.004),
            punctured: true,
            puncture_force_n: Some(value(0.98, 0.01)),
            puncture_index: Some(1234),
        };
        let hum = Anomaly { code: "hum".to_owned(), count: 1, message: "50 Hz".to_owned() };
        let measurement = Measurement { outcome: Ok(Outcome::Press(press)), anomalies: vec![hum] };
        let shown = entry("press-00.json", Kind::Press, &measurement);
        assert_eq!(
            (&shown["file"], &shown["kind"], &shown["status"]),
            (&json!("press-00.json"), &json!("press"), &json!("measured"))
        );
        assert_eq!((&shown["face_mm"]["value"], &shown["face_mm"]["u"]), (&json!(13.427), &json!(0.0004)));
        assert_eq!(shown["puncture_force_n"]["value"], json!(0.98));
        assert_eq!(shown["anomalies"], json!([{"code": "hum", "count": 1, "message": "50 Hz"}]));

        let dynamic = Dynamic {
            face_mm: value(1.0, 1.0),
            stroke_rate_hz: value(110.02, 0.01),
            period_jitter_s: 1e-5,
            protrusion_mm: value(1.497, 0.004),
            protrusion_sd_mm: 0.0116,
            protrusion_sd_u_mm: 0.0009,
            penetration_mm: value(1.36, 0.01),
            penetration_sd_mm: 0.013,
            penetration_sd_u_mm: 0.001,
            missed: 1,
            strokes: strokes(),
            scan: Vec::new(),
        };
        let measurement = Measurement { outcome: Ok(Outcome::Dynamic(dynamic)), anomalies: Vec::new() };
        let shown = entry("dynamic-00.json", Kind::Dynamic, &measurement);
        assert_eq!((&shown["strokes"], &shown["missed"]), (&json!(2), &json!(1)));
        assert_eq!((&shown["protrusion_mm"]["sd"], &shown["penetration_mm"]["sd"]), (&json!(0.0116), &json!(0.013)));
        assert_eq!(shown["protrusion_mm"]["sd_u"], json!(0.0009));

        let reason = Refusal { code: "no-contact".to_owned(), message: "row 7".to_owned() };
        let refused = entry("x.json", Kind::Press, &Measurement { outcome: Err(reason), anomalies: Vec::new() });
        assert_eq!(refused["reason"], json!({"code": "no-contact", "message": "row 7"}));
        assert_eq!(refused["anomalies"], json!([]));
        assert_eq!(analysis(vec![refused])["schema"], json!("analysis/1"));
    }

    #[test]
    fn what_is_not_finite_is_refused_by_name() {
        let puncture = |drag: f64| Puncture {
            tip_mm: None,
            punctured: true,
            puncture_force_n: Some(value(0.2, 0.01)),
            puncture_index: Some(9),
            drag_force_n: Some(value(drag, 0.01)),
            layers: vec![(9, 0.2)],
        };
        let shown = |drag| {
            let outcome = Ok(Outcome::Puncture(puncture(drag)));
            entry("p.json", Kind::Puncture, &Measurement { outcome, anomalies: Vec::new() })
        };
        assert_eq!((&shown(0.1)["tip_mm"], &shown(0.1)["puncture_index"]), (&Value::Null, &json!(9)));
        for bad in [f64::NAN, f64::INFINITY] {
            let shown = shown(bad);
            assert_eq!((&shown["status"], &shown["reason"]["code"]), (&json!("refused"), &json!("not-finite")));
            assert!(shown["reason"]["message"].as_str().expect("text").starts_with("drag_force_n"));
            assert_eq!(shown["drag_force_n"], Value::Null);
        }
    }

    #[test]
    fn strokes_are_written_as_the_archive_writes_them() {
        let mut table = StrokeTable::new(Vec::new()).expect("memory");
        let origin = StrokeOrigin { capture: "a,b.json", set_depth_mm: Some(1.5), ..StrokeOrigin::default() };
        table.append(origin, &strokes()).expect("memory");
        let text = String::from_utf8(table.finish().expect("memory")).expect("text");
        let expected = "pen,cartridge,set_depth_mm,stroke,start_s,period_s,peak_force_n,protrusion_mm,\
                        protrusion_u_mm,penetration_mm,penetration_u_mm,missed,capture\n\
                        ,,1.5,0,0.25,0.01,,1.5,,1.5,,false,\"a,b.json\"\n,,1.5,1,0.25,0.01,,,,,,true,\"a,b.json\"\n";
        assert_eq!(text, expected);
    }
}
