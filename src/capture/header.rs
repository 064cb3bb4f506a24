//! The JSON header of a capture (contract: `capture/1`), and opening the data beside it.
//!
//! A header that passes here holds every key that its kind needs, each in a range that a bench can have, so that
//! measurement need not ask again. Messages name line, key, value and what to do.
//!
//! Deliberately absent: guesses. A missing calibration is an error; only a puncture test, which may come from any
//! force tester, may leave its channels undescribed.

use crate::{
    capture::{
        Header, Kind, ReadError, Source,
        compact::{MAGIC, reader::CompactSource},
        csv::CsvSource,
    },
    units::within,
};
use serde_json::{Map, Value};
use std::{
    fs::{self, File},
    io::{Cursor, Read},
    path::{Component, Path},
};

/// The schema that this build reads.
pub const SCHEMA: &str = "capture/1";

/// A header is a page of text; more is another file. In bytes.
const HEADER_BYTES_MAX: u64 = 1 << 20;

/// Opens a capture by its header: reads and checks the header, and begins to read the data beside it, which is CSV or
/// the compact form.
///
/// # Errors
///
/// [`ReadError`] where header or data cannot be read, or are no capture.
pub fn open(path: &Path) -> Result<(Header, Box<dyn Source>), ReadError> {
    let file = path.display().to_string();
    let fail = |place: &str, message: String| ReadError { file: file.clone(), place: place.to_owned(), message };
    let unreadable =
        |error: std::io::Error| fail("header", format!("cannot be read: {error}; check path and permissions"));
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > HEADER_BYTES_MAX {
        let message = format!("{bytes} bytes are no capture header; give the .json file, not its data");
        return Err(fail("header", message));
    }
    let text = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(text)
        .map_err(|error| fail(&format!("byte {}", error.utf8_error().valid_up_to()), "is no UTF-8 text".to_owned()))?;
    let header = parse(&file, &text)?;
    let data = path.with_file_name(&header.data);
    let name = data.display().to_string();
    let no_data = |error| fail("key data", format!("{name} cannot be opened: {error}; put it beside the header"));
    let mut input = File::open(&data).map_err(no_data)?;
    let mut start = Vec::new();
    input.by_ref().take(MAGIC.len() as u64).read_to_end(&mut start).map_err(no_data)?;
    let compact = start == MAGIC || data.extension().is_some_and(|ending| ending == "rigc");
    let input = Cursor::new(start).chain(input);
    let source: Box<dyn Source> =
        if compact { Box::new(CompactSource::new(&name, input)?) } else { Box::new(CsvSource::new(&name, input)?) };
    Ok((header, source))
}

/// Reads and checks the text of a header. `file` is the name for messages.
///
/// # Errors
///
/// [`ReadError`] where the text is no JSON, of another schema, lacks a key, or holds a value that cannot be.
pub fn parse(file: &str, text: &str) -> Result<Header, ReadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let fail = |error: &serde_json::Error| json_error(file, text, error);
    let mut map: Map<String, Value> = serde_json::from_str(text).map_err(|error| fail(&error))?;
    check_schema(file, &map)?;
    let undescribed = map.get("kind") == Some(&Value::from("puncture")) && leave_out_undescribed(&mut map);
    let header: Header = if undescribed {
        serde_json::from_value(map.clone().into()).map_err(|error| fail(&error))?
    } else {
        serde_json::from_str(text).map_err(|error| fail(&error))?
    };
    check_keys(file, &header, &map)?;
    check_ranges(&header).map_err(|message| key_error(file, "header", message))?;
    check_data_name(file, &header.data)?;
    Ok(header)
}

fn check_schema(file: &str, map: &Map<String, Value>) -> Result<(), ReadError> {
    let message = match map.get("schema") {
        Some(Value::String(schema)) if schema == SCHEMA => return Ok(()),
        Some(schema) => {
            format!("{schema} is not known to this build, which reads \"{SCHEMA}\"; use the release that wrote it")
        }
        None => format!("is missing; a capture header holds \"schema\": \"{SCHEMA}\""),
    };
    Err(key_error(file, "schema", message))
}

