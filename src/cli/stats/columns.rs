//! Columns of a CSV file (UTF-8, header, comma, decimal point, RFC 4180; CR LF and a byte-order mark are fine).
//!
//! Invariant: every row counts. A cell that is empty, no number or not finite is refused with its line, never skipped.
//! Deliberately absent: guessing of separators or decimal signs.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::stats::StatsFailure;

/// The named columns of a file as text, row by row.
#[derive(Debug)]
pub struct Columns {
    file: String,
    names: Vec<String>,
    lines: Vec<u64>,
    /// One vector of cells a column.
    cells: Vec<Vec<String>>,
}

impl Columns {
    /// Reads the columns `names` of `path`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is no CSV, a blank line, a column that is missing or there twice.
    pub fn read(path: &Path, names: &[&str]) -> Result<Self, StatsFailure> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            StatsFailure::unusable(format!("cannot read {file}: {error}; check the path, and that it is UTF-8 text"))
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        refuse_blank_lines(&file, text)?;
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let broken = |error: csv::Error| not_csv(&file, &error);
        let header = reader.headers().map_err(broken)?.clone();
        let places = names.iter().map(|name| place(&file, &header, name)).collect::<Result<Vec<_>, _>>()?;
        let mut lines = Vec::new();
        let mut cells = vec![Vec::new(); names.len()];
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(broken)? {
            lines.push(record.position().map_or(0, csv::Position::line));
            for (column, place) in cells.iter_mut().zip(&places) {
                column.push(record.get(*place).unwrap_or_default().trim().to_owned());
            }
        }
        Ok(Self { file, names: names.iter().map(|name| (*name).to_owned()).collect(), lines, cells })
    }

    /// The column at `index` of those asked for, as numbers.
    ///
    /// # Errors
    ///
    /// A cell that is empty, no number, or not finite.
    pub fn numbers(&self, index: usize) -> Result<Vec<f64>, StatsFailure> {
        let parse = |(cell, line): (&String, &u64)| {
            let why = match cell.parse::<f64>() {
                Ok(value) if value.is_finite() => return Ok(value),
                Ok(_) => format!("\"{cell}\" is not a finite number; measure again, or remove the row and say why"),
                Err(_) if cell.is_empty() => "empty cell; every row needs a value, or must be removed".to_owned(),
                Err(_) if cell.contains(',') => format!("\"{cell}\" is not a number; write a decimal point: 1.5"),
                Err(_) => format!("\"{cell}\" is not a number; write it as 1.5 or 1.5e-3, without unit"),
            };
            Err(StatsFailure::unusable(format!("{}, line {line}, column \"{}\": {why}", self.file, self.names[index])))
        };
        self.cells[index].iter().zip(&self.lines).map(parse).collect()
    }

    /// The column at `index` as labels.
    ///
    /// # Errors
    ///
    /// An empty cell.
    pub fn labels(&self, index: usize) -> Result<&[String], StatsFailure> {
        let cells = &self.cells[index];
        match cells.iter().position(String::is_empty) {
            None => Ok(cells),
            Some(row) => Err(StatsFailure::unusable(format!(
                "{}, line {}, column \"{}\": empty cell; every row needs its group",
                self.file, self.lines[row], self.names[index]
            ))),
        }
    }

    /// The column at `index`, for messages.
    pub fn subject(&self, index: usize) -> String {
        format!("{}, column \"{}\"", self.file, self.names[index])
    }
}

/// Why a row is no row.
fn not_csv(file: &str, error: &csv::Error) -> StatsFailure {
    let csv::ErrorKind::UnequalLengths { pos: Some(position), expected_len, len } = error.kind() else {
        return StatsFailure::unusable(format!("{file} is no CSV: {error}"));
    };
    StatsFailure::unusable(format!(
        "{file}, line {} has {len} cells where the header has {expected_len}; write numbers with a decimal point (1.5) \
         and quote cells that hold a comma",
        position.line()
    ))
}

/// The CSV reader skips blank lines, but in a file of one column a blank line is a value that is missing.
fn refuse_blank_lines(file: &str, text: &str) -> Result<(), StatsFailure> {
    let content = text.trim_end();
    if content.is_empty() {
        return Err(StatsFailure::unusable(format!("{file} is empty; it needs a header and values")));
    }
    // Within quotes a line break is data.
    if content.contains('"') {
        return Ok(());
    }
    match content.lines().position(|line| line.trim().is_empty()) {
        None => Ok(()),
        Some(place) => {
            let line = place + 1;
            Err(StatsFailure::unusable(format!("{file}, line {line} is blank; remove it, or write the missing value")))
        }
    }
}

/// Place of the column `name`.
fn place(file: &str, header: &csv::StringRecord, name: &str) -> Result<usize, StatsFailure> {
    let mut places = header.iter().enumerate().filter(|(_, cell)| cell.trim() == name).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => {
            Err(StatsFailure::unusable(format!("{file}, line 1 has the column \"{name}\" twice; rename one")))
        }
        (None, _) => {
            let mut there = String::new();
            for cell in header {
                // Writing to a string cannot fail.
                let _ = write!(there, "{}\"{}\"", if there.is_empty() { "" } else { ", " }, cell.trim());
            }
            Err(StatsFailure::unusable(format!("{file}, line 1 has no column \"{name}\"; it has {there}")))
        }
    }
}

/// Values of each group, groups in the order in which they first appear.
pub fn grouped<L: AsRef<str>, V>(labels: &[L], values: impl IntoIterator<Item = V>) -> Vec<(&str, Vec<V>)> {
    let mut groups: Vec<(&str, Vec<V>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (label, value) in labels.iter().zip(values) {
        let place = *places.entry(label.as_ref()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((label.as_ref(), Vec::new()));
        }
        groups[place].1.push(value);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn groups_keep_their_order() {
        let labels = ["b", "a", "b"].map(str::to_owned);
        assert_eq!(grouped(&labels, [1, 2, 3]), [("b", vec![1, 3]), ("a", vec![2])]);
    }
}
