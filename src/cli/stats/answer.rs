//! The result of a calculator: named fields in order, printed as JSON or as aligned text.
//!
//! Invariant: text and JSON show the same fields under the same names; JSON keeps every digit, text seven.
//! Deliberately absent: knowledge of any calculator.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// Names with their values, in the order in which they are shown.
pub type Fields = Vec<(&'static str, Field)>;

/// One value, or a group or list of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// A real number.
    Number(f64),
    /// A whole number.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
    /// A word.
    Text(String),
    /// Not defined here.
    Absent,
    /// Named fields.
    Group(Fields),
    /// Values of one kind; groups with equal names make a table.
    List(Vec<Field>),
}

impl From<f64> for Field {
    fn from(value: f64) -> Self {
        if value.is_finite() { Self::Number(value) } else { Self::Absent }
    }
}

impl From<usize> for Field {
    fn from(value: usize) -> Self {
        i64::try_from(value).map_or(Self::Number(value as f64), Self::Whole)
    }
}

impl From<u64> for Field {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Number(value as f64), Self::Whole)
    }
}

impl From<i64> for Field {
    fn from(value: i64) -> Self {
        Self::Whole(value)
    }
}

impl From<bool> for Field {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<&str> for Field {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl<V: Into<Field>> From<Option<V>> for Field {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

impl From<Fields> for Field {
    fn from(fields: Fields) -> Self {
        Self::Group(fields)
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(value) => serializer.serialize_f64(*value),
            Self::Whole(value) => serializer.serialize_i64(*value),
            Self::Flag(value) => serializer.serialize_bool(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Absent => serializer.serialize_unit(),
            Self::List(items) => serializer.collect_seq(items),
            Self::Group(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, field) in fields {
                    map.serialize_entry(name, field)?;
                }
                map.end()
            }
        }
    }
}

impl Field {
    /// The value in one line of text.
    fn shown(&self) -> String {
        match self {
            Self::Number(value) => seven_digits(*value),
            Self::Whole(value) => value.to_string(),
            Self::Flag(true) => "yes".to_owned(),
            Self::Flag(false) => "no".to_owned(),
            Self::Text(value) => value.clone(),
            Self::Absent => "-".to_owned(),
            Self::List(items) => items.iter().map(Self::shown).collect::<Vec<_>>().join("  "),
            Self::Group(fields) => fields.iter().map(|(_, field)| field.shown()).collect::<Vec<_>>().join("  "),
        }
    }

    fn is_table(&self) -> bool {
        matches!(self, Self::List(items) if matches!(items.first(), Some(Self::Group(_))))
    }
}

/// What a calculator found.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// One line that says what was calculated.
    pub title: String,
    /// The result.
    pub fields: Fields,
    /// What a reader should know, in sentences; shown in text only.
    pub remarks: Vec<String>,
}

impl Answer {
    /// One JSON document, with a line break.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(&Field::Group(self.fields.clone()));
        text.expect("fields are numbers, words and string keys, which JSON holds") + "\n"
    }

    /// Aligned text.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        let mut rows = Vec::new();
        flatten("", &self.fields, &mut rows);
        let width = rows.iter().filter(|(_, field)| !field.is_table()).map(|(name, _)| name.chars().count()).max();
        let width = width.unwrap_or(0);
        for (name, field) in rows {
            match field {
                Field::List(items) if field.is_table() => text += &format!("  {name}\n{}", table(items)),
                _ => text += &format!("  {name:<width$}  {}\n", field.shown()),
            }
        }
        for remark in &self.remarks {
            text += &format!("{remark}\n");
        }
        text
    }
}

/// Groups opened into rows with dotted names.
fn flatten<'a>(prefix: &str, fields: &'a Fields, rows: &mut Vec<(String, &'a Field)>) {
    for (name, field) in fields {
        let name = if prefix.is_empty() { (*name).to_owned() } else { format!("{prefix}.{name}") };
        match field {
            Field::Group(inner) => flatten(&name, inner, rows),
            _ => rows.push((name, field)),
        }
    }
}

/// Groups with equal names as a table, columns aligned right.
fn table(items: &[Field]) -> String {
    let groups = items.iter().filter_map(|item| if let Field::Group(fields) = item { Some(fields) } else { None });
    let mut rows: Vec<Vec<String>> = Vec::new();
    for fields in groups {
        if rows.is_empty() {
            rows.push(fields.iter().map(|(name, _)| (*name).to_owned()).collect());
        }
        rows.push(fields.iter().map(|(_, field)| field.shown()).collect());
    }
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        format!("    {}\n", cells.join("  "))
    };
    rows.iter().map(line).collect()
}

/// A number with seven significant digits, trailing zeros cut.
fn seven_digits(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e9).contains(&magnitude) {
        return format!("{value:.6e}");
    }
    let decimals = if magnitude == 0.0 { 0.0 } else { (6.0 - magnitude.log10().floor()).max(0.0) };
    let text = format!("{value:.*}", decimals as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Field, seven_digits};

    #[test]
    fn numbers_are_short_but_not_lost() {
        let rows = [(0.0, "0"), (1.5, "1.5"), (-1234.56789, "-1234.568"), (3e-24, "3.000000e-24"), (0.1 + 0.2, "0.3")];
        for (value, text) in rows {
            assert_eq!(seven_digits(value), text);
        }
    }

    #[test]
    fn text_and_json_show_the_same_fields() {
        let row = |df: u64| Field::Group(vec![("df", df.into()), ("f", Field::from(None::<f64>))]);
        let answer = Answer {
            title: "Test".to_owned(),
            fields: vec![
                ("n", 3_u64.into()),
                ("fit", vec![("slope", 0.25.into())].into()),
                ("rows", Field::List(vec![row(1), row(12)])),
            ],
            remarks: vec!["Done.".to_owned()],
        };
        assert_eq!(
            answer.text(),
            "Test\n  n          3\n  fit.slope  0.25\n  rows\n    df  f\n     1  -\n    12  -\nDone.\n"
        );
        let json: serde_json::Value = serde_json::from_str(&answer.json()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"n": 3, "fit": {"slope": 0.25}, "rows": [{"df": 1, "f": null}, {"df": 12, "f": null}]})
        );
        assert!(answer.json().find("\"n\"") < answer.json().find("\"fit\""));
    }
}