/// Removes channels that a force tester described in part or not at all; true where something was removed.
fn leave_out_undescribed(map: &mut Map<String, Value>) -> bool {
    let before = map.len();
    map.retain(|key, value| match key.as_str() {
        "force" => ["natural_hz", "damping", "resolution_n"].iter().all(|needed| !value[needed].is_null()),
        "stage" => !value["resolution_mm"].is_null(),
        _ => !value.is_null(),
    });
    map.len() < before
}

/// Every key that the kind needs (contract: capture).
fn check_keys(file: &str, header: &Header, map: &Map<String, Value>) -> Result<(), ReadError> {
    let needed: &[&str] = match header.kind {
        // A press is measured without the number of needles, with a larger uncertainty.
        Kind::Press => &["set_depth_mm", "compliance_mm_per_n", "force", "stage"],
        Kind::Dynamic => &["set_depth_mm", "needles", "compliance_mm_per_n", "force", "stage", "stroke_rate_hz"],
        Kind::Puncture => &[],
    };
    for key in needed {
        if map.get(*key).is_none_or(Value::is_null) {
            let message =
                format!("is missing; a {:?} capture cannot be measured without it", header.kind).to_lowercase();
            return Err(key_error(file, key, message));
        }
    }
    Ok(())
}

/// Every value in the range that a bench can have. The message names key, value and range.
fn check_ranges(header: &Header) -> Result<(), String> {
    const OPEN: f64 = f64::INFINITY;
    let check = |what: &str, unit, given: Option<f64>, min, max| {
        given.map_or(Ok(()), |given| within(what, unit, given, min, max).map(|_| ()).map_err(|e| e.to_string()))
    };
    check("sample_rate_hz", "Hz", Some(header.sample_rate_hz), 0.1, 1e7)?;
    check("set_depth_mm", "mm", header.set_depth_mm, 0.0, 20.0)?;
    check("needles", "", header.needles.map(f64::from), 1.0, 10_000.0)?;
    check("compliance_mm_per_n", "mm/N", Some(header.compliance_mm_per_n), 0.0, 10.0)?;
    check("compliance_u_mm_per_n", "mm/N", header.compliance_u_mm_per_n, 0.0, 10.0)?;
    check("stroke_rate_hz", "Hz", header.stroke_rate_hz, 0.1, 10_000.0)?;
    if let Some(force) = &header.force {
        check("force.natural_hz", "Hz", Some(force.natural_hz), 0.1, 1e7)?;
        check("force.damping", "", Some(force.damping), 0.0, 100.0)?;
        check("force.resolution_n", "N", Some(force.resolution_n), 1e-12, 100.0)?;
        check("force.range_n", "N", force.range_n, 1e-6, 1e6)?;
        check("force.natural_u_hz", "Hz", force.natural_u_hz, 0.0, OPEN)?;
        check("force.damping_u", "", force.damping_u, 0.0, OPEN)?;
        check("force.scale_u", "", force.scale_u, 0.0, 1.0)?;
    }
    if let Some(stage) = &header.stage {
        check("stage.resolution_mm", "mm", Some(stage.resolution_mm), 1e-12, 10.0)?;
        check("stage.scale_u_mm", "mm", stage.scale_u_mm, 0.0, 10.0)?;
    }
    if let Some(gauge) = &header.gauge {
        check("gauge.repeatability_u_mm", "mm", Some(gauge.repeatability_u_mm), 0.0, 10.0)?;
        check("gauge.repeatability_dof", "", Some(gauge.repeatability_dof), 0.1, OPEN)?;
        check("gauge.reproducibility_u_mm", "mm", Some(gauge.reproducibility_u_mm), 0.0, 10.0)?;
        check("gauge.reproducibility_dof", "", Some(gauge.reproducibility_dof), 0.1, OPEN)?;
    }
    if let Some(pairing) = &header.pairing {
        check("pairing.time_u_s", "s", Some(pairing.time_u_s), 0.0, 10.0)?;
        check("pairing.delay_u_s", "s", Some(pairing.delay_u_s), 0.0, 10.0)?;
        check("pairing.position_u_mm", "mm", Some(pairing.position_u_mm), 0.0, 10.0)?;
    }
    Ok(())
}

