//! Measured values as `rig accept` reads them (CSV), and as the decision takes them.
//!
//! Invariant: a value that comes out of [`read`] is finite, has its partner columns, and stands for a stroke that is
//! named once.
//! Deliberately absent: files; the text is handed in with the name it goes by.

use crate::config::plan::{DataSource, Quantity};
use std::collections::HashMap;
use std::sync::Arc;

/// One measured value with what it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The pen; the session of a reference press.
    pub pen: Arc<str>,
    /// The cartridge, or the place of a reference press; cartridges of different pens are different even where their names are not.
    pub cartridge: Arc<str>,
    /// What the pen was told, mm.
    pub set_depth_mm: f64,
    /// Rate that the pen was told, Hz; `None` for presses and where it is not known.
    pub set_rate_hz: Option<f64>,
    /// Strokes of a running pen or presses.
    pub source: DataSource,
    /// Place in the order of measurement within the cartridge: the stroke's number, the site, the run.
    pub order: u64,
    /// What was measured: protrusion or penetration (mm), puncture rate (Hz, one value a stretch of a run), missed (1 or
    /// 0 for each stroke), repeatability (protrusion of a reference, mm). SD, drift and the bench's share of the
    /// tolerance are made from these and have no values of their own.
    pub quantity: Quantity,
    /// The value, in the unit of the quantity.
    pub value: f64,
    /// Standard uncertainty that all values of the set depth share (calibration, alignment, temperature); not the
    /// scatter of one value, which shows by itself.
    pub u: f64,
}

/// A line that is no measurement. The message names file, line, value and what is wanted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct MeasurementError {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// What is wrong and what is wanted.
    pub message: String,
}

const COLUMNS: [&str; 7] = ["pen", "cartridge", "set_depth_mm", "stroke", "quantity", "value_mm", "u_mm"];

/// Columns that may be there besides.
const OPTIONAL: [&str; 2] = ["source", "set_rate_hz"];

/// The header of a table of values with every column that [`read`] knows.
pub fn header() -> String {
    [&COLUMNS[..], &OPTIONAL[..]].concat().join(",")
}

/// Quantities that have values of their own; the others are made from them.
const MEASURED: [Quantity; 5] =
    [Quantity::Protrusion, Quantity::Penetration, Quantity::PunctureRate, Quantity::Missed, Quantity::Repeatability];

/// Reads the contract's measurements: `pen,cartridge,set_depth_mm,stroke,quantity,value_mm,u_mm`, columns in any order,
/// further ones ignored. `file` is the name for messages.
///
/// Two columns are optional: `source` holds `strokes` (the default) or `presses`, `set_rate_hz` the rate that the pen was
/// told. Beside protrusion and penetration the quantity may be `puncture_rate` (`value_mm` in Hz, one value a stretch of a
/// run), `missed` (1 or 0, one a stroke) or `repeatability` (presses of a gauge study), so that the table of a run
/// directory is read back whole.
///
/// # Errors
///
/// [`MeasurementError`] for a missing column, a field that is no number, a value that is not finite or out of range,
/// a stroke that is there twice, or no line at all.
pub fn read(file: &str, text: &str) -> Result<Vec<Value>, MeasurementError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let failed = |line: u64, message: String| MeasurementError { file: file.to_owned(), line, message };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text.as_bytes());
    let from_csv = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        failed(line, format!("{error}; every line must have as many fields as the header"))
    };
    let header = reader.headers().map_err(from_csv)?.clone();
    let place = |name: &str| header.iter().position(|column| column == name);
    let mut places = [0; COLUMNS.len()];
    for (slot, name) in places.iter_mut().zip(COLUMNS) {
        *slot = place(name)
            .ok_or_else(|| failed(1, format!("the column `{name}` is missing; needed are {}", COLUMNS.join(","))))?;
    }
    let optional = OPTIONAL.map(place);
    let mut names = Names::default();
    let (mut values, mut identities) = (Vec::new(), Vec::new());
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(from_csv)? {
        let line = record.position().map_or(0, csv::Position::line);
        let fields = places.map(|at| record.get(at).unwrap_or("").trim());
        let more = optional.map(|at| at.and_then(|at| record.get(at)).unwrap_or("").trim());
        let value = value_of(fields, more, &mut names);
        let value = value.map_err(|message| failed(line, message))?;
        identities.push((identity(&value), line));
        values.push(value);
    }
    // In order already, as files mostly are, this sorts in one pass.
    identities.sort_unstable();
    if let Some(pair) = identities.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let ((.., stroke), first) = pair[0];
        let message = format!("stroke {stroke} of this cartridge, set depth and quantity is already in line {first}");
        return Err(failed(pair[1].1, message));
    }
    if values.is_empty() {
        return Err(failed(1, "there is no measurement; a line is needed for every stroke".to_owned()));
    }
    Ok(values)
}

/// What makes a value the same as another: pen and cartridge (by their shared names), setting, quantity, stroke.
fn identity(value: &Value) -> (usize, usize, [u64; 2], Quantity, DataSource, u64) {
    let name = |shared: &Arc<str>| Arc::as_ptr(shared).addr();
    let setting = [value.set_depth_mm.to_bits(), value.set_rate_hz.map_or(0, f64::to_bits)];
    (name(&value.pen), name(&value.cartridge), setting, value.quantity, value.source, value.order)
}

/// Names that occur again and again, each held once; those of the last line are tried first.
#[derive(Default)]
struct Names {
    known: HashMap<String, Arc<str>>,
    last: [Option<Arc<str>>; 2],
}

