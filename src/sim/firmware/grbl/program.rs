//! G-code of a simulated GRBL controller: words, modes, and the block that a line asks for.
//!
//! Deliberately absent: arcs, probes, tool lengths, canned cycles and coordinate systems other than G54 with a G92
//! offset. A stage has no use for them; they are refused with error 20.

/// Millimetres an inch.
const INCH_MM: f64 = 25.4;

/// A straight motion, in machine coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) target_mm: [f64; 3],
    /// Along the path; infinite for a rapid.
    pub(crate) feed_mm_min: f64,
    pub(crate) jog: bool,
}

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    Nothing,
    Move(Block),
    /// Seconds, after all motion.
    Dwell(f64),
}

/// Number of the refusal on the wire.
pub(crate) type Refusal = u16;

/// Modes that last from line to line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Modes {
    motion: u8,
    inches: bool,
    relative: bool,
    feed_mm_min: f64,
    /// Work offset: machine position less work position.
    pub(crate) offset_mm: [f64; 3],
    /// Where the last motion that was taken ends, in machine coordinates.
    pub(crate) planned_mm: [f64; 3],
}

impl Default for Modes {
    fn default() -> Self {
        Self { motion: 0, inches: false, relative: false, feed_mm_min: 0.0, offset_mm: [0.0; 3], planned_mm: [0.0; 3] }
    }
}

/// One line, word by word.
#[derive(Clone, Debug, Default)]
struct Words {
    g: Vec<f64>,
    axes: [Option<f64>; 3],
    feed: Option<f64>,
    seconds: Option<f64>,
}

/// Splits a line into words. It is upper case and without spaces.
fn words(line: &str) -> Result<Words, Refusal> {
    let mut words = Words::default();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        if !letter.is_ascii_uppercase() {
            return Err(1);
        }
        let number = &rest[1..];
        let end = number.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(number.len());
        let value: f64 = number[..end].parse().map_err(|_| 2_u16)?;
        rest = &number[end..];
        match letter {
            'G' => words.g.push(value),
            'X' => words.axes[0] = Some(value),
            'Y' => words.axes[1] = Some(value),
            'Z' => words.axes[2] = Some(value),
            'F' if value < 0.0 => return Err(4),
            'F' => words.feed = Some(value),
            'P' => words.seconds = Some(value),
            // Spindle, coolant, tool and line numbers change nothing on a stage.
            'M' | 'S' | 'T' | 'N' => {}
            _ => return Err(20),
        }
    }
    Ok(words)
}

impl Modes {
    /// The modes as `$G` tells them.
    pub(crate) fn text(&self) -> String {
        let (units, distance) = (if self.inches { 20 } else { 21 }, if self.relative { 91 } else { 90 });
        format!("[GC:G{} G54 G17 G{units} G{distance} G94 M5 M9 T0 F{:.0} S0]", self.motion, self.feed_mm_min)
    }

    /// What a line of G-code asks for; its modes last.
    pub(crate) fn line(&mut self, line: &str) -> Result<Action, Refusal> {
        let words = words(line)?;
        let (mut machine, mut dwell, mut set_offset) = (false, false, false);
        let mut modes = self.clone();
        for &code in &words.g {
            match (code * 10.0).round() as i64 {
                0 => modes.motion = 0,
                10 => modes.motion = 1,
                40 => dwell = true,
                200 => modes.inches = true,
                210 => modes.inches = false,
                530 => machine = true,
                900 => modes.relative = false,
                910 => modes.relative = true,
                920 => set_offset = true,
                921 => modes.offset_mm = [0.0; 3],
                170 | 490 | 540 | 610 | 911 | 940 | 400 => {}
                _ => return Err(20),
            }
        }
        let scale = if modes.inches { INCH_MM } else { 1.0 };
        modes.feed_mm_min = words.feed.map_or(modes.feed_mm_min, |feed| feed * scale);
        let action = if dwell {
            Action::Dwell(words.seconds.ok_or(28_u16)?.max(0.0))
        } else if set_offset {
            for (index, value) in words.axes.iter().enumerate() {
                if let Some(value) = value {
                    modes.offset_mm[index] = modes.planned_mm[index] - value * scale;
                }
            }
            Action::Nothing
        } else if words.axes == [None; 3] {
            Action::Nothing
        } else if modes.motion == 1 && modes.feed_mm_min == 0.0 {
            return Err(22);
        } else {
            let feed_mm_min = if modes.motion == 1 { modes.feed_mm_min } else { f64::INFINITY };
            let target_mm = modes.target_mm(&words, machine);
            Action::Move(Block { target_mm, feed_mm_min, jog: false })
        };
        *self = modes;
        Ok(action)
    }