/// The data lies beside its header, so that a folder can be archived and checked as a whole.
fn check_data_name(file: &str, data: &str) -> Result<(), ReadError> {
    let mut parts = Path::new(data).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == data);
    if plain && !data.contains(['\\', '\0']) {
        return Ok(());
    }
    let message =
        format!("{data:?} leaves the folder of the header; put the data beside it and give the plain file name");
    Err(key_error(file, "data", message))
}

fn key_error(file: &str, key: &str, message: String) -> ReadError {
    let place = if key == "header" { key.to_owned() } else { format!("key {key}") };
    ReadError { file: file.to_owned(), place, message }
}

/// Names the line, and shows it: serde's message alone does not say which key holds the value.
fn json_error(file: &str, text: &str, error: &serde_json::Error) -> ReadError {
    const SHOWN_MAX: usize = 80;
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    if error.line() == 0 {
        return key_error(file, "header", format!("{message}; give the value as the contract's capture/1 says"));
    }
    let line = text.lines().nth(error.line() - 1).unwrap_or_default().trim();
    let shown: String = line.chars().take(SHOWN_MAX).collect();
    let hint = if ["NaN", "Infinity", "nan"].iter().any(|word| line.contains(word)) {
        "JSON knows no NaN and no infinity; give the number, or leave the key out"
    } else {
        "correct it as the contract's capture/1 says"
    };
    ReadError {
        file: file.to_owned(),
        place: format!("line {}, column {}", error.line(), error.column()),
        message: format!("{message} (`{shown}`); {hint}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{open, parse};
    use crate::capture::{Kind, Phase, memory::Recording};
    use proptest::prelude::*;

    const PRESS: &str = r#"{
 "schema": "capture/1", "kind": "press", "data": "a.csv", "sample_rate_hz": 2000,
 "set_depth_mm": 1.5,
 "needles": 12, "compliance_mm_per_n": 0.0066,
 "force": {"natural_hz": 891.4, "damping": 0.52, "resolution_n": 0.0001},
 "stage": {"resolution_mm": 0.001}, "operator": "kept out"
}"#;

    #[test]
    fn the_example_of_the_contract_is_read() {
        let header = parse("a.json", PRESS).expect("valid");
        assert_eq!((header.kind, header.set_depth_mm, header.needles), (Kind::Press, Some(1.5), Some(12)));
        assert_eq!(parse("a.json", &format!("\u{feff}{PRESS}")).expect("byte-order mark"), header);
    }

    #[test]
    fn a_puncture_test_may_leave_its_channels_undescribed() {
        let text = r#"{"schema": "capture/1", "kind": "puncture", "data": "p.csv", "sample_rate_hz": 400,
            "set_depth_mm": null, "compliance_mm_per_n": null, "force": {"resolution_n": 0.001}, "stage": null}"#;
        let header = parse("p.json", text).expect("any force tester");
        assert_eq!((header.force, header.stage, header.compliance_mm_per_n), (None, None, 0.0));
        let whole = PRESS.replace("press", "puncture");
        assert!(parse("p.json", &whole).expect("described").force.is_some());
    }

    #[test]
    fn errors_name_the_key_the_value_and_the_remedy() {
        for (from, to, expected) in [
            (
                "\"set_depth_mm\": 1.5",
                "\"set_depth_mm\": NaN",
                "a.json: line 3, column 18: expected value (`\"set_depth_mm\": NaN,`); JSON knows no NaN",
            ),
            (
                "1.5",
                "\"1.5\"",
                "line 3, column 22: invalid type: string \"1.5\", expected f64 (`\"set_depth_mm\": \"1.5\",`)",
            ),
            (
                "capture/1",
                "capture/9",
                "key schema: \"capture/9\" is not known to this build, which reads \"capture/1\"",
            ),
            ("\"schema\": \"capture/1\", ", "", "key schema: is missing"),
            ("\"set_depth_mm\": 1.5,", "", "key set_depth_mm: is missing; a press capture cannot"),
            ("\"press\"", "\"dynamic\"", "key stroke_rate_hz: is missing; a dynamic capture cannot"),
            ("\"press\"", "\"presses\"", "unknown variant `presses`"),
            ("\"needles\": 12", "\"needles\": 0", "header: needles is 0; the allowed range is 1 to 10000"),
            ("2000", "0", "sample_rate_hz is 0 Hz; the allowed range is 0.1 to 10000000 Hz"),
            ("1.5", "-1", "set_depth_mm is -1 mm; the allowed range is 0 to 20 mm"),
            ("0.52", "-0.1", "force.damping is -0.1; the allowed range is 0 to 100"),
            ("0.0001", "0", "force.resolution_n is 0 N; the allowed range"),
            ("\"resolution_mm\": 0.001", "\"resolution_mm\": -1", "stage.resolution_mm is -1 mm"),
            ("\"damping\": 0.52, ", "", "missing field `damping`"),
            ("a.csv", "../a.csv", "key data: \"../a.csv\" leaves the folder of the header"),
            ("a.csv", "/etc/passwd", "leaves the folder"),
            ("a.csv", "sub/a.csv", "leaves the folder"),
            ("a.csv", "..", "leaves the folder"),
            ("a.csv", "", "leaves the folder"),
        ] {
            let text = PRESS.replacen(from, to, 1);
            assert_ne!(text, PRESS, "{from}");
            let error = parse("a.json", &text).expect_err(to).to_string();
            assert!(error.contains(expected), "{error}\nlacks {expected}");
        }
    }

    #[test]
    fn a_press_may_leave_out_how_many_needles_a_run_may_not() {
        let text = PRESS.replace("\"needles\": 12, ", "");
        assert_eq!(parse("a.json", &text).expect("a press").needles, None);
        let text = text.replace("\"press\"", "\"dynamic\", \"stroke_rate_hz\": 90");
        assert!(parse("a.json", &text).expect_err("a run").to_string().contains("key needles: is missing; a dynamic"));
    }

    #[test]
    fn opening_finds_the_data_beside_the_header() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        assert!(open(&path).err().expect("absent").to_string().contains("a.json: header: cannot be read"));
        std::fs::write(&path, PRESS).expect("written");
        assert!(open(&path).err().expect("no data").to_string().contains("put it beside the header"));
        std::fs::write(folder.path().join("a.csv"), "t_s,force_n,stage_mm,phase\n0,1,2,hold\n").expect("written");
        let (_, mut source) = open(&path).expect("both there");
        let recording = Recording::read(source.as_mut(), 10).expect("one row");
        assert_eq!(recording.rows(Phase::Hold), Some(0..1));

        // The compact form is told by its first bytes, whatever it is called.
        let compact = include_bytes!("../../fixtures/formats/compact-v1.rigc");
        std::fs::write(folder.path().join("a.csv"), compact).expect("written");
        let (_, mut source) = open(&path).expect("compact");
        assert_eq!(Recording::read(source.as_mut(), 100).expect("60 rows").len(), 60);
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in any::<String>(), cut in 0..PRESS.len(), byte in "[\\[\\]{}\":,0-9a-z\n -]") {
            let _ = parse("a.json", &text);
            let _ = parse("a.json", &format!("{}{byte}{}", &PRESS[..cut], &PRESS[cut..]));
            let _ = parse("a.json", &PRESS[..cut]);
        }
    }
}