impl Names {
    /// The shared form of `text` in the given column (0 for the pen, 1 for the cartridge).
    fn shared(&mut self, column: usize, text: &str) -> Arc<str> {
        match &self.last[column] {
            Some(last) if **last == *text => Arc::clone(last),
            _ => {
                let entry = self.known.entry(text.to_owned()).or_insert_with(|| Arc::from(text));
                let shared = Arc::clone(entry);
                self.last[column] = Some(Arc::clone(&shared));
                shared
            }
        }
    }
}

/// One line, its fields in the order of [`COLUMNS`].
fn value_of(
    [pen, cartridge, set_depth_mm, stroke, quantity, value_mm, u_mm]: [&str; 7],
    [source, set_rate_hz]: [&str; 2],
    names: &mut Names,
) -> Result<Value, String> {
    for (column, name) in [("pen", pen), ("cartridge", cartridge)] {
        if name.is_empty() {
            return Err(format!("`{column}` is empty; name the {column}"));
        }
    }
    let quantity = MEASURED.into_iter().find(|known| known.name() == quantity).ok_or_else(|| {
        let known = MEASURED.map(Quantity::name).join(", ");
        format!("quantity is {quantity:?}; it must be one of {known}")
    })?;
    let source = match source {
        "" | "strokes" => DataSource::Strokes,
        "presses" => DataSource::Presses,
        other => return Err(format!("source is {other:?}; it must be strokes or presses")),
    };
    let set_rate_hz = match set_rate_hz {
        "" => None,
        given => Some(number("set_rate_hz", "Hz", given, 0.1, 10_000.0)?),
    };
    let value = match quantity {
        Quantity::PunctureRate => number("value_mm", "Hz", value_mm, 0.0, 10_000.0)?,
        Quantity::Missed if !matches!(value_mm, "0" | "1") => {
            return Err(format!("value_mm is {value_mm:?}; of a stroke that was missed it is 1, of another 0"));
        }
        Quantity::Missed => number("value_mm", "", value_mm, 0.0, 1.0)?,
        _ => number("value_mm", "mm", value_mm, -20.0, 20.0)?,
    };
    Ok(Value {
        pen: names.shared(0, pen),
        cartridge: names.shared(1, cartridge),
        set_depth_mm: number("set_depth_mm", "mm", set_depth_mm, 0.0, 10.0)?,
        set_rate_hz,
        source,
        order: stroke.parse().map_err(|_| format!("stroke is {stroke:?}; it must be a whole number from 0"))?,
        quantity,
        value,
        u: number("u_mm", "mm", u_mm, 0.0, 20.0)?,
    })
}

fn number(column: &str, unit: &'static str, text: &str, min: f64, max: f64) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("{column} is {text:?}, which is no number"))?;
    crate::units::within(column, unit, value, min, max).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::read;
    use proptest::prelude::{prop_assert, proptest};

    const HEADER: &str = "pen,cartridge,set_depth_mm,stroke,quantity,value_mm,u_mm\n";

    #[test]
    fn columns_may_stand_in_any_order_with_others_between() {
        let text = "\u{feff}u_mm,note,pen,cartridge,set_depth_mm,stroke,quantity,value_mm\r\n0.002,x,p,c,1.5,0,protrusion,1.49\r\n";
        let values = read("m.csv", text).unwrap();
        assert_eq!((values.len(), values[0].value, values[0].u), (1, 1.49, 0.002));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (line, problem) in [
            ("p,c,1.5,0,protrusion,abc,0.002", "m.csv:3: value_mm is \"abc\""),
            ("p,c,1.5,0,protrusion,NaN,0.002", "m.csv:3: value_mm is NaN mm; the allowed range"),
            ("p,c,1.5,0,protrusion,inf,0.002", "m.csv:3: value_mm is inf"),
            ("p,c,1.5,0,protrusion,1.5,-0.1", "m.csv:3: u_mm is -0.1 mm"),
            ("p,c,1.5,1.5,protrusion,1.5,0.1", "m.csv:3: stroke is \"1.5\""),
            ("p,c,1.5,0,depth,1.5,0.1", "m.csv:3: quantity is \"depth\""),
            ("p,c,1.5,0,drift,0.1,0.1", "m.csv:3: quantity is \"drift\""),
            ("p,c,1.5,0,missed,0.5,0", "m.csv:3: value_mm is \"0.5\"; of a stroke"),
            ("p,c,1.5,0,puncture_rate,-1,0", "m.csv:3: value_mm is -1 Hz"),
            (",c,1.5,0,protrusion,1.5,0.1", "m.csv:3: `pen` is empty"),
            ("p,c,1.5,7,protrusion,1.5,0.1", "m.csv:3: stroke 7 of this cartridge"),
            ("p,c,1.5,0", "m.csv:3: "),
        ] {
            let text = format!("{HEADER}p,c,1.5,7,protrusion,1.5,0.002\n{line}\n");
            let message = read("m.csv", &text).unwrap_err().to_string();
            assert!(message.starts_with(problem), "{message}");
        }
        assert!(read("m.csv", HEADER).unwrap_err().to_string().contains("no measurement"));
        assert!(read("m.csv", "").unwrap_err().to_string().contains("`pen` is missing"));
        let short = HEADER.replace(",u_mm", "");
        assert!(read("m.csv", &short).unwrap_err().to_string().contains("`u_mm` is missing"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(pen|cartridge|set_depth_mm|stroke|quantity|value_mm|u_mm|,|\n|\"|[0-9.]|protrusion){0,60}") {
            let _ = read("x", &text);
            let found = read("x", &[HEADER, &text].concat());
            prop_assert!(found.map_or(true, |values| !values.is_empty()));
        }
    }
}