    /// The block of a jog (`$J=`); no mode lasts.
    pub(crate) fn jog(&self, line: &str) -> Result<Block, Refusal> {
        let words = words(line)?;
        let (mut modes, mut machine) = (self.clone(), false);
        for &code in &words.g {
            match (code * 10.0).round() as i64 {
                200 => modes.inches = true,
                210 => modes.inches = false,
                530 => machine = true,
                900 => modes.relative = false,
                910 => modes.relative = true,
                _ => return Err(16),
            }
        }
        let scale = if modes.inches { INCH_MM } else { 1.0 };
        let feed_mm_min = words.feed.map(|feed| feed * scale).filter(|feed| *feed > 0.0).ok_or(22_u16)?;
        if words.axes == [None; 3] {
            return Err(16);
        }
        Ok(Block { target_mm: modes.target_mm(&words, machine), feed_mm_min, jog: true })
    }

    fn target_mm(&self, words: &Words, machine: bool) -> [f64; 3] {
        let scale = if self.inches { INCH_MM } else { 1.0 };
        let mut target_mm = self.planned_mm;
        for (index, value) in words.axes.iter().enumerate() {
            if let Some(value_mm) = value.map(|value| value * scale) {
                target_mm[index] = match (machine, self.relative) {
                    (true, _) => value_mm,
                    (false, true) => self.planned_mm[index] + value_mm,
                    (false, false) => value_mm + self.offset_mm[index],
                };
            }
        }
        target_mm
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Block, Modes};

    fn target(action: Result<Action, u16>) -> ([f64; 3], f64) {
        let Ok(Action::Move(Block { target_mm, feed_mm_min, .. })) = action else { panic!("{action:?} is no move") };
        (target_mm, feed_mm_min)
    }

    #[test]
    fn modes_last_and_jogs_leave_them_alone() {
        let mut modes = Modes::default();
        assert_eq!(target(modes.line("G90G1X2F120")), ([2.0, 0.0, 0.0], 120.0));
        modes.planned_mm = [2.0, 0.0, 0.0];
        assert_eq!(target(modes.line("G91Y1")), ([2.0, 1.0, 0.0], 120.0));
        let jog = modes.jog("G90G20G53Z-1F10").expect("a jog");
        assert_eq!((jog.target_mm, jog.feed_mm_min), ([2.0, 0.0, -25.4], 254.0));
        assert_eq!(modes.text(), "[GC:G1 G54 G17 G21 G91 G94 M5 M9 T0 F120 S0]");
        assert_eq!(modes.line("G92X0"), Ok(Action::Nothing));
        assert_eq!(target(modes.line("G90X1")).0, [3.0, 0.0, 0.0], "in work coordinates");
        assert_eq!(target(modes.line("G53X1")).0, [1.0, 0.0, 0.0], "in machine coordinates");
    }

    #[test]
    fn what_cannot_be_is_refused_by_number() {
        let rows = [("X", 2), ("1X", 1), ("G1X1", 22), ("G2X1", 20), ("G4", 28), ("GX", 2), ("Q1", 20), ("G1X1F-1", 4)];
        for (line, code) in rows {
            assert_eq!(Modes::default().line(line), Err(code), "{line}");
        }
        for (line, code) in [("X1", 22), ("F10", 16), ("G1X1F10", 16), ("X1F0", 22)] {
            assert_eq!(Modes::default().jog(line), Err(code), "{line}");
        }
    }
}
